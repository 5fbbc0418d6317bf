//! What an operator asks for: answered in lines of text, by the service that has the store or by the command line itself.

pub mod drift;
pub mod transcripts;

use crate::inventory::{self, Applied, ApplyError, ProcessSecrets, Surroundings};
use crate::machine::{SystemClock, SystemEntropy, rfc3339};
use crate::ssh::{Platforms, fingerprint};
use crate::store::backup::{self, BackupError, WholeState};
use anyhow::{Context as _, anyhow, bail};
use std::path::PathBuf;
use std::sync::Arc;
use switchyard_actors::domain::delivery::DeliveryState;
use switchyard_actors::domain::host_key::FirstSeenHostKey;
use switchyard_actors::domain::ids::{EventId, PartnerId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Record, SwitchStatus};
use switchyard_actors::ports::Clock;
use switchyard_actors::ports::store::Store;
#[cfg(feature = "fail-points")]
use switchyard_actors::ports::store::StoreUnavailable;
use switchyard_actors::release::{HostKeyOnRecord, release};
use tokio::sync::oneshot;

/// The most switches or dead letters that are listed.
const LIST_LIMIT: usize = 100_000;

/// Applies an inventory; says what changed, line by line.
///
/// # Errors
/// [`ApplyError`]: the file's faults, or that the store did not answer.
pub async fn apply_inventory(
    store: &dyn Store,
    platforms: &Platforms,
    file: &str,
    text: &str,
) -> anyhow::Result<Applied> {
    let names: Vec<_> = platforms.names().into_iter().map(str::to_owned).collect();
    let around = Surroundings { platforms: &names, secrets: &ProcessSecrets };
    let wanted = inventory::parse(file, text, &around).map_err(ApplyError::from)?;
    Ok(inventory::apply(store, &SystemEntropy, &wanted, &inventory::Settings::default()).await?)
}

/// The changes, and a line that sums them up.
#[must_use]
pub fn describe(applied: &Applied) -> Vec<String> {
    let mut lines = applied.lines.clone();
    let changes = applied.added + applied.updated + applied.removed;
    if changes > applied.lines.len() {
        lines.push(format!("... and {} more", changes - applied.lines.len()));
    }
    lines.push(match changes {
        0 => format!("nothing changed; {} already as stated", applied.unchanged),
        _ => format!(
            "{} added, {} changed, {} removed, {} already as stated",
            applied.added, applied.updated, applied.removed, applied.unchanged
        ),
    });
    lines
}

/// Every switch: platform, address, open work, quarantine, ports whose repair was set aside, drift that an operator must
/// look at.
///
/// # Errors
/// When the store can't be read.
pub async fn list_switches(store: &dyn Store) -> anyhow::Result<Vec<String>> {
    let members = store.members(&Index::Switches, LIST_LIMIT).await?;
    let mut lines = Vec::with_capacity(members.len() + 1);
    lines.push(format!("{:<24} {:<14} {:<28} {:>6}  {}", "SWITCH", "PLATFORM", "ADDRESS", "WORK", "STATE"));
    for member in members {
        let id = SwitchId::parse(&member.member)?;
        let keys = [
            Key::Switch(id.clone()),
            Key::SwitchStatus(id.clone()),
            Key::Drift(id.clone()),
            Key::FirstSeenHostKey(id.clone()),
        ];
        let read = store.read(&keys).await?;
        let (mut platform, mut address) = (String::new(), String::new());
        let (mut state, mut pinned) = ("in service".to_owned(), false);
        for stored in read.into_iter().flatten() {
            match stored.record {
                Record::Switch(switch) => {
                    address = format!("{}:{}", switch.host, switch.ssh_port);
                    platform = switch.platform;
                    pinned = switch.host_key.is_some();
                }
                Record::SwitchStatus(status) => state = describe_status(&status),
                // What comes after the status has a word to add.
                Record::Drift(found) if found.is_held_back() => {
                    let outcome = found.last.map(|last| last.outcome.to_string()).unwrap_or_default();
                    state = format!("{state}; drift {outcome}");
                }
                Record::FirstSeenHostKey(seen) if !pinned => {
                    state = format!("{state}; {}", trusted_on_first_use(&seen));
                }
                _ => {}
            }
        }
        let work = store.members(&Index::Work(id.clone()), LIST_LIMIT).await?.len();
        lines.push(format!("{:<24} {platform:<14} {address:<28} {work:>6}  {state}", id.as_str()));
    }
    Ok(lines)
}

/// What is shown of a key that nobody vouched for, so that it can be compared with the switch's own console.
fn trusted_on_first_use(seen: &FirstSeenHostKey) -> String {
    format!("host key trusted on first use at {}: {}", rfc3339(seen.since), fingerprint(&seen.key))
}

fn describe_status(status: &SwitchStatus) -> String {
    let service = match &status.quarantined {
        Some(why) => format!("QUARANTINED: {why}"),
        None => "in service".to_owned(),
    };
    if status.set_aside.is_empty() {
        return service;
    }
    let ports: Vec<_> = status.set_aside.iter().map(|port| port.as_str()).collect();
    format!("{service}; SET ASIDE: {}", ports.join(", "))
}

