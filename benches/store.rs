//! Durable commits on both stores, beside what the disk, redb and Redis do alone, in the same run.
//!
//! One element is one durable commit: a record replaced under the version that was read. The baselines sync once for
//! each: `write + fdatasync` of a page, a bare redb transaction with one insert, a bare `SET` on the same Redis, which syncs
//! before it answers.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use redb::{Database, TableDefinition};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write as _};
use std::path::Path;
use switchyard::redis_lab::{self, RedisServer};
use switchyard::store::embedded::{EmbeddedStore, Settings};
use switchyard::store::redis::{RedisStore, Settings as RedisSettings};
use switchyard_actors::domain::ids::{CommitId, PortName, PortRef, SwitchId};
use switchyard_actors::domain::record::{Key, PortRecord, Record};
use switchyard_actors::ports::store::{Commit, Durability, Expectation, Order, Store, Write};
use tokio::runtime::Runtime;
use uuid::Uuid;

const TABLE: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
const PORTS: usize = 1_000;

fn port(number: usize) -> PortRef {
    let switch = SwitchId::parse(&format!("s{}", number % 100)).expect("a switch name");
    PortRef { switch, port: PortName::parse(&format!("{number}")).expect("a port name") }
}

fn commit(number: usize, version: Option<CommitId>) -> Commit {
    let (at, key) = (port(number), Key::Port(port(number)));
    Commit {
        id: CommitId(Uuid::new_v4()),
        tag: key.tag(),
        lease: None,
        expect: version
            .map(|version| Expectation { key: key.clone(), version: Some(version) })
            .into_iter()
            .collect(),
        writes: vec![Write::Put(key, Record::Port(PortRecord::new(at)))],
        events: Vec::new(),
        durability: Durability::Durable,
        order: Order::InTurn,
    }
}

async fn replace(store: &dyn Store, number: usize) {
    let read = store.read(&[Key::Port(port(number))]).await.expect("read");
    let version = read[0].as_ref().map(|stored| stored.version);
    store.commit(vec![commit(number, version)]).await.expect("applied");
}

/// One committer, and many at once.
fn replacing(group: &mut BenchmarkGroup<'_, WallTime>, engine: &str, runtime: &Runtime, store: &dyn Store) {
    let mut number = 0;
    for committers in [1, 64] {
        group.throughput(Throughput::Elements(committers as u64));
        group.bench_function(BenchmarkId::new(engine, committers), |bencher| {
            bencher.iter(|| {
                number += committers;
                let from = number;
                let all = (from..from + committers).map(|number| replace(store, number % PORTS));
                runtime.block_on(join_all(all))
            });
        });
    }
}

fn durable_commits(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let store = EmbeddedStore::open(directory.path().join("store"), Settings::default()).expect("opened");
    let mut group = criterion.benchmark_group("durable_commit");
    let mut number = 0;

    group.throughput(Throughput::Elements(1));
    group.bench_function("baseline/write_fdatasync", |bencher| {
        let mut page = Page::new(&directory.path().join("page"));
        bencher.iter(|| page.write_and_sync());
    });
    group.bench_function("baseline/bare_redb", |bencher| {
        let database = Database::create(directory.path().join("bare")).expect("made");
        bencher.iter(|| {
            number += 1;
            bare_insert(&database, number % PORTS);
        });
    });
    replacing(&mut group, "embedded", &runtime, &store);
    group.finish();
}

fn durable_commits_on_redis(criterion: &mut Criterion) {
    let server = RedisServer::start(redis_lab::Settings::default()).expect("redis-server");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let settings = RedisSettings { urls: vec![server.url().into()], ..RedisSettings::default() };
    let store = runtime.block_on(RedisStore::open(settings, None)).expect("opened");
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut bare = runtime.block_on(client.get_multiplexed_async_connection()).expect("connected");
    let mut group = criterion.benchmark_group("durable_commit_on_redis");
    let mut number = 0;
    group.throughput(Throughput::Elements(1));
    group.bench_function("baseline/bare_set", |bencher| {
        bencher.iter(|| {
            number += 1;
            let key = Key::Port(port(number % PORTS)).to_string();
            let mut set = redis::cmd("SET");
            set.arg(key).arg(&[7; 200][..]);
            runtime.block_on(set.query_async::<()>(&mut bare)).expect("set");
        });
    });
    replacing(&mut group, "redis", &runtime, &store);
    group.finish();
}

fn reads(criterion: &mut Criterion) {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let store = EmbeddedStore::open(directory.path().join("store"), Settings::default()).expect("opened");
    let row = (0..PORTS).map(|number| commit(number, None)).collect();
    runtime.block_on(store.commit(row)).expect("applied");
    let mut group = criterion.benchmark_group("read");
    let mut number = 0;
    group.bench_function("baseline/to_a_blocking_thread_and_back", |bencher| {
        bencher.iter(|| runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await.expect("ran") }));
    });
    group.bench_function("embedded/one_record", |bencher| {
        bencher.iter(|| {
            number += 1;
            runtime.block_on(store.read(&[Key::Port(port(number % PORTS))])).expect("read")
        });
    });
    group.finish();
}

struct Page {
    file: File,
    place: u64,
}

impl Page {
    fn new(path: &Path) -> Self {
        let file = File::create(path).expect("made");
        file.set_len(4096 * 256).expect("grown");
        file.sync_all().expect("synced");
        Self { file, place: 0 }
    }

    fn write_and_sync(&mut self) {
        self.place = (self.place + 1) % 256;
        self.file.seek(SeekFrom::Start(self.place * 4096)).expect("sought");
        self.file.write_all(&[7; 4096]).expect("written");
        self.file.sync_data().expect("synced");
    }
}

fn bare_insert(database: &Database, number: usize) {
    let transaction = database.begin_write().expect("begun");
    let key = Key::Port(port(number)).to_string();
    transaction.open_table(TABLE).expect("opened").insert(key.as_str(), &[7; 200][..]).expect("inserted");
    transaction.commit().expect("committed");
}

criterion_group!(benches, durable_commits, durable_commits_on_redis, reads);
criterion_main!(benches);
