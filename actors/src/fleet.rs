//! The fleet: starts, watches and restarts the switch supervisors of its share of the switches.
//!
//! A supervisor is made when there is work for its switch. Its task is watched: when it panicked, the socket that it may
//! have left open is shut, the panic is counted, and after a back-off a fresh one is made, which reads all it needs from
//! the store. One bad switch never touches another. Nobody else holds a supervisor's address.
//!
//! Only switches of which this instance is the preferred one are taken up; the supervisor of one that is another's by
//! now is told to look, and hands it over.

use crate::domain::ids::SwitchId;
use crate::domain::record::Tag;
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, Wakes};
use crate::safeguards::{Safeguard, stands};
use crate::supervision::RestartWaits;
use crate::switch::{StopWork, SwitchSupervisor, Unheard, Wake};
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

/// After so long without a panic, a supervisor's earlier ones are forgotten.
const FORGIVEN_AFTER: Duration = Duration::from_secs(300);

enum Child {
    Running { addr: Addr<SwitchSupervisor>, unheard: Unheard, panics: u32, since: Instant },
    Restarting,
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
}

/// The actor.
pub struct Fleet {
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    share: Share,
    waits: RestartWaits,
    children: BTreeMap<SwitchId, Child>,
    stopping: bool,
}

impl Fleet {
    /// One with no supervisor yet.
    #[must_use]
    pub fn new(outside: Arc<Outside>, wakes: Arc<dyn Wakes>, share: Share) -> Self {
        let supervision = &outside.settings.supervision;
        let waits = RestartWaits {
            first: Duration::from_millis(supervision.first_restart_ms),
            longest: Duration::from_millis(supervision.longest_restart_ms),
        };
        Self { outside, wakes, share, waits, children: BTreeMap::new(), stopping: false }
    }

    fn start(&mut self, id: &SwitchId, panics: u32, context: &mut Context<Self>) {
        let unheard = Unheard::default();
        let (outside, wakes) = (Arc::clone(&self.outside), Arc::clone(&self.wakes));
        let child = SwitchSupervisor::new(outside, wakes, id.clone(), unheard.clone());
        let child_context = Context::new();
        let addr = child_context.address();
        let task = actix_rt::spawn(child_context.into_future(child));
        self.children.insert(id.clone(), Child::Running { addr, unheard, panics, since: Instant::now() });
        let id = id.clone();
        context.spawn(task.into_actor(self).map(move |ended, fleet, context| match ended {
            Ok(()) => fleet.ended(&id, context),
            Err(_) => fleet.panicked(id, context),
        }));
    }

    /// It stopped by itself: there was nothing to do, or it isn't ours, or it was asked to. The next wake makes another,
    /// and one that it did not hear any more is the next.
    fn ended(&mut self, id: &SwitchId, context: &mut Context<Self>) {
        if let Some(Child::Running { unheard, .. }) = self.children.remove(id)
            && unheard.any()
        {
            self.wake(id, context);
        }
    }

    fn panicked(&mut self, id: SwitchId, context: &mut Context<Self>) {
        let earlier = match self.children.get(&id) {
            Some(Child::Running { panics, since, .. }) if since.elapsed() < FORGIVEN_AFTER => *panics,
            _ => 0,
        };
        let panics = earlier + 1;
        let wait = self.waits.after(panics);
        tracing::error!(switch = %id, panics, wait_ms = wait.as_millis(), "a supervisor panicked and is restarted");
        self.children.insert(id.clone(), Child::Restarting);
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
                fleet.start(&id, panics, context);
            }
        }));
    }

    fn wake(&mut self, id: &SwitchId, context: &mut Context<Self>) {
        match self.children.get(id) {
            Some(Child::Running { addr, unheard, .. }) => {
                unheard.add();
                addr.do_send(Wake);
            }
            // The fresh one asks the store when it starts.
            Some(Child::Restarting) => {}
            None if self.stopping || !self.outside.owns(&Tag::Switch(id.clone())) => {}
            None => self.start(id, 0, context),
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
                let ours = switches.iter().filter(|id| Share::index_for(id, share.of) == share.index);
                ours.for_each(|id| fleet.wake(id, context));
            }
            Err(error) => tracing::debug!(%error, "the sweep for work is asked again"),
        }));
    }
}

impl Actor for Fleet {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
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
                Child::Running { addr, .. } => Some(addr.clone()),
                Child::Restarting => None,
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
