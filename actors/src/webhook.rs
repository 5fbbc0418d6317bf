//! The webhook actor: when, and how often, an event is tried.
//!
//! It reads partner streams only, and holds nothing but what is on its way right now: a panic or a kill leaves each
//! event due, in the store, for its successor. One slow or dead endpoint fills its own lane and no other. An
//! attempt that panics is caught and charged to its event: it ends neither this actor nor another event's attempt.
//!
//! What is due for a partner is read together, and what came of attempts is recorded together, as much as there is while the commit
//! before is under way: the busier a lane, the fewer commits an event.
//!
//! A partner's lane is open only where this instance is the preferred one for it; elsewhere it is closed as soon as what is on
//! its way has come to its end, and the lease goes back.

mod deliver;

use crate::domain::ids::{EventId, LeaseEpoch, PartnerId};
use crate::domain::record::Tag;
use crate::fleet::LookAgain;
use crate::membership::{Claim, Holding};
use crate::outside::Outside;
use crate::ports::hints::Hint;
use crate::ports::store::StoreUnavailable;
use crate::ports::webhook::WebhookSender;
use crate::safeguards::{Safeguard, stands};
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture,
    SpawnHandle, WrapFuture,
};
use deliver::{Attempted, Ended, Found, Parcel};
use futures_util::FutureExt as _;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How many times as many events as may be under way to a partner at once are in its lane at most, those included that are
/// read ahead, or were sent and are not on record yet: the way to a partner isn't idle while the store is asked.
const BEHIND: usize = 4;

/// There may be an event for this partner.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WakePartner(pub PartnerId);

/// Let what is on its way come to its end, give the leases back, and end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopDelivery;

/// One partner's way out.
#[derive(Default)]
struct Lane {
    holding: Option<Arc<Holding>>,
    /// All that was read and isn't on record yet: ready, being sent, attempted.
    on_their_way: BTreeSet<EventId>,
    /// To be sent as soon as there is room, under this lease.
    ready: VecDeque<(Arc<Holding>, Parcel)>,
    /// Being sent.
    sending: usize,
    /// What came of those that have ended, for the next commit.
    attempted: Vec<Attempted>,
    recording: bool,
    looking: bool,
    look_again: bool,
    alarm: Option<SpawnHandle>,
}

impl Lane {
    /// What wasn't sent yet is due, in the store, for whoever has the lane next.
    fn leave_ready(&mut self) {
        for (_, parcel) in self.ready.drain(..) {
            self.on_their_way.remove(&parcel.event());
        }
    }
}

/// The actor.
pub struct WebhookActor {
    outside: Arc<Outside>,
    sender: Rc<dyn WebhookSender>,
    lanes: BTreeMap<PartnerId, Lane>,
    /// Being sent, in all lanes.
    sending: usize,
    /// Whom to tell when it has stopped; empty as long as nobody has asked.
    stopping: Vec<oneshot::Sender<()>>,
}

impl WebhookActor {
    /// One with nothing on its way.
    #[must_use]
    pub fn new(outside: Arc<Outside>, sender: Rc<dyn WebhookSender>) -> Self {
        Self { outside, sender, lanes: BTreeMap::new(), sending: 0, stopping: Vec::new() }
    }

    fn may_open(&self, partner: PartnerId) -> bool {
        self.stopping.is_empty() && self.outside.owns(&Tag::Partner(partner))
    }

    fn most(&self) -> usize {
        self.outside.settings.delivery.max_in_flight_per_partner
    }

    /// Looks at what is due for a partner; one look at a time, and another after it if it was asked for meanwhile.
    fn look(&mut self, partner: PartnerId, context: &mut Context<Self>) {
        if !self.may_open(partner) {
            return self.close_lane(partner, context);
        }
        let most = self.most();
        let lane = self.lanes.entry(partner).or_default();
        if lane.looking {
            lane.look_again = true;
            return;
        }
        // Where there is no room, whichever of them is on record first looks again.
        let in_all = (BEHIND * most).saturating_sub(lane.on_their_way.len());
        let room = most.saturating_sub(lane.ready.len()).min(in_all);
        if room == 0 {
            return;
        }
        lane.looking = true;
        let (outside, holding) = (Arc::clone(&self.outside), lane.holding.clone());
        let (asked_under, on_their_way) = (holding.clone(), lane.on_their_way.clone());
        let asked = async move { due(&outside, partner, holding, room, &on_their_way).await };
        context.spawn(asked.into_actor(self).map(move |found, actor, context| {
            let lane = actor.lanes.entry(partner).or_default();
            lane.looking = false;
            let again = std::mem::take(&mut lane.look_again);
            let was_lost = asked_under
                .is_some_and(|held| !lane.holding.as_ref().is_some_and(|now| Arc::ptr_eq(now, &held)));
            match found {
                // The lease was lost meanwhile: what was found under it is another's, or looked at anew.
                Ok(Some(_)) if was_lost => {}
                Ok(Some((holding, found))) => {
                    lane.holding = Some(Arc::clone(&holding));
                    actor.make_ready(partner, &holding, found, context);
                }
                Ok(None) => {}
                Err(error) => tracing::debug!(%partner, %error, "the sweep asks for due events again"),
            }
            if again || !actor.may_open(partner) {
                actor.look(partner, context);
            }
        }));
    }

