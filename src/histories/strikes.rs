//! Faults that took effect, by kind: a plan whose faults miss proves nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counted wherever a fault strikes.
#[derive(Clone, Default)]
pub struct Strikes(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Strikes {
    pub fn add(&self, kind: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }

    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