/// Every event that was given up, oldest first, partner by partner.
///
/// # Errors
/// When the store can't be read.
pub async fn dead_letters(store: &dyn Store) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for partner in store.members(&Index::Partners, LIST_LIMIT).await? {
        let partner = PartnerId(partner.member.parse().context("the index of partners")?);
        for member in store.members(&Index::Dead(partner), LIST_LIMIT).await? {
            let event = EventId(member.member.parse().context("the index of dead letters")?);
            let read = store.read(&[Key::Delivery(partner, event)]).await?.pop().flatten();
            let Some(Record::Delivery(delivery)) = read.map(|stored| stored.record) else { continue };
            let DeliveryState::Dead { why, .. } = &delivery.state else { continue };
            let body: serde_json::Value = serde_json::from_str(&delivery.event.body).unwrap_or_default();
            let text = |field: &str| body[field].as_str().unwrap_or("?").to_owned();
            let (name, subscription) = (text("event"), text("subscription_id"));
            let job = body["job_id"].as_str().map(|job| format!("  job {job}")).unwrap_or_default();
            let attempts = delivery.attempts.len();
            lines.push(format!(
                "{event}  partner {partner}  {name}  subscription {subscription}{job}  {attempts} attempts  {why:?}"
            ));
        }
    }
    if lines.is_empty() {
        lines.push("no dead letters".into());
    }
    Ok(lines)
}

/// What is left to do, in words; `None` when nothing is.
///
/// # Errors
/// When the store can't be read.
#[cfg(feature = "fail-points")]
pub async fn left_to_do(store: &dyn Store) -> Result<Option<String>, StoreUnavailable> {
    let (work, due) = (store.switches_with_work().await?, store.partners_with_due().await?);
    let mut left = Vec::new();
    for index in work.into_iter().map(Index::Work).chain(due.into_iter().map(Index::Due)) {
        left.push(format!("{index}: {:?}", store.members(&index, 10).await?));
    }
    Ok((!left.is_empty()).then(|| left.join("; ")))
}

/// Takes a switch's quarantine off the record, where no service runs that has a supervisor for it.
///
/// # Errors
/// When there is no such switch, or the store did not answer.
pub async fn release_offline(
    store: &dyn Store,
    name: &str,
    host_key: HostKeyOnRecord,
) -> anyhow::Result<Vec<String>> {
    let id = find_switch_to_release(store, name, host_key).await?;
    release(store, &SystemClock, &SystemEntropy, &id, host_key).await?;
    Ok(vec![format!("{id} is released; its queue goes on when the service runs")])
}

/// What `--forget-host-key` asks for.
#[must_use]
pub fn host_key_on_record(forget: bool) -> HostKeyOnRecord {
    if forget { HostKeyOnRecord::IsForgotten } else { HostKeyOnRecord::Stays }
}

/// As [`find_switch`]. A key that the inventory pins can't be forgotten: whoever asks for that would be none the wiser.
///
/// # Errors
/// When there is none, or its key is pinned.
pub async fn find_switch_to_release(
    store: &dyn Store,
    name: &str,
    host_key: HostKeyOnRecord,
) -> anyhow::Result<SwitchId> {
    let id = find_switch(store, name).await?;
    if host_key == HostKeyOnRecord::Stays {
        return Ok(id);
    }
    let read = store.read(&[Key::Switch(id.clone())]).await?.pop().flatten();
    let pinned =
        matches!(read.map(|stored| stored.record), Some(Record::Switch(switch)) if switch.host_key.is_some());
    if pinned {
        bail!(
            "the inventory pins the host key of {id}: change host_key there, and release it without forgetting"
        );
    }
    Ok(id)
}

/// A switch of the inventory by its name.
///
/// # Errors
/// When there is none.
pub async fn find_switch(store: &dyn Store, name: &str) -> anyhow::Result<SwitchId> {
    let id = SwitchId::parse(name)?;
    let read = store.read(&[Key::Switch(id.clone())]).await?.pop().flatten();
    read.map(|_| id)
        .ok_or_else(|| anyhow!("no switch {name:?} in the inventory; `switchyard switches` lists them"))
}

/// Writes the whole state to a new file. It is read and written on a thread of its own: the service that has the store
/// goes on meanwhile.
///
/// # Errors
/// [`BackupError`].
pub async fn export_store(store: Arc<dyn WholeState>, file: PathBuf) -> anyhow::Result<Vec<String>> {
    let (answer, answered) = oneshot::channel();
    let name = file.display().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("store-export".to_owned()).spawn(move || {
        let exported = runtime.block_on(backup::export(&*store, &file, SystemClock.now()));
        // Who asked may have gone; the file is there all the same.
        let _ = answer.send(exported);
    })?;
    let broken = |_| BackupError::Failed("the export broke off".into());
    let moved = answered.await.map_err(broken)??;
    Ok(vec![format!("exported {moved} to {name}")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
    use switchyard_actors::domain::ids::PortName;
    use switchyard_actors::domain::time::UnixMillis;

    #[test]
    fn a_switch_shows_its_quarantine_and_the_ports_that_were_set_aside() {
        let in_service = SwitchStatus::in_service(SwitchId::parse("s").expect("valid"), UnixMillis(5));
        assert_eq!(describe_status(&in_service), "in service");
        let ports = ["Gi1/0/2", "Gi1/0/7"].map(|name| PortName::parse(name).expect("valid"));
        let set_aside = SwitchStatus { set_aside: ports.into(), ..in_service };
        assert_eq!(describe_status(&set_aside), "in service; SET ASIDE: Gi1/0/2, Gi1/0/7");
        let why = DriverFailure::new(FailureClass::HostKeyChanged, "another key");
        let quarantined = SwitchStatus { quarantined: Some(why), ..set_aside };
        assert_eq!(describe_status(&quarantined), "QUARANTINED: another key; SET ASIDE: Gi1/0/2, Gi1/0/7");
    }
}
