//! The drain: from when it begins the edge says that it is going away, while it still takes everything.
//!
//! Whoever spreads requests over instances sees `/readyz` at 503 and sends no more; a client that keeps its connection is told
//! with each answer to make another. So when the listener closes, at the end of the drain, there is nobody left to be
//! reset. It must never refuse a request: what comes meanwhile was sent before anybody could know.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Cheap to clone; all clones are one drain. Begun, it doesn't end.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<AtomicBool>);

impl Drain {
    /// Begins it.
    pub fn begin(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
