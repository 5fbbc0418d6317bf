//! Whether the other side is who it should be: its host key against what is pinned or on record, and then the known-hosts
//! file. A key that nobody vouches for is refused, unless the configuration trusts on first use and nobody knows another.

use russh::client;
use russh::keys::{HashAlg, PublicKey, PublicKeyOrCertificate};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};

/// What a known-hosts file calls a key that must never be trusted again.
const REVOKED: &str = "@revoked";

/// The fingerprint of a public key, as switches and `ssh-keygen -l` show it.
#[must_use]
pub fn fingerprint(key: &str) -> String {
    PublicKey::from_openssh(key)
        .map_or_else(|_| "unreadable".to_owned(), |key| key.fingerprint(HashAlg::Sha256).to_string())
}

/// Whose word is taken.
#[derive(Debug)]
pub enum Trust {
    /// One of these keys, and where they are written.
    Known { keys: Vec<PublicKey>, source: String },
    /// Nobody knows a key: the first is trusted, but none of these.
    FirstUse { revoked: Vec<PublicKey> },
    /// Nobody knows a key, so none is trusted.
    Nobody,
}

/// What there is to go by.
pub struct Vouchers<'a> {
    /// In the inventory, or on record.
    pub pinned: Option<&'a str>,
    /// The known-hosts file.
    pub known_hosts: Option<&'a Path>,
    /// Whether a key that nobody knows is trusted.
    pub first_use: bool,
}

fn misconfigured(text: String) -> DriverFailure {
    DriverFailure::new(FailureClass::Misconfigured, text)
}

impl Vouchers<'_> {
    /// # Errors
    /// [`DriverFailure`] of class `Misconfigured` when a key, or the file, can't be read.
    pub fn trust(&self, host: &str, port: u16) -> Result<Trust, DriverFailure> {
        if let Some(pinned) = self.pinned {
            let key = PublicKey::from_openssh(pinned).map_err(|error| {
                misconfigured(format!("the host key that is known for {host}:{port} can't be read: {error}"))
            })?;
            return Ok(Trust::Known { keys: vec![key], source: "the inventory, or the record".to_owned() });
        }
        let (keys, revoked) = match self.known_hosts {
            Some(file) => read_known_hosts(file, host, port)?,
            None => (Vec::new(), Vec::new()),
        };
        Ok(match (keys.is_empty(), self.first_use) {
            (false, _) => {
                let file = self.known_hosts.map(|file| file.display().to_string()).unwrap_or_default();
                Trust::Known { keys, source: file }
            }
            (true, true) => Trust::FirstUse { revoked },
            (true, false) => Trust::Nobody,
        })
    }
}

/// The keys for a host, less those that are revoked anywhere in the file; and the revoked ones.
fn read_known_hosts(
    file: &Path,
    host: &str,
    port: u16,
) -> Result<(Vec<PublicKey>, Vec<PublicKey>), DriverFailure> {
    let unreadable = |why: String| misconfigured(format!("{}: {why}", file.display()));
    // The library takes a file that it can't open for an empty one.
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let revoked: Vec<_> = text.lines().filter_map(revoked_key).collect();
    let known = russh::keys::known_hosts::known_host_keys_path(host, port, file)
        .map_err(|error| unreadable(error.to_string()))?;
    let keys = known.into_iter().map(|(_, key)| key).filter(|key| !has(&revoked, key)).collect();
    Ok((keys, revoked))
}

fn revoked_key(line: &str) -> Option<PublicKey> {
    let mut words = line.split_ascii_whitespace();
    if words.next()? != REVOKED {
        return None;
    }
    let (_hosts, algorithm, key) = (words.next()?, words.next()?, words.next()?);
    PublicKey::from_openssh(&format!("{algorithm} {key}")).ok()
}

fn has(keys: &[PublicKey], key: &PublicKey) -> bool {
    keys.iter().any(|known| known.key_data() == key.key_data())
}

impl Trust {
    /// The keys that are known.
    pub fn known(&self) -> &[PublicKey] {
        match self {
            Self::Known { keys, .. } => keys,
            Self::FirstUse { .. } | Self::Nobody => &[],
        }
    }

    /// The key in OpenSSH's form where it is trusted for being the first; `None` where somebody vouches for it.
    fn judge(&self, place: &str, offered: &PublicKey) -> Result<Option<String>, DriverFailure> {
        let refused = |text: String| Err(DriverFailure::new(FailureClass::HostKeyChanged, text));
        let shown = PublicKey::from(offered.key_data().clone())
            .to_openssh()
            .unwrap_or_else(|_| offered.algorithm().to_string());
        match self {
            Self::Known { keys, .. } if has(keys, offered) => Ok(None),
            Self::Known { keys, source } => {
                let known: Vec<_> =
                    keys.iter().map(|key| key.fingerprint(HashAlg::Sha256).to_string()).collect();
                refused(format!(
                    "{place} shows the host key {shown:?} ({}), and {source} has another one for it ({}); if the device was \
                     replaced, put the new key where the old one is, or release the switch with --forget-host-key",
                    offered.fingerprint(HashAlg::Sha256),
                    known.join(", ")
                ))
            }
            Self::FirstUse { revoked } if has(revoked, offered) => refused(format!(
                "{place} shows the host key {shown:?}, which the known-hosts file calls revoked"
            )),
            Self::FirstUse { .. } => Ok(Some(shown)),
            Self::Nobody => refused(format!(
                "{place} shows the host key {shown:?}, which nobody knows; if it is right, set host_key to it in the inventory"
            )),
        }
    }
}

