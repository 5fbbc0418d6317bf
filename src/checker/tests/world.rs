//! A small world's history, written down as its witnesses would have seen it: 20 checkouts of two partners over three switches,
//! one a second. What is special about a checkout is in the list of [`World::clean`].

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::super::history::*;
use super::super::moment::{Moment, Span};
use super::super::request::{Mac, Request};

pub const CHECKOUTS: usize = 20;
pub const PLAIN: usize = 1;
pub const REPEATED: usize = 3;
pub const MISMATCHED: usize = 4;
pub const FIRST_UNAVAILABLE: usize = 5;
pub const FIRST_UNANSWERED: usize = 6;
pub const FAILED: usize = 7;
pub const DELIVERED_TWICE: usize = 8;
pub const HOME_DROP: usize = 9;
pub const DEAD_LETTER: usize = 10;
pub const RETRIED: usize = 11;
pub const FIRST_REFUSED: usize = 12;
/// Of the other partner.
pub const FOREIGN: usize = 13;

pub const PARTNERS: [Uuid; 2] = [Uuid::from_u128(0xA1), Uuid::from_u128(0xA2)];
pub const SECRETS: [&str; 2] = ["whsec-of-the-first", "whsec-of-the-second"];
pub const API_KEY: &str = "sy_live_0123456789abcdef";
pub const VLAN: u16 = 142;
const UNIT: Uuid = Uuid::from_u128(0xC1);

pub fn job_id(n: usize) -> Uuid {
    Uuid::from_u128(0x1000 + n as u128)
}

/// The job that a retry made.
pub fn second_job_id(n: usize) -> Uuid {
    Uuid::from_u128(0x1100 + n as u128)
}

pub fn subscription_id(n: usize) -> Uuid {
    Uuid::from_u128(0x2000 + n as u128)
}

pub fn partner(n: usize) -> Uuid {
    PARTNERS[usize::from(n >= FOREIGN)]
}

fn plan(n: usize) -> Uuid {
    Uuid::from_u128(0xB1 + u128::from(n >= FOREIGN))
}

fn location(n: usize) -> String {
    format!("{n:010x}")
}

pub fn place(n: usize) -> Place {
    Place { switch: format!("sw-{}", n % 3), port: format!("Gi1/0/{}", n / 3 + 1) }
}

fn mac(n: usize) -> Option<String> {
    n.is_multiple_of(2).then(|| format!("02:00:00:00:00:{n:02X}"))
}

/// So many milliseconds into the second of a checkout.
pub fn at(n: usize, millis: u64) -> Moment {
    Moment::of_millis(1_000 * n as u64 + millis)
}

pub fn factory() -> PortState {
    PortState { enabled: true, vlan: 1, down_kbps: None, up_kbps: None, macs: BTreeSet::new() }
}

pub fn live(n: usize) -> PortState {
    let macs = mac(n).iter().filter_map(|mac| Mac::parse(mac)).collect();
    PortState { enabled: true, vlan: VLAN, down_kbps: Some(100_000), up_kbps: Some(20_000), macs }
}

pub struct World {
    pub history: History,
}

impl World {
    /// Nothing in it is wrong.
    pub fn clean() -> Self {
        let mut world = Self { history: History { ending: Ending::Drained, ..History::default() } };
        world.settle();
        for n in 0..CHECKOUTS {
            world.checks_out(n);
        }
        let log = (0..CHECKOUTS).map(|n| format!("job {} is on its way\n", job_id(n))).collect();
        world.history.texts.push(Text { place: "service.log".into(), text: log });
        world
    }

    fn settle(&mut self) {
        for (n, id) in PARTNERS.into_iter().enumerate() {
            let secret = Secret { name: format!("webhook secret {n}"), value: SECRETS[n].into() };
            let secrets = vec![WebhookSecret { secret, valid: Span::since(Moment(0)) }];
            self.history.partners.push(Partner { id, secrets });
        }
        for n in [0, FOREIGN] {
            let plan = Plan { id: plan(n), vlan: VLAN, down_kbps: Some(100_000), up_kbps: Some(20_000) };
            self.history.plans.push(plan);
        }
        self.history.secrets.push(Secret { name: "API key".into(), value: API_KEY.into() });
        for n in 0..CHECKOUTS + 3 {
            let port = Port { before: Some(factory()), running: Some(factory()), ..Port::default() };
            self.history.ports.insert(place(n), port);
            self.history.locations.insert(location(n), place(n));
        }
    }

