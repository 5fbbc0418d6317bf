//! The simulator as a client meets it: over real SSH.

mod access;
mod aoscx;
mod eos;
mod faults;
mod fleet;
mod ios;
mod junos;
mod receiver;
mod terminal;
mod times;

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::{Addressing, Personality, SimulatedFleet, SimulatedSwitch, SwitchCounts, SwitchPlan};
use terminal::DEADLINE;

/// A fleet of one. The fleet must be kept: dropping it switches the switch off.
async fn one(plan: SwitchPlan) -> (SimulatedFleet, Arc<SimulatedSwitch>) {
    let addressing = Addressing::Ports { address: Ipv4Addr::LOCALHOST, first_port: 0 };
    let fleet = SimulatedFleet::start(addressing, vec![plan]).await.expect("a free port");
    let switch = fleet.switches()[0].clone();
    (fleet, switch)
}

async fn one_ios() -> (SimulatedFleet, Arc<SimulatedSwitch>) {
    one(SwitchPlan::new("sw1", Personality::Ios)).await
}

async fn until(switch: &SimulatedSwitch, what: &str, reached: impl Fn(&SwitchCounts) -> bool) {
    let mut changed = switch.changed();
    let wait = async {
        while !reached(&switch.counts()) {
            changed.changed().await.expect("the switch lives");
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, wait).await;
    assert!(in_time.is_ok(), "not reached: {what}; last seen: {:?}", switch.counts());
}
