//! The graph: which actors there are, on which threads, and the doors between them.
//!
//! One thread accepts checkouts and sends webhooks; the fleets, one a core unless configured otherwise, have threads of
//! their own, so that SSH cryptography never stands in the way of an answer. Nothing outside this module knows how many
//! there are. What is another instance's to know goes out as a hint, and its hints come in through the same doors.

use crate::archivist::Archivist;
use crate::checkout::CheckoutActor;
use crate::domain::drift::{CheckOrder, Consent};
use crate::domain::ids::{PartnerId, SwitchId};
use crate::domain::record::Tag;
use crate::domain::restart::RestartPolicy;
use crate::fleet::{Fleet, LookAgain, Share, StopFleet, WakeSwitch};
use crate::logins::LoginsPaused;
use crate::membership::{Leave, Membership, OtherIsLeaving, PrepareToLeave};
use crate::outside::{Outside, Wakes};
use crate::ports::hints::Hint;
use crate::ports::store::CommitError;
use crate::ports::webhook::WebhookSender;
use crate::provisioning::Provisioning;
use crate::release::{HostKeyOnRecord, release};
use crate::supervision::{Door, keep};
use crate::surveyor::{self, OrderError, Surveyor};
use crate::webhook::{StopDelivery, WakePartner, WebhookActor};
use actix_rt::Arbiter;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// The doors, as hints go through them. A hint for someone who is being restarted is lost, and does no harm.
struct Doors {
    outside: Arc<Outside>,
    membership: Door<Membership>,
    fleets: Vec<Door<Fleet>>,
    webhook: Door<WebhookActor>,
}

impl Doors {
    fn fleet_of(&self, switch: &SwitchId) -> &Door<Fleet> {
        &self.fleets[Share::index_for(switch, self.fleets.len())]
    }

    fn wake_fleet(&self, switch: &SwitchId) {
        if let Some(fleet) = self.fleet_of(switch).addr() {
            fleet.do_send(WakeSwitch(switch.clone()));
        }
    }

    fn wake_webhook(&self, partner: PartnerId) {
        if let Some(webhook) = self.webhook.addr() {
            webhook.do_send(WakePartner(partner));
        }
    }

    /// What another instance tells. Who isn't concerned ignores it.
    fn heard(&self, hint: &Hint) {
        match hint {
            Hint::Switch(switch) | Hint::Released(switch) => self.wake_fleet(switch),
            Hint::Partner(partner) => self.wake_webhook(*partner),
            // A switch that was not in it may have work.
            Hint::Inventory => self.members_changed(),
            Hint::Leaving(instance) => {
                if let Some(membership) = self.membership.addr() {
                    membership.do_send(OtherIsLeaving(*instance));
                }
            }
        }
    }
}

/// Passes on what other instances tell, until there is nobody left who could.
async fn hear(doors: Arc<Doors>, mut hints: Receiver<Hint>) {
    loop {
        match hints.recv().await {
            Ok(hint) => doors.heard(&hint),
            Err(RecvError::Lagged(missed)) => {
                tracing::debug!(missed, "hints were missed: everyone looks again");
                doors.members_changed();
            }
            Err(RecvError::Closed) => return,
        }
    }
}

impl Wakes for Doors {
    fn switch(&self, switch: &SwitchId) {
        if self.outside.owns(&Tag::Switch(switch.clone())) {
            self.wake_fleet(switch);
        } else {
            self.outside.hints.publish(Hint::Switch(switch.clone()));
        }
    }

    fn partner(&self, partner: PartnerId) {
        if self.outside.owns(&Tag::Partner(partner)) {
            self.wake_webhook(partner);
        } else {
            self.outside.hints.publish(Hint::Partner(partner));
        }
    }

    fn members_changed(&self) {
        for fleet in self.fleets.iter().filter_map(Door::addr) {
            fleet.do_send(LookAgain);
        }
        if let Some(webhook) = self.webhook.addr() {
            webhook.do_send(LookAgain);
        }
    }
}

/// The running graph.
pub struct Graph {
    arbiters: Vec<Arbiter>,
    doors: Arc<Doors>,
    provisioning: Provisioning,
}

/// Where actors run.
enum Threads {
    /// Each arbiter a thread of its own.
    Own(Vec<Arbiter>),
    /// All on the caller's.
    #[cfg(any(test, feature = "testing"))]
    This,
}

