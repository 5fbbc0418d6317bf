//! Hints between the graphs of one test: all, or none.

use crate::ports::hints::{Hint, Hints};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::broadcast;

/// One for all instances.
#[derive(Clone)]
pub struct HintHub {
    sender: broadcast::Sender<Hint>,
    lossy: Arc<AtomicBool>,
}

impl Default for HintHub {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(1_000), lossy: Arc::default() }
    }
}

impl HintHub {
    /// From now on every hint is lost.
    pub fn lose_all(&self) {
        self.lossy.store(true, Ordering::SeqCst);
    }
}

impl Hints for HintHub {
    fn publish(&self, hint: Hint) {
        if !self.lossy.load(Ordering::SeqCst) {
            // Nobody listens yet: lost, as hints may be.
            let _ = self.sender.send(hint);
        }
    }

    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.sender.subscribe()
    }
}
