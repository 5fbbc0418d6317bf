//! The sender: one attempt over HTTP, under one deadline that covers all of it, from name resolution to the last byte.
//!
//! ```text
//!   URL ──▶ addresses ──▶ each that may be reached, until one connects ──▶ head ──▶ body, drained ──▶ status
//! ```
//!
//! What counts as an answer:
//! - A status whose body came to an end within the deadline, even when the receiver ended it too early by closing:
//!   nothing in the body matters, and the client can't always tell.
//! - A status whose body is longer than `answer_body_bytes`: the connection is dropped there, and the status stands. A
//!   huge answer costs neither memory nor an attempt.
//! - A body that stalls or drips beyond the deadline makes it no answer, whatever its status: the attempt is not over
//!   before the last byte. The event is then sent again, under the same id, which is what "at least once" means.
//!
//! The address that is connected to is the one that was judged: names are resolved here, not by the client.
//! A URL with a user name or a password is refused, so that neither can end up in an error or a log.

use super::addresses::is_public;
use super::signature::sign;
use async_trait::async_trait;
use awc::error::{ConnectError, PayloadError, SendRequestError};
use futures_util::StreamExt;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use switchyard_actors::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};
use url::{Host, Url};

const USER_AGENT: &str = concat!("Switchyard/", env!("CARGO_PKG_VERSION"));

/// Limits of the sender.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// All of one attempt, from name resolution to the last byte of the answer.
    pub deadline_ms: u64,
    /// Connecting to one address of a name that has several, and its TLS handshake; then the next address is tried.
    pub connect_ms: u64,
    /// What is read of an answer's body before the connection is dropped. Nothing of it is kept.
    pub answer_body_bytes: usize,
    /// Connections at once on one thread, for http and https each. More attempts wait, within their deadline.
    pub connections: usize,
    /// How long an idle connection is kept for the next event.
    pub keep_alive_ms: u64,
    /// How long a connection is used at most, so that a receiver's move to another address is noticed.
    pub connection_lifetime_ms: u64,
    /// Whether loopback, private, link-local and other addresses that aren't public may be reached. Only for a
    /// network where partners are trusted with it, and for tests.
    pub allow_private_addresses: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            deadline_ms: 15_000,
            connect_ms: 5_000,
            answer_body_bytes: 64 * 1024,
            connections: 100,
            keep_alive_ms: 15_000,
            connection_lifetime_ms: 75_000,
            allow_private_addresses: false,
        }
    }
}

/// Why there was no answer. `Display` is for the partner's list of attempts: no secret, no URL.
#[derive(Debug, thiserror::Error)]
enum SendFailure {
    #[error("the webhook URL is refused: {0}")]
    UrlRefused(&'static str),
    #[error("the host name could not be resolved: {0}")]
    NotResolved(std::io::Error),
    #[error("the host name has no address")]
    NoAddress,
    #[error("the address is refused: it is not one of the public internet")]
    AddressRefused,
    #[error("no connection: {0}")]
    NotConnected(ConnectError),
    #[error("the connection closed before an answer came")]
    ClosedEarly,
    #[error("the exchange failed: {0}")]
    ExchangeFailed(SendRequestError),
    #[error("status {0} is not a final answer")]
    NotFinal(u16),
}

/// Makes a sender on any thread: senders stay where they were made, this goes anywhere.
#[derive(Clone)]
pub struct SenderFactory {
    settings: Settings,
    tls: Option<Arc<ClientConfig>>,
}

impl SenderFactory {
    /// A factory whose senders trust the roots that browsers trust.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        // The client builds a TLS configuration from the process's provider and panics without one. An error says that
        // another part has chosen one already, which will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { settings, tls: None }
    }

    /// The same, trusting these roots and no others.
    #[must_use]
    pub fn trusting(self, roots: RootCertStore) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for every version that rustls calls safe")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: Some(Arc::new(tls)), ..self }
    }

    /// A sender for the current thread, which must run an actix or tokio local runtime.
    #[must_use]
    pub fn sender(&self) -> AwcSender {
        let connect = Duration::from_millis(self.settings.connect_ms);
        let connector = awc::Connector::new()
            // HTTP/1.1 alone: a cancelled HTTP/2 stream would leave its connection, and what it still brings, in use.
            .max_http_version(awc::http::Version::HTTP_11)
            .timeout(connect)
            .handshake_timeout(connect)
            .limit(self.settings.connections)
            .conn_keep_alive(Duration::from_millis(self.settings.keep_alive_ms))
            .conn_lifetime(Duration::from_millis(self.settings.connection_lifetime_ms));
        let connector = match &self.tls {
            Some(tls) => connector.rustls_0_23(tls.clone()),
            None => connector,
        };
        // The client's own limit would cover the head only; the deadline around each attempt covers all of it.
        let client =
            awc::ClientBuilder::new().connector(connector).disable_timeout().disable_redirects().finish();
        AwcSender { client, settings: self.settings.clone() }
    }
}