impl Threads {
    /// Runs `start` where the next actors are to live.
    fn with_another(&mut self, start: impl FnOnce() + Send + 'static) {
        match self {
            Self::Own(arbiters) => {
                let arbiter = Arbiter::new();
                arbiter.spawn_fn(start);
                arbiters.push(arbiter);
            }
            #[cfg(any(test, feature = "testing"))]
            Self::This => start(),
        }
    }
}

impl Graph {
    /// Starts every actor. `sender` makes the webhook sender on the thread where it lives. Must be called inside an
    /// actix system.
    #[must_use]
    pub fn start<S>(outside: Arc<Outside>, sender: S) -> Self
    where
        S: Fn() -> Rc<dyn WebhookSender> + Send + 'static,
    {
        let threads = outside.settings.supervision.threads;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::wire(outside, sender, if threads == 0 { cores } else { threads }, Threads::Own(Vec::new()))
    }

    /// The same graph on the caller's thread, where a test can pause the time.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn start_here<S>(outside: Arc<Outside>, sender: S) -> Self
    where
        S: Fn() -> Rc<dyn WebhookSender> + Send + 'static,
    {
        Self::wire(outside, sender, 1, Threads::This)
    }

    fn wire<S>(outside: Arc<Outside>, sender: S, shares: usize, mut threads: Threads) -> Self
    where
        S: Fn() -> Rc<dyn WebhookSender> + Send + 'static,
    {
        let policy = outside.settings.supervision.restart_policy();
        let fleets = (0..shares).map(|_| Door::default()).collect();
        let doors = Doors {
            outside: Arc::clone(&outside),
            membership: Door::default(),
            fleets,
            webhook: Door::default(),
        };
        let doors = Arc::new(doors);
        let checkout = Door::default();
        let provisioning = Provisioning::new(Arc::clone(&outside.store), checkout.clone());

        let (ours, wakes) = (Arc::clone(&outside), Arc::clone(&doors));
        threads.with_another(move || start_edge_actors(ours, wakes, checkout, policy, &sender));
        for index in 0..shares {
            let share = Share { index, of: shares };
            let (ours, wakes) = (Arc::clone(&outside), Arc::clone(&doors));
            threads.with_another(move || start_fleet(ours, wakes, share, policy));
        }
        let arbiters = match threads {
            Threads::Own(arbiters) => arbiters,
            #[cfg(any(test, feature = "testing"))]
            Threads::This => Vec::new(),
        };
        Self { arbiters, doors, provisioning }
    }

    /// The edge's only door.
    #[must_use]
    pub fn provisioning(&self) -> Provisioning {
        self.provisioning.clone()
    }

    /// How many instances share the work, as far as this one knows.
    #[must_use]
    pub fn living(&self) -> usize {
        self.doors.outside.members.roll().living.len()
    }

    /// The operator's doors.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator { doors: Arc::clone(&self.doors) }
    }

    /// Lets every supervisor come to a safe point, for at most `patience`, hands everything over, and ends all threads.
    pub async fn stop(self, patience: Duration) {
        self.come_to_rest(patience).await;
        self.end().await;
    }

    /// Takes up nothing more, lets every supervisor and webhook come to a safe point, for at most `patience`, and hands
    /// everything over. Checkouts are still accepted: others take them up.
    pub async fn come_to_rest(&self, patience: Duration) {
        if let Some(membership) = self.doors.membership.addr() {
            // Gone already, it has left.
            let _ = membership.send(PrepareToLeave).await;
        }
        if tokio::time::timeout(patience, self.all_at_rest()).await.is_err() {
            tracing::warn!(
                patience_ms = patience.as_millis(),
                "some switches or webhooks were still at work when the patience ended"
            );
        }
    }

    /// Leaves the others, and ends all threads. What is still under way is in the store, and is taken up by another
    /// instance, or at the next start.
    pub async fn end(self) {
        if let Some(membership) = self.doors.membership.addr() {
            // Gone already, it has left.
            let _ = membership.send(Leave).await;
        }
        for arbiter in self.arbiters {
            arbiter.stop();
            let _ = arbiter.join();
        }
    }

    async fn all_at_rest(&self) {
        let fleets = self.doors.fleets.iter().filter_map(Door::addr).map(|fleet| fleet.send(StopFleet));
        let webhook = self.doors.webhook.addr().map(|webhook| webhook.send(StopDelivery));
        // Who is gone has stopped.
        let (_, _) = tokio::join!(
            futures_util::future::join_all(fleets),
            futures_util::future::OptionFuture::from(webhook)
        );
    }
}

