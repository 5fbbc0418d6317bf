//! The subscription machine: what a subscriber has, and which port it holds.
//!
//! ```text
//!   PendingInstall ──InstallConfirmed──▶ Pending(held) ──Provisioned──▶ Active ◀──Reactivated── Suspended
//!         │                               │      ▲                      │  └──────Suspended────────▲
//!         │             ProvisioningFailed│      │RetryAsked            │                          │
//!         │                               ▼      │                      │                          │
//!         │                              Pending(let go)                │                          │
//!         └───────────────Cancelled──────────────┴────Cancelled─────────┴────────Cancelled─────────┘
//!                                                 ▼
//!                                             Cancelled
//! ```
//!
//! Pending (held), Active and Suspended hold their port; everything else has let go of it.

use super::Denied;
use super::ids::{PortRef, UnitId};
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// Whether a pending subscription has its port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Nobody else can have it.
    Held,
    /// Its provisioning failed: the port is free for others.
    LetGo,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SubscriptionState {
    /// Its port isn't live yet.
    Pending {
        /// The port.
        port: PortRef,
        /// Held, unless its provisioning failed.
        hold: Hold,
    },
    /// Waiting for a technician.
    PendingInstall {
        /// Where.
        unit: UnitId,
    },
    /// Live.
    Active {
        /// The port.
        port: PortRef,
        /// Since when.
        since: UnixMillis,
    },
    /// Blocked, and kept.
    Suspended {
        /// The port.
        port: PortRef,
    },
    /// Over.
    Cancelled {
        /// Since when.
        at: UnixMillis,
    },
}

/// What can happen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionEvent {
    /// The technician patched this port.
    InstallConfirmed {
        /// The port.
        port: PortRef,
    },
    /// Its port was verified live.
    Provisioned,
    /// Its job failed for good.
    ProvisioningFailed,
    /// The partner asked for another try.
    RetryAsked,
    /// Its port was blocked.
    Suspended,
    /// Its port was restored.
    Reactivated,
    /// It is over.
    Cancelled,
}

/// What the change means for the port and for the partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionEffect {
    /// The port is now held by it.
    TakePort,
    /// `subscription.activated` is due.
    AnnounceActivated,
    /// The port is free.
    LetGoOfPort,
    /// Nothing beyond the record.
    None,
    /// `subscription.cancelled` is due, and the port, if it held one, is free.
    AnnounceCancelled,
}

