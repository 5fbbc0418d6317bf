//! For tests of the graph on paused time: a store that remembers every commit, links to it and hints that can be cut, a
//! driver that plays scripted switches, a sender that plays a receiver, and a clock that follows tokio's.

mod absent;
mod driver;
mod hints;
mod link;
mod records;
mod store;

pub use absent::AbsentStore;
pub use driver::{ScriptedDriver, ScriptedFault};
pub use hints::HintHub;
pub use link::StoreLink;
pub use store::RecordingStore;

use crate::domain::time::UnixMillis;
use crate::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};
use crate::ports::{Clock, Entropy};
use async_trait::async_trait;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Follows tokio's clock, paused or not.
#[derive(Clone)]
pub struct PausedClock {
    began: Instant,
    ahead_millis: Arc<AtomicU64>,
}

impl PausedClock {
    /// One that is wrong: ahead by so much.
    #[must_use]
    pub fn ahead_by(ahead_millis: u64) -> Self {
        Self { began: Instant::now(), ahead_millis: Arc::new(AtomicU64::new(ahead_millis)) }
    }

    /// Sets it right, and every copy of it.
    pub fn set_right(&self) {
        self.ahead_millis.store(0, Ordering::SeqCst);
    }
}

impl Default for PausedClock {
    fn default() -> Self {
        Self::ahead_by(0)
    }
}

impl Clock for PausedClock {
    fn now(&self) -> UnixMillis {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        UnixMillis(1_700_000_000_000 + elapsed + self.ahead_millis.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Real ids; the longest back-offs.
pub struct FullJitter;

impl Entropy for FullJitter {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn jitter(&self) -> f64 {
        1.0
    }
}

/// A receiver: remembers what came, and answers as ordered, or 200.
#[derive(Clone, Default)]
pub struct ScriptedReceiver {
    received: Arc<Mutex<Vec<(Instant, OutgoingWebhook)>>>,
    answers: Arc<Mutex<VecDeque<SendOutcome>>>,
    poisoned: Arc<Mutex<Vec<String>>>,
    takes: Arc<Mutex<Duration>>,
}

impl ScriptedReceiver {
    /// From now on it answers after so long.
    pub fn take(&self, time: Duration) {
        *self.takes.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// Answers the next attempt so.
    pub fn answer_next(&self, outcome: SendOutcome) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back(outcome);
    }

    /// From now on our own code panics over every answer from this URL.
    pub fn poison(&self, url: &str) {
        self.poisoned.lock().unwrap_or_else(PoisonError::into_inner).push(url.to_owned());
    }

    fn is_poisoned(&self, url: &str) -> bool {
        self.poisoned.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|poisoned| poisoned == url)
    }

    /// What came, and when.
    #[must_use]
    pub fn received(&self) -> Vec<(Instant, OutgoingWebhook)> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The names of the events that came, in order.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let name = |body: &str| {
            let value: serde_json::Value = serde_json::from_str(body).expect("events are JSON");
            value["event"].as_str().expect("an event has its name").to_owned()
        };
        self.received().iter().map(|(_, webhook)| name(&webhook.body)).collect()
    }
}

#[async_trait(?Send)]
impl WebhookSender for ScriptedReceiver {
    async fn send(&self, webhook: OutgoingWebhook) -> SendOutcome {
        let poisoned = self.is_poisoned(&webhook.url);
        self.received.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), webhook));
        assert!(!poisoned, "as ordered: its answers are poisoned");
        let takes = *self.takes.lock().unwrap_or_else(PoisonError::into_inner);
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        let ordered = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        ordered.unwrap_or(SendOutcome::Answered { status: 200 })
    }
}
