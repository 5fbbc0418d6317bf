//! Time as the history keeps it: nanoseconds since the history's beginning, and the stretches between two of them.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

/// Nanoseconds since the history's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Moment(pub u64);

impl Moment {
    /// So many milliseconds after the beginning.
    #[must_use]
    pub const fn of_millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    /// The next moment that can be told apart.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:06} s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

/// Where a history's time begins: what makes moments of a process's instants.
#[derive(Clone, Copy, Debug)]
pub struct Beginning(Instant);

impl Beginning {
    /// Time begins now.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// What came before the beginning counts as at the beginning.
    #[must_use]
    pub fn moment(&self, at: Instant) -> Moment {
        let since: Duration = at.saturating_duration_since(self.0);
        Moment(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// From one moment up to, and without, another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first moment that belongs to it.
    pub from: Moment,
    /// The first that no longer does. `None`: it had not ended when the history did.
    pub until: Option<Moment>,
}

impl Span {
    /// A span that ended.
    #[must_use]
    pub const fn new(from: Moment, until: Moment) -> Self {
        Self { from, until: Some(until) }
    }

    /// From a moment on.
    #[must_use]
    pub const fn since(from: Moment) -> Self {
        Self { from, until: None }
    }

    /// What both have in common.
    #[must_use]
    pub fn overlap(self, other: Self) -> Option<Self> {
        let from = self.from.max(other.from);
        let until = match (self.until, other.until) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        until.is_none_or(|until| from < until).then_some(Self { from, until })
    }

    /// Whether the moment is in it.
    #[must_use]
    pub fn holds(self, at: Moment) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    /// Whether nothing of the other is outside.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        let ends_later = self.until.is_none_or(|end| other.until.is_some_and(|until| until <= end));
        self.from <= other.from && ends_later
    }

    /// Whether this one goes on for longer than the other.
    #[must_use]
    pub(super) fn outlasts(self, other: Self) -> bool {
        self.until.is_none_or(|end| other.until.is_some_and(|until| until < end))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(formatter, "from {} to {until}", self.from),
            None => write!(formatter, "from {} to the end", self.from),
        }
    }
}
