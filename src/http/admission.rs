//! Who may ask: the rate limit, the partner's secret, the API key.

use super::Edge;
use super::client_address::{AddressBlock, block_of};
use super::error::ApiError;
use super::rate_limit::{Bucket, Decision};
use actix_web::{HttpMessage, HttpRequest};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use switchyard_actors::domain::ids::PartnerId;
use switchyard_actors::domain::inventory::{ApiKeyHash, Partner};

/// Compared with when there is no such partner, so that the answer takes the same work. As long as a usual secret.
const NOBODYS_SECRET: &str = "0000000000000000000000000000000000000000";

impl Edge {
    /// Counts a request, and leaves the decision with it for the response's headers.
    pub(super) async fn admit(&self, request: &HttpRequest, bucket: Bucket) -> Result<(), ApiError> {
        let decision = self.limiter.take(bucket).await;
        request.extensions_mut().insert(decision);
        match decision {
            Decision::Admitted(_) => Ok(()),
            Decision::Exceeded(allowance) => Err(ApiError::RateLimited(allowance)),
        }
    }

    /// Counts a checkout by its client's address.
    pub(super) async fn admit_checkout(&self, request: &HttpRequest) -> Result<(), ApiError> {
        self.admit(request, Bucket::Checkout(self.client(request))).await
    }

    /// Lets a partner in by its secret. An unknown partner can't be told from a wrong secret.
    pub(super) async fn authenticate(&self, id: PartnerId, secret: &[u8]) -> Result<(), ApiError> {
        let partner = self.provisioning.partner(id).await?;
        if secret_opens(partner.as_ref(), secret) { Ok(()) } else { Err(ApiError::SecretInvalid) }
    }

    /// Lets a partner in by its API key. The key is counted before it is looked up; a request without a key that is
    /// known is counted by its client's address, so guessing keys is limited however many are tried.
    pub(super) async fn partner_by_key(&self, request: &HttpRequest) -> Result<PartnerId, ApiError> {
        let Some(key) = header(request, "x-api-key") else {
            return Err(self.turned_away(request, ApiError::KeyRequired).await);
        };
        // Keys are ASCII; one that isn't even text is nobody's, whatever it hashes to.
        let key = ApiKeyHash::of(&String::from_utf8_lossy(key));
        self.admit(request, Bucket::ApiKey(key)).await?;
        match self.provisioning.partner_by_api_key(key).await? {
            Some(partner) => Ok(partner),
            None => Err(self.turned_away(request, ApiError::KeyInvalid).await),
        }
    }

    async fn turned_away(&self, request: &HttpRequest, why: ApiError) -> ApiError {
        self.admit(request, Bucket::Unauthenticated(self.client(request))).await.err().unwrap_or(why)
    }

    fn client(&self, request: &HttpRequest) -> AddressBlock {
        block_of(request, &self.settings.trusted_proxies)
    }
}

/// `X-Webhook-Secret`. An empty one is none; of several, the first counts.
pub(super) fn secret_of(request: &HttpRequest) -> Result<&[u8], ApiError> {
    header(request, "x-webhook-secret").ok_or(ApiError::SecretRequired)
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a [u8]> {
    request.headers().get(name).map(|value| value.as_bytes()).filter(|bytes| !bytes.is_empty())
}

/// Digests are compared, not secrets: they are of one length, and their bytes tell nothing about the secret's.
fn secret_opens(partner: Option<&Partner>, given: &[u8]) -> bool {
    let wanted = partner.map_or(NOBODYS_SECRET, |partner| partner.webhook_secret.reveal());
    let same = Sha256::digest(wanted.as_bytes()).as_slice().ct_eq(Sha256::digest(given).as_slice());
    bool::from(same & Choice::from(u8::from(partner.is_some())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_actors::domain::text::Secret;
    use uuid::Uuid;

    #[test]
    fn only_the_partners_own_secret_opens() {
        let partner = Partner {
            id: PartnerId(Uuid::nil()),
            name: "Fibre One".into(),
            webhook_secret: Secret::new("whsec_one"),
            webhook_url: "https://partner.example/hook".into(),
            api_key: None,
        };
        assert!(secret_opens(Some(&partner), b"whsec_one"));
        for wrong in ["", "whsec_on", "whsec_one ", "WHSEC_ONE", NOBODYS_SECRET] {
            assert!(!secret_opens(Some(&partner), wrong.as_bytes()), "{wrong:?}");
        }
    }

    #[test]
    fn nothing_opens_for_an_unknown_partner() {
        assert!(!secret_opens(None, NOBODYS_SECRET.as_bytes()));
        assert!(!secret_opens(None, b""));
    }
}
