//! What the operator owns and the partners sell: loaded from a file, read on every checkout.

use super::config::VlanId;
use super::ids::{PartnerId, PlanVersionId, PortRef, SwitchId, UnitId};
use super::legacy_algorithm::LegacyAlgorithm;
use super::text::{LocationHash, Secret};
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// An internet provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// Its id.
    pub id: PartnerId,
    /// For people.
    pub name: String,
    /// Opens the checkout endpoint, and signs the webhooks.
    pub webhook_secret: Secret,
    /// Where its events go.
    pub webhook_url: String,
    /// Its API key, hashed; `None` when it has none.
    pub api_key: Option<ApiKeyHash>,
}

/// SHA-256 of an API key: what is stored in its place, and what it is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiKeyHash([u8; 32]);

impl ApiKeyHash {
    /// Hashes a key as a partner sends it. Keys carry 128 random bits or more, so a plain digest is enough.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }
}

impl fmt::Display for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Not 64 hexadecimal characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an API key hash is the 64 hex characters of a SHA-256")]
pub struct HashRefused;

impl TryFrom<String> for ApiKeyHash {
    type Error = HashRefused;
    fn try_from(text: String) -> Result<Self, HashRefused> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashRefused)?;
        Ok(Self(bytes))
    }
}

impl From<ApiKeyHash> for String {
    fn from(hash: ApiKeyHash) -> String {
        hash.to_string()
    }
}

/// One version of a partner's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanVersion {
    /// Its id.
    pub id: PlanVersionId,
    /// Who sells it.
    pub partner: PartnerId,
    /// For people.
    pub name: String,
    /// The access VLAN of its subscribers.
    pub vlan: VlanId,
    /// Towards the subscriber, in kbit/s.
    pub down_kbps: u64,
    /// From the subscriber, in kbit/s.
    pub up_kbps: u64,
    /// Still on sale.
    pub active: bool,
}

/// A flat or an office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its id.
    pub id: UnitId,
    /// For people; no personal data.
    pub name: String,
}

/// How the service logs in to a switch or a jump host. What is secret comes as a reference: `env:NAME` or `file:PATH`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Login name.
    pub username: String,
    /// Where the password is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Where the private key is, in OpenSSH format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<SecretRef>,
    /// Where the passphrase of the private key is, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_passphrase: Option<SecretRef>,
    /// Where the password of the privileged mode is, on platforms that ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_password: Option<SecretRef>,
}

/// Where a secret is, never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SecretRef {
    /// In an environment variable.
    Env(String),
    /// In a file; a final line end is not part of it.
    File(String),
}

/// A secret was written down, or the reference has another form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret is given by reference: env:NAME or file:PATH")]
pub struct ReferenceRefused;

impl TryFrom<String> for SecretRef {
    type Error = ReferenceRefused;
    fn try_from(text: String) -> Result<Self, ReferenceRefused> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            _ => Err(ReferenceRefused),
        }
    }
}

impl From<SecretRef> for String {
    fn from(reference: SecretRef) -> String {
        reference.to_string()
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// A switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Its name in the inventory.
    pub id: SwitchId,
    /// Host name or address.
    pub host: String,
    /// TCP port of its SSH server.
    pub ssh_port: u16,
    /// Which platform file speaks to it.
    pub platform: String,
    /// How to log in.
    pub credentials: Credentials,
    /// Its pinned host key, as `ssh-ed25519 AAAA...`; `None` asks the record, and then the known-hosts file.
    pub host_key: Option<String>,
    /// The host name that the device itself must show; `None` is not checked.
    pub host_name: Option<String>,
    /// The serial number that the device itself must tell; `None` is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Where a port goes that no subscription holds.
    pub captive_portal_vlan: VlanId,
    /// Old algorithms that it may be offered, beside those of today.
    pub allow_algorithms: Vec<LegacyAlgorithm>,
    /// Where its connection goes through; `None` is none.
    pub jump_host: Option<Box<JumpHost>>,
}

/// A computer that switches are reached through: each has its own copy, so that one record says all about its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JumpHost {
    /// Its name in the inventory file.
    pub name: String,
    /// Host name or address.
    pub host: String,
    /// TCP port of its SSH server.
    pub ssh_port: u16,
    /// How to log in.
    pub credentials: Credentials,
    /// Its pinned host key; `None` looks in the known-hosts file. It is never trusted on first use.
    pub host_key: Option<String>,
}

/// A port that may be sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryPort {
    /// Which.
    pub at: PortRef,
    /// The unit that it leads to, where one is known.
    pub unit: Option<UnitId>,
}

/// A location hash: what a partner knows a port by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    /// The token.
    pub hash: LocationHash,
    /// The port that it stands for.
    pub port: PortRef,
    /// When it stops working; `None` is never.
    pub expires_at: Option<UnixMillis>,
}

impl Location {
    /// Whether it still works at `now`.
    #[must_use]
    pub fn is_valid(&self, now: UnixMillis) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}
