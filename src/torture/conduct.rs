//! How partners' clients behave: most as the contract asks, some as clients do.

use rand::RngExt as _;
use rand::rngs::ChaCha8Rng;
use std::time::Duration;

/// What one client does about one checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    /// The same body, until it is answered.
    Patient,
    /// It hangs up so soon that no answer can have come, and asks again.
    HangsUp { after: Duration },
    /// It asks again at once, and again after it was answered.
    Hot,
    /// It sends the same body several times at once.
    Bursts,
    /// Under the same key it then wants something else.
    ChangesItsMind,
    /// It tries with a wrong secret first.
    WrongSecret,
    /// It sends half a body first, and hangs up.
    HalfABody,
    /// It sends something that isn't JSON first.
    NotJson,
}

impl Conduct {
    /// One in five misbehaves.
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        match rng.random_range(0..35) {
            0 => Self::HangsUp { after: Duration::from_millis(rng.random_range(0..30)) },
            1 => Self::Hot,
            2 => Self::Bursts,
            3 => Self::ChangesItsMind,
            4 => Self::WrongSecret,
            5 => Self::HalfABody,
            6 => Self::NotJson,
            _ => Self::Patient,
        }
    }

    /// Its name in the report; `None` for those who behave.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Patient => None,
            Self::HangsUp { .. } => Some("hung up and asked again"),
            Self::Hot => Some("asked again at once"),
            Self::Bursts => Some("sent bursts"),
            Self::ChangesItsMind => Some("used a key for another wish"),
            Self::WrongSecret => Some("had a wrong secret"),
            Self::HalfABody => Some("sent half a body"),
            Self::NotJson => Some("sent no JSON"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use std::collections::BTreeSet;

    #[test]
    fn most_clients_behave_and_each_kind_of_misconduct_occurs() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let drawn: Vec<_> = (0..2_000).map(|_| Conduct::draw(&mut rng)).collect();
        let patient = drawn.iter().filter(|conduct| **conduct == Conduct::Patient).count();
        assert!((1_500..1_700).contains(&patient), "{patient}");
        let kinds: BTreeSet<_> = drawn.iter().filter_map(|conduct| conduct.name()).collect();
        assert_eq!(kinds.len(), 7, "{kinds:?}");
    }
}
