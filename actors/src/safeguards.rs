//! Named safeguards that a test can take out, to show that the checker's eyes are open: without any one of them some
//! history is violated. Without the `fail-points` feature, which no release has, each of them stands, and asking costs nothing.

macro_rules! safeguards {
    ($($(#[$doc:meta])* $variant:ident),+ $(,)?) => {
        /// What stands between a failure and a broken promise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Safeguard {
            $($(#[$doc])* $variant,)+
        }

        impl Safeguard {
            /// Every one, in the order of a checkout's way.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

safeguards! {
    /// A claim expects that nobody has its key.
    KeyIsUnused,
    /// A port that has a holder is no one else's.
    PortHeldByOne,
    /// A yes is the store's, never taken from an answer that didn't come.
    CommitBeforeAnswer,
    /// Work whose wake was lost is looked for.
    Sweep,
    /// The lease of a holder that may live is not taken.
    LeaseWaitedOut,
    /// Nothing is written to a switch by one whose tenure is over.
    TenureBeforeWrite,
    /// A commit carries its lease, and is denied under a later one.
    Fencing,
    /// A switch has one socket, and the next waits for its end.
    OneSocket,
    /// Lines are on record before the first of them leaves.
    JournalBeforeLines,
    /// What was sent is read back before it counts.
    ReadBack,
    /// A supervisor that panicked is replaced.
    RespawnAfterPanic,
    /// An outcome and its events are one commit.
    EventsInOutcome,
    /// What a failed job may have left on a port is repaired.
    DirtyAfterFailure,
    /// What was applied by a session that is gone is looked at again before it counts as saved.
    ProvenBeforeSave,
    /// A port needs nothing more only when its configuration was saved.
    SavedAfterApply,
    /// Each attempt at an event has the bytes of the first.
    SameBytes,
    /// An event is done with a 2xx, not with its sending.
    Acknowledged,
}

/// Whether it stands.
#[cfg(not(feature = "fail-points"))]
#[must_use]
#[inline]
pub const fn stands(_: Safeguard) -> bool {
    true
}

#[cfg(feature = "fail-points")]
pub use taken_out::{stands, without};

#[cfg(feature = "fail-points")]
mod taken_out {
    use super::Safeguard;
    use std::cell::Cell;

    thread_local! {
        static MISSING: Cell<Option<Safeguard>> = const { Cell::new(None) };
    }

    /// Whether it stands, on this thread.
    #[must_use]
    pub fn stands(safeguard: Safeguard) -> bool {
        MISSING.get() != Some(safeguard)
    }

    /// Does something on this thread without a safeguard, or with all of them.
    pub fn without<T>(missing: Option<Safeguard>, does: impl FnOnce() -> T) -> T {
        let before = MISSING.replace(missing);
        let done = does();
        MISSING.set(before);
        done
    }
}
