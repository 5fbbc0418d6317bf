//! The graph: which actors there are, on which threads, and the doors between them.
//!
//! One thread accepts checkouts and sends webhooks; the fleets, one a core unless configured otherwise, have threads of
//! their own, so that SSH cryptography never stands in the way of an answer. Nothing outside this module knows how many
//! there are.

use crate::archivist::Archivist;
use crate::checkout::CheckoutActor;
use crate::domain::ids::{PartnerId, SwitchId};
use crate::fleet::{Fleet, ReleaseSwitch, Share, StopFleet, WakeSwitch};
use crate::outside::{Outside, Wakes};
use crate::ports::webhook::WebhookSender;
use crate::provisioning::Provisioning;
use crate::supervision::{Door, RestartWaits, keep};
use crate::webhook::{WakePartner, WebhookActor};
use actix_rt::Arbiter;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The doors, as hints go through them. A hint for someone who is being restarted is lost, and does no harm.
struct Doors {
    fleets: Vec<Door<Fleet>>,
    webhook: Door<WebhookActor>,
}

impl Doors {
    fn fleet_of(&self, switch: &SwitchId) -> &Door<Fleet> {
        &self.fleets[Share::index_for(switch, self.fleets.len())]
    }
}

impl Wakes for Doors {
    fn switch(&self, switch: &SwitchId) {
        if let Some(fleet) = self.fleet_of(switch).addr() {
            fleet.do_send(WakeSwitch(switch.clone()));
        }
    }

    fn partner(&self, partner: PartnerId) {
        if let Some(webhook) = self.webhook.addr() {
            webhook.do_send(WakePartner(partner));
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
        let supervision = &outside.settings.supervision;
        let waits = RestartWaits {
            first: Duration::from_millis(supervision.first_restart_ms),
            longest: Duration::from_millis(supervision.longest_restart_ms),
        };
        let fleets = (0..shares).map(|_| Door::default()).collect();
        let doors = Arc::new(Doors { fleets, webhook: Door::default() });
        let checkout = Door::default();
        let provisioning = Provisioning::new(Arc::clone(&outside.store), checkout.clone());

        let (ours, wakes) = (Arc::clone(&outside), Arc::clone(&doors));
        threads.with_another(move || start_edge_actors(ours, wakes, checkout, waits, &sender));
        for index in 0..shares {
            let share = Share { index, of: shares };
            let (ours, wakes) = (Arc::clone(&outside), Arc::clone(&doors));
            threads.with_another(move || start_fleet(ours, wakes, share, waits));
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

    /// The operator's doors.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator { doors: Arc::clone(&self.doors) }
    }

    /// Lets every supervisor come to a safe point, for at most `patience`, and ends all threads. What was under way is
    /// in the store, and is taken up at the next start.
    pub async fn stop(self, patience: Duration) {
        let fleets: Vec<_> = self.doors.fleets.iter().filter_map(Door::addr).collect();
        let stopped = async {
            for fleet in fleets {
                // A fleet that is gone has stopped.
                let _ = fleet.send(StopFleet).await;
            }
        };
        if tokio::time::timeout(patience, stopped).await.is_err() {
            tracing::warn!(
                patience_ms = patience.as_millis(),
                "some switches were still at work when the patience ended"
            );
        }
        for arbiter in self.arbiters {
            arbiter.stop();
            let _ = arbiter.join();
        }
    }
}

fn start_edge_actors(
    outside: Arc<Outside>,
    doors: Arc<Doors>,
    checkout: Door<CheckoutActor>,
    waits: RestartWaits,
    sender: &dyn Fn() -> Rc<dyn WebhookSender>,
) {
    let (for_webhook, sender, webhook) = (Arc::clone(&outside), sender(), doors.webhook.clone());
    let for_archivist = Arc::clone(&outside);
    actix_rt::spawn(keep("archivist", Door::default(), waits, move || {
        Archivist::new(Arc::clone(&for_archivist))
    }));
    actix_rt::spawn(keep("checkout", checkout, waits, move || {
        CheckoutActor::new(Arc::clone(&outside), Arc::clone(&doors) as Arc<dyn Wakes>)
    }));
    actix_rt::spawn(keep("webhook", webhook, waits, move || {
        WebhookActor::new(Arc::clone(&for_webhook), Rc::clone(&sender))
    }));
}

fn start_fleet(outside: Arc<Outside>, doors: Arc<Doors>, share: Share, waits: RestartWaits) {
    let door = doors.fleets[share.index].clone();
    actix_rt::spawn(keep("fleet", door, waits, move || {
        Fleet::new(Arc::clone(&outside), Arc::clone(&doors) as Arc<dyn Wakes>, share)
    }));
}

/// What an operator may ask of the graph.
#[derive(Clone)]
pub struct Operator {
    doors: Arc<Doors>,
}

impl Operator {
    /// Releases a switch from quarantine; its queue goes on.
    pub fn release(&self, switch: &SwitchId) {
        if let Some(fleet) = self.doors.fleet_of(switch).addr() {
            fleet.do_send(ReleaseSwitch(switch.clone()));
        }
    }

    /// Tells the webhook actor that a partner's stream changed.
    pub fn wake_partner(&self, partner: PartnerId) {
        self.doors.partner(partner);
    }
}
