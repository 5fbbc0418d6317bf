//! The old algorithms that a switch may be offered when its record names them, and nobody else ever.
//!
//! Every name here is one that SSH implementations of today leave out for a reason; so there is no way to allow them all.
//! What the SSH library can't do has no name here: `ssh-dss`, `hmac-md5`, `hmac-sha1-96`, and groups under 2048 bits by
//! group exchange.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One of them, in the order in which they are offered: the better one first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LegacyAlgorithm {
    /// Key exchange over a group that the switch chooses, of 2048 bits or more.
    GroupExchangeSha1,
    /// Key exchange over a group of 2048 bits.
    Group14Sha1,
    /// Key exchange over a group of 1024 bits, which a state can break.
    Group1Sha1,
    /// Signatures by RSA over SHA-1: of a host key, and of our own RSA key.
    SshRsa,
    /// A cipher in a mode that leaks some of what it hides.
    Aes256Cbc,
    /// The same.
    Aes192Cbc,
    /// The same.
    Aes128Cbc,
    /// The same, over blocks of 64 bits, and slow.
    TripleDesCbc,
    /// An integrity check over SHA-1, of the encrypted text.
    HmacSha1Etm,
    /// An integrity check over SHA-1.
    HmacSha1,
}

impl LegacyAlgorithm {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::GroupExchangeSha1,
        Self::Group14Sha1,
        Self::Group1Sha1,
        Self::SshRsa,
        Self::Aes256Cbc,
        Self::Aes192Cbc,
        Self::Aes128Cbc,
        Self::TripleDesCbc,
        Self::HmacSha1Etm,
        Self::HmacSha1,
    ];

    /// As the protocol names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GroupExchangeSha1 => "diffie-hellman-group-exchange-sha1",
            Self::Group14Sha1 => "diffie-hellman-group14-sha1",
            Self::Group1Sha1 => "diffie-hellman-group1-sha1",
            Self::SshRsa => "ssh-rsa",
            Self::Aes256Cbc => "aes256-cbc",
            Self::Aes192Cbc => "aes192-cbc",
            Self::Aes128Cbc => "aes128-cbc",
            Self::TripleDesCbc => "3des-cbc",
            Self::HmacSha1Etm => "hmac-sha1-etm@openssh.com",
            Self::HmacSha1 => "hmac-sha1",
        }
    }

    /// Reads what [`Self::name`] wrote.
    ///
    /// # Errors
    /// [`NotLegacy`], which lists what is accepted.
    pub fn parse(text: &str) -> Result<Self, NotLegacy> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == text).ok_or(NotLegacy)
    }
}

impl fmt::Display for LegacyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Not the name of one: it is offered to every switch anyway, or can't be offered to any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotLegacy;

impl std::error::Error for NotLegacy {}

impl fmt::Display for NotLegacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = LegacyAlgorithm::ALL.map(LegacyAlgorithm::name).join(", ");
        write!(f, "one of {names}; what is newer is always offered, and other old ones can't be")
    }
}

impl TryFrom<String> for LegacyAlgorithm {
    type Error = NotLegacy;
    fn try_from(text: String) -> Result<Self, NotLegacy> {
        Self::parse(&text)
    }
}

impl From<LegacyAlgorithm> for String {
    fn from(algorithm: LegacyAlgorithm) -> String {
        algorithm.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_and_an_unknown_one_lists_what_is_accepted() {
        for algorithm in LegacyAlgorithm::ALL {
            assert_eq!(LegacyAlgorithm::parse(algorithm.name()), Ok(algorithm));
        }
        for other in ["ssh-dss", "curve25519-sha256", "SSH-RSA", ""] {
            let refused = LegacyAlgorithm::parse(other).expect_err(other).to_string();
            assert!(refused.contains("3des-cbc") && refused.contains("ssh-rsa"), "{refused}");
        }
    }
}