    fn make_ready(
        &mut self,
        partner: PartnerId,
        holding: &Arc<Holding>,
        found: Found,
        context: &mut Context<Self>,
    ) {
        if !self.may_open(partner) {
            return;
        }
        if let Some(due) = found.look_at {
            let wait = Duration::from_millis(due.millis_since(self.outside.clock.now()));
            let alarm = context.run_later(wait, move |actor, context| actor.look(partner, context));
            let earlier = self.lanes.entry(partner).or_default().alarm.replace(alarm);
            if let Some(earlier) = earlier {
                context.cancel_future(earlier);
            }
        }
        let lane = self.lanes.entry(partner).or_default();
        for parcel in found.parcels {
            lane.on_their_way.insert(parcel.event());
            lane.ready.push_back((Arc::clone(holding), parcel));
        }
        self.send_ready(partner, context);
    }

    /// Sends what is ready, as much as may be under way at once.
    fn send_ready(&mut self, partner: PartnerId, context: &mut Context<Self>) {
        let (most, of_all) = (self.most(), self.outside.settings.delivery.max_in_flight);
        while self.sending < of_all
            && let Some(lane) = self.lanes.get_mut(&partner)
            && lane.sending < most
            && let Some((holding, parcel)) = lane.ready.pop_front()
        {
            lane.sending += 1;
            self.sending += 1;
            self.send(partner, holding, parcel, context);
        }
    }

    fn send(
        &mut self,
        partner: PartnerId,
        holding: Arc<Holding>,
        parcel: Parcel,
        context: &mut Context<Self>,
    ) {
        let (outside, sender) = (Arc::clone(&self.outside), Rc::clone(&self.sender));
        let (event, lease) = (parcel.event(), holding.lease);
        let sent = async move {
            let attempt = deliver::attempt(&outside, &*sender, parcel, &holding);
            // All that it shares with others is the store and the sender, neither of which keeps a half-made change.
            match AssertUnwindSafe(attempt).catch_unwind().await {
                Ok(attempted) => attempted,
                Err(_) => Err(deliver::charge_panic(&outside, partner, event, lease).await),
            }
        };
        context.spawn(sent.into_actor(self).map(move |sent, actor, context| {
            let was_full = actor.sending >= actor.outside.settings.delivery.max_in_flight;
            let lane = actor.lanes.entry(partner).or_default();
            lane.sending -= 1;
            actor.sending -= 1;
            match sent {
                Ok(attempted) => {
                    lane.attempted.push(attempted);
                    actor.record(partner, context);
                }
                Err(ended) => actor.have_ended(partner, lease, &[(event, ended)], context),
            }
            actor.send_ready(partner, context);
            if was_full {
                let lanes: Vec<_> = actor.lanes.keys().copied().collect();
                lanes.into_iter().for_each(|partner| actor.send_ready(partner, context));
            }
        }));
    }

    /// Puts on record what came of all attempts that have ended; one commit at a time, and what ends meanwhile goes with the next.
    fn record(&mut self, partner: PartnerId, context: &mut Context<Self>) {
        let lane = self.lanes.entry(partner).or_default();
        let Some(lease) = lane.attempted.first().map(|one| one.lease).filter(|_| !lane.recording) else {
            return;
        };
        lane.recording = true;
        let batch: Vec<_> = lane.attempted.extract_if(.., |one| one.lease == lease).collect();
        let outside = Arc::clone(&self.outside);
        let recorded = async move { deliver::record(&outside, partner, lease, &batch).await };
        context.spawn(recorded.into_actor(self).map(move |ended, actor, context| {
            actor.lanes.entry(partner).or_default().recording = false;
            actor.record(partner, context);
            actor.have_ended(partner, lease, &ended, context);
        }));
    }

