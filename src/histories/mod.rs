//! Deterministic histories: the whole graph on paused time, with everything outside played from a plan, judged by the checker.
//!
//! ```text
//!   seed ─▶ plan ─▶ world: clients, processes, store, switches, receivers ─▶ history ─▶ checker
//!                     ▲ faults, each at its time
//! ```
//!
//! One thread, one runtime, one seed: the same plan gives the same history to the byte. So nothing here may ask for real time,
//! real chance, or the order of a hash map; and nothing in `actors/` may, or the same seed stops being the same story.

mod chance;
mod client;
mod device;
mod driver;
mod instance;
mod inventory;
mod panics;
mod plan;
mod process;
mod receiver;
mod search;
mod store;
mod strategy;
mod strikes;
mod tests;
mod witness;
mod world;

use std::fmt;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use crate::checker::history::History;
use crate::checker::{Invariant, Report, judge};
use plan::Plan;
use strikes::Strikes;
use world::{Played, World};

/// What came of a plan.
struct Verdict {
    report: Report,
    history: History,
    strikes: Strikes,
    checkouts: usize,
    left: Vec<String>,
    panics: Vec<String>,
    lasted: Duration,
}

impl Verdict {
    fn violated(&self) -> Vec<Invariant> {
        self.report.violated()
    }

    fn fails(&self) -> bool {
        !self.left.is_empty() || !self.panics.is_empty() || !self.violated().is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for left in &self.left {
            writeln!(f, "still to be done in the end: {left}")?;
        }
        for panic in &self.panics {
            writeln!(f, "nobody planned this: {panic}")?;
        }
        self.report.fmt(f)
    }
}

/// Plays a plan on this thread, and judges it.
fn play(plan: &Plan) -> Verdict {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let tasks = LocalSet::new();
    let plays = || tasks.block_on(&runtime, async { World::of(plan.clone()).play().await });
    let (Played { history, strikes, left, lasted }, panics) = panics::watching(plays);
    let report = judge(&history);
    Verdict { report, history, strikes, checkouts: plan.checkouts.len(), left, panics, lasted }
}
