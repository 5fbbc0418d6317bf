//! What the receiver was told, read as it comes.

use super::network::order_of;
use crate::simulator::receiver::{Delivery, WebhookReceiver};
use std::time::Instant;

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

/// The receiver, and how far it was read.
#[derive(Debug)]
pub struct Inbox {
    receiver: WebhookReceiver,
    read: usize,
    told: Vec<Told>,
}

impl Inbox {
    /// Reads this receiver.
    pub fn of(receiver: WebhookReceiver) -> Self {
        Self { receiver, read: 0, told: Vec::new() }
    }

    /// Reads what has come since the last time; whether anything had.
    pub fn read_on(&mut self) -> bool {
        let news = self.receiver.look_from(self.read, outcome);
        self.read += news.len();
        let has_news = !news.is_empty();
        self.told.extend(news.into_iter().flatten());
        has_news
    }

    /// All outcomes so far.
    pub fn told(&self) -> &[Told] {
        &self.told
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
