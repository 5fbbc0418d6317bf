//! Waiting for a state: looks again and again until it is there, or says what was there last.

use super::LabError;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Enough for a server on a busy machine to load the hundreds of megabytes of a long run.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks: short beside what is waited for, long beside a look.
const INTERVAL: Duration = Duration::from_millis(5);

/// Looks until it breaks with a value; what it continues with is what it saw instead.
pub(super) fn wait_for<T>(
    awaited: &str,
    mut look: impl FnMut() -> ControlFlow<T, String>,
) -> Result<T, LabError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            ControlFlow::Break(value) => return Ok(value),
            ControlFlow::Continue(seen) if Instant::now() >= deadline => {
                return Err(LabError::NeverSeen { awaited: awaited.to_owned(), patience: PATIENCE, seen });
            }
            ControlFlow::Continue(_) => std::thread::sleep(INTERVAL),
        }
    }
}
