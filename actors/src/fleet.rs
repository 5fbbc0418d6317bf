//! The fleet: starts, watches and restarts the switch supervisors of its share of the switches.
//!
//! A supervisor is made when there is work for its switch. Its task is watched: when it panicked, the socket that it may
//! have left open is shut, what it was at work on is charged with the panic, and after the wait that `domain/restart.rs` says a
//! fresh one is made, which puts the charge on record and reads all it needs from the store. One that panics again and again has its switch
//! quarantined. One bad switch never touches another. Nobody else holds a supervisor's address.
//!
//! A fleet that panics takes its supervisors with it, and its successor shuts the sockets that they left: a supervisor whom
//! nobody watches would work on beside a second one for its switch.
//!
//! Only switches of which this instance is the preferred one are taken up; the supervisor of one that is another's by
//! now is told to look, and hands it over.

use crate::domain::failure::{DriverFailure, FailureClass};
use crate::domain::ids::{CommitId, SwitchId};
use crate::domain::record::Tag;
use crate::domain::restart::{RestartEffect, RestartEvent, RestartPolicy, RestartState, Run};
use crate::domain::visit::WorkItem;
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, Wakes};
use crate::safeguards::{Safeguard, stands};
use crate::supervision::{Watched, millis_since};
use crate::switch::{Aftermath, AtWork, Memory, StopWork, SwitchSupervisor, Unheard, Wake};
use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseActFuture,
    WrapFuture,
};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// There may be work for this switch.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WakeSwitch(pub SwitchId);

/// Who is there has changed, or hints got lost: look at everything.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LookAgain;

/// Let every supervisor come to a safe point, and end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopFleet;

/// A supervisor, and what is needed when it panics.
struct Running {
    addr: Addr<SwitchSupervisor>,
    unheard: Unheard,
    at_work: AtWork,
    since: Instant,
    past: Past,
}

/// What one supervisor of a switch hands to the next.
#[derive(Clone, Default)]
struct Past {
    restarts: RestartState,
    aftermath: Aftermath,
}

enum Child {
    Running(Running),
    Restarting,
    /// It has ended, and left panics that are on no record yet: the next one puts them there.
    Owing(Past),
}

/// Which part of the switches a fleet has.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// This one, from 0.
    pub index: usize,
    /// Of so many.
    pub of: usize,
}

impl Share {
    /// Which of `of` fleets a switch belongs to.
    #[must_use]
    pub fn index_for(switch: &SwitchId, of: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        switch.hash(&mut hasher);
        usize::try_from(hasher.finish() % of as u64).unwrap_or(0)
    }

    fn has(self, switch: &SwitchId) -> bool {
        Self::index_for(switch, self.of) == self.index
    }
}

/// The actor.
pub struct Fleet {
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    share: Share,
    policy: RestartPolicy,
    children: BTreeMap<SwitchId, Child>,
    stopping: bool,
}

impl Fleet {
    /// One with no supervisor yet.
    #[must_use]
    pub fn new(outside: Arc<Outside>, wakes: Arc<dyn Wakes>, share: Share) -> Self {
        let policy = outside.settings.supervision.restart_policy();
        Self { outside, wakes, share, policy, children: BTreeMap::new(), stopping: false }
    }

    fn start(&mut self, id: &SwitchId, past: Past, context: &mut Context<Self>) {
        let (unheard, at_work) = (Unheard::default(), AtWork::default());
        let (outside, wakes) = (Arc::clone(&self.outside), Arc::clone(&self.wakes));
        let memory =
            Memory { unheard: unheard.clone(), at_work: at_work.clone(), aftermath: past.aftermath.clone() };
        let child = SwitchSupervisor::new(outside, wakes, id.clone(), memory);
        let child_context = Context::new();
        let addr = child_context.address();
        let task = Watched::spawn(child_context.into_future(child));
        let running = Running { addr, unheard, at_work, since: Instant::now(), past };
        self.children.insert(id.clone(), Child::Running(running));
        let id = id.clone();
        context.spawn(task.into_actor(self).map(move |ended, fleet, context| match ended {
            Ok(()) => fleet.ended(&id, context),
            Err(_) => fleet.panicked(id, context),
        }));
    }

    /// It stopped by itself: there was nothing to do, or it isn't ours, or it was asked to. The next wake makes another,
    /// and one that it did not hear any more is the next.
    fn ended(&mut self, id: &SwitchId, context: &mut Context<Self>) {
        let Some(Child::Running(Running { unheard, past, .. })) = self.children.remove(id) else { return };
        if past.aftermath.is_owing() {
            self.children.insert(id.clone(), Child::Owing(past));
        }
        if unheard.any() {
            self.wake(id, context);
        }
    }

