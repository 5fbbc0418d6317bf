//! What an operator asks about drift: a check of a switch's managed ports, and what the checks found.

use super::{LIST_LIMIT, find_switch};
use crate::machine::{SystemClock, SystemEntropy, rfc3339};
use switchyard_actors::domain::drift::{CheckOrder, Consent, DriftEntry, ManagedPort, Response, SwitchDrift};
use switchyard_actors::domain::ids::{PortName, PortRef, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Record, SwitchStatus};
use switchyard_actors::domain::upkeep::Upkeep;
use switchyard_actors::ports::Clock as _;
use switchyard_actors::ports::hints::{Hint, Hints};
use switchyard_actors::ports::store::Store;
use switchyard_actors::surveyor;

/// What `--repair` means.
#[must_use]
pub fn consent(repair: bool) -> Consent {
    if repair { Consent::Everything } else { Consent::WithinLimits }
}

/// What is said to whoever asked for a check.
///
/// # Errors
/// When the store can't be read.
pub async fn ordered(store: &dyn Store, switch: &SwitchId) -> anyhow::Result<Vec<String>> {
    let read = store.read(&[Key::SwitchStatus(switch.clone())]).await?.pop().flatten();
    let when = match read.map(|stored| stored.record) {
        Some(Record::SwitchStatus(SwitchStatus { quarantined: Some(_), .. })) => {
            "once it is released from quarantine"
        }
        _ => "when its jobs are done",
    };
    Ok(vec![format!("{switch} is checked {when}; `switchyard drift {switch}` says what came of it")])
}

/// Asks for a check from beside the services on a shared store, or while none runs.
///
/// # Errors
/// When there is no such switch, or the store did not answer.
pub async fn order_beside(
    store: &dyn Store,
    hints: &dyn Hints,
    name: &str,
    consent: Consent,
) -> anyhow::Result<Vec<String>> {
    let switch = find_switch(store, name).await?;
    let order = CheckOrder { at: SystemClock.now(), consent };
    surveyor::order(store, &SystemEntropy, &switch, order).await?;
    // Lost, its owner's next sweep finds the check.
    hints.publish(Hint::Switch(switch.clone()));
    ordered(store, &switch).await
}

/// What the last check of each switch came to; of one switch also what differed.
///
/// # Errors
/// When there is no such switch, or the store can't be read.
pub async fn list(store: &dyn Store, name: Option<&str>) -> anyhow::Result<Vec<String>> {
    if let Some(name) = name {
        return of_switch(store, find_switch(store, name).await?).await;
    }
    let mut lines = vec![format!("{:<24} {:<21} {:>6}  {}", "SWITCH", "CHECKED", "PORTS", "OUTCOME")];
    for member in store.members(&Index::Switches, LIST_LIMIT).await? {
        let switch = SwitchId::parse(&member.member)?;
        lines.push(summary(&read_drift(store, &switch).await?));
    }
    Ok(lines)
}

async fn read_drift(store: &dyn Store, switch: &SwitchId) -> anyhow::Result<SwitchDrift> {
    let read = store.read(&[Key::Drift(switch.clone())]).await?.pop().flatten();
    Ok(match read.map(|stored| stored.record) {
        Some(Record::Drift(drift)) => drift,
        _ => SwitchDrift::new(switch.clone()),
    })
}

fn summary(drift: &SwitchDrift) -> String {
    let (at, ports, outcome) = match &drift.last {
        Some(last) => (rfc3339(last.at), last.ports.to_string(), last.outcome.to_string()),
        None => ("never".into(), "-".into(), "-".into()),
    };
    let open = if drift.order.is_some() { "; another check is asked for" } else { "" };
    format!("{:<24} {at:<21} {ports:>6}  {outcome}{open}", drift.switch.as_str())
}

async fn of_switch(store: &dyn Store, switch: SwitchId) -> anyhow::Result<Vec<String>> {
    let drift = read_drift(store, &switch).await?;
    let mut lines = vec![summary(&drift)];
    lines.extend(drift.log.iter().map(entry));
    for member in store.members(&Index::Managed(switch.clone()), LIST_LIMIT).await? {
        let at = PortRef { switch: switch.clone(), port: PortName::parse(&member.member)? };
        let read = store.read(&[Key::Managed(at)]).await?.pop().flatten();
        if let Some(Record::Managed(managed)) = read.map(|stored| stored.record) {
            lines.extend(standing(&managed));
        }
    }
    Ok(lines)
}

fn entry(entry: &DriftEntry) -> String {
    let differences: Vec<_> = entry.differences.iter().map(ToString::to_string).collect();
    let separator = if differences.is_empty() { "" } else { ": " };
    let until = match entry.response {
        Response::Waits { until } => format!(", until {}", rfc3339(until)),
        _ => String::new(),
    };
    let (at, port) = (rfc3339(entry.at), &entry.port);
    format!("{at}  {port}{separator}{}  [{}{until}]", differences.join(", "), entry.response)
}

/// What a port has been through, when that is worth a line.
fn standing(managed: &ManagedPort) -> Option<String> {
    let port = &managed.at.port;
    match managed.upkeep {
        Upkeep::Steady => None,
        Upkeep::Repairing { times } => Some(format!("{port} is being repaired, for the {times}. time")),
        Upkeep::Repaired { times, at } => {
            Some(format!("{port} was repaired at {}; {times} lately", rfc3339(at)))
        }
        Upkeep::GivenUp { at } => Some(format!("{port} was GIVEN UP at {}", rfc3339(at))),
    }
}
