//! What the receiver was told, read as it comes.

use super::network::order_of;
use crate::simulator::receiver::{Delivery, WebhookReceiver};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::oneshot;

/// How a job came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The line is live.
    Completed,
    /// It isn't.
    Failed,
}

/// One event that tells an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The checkout's number; `None` when it is none of ours.
    pub order: Option<usize>,
    /// The job.
    pub job: String,
    /// The event's id, the same for each attempt at it.
    pub event: String,
    /// What it tells.
    pub outcome: Outcome,
    /// When it came.
    pub arrived: Instant,
    /// Whether its signature is right.
    pub is_signed: bool,
}

/// The receiver, how far it was read, and who waits for an outcome.
#[derive(Debug)]
pub struct Inbox {
    receiver: WebhookReceiver,
    read: Cell<usize>,
    told: RefCell<Vec<Told>>,
    waiting: RefCell<HashMap<usize, Waiting>>,
}

/// What is known of a checkout's outcome.
#[derive(Debug)]
enum Waiting {
    For(oneshot::Sender<()>),
    /// It came.
    NoMore,
}

impl Inbox {
    /// Reads this receiver.
    pub fn of(receiver: WebhookReceiver) -> Self {
        Self { receiver, read: Cell::new(0), told: RefCell::default(), waiting: RefCell::default() }
    }

    /// Reads what comes, as long as anything can.
    pub async fn listen(self: Rc<Self>) {
        let mut changed = self.receiver.changed();
        while changed.changed().await.is_ok() {
            self.read_on();
        }
    }

    /// Reads what has come since the last time.
    pub fn read_on(&self) {
        let news = self.receiver.look_from(self.read.get(), outcome);
        self.read.set(self.read.get() + news.len());
        for told in news.into_iter().flatten() {
            self.wake(&told);
            self.told.borrow_mut().push(told);
        }
    }

    fn wake(&self, told: &Told) {
        let Some(order) = told.order else { return };
        if let Some(Waiting::For(waiting)) = self.waiting.borrow_mut().insert(order, Waiting::NoMore) {
            // Whoever waited may have been dropped.
            let _ = waiting.send(());
        }
    }

    /// Waits until a checkout has come to an outcome.
    pub async fn outcome_of(&self, order: usize) {
        let (tell, told) = oneshot::channel();
        match self.waiting.borrow_mut().entry(order) {
            Entry::Occupied(_) => return,
            Entry::Vacant(free) => drop(free.insert(Waiting::For(tell))),
        }
        // It is told as long as there is an inbox, which whoever waits holds.
        let _ = told.await;
    }

    /// How many outcomes there are so far.
    pub fn count(&self) -> usize {
        self.told.borrow().len()
    }

    /// All outcomes so far.
    pub fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }
}

fn outcome(delivery: &Delivery) -> Option<Told> {
    let outcome = match delivery.event()? {
        "provisioning.completed" => Outcome::Completed,
        "provisioning.failed" => Outcome::Failed,
        _ => return None,
    };
    Some(Told {
        order: delivery.field("external_subscription_id").and_then(order_of),
        job: delivery.field("job_id").unwrap_or_default().to_owned(),
        event: delivery.webhook_id().unwrap_or_default().to_owned(),
        outcome,
        arrived: delivery.arrived,
        is_signed: delivery.signature.is_valid(),
    })
}
