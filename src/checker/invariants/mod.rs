//! What always holds, one file for each of the design's invariants, and how far the outside can see it.

mod apart;
mod contents;
mod events;
mod holders;
mod keys;
mod outcomes;
mod ports;
mod record;
mod secrecy;
mod sessions;
mod signature;

use super::casebook::Casebook;
use super::report::{Invariant, Verdict};

pub(super) fn judge(invariant: Invariant, book: &Casebook<'_>) -> Verdict {
    match invariant {
        Invariant::OneJobForOneKey => keys::judge(book),
        Invariant::AcceptedIsOnRecord => record::judge(book),
        Invariant::OneOutcome => outcomes::judge(book),
        Invariant::EveryEventArrives => events::judge(book),
        Invariant::OneAtWorkOnASwitch => sessions::judge(book),
        Invariant::PortAsTold => ports::judge(book),
        Invariant::OneHolderOfAPort => holders::judge(book),
        Invariant::NoSecretSeen => secrecy::judge(book),
        Invariant::PartnersApart => apart::judge(book),
    }
}
