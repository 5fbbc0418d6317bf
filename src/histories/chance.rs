//! Chance and clocks of a history: all drawn from its seed, on tokio's time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::{Clock, Entropy};
use tokio::time::Instant;
use uuid::Uuid;

use crate::checker::moment::Moment;

/// A stream of chances: each part of the world has its own, so that a smaller plan leaves the others' as they were.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<fastrand::Rng>>);

impl Chance {
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = fastrand::Rng::with_seed(seed ^ stream.rotate_left(32));
        Self(Arc::new(Mutex::new(mixed.fork())))
    }

    fn draw<T>(&self, draws: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draws(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes no time, mostly; else up to so many milliseconds.
    pub async fn delay(&self, up_to_ms: u64) {
        match self.draw(|rng| if rng.u8(..) < 160 { 0 } else { rng.u64(1..=up_to_ms) }) {
            0 => tokio::task::yield_now().await,
            ms => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }
}

impl Entropy for Chance {
    fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.draw(|rng| rng.u128(..)).to_le_bytes()).into_uuid()
    }

    fn jitter(&self) -> f64 {
        self.draw(fastrand::Rng::f64)
    }
}

/// Where a history's time begins.
#[derive(Clone, Copy)]
pub struct Beginning(Instant);

impl Beginning {
    pub fn now() -> Self {
        Self(Instant::now())
    }

    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub fn moment(self) -> Moment {
        Moment(u64::try_from(self.elapsed().as_nanos()).expect("a history is short"))
    }
}

/// One machine's clocks: the wall clock jumps when it is told to, the other never does.
pub struct MachineClock {
    beginning: Beginning,
    jumped_ms: AtomicI64,
}

impl MachineClock {
    pub fn new(beginning: Beginning) -> Self {
        Self { beginning, jumped_ms: AtomicI64::new(0) }
    }

    pub fn jump(&self, ms: i64) {
        self.jumped_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for MachineClock {
    fn now(&self) -> UnixMillis {
        let elapsed = u64::try_from(self.uptime().as_millis()).expect("a history is short");
        UnixMillis(
            (1_700_000_000_000 + elapsed).saturating_add_signed(self.jumped_ms.load(Ordering::Relaxed)),
        )
    }

    fn uptime(&self) -> Duration {
        self.beginning.elapsed()
    }
}
