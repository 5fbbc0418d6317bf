//! What was ordered, and what the partners know of it by now: which ports are free, which jobs are open, which events nobody
//! has taken yet. It keeps books for the clients and for the drain; whether anything is wrong is the checker's business.

use super::partners::Partner;
use super::switches::Switches;
use crate::checker::history::EventName;
use crate::checker::request::Request;
use crate::simulator::receiver::{Answer, Delivery};
use rand::RngExt as _;
use rand::rngs::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use uuid::Uuid;

/// A port, by its number in the whole network.
pub type Place = usize;

/// A checkout to be made.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whose.
    pub partner: usize,
    /// What is sent.
    pub body: Value,
    /// The same, as the checker reads it.
    pub request: Request,
}

impl Order {
    fn new(partner: usize, body: Value) -> Self {
        let request = Request::parse(body.to_string().as_bytes()).expect("it has every field");
        Self { partner, body, request }
    }

    /// Another wish under the same key.
    pub fn with_another_mac(&self) -> Self {
        let mut body = self.body.clone();
        body["mac_address"] = json!("02:00:5e:ff:ff:01");
        Self::new(self.partner, body)
    }

    fn external(&self) -> &str {
        &self.request.key.external
    }
}

/// The books.
#[derive(Debug, Default)]
pub struct Book {
    free: VecDeque<Place>,
    tries: HashMap<Place, u32>,
    places: HashMap<String, Place>,
    /// Orders that were begun.
    pub sent: u64,
    /// Jobs that a 200 promised, with their keys.
    accepted: HashMap<Uuid, String>,
    completed: HashMap<Uuid, Told>,
    failed: HashSet<Uuid>,
    activated: HashSet<Uuid>,
    /// By event, what it says, as long as nobody has taken it.
    untaken: BTreeMap<String, EventName>,
    taken: HashSet<String>,
    /// By event, its last attempt that arrived.
    attempts: HashMap<String, u32>,
    attempts_missed: u64,
    /// Answers below 500 that a client which behaves could not expect.
    pub refused: Vec<String>,
}

/// A completed job's subscription and key.
#[derive(Debug)]
struct Told {
    subscription: Uuid,
    external: String,
}

/// What the partners still wait for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Open {
    /// Accepted, and nobody was told how it ended.
    pub jobs: BTreeSet<Uuid>,
    /// Completed, and nobody was told that it is active.
    pub activations: BTreeSet<Uuid>,
    /// Sent, and not taken.
    pub events: BTreeSet<String>,
}

impl Book {
    /// With every port of the network free: neighbours are on different switches.
    pub fn of(switches: &Switches) -> Self {
        let (count, ports) = (switches.all().len(), usize::from(switches.ports()));
        let places = (0..ports).flat_map(|port| (0..count).map(move |switch| switch * ports + port));
        Self { free: places.collect(), ..Self::default() }
    }

    /// The next checkout; `None` when no port is free.
    pub fn next_order(&mut self, rng: &mut ChaCha8Rng, partners: &[Partner]) -> Option<Order> {
        let place = self.free.pop_front()?;
        let number = rng.random_range(0..partners.len());
        let partner = &partners[number];
        let tries = self.tries.entry(place).or_default();
        *tries += 1;
        let external = format!("order-{place}-{tries}");
        let mut body = json!({
            "service_provider_document_id": partner.id,
            "plan_version_id": partner.plans[rng.random_range(0..partner.plans.len())].id,
            "location_hash": format!("{place:010x}"),
            "external_subscription_id": external,
        });
        if rng.random_bool(0.3) {
            body["mac_address"] =
                json!(format!("02:00:00:{:02X}:{:02X}:{:02X}", place >> 16, place >> 8 & 255, place & 255));
        }
        self.places.insert(external, place);
        self.sent += 1;
        Some(Order::new(number, body))
    }

    /// It was answered with 200.
    pub fn accepted(&mut self, order: &Order, body: &[u8]) {
        let job = serde_json::from_slice::<Value>(body).ok().and_then(|body| uuid(&body, "job_id"));
        if let Some(job) = job {
            self.accepted.insert(job, order.external().to_owned());
        }
    }

    /// It was refused, though nobody had the port.
    pub fn refused(&mut self, order: &Order, status: u16, body: &[u8]) {
        let said = String::from_utf8_lossy(body);
        self.refused.push(format!("{} was answered {status}: {said}", order.request.key));
    }

    /// A webhook came.
    pub fn hear(&mut self, delivery: &Delivery) {
        let Some(body) = &delivery.json else { return };
        let Some(id) = delivery.webhook_id() else { return };
        let name = EventName::parse(delivery.event().unwrap_or_default());
        self.number(id, delivery.attempt().unwrap_or(1));
        if is_taken(&delivery.answer) {
            self.untaken.remove(id);
            self.taken.insert(id.to_owned());
        } else if !self.taken.contains(id) {
            self.untaken.insert(id.to_owned(), name.clone());
        }
        self.learn(&name, body);
    }

    fn number(&mut self, id: &str, attempt: u32) {
        let last = self.attempts.entry(id.to_owned()).or_default();
        self.attempts_missed += u64::from(attempt.saturating_sub(*last + 1));
        *last = attempt.max(*last);
    }

    /// Attempts that never arrived, though a later one did.
    pub fn attempts_missed(&self) -> u64 {
        self.attempts_missed
    }

    fn learn(&mut self, name: &EventName, body: &Value) {
        let (job, subscription) = (uuid(body, "job_id"), uuid(body, "subscription_id"));
        let external = body["external_subscription_id"].as_str().unwrap_or_default();
        match (name, job, subscription) {
            (EventName::Completed, Some(job), Some(subscription)) => {
                self.completed.insert(job, Told { subscription, external: external.to_owned() });
            }
            (EventName::Failed, Some(job), _) if self.failed.insert(job) => {
                // The port is nobody's again: another checkout may try it.
                self.free.extend(self.places.get(external));
            }
            (EventName::Activated, _, Some(subscription)) => drop(self.activated.insert(subscription)),
            _ => {}
        }
    }

    /// Jobs that a 200 promised.
    pub fn accepted_jobs(&self) -> usize {
        self.accepted.len()
    }

    /// Jobs that completed, as far as a partner was told.
    pub fn completed_jobs(&self) -> usize {
        self.completed.len()
    }

    /// Jobs that failed, as far as a partner was told.
    pub fn failed_jobs(&self) -> usize {
        self.failed.len()
    }

    /// Where completed jobs are.
    pub fn completed_places(&self) -> impl Iterator<Item = Place> {
        self.completed.values().filter_map(|told| self.places.get(&told.external)).copied()
    }

    /// What the partners still wait for.
    pub fn open(&self) -> Open {
        let is_open = |job: &&Uuid| !self.completed.contains_key(*job) && !self.failed.contains(*job);
        let subscriptions = self.completed.values().map(|told| told.subscription);
        Open {
            jobs: self.accepted.keys().filter(is_open).copied().collect(),
            activations: subscriptions.filter(|id| !self.activated.contains(id)).collect(),
            events: self.untaken.keys().cloned().collect(),
        }
    }
}

/// As the contract counts: the length of an answer doesn't matter, its end does.
fn is_taken(answer: &Answer) -> bool {
    matches!(answer, Answer::Status(200..=299) | Answer::HugeBody)
}

fn uuid(body: &Value, field: &str) -> Option<Uuid> {
    body[field].as_str()?.parse().ok()
}
