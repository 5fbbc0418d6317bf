//! The webhook signature: HMAC-SHA256 over the raw body, keyed with the partner's secret. Pure; the bytes that are
//! signed must be the bytes that are sent.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use switchyard_actors::domain::text::Secret;

/// The value of `X-Webhook-Signature`: `sha256=` and 64 lower-case hex characters.
#[must_use]
pub fn sign(secret: &Secret, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes())
        .expect("HMAC takes a key of any length: longer ones are hashed first");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret, body, digest. The digests were computed with another implementation, Python's `hmac`, and the first one
    /// with `openssl dgst -sha256 -hmac whsec_demo` as well.
    const VECTORS: [(&str, &str, &str); 4] = [
        (
            "whsec_demo",
            r#"{"event":"provisioning.completed"}"#,
            "a131fad7fa446b8d157bc89e825c3f9f1c021001c1f63237bcea92b606987052",
        ),
        ("", "", "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"),
        ("schlüssel", r#"{"a":"é"}"#, "8863449e23fa2d5669d6313d701928f39b4e4381586749bd2712427c85e6c0f1"),
        // RFC 4231, test case 2.
        (
            "Jefe",
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
    ];

    #[test]
    fn the_signature_is_what_other_implementations_compute() {
        for (secret, body, digest) in VECTORS {
            assert_eq!(sign(&Secret::new(secret), body.as_bytes()), format!("sha256={digest}"), "{body}");
        }
    }

    #[test]
    fn a_secret_longer_than_a_block_is_used_whole() {
        let digest = "a34abd1b081e75091b5f15447fb45ea6a1a7d624c190b880750d5d0f52ca715e";
        assert_eq!(sign(&Secret::new(&"k".repeat(200)), b"x"), format!("sha256={digest}"));
    }

    #[test]
    fn another_secret_or_another_byte_gives_another_signature() {
        let signed = sign(&Secret::new("a"), b"{}");
        assert_ne!(signed, sign(&Secret::new("b"), b"{}"));
        assert_ne!(signed, sign(&Secret::new("a"), b"{ }"));
    }
}
