//! Whether a webhook is signed: the HMAC-SHA256 of its bytes under a secret that its partner had at the time.
//!
//! Computed from the contract's words, never by the sender's code.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::super::history::{Delivery, History};

/// What the signatures of a delivery are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// Each there is, is right.
    Right,
    /// This header's isn't.
    Wrong(&'static str),
    /// There is none.
    Missing,
    /// Nobody said with what this partner's webhooks are signed.
    SecretUnknown,
}

impl Signature {
    pub fn of(history: &History, partner: Uuid, delivery: &Delivery) -> Self {
        let secrets: Vec<&str> = valid_secrets(history, partner, delivery);
        let is_right =
            |signature: &String| secrets.iter().any(|secret| signs(secret, &delivery.body, signature));
        if history.partners.iter().all(|known| known.id != partner || known.secrets.is_empty()) {
            return Self::SecretUnknown;
        }
        match (&delivery.signature, &delivery.previous_signature) {
            (None, _) => Self::Missing,
            (Some(signature), _) if !is_right(signature) => Self::Wrong("X-Webhook-Signature"),
            (_, Some(previous)) if !is_right(previous) => Self::Wrong("X-Webhook-Signature-Previous"),
            (Some(_), _) => Self::Right,
        }
    }
}

fn valid_secrets<'h>(history: &'h History, partner: Uuid, delivery: &Delivery) -> Vec<&'h str> {
    let partners = history.partners.iter().filter(|known| known.id == partner);
    let valid = partners.flat_map(|known| &known.secrets).filter(|secret| secret.valid.holds(delivery.at));
    valid.map(|secret| secret.secret.value.as_str()).collect()
}

fn signs(secret: &str, body: &[u8], signature: &str) -> bool {
    let Some(claimed) = signature.strip_prefix("sha256=").and_then(|digits| hex::decode(digits).ok()) else {
        return false;
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    mac.verify_slice(&claimed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_rfc_4231_computes() {
        let digest = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(signs("Jefe", b"what do ya want for nothing?", digest));
        assert!(!signs("Jefe", b"what do ya want for nothing!", digest));
        assert!(!signs("jefe", b"what do ya want for nothing?", digest));
        assert!(!signs("Jefe", b"what do ya want for nothing?", &digest["sha256=".len()..]));
    }
}
