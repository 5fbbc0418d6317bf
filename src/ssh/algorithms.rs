//! What is offered in a key exchange: what is safe today, and of the old algorithms those that the switch's record names.
//!
//! Nothing old is ever offered to a switch whose record doesn't name it, nor is an old one preferred to one of today.

use russh::client::GexParams;
use russh::keys::{Algorithm, PublicKey};
use russh::{Preferred, cipher, kex, mac};
use std::borrow::Cow;
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;

/// Of today, and not among the library's own: many a switch has no other key exchange, or no other cipher.
const ALSO_KEX: [kex::Name; 3] = [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521];
/// First those that processors have instructions for; the library's own list begins with ChaCha20, which here has none.
const FIRST_CIPHERS: [cipher::Name; 2] = [cipher::AES_128_GCM, cipher::AES_256_GCM];

/// RSA over SHA-1 is in the library's own list; here it is an old one.
const SSH_RSA: Algorithm = Algorithm::Rsa { hash: None };

/// What is offered, best first; host key algorithms of `known` keys before all others, since another key of the same
/// device would be taken for a stranger's.
pub fn offer(allowed: &[LegacyAlgorithm], known: &[PublicKey]) -> Preferred {
    let ours = Preferred::DEFAULT;
    let names = || allowed.iter().map(|algorithm| algorithm.name());
    let kex = names().filter_map(|name| kex::Name::try_from(name).ok());
    let cipher = names().filter_map(|name| cipher::Name::try_from(name).ok());
    let mac = names().filter_map(|name| mac::Name::try_from(name).ok());
    let others = ours.cipher.iter().copied().filter(|cipher| !FIRST_CIPHERS.contains(cipher));
    Preferred {
        kex: ours.kex.iter().copied().chain(ALSO_KEX).chain(kex).collect(),
        key: Cow::Owned(host_keys(allowed.contains(&LegacyAlgorithm::SshRsa), known)),
        cipher: FIRST_CIPHERS.into_iter().chain(others).chain(cipher).collect(),
        mac: ours.mac.iter().copied().chain(mac).collect(),
        ..ours
    }
}

fn host_keys(ssh_rsa: bool, known: &[PublicKey]) -> Vec<Algorithm> {
    let is_known = |algorithm: &Algorithm| {
        known.iter().any(|key| match key.algorithm() {
            Algorithm::Rsa { .. } => matches!(algorithm, Algorithm::Rsa { .. }),
            other => other == *algorithm,
        })
    };
    let offered = Preferred::DEFAULT.key.iter().filter(|a| ssh_rsa || **a != SSH_RSA).cloned();
    let (first, then): (Vec<_>, Vec<_>) = offered.partition(is_known);
    first.into_iter().chain(then).collect()
}

/// Groups of 2048 bits are asked for only where group exchange over SHA-1 is allowed: its devices have no larger ones.
pub fn groups(allowed: &[LegacyAlgorithm]) -> GexParams {
    if !allowed.contains(&LegacyAlgorithm::GroupExchangeSha1) {
        return GexParams::default();
    }
    GexParams::new(2_048, 2_048, 8_192).expect("2048 bits are what the library takes at least")
}

/// What an operator can do about a switch with which there is nothing in common.
pub fn advice(theirs: &[String]) -> String {
    let old: Vec<_> = theirs.iter().filter_map(|name| LegacyAlgorithm::parse(name).ok()).collect();
    if old.is_empty() {
        return "none of them can be had, not even by allow_algorithms".to_owned();
    }
    let names = old.iter().map(|algorithm| format!("{:?}", algorithm.name())).collect::<Vec<_>>();
    format!("its allow_algorithms in the inventory may name {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(offered: &Preferred) -> Vec<String> {
        let text = |name: &dyn AsRef<str>| name.as_ref().to_owned();
        let kex = offered.kex.iter().map(|name| text(name));
        let key = offered.key.iter().map(ToString::to_string);
        let cipher = offered.cipher.iter().map(|name| text(name));
        kex.chain(key).chain(cipher).chain(offered.mac.iter().map(|name| text(name))).collect()
    }

    #[test]
    fn nothing_old_is_offered_unless_it_is_named_and_then_that_alone_and_after_the_others() {
        let plain = names(&offer(&[], &[]));
        for algorithm in LegacyAlgorithm::ALL {
            assert!(!plain.contains(&algorithm.name().to_owned()), "{algorithm}");
            let offered = names(&offer(&[algorithm], &[]));
            let added: Vec<_> = offered.iter().filter(|name| !plain.contains(name)).collect();
            assert_eq!(added, [algorithm.name()]);
        }
        for word in ["sha1", "cbc", "ssh-rsa", "3des", "md5", "ssh-dss", "arcfour"] {
            assert!(!plain.iter().any(|name| name.contains(word)), "{word} in {plain:?}");
        }
        let all = offer(&LegacyAlgorithm::ALL, &[]);
        assert_eq!(all.cipher.last(), Some(&cipher::TRIPLE_DES_CBC));
        assert_eq!(all.kex.last(), Some(&kex::DH_G1_SHA1));
    }

    #[test]
    fn the_algorithms_of_the_known_key_come_first() {
        let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQD3l7dp77VhpPq2OSrvlIGD6q3MtBbKXVPUZSRHRiIomnu4CHEAUL3gezSf2t8/v/a60eUnfP7gE88Wxmb2mlYbvWGGpW567O/X0InWja8ssNNj2oF9Pzu29eNoAE49Nt95a6l/H1QjXtUgBMpTaIssDADGmRWVlcb3iQEVokrHaKgLNOSwfjbScM4dWkeLC5oMcJ+vcl/5d5xoESYXgDoB50oO05naPuQ/ydxfCzfJEZQI6luuNafk10AbotX2NBRX3GcAdOPi0OIb26584DEJ1t2qTjyUxw+HwGx88+us/u31hTXr6bLwws1DKM5odefW6BQSUANgVm7h+Fxp73Oh";
        let known = PublicKey::from_openssh(rsa).expect("a key");
        let offered = offer(&[], std::slice::from_ref(&known));
        let is_rsa = |n: usize| matches!(offered.key[n], Algorithm::Rsa { .. });
        assert!(is_rsa(0) && is_rsa(1) && !is_rsa(2), "{:?}", offered.key);
        assert!(!offered.key.contains(&SSH_RSA));
        assert!(offer(&[LegacyAlgorithm::SshRsa], &[known]).key[2] == SSH_RSA);
    }

    #[test]
    fn advice_names_what_would_help_and_says_when_nothing_would() {
        let theirs = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let some = advice(&theirs(&["hmac-md5", "hmac-sha1"]));
        assert!(some.contains("\"hmac-sha1\"") && !some.contains("md5"), "{some}");
        assert!(advice(&theirs(&["hmac-md5"])).contains("none of them"));
    }
}
