//! What a file asks for: items to be as it states them, and items to be gone. Everything else is left alone.

use super::fault::{Place, Placed};
use super::item::Item;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId, PortRef, SwitchId, UnitId};
use switchyard_actors::domain::record::Key;
use switchyard_actors::domain::text::LocationHash;

/// What a file asks for, already checked as far as the file alone can be.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The file's name, for faults that only the store can tell.
    pub file: String,
    /// To be as stated. An optional key that the file leaves out is unset.
    pub items: Vec<Statement>,
    /// To be gone.
    pub removals: Vec<Placed<Removal>>,
}

/// An item, and where the file states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The item.
    pub is: Item,
    /// The line that names it.
    pub at: Place,
    /// The line with what it shares or refers to: a plan's partner, a port's unit, a partner's API key.
    pub refers_at: Option<Box<Place>>,
}

impl Statement {
    /// Where its reference stands, or else it.
    #[must_use]
    pub fn reference_place(&self) -> &Place {
        self.refers_at.as_deref().unwrap_or(&self.at)
    }
}

/// Something that must go, with everything that hangs on it: a port's location hashes, a switch's ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Removal {
    /// A partner.
    Partner(PartnerId),
    /// A plan version.
    Plan(PlanVersionId),
    /// A unit.
    Unit(UnitId),
    /// A switch.
    Switch(SwitchId),
    /// A port.
    Port(PortRef),
    /// A location hash.
    Location(LocationHash),
}

impl Removal {
    /// The record that goes.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Partner(id) => Key::Partner(*id),
            Self::Plan(id) => Key::Plan(*id),
            Self::Unit(id) => Key::Unit(*id),
            Self::Switch(id) => Key::Switch(id.clone()),
            Self::Port(at) => Key::InventoryPort(at.clone()),
            Self::Location(hash) => Key::Location(hash.clone()),
        }
    }
}
