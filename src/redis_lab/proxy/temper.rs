//! What the proxy does with the next chunk. Decides alone: it touches no connection.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// As it was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Temper {
    #[default]
    Passing,
    Slow(Duration),
    Stalled,
    Cut,
    /// The request with this word in it will lose its answer.
    AwaitingRequest {
        word: Vec<u8>,
    },
    /// It was passed on, on this connection, whose next answer is lost.
    AwaitingAnswer {
        connection: u64,
    },
}

/// Whether a chunk that has been there for a while may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    Never,
    After(Duration),
    AfterAnOrder,
}

impl Temper {
    fn verdict(&self, waited: Duration) -> Verdict {
        match self {
            Self::Passing | Self::AwaitingRequest { .. } | Self::AwaitingAnswer { .. } => Verdict::Pass,
            Self::Slow(delay) if waited >= *delay => Verdict::Pass,
            Self::Slow(delay) => Verdict::After(delay.saturating_sub(waited)),
            Self::Stalled => Verdict::AfterAnOrder,
            Self::Cut => Verdict::Never,
        }
    }

    fn is_about(&self, request: &[u8]) -> bool {
        let Self::AwaitingRequest { word } = self else { return false };
        word.is_empty() || request.windows(word.len()).any(|part| part == word)
    }
}

/// The temper, which each chunk is held against.
#[derive(Debug, Default)]
pub(super) struct Gate {
    temper: Mutex<Temper>,
    changed: Condvar,
}

impl Gate {
    pub(super) fn set(&self, temper: Temper) {
        *self.temper() = temper;
        self.changed.notify_all();
    }

    /// Sets it unless the proxy is cut.
    pub(super) fn order(&self, temper: Temper) {
        let mut current = self.temper();
        if *current != Temper::Cut {
            *current = temper;
        }
        self.changed.notify_all();
    }

    /// Waits until a chunk that has just come may pass; `None` when it never may.
    pub(super) fn admit(&self) -> Option<()> {
        let arrived = Instant::now();
        let mut temper = self.temper();
        loop {
            temper = match temper.verdict(arrived.elapsed()) {
                Verdict::Pass => return Some(()),
                Verdict::Never => return None,
                Verdict::After(rest) => {
                    let woken = self.changed.wait_timeout(temper, rest);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                Verdict::AfterAnOrder => self.changed.wait(temper).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Told of each request just before it is passed on.
    pub(super) fn note_request(&self, connection: u64, request: &[u8]) {
        let mut temper = self.temper();
        if temper.is_about(request) {
            *temper = Temper::AwaitingAnswer { connection };
        }
    }

    /// Whether the answer that has just come on this connection is the one to lose.
    pub(super) fn loses_answer(&self, connection: u64) -> bool {
        *self.temper() == Temper::AwaitingAnswer { connection }
    }

    /// The connection is gone, and with it the answer that was awaited on it.
    pub(super) fn forget(&self, connection: u64) {
        let mut temper = self.temper();
        if *temper == (Temper::AwaitingAnswer { connection }) {
            *temper = Temper::Passing;
        }
    }

    fn temper(&self) -> MutexGuard<'_, Temper> {
        self.temper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_passes_waits_or_never_passes() {
        let (ms, word) = (Duration::from_millis, || b"SET".to_vec());
        for (temper, waited, verdict) in [
            (Temper::Passing, ms(0), Verdict::Pass),
            (Temper::AwaitingRequest { word: word() }, ms(0), Verdict::Pass),
            (Temper::AwaitingAnswer { connection: 1 }, ms(0), Verdict::Pass),
            (Temper::Slow(ms(30)), ms(10), Verdict::After(ms(20))),
            (Temper::Slow(ms(30)), ms(30), Verdict::Pass),
            (Temper::Stalled, ms(9_000), Verdict::AfterAnOrder),
            (Temper::Cut, ms(9_000), Verdict::Never),
        ] {
            assert_eq!(temper.verdict(waited), verdict, "{temper:?} after {waited:?}");
        }
    }

    #[test]
    fn the_answer_lost_is_that_to_the_request_with_the_word() {
        let gate = Gate::default();
        gate.order(Temper::AwaitingRequest { word: b"SET".to_vec() });
        gate.note_request(1, b"GET port");
        assert!(!gate.loses_answer(1));
        gate.note_request(2, b"SET port 1");
        gate.note_request(1, b"SET port 2");
        assert_eq!((gate.loses_answer(1), gate.loses_answer(2)), (false, true));
        gate.forget(1);
        assert!(gate.loses_answer(2));
        gate.forget(2);
        assert_eq!(*gate.temper(), Temper::Passing);
    }

    #[test]
    fn a_cut_gate_takes_no_order() {
        let gate = Gate::default();
        gate.set(Temper::Cut);
        gate.order(Temper::Stalled);
        assert_eq!(gate.admit(), None);
        gate.set(Temper::Passing);
        assert_eq!(gate.admit(), Some(()));
    }
}
