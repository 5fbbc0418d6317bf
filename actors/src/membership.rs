//! The membership actor: says that this instance lives, learns who else does, and keeps the roll.
//!
//! It beats, extends the tenure from the moment at which a successful beat began, and tells everyone to look again when
//! the roll has changed, so that work moves to who joins and away from who is gone. When a tenure is over, whatever
//! the reason, it shuts the sockets to switches, and goes on under a new id: what the old one held may have been taken, and is never assumed to be ours.
//! An instance that is about to leave is off the roll from when it says so, so that others are preferred for what it gives
//! back; it is in the census until nobody works under its leases, since whoever is not may be displaced.
//! On a store that isn't shared there is one member and nothing to do.

mod holding;
mod roll;

pub use holding::{Claim, Holding, Holdings};
pub use roll::{Members, Roll};

use crate::domain::ids::InstanceId;
use crate::domain::liveness::{Asked, Census, Heartbeat};
use crate::fail_points::{FailPoint, reach};
use crate::outside::{Outside, Wakes};
use crate::ports::hints::Hint;
use crate::ports::store::StoreUnavailable;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture,
    SpawnHandle, WrapFuture,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// This instance is about to leave: it takes up nothing more, and the others are told to take up what it gives back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PrepareToLeave;

/// Another one is about to leave.
#[derive(Message)]
#[rtype(result = "()")]
pub struct OtherIsLeaving(pub InstanceId);

/// Take this instance out of the census, and end. Its leases were given back.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Leave;

/// How long leaving may take; a store that is away has the others wait out the lease.
const LEAVING: Duration = Duration::from_secs(2);

/// What the others were last told to look at.
#[derive(PartialEq, Eq)]
struct Told {
    me: InstanceId,
    living: Vec<InstanceId>,
    over: BTreeSet<InstanceId>,
    holds: bool,
}

impl Told {
    fn of(roll: &Roll) -> Self {
        let (living, over) = (roll.living.clone(), roll.over.clone());
        Self { me: roll.me, living, over, holds: roll.tenure.holds() }
    }
}

/// A beat's answer.
struct Beaten {
    me: InstanceId,
    asked: Asked,
    answer: Result<Vec<Heartbeat>, StoreUnavailable>,
}

/// The actor.
pub struct Membership {
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    census: Census,
    former: BTreeSet<InstanceId>,
    /// Those that said that they are about to leave.
    departing: BTreeSet<InstanceId>,
    told: Option<Told>,
    away: bool,
    leaving: bool,
    /// Rings when the tenure ends, unless it was extended.
    alarm: Option<SpawnHandle>,
    /// One question at a time: a beat that is on its way must not undo a leave.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Membership {
    /// One that knows nobody yet.
    #[must_use]
    pub fn new(outside: Arc<Outside>, wakes: Arc<dyn Wakes>) -> Self {
        Self {
            outside,
            wakes,
            census: Census::default(),
            former: BTreeSet::new(),
            departing: BTreeSet::new(),
            told: None,
            away: false,
            leaving: false,
            alarm: None,
            turn: Arc::default(),
        }
    }

    fn beat(&mut self, context: &mut Context<Self>) {
        if self.leaving {
            return;
        }
        if self.outside.members.roll().tenure.is_over() {
            self.rejoin(context);
        }
        let (outside, turn) = (Arc::clone(&self.outside), Arc::clone(&self.turn));
        let me = outside.members.roll().me;
        let beaten = async move {
            let _turn = turn.lock().await;
            ask(&outside, me).await
        };
        context.spawn(beaten.into_actor(self).map(|beaten, actor, context| {
            let took = beaten.asked.answered - beaten.asked.at;
            actor.learn(beaten, context);
            let next = actor.outside.settings.cluster.beat().saturating_sub(took);
            context.run_later(next, Self::beat);
        }));
    }

    /// Nobody can have taken a switch over yet: the margin is left.
    fn ring_at_the_end(&mut self, left: Duration, context: &mut Context<Self>) {
        let alarm = context.run_later(left, |actor, _| {
            if actor.outside.members.roll().tenure.is_over() {
                actor.outside.enforce_tenures();
                actor.tell();
            }
        });
        if let Some(earlier) = self.alarm.replace(alarm) {
            context.cancel_future(earlier);
        }
    }

    /// The tenure is over: what was held under the old id may be another's by now.
    fn rejoin(&mut self, context: &mut Context<Self>) {
        let old = self.outside.members.roll();
        let me = InstanceId(self.outside.entropy.uuid());
        tracing::error!(old = %old.me, new = %me, "this instance could not show that it lives, and joins anew");
        self.outside.enforce_tenures();
        self.former.insert(old.me);
        if self.departing.remove(&old.me) {
            self.departing.insert(me);
        }
        let over = old.over.iter().copied().chain([old.me]).collect();
        self.outside.holdings.forget();
        self.outside.members.publish(Roll::joining(me, Arc::clone(&self.outside.clock), over));
        self.tell();
        self.bury(old.me, context);
    }

