//! What stands at the head of a report: how much its witnesses saw. It judges nothing.

use std::fmt;

use serde::Serialize;

use super::casebook::Casebook;
use super::history::EventName;

/// How much was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Keys that a checkout was sent under.
    pub checkouts: usize,
    /// How often one was sent.
    pub requests: usize,
    /// Keys that got a 2xx.
    pub accepted: usize,
    /// Jobs that were told to be completed.
    pub completed: usize,
    /// Jobs that were told to have failed.
    pub failed: usize,
    /// Events that arrived.
    pub events: usize,
    /// How often one arrived.
    pub deliveries: usize,
    /// Events that were given up.
    pub dead_letters: usize,
    /// Connections to switches.
    pub sessions: usize,
    /// Lines that switches received.
    pub commands: usize,
}

impl Seen {
    pub(super) fn of(book: &Casebook<'_>) -> Self {
        let history = book.history;
        let cases = || book.cases.values();
        let told = |name: &EventName| {
            let outcomes = cases().flat_map(|case| case.outcomes().into_values());
            outcomes.filter(|told| told.contains_key(name)).count()
        };
        let ids = cases().flat_map(|case| case.events.iter().map(|event| event.id));
        Self {
            checkouts: cases().filter(|case| !case.attempts.is_empty()).count(),
            requests: history.attempts.len(),
            accepted: cases().filter(|case| !case.acceptances().is_empty()).count(),
            completed: told(&EventName::Completed),
            failed: told(&EventName::Failed),
            events: ids.collect::<std::collections::BTreeSet<_>>().len(),
            deliveries: history.deliveries.len(),
            dead_letters: history.dead_letters.len(),
            sessions: history.sessions.len(),
            commands: history.commands.len(),
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checkouts, requests, accepted, completed, failed, .. } = self;
        let Self { events, deliveries, dead_letters, sessions, commands, .. } = self;
        writeln!(
            formatter,
            "{checkouts} checkouts in {requests} requests, {accepted} accepted; jobs: {completed} completed, {failed} failed; \
             {events} events in {deliveries} deliveries, {dead_letters} dead letters; {commands} commands in {sessions} sessions"
        )
    }
}
