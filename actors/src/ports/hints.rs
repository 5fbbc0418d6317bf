//! Hints between instances: somebody else may want to look. Lossy by design, and never the thing itself: whoever gets one
//! asks the store, and whoever gets none asks it a little later.

use crate::domain::ids::{InstanceId, PartnerId, SwitchId};
use std::fmt;
use std::str::FromStr;
use tokio::sync::broadcast;

/// What may be worth a look.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hint {
    /// There may be work for this switch, or it may be free to be taken.
    Switch(SwitchId),
    /// There may be an event for this partner.
    Partner(PartnerId),
    /// An operator has released this switch from quarantine.
    Released(SwitchId),
    /// The inventory has changed.
    Inventory,
    /// This instance stops: it takes up nothing any more, and gives back what it has.
    Leaving(InstanceId),
}

/// Not the text of a hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a hint: {0:?}")]
pub struct NotAHint(String);

/// One line, which [`Hint::from_str`] reads.
impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(id) => write!(f, "switch {id}"),
            Self::Partner(id) => write!(f, "partner {id}"),
            Self::Released(id) => write!(f, "released {id}"),
            Self::Inventory => f.write_str("inventory"),
            Self::Leaving(id) => write!(f, "leaving {id}"),
        }
    }
}

impl FromStr for Hint {
    type Err = NotAHint;

    fn from_str(text: &str) -> Result<Self, NotAHint> {
        let (what, name) = text.split_once(' ').unwrap_or((text, ""));
        let switch = || SwitchId::parse(name).ok();
        let hint = match what {
            "switch" => switch().map(Self::Switch),
            "partner" => name.parse().ok().map(|id| Self::Partner(PartnerId(id))),
            "released" => switch().map(Self::Released),
            "inventory" if name.is_empty() => Some(Self::Inventory),
            "leaving" => name.parse().ok().map(|id| Self::Leaving(InstanceId(id))),
            _ => None,
        };
        hint.ok_or_else(|| NotAHint(text.chars().take(100).collect()))
    }
}

/// The way between instances.
pub trait Hints: Send + Sync + 'static {
    /// Tells the other instances, if they can be reached. Never waits.
    fn publish(&self, hint: Hint);

    /// What the others tell, and maybe what this one tells too. A receiver that lags misses some.
    fn subscribe(&self) -> broadcast::Receiver<Hint>;
}

/// For a store that isn't shared: there is nobody to tell.
pub struct NoHints(broadcast::Sender<Hint>);

impl Default for NoHints {
    fn default() -> Self {
        Self(broadcast::Sender::new(1))
    }
}

impl Hints for NoHints {
    fn publish(&self, _: Hint) {}

    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_read_back_from_its_line() {
        let switch = SwitchId::parse("sw-1.attic").expect("valid");
        let partner = PartnerId(uuid::Uuid::from_u128(7));
        let all = [
            Hint::Switch(switch.clone()),
            Hint::Partner(partner),
            Hint::Released(switch),
            Hint::Inventory,
            Hint::Leaving(InstanceId(uuid::Uuid::from_u128(8))),
        ];
        for hint in all {
            assert_eq!(hint.to_string().parse(), Ok(hint));
        }
        for other in ["", "switch", "switch a b", "partner x", "inventory now", "switches sw", "leaving sw"] {
            assert!(other.parse::<Hint>().is_err(), "{other:?}");
        }
    }
}
