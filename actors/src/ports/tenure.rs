//! The tenure: until when an instance may write to switches. It is asked right before each write, by whoever writes.
//!
//! ```text
//!               extend                 extend, in time
//!   NotBegun ───────────▶ Until ◀──────────────────────┐
//!                           │ └────────────────────────┘
//!                           │ its time is past, or `end`
//!                           ▼
//!                          Over, for good
//! ```
//!
//! **The arithmetic.** A successful beat that began at `b`, on this instance's clock, extends the tenure to
//! `b + lease - margin`. Another instance takes a switch over only when it has seen the counter of that beat, or of
//! an earlier one, unchanged for a whole `lease` on its own clock, from a moment that is not before `b`. So, as long as the two
//! clocks run at rates that differ by less than `margin / lease`, the tenure is over before the switch is taken.
//! The defaults, 1 s of 10 s, allow for 10 %; quartz keeps 0.02 %.
//!
//! **The clock** goes on while the process or the machine sleeps: an instance that was frozen finds its tenure over
//! before it writes anything. Once over it never holds again, under any name: the instance goes on under a new id.

use super::Clock;
use crate::safeguards::{Safeguard, stands};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    NotBegun,
    Until(Duration),
    Over,
}

#[derive(Clone)]
enum Kind {
    Unlimited,
    Limited { clock: Arc<dyn Clock>, term: Arc<Mutex<Term>> },
}

/// Cheap to clone; all clones are one tenure.
#[derive(Clone)]
pub struct Tenure(Kind);

impl Tenure {
    /// One that always holds: nobody else can be there.
    #[must_use]
    pub fn unlimited() -> Self {
        Self(Kind::Unlimited)
    }

    /// One that holds as long as it is extended, from the first time on.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self(Kind::Limited { clock, term: Arc::new(Mutex::new(Term::NotBegun)) })
    }

    /// Whether a write may be made now.
    #[must_use]
    pub fn holds(&self) -> bool {
        (self.term() != Some(Term::Over) || !stands(Safeguard::TenureBeforeWrite)) && self.has_begun()
    }

    /// Whether it held once, and does not any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.term() == Some(Term::Over)
    }

    fn has_begun(&self) -> bool {
        self.term() != Some(Term::NotBegun)
    }

    /// Extends it, if it isn't over: `false` when it is.
    #[must_use]
    pub fn extend(&self, until: Duration) -> bool {
        let Kind::Limited { clock, term } = &self.0 else { return true };
        let mut term = term.lock().unwrap_or_else(PoisonError::into_inner);
        *term = lapse(*term, clock.uptime());
        if *term != Term::Over {
            *term = lapse(Term::Until(until), clock.uptime());
        }
        *term != Term::Over
    }

    /// Ends it now.
    pub fn end(&self) {
        if let Kind::Limited { term, .. } = &self.0 {
            *term.lock().unwrap_or_else(PoisonError::into_inner) = Term::Over;
        }
    }

    /// Where it stands now; `None` when it has no limit.
    fn term(&self) -> Option<Term> {
        let Kind::Limited { clock, term } = &self.0 else { return None };
        let mut term = term.lock().unwrap_or_else(PoisonError::into_inner);
        *term = lapse(*term, clock.uptime());
        Some(*term)
    }
}

fn lapse(term: Term, now: Duration) -> Term {
    match term {
        Term::Until(until) if now >= until => Term::Over,
        Term::NotBegun | Term::Until(_) | Term::Over => term,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UnixMillis;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct HandClock(AtomicU64);

    impl Clock for HandClock {
        fn now(&self) -> UnixMillis {
            UnixMillis(0)
        }

        fn uptime(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn it_holds_from_its_first_extension_until_its_time_and_never_again() {
        let clock = Arc::new(HandClock::default());
        let tenure = Tenure::new(clock.clone());
        assert!(!tenure.holds() && !tenure.is_over());
        assert!(tenure.extend(Duration::from_millis(100)));
        clock.0.store(99, Ordering::SeqCst);
        assert!(tenure.holds() && tenure.extend(Duration::from_millis(200)));
        clock.0.store(199, Ordering::SeqCst);
        assert!(tenure.clone().holds());
        clock.0.store(200, Ordering::SeqCst);
        assert!(!tenure.holds() && tenure.is_over());
        assert!(!tenure.extend(Duration::from_millis(900)) && !tenure.holds());
    }

    #[test]
    fn an_extension_that_comes_too_late_or_reaches_into_the_past_extends_nothing() {
        let clock = Arc::new(HandClock::default());
        let late = Tenure::new(clock.clone());
        assert!(late.extend(Duration::from_millis(100)));
        clock.0.store(150, Ordering::SeqCst);
        assert!(!late.extend(Duration::from_millis(200)) && !late.holds());
        let slow = Tenure::new(clock);
        assert!(!slow.extend(Duration::from_millis(120)) && !slow.holds());
    }

    #[test]
    fn one_without_a_limit_always_holds() {
        let tenure = Tenure::unlimited();
        tenure.end();
        assert!(tenure.holds() && !tenure.is_over() && tenure.extend(Duration::ZERO));
    }
}
