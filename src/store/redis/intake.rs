//! A whole state comes in, under a prefix where no store is.
//!
//! ```text
//!   nothing, or an empty store ──begin──▶ importing ──finish──▶ the layout's schema
//!                                          ▲    │ cut off
//!                                          └────┘ begin: empties it first
//! ```
//!
//! What the layout's schema key says is what decides whether instances may serve, so a half of a state is never served on.
//! Only an import marks a prefix so, and only one that is empty: what is emptied later was brought by an import.

use super::bulk::{Bulk, parsed};
use super::names::{IMPORTING, Named, Names, SCHEMA};
use super::{Settings, census};
use crate::store::backup::{BackupError, Entry, Intake};
use crate::store::envelope::encode;
use async_trait::async_trait;
use redis::{Cmd, Value};
use std::time::Duration;
use switchyard_actors::domain::text::Secret;
use uuid::Uuid;

/// Up to here each whole number is one of Redis's doubles.
const LARGEST_NUMBER: u64 = 1 << 53;

/// A store in the making.
pub struct RedisIntake {
    bulk: Bulk,
    names: Names,
    mark: String,
    wait_replicas: u32,
    wait_ms: u64,
}

impl RedisIntake {
    /// Begins one, under the prefix that the settings name.
    ///
    /// # Errors
    /// When instances are at work there, or a store is, or the server may forget.
    pub async fn begin(settings: &Settings, password: Option<Secret>) -> Result<Self, BackupError> {
        settings.check().map_err(BackupError::Refused)?;
        let names = Names::new(&settings.prefix);
        let bulk = Bulk::connect(settings, password.as_ref()).await?;
        census::at_rest(&bulk, &names, Duration::from_millis(settings.census_watch_ms)).await?;
        let intake = Self {
            bulk,
            names,
            mark: format!("{IMPORTING} {}", Uuid::new_v4()),
            wait_replicas: settings.wait_replicas,
            wait_ms: settings.command_ms / 2,
        };
        intake.refuse_a_store(&settings.prefix).await?;
        intake.set_schema(&intake.mark).await?;
        intake.empty().await?;
        Ok(intake)
    }

    async fn schema(&self) -> Result<Option<String>, BackupError> {
        let get = redis::cmd("GET").arg(self.names.schema()).to_owned();
        parsed(self.bulk.run(&get).await?)
    }

    async fn set_schema(&self, to: &str) -> Result<(), BackupError> {
        let set = redis::cmd("SET").arg(self.names.schema()).arg(to).to_owned();
        self.bulk.run(&set).await.map(drop)
    }

    async fn refuse_a_store(&self, prefix: &str) -> Result<(), BackupError> {
        match self.schema().await? {
            Some(mark) if mark.starts_with(IMPORTING) => return Ok(()),
            Some(schema) if schema != SCHEMA.to_string() => {
                return Err(BackupError::Refused(format!(
                    "the keys under {prefix:?} have schema {schema}; this release writes schema {SCHEMA}"
                )));
            }
            Some(_) | None => {}
        }
        for primary in self.bulk.primaries().await?.keys() {
            let mut scan = self.bulk.scan(primary, &self.names);
            while let Some(page) = scan.next_page().await? {
                if page.iter().any(|name| !matches!(self.names.read(name), Some(Named::Passing))) {
                    return Err(BackupError::Refused(format!(
                        "a store is there already, under {prefix:?}: an import makes a new one, and never changes one; \
                         choose another store.redis.prefix"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Removes all but the mark.
    async fn empty(&self) -> Result<(), BackupError> {
        let mark = self.names.schema();
        for primary in self.bulk.primaries().await?.keys() {
            let mut scan = self.bulk.scan(primary, &self.names);
            while let Some(page) = scan.next_page().await? {
                let mut remove = redis::pipe();
                for name in page.iter().filter(|name| **name != mark) {
                    remove.cmd("UNLINK").arg(name);
                }
                self.bulk.run_on(primary, &remove).await?;
            }
        }
        Ok(())
    }

    /// Whoever began later has emptied what this one brought.
    async fn refuse_a_second_import(&self) -> Result<(), BackupError> {
        let mine = self.schema().await?.as_ref() == Some(&self.mark);
        let other = || BackupError::Refused("another import into the same keys began meanwhile".into());
        if mine { Ok(()) } else { Err(other()) }
    }

    fn commands(&self, entry: &Entry) -> Result<Vec<Cmd>, BackupError> {
        Ok(match entry {
            Entry::Record { key, version, record } => {
                vec![redis::cmd("SET").arg(self.names.record(key)).arg(encode(*version, record)).to_owned()]
            }
            Entry::Member { index, member, score } => {
                let add = redis::cmd("ZADD")
                    .arg(self.names.index(index))
                    .arg(exact(*score)?)
                    .arg(member)
                    .to_owned();
                let registry = self.names.registry(index);
                let register =
                    registry.map(|(name, owner)| redis::cmd("SADD").arg(name).arg(owner).to_owned());
                std::iter::once(add).chain(register).collect()
            }
            Entry::Lease { tag, epoch } => vec![
                redis::cmd("HSET").arg(self.names.lease(tag)).arg("epoch").arg(exact(epoch.0)?).to_owned(),
            ],
            Entry::Sequence { partner, last } => {
                vec![redis::cmd("SET").arg(self.names.sequence(*partner)).arg(exact(*last)?).to_owned()]
            }
        })
    }

    /// `WAIT`, where the operator wants replicas to have what is answered.
    async fn await_replicas(&self) -> Result<(), BackupError> {
        if self.wait_replicas == 0 {
            return Ok(());
        }
        let mut wait = redis::pipe();
        wait.cmd("WAIT").arg(self.wait_replicas).arg(self.wait_ms);
        for primary in self.bulk.primaries().await?.keys() {
            let answer = self.bulk.run_on(primary, &wait).await?.pop().unwrap_or(Value::Nil);
            let (reached, wanted) = (parsed::<u32>(answer)?, self.wait_replicas);
            if reached < wanted {
                return Err(BackupError::Failed(format!("{reached} of {wanted} replicas have it")));
            }
        }
        Ok(())
    }
}

fn exact(number: u64) -> Result<u64, BackupError> {
    let why = || BackupError::Refused(format!("{number} is more than Redis keeps exactly"));
    if number <= LARGEST_NUMBER { Ok(number) } else { Err(why()) }
}

#[async_trait]
impl Intake for RedisIntake {
    async fn take(&mut self, batch: Vec<Entry>) -> Result<(), BackupError> {
        self.refuse_a_second_import().await?;
        let commands = batch.iter().map(|entry| self.commands(entry)).collect::<Result<Vec<_>, _>>()?;
        self.bulk.run_each(&commands.concat()).await
    }

    async fn finish(self) -> Result<(), BackupError> {
        self.refuse_a_second_import().await?;
        self.await_replicas().await?;
        self.set_schema(&SCHEMA.to_string()).await
    }
}
