//! The HTTP edge: reads a request, asks the handle, writes the answer.
//!
//! ```text
//!   socket ──▶ stamp (span, panics, rate-limit headers) ──▶ routes ──▶ handler: extract, ask, answer
//!                                                                        └──▶ Provisioning
//! ```
//!
//! It decides who may ask (secret, key, rate limit) and whether a request is well formed; everything else is the
//! handle's. It holds no actor's address, names no store, and writes neither a secret nor a body to a log.
//!
//! Below this module is actix's own parser: a request that is not HTTP gets its bare 400, and one whose head doesn't
//! come in time its bare 408, both without this module's headers.

mod admission;
#[cfg(any(test, feature = "fail-points"))]
pub mod bad_input;
mod body;
mod checkout;
pub mod checkout_request;
mod client_address;
mod drain;
mod error;
pub mod fields;
mod health;
mod installs;
mod jobs;
pub mod rate_limit;
mod routes;
mod server;
mod shared_rate_limit;
mod stamp;
#[cfg(test)]
mod tests;
mod unread;

pub use drain::Drain;
pub use rate_limit::{LocalRateLimiter, RateLimiter};
pub use server::serve;
pub use shared_rate_limit::{SharedCount, SharedRateLimiter};

use ipnet::IpNet;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use switchyard_actors::provisioning::Provisioning;

/// Limits of the edge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen. Whoever starts the edge binds it, and hands the listener over.
    pub listen: SocketAddr,
    /// Threads that serve; 0 is one a core.
    pub workers: usize,
    /// Connections at once on each of those threads; more wait in the listener's queue.
    pub max_connections_per_worker: usize,
    /// How long an idle connection is kept.
    pub keep_alive_ms: u64,
    /// How long the head of a request may take; then 408.
    pub head_timeout_ms: u64,
    /// How long the body of a request may take; then 408.
    pub body_timeout_ms: u64,
    /// How long a closing connection may take, and what a client still sends is thrown away.
    pub disconnect_timeout_ms: u64,
    /// How long requests under way may take when the service stops. Rounded up to whole seconds.
    pub stop_timeout_ms: u64,
    /// Longest request body; a longer one is a 413 and is not read to its end.
    pub max_body_bytes: usize,
    /// `Retry-After` of a 503. Rounded up to whole seconds.
    pub retry_after_ms: u64,
    /// Proxies whose `X-Forwarded-For` is believed, as networks. Empty: nobody's is.
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a minute.
    pub rate_limit: rate_limit::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            workers: 0,
            max_connections_per_worker: 10_000,
            keep_alive_ms: 75_000,
            head_timeout_ms: 5_000,
            body_timeout_ms: 10_000,
            disconnect_timeout_ms: 1_000,
            stop_timeout_ms: 20_000,
            max_body_bytes: 64 * 1024,
            retry_after_ms: 2_000,
            trusted_proxies: Vec::new(),
            rate_limit: rate_limit::Settings::default(),
        }
    }
}

/// What every handler is given.
struct Edge {
    settings: Settings,
    provisioning: Provisioning,
    limiter: Arc<dyn RateLimiter>,
    drain: Drain,
}
