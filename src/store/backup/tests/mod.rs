//! The state is moved from engine to engine, and nothing that isn't whole is moved at all.

mod file;
mod moves;

use super::{BackupError, Entry, WholeState, export, import};
use crate::store::contract::{Draft, claim, event, instance, port, switch};
use crate::store::embedded::{self, EmbeddedIntake, EmbeddedStore};
use std::path::{Path, PathBuf};
use switchyard_actors::domain::ids::PartnerId;
use switchyard_actors::domain::inventory::Partner;
use switchyard_actors::domain::record::{Index, Key, Record, Tag};
use switchyard_actors::domain::request::CheckoutKey;
use switchyard_actors::domain::text::{ExternalSubscriptionId, Secret};
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::store::{Store, Write};
use tempfile::TempDir;
use uuid::Uuid;

const PARTNER: PartnerId = PartnerId(Uuid::from_u128(0xA1));
const SECRET: &str = "whsec-partner-one";
const EXPORTED_AT: UnixMillis = UnixMillis(1_700_000_000_000);

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("a directory");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("read").file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).into_string().expect("a name of ours")).collect();
        names.sort();
        names
    }

    fn store(&self, name: &str) -> EmbeddedStore {
        EmbeddedStore::open(self.path(name), embedded::Settings::default()).expect("the store opens")
    }
}

/// Some of everything, in a few entries.
async fn fill(store: &dyn Store) {
    Draft::putting(&port("s1", "Gi1/0/7"), 7)
        .include(&Index::Work(switch("s1")), "job é", 5)
        .apply(store)
        .await;
    let partner = Partner {
        id: PARTNER,
        name: "a \"b\"\n{}".into(),
        webhook_secret: Secret::new(SECRET),
        webhook_url: "http://example.com".into(),
        api_key: None,
    };
    let put = Write::Put(Key::Partner(PARTNER), Record::Partner(partner));
    Draft::on(Tag::Inventory)
        .write(put)
        .include(&Index::Partners, &PARTNER.to_string(), 0)
        .apply(store)
        .await;
    Draft::putting(&port("s1", "Gi1/0/8"), 8).tell(event(PARTNER, 1 << 40)).apply(store).await;
    claim(store, &Tag::Switch(switch("s1")), instance(1)).await;
    claim(store, &Tag::Switch(switch("s1")), instance(1)).await;
    let external = ExternalSubscriptionId::parse("{a}/b} :").expect("accepted");
    claim(store, &Tag::Checkout(CheckoutKey { partner: PARTNER, external }), instance(1)).await;
}

/// Every entry, in an order that doesn't depend on the engine.
async fn entries(store: &dyn WholeState) -> Vec<Entry> {
    let mut entries = Vec::new();
    let taken = |entry| {
        entries.push(entry);
        Ok(())
    };
    store.dump(&mut { taken }).await.expect("the state can be told");
    entries.sort_by_key(Entry::to_line);
    entries
}

/// Into a new embedded store.
async fn import_embedded(file: &Path, store: &Path) -> Result<super::Moved, BackupError> {
    import(file, async || EmbeddedIntake::begin(store, &embedded::Settings::default())).await
}

/// A file of a small store.
async fn exported(folder: &Folder) -> PathBuf {
    let store = folder.store("s.redb");
    fill(&store).await;
    let path = folder.path("state");
    export(&store, &path, EXPORTED_AT).await.expect("exported");
    path
}