fn start_edge_actors(
    outside: Arc<Outside>,
    doors: Arc<Doors>,
    checkout: Door<CheckoutActor>,
    policy: RestartPolicy,
    sender: &dyn Fn() -> Rc<dyn WebhookSender>,
) {
    let (for_webhook, sender, webhook) = (Arc::clone(&outside), sender(), doors.webhook.clone());
    let for_archivist = Arc::clone(&outside);
    actix_rt::spawn(keep("archivist", Door::default(), policy, move || {
        Archivist::new(Arc::clone(&for_archivist))
    }));
    let (for_surveyor, wakes) = (Arc::clone(&outside), Arc::clone(&doors));
    actix_rt::spawn(keep("surveyor", Door::default(), policy, move || {
        Surveyor::new(Arc::clone(&for_surveyor), Arc::clone(&wakes) as Arc<dyn Wakes>)
    }));
    let (for_membership, all, membership) =
        (Arc::clone(&outside), Arc::clone(&doors), doors.membership.clone());
    if outside.store.is_shared() {
        actix_rt::spawn(hear(Arc::clone(&doors), outside.hints.subscribe()));
    }
    actix_rt::spawn(keep("membership", membership, policy, move || {
        Membership::new(Arc::clone(&for_membership), Arc::clone(&all) as Arc<dyn Wakes>)
    }));
    actix_rt::spawn(keep("checkout", checkout, policy, move || {
        CheckoutActor::new(Arc::clone(&outside), Arc::clone(&doors) as Arc<dyn Wakes>)
    }));
    actix_rt::spawn(keep("webhook", webhook, policy, move || {
        WebhookActor::new(Arc::clone(&for_webhook), Rc::clone(&sender))
    }));
}

fn start_fleet(outside: Arc<Outside>, doors: Arc<Doors>, share: Share, policy: RestartPolicy) {
    let door = doors.fleets[share.index].clone();
    actix_rt::spawn(keep("fleet", door, policy, move || {
        Fleet::new(Arc::clone(&outside), Arc::clone(&doors) as Arc<dyn Wakes>, share)
    }));
}

/// What an operator may ask of the graph.
#[derive(Clone)]
pub struct Operator {
    doors: Arc<Doors>,
}

impl Operator {
    /// Releases a switch from quarantine, and the ports that were set aside, on record, whoever has it; its queue goes on when
    /// they look.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn release(&self, switch: &SwitchId) -> Result<(), CommitError> {
        self.release_with(switch, HostKeyOnRecord::Stays).await
    }

    /// The same, and says what becomes of the host key that it showed on first contact: forgotten, the next one may be another.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn release_with(
        &self,
        switch: &SwitchId,
        host_key: HostKeyOnRecord,
    ) -> Result<(), CommitError> {
        let outside = &self.doors.outside;
        release(&*outside.store, &*outside.clock, &*outside.entropy, switch, host_key).await?;
        outside.hints.publish(Hint::Released(switch.clone()));
        self.doors.wake_fleet(switch);
        Ok(())
    }

    /// Has a switch's managed ports checked, whoever has it. `consent` says what may be repaired.
    ///
    /// # Errors
    /// [`OrderError`].
    pub async fn check(&self, switch: &SwitchId, consent: Consent) -> Result<(), OrderError> {
        let outside = &self.doors.outside;
        let order = CheckOrder { at: outside.clock.now(), consent };
        surveyor::order(&*outside.store, &*outside.entropy, switch, order).await?;
        outside.hints.publish(Hint::Switch(switch.clone()));
        self.doors.wake_fleet(switch);
        Ok(())
    }

    /// Whether this instance opens no sessions since many switches refuse their logins.
    #[must_use]
    pub fn logins_paused(&self) -> Option<LoginsPaused> {
        self.doors.outside.logins.paused()
    }

    /// Tells every instance that the inventory changed: what waits for a switch that was not in it is looked at again.
    pub fn inventory_changed(&self) {
        self.doors.outside.hints.publish(Hint::Inventory);
        self.doors.members_changed();
    }

    /// Tells whoever has the partner's stream that it changed.
    pub fn wake_partner(&self, partner: PartnerId) {
        self.doors.partner(partner);
    }
}