/// What became of a host key.
#[derive(Clone, Default)]
pub enum Verdict {
    /// None was shown yet.
    #[default]
    Pending,
    /// Somebody vouches for it.
    Vouched,
    /// It was trusted for being the first.
    FirstSeen(String),
    /// It is refused.
    Refused(DriverFailure),
}

/// The check of one connection, and what came of it.
pub struct HostKeyCheck {
    place: String,
    trust: Trust,
    verdict: Arc<Mutex<Verdict>>,
}

impl HostKeyCheck {
    /// A check, and where its verdict will be.
    pub fn new(place: &str, trust: Trust) -> (Self, Arc<Mutex<Verdict>>) {
        let verdict = Arc::<Mutex<Verdict>>::default();
        (Self { place: place.to_owned(), trust, verdict: Arc::clone(&verdict) }, verdict)
    }

    fn judge(&self, offered: &PublicKeyOrCertificate) -> Verdict {
        let judged = match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.trust.judge(&self.place, key),
            PublicKeyOrCertificate::Certificate(_) => {
                let text = format!("{} shows a host certificate, which is not supported", self.place);
                Err(DriverFailure::new(FailureClass::HostKeyChanged, text))
            }
        };
        match judged {
            Ok(None) => Verdict::Vouched,
            Ok(Some(key)) => Verdict::FirstSeen(key),
            Err(failure) => Verdict::Refused(failure),
        }
    }
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    /// Asked again with each rekey: the verdict of the first exchange stays, if the key does.
    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let judged = self.judge(offered);
        let mut verdict = self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        let trusted = match (&*verdict, &judged) {
            (Verdict::FirstSeen(first), Verdict::FirstSeen(now)) => first == now,
            (_, Verdict::Vouched | Verdict::FirstSeen(_)) => true,
            (_, Verdict::Refused(_) | Verdict::Pending) => false,
        };
        *verdict = judged;
        Ok(trusted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::private::Ed25519Keypair;

    fn key(seed: u8) -> PublicKey {
        let private = PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
        PublicKey::from(private.public_key().key_data().clone())
    }

    fn text(seed: u8) -> String {
        key(seed).to_openssh().expect("an Ed25519 key has an OpenSSH form")
    }

    /// What a switch that shows key 1 is to us: `k`nown, `f`irst seen, or refused.
    fn shown(pinned: Option<u8>, known_hosts: &str, first_use: bool) -> char {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), known_hosts).expect("written");
        let pinned = pinned.map(text);
        let vouchers = Vouchers { pinned: pinned.as_deref(), known_hosts: Some(file.path()), first_use };
        let trust = vouchers.trust("sw", 22).expect("readable");
        match trust.judge("sw:22", &key(1)) {
            Ok(None) => 'k',
            Ok(Some(first)) => {
                assert_eq!(first, text(1));
                'f'
            }
            Err(failure) => {
                assert_eq!(failure.class, FailureClass::HostKeyChanged);
                '-'
            }
        }
    }

    #[test]
    fn a_first_key_is_trusted_only_where_the_configuration_says_so_and_nobody_knows_another() {
        let (right, wrong) = (format!("sw {}\n", text(1)), format!("sw {}\n", text(2)));
        let elsewhere = format!("other {}\n", text(1));
        let revoked = format!("@revoked * {}\n", text(1));
        let of_another_kind = "sw ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=\n";
        let table = [
            (Some(1), "", false, 'k'),
            (Some(2), "", false, '-'),
            (Some(2), right.as_str(), true, '-'),
            (None, right.as_str(), false, 'k'),
            (None, wrong.as_str(), false, '-'),
            (None, wrong.as_str(), true, '-'),
            (None, of_another_kind, true, '-'),
            (None, elsewhere.as_str(), false, '-'),
            (None, elsewhere.as_str(), true, 'f'),
            (None, revoked.as_str(), true, '-'),
            (None, &format!("{revoked}{right}"), true, '-'),
            (None, "", false, '-'),
            (None, "", true, 'f'),
        ];
        for (pinned, known_hosts, first_use, expected) in table {
            let found = shown(pinned, known_hosts, first_use);
            assert_eq!(found, expected, "{pinned:?} {known_hosts:?} {first_use}");
        }
    }

    #[test]
    fn a_known_hosts_file_that_is_not_there_is_no_empty_one() {
        let nowhere = Path::new("/nonexistent/known_hosts");
        let vouchers = Vouchers { pinned: None, known_hosts: Some(nowhere), first_use: true };
        let failure = vouchers.trust("sw", 22).expect_err("no such file");
        assert_eq!(failure.class, FailureClass::Misconfigured);
    }
}
