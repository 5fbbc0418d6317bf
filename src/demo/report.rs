//! What the demo measured, and what it saw to hold: from the receiver's and the switches' side, not from the service's.

use super::Options;
use super::client::Checkout;
use super::world::World;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What was measured.
pub struct Figures {
    /// Every checkout, the story's first.
    pub checkouts: Vec<Checkout>,
    /// From the first call of the many to the last answer.
    pub accepted_in: Duration,
    /// From the first call of the many to the last live line.
    pub all_live_in: Duration,
}

/// The report.
pub struct Report {
    rows: Vec<(&'static str, String)>,
    claims: Vec<(String, bool)>,
}

/// How long to wait for the last saves.
const SAVE_PATIENCE: Duration = Duration::from_secs(30);

impl Report {
    /// Looks at everything.
    pub async fn judge(world: &World, options: &Options, figures: Figures) -> Self {
        let saved = wait_until_saved(world, options).await;
        let deliveries = world.receiver.deliveries();
        let times = |name: &str| -> HashMap<String, Vec<Instant>> {
            let mut times: HashMap<String, Vec<Instant>> = HashMap::new();
            for delivery in deliveries.iter().filter(|delivery| delivery.event() == Some(name)) {
                let subscription = delivery.field("subscription_id").unwrap_or_default();
                times.entry(subscription.to_owned()).or_default().push(delivery.arrived);
            }
            times
        };
        let (completed, activated) = (times("provisioning.completed"), times("subscription.activated"));
        let checkouts = &figures.checkouts;
        let once = |times: &HashMap<String, Vec<Instant>>| {
            checkouts
                .iter()
                .all(|checkout| times.get(&checkout.subscription_id).is_some_and(|at| at.len() == 1))
        };
        let counts: Vec<_> = world.fleet.switches().iter().map(|switch| switch.counts()).collect();
        let most_at_once = counts.iter().map(|count| count.most_sessions_open).max().unwrap_or(0);
        let live = (0..checkouts.len()).filter(|n| is_live(world, *n)).count();
        let claims = vec![
            (
                format!("all {} checkouts were accepted, each with its own job", checkouts.len()),
                distinct(checkouts),
            ),
            (
                format!("all {} ports carry the VLAN that was bought, on the switch", options.checkouts),
                live == options.checkouts,
            ),
            ("and it is in the start-up configuration of every switch".into(), saved),
            ("one provisioning.completed for each, no more, no less".into(), once(&completed)),
            ("one subscription.activated for each".into(), once(&activated)),
            (
                "every webhook's signature was verified by the receiver".into(),
                deliveries.iter().all(|d| d.signature.is_valid()),
            ),
            ("no switch ever saw two sessions at once".into(), most_at_once == 1),
            (
                format!("{} lost its power in the middle, and its ports are live", world.unplugged_switch()),
                options.checkouts < 2 || counts.iter().map(|count| count.reboots).sum::<u64>() == 1,
            ),
        ];
        let to_live = to_live(checkouts, &completed);
        let answers: Vec<_> = checkouts.iter().map(|checkout| checkout.answered_in).collect();
        let many = checkouts.len().saturating_sub(1);
        let rows = vec![
            ("checkouts", checkouts.len().to_string()),
            ("accepted a second", rate(many, figures.accepted_in)),
            ("lines live a second", rate(many, figures.all_live_in)),
            ("answer, median / 99th percentile", two(&answers)),
            ("from the call to live, median / 99th percentile", two(&to_live)),
            (
                "SSH sessions opened",
                counts.iter().map(|count| count.sessions_opened).sum::<u64>().to_string(),
            ),
            (
                "saves of a start-up configuration",
                counts.iter().map(|count| count.saves).sum::<u64>().to_string(),
            ),
            ("webhooks received", deliveries.len().to_string()),
        ];
        Self { rows, claims }
    }

    /// The figures.
    #[must_use]
    pub fn rows(&self) -> &[(&'static str, String)] {
        &self.rows
    }

    /// What was claimed, and whether it held.
    #[must_use]
    pub fn claims(&self) -> &[(String, bool)] {
        &self.claims
    }

    /// Whether everything held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.claims.iter().all(|(_, held)| *held)
    }

    /// For machines.
    #[must_use]
    pub fn to_json(&self) -> String {
        let figures: serde_json::Map<_, _> =
            self.rows.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        let claims: serde_json::Map<_, _> =
            self.claims.iter().map(|(claim, held)| (claim.clone(), (*held).into())).collect();
        serde_json::json!({ "held": self.held(), "figures": figures, "claims": claims }).to_string()
    }
}

fn distinct(checkouts: &[Checkout]) -> bool {
    let jobs: std::collections::HashSet<_> = checkouts.iter().map(|checkout| &checkout.job_id).collect();
    jobs.len() == checkouts.len() && checkouts.iter().skip(1).all(|checkout| !checkout.replayed)
}

fn is_live(world: &World, n: usize) -> bool {
    let (switch, port) = world.place(n);
    let running = world.fleet.switch(&switch).and_then(|switch| switch.running(&port));
    running.is_some_and(|port| port.enabled && port.access_vlan == world.vlan(n))
}

async fn wait_until_saved(world: &World, options: &Options) -> bool {
    let is_saved = |n: usize| {
        let (name, port) = world.place(n);
        let switch = world.fleet.switch(&name);
        is_live(world, n) && switch.is_some_and(|switch| switch.running(&port) == switch.startup(&port))
    };
    let deadline = Instant::now() + SAVE_PATIENCE;
    while !(0..options.checkouts).all(is_saved) {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

fn to_live(checkouts: &[Checkout], completed: &HashMap<String, Vec<Instant>>) -> Vec<Duration> {
    let live = checkouts.iter().filter_map(|checkout| {
        let at = completed.get(&checkout.subscription_id)?.first()?;
        Some(at.saturating_duration_since(checkout.sent))
    });
    live.collect()
}

#[allow(clippy::cast_precision_loss)]
fn rate(count: usize, took: Duration) -> String {
    format!("{:.0}", count as f64 / took.as_secs_f64().max(0.001))
}

/// The median and the 99th percentile, in milliseconds.
fn two(durations: &[Duration]) -> String {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    let at = |percent: usize| {
        let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(index).map_or(0.0, |duration| duration.as_secs_f64() * 1_000.0)
    };
    format!("{:.0} / {:.0} ms", at(50), at(99))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_durations() {
        let durations: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(two(&durations), "51 / 100 ms");
        assert_eq!(two(&[]), "0 / 0 ms");
    }
}
