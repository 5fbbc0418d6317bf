//! A disk that loses power: only what was synced is sure to be there afterwards.
//!
//! Writes go to a volatile layer, which reads see; a sync makes them durable. When the power goes, everything that the
//! store does fails, and what had not been synced is lost, or reaches the disk in part, sector by sector, in no order:
//! a disk may do either. It never loses what was synced, and never makes up what was not written.

use redb::StorageBackend;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// When the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Never.
    Never,
    /// As sync number `n`, from 1, is asked for: it does nothing.
    BeforeSync(u64),
    /// As sync number `n` is done, before it can answer.
    AfterSync(u64),
}

/// What becomes of writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// Nothing of them is there.
    Lost,
    /// Some of their sectors are: which ones, the seed decides.
    Torn {
        /// Equal seeds, equal choice.
        seed: u64,
    },
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

#[derive(Debug)]
struct State {
    durable: Vec<u8>,
    seen: Vec<u8>,
    unsynced: Vec<Change>,
    syncs: u64,
    cut: Cut,
    lose: Unsynced,
    off: bool,
}

/// The disk. Its clones are the same disk.
#[derive(Debug, Clone)]
pub struct PowerCut(Arc<Mutex<State>>);

impl PowerCut {
    /// A disk that holds `bytes`, all of them durable.
    #[must_use]
    pub fn holding(bytes: Vec<u8>, cut: Cut, lose: Unsynced) -> Self {
        let state = State {
            seen: bytes.clone(),
            durable: bytes,
            unsynced: Vec::new(),
            syncs: 0,
            cut,
            lose,
            off: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// An empty disk.
    #[must_use]
    pub fn empty(cut: Cut, lose: Unsynced) -> Self {
        Self::holding(Vec::new(), cut, lose)
    }

    /// Plans another cut; syncs are counted from here.
    pub fn plan(&self, cut: Cut, lose: Unsynced) {
        let mut state = self.state();
        (state.cut, state.lose, state.syncs) = (cut, lose, 0);
    }

    /// Cuts the power now.
    pub fn cut_now(&self) {
        self.state().power_off();
    }

    /// How many syncs were asked for.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// What the disk holds for sure: after a cut, what the next start finds.
    #[must_use]
    pub fn durable_bytes(&self) -> Vec<u8> {
        self.state().durable.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn powered(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state();
        if state.off { Err(Error::other("the power is off")) } else { Ok(state) }
    }
}

impl State {
    fn sync(&mut self) -> Result<()> {
        self.syncs += 1;
        if self.cut == Cut::BeforeSync(self.syncs) {
            self.power_off();
        } else {
            self.durable.clone_from(&self.seen);
            self.unsynced.clear();
            self.off |= self.cut == Cut::AfterSync(self.syncs);
        }
        if self.off { Err(Error::other("the power went off")) } else { Ok(()) }
    }

    fn power_off(&mut self) {
        if self.off {
            return;
        }
        self.off = true;
        let unsynced = std::mem::take(&mut self.unsynced);
        if let Unsynced::Torn { seed } = self.lose {
            let mut chance = Chance(seed);
            unsynced.iter().for_each(|change| self.keep_some(change, &mut chance));
        }
    }

    fn keep_some(&mut self, change: &Change, chance: &mut Chance) {
        match change {
            Change::Length(length) if chance.heads() => self.durable.resize(*length, 0),
            Change::Length(_) => {}
            Change::Write { offset, data } => {
                let mut from = 0;
                while from < data.len() {
                    // To the next border of a sector on the disk, not in the data.
                    let to = data.len().min(from + SECTOR_BYTES - (offset + from) % SECTOR_BYTES);
                    if chance.heads() {
                        write_at(&mut self.durable, offset + from, &data[from..to]);
                    }
                    from = to;
                }
            }
        }
    }
}

fn write_at(bytes: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(data);
}

fn position(offset: u64) -> usize {
    usize::try_from(offset).expect("a disk in memory is smaller than memory")
}

impl StorageBackend for PowerCut {
    fn len(&self) -> Result<u64> {
        Ok(self.powered()?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.powered()?;
        let from = position(offset);
        let found = state.seen.get(from..from + out.len());
        out.copy_from_slice(found.ok_or_else(|| Error::other("read beyond the end"))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.powered()?;
        state.seen.resize(position(len), 0);
        state.unsynced.push(Change::Length(position(len)));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        self.powered()?.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.powered()?;
        write_at(&mut state.seen, position(offset), data);
        state.unsynced.push(Change::Write { offset: position(offset), data: data.to_vec() });
        Ok(())
    }
}

/// `SplitMix64`: the same seed gives the same disk, in every test run.
struct Chance(u64);

impl Chance {
    fn heads(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}