    fn checks_out(&mut self, n: usize) {
        match n {
            HOME_DROP => return self.drops_home(n),
            FIRST_UNAVAILABLE => self.asks(n, 0, unavailable(at(n, 2))),
            FIRST_UNANSWERED => self.asks(n, 0, Reply::Nothing { given_up: at(n, 2) }),
            FIRST_REFUSED => self.asks(n, 0, refused(at(n, 2), 404, "Plan version not found")),
            _ => {}
        }
        self.asks(n, 5, accepted(n, at(n, 10), false));
        self.visits(n, 100);
        match n {
            FAILED => return self.fails(n, job_id(n), 300),
            RETRIED => {
                self.fails(n, job_id(n), 300);
                self.calls(n, Intent::Retry, 400, Some(second_job_id(n)));
                self.visits(n, 500);
                return self.completes(n, second_job_id(n), 600);
            }
            REPEATED => self.asks(n, 500, accepted(n, at(n, 510), true)),
            MISMATCHED => self.asks_otherwise(n, 500, mismatched(n, at(n, 510))),
            DELIVERED_TWICE => {
                let first = self.event(n, EventName::Completed, job_id(n), at(n, 250));
                self.history.deliveries.push(Delivery { answered: Answered::Status(500), ..first });
            }
            _ => {}
        }
        self.completes(n, job_id(n), 300);
        if n == DEAD_LETTER {
            self.is_dead(n, EventName::Activated);
        }
    }

    fn drops_home(&mut self, n: usize) {
        let body =
            json!({ "subscription_id": subscription_id(n), "message": "Subscription pending installation." });
        self.asks(n, 5, answer(at(n, 10), 200, &body));
        self.tells(n, EventName::PendingInstall, job_id(n), 20);
        self.calls(n, Intent::ConfirmInstall { location: location(n) }, 50, Some(job_id(n)));
        self.visits(n, 100);
        self.completes(n, job_id(n), 300);
    }

    /// Sends the checkout's own request.
    pub fn asks(&mut self, n: usize, millis: u64, reply: Reply) {
        self.sends(&body(n), at(n, millis), reply);
    }

    /// Sends another wish under the same key.
    pub fn asks_otherwise(&mut self, n: usize, millis: u64, reply: Reply) {
        let mut body = body(n);
        body["mac_address"] = json!("0200.0000.ffff");
        self.sends(&body, at(n, millis), reply);
    }

    /// Sends a checkout for the port of `n` under another key of the same partner.
    pub fn asks_as(&mut self, n: usize, external: &str, millis: u64, reply: Reply) {
        let mut body = body(n);
        body["external_subscription_id"] = json!(external);
        self.sends(&body, at(n, millis), reply);
    }

    fn sends(&mut self, body: &Value, sent: Moment, reply: Reply) {
        let request = Request::parse(body.to_string().as_bytes()).expect("a request");
        self.history.attempts.push(Attempt { request, sent, reply });
    }

    pub fn calls(&mut self, n: usize, intent: Intent, millis: u64, job: Option<Uuid>) {
        let body = json!({ "job_id": job, "subscription_id": subscription_id(n), "message": "Accepted" });
        let (sent, reply) = (at(n, millis), answer(at(n, millis + 5), 202, &body));
        let call = Call { partner: partner(n), subscription: subscription_id(n), intent, sent, reply };
        self.history.calls.push(call);
    }

    /// A session on the switch, for the checkout's port.
    pub fn visits(&mut self, n: usize, millis: u64) {
        let place = place(n);
        let number = self.history.sessions.len() as u64 + 1;
        let span = Span::new(at(n, millis), at(n, millis + 90));
        let switch = place.switch.clone();
        self.history.sessions.push(Session { switch, number, holder: None, span });
        let lines = ["configure terminal".to_owned(), format!("interface {}", place.port), "end".to_owned()];
        for (line, later) in lines.into_iter().zip([10, 20, 30]) {
            let switch = place.switch.clone();
            self.history.commands.push(Command { switch, session: number, at: at(n, millis + later), line });
        }
    }

    fn completes(&mut self, n: usize, job: Uuid, millis: u64) {
        self.tells(n, EventName::Completed, job, millis);
        self.tells(n, EventName::Activated, job, millis + 10);
        self.shows(n, millis - 150, live(n));
        let port = self.port(n);
        port.running = Some(live(n));
        port.startup = Some(live(n));
    }

    /// The switch is asked for the checkout's port.
    pub fn shows(&mut self, n: usize, millis: u64, state: PortState) {
        self.history.readings.push(Reading { place: place(n), at: at(n, millis), state });
    }

    fn fails(&mut self, n: usize, job: Uuid, millis: u64) {
        self.tells(n, EventName::Failed, job, millis);
    }

    /// The receiver turned the event down, and the service lists it.
    fn is_dead(&mut self, n: usize, event: EventName) {
        let delivery = self.delivery(n, &event);
        delivery.answered = Answered::Status(404);
        let id = delivery.id.clone().expect("an id");
        self.history.dead_letters.push(DeadLetter { id, event, subscription: None, job: None });
    }

    pub fn tells(&mut self, n: usize, event: EventName, job: Uuid, millis: u64) {
        let delivery = self.event(n, event, job, at(n, millis));
        self.history.deliveries.push(delivery);
    }