    fn panicked(&mut self, id: SwitchId, context: &mut Context<Self>) {
        let Some(Child::Running(running)) = self.children.insert(id.clone(), Child::Restarting) else {
            unreachable!("only a supervisor that runs can panic");
        };
        let (past, wait) = self.judge(&id, running);
        if !stands(Safeguard::RespawnAfterPanic) {
            return;
        }
        let guard = self.outside.guard(&id);
        let closed = async move {
            guard.shut_down().await;
            tokio::time::sleep(wait).await;
        };
        context.spawn(closed.into_actor(self).map(move |(), fleet, context| {
            if !fleet.stopping {
                fleet.start(&id, past, context);
            }
        }));
    }

    /// Charges the panic, and answers what the next supervisor gets, and when.
    fn judge(&self, id: &SwitchId, running: Running) -> (Past, Duration) {
        let Running { at_work, since, past, .. } = running;
        let note = at_work.read();
        let run = Run { lasted_millis: millis_since(since), progressed: note.progressed };
        let (restarts, effect) = past.restarts.apply(RestartEvent::Panicked(run), &self.policy);
        let over = match note.items.as_slice() {
            [] => "the switch itself".to_owned(),
            items => items.iter().map(WorkItem::to_member).collect::<Vec<_>>().join(", "),
        };
        let wait_millis = match effect {
            RestartEffect::Restart { wait_millis } => wait_millis,
            RestartEffect::Escalate { wait_millis } => {
                past.aftermath.quarantine(gave_up(&over));
                wait_millis
            }
        };
        tracing::error!(switch = %id, over, ?restarts, wait_millis, "a supervisor panicked and is restarted");
        past.aftermath.charge(CommitId(self.outside.entropy.uuid()), note.items);
        (Past { restarts, ..past }, Duration::from_millis(wait_millis))
    }

    fn wake(&mut self, id: &SwitchId, context: &mut Context<Self>) {
        reach(FailPoint::SwitchWoken);
        match self.children.get(id) {
            Some(Child::Running(running)) => {
                running.unheard.add();
                running.addr.do_send(Wake);
            }
            // The fresh one asks the store when it starts.
            Some(Child::Restarting) => {}
            None | Some(Child::Owing(_)) if self.stopping || !self.outside.owns(&Tag::Switch(id.clone())) => {
            }
            Some(Child::Owing(past)) => self.start(id, past.clone(), context),
            None => self.start(id, Past::default(), context),
        }
    }

    /// Asks the store for work whose wake was lost, or that was there before this process.
    fn sweep(&mut self, context: &mut Context<Self>) {
        reach(FailPoint::FleetSweeping);
        if !stands(Safeguard::Sweep) {
            return;
        }
        let outside = Arc::clone(&self.outside);
        let asked = async move { outside.store.switches_with_work().await };
        context.spawn(asked.into_actor(self).map(|switches, fleet, context| match switches {
            Ok(switches) => {
                let share = fleet.share;
                let ours = switches.iter().filter(|id| share.has(id));
                ours.for_each(|id| fleet.wake(id, context));
            }
            Err(error) => tracing::debug!(%error, "the sweep for work is asked again"),
        }));
    }
}

fn gave_up(over: &str) -> DriverFailure {
    let detail =
        format!("its supervisor panicked again and again, the last time over {over}; the log has more");
    DriverFailure::new(FailureClass::SupervisorPanicked, detail)
}

impl Actor for Fleet {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let share = self.share;
        self.outside.shut_left_behind(|switch| share.has(switch));
        self.sweep(context);
        let every = Duration::from_millis(self.outside.settings.supervision.sweep_ms);
        context.run_interval(every, Self::sweep);
    }
}

impl Handler<WakeSwitch> for Fleet {
    type Result = ();

    fn handle(&mut self, WakeSwitch(id): WakeSwitch, context: &mut Self::Context) {
        self.wake(&id, context);
    }
}

impl Handler<LookAgain> for Fleet {
    type Result = ();

    fn handle(&mut self, _: LookAgain, context: &mut Self::Context) {
        let running: Vec<_> = self.children.keys().cloned().collect();
        running.iter().for_each(|id| self.wake(id, context));
        self.sweep(context);
    }
}

impl Handler<StopFleet> for Fleet {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: StopFleet, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        let running: Vec<_> = self
            .children
            .values()
            .filter_map(|child| match child {
                Child::Running(running) => Some(running.addr.clone()),
                Child::Restarting | Child::Owing(_) => None,
            })
            .collect();
        let ended = async move {
            running.iter().for_each(|addr| addr.do_send(StopWork));
            for addr in running {
                while addr.connected() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        Box::pin(ended.into_actor(self).map(|(), _, context| context.stop()))
    }
}