impl SubscriptionState {
    /// The rule.
    ///
    /// # Errors
    /// [`Denied`] with the current status when the transition makes no sense.
    pub fn apply(
        self,
        event: SubscriptionEvent,
        now: UnixMillis,
    ) -> Result<(Self, SubscriptionEffect), Denied> {
        use SubscriptionEffect as Effect;
        use SubscriptionEvent as E;
        match (self, event) {
            (Self::PendingInstall { .. }, E::InstallConfirmed { port }) => {
                Ok((Self::Pending { port, hold: Hold::Held }, Effect::TakePort))
            }
            (Self::Pending { port, hold: Hold::Held }, E::Provisioned) => {
                Ok((Self::Active { port, since: now }, Effect::AnnounceActivated))
            }
            (Self::Pending { port, hold: Hold::Held }, E::ProvisioningFailed) => {
                Ok((Self::Pending { port, hold: Hold::LetGo }, Effect::LetGoOfPort))
            }
            (Self::Pending { port, hold: Hold::LetGo }, E::RetryAsked) => {
                Ok((Self::Pending { port, hold: Hold::Held }, Effect::TakePort))
            }
            (Self::Active { port, .. }, E::Suspended) => Ok((Self::Suspended { port }, Effect::None)),
            (Self::Suspended { port }, E::Reactivated) => {
                Ok((Self::Active { port, since: now }, Effect::AnnounceActivated))
            }
            (
                Self::Pending { .. }
                | Self::PendingInstall { .. }
                | Self::Active { .. }
                | Self::Suspended { .. },
                E::Cancelled,
            ) => Ok((Self::Cancelled { at: now }, Effect::AnnounceCancelled)),
            (
                state @ (Self::Pending { .. }
                | Self::Active { .. }
                | Self::Suspended { .. }
                | Self::Cancelled { .. }),
                event @ E::InstallConfirmed { .. },
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Pending { hold: Hold::LetGo, .. }
                | Self::PendingInstall { .. }
                | Self::Active { .. }
                | Self::Suspended { .. }
                | Self::Cancelled { .. }),
                event @ (E::Provisioned | E::ProvisioningFailed),
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Pending { hold: Hold::Held, .. }
                | Self::PendingInstall { .. }
                | Self::Active { .. }
                | Self::Suspended { .. }
                | Self::Cancelled { .. }),
                event @ E::RetryAsked,
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Pending { .. }
                | Self::PendingInstall { .. }
                | Self::Suspended { .. }
                | Self::Cancelled { .. }),
                event @ E::Suspended,
            ) => Err(state.denied(&event)),
            (
                state @ (Self::Pending { .. }
                | Self::PendingInstall { .. }
                | Self::Active { .. }
                | Self::Cancelled { .. }),
                event @ E::Reactivated,
            ) => Err(state.denied(&event)),
            (state @ Self::Cancelled { .. }, event @ E::Cancelled) => Err(state.denied(&event)),
        }
    }

    /// The status on the wire.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "PENDING",
            Self::PendingInstall { .. } => "PENDING_INSTALL",
            Self::Active { .. } => "ACTIVE",
            Self::Suspended { .. } => "SUSPENDED",
            Self::Cancelled { .. } => "CANCELLED",
        }
    }

    /// The port that it holds.
    #[must_use]
    pub fn held_port(&self) -> Option<&PortRef> {
        match self {
            Self::Pending { port, hold: Hold::Held }
            | Self::Active { port, .. }
            | Self::Suspended { port } => Some(port),
            Self::Pending { hold: Hold::LetGo, .. }
            | Self::PendingInstall { .. }
            | Self::Cancelled { .. } => None,
        }
    }

    fn denied(&self, event: &SubscriptionEvent) -> Denied {
        let event = match event {
            SubscriptionEvent::InstallConfirmed { .. } => "confirm-install",
            SubscriptionEvent::Provisioned => "provisioned",
            SubscriptionEvent::ProvisioningFailed => "provisioning failed",
            SubscriptionEvent::RetryAsked => "retry",
            SubscriptionEvent::Suspended => "suspend",
            SubscriptionEvent::Reactivated => "reactivate",
            SubscriptionEvent::Cancelled => "cancel",
        };
        Denied { machine: "subscription", state: self.status(), event }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{PortName, SwitchId};
    use proptest::prelude::*;
    use uuid::Uuid;

    const NOW: UnixMillis = UnixMillis(5);

    fn port() -> PortRef {
        PortRef {
            switch: SwitchId::parse("sw").expect("valid"),
            port: PortName::parse("Et7").expect("valid"),
        }
    }

    fn states() -> [SubscriptionState; 6] {
        [
            SubscriptionState::PendingInstall { unit: UnitId(Uuid::nil()) },
            SubscriptionState::Pending { port: port(), hold: Hold::Held },
            SubscriptionState::Pending { port: port(), hold: Hold::LetGo },
            SubscriptionState::Active { port: port(), since: NOW },
            SubscriptionState::Suspended { port: port() },
            SubscriptionState::Cancelled { at: NOW },
        ]
    }

    fn events() -> [SubscriptionEvent; 7] {
        [
            SubscriptionEvent::InstallConfirmed { port: port() },
            SubscriptionEvent::Provisioned,
            SubscriptionEvent::ProvisioningFailed,
            SubscriptionEvent::RetryAsked,
            SubscriptionEvent::Suspended,
            SubscriptionEvent::Reactivated,
            SubscriptionEvent::Cancelled,
        ]
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        // The digit is the index of the next state in `states()`, a dot is denied.
        let drawn = ["1.....5", ".32...5", "...1..5", "....4.5", ".....35", "......."];
        for (state, row) in states().into_iter().zip(drawn) {
            for (event, expected) in events().into_iter().zip(row.chars()) {
                let next = state.clone().apply(event.clone(), NOW).ok().map(|(s, _)| s);
                let wanted = expected.to_digit(10).map(|i| states()[i as usize].clone());
                assert_eq!(next, wanted, "{state:?} + {event:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn effects_alone_tell_who_holds_the_port(picks in proptest::collection::vec(0..7usize, 0..40)) {
            let mut state = states()[0].clone();
            let mut held = false;
            for pick in picks {
                if let Ok((next, effect)) = state.clone().apply(events()[pick].clone(), NOW) {
                    held = match effect {
                        SubscriptionEffect::TakePort => true,
                        SubscriptionEffect::LetGoOfPort | SubscriptionEffect::AnnounceCancelled => false,
                        SubscriptionEffect::AnnounceActivated | SubscriptionEffect::None => held,
                    };
                    state = next;
                }
                prop_assert_eq!(held, state.held_port().is_some());
            }
        }
    }
}
