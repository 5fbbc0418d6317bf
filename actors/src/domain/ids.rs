//! Names of things: newtypes, so that a job's id can never be passed for a subscription's.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

uuid_id! {
    /// An internet provider that sells plans: `service_provider_document_id` on the wire.
    PartnerId,
    /// One version of a partner's plan.
    PlanVersionId,
    /// A flat or an office that may have no port yet.
    UnitId,
    /// What a subscriber has, for as long as they have it.
    SubscriptionId,
    /// One piece of work on one port.
    JobId,
    /// One webhook event, whatever the number of its attempts: `X-Webhook-Id` on the wire.
    EventId,
    /// One try at accepting a checkout: tells a slow first writer from the one that took over.
    ClaimId,
    /// One commit. It is also the version of every record that the commit wrote.
    CommitId,
    /// One running process of the service; a new one with each start.
    InstanceId,
}

/// Which holder of a switch is writing: grows by one with each new supervisor of that switch, and fences every commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LeaseEpoch(pub u64);

/// A name was refused; says what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {seen:?} is not accepted: {accepted}")]
pub struct NameRefused {
    what: &'static str,
    seen: String,
    accepted: &'static str,
}

/// Longest name of a switch or a port, in bytes.
pub const NAME_MAX_BYTES: usize = 64;

fn parse_name(
    what: &'static str,
    text: &str,
    extra: &str,
    accepted: &'static str,
) -> Result<Arc<str>, NameRefused> {
    let fits = !text.is_empty() && text.len() <= NAME_MAX_BYTES;
    // Names reach a switch's command line: nothing that any shell or CLI reads as more than a word.
    let plain =
        text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c)) && !text.starts_with('-');
    if fits && plain {
        Ok(Arc::from(text))
    } else {
        Err(NameRefused { what, seen: text.chars().take(NAME_MAX_BYTES).collect(), accepted })
    }
}

macro_rules! name_id {
    ($(#[$doc:meta])+ $name:ident, $what:literal, $extra:literal, $accepted:literal) => {
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads a name.
            ///
            /// # Errors
            /// [`NameRefused`] when it is empty, too long, or holds a character that is not accepted.
            pub fn parse(text: &str) -> Result<Self, NameRefused> {
                parse_name($what, text, $extra, $accepted).map(Self)
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameRefused;
            fn try_from(text: String) -> Result<Self, NameRefused> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name_id!(
    /// A switch, by its name in the inventory.
    SwitchId, "switch name", "._-", "1 to 64 of A-Z a-z 0-9 . _ -"
);
name_id!(
    /// A port, by the name that its switch calls it.
    PortName, "port name", "./:_-", "1 to 64 of A-Z a-z 0-9 . / : _ -"
);

/// One port of one switch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortRef {
    /// The switch.
    pub switch: SwitchId,
    /// The port on it.
    pub port: PortName,
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.switch, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_shell_would_read_as_more_than_a_word_is_refused() {
        for bad in ["", "a b", "a;b", "a|b", "$x", "a\n", "-rf", "é", &"x".repeat(65)] {
            assert!(SwitchId::parse(bad).is_err(), "{bad:?}");
            assert!(PortName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(SwitchId::parse("sw-0001.attic").is_ok());
        assert!(PortName::parse("GigabitEthernet1/0/7").is_ok());
    }
}
