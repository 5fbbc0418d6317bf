//! The end of a run: nothing strikes any more, everything must come to rest, and whoever waits says what is left.

use super::book::Open;
use super::operator;
use super::world::{Phase, World};
use crate::checker::History;
use crate::checker::history::DeadLetter;
use crate::checker::witness;
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// As long as less and less is left, the drain may go on; so long without a change is its end.
const STANDSTILL: Duration = Duration::from_secs(120);
/// How many of a kind are named.
const NAMED: usize = 5;

/// What has not come to rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    clients: usize,
    open: Open,
    work: Vec<(String, u64)>,
    set_apart: Vec<String>,
    unsaved: Vec<String>,
    /// The command line did not answer.
    unseen: bool,
}

impl Left {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// For a person: how many of each, and the first by name.
impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |all: &[String]| {
            let more = if all.len() > NAMED { ", ..." } else { "" };
            format!("{} ({}{more})", all.len(), all[..all.len().min(NAMED)].join(", "))
        };
        let text = |ids: &BTreeSet<uuid::Uuid>| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let work: Vec<_> = self.work.iter().map(|(switch, work)| format!("{switch}: {work}")).collect();
        let events: Vec<_> = self.open.events.iter().cloned().collect();
        let mut said = Vec::new();
        let mut say = |what: &str, all: &[String]| {
            if !all.is_empty() {
                said.push(format!("{what}: {}", names(all)));
            }
        };
        say("jobs without an outcome", &text(&self.open.jobs));
        say("subscriptions that nobody was told are active", &text(&self.open.activations));
        say("events that nobody has taken", &events);
        say("switches with work", &work);
        say("switches that wait for a release", &self.set_apart);
        say("ports that are not saved", &self.unsaved);
        if self.clients > 0 {
            said.push(format!("clients without an answer: {}", self.clients));
        }
        if self.unseen {
            said.push("the command line does not answer".to_owned());
        }
        f.write_str(&said.join("; "))
    }
}

/// Waits until nothing is left; what is, if it stands still.
pub async fn drain(world: &Rc<World>) -> Option<Left> {
    let (mut last, mut moved) = (Left::default(), Instant::now());
    loop {
        let left = look(world).await;
        if left.is_nothing() {
            return None;
        }
        if left != last {
            (last, moved) = (left, Instant::now());
        } else if moved.elapsed() > STANDSTILL {
            return Some(last);
        }
        sleep(LOOK).await;
    }
}

async fn look(world: &World) -> Left {
    let begun = Instant::now();
    let Ok(lines) = operator::dead_letters(world).await else {
        return Left { unseen: true, ..Left::default() };
    };
    let mut open = world.book.borrow().open();
    strike_out(&mut open, &letters(&lines));
    // A look at the switches from before the last outcome would miss the work that came with it.
    while world.seen.borrow().at.is_none_or(|at| at < begun) {
        sleep(LOOK).await;
        if begun.elapsed() > STANDSTILL {
            return Left { unseen: true, ..Left::default() };
        }
    }
    let seen = world.seen.borrow();
    let mut left = Left {
        clients: world.clients.get(),
        open,
        work: seen.work.iter().filter(|(_, work)| *work > 0).cloned().collect(),
        set_apart: seen.set_apart.clone(),
        ..Left::default()
    };
    if left.is_nothing() {
        left.unsaved = unsaved(world);
    }
    left
}

fn letters(lines: &[String]) -> Vec<DeadLetter> {
    let mut history = History::default();
    witness::note_dead_letters(&mut history, lines);
    history.dead_letters
}

/// What is listed as given up isn't waited for.
fn strike_out(open: &mut Open, letters: &[DeadLetter]) {
    use crate::checker::history::EventName::{Activated, Completed, Failed};
    for letter in letters {
        open.events.remove(&letter.id);
        match (&letter.event, letter.job, letter.subscription) {
            (Completed | Failed, Some(job), _) => drop(open.jobs.remove(&job)),
            (Activated, _, Some(subscription)) => drop(open.activations.remove(&subscription)),
            _ => {}
        }
    }
}

/// Ports of completed jobs that a reboot would change.
fn unsaved(world: &World) -> Vec<String> {
    let ports = usize::from(world.switches.ports());
    let book = world.book.borrow();
    let names = book.completed_places().filter_map(|place| {
        let (number, port) = (place / ports, u16::try_from(place % ports).ok()?);
        let (switch, name) = (&world.switches.all()[number], world.switches.port_name(number, port));
        (switch.running(&name) != switch.startup(&name)).then(|| format!("{} {name}", switch.name()))
    });
    names.collect()
}

/// Stops the instances, all at once.
pub async fn stop(world: &Rc<World>) {
    world.enter(Phase::Stopping);
    let stopping = (0..world.instances.len()).map(|which| super::instances::stop(world, which));
    futures_util::future::join_all(stopping).await;
}