    fn have_ended(
        &mut self,
        partner: PartnerId,
        lease: LeaseEpoch,
        ended: &[(EventId, Ended)],
        context: &mut Context<Self>,
    ) {
        let lane = self.lanes.entry(partner).or_default();
        for (event, _) in ended {
            lane.on_their_way.remove(event);
        }
        if ended.iter().any(|(_, ended)| *ended == Ended::Fenced)
            && let Some(holding) = lane.holding.take_if(|holding| holding.lease == lease)
        {
            holding.lost();
            lane.leave_ready();
        }
        // Looking again at once would find the same as it was left: the sweep comes back to it.
        if ended.iter().any(|(_, ended)| *ended != Ended::LeftDue) || !self.may_open(partner) {
            self.look(partner, context);
        }
    }

    /// Closes a lane that is another's, once nothing is on its way in it, and gives its lease back.
    fn close_lane(&mut self, partner: PartnerId, context: &mut Context<Self>) {
        let Some(lane) = self.lanes.get_mut(&partner) else { return };
        lane.leave_ready();
        if lane.looking || !lane.on_their_way.is_empty() {
            return;
        }
        lane.looking = true;
        if let Some(alarm) = lane.alarm.take() {
            context.cancel_future(alarm);
        }
        let (outside, holding) = (Arc::clone(&self.outside), lane.holding.take());
        let closed = async move {
            let Some(holding) = holding else { return };
            match outside.give_back(&Tag::Partner(partner), &holding).await {
                Ok(()) => outside.hints.publish(Hint::Partner(partner)),
                Err(error) => tracing::debug!(%partner, %error, "a lane's lease is given back later"),
            }
        };
        context.spawn(closed.into_actor(self).map(move |(), actor, context| {
            let again = actor.lanes.remove(&partner).is_some_and(|lane| lane.look_again);
            if again && actor.stopping.is_empty() {
                actor.look(partner, context);
            }
            actor.end_if_done(context);
        }));
    }

    fn end_if_done(&mut self, context: &mut Context<Self>) {
        if !self.stopping.is_empty() && self.lanes.is_empty() {
            for told in self.stopping.drain(..) {
                // Who asked may have lost patience.
                let _ = told.send(());
            }
            context.stop();
        }
    }

    fn close_lanes_of_others(&mut self, context: &mut Context<Self>) {
        let others: Vec<_> = self.lanes.keys().copied().filter(|partner| !self.may_open(*partner)).collect();
        others.into_iter().for_each(|partner| self.close_lane(partner, context));
    }

    /// Asks the store for events whose wake was lost, or that were there before this process.
    fn sweep(&mut self, context: &mut Context<Self>) {
        if !stands(Safeguard::Sweep) {
            return;
        }
        let outside = Arc::clone(&self.outside);
        let asked = async move { outside.store.partners_with_due().await };
        context.spawn(asked.into_actor(self).map(|partners, actor, context| match partners {
            Ok(partners) => {
                let ours = partners.into_iter().filter(|partner| actor.may_open(*partner));
                ours.collect::<Vec<_>>().into_iter().for_each(|partner| actor.look(partner, context));
            }
            Err(error) => tracing::debug!(%error, "the sweep for events is asked again"),
        }));
    }
}

/// What is due, under the lane's lease; `None` when the lane is another's.
async fn due(
    outside: &Outside,
    partner: PartnerId,
    holding: Option<Arc<Holding>>,
    room: usize,
    on_their_way: &BTreeSet<EventId>,
) -> Result<Option<(Arc<Holding>, Found)>, StoreUnavailable> {
    let holding = match holding {
        Some(holding) => holding,
        None => match outside.claim(&Tag::Partner(partner)).await? {
            Claim::Ours(holding) => holding,
            // Whoever has it gives a hint when it gives it back; else the sweep comes back to it.
            Claim::Others | Claim::NotForUs => return Ok(None),
        },
    };
    let found = deliver::find_due(outside, partner, room, on_their_way).await?;
    Ok(Some((holding, found)))
}

impl Actor for WebhookActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.sweep(context);
        let every = Duration::from_millis(self.outside.settings.delivery.sweep_ms);
        context.run_interval(every, Self::sweep);
    }
}

impl Handler<WakePartner> for WebhookActor {
    type Result = ();

    fn handle(&mut self, WakePartner(partner): WakePartner, context: &mut Self::Context) {
        self.look(partner, context);
    }
}

impl Handler<LookAgain> for WebhookActor {
    type Result = ();

    fn handle(&mut self, _: LookAgain, context: &mut Self::Context) {
        self.close_lanes_of_others(context);
        self.sweep(context);
    }
}

impl Handler<StopDelivery> for WebhookActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: StopDelivery, context: &mut Self::Context) -> Self::Result {
        let (stopped, ended) = oneshot::channel();
        self.stopping.push(stopped);
        self.close_lanes_of_others(context);
        self.end_if_done(context);
        Box::pin(async move {
            // An actor that is gone has stopped.
            let _ = ended.await;
        })
    }
}
