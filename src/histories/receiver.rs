//! The partners' receivers, and the way to them: what arrives is signed with the service's own code, and kept to the byte.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use switchyard_actors::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};

use super::chance::{Beginning, Chance};
use super::inventory::partner_at;
use super::plan::{BadAnswer, PARTNERS};
use super::strikes::Strikes;
use crate::checker::history::{Answered, Delivery, Recipient};
use crate::webhook::signature::sign;

const TRANSIT_MS: u64 = 30;
/// The sender's patience.
const DEADLINE: Duration = Duration::from_secs(2);
const SLOW: Duration = Duration::from_millis(1_500);

#[derive(Default)]
struct Inbox {
    deliveries: Vec<Delivery>,
    orders: [VecDeque<BadAnswer>; PARTNERS],
}

#[derive(Clone)]
pub struct Receivers {
    inbox: Arc<Mutex<Inbox>>,
    beginning: Beginning,
    chance: Chance,
    strikes: Strikes,
}

impl Receivers {
    pub fn new(beginning: Beginning, chance: Chance, strikes: Strikes) -> Self {
        Self { inbox: Arc::default(), beginning, chance, strikes }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn order(&self, partner: usize, answer: BadAnswer, times: usize) {
        self.inbox().orders[partner].extend(std::iter::repeat_n(answer, times));
    }

    pub fn clear_orders(&self) {
        self.inbox().orders = Default::default();
    }

    pub fn take_deliveries(&self) -> Vec<Delivery> {
        std::mem::take(&mut self.inbox().deliveries)
    }

    /// Keeps what came, and says how it is answered.
    fn receive(&self, webhook: &OutgoingWebhook) -> Option<BadAnswer> {
        let (number, partner) = partner_at(&webhook.url);
        let mut inbox = self.inbox();
        let answer = inbox.orders[number].pop_front();
        let answered = match answer {
            Some(BadAnswer::Status(status)) => Answered::Status(status),
            Some(BadAnswer::Nothing) => Answered::Nothing,
            Some(BadAnswer::Slow | BadAnswer::Panic) | None => Answered::Status(200),
        };
        let body = webhook.body.clone().into_bytes();
        inbox.deliveries.push(Delivery {
            at: self.beginning.moment(),
            to: Recipient::Partner(partner),
            id: Some(webhook.event.to_string()),
            attempt: Some(webhook.attempt),
            signature: Some(sign(&webhook.secret, &body)),
            previous_signature: None,
            answered,
            body,
        });
        answer
    }
}

#[async_trait(?Send)]
impl WebhookSender for Receivers {
    async fn send(&self, webhook: OutgoingWebhook) -> SendOutcome {
        self.chance.delay(TRANSIT_MS).await;
        let answer = self.receive(&webhook);
        if let Some(bad) = answer {
            self.strikes.add(bad.kind());
        }
        match answer {
            Some(BadAnswer::Status(status)) => return SendOutcome::Answered { status },
            Some(BadAnswer::Nothing) => {
                tokio::time::sleep(DEADLINE).await;
                return SendOutcome::NoAnswer { error: "no answer".into() };
            }
            Some(BadAnswer::Slow) => tokio::time::sleep(SLOW).await,
            Some(BadAnswer::Panic) => std::panic::resume_unwind(Box::new("as planned")),
            None => self.chance.delay(TRANSIT_MS).await,
        }
        SendOutcome::Answered { status: 200 }
    }
}