/// The sender of one thread.
pub struct AwcSender {
    client: awc::Client,
    settings: Settings,
}

#[async_trait(?Send)]
impl WebhookSender for AwcSender {
    async fn send(&self, webhook: OutgoingWebhook) -> SendOutcome {
        let deadline = Duration::from_millis(self.settings.deadline_ms);
        match tokio::time::timeout(deadline, self.attempt(&webhook)).await {
            Ok(Ok(status)) => SendOutcome::Answered { status },
            Ok(Err(failure)) => SendOutcome::NoAnswer { error: failure.to_string() },
            Err(_) => SendOutcome::NoAnswer {
                error: format!("no whole answer within {} ms", self.settings.deadline_ms),
            },
        }
    }
}

impl AwcSender {
    async fn attempt(&self, webhook: &OutgoingWebhook) -> Result<u16, SendFailure> {
        let url = parse_url(&webhook.url)?;
        let signature = sign(&webhook.secret, webhook.body.as_bytes());
        let mut last = SendFailure::NoAddress;
        for address in self.addresses(&url).await? {
            match self.post(&url, address, webhook, &signature).await {
                Err(SendFailure::NotConnected(why)) => last = SendFailure::NotConnected(why),
                outcome => return outcome,
            }
        }
        Err(last)
    }

    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, SendFailure> {
        let found = resolve(url).await?;
        if found.is_empty() {
            return Err(SendFailure::NoAddress);
        }
        let allowed: Vec<_> = found.into_iter().filter(|a| self.may_reach(a.ip())).collect();
        if allowed.is_empty() { Err(SendFailure::AddressRefused) } else { Ok(allowed) }
    }

    fn may_reach(&self, address: IpAddr) -> bool {
        self.settings.allow_private_addresses || is_public(address)
    }

    async fn post(
        &self,
        url: &Url,
        address: SocketAddr,
        webhook: &OutgoingWebhook,
        signature: &str,
    ) -> Result<u16, SendFailure> {
        let answer = self
            .client
            .post(url.as_str())
            .address(address)
            .no_decompress()
            .insert_header(("Content-Type", "application/json"))
            .insert_header(("User-Agent", USER_AGENT))
            .insert_header(("X-Webhook-Id", webhook.event.to_string()))
            .insert_header(("X-Webhook-Attempt", webhook.attempt.to_string()))
            .insert_header(("X-Webhook-Signature", signature))
            .send_body(webhook.body.clone())
            .await
            .map_err(failure_of)?;
        let status = answer.status().as_u16();
        drain(answer, self.settings.answer_body_bytes).await;
        if status < 200 { Err(SendFailure::NotFinal(status)) } else { Ok(status) }
    }
}

/// Reads a body to its end or to the limit, and keeps nothing. Dropping it unfinished closes its connection.
async fn drain<B: AsRef<[u8]>>(
    mut body: impl futures_util::Stream<Item = Result<B, PayloadError>> + Unpin,
    limit_bytes: usize,
) {
    let mut left = limit_bytes;
    while let Some(Ok(chunk)) = body.next().await {
        let Some(rest) = left.checked_sub(chunk.as_ref().len()) else { break };
        left = rest;
    }
}

fn failure_of(error: SendRequestError) -> SendFailure {
    match error {
        // The client's word for a connection that closed after the request went out: it may well have arrived, so no
        // other address is tried within this attempt.
        SendRequestError::Connect(ConnectError::Disconnected) => SendFailure::ClosedEarly,
        SendRequestError::Connect(why) => SendFailure::NotConnected(why),
        other => SendFailure::ExchangeFailed(other),
    }
}

fn parse_url(text: &str) -> Result<Url, SendFailure> {
    let mut url = Url::parse(text).map_err(|_| SendFailure::UrlRefused("it is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(SendFailure::UrlRefused("only http and https are accepted"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SendFailure::UrlRefused("it must not carry a user name or a password"));
    }
    url.set_fragment(None);
    Ok(url)
}

async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, SendFailure> {
    let port = url.port_or_known_default().ok_or(SendFailure::UrlRefused("it has no port"))?;
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(vec![SocketAddr::from((ip, port))]),
        Some(Host::Ipv6(ip)) => Ok(vec![SocketAddr::from((ip, port))]),
        Some(Host::Domain(name)) => {
            Ok(tokio::net::lookup_host((name, port)).await.map_err(SendFailure::NotResolved)?.collect())
        }
        None => Err(SendFailure::UrlRefused("it has no host")),
    }
}
