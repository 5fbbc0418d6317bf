//! What single values must look like. Errors are the sentence after "is not accepted"; those of values that may be
//! secret are whole sentences, and never repeat them.

use crate::inventory::secrets::SecretSource;
use std::net::Ipv6Addr;
use switchyard_actors::domain::inventory::{ApiKeyHash, SecretRef};
use switchyard_actors::domain::text::Secret;
use url::Url;
use uuid::Uuid;

pub(super) const UUID_ACCEPTED: &str = "a UUID, as 7b0c4d0e-5a1f-4c57-9a53-0d6a1f6f2c11";
pub(super) const NAME_ACCEPTED: &str = "1 to 200 characters, no control characters";
pub(super) const URL_ACCEPTED: &str = "an http or https URL";
pub(super) const WEBHOOK_SECRET_ACCEPTED: &str = "the secret itself, env:NAME or file:PATH";
pub(super) const HOST_ACCEPTED: &str = "a host name or an address, without a port (that is ssh_port)";
pub(super) const REFERENCE_ACCEPTED: &str = "env:NAME or file:PATH; a secret itself is never written here";

pub(super) fn uuid(text: &str) -> Result<Uuid, &'static str> {
    // Only the form that partners see: the others would make one id look like two.
    let usual = text.len() == 36;
    Uuid::try_parse(text).ok().filter(|_| usual).ok_or(UUID_ACCEPTED)
}

pub(super) fn display_name(text: &str) -> Result<&str, &'static str> {
    let fits = (1..=200).contains(&text.chars().count());
    if fits && !text.chars().any(char::is_control) { Ok(text) } else { Err(NAME_ACCEPTED) }
}

pub(super) fn webhook_url(text: &str) -> Result<&str, String> {
    let url = Url::parse(text).map_err(|why| format!("is no URL ({why}); accepted: {URL_ACCEPTED}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        Err("holds a user name or a password, which would end up in logs; webhooks are signed instead"
            .to_owned())
    } else if !matches!(url.scheme(), "http" | "https") {
        Err(format!("has the scheme {:?}; accepted: {URL_ACCEPTED}", url.scheme()))
    } else {
        Ok(text)
    }
}

/// A literal, or what a reference leads to.
pub(super) fn webhook_secret(text: &str, source: &dyn SecretSource) -> Result<Secret, String> {
    let value = match SecretRef::try_from(text.to_owned()) {
        Ok(reference) => source.resolve(&reference)?,
        Err(_) if text == "env:" || text == "file:" => return Err("names nothing after the colon".to_owned()),
        Err(_) => text.to_owned(),
    };
    // It travels as a header's value.
    let fits = (1..=512).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(Secret::new(&value))
    } else {
        Err("the secret must be 1 to 512 visible ASCII characters without spaces".to_owned())
    }
}

pub(super) fn api_key_hash(text: &str) -> Result<ApiKeyHash, String> {
    let refused = |why| format!("{why}; `switchyard api-key new` prints one");
    ApiKeyHash::try_from(text.to_owned()).map_err(refused)
}

/// The hash of the key that a reference leads to.
pub(super) fn api_key(text: &str, source: &dyn SecretSource) -> Result<ApiKeyHash, String> {
    let key = source.resolve(&reference(text)?)?;
    let random = key.strip_prefix("sy_live_").or_else(|| key.strip_prefix("sy_sb_"));
    match random {
        Some(random) if random.len() >= 22 && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(ApiKeyHash::of(&key))
        }
        _ => Err("the key must be sy_live_ or sy_sb_ and at least 22 visible characters".to_owned()),
    }
}

/// A reference to a secret; a secret that was written down instead is not repeated.
pub(super) fn reference(text: &str) -> Result<SecretRef, String> {
    SecretRef::try_from(text.to_owned())
        .map_err(|_| format!("is no reference; accepted: {REFERENCE_ACCEPTED}"))
}

pub(super) fn host(text: &str) -> Result<String, &'static str> {
    let name = !text.is_empty()
        && text.len() <= 253
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !text.starts_with(['-', '.']);
    let address = text.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    if name || address { Ok(text.to_owned()) } else { Err(HOST_ACCEPTED) }
}

/// A login name, or the name that a device shows.
pub(super) fn word(text: &str) -> Result<String, &'static str> {
    let fits = (1..=128).contains(&text.len()) && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if fits { Ok(text.to_owned()) } else { Err("1 to 128 bytes, no spaces or control characters") }
}

/// A public key as OpenSSH writes it, without its comment.
pub(super) fn host_key(text: &str) -> Result<String, &'static str> {
    const ACCEPTED: &str = "a public key as in the .pub file of the switch: ssh-ed25519 AAAA...";
    let mut words = text.split_ascii_whitespace();
    let (Some(algorithm), Some(body)) = (words.next(), words.next()) else { return Err(ACCEPTED) };
    if !(algorithm.starts_with("ssh-") || algorithm.starts_with("ecdsa-sha2-")) {
        return Err("a public key that begins with its algorithm, not with a host name: ssh-ed25519 AAAA...");
    }
    let blob = decode_base64(body).ok_or("base64 after the algorithm: ssh-ed25519 AAAA...")?;
    let Some(named) = blob.get(..4).map(|len| u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize)
    else {
        return Err(ACCEPTED);
    };
    let inner = blob.get(4..4usize.saturating_add(named));
    if inner == Some(algorithm.as_bytes()) && blob.len() > 4 + named {
        Ok(format!("{algorithm} {body}"))
    } else {
        Err("a key whose base64 part is of the algorithm before it, and whole")
    }
}

/// Standard base64 with its padding; `None` for anything else.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=');
    let padded = text.len().is_multiple_of(4) && text.len() - digits.len() <= 2;
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits.bytes() {
        let sextet = ALPHABET.iter().position(|c| *c == digit)?;
        bits = bits << 6 | sextet as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    padded.then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_as_others_encode_it() {
        assert_eq!(decode_base64("c3dpdGNo").as_deref(), Some(b"switch".as_slice()));
        assert_eq!(decode_base64("c3dpdGNoeQ==").as_deref(), Some(b"switchy".as_slice()));
        assert_eq!(decode_base64("c3dpdGNoeQ"), None);
        assert_eq!(decode_base64("c3dp dGNo"), None);
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_nothing_more() {
        for good in ["sw1", "sw1.example.net", "10.0.0.7", "::1", "fe80::1%eth0"] {
            assert_eq!(host(good).as_deref(), Ok(good));
        }
        for bad in ["", "sw1:22", "10.0.0.7:22", "[::1]:22", "sw 1", "-oProxyCommand=x", "user@sw1"] {
            assert_eq!(host(bad), Err(HOST_ACCEPTED), "{bad:?}");
        }
    }

    #[test]
    fn a_host_key_loses_its_comment_and_nothing_else() {
        let line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        assert_eq!(host_key(&format!("{line} root@sw1")).as_deref(), Ok(line));
        assert!(host_key(&line.replace("ssh-ed25519", "ssh-rsa")).is_err());
        assert!(host_key("10.0.0.7 ssh-ed25519 AAAA").is_err());
    }
}
