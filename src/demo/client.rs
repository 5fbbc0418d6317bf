//! A partner's HTTP client, as a partner would write it.

use anyhow::{Context as _, bail};
use std::time::{Duration, Instant};

/// One checkout, as the partner saw it.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// What was sent.
    pub body: String,
    /// What came back, to the byte.
    pub answer: String,
    /// Whether the service said that it knew the request already.
    pub replayed: bool,
    /// From the answer.
    pub job_id: String,
    /// From the answer.
    pub subscription_id: String,
    /// When it was sent.
    pub sent: Instant,
    /// How long the answer took.
    pub answered_in: Duration,
}

/// The client.
pub struct Client {
    url: String,
    secret: String,
    http: awc::Client,
}

impl Client {
    /// For a service at `base`.
    #[must_use]
    pub fn new(base: &str, secret: &str) -> Self {
        let http = awc::Client::builder().timeout(Duration::from_secs(30)).finish();
        let url = format!("{base}/api/v1/partner/external-checkout/anonymous-complete");
        Self { url, secret: secret.into(), http }
    }

    /// Sends a checkout.
    ///
    /// # Errors
    /// When there is no answer, or one that isn't 200.
    pub async fn checkout(&self, body: &str) -> anyhow::Result<Checkout> {
        let sent = Instant::now();
        let request = self.http.post(&self.url).insert_header(("X-Webhook-Secret", self.secret.as_str()));
        let request = request.content_type("application/json").send_body(body.to_owned());
        let mut answer = request.await.map_err(|error| anyhow::anyhow!("{}: {error}", self.url))?;
        let text = answer.body().await.context("the answer's body")?;
        let answered_in = sent.elapsed();
        let text = String::from_utf8_lossy(&text).into_owned();
        if answer.status() != awc::http::StatusCode::OK {
            bail!("{} answered {}: {text}", self.url, answer.status());
        }
        let ids: serde_json::Value = serde_json::from_str(&text).context("the answer's JSON")?;
        let id = |name: &str| ids[name].as_str().unwrap_or_default().to_owned();
        Ok(Checkout {
            body: body.to_owned(),
            replayed: answer.headers().contains_key("idempotency-replayed"),
            job_id: id("job_id"),
            subscription_id: id("subscription_id"),
            answer: text,
            sent,
            answered_in,
        })
    }
}
