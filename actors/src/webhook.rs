//! The webhook actor: when, and how often, an event is tried.
//!
//! It reads partner streams only, and holds nothing but what is on its way right now: a panic or a kill leaves each
//! event due or being sent, in the store, for its successor. One slow or dead endpoint fills its own lane and no other.

mod deliver;

use crate::domain::ids::{EventId, LeaseEpoch, PartnerId};
use crate::domain::record::{Index, Tag};
use crate::outside::Outside;
use crate::ports::store::{Claimed, Member, StoreUnavailable};
use crate::ports::webhook::WebhookSender;
use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture};
use deliver::Ended;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// There may be an event for this partner.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WakePartner(pub PartnerId);

/// One partner's way out.
#[derive(Default)]
struct Lane {
    lease: Option<LeaseEpoch>,
    on_their_way: HashSet<EventId>,
    looking: bool,
    look_again: bool,
    alarm: Option<SpawnHandle>,
}

/// The actor.
pub struct WebhookActor {
    outside: Arc<Outside>,
    sender: Rc<dyn WebhookSender>,
    lanes: HashMap<PartnerId, Lane>,
    on_their_way: usize,
}

impl WebhookActor {
    /// One with nothing on its way.
    #[must_use]
    pub fn new(outside: Arc<Outside>, sender: Rc<dyn WebhookSender>) -> Self {
        Self { outside, sender, lanes: HashMap::new(), on_their_way: 0 }
    }

    /// Looks at what is due for a partner; one look at a time, and another after it if it was asked for meanwhile.
    fn look(&mut self, partner: PartnerId, context: &mut Context<Self>) {
        let most = self.outside.settings.delivery.max_in_flight_per_partner;
        let lane = self.lanes.entry(partner).or_default();
        if lane.looking {
            lane.look_again = true;
            return;
        }
        lane.looking = true;
        let (outside, lease) = (Arc::clone(&self.outside), lane.lease);
        // What is on its way stands in the index too: look far enough to see past it.
        let limit = most + lane.on_their_way.len();
        let asked = async move { due(&outside, partner, lease, limit).await };
        context.spawn(asked.into_actor(self).map(move |found, actor, context| {
            let lane = actor.lanes.entry(partner).or_default();
            lane.looking = false;
            let again = std::mem::take(&mut lane.look_again);
            match found {
                Ok((lease, members)) => {
                    lane.lease = Some(lease);
                    actor.send_due(partner, lease, &members, context);
                }
                Err(error) => tracing::warn!(%partner, %error, "the sweep asks for due events again"),
            }
            if again {
                actor.look(partner, context);
            }
        }));
    }

    fn send_due(
        &mut self,
        partner: PartnerId,
        lease: LeaseEpoch,
        members: &[Member],
        context: &mut Context<Self>,
    ) {
        let now = self.outside.clock.now();
        let limits = self.outside.settings.delivery.clone();
        for Member { member, score } in members {
            let Ok(event) = member.parse().map(EventId) else { continue };
            let lane = self.lanes.entry(partner).or_default();
            if lane.on_their_way.contains(&event) {
                continue;
            }
            if *score > now.0 {
                let wait = Duration::from_millis(score - now.0);
                let alarm = context.run_later(wait, move |actor, context| actor.look(partner, context));
                if let Some(earlier) = lane.alarm.replace(alarm) {
                    context.cancel_future(earlier);
                }
                return;
            }
            let full = lane.on_their_way.len() >= limits.max_in_flight_per_partner;
            if full || self.on_their_way >= limits.max_in_flight {
                return;
            }
            lane.on_their_way.insert(event);
            self.on_their_way += 1;
            self.send(partner, event, lease, context);
        }
    }

    fn send(&mut self, partner: PartnerId, event: EventId, lease: LeaseEpoch, context: &mut Context<Self>) {
        let (outside, sender) = (Arc::clone(&self.outside), Rc::clone(&self.sender));
        let sent = async move { deliver::deliver(&outside, &*sender, partner, event, lease).await };
        context.spawn(sent.into_actor(self).map(move |ended, actor, context| {
            actor.lanes.entry(partner).or_default().on_their_way.remove(&event);
            let was_full = actor.on_their_way >= actor.outside.settings.delivery.max_in_flight;
            actor.on_their_way -= 1;
            match ended {
                Ended::Recorded if was_full => actor.sweep(context),
                Ended::Recorded => actor.look(partner, context),
                // Looking again at once would find the same: the sweep comes back to it.
                Ended::LeftDue => {}
            }
        }));
    }

    /// Asks the store for events whose wake was lost, or that were there before this process.
    fn sweep(&mut self, context: &mut Context<Self>) {
        let outside = Arc::clone(&self.outside);
        let asked = async move { outside.store.partners_with_due().await };
        context.spawn(asked.into_actor(self).map(|partners, actor, context| match partners {
            Ok(partners) => partners.into_iter().for_each(|partner| actor.look(partner, context)),
            Err(error) => tracing::warn!(%error, "the sweep for events is asked again"),
        }));
    }
}

async fn due(
    outside: &Outside,
    partner: PartnerId,
    lease: Option<LeaseEpoch>,
    limit: usize,
) -> Result<(LeaseEpoch, Vec<Member>), StoreUnavailable> {
    let lease = match lease {
        Some(lease) => lease,
        None => {
            let tag = Tag::Partner(partner);
            match outside.store.claim_lease(&tag, outside.instance, None).await? {
                Claimed::Taken(lease) => lease,
                Claimed::Held { by } => return Err(StoreUnavailable(format!("{tag} is held by {by}"))),
            }
        }
    };
    Ok((lease, outside.store.members(&Index::Due(partner), limit).await?))
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
