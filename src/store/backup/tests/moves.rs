//! From engine to engine, on a real file and on real servers.

use super::*;
use crate::redis_lab::{self, RedisCluster, RedisServer};
use crate::store::contract::{stored, value_of};
use crate::store::redis::{RedisIntake, RedisStore, Settings};
use switchyard_actors::domain::delivery::DeliveryRecord;
use switchyard_actors::domain::ids::LeaseEpoch;

/// More records, members and registry entries than one page or one batch holds.
async fn fill_more(store: &dyn Store) {
    let directory = |number: u128| {
        let id = Uuid::from_u128(number);
        let external = ExternalSubscriptionId::parse(&format!("order {number} }}{{")).expect("accepted");
        let at = Tag::Checkout(CheckoutKey { partner: PARTNER, external });
        Draft::on(Tag::Directory(id)).write(Write::Put(Key::Directory(id), Record::Directory(at))).commit()
    };
    store.commit((1..1_300).map(directory).collect()).await.expect("committed");
    let work = Index::Work(switch("s2"));
    let many =
        (0..2_100).fold(Draft::on(work.tag()), |draft, n| draft.include(&work, &format!("port {n}"), n / 7));
    many.apply(store).await;
}

async fn redis(settings: &Settings) -> RedisStore {
    RedisStore::open(settings.clone(), None).await.expect("the store opens")
}

async fn import_redis(file: &Path, settings: &Settings) -> Result<super::super::Moved, BackupError> {
    import(file, async || RedisIntake::begin(settings, None).await).await
}

/// What a service would see of it.
async fn goes_on(store: &dyn Store) {
    assert_eq!(
        store.switches_with_work().await.map(|mut all| {
            all.sort();
            all
        }),
        Ok(vec![switch("s1"), switch("s2")])
    );
    assert_eq!(store.partners_with_due().await, Ok(vec![PARTNER]));
    let (_, value) = stored(store, &port("s1", "Gi1/0/7")).await.expect("there");
    assert_eq!(value, 7);
    assert_eq!(claim(store, &Tag::Switch(switch("s1")), instance(2)).await, LeaseEpoch(3));
    let next = event(PARTNER, 9);
    Draft::putting(&port("s3", "1"), 1).tell(next.clone()).apply(store).await;
    let read = store.read(&[Key::Delivery(PARTNER, next.id)]).await.expect("read").pop().flatten();
    let Some(Record::Delivery(DeliveryRecord { sequence, .. })) = read.map(|stored| stored.record) else {
        panic!("the event became no delivery")
    };
    assert_eq!(sequence, 2);
}

#[tokio::test]
async fn from_a_file_to_a_server_to_a_cluster_and_back_it_is_the_same() {
    let folder = Folder::new();
    let (server, cluster) = (
        RedisServer::start(redis_lab::Settings::default()).expect("a server"),
        RedisCluster::start(3).expect("a cluster"),
    );
    let alone = Settings { urls: vec![server.url().into()], ..Settings::default() };
    let urls = cluster.urls().into_iter().map(Into::into).collect();
    let shared = Settings { urls, cluster: true, command_ms: 10_000, ..Settings::default() };
    let first = folder.store("first.redb");
    fill(&first).await;
    fill_more(&first).await;
    let all = entries(&first).await;
    let files = ["1", "2", "3"].map(|name| folder.path(name));

    let moved = export(&first, &files[0], EXPORTED_AT).await.expect("exported");
    assert_eq!(moved.entries(), all.len() as u64);
    assert_eq!(import_redis(&files[0], &alone).await, Ok(moved));
    let on_redis = redis(&alone).await;
    assert_eq!(entries(&on_redis).await, all);

    assert_eq!(export(&on_redis, &files[1], EXPORTED_AT).await, Ok(moved));
    assert_eq!(import_redis(&files[1], &shared).await, Ok(moved));
    let on_cluster = redis(&shared).await;
    assert_eq!(entries(&on_cluster).await, all);

    assert_eq!(export(&on_cluster, &files[2], EXPORTED_AT).await, Ok(moved));
    assert_eq!(import_embedded(&files[2], &folder.path("last.redb")).await, Ok(moved));
    let last = folder.store("last.redb");
    assert_eq!(entries(&last).await, all);

    for store in [&on_redis as &dyn Store, &on_cluster, &last] {
        goes_on(store).await;
    }
}

#[tokio::test]
async fn an_export_beside_commits_is_one_moment() {
    let folder = Folder::new();
    let store = folder.store("s.redb");
    let (one, other) = (port("s", "1"), port("t", "1"));
    let both = |value| vec![Draft::putting(&one, value).commit(), Draft::putting(&other, value).commit()];
    store.commit(both(0)).await.expect("committed");
    let writing = async {
        for value in 1..200 {
            store.commit(both(value)).await.expect("committed");
        }
    };
    let telling = async {
        for _ in 0..50 {
            let values: Vec<u128> = entries(&store)
                .await
                .iter()
                .filter_map(|entry| match entry {
                    Entry::Record { record, .. } => Some(value_of(record)),
                    _ => None,
                })
                .collect();
            assert!(matches!(values[..], [one, other] if one == other), "{values:?}");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writing, telling);
}

#[tokio::test]
async fn a_file_is_never_imported_onto_a_store() {
    let folder = Folder::new();
    let path = exported(&folder).await;
    let before = std::fs::read(folder.path("s.redb")).expect("read");
    let refused = import_embedded(&path, &folder.path("s.redb")).await;
    assert!(
        matches!(&refused, Err(BackupError::Refused(why)) if why.contains("is there already")),
        "{refused:?}"
    );
    assert_eq!(std::fs::read(folder.path("s.redb")).expect("read"), before);
    assert_eq!(folder.names(), ["s.redb", "state"]);
}

#[tokio::test]
async fn an_embedded_import_that_is_cut_off_leaves_nothing_that_looks_like_a_store() {
    use crate::store::backup::Intake;
    let folder = Folder::new();
    let path = folder.path("new.redb");
    let mut intake = EmbeddedIntake::begin(&path, &embedded::Settings::default()).expect("begun");
    intake.take(vec![Entry::Sequence { partner: PARTNER, last: 1 }]).await.expect("taken");
    assert!(!path.exists());
    drop(intake);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}
