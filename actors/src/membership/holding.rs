//! The leases that this instance holds, or may hold: claimed by whoever is to work under them, and given back when nobody
//! does any more.
//!
//! ```text
//!             claim                       given back, or lost to another
//!   (none) ─────────▶ InUse ───────────────────────────────────▶ (none)
//!                      │ ▲                                          ▲
//!              dropped │ │ claim                                    │ claimed once more, and given back
//!                      ▼ │                                          │
//!                   Abandoned ──────────────────────────────────────┘
//! ```
//!
//! A living holder is never displaced, so a lease that was forgotten, by a panic or with an answer that got lost, would
//! stand in the way of others for ever. So each claim is noted before it is made, and [`Holding`] says by its drop that
//! nobody works under it any more.

use crate::domain::ids::LeaseEpoch;
use crate::domain::record::Tag;
use crate::outside::Outside;
use crate::ports::store::{Claimed, StoreUnavailable};
use crate::ports::tenure::Tenure;
use crate::safeguards::{Safeguard, stands};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    InUse(u64),
    Abandoned,
}

/// All of them. Every claim has a number, so that a late drop doesn't end the use of the next.
#[derive(Default, Clone)]
pub struct Holdings(Arc<Mutex<Book>>);

#[derive(Default)]
struct Book {
    claims: u64,
    uses: BTreeMap<Tag, Use>,
}

impl Holdings {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, tag: &Tag) -> Note {
        let mut book = self.book();
        book.claims += 1;
        let number = book.claims;
        book.uses.insert(tag.clone(), Use::InUse(number));
        Note { holdings: self.clone(), tag: tag.clone(), number }
    }

    fn end(&self, tag: &Tag, number: u64, then: Option<Use>) {
        let mut book = self.book();
        if book.uses.get(tag) == Some(&Use::InUse(number)) {
            match then {
                Some(then) => drop(book.uses.insert(tag.clone(), then)),
                None => drop(book.uses.remove(tag)),
            }
        }
    }

    /// Those that nobody works under.
    fn abandoned(&self) -> Vec<Tag> {
        let book = self.book();
        book.uses.iter().filter(|(_, is)| **is == Use::Abandoned).map(|(tag, _)| tag.clone()).collect()
    }

    /// The leases were held under an id that is over: whoever wants one takes it.
    pub(super) fn forget(&self) {
        self.book().uses.clear();
    }
}

struct Note {
    holdings: Holdings,
    tag: Tag,
    number: u64,
}

impl Note {
    fn strike(&self) {
        self.holdings.end(&self.tag, self.number, None);
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.holdings.end(&self.tag, self.number, Some(Use::Abandoned));
    }
}

/// A lease that was taken, and the tenure under which it was.
pub struct Holding {
    /// Fences every commit.
    pub lease: LeaseEpoch,
    /// Asked before each write to the switch.
    pub tenure: Tenure,
    note: Note,
}

impl Holding {
    /// Somebody else has taken it: there is nothing to give back.
    pub fn lost(&self) {
        self.note.strike();
    }
}

/// What came of claiming.
pub enum Claim {
    /// It is ours.
    Ours(Arc<Holding>),
    /// It is another's, who lives, or is not known to be dead yet.
    Others,
    /// Another is preferred for it.
    NotForUs,
}

impl Outside {
    /// Whether this instance should have what is under the tag, and may act on it now.
    #[must_use]
    pub fn owns(&self, tag: &Tag) -> bool {
        self.members.roll().owns(tag)
    }

    /// Claims a tag's lease, if this instance is preferred for it; takes it from a holder that is dead.
    ///
    /// # Errors
    /// [`StoreUnavailable`].
    pub async fn claim(&self, tag: &Tag) -> Result<Claim, StoreUnavailable> {
        let roll = self.members.roll();
        if !roll.owns(tag) {
            return Ok(Claim::NotForUs);
        }
        let note = self.holdings.begin(tag);
        let mut claimed = self.store.claim_lease(tag, roll.me, None).await?;
        if let Claimed::Held { by } = claimed
            && (roll.over.contains(&by) || !stands(Safeguard::LeaseWaitedOut))
        {
            tracing::debug!(%tag, from = %by, "taking over from an instance that is gone");
            claimed = self.store.claim_lease(tag, roll.me, Some(by)).await?;
        }
        match claimed {
            Claimed::Taken(lease) => {
                Ok(Claim::Ours(Arc::new(Holding { lease, tenure: roll.tenure.clone(), note })))
            }
            Claimed::Held { by } => {
                note.strike();
                if !roll.living.contains(&by) {
                    self.members.seek(by, self.clock.uptime());
                }
                tracing::debug!(%tag, %by, "held by another");
                Ok(Claim::Others)
            }
        }
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// [`StoreUnavailable`]; then it may still be held.
    pub async fn give_back(&self, tag: &Tag, holding: &Holding) -> Result<(), StoreUnavailable> {
        self.store.release_lease(tag, holding.lease).await?;
        holding.note.strike();
        Ok(())
    }

    /// Gives back what was abandoned and is another's to have.
    pub(super) async fn clear_up(&self) -> Result<(), StoreUnavailable> {
        let roll = self.members.roll();
        for tag in self.holdings.abandoned().into_iter().filter(|tag| !roll.owns(tag)) {
            let note = self.holdings.begin(&tag);
            if let Claimed::Taken(lease) = self.store.claim_lease(&tag, roll.me, None).await? {
                self.store.release_lease(&tag, lease).await?;
            }
            note.strike();
        }
        Ok(())
    }
}