    fn bury(&mut self, id: InstanceId, context: &mut Context<Self>) {
        let outside = Arc::clone(&self.outside);
        context.spawn(
            async move {
                if let Err(error) = outside.store.leave(id).await {
                    tracing::debug!(%id, %error, "it stays in the census for now");
                }
            }
            .into_actor(self),
        );
    }

    fn learn(&mut self, beaten: Beaten, context: &mut Context<Self>) {
        reach(FailPoint::MembershipBeaten);
        if self.leaving {
            return;
        }
        let Beaten { me, asked, answer } = beaten;
        match answer {
            Ok(heartbeats) => self.observe(me, asked, &heartbeats, context),
            Err(error) if !self.away => {
                tracing::debug!(%error, "no sign of life could be given; tried again until it can");
                self.away = true;
            }
            Err(_) => {}
        }
        self.tell();
    }

    fn observe(
        &mut self,
        me: InstanceId,
        asked: Asked,
        heartbeats: &[Heartbeat],
        context: &mut Context<Self>,
    ) {
        self.away = false;
        let cluster = &self.outside.settings.cluster;
        let (lease, tenure) = (cluster.lease(), cluster.tenure());
        let members = &self.outside.members;
        for (id, since) in members.take_sought() {
            self.census.seek(id, since);
        }
        self.census.observe(asked, heartbeats);
        self.census.forget(asked.answered, lease);
        let roll = members.roll();
        // Too late, it extends nothing: the next beat joins anew.
        if roll.me == me && roll.tenure.extend(asked.at + tenure) {
            let mut living = self.census.living(lease);
            self.former.retain(|id| living.contains(id));
            self.departing.retain(|id| *id == me || living.contains(id));
            living.retain(|id| !self.former.contains(id) && !self.departing.contains(id));
            let over = self.census.dead(lease).union(&self.former).copied().collect();
            members.publish(Roll { living, over, ..Roll::clone(&roll) });
            self.ring_at_the_end((asked.at + tenure).saturating_sub(asked.answered), context);
        }
        for id in self.census.to_bury(lease) {
            self.bury(id, context);
        }
        let outside = Arc::clone(&self.outside);
        context.spawn(
            async move {
                if let Err(error) = outside.clear_up().await {
                    tracing::debug!(%error, "abandoned leases are given back later");
                }
            }
            .into_actor(self),
        );
    }

    /// Takes one off the roll that is still in the census.
    fn depart(&mut self, id: InstanceId) {
        let members = &self.outside.members;
        let roll = members.roll();
        self.departing.insert(id);
        let living = roll.living.iter().copied().filter(|living| *living != id).collect();
        members.publish(Roll { living, ..Roll::clone(&roll) });
        self.tell();
    }

    /// Tells everyone to look again, if there is anything to see.
    fn tell(&mut self) {
        let roll = self.outside.members.roll();
        let now = Told::of(&roll);
        if self.told.as_ref() != Some(&now) {
            tracing::info!(me = %now.me, living = now.living.len(), gone = now.over.len(), "the members changed");
            self.told = Some(now);
            self.wakes.members_changed();
        }
    }
}

async fn ask(outside: &Outside, me: InstanceId) -> Beaten {
    // Two questions fit a tenure, so that one that gets lost doesn't end it.
    let limit = outside.settings.cluster.tenure() / 2;
    let at = outside.clock.uptime();
    let answer = tokio::time::timeout(limit, outside.store.beat(me)).await;
    let answer = answer.unwrap_or_else(|_| Err(StoreUnavailable("no answer to a beat".into())));
    Beaten { me, asked: Asked { at, answered: outside.clock.uptime() }, answer }
}

impl Actor for Membership {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        if self.outside.store.is_shared() {
            self.beat(context);
        }
    }
}

impl Handler<Leave> for Membership {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Leave, _: &mut Self::Context) -> Self::Result {
        self.leaving = true;
        let (outside, turn) = (Arc::clone(&self.outside), Arc::clone(&self.turn));
        let roll = outside.members.roll();
        // Whoever is still at work writes nothing from here on, and its session doesn't stand in a successor's way.
        roll.tenure.end();
        outside.enforce_tenures();
        let left = async move {
            if outside.store.is_shared() {
                let _turn = turn.lock().await;
                let left = tokio::time::timeout(LEAVING, outside.store.leave(roll.me)).await;
                if !matches!(left, Ok(Ok(()))) {
                    tracing::warn!("the others will wait out the lease: the store did not take the leave");
                }
            }
        };
        Box::pin(left.into_actor(self).map(|(), _, context| context.stop()))
    }
}

impl Handler<PrepareToLeave> for Membership {
    type Result = ();

    fn handle(&mut self, _: PrepareToLeave, _: &mut Self::Context) {
        if self.outside.store.is_shared() {
            let me = self.outside.members.roll().me;
            self.outside.hints.publish(Hint::Leaving(me));
            self.depart(me);
        }
    }
}

impl Handler<OtherIsLeaving> for Membership {
    type Result = ();

    fn handle(&mut self, OtherIsLeaving(id): OtherIsLeaving, _: &mut Self::Context) {
        // A hint is not to be trusted with more than a look: nobody else says when this one stops.
        if id != self.outside.members.roll().me {
            self.depart(id);
        }
    }
}
