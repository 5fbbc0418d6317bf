//! The machine's own clocks and chance, as the graph takes them.

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::{Clock, Entropy};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// By how much this process's wall clock was moved.
#[cfg(feature = "fail-points")]
static MOVED_MILLIS: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// Moves this process's wall clock, forwards or backwards from where it is; the uptime stays.
#[cfg(feature = "fail-points")]
pub fn move_wall_clock(millis: i64) {
    MOVED_MILLIS.fetch_add(millis, std::sync::atomic::Ordering::SeqCst);
}

/// The wall clock, and the one that counts since the machine was started, its sleep included.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        #[cfg(feature = "fail-points")]
        let millis = millis.saturating_add_signed(MOVED_MILLIS.load(std::sync::atomic::Ordering::SeqCst));
        UnixMillis(millis)
    }

    fn uptime(&self) -> Duration {
        let since_start = clock_gettime(ClockId::Boottime);
        Duration::try_from(since_start).expect("no time before the machine's start")
    }
}

/// The operating system's random numbers.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    /// A version 7 UUID: ids made later sort later, so that a partner's events leave in the order in which they happened.
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }

    #[allow(clippy::cast_precision_loss)]
    fn jitter(&self) -> f64 {
        let random = Uuid::new_v4().as_u128() as u32;
        f64::from(random) / f64::from(u32::MAX)
    }
}

/// A moment on the monotonic clock, in nanoseconds: what all processes of the machine call it.
#[must_use]
pub fn monotonic_nanos(at: Instant) -> u64 {
    let (now, clock) = (Instant::now(), Duration::try_from(clock_gettime(ClockId::Monotonic)));
    let clock = clock.expect("no time before the machine's start");
    let there = match at.checked_duration_since(now) {
        Some(ahead) => clock + ahead,
        None => clock.saturating_sub(now.duration_since(at)),
    };
    u64::try_from(there.as_nanos()).unwrap_or(u64::MAX)
}

/// A moment as people read it, to the second, in UTC; one beyond the year 9999 is shown as the beginning of time.
///
/// # Panics
/// Never: the years that are left have four digits.
#[must_use]
pub fn rfc3339(at: UnixMillis) -> String {
    let seconds = i64::try_from(at.0 / 1_000).unwrap_or_default();
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).expect("a year of four digits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uptime_never_goes_back() {
        let times: Vec<_> = (0..1_000).map(|_| SystemClock.uptime()).collect();
        assert!(times.is_sorted() && times[0] > Duration::ZERO);
    }

    #[test]
    fn a_moment_is_as_far_from_another_on_the_shared_clock_as_it_is_here() {
        let (now, apart) = (Instant::now(), Duration::from_millis(250));
        let (before, after) = (monotonic_nanos(now), monotonic_nanos(now + apart));
        let seen = Duration::from_nanos(after - before);
        assert!(seen.abs_diff(apart) < Duration::from_millis(50), "{seen:?}");
    }

    #[test]
    fn jitter_is_between_0_and_1_and_ids_sort_by_time() {
        let entropy = SystemEntropy;
        assert!((0..1_000).all(|_| (0.0..=1.0).contains(&entropy.jitter())));
        let ids: Vec<_> = (0..1_000).map(|_| entropy.uuid()).collect();
        assert!(ids.is_sorted());
    }
}