    fn event(&self, n: usize, event: EventName, job: Uuid, when: Moment) -> Delivery {
        let mut body = json!({
            "event": event.to_string(),
            "subscription_id": subscription_id(n),
            "external_subscription_id": format!("order-{n}"),
            "provider_document_id": partner(n),
            "timestamp": 1.5,
        });
        if matches!(event, EventName::Completed | EventName::Failed) {
            body["job_id"] = json!(job);
        }
        match event {
            EventName::Failed => {
                body["error"] = json!("The switch could not be reached. Ask for a retry later.")
            }
            EventName::Activated => {
                body["plan_version_id"] = json!(plan(n));
                body["location_hash"] = json!(location(n));
            }
            EventName::PendingInstall => body["unit_id"] = json!(UNIT),
            _ => {}
        }
        let digest: [u8; 32] = Sha256::digest(format!("{event} {job}")).into();
        let id = Uuid::from_slice(&digest[..16]).expect("sixteen bytes");
        Delivery {
            at: when,
            to: Recipient::Partner(partner(n)),
            id: Some(id.to_string()),
            attempt: Some(1),
            signature: Some(sign(SECRETS[usize::from(n >= FOREIGN)], body.to_string().as_bytes())),
            previous_signature: None,
            body: body.to_string().into_bytes(),
            answered: Answered::Status(200),
        }
    }
}

/// For forgers.
impl World {
    pub fn port(&mut self, n: usize) -> &mut Port {
        self.history.ports.get_mut(&place(n)).expect("a port that is watched")
    }

    /// The first of this event.
    pub fn delivery(&mut self, n: usize, event: &EventName) -> &mut Delivery {
        let wanted = [format!("\"{event}\""), format!("\"order-{n}\"")];
        let is_it = |delivery: &&mut Delivery| {
            let body = String::from_utf8_lossy(&delivery.body);
            wanted.iter().all(|text| body.contains(text))
        };
        self.history.deliveries.iter_mut().find(is_it).expect("a delivery")
    }

    pub fn forget_events(&mut self, n: usize) {
        let external = format!("\"order-{n}\"");
        self.history
            .deliveries
            .retain(|delivery| !String::from_utf8_lossy(&delivery.body).contains(&external));
    }

    /// The last answer to the checkout's key.
    pub fn answer(&mut self, n: usize) -> &mut Answer {
        let external = format!("order-{n}");
        let attempts = self.history.attempts.iter_mut().rev();
        let mut replies = attempts.filter(|attempt| attempt.request.key.external == external);
        match &mut replies.next().expect("an attempt").reply {
            Reply::Answer(answer) => answer,
            Reply::Nothing { .. } => panic!("order-{n} was not answered"),
        }
    }

    pub fn session(&mut self, n: usize) -> &mut Session {
        let switch = place(n).switch;
        let mut sessions = self.history.sessions.iter_mut();
        let is_it = |session: &&mut Session| session.switch == switch && session.span.from >= at(n, 0);
        sessions.find(is_it).expect("a session")
    }

    /// Signs anew what was changed.
    pub fn write(&mut self, n: usize, event: &EventName, change: impl FnOnce(&mut Value)) {
        let delivery = self.delivery(n, event);
        let mut body = serde_json::from_slice(&delivery.body).expect("JSON");
        change(&mut body);
        delivery.body = body.to_string().into_bytes();
        delivery.signature = Some(sign(SECRETS[usize::from(n >= FOREIGN)], &delivery.body));
    }
}

fn body(n: usize) -> Value {
    let mut body = json!({
        "service_provider_document_id": partner(n),
        "plan_version_id": plan(n),
        "external_subscription_id": format!("order-{n}"),
    });
    match n {
        HOME_DROP => {
            body["delivery_mode"] = json!("home_drop");
            body["unit_id"] = json!(UNIT);
        }
        _ => body["location_hash"] = json!(location(n)),
    }
    if let Some(mac) = mac(n) {
        body["mac_address"] = json!(mac);
    }
    body
}

pub fn answer(at: Moment, status: u16, body: &Value) -> Reply {
    Reply::Answer(Answer { at, status, body: body.to_string().into_bytes(), replayed: false })
}

pub fn accepted(n: usize, at: Moment, replayed: bool) -> Reply {
    accepted_with(at, job_id(n), subscription_id(n), replayed)
}

pub fn accepted_with(at: Moment, job: Uuid, subscription: Uuid, replayed: bool) -> Reply {
    let body = json!({ "job_id": job, "subscription_id": subscription, "message": "Provisioning started" });
    Reply::Answer(Answer { at, status: 200, body: body.to_string().into_bytes(), replayed })
}

pub fn refused(at: Moment, status: u16, detail: &str) -> Reply {
    answer(at, status, &json!({ "detail": detail }))
}

fn unavailable(at: Moment) -> Reply {
    refused(at, 503, "Service temporarily unavailable")
}

fn mismatched(n: usize, at: Moment) -> Reply {
    let detail = "external_subscription_id was already used with a different request";
    answer(at, 409, &json!({ "detail": detail, "job_id": job_id(n), "subscription_id": subscription_id(n) }))
}

pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
