//! Starts the server on a listener that is already bound: what tests start is what the binary starts.

use super::routes::routes;
use super::stamp::stamp;
use super::{Drain, Edge, RateLimiter, Settings};
use actix_web::dev::Server;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use switchyard_actors::provisioning::Provisioning;

/// Starts serving on `listener`; gives the server, to be awaited, and where it listens. `Server::handle` stops it:
/// gracefully, it takes no new connection and waits `stop_timeout_ms` for what is under way. Connections that the kernel has
/// taken and the server has not are reset then, so `drain` begins first. Signals are the caller's.
///
/// # Errors
/// When the listener is unusable.
pub fn serve(
    settings: Settings,
    provisioning: Provisioning,
    limiter: Arc<dyn RateLimiter>,
    listener: TcpListener,
    drain: Drain,
) -> io::Result<(Server, SocketAddr)> {
    let address = listener.local_addr()?;
    let limits = settings.clone();
    let edge = web::Data::new(Edge { settings, provisioning, limiter, drain });
    let mut server =
        HttpServer::new(move || App::new().app_data(edge.clone()).wrap(from_fn(stamp)).configure(routes))
            .disable_signals()
            .max_connections(limits.max_connections_per_worker)
            .keep_alive(KeepAlive::Timeout(Duration::from_millis(limits.keep_alive_ms)))
            .client_request_timeout(Duration::from_millis(limits.head_timeout_ms))
            .client_disconnect_timeout(Duration::from_millis(limits.disconnect_timeout_ms))
            .shutdown_timeout(limits.stop_timeout_ms.div_ceil(1_000));
    if limits.workers > 0 {
        server = server.workers(limits.workers);
    }
    Ok((server.listen(listener)?.run(), address))
}
