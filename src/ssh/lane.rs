//! The lane of old key exchange: connections to switches whose record allows it are made, and live, on threads of their own.
//!
//! Ten and more milliseconds of big numbers for each such handshake, and for each of its rekeys, would stand in the way of
//! whatever else the thread does: so they never run where supervisors, stores or HTTP do. What the lane's handshakes cost is
//! measured by its threads' CPU clocks, and as many are let in as the budget pays for (`budget.rs`). A session stays on the
//! lane for as long as it is open; what waits for its turn holds no place among the openings, and its job's time stands still.

mod budget;

use super::Settings;
use budget::Budget;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::inventory::Switch;
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

/// Whether a handshake with it may be one of the lane's.
pub fn is_for(switch: &Switch) -> bool {
    switch.allow_algorithms.iter().any(|algorithm| match algorithm {
        LegacyAlgorithm::GroupExchangeSha1 | LegacyAlgorithm::Group14Sha1 | LegacyAlgorithm::Group1Sha1 => {
            true
        }
        LegacyAlgorithm::SshRsa
        | LegacyAlgorithm::Aes256Cbc
        | LegacyAlgorithm::Aes192Cbc
        | LegacyAlgorithm::Aes128Cbc
        | LegacyAlgorithm::TripleDesCbc
        | LegacyAlgorithm::HmacSha1Etm
        | LegacyAlgorithm::HmacSha1 => false,
    })
}

/// The lane. Dropped, it ends its threads, and with them its connections.
pub struct Lane {
    threads: Vec<Thread>,
    next: AtomicUsize,
    budget: Mutex<Budget>,
    /// Whoever has it is the next to be let in: those behind wait in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    began: Instant,
}

struct Thread {
    handle: Handle,
    /// CPU time of the thread, in nanoseconds, up to which handshakes have been charged.
    charged: Arc<AtomicU64>,
    _end: oneshot::Sender<()>,
}

/// Ends the task that makes a connection when whoever wanted it has no more time for it.
struct EndedWithCaller(AbortHandle);

impl Drop for EndedWithCaller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Lane {
    /// With its threads running.
    pub fn start(settings: &Settings) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = settings.legacy_threads.max(1);
        Self {
            threads: (0..threads).map(|_| Thread::start(settings.legacy_nice)).collect(),
            next: AtomicUsize::new(0),
            budget: Mutex::new(Budget::new(settings.legacy_cpu_percent, cores, settings.legacy_burst_ms)),
            turn: tokio::sync::Mutex::new(()),
            began: Instant::now(),
        }
    }

    fn budget<T>(&self, ask: impl FnOnce(&mut Budget, Duration) -> T) -> T {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        ask(&mut budget, self.began.elapsed())
    }

    /// Waits until the budget pays for one more handshake; first come, first served.
    pub async fn wait_for_turn(&self) {
        let _first = self.turn.lock().await;
        while let Err(wait) = self.budget(Budget::admit) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Runs a connection's making on the lane, and charges what it cost. Dropped, it is ended there.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        making: impl Future<Output = Result<T, DriverFailure>> + Send + 'static,
    ) -> Result<T, DriverFailure> {
        let thread = &self.threads[self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len()];
        let (lane, charged) = (Arc::downgrade(self), Arc::clone(&thread.charged));
        let task = thread.handle.spawn(async move {
            let made = making.await;
            // All that its thread did since the last one was done: the handshake itself runs in a task of the library's.
            let (now, before) = (thread_cpu(), Duration::from_nanos(charged.load(Ordering::Relaxed)));
            charged.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
            if let Some(lane) = lane.upgrade() {
                lane.budget(|budget, _| budget.charge(now.saturating_sub(before)));
            }
            made
        });
        let _ended = EndedWithCaller(task.abort_handle());
        task.await.unwrap_or_else(|error| {
            let text = format!("the connection's making broke off: {error}");
            Err(DriverFailure::new(FailureClass::SessionLost, text))
        })
    }

    /// Tasks that live on it.
    #[cfg(test)]
    pub fn tasks(&self) -> usize {
        self.threads.iter().map(|thread| thread.handle.metrics().num_alive_tasks()).sum()
    }
}

impl Thread {
    fn start(nice: i32) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.expect("the system gives what a runtime takes, as it did for those of the service");
        let (handle, (end, ended)) = (runtime.handle().clone(), oneshot::channel::<()>());
        let run = move || {
            // It is the thread's own on Linux. A lane that is refused it is as urgent as the rest, and goes on.
            if let Err(error) = rustix::process::nice(nice) {
                tracing::debug!(%error, nice, "the lane of old key exchange stays as urgent as the rest");
            }
            // Whoever has the lane drops the sender with it.
            let _ = runtime.block_on(ended);
        };
        let spawned = std::thread::Builder::new().name("ssh-legacy".to_owned()).spawn(run);
        spawned.expect("the system gives a thread, as it did for those of the service");
        Self { handle, charged: Arc::default(), _end: end }
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // Neither is ever negative.
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane() -> Arc<Lane> {
        Arc::new(Lane::start(&Settings { legacy_cpu_percent: 100, ..Settings::default() }))
    }

    /// Arithmetic until the thread's own CPU clock says so.
    fn burn(duration: Duration) {
        let began = thread_cpu();
        let mut number = 1_u64;
        while thread_cpu() - began < duration {
            number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005));
        }
    }

    #[tokio::test]
    async fn what_a_handshake_costs_is_measured_on_its_thread_and_makes_the_next_wait() {
        let lane = lane();
        for _ in 0..40 {
            let made = lane.run(async {
                burn(Duration::from_millis(5));
                Ok(std::thread::current().name().map(str::to_owned))
            });
            assert_eq!(made.await.expect("made").as_deref(), Some("ssh-legacy"));
        }
        let cost = lane.budget(|budget, _| budget.expected_cost());
        assert!((Duration::from_millis(4)..Duration::from_millis(9)).contains(&cost), "{cost:?}");
    }

    #[tokio::test]
    async fn who_gives_up_ends_what_runs_for_it_and_a_panic_is_a_failure() {
        let lane = lane();
        let held = Arc::new(());
        let holds = Arc::clone(&held);
        let endless = lane.run(async move {
            std::future::pending::<()>().await;
            drop(holds);
            Ok(())
        });
        let mut endless = Box::pin(endless);
        assert!(futures_util::poll!(&mut endless).is_pending());
        drop(endless);
        let panicked = lane.run::<()>(async { panic!("as ordered") }).await;
        assert_eq!(panicked.expect_err("a panic").class, FailureClass::SessionLost);
        let deadline = Instant::now() + Duration::from_secs(10);
        while (Arc::strong_count(&held), lane.tasks()) != (1, 0) {
            assert!(Instant::now() < deadline, "{} are held", Arc::strong_count(&held));
            tokio::task::yield_now().await;
        }
    }
}
