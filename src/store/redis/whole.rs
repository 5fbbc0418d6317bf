//! The whole state of a Redis at rest: every key of every primary, read back to what it is the name of.
//!
//! Redis has no snapshot that a client could read. So nobody may be at work: the census is watched before, and must be the
//! same after; and no slot of a cluster may have moved meanwhile. Keys that nobody knows are refused, not left out.

use super::bulk::{Bulk, parsed};
use super::names::{Named, Names};
use super::{RedisStore, census, outbox};
use crate::store::backup::{BackupError, Entry, Take, WholeState};
use crate::store::envelope::decode;
use async_trait::async_trait;
use redis::{Cmd, Value};
use std::time::Duration;
use switchyard_actors::domain::ids::LeaseEpoch;
use switchyard_actors::domain::record::Index;

/// Members of an index that are read at once.
const MEMBERS: usize = 1_000;

#[async_trait]
impl WholeState for RedisStore {
    async fn dump(&self, take: &mut Take<'_>) -> Result<(), BackupError> {
        let (settings, names) = (&self.shared.settings, &self.shared.names);
        let bulk = Bulk::connect(settings, self.password.as_ref()).await?;
        let watch = Duration::from_millis(settings.census_watch_ms);
        let at_rest = census::at_rest(&bulk, names, watch).await?;
        if settings.cluster {
            outbox::relay_all(&self.shared).await?;
        }
        let primaries = bulk.primaries().await?;
        for primary in primaries.keys() {
            Dump { bulk: &bulk, names, primary }.all(take).await?;
        }
        census::still(&at_rest, &census::look(&bulk, names).await?)?;
        if bulk.primaries().await? != primaries {
            return Err(BackupError::Failed("the cluster's slots moved meanwhile: try again".into()));
        }
        Ok(())
    }
}

/// What is read with one command.
enum Single {
    Record(switchyard_actors::domain::record::Key),
    Lease(switchyard_actors::domain::record::Tag),
    Sequence(switchyard_actors::domain::ids::PartnerId),
}

struct Dump<'d> {
    bulk: &'d Bulk,
    names: &'d Names,
    primary: &'d str,
}

impl Dump<'_> {
    async fn all(&self, take: &mut Take<'_>) -> Result<(), BackupError> {
        let mut scan = self.bulk.scan(self.primary, self.names);
        while let Some(page) = scan.next_page().await? {
            self.page(&page, take).await?;
        }
        Ok(())
    }

    async fn page(&self, page: &[String], take: &mut Take<'_>) -> Result<(), BackupError> {
        let (mut singles, mut commands, mut indexes) = (Vec::new(), redis::pipe(), Vec::new());
        for name in page {
            let (single, command) = match self.names.read(name) {
                Some(Named::Index(index)) => {
                    indexes.push(index);
                    continue;
                }
                Some(Named::Passing) => continue,
                Some(Named::Record(key)) => (Single::Record(key), get(name)),
                Some(Named::Sequence(partner)) => (Single::Sequence(partner), get(name)),
                Some(Named::Lease(tag)) => {
                    (Single::Lease(tag), redis::cmd("HGET").arg(name).arg("epoch").to_owned())
                }
                Some(Named::Outbox(tag)) => {
                    return Err(BackupError::Refused(format!(
                        "an event of {tag} is still on its way to its partner: try again"
                    )));
                }
                None => return Err(BackupError::Refused(format!("{name:?} is no key of this release's"))),
            };
            singles.push(single);
            commands.add_command(command);
        }
        let values = self.bulk.run_on(self.primary, &commands).await?;
        for (single, value) in singles.into_iter().zip(values) {
            take(entry(single, value)?)?;
        }
        for index in indexes {
            self.members(&index, take).await?;
        }
        Ok(())
    }

    async fn members(&self, index: &Index, take: &mut Take<'_>) -> Result<(), BackupError> {
        let name = self.names.index(index);
        for first in (0..).step_by(MEMBERS) {
            let mut one = redis::pipe();
            one.cmd("ZRANGE").arg(&name).arg(first).arg(first + MEMBERS - 1).arg("WITHSCORES");
            let answer = self.bulk.run_on(self.primary, &one).await?.pop().unwrap_or(Value::Nil);
            let members: Vec<(String, f64)> = parsed(answer)?;
            let last = members.len() < MEMBERS;
            for (member, score) in members {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                // scores were written as u64
                let score = score as u64;
                take(Entry::Member { index: index.clone(), member, score })?;
            }
            if last {
                break;
            }
        }
        Ok(())
    }
}

fn get(name: &str) -> Cmd {
    redis::cmd("GET").arg(name).to_owned()
}

fn entry(single: Single, value: Value) -> Result<Entry, BackupError> {
    if value == Value::Nil {
        return Err(BackupError::Failed("the store was changed meanwhile: try again".into()));
    }
    Ok(match single {
        Single::Record(key) => {
            let value: Vec<u8> = parsed(value)?;
            let stored = decode(&key, &value).map_err(BackupError::Failed)?;
            Entry::Record { key, version: stored.version, record: stored.record }
        }
        Single::Lease(tag) => Entry::Lease { tag, epoch: LeaseEpoch(parsed(value)?) },
        Single::Sequence(partner) => Entry::Sequence { partner, last: parsed(value)? },
    })
}
