//! From an address to an authenticated connection: TCP, key exchange, host key, login, each with a deadline and a class for
//! its failure; through a jump host the same twice, over one socket.
//!
//! A connection that comes to nothing, whoever ended it and wherever it was, leaves no task and no socket: whatever still
//! runs over the socket ends when the guard has shut it down.

use super::Settings;
use super::algorithms;
pub use super::host_key::HostKeyCheck;
use super::host_key::{Trust, Verdict, Vouchers};
use super::identification::{Opening, Overheard};
use super::lane::Lane;
use super::login::Credentials;
pub use super::login::is_gone;
use super::stream::{GuardedStream, Overhearing, Tunnel};
use russh::ChannelOpenFailure;
use russh::client::{self, Handle};
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::inventory::{self, JumpHost, Switch};
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::guard::{SessionGuard, SocketPermit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

/// An authenticated connection, and the secrets that were used for it.
pub struct Connection {
    /// The connection.
    pub handle: Handle<HostKeyCheck>,
    /// Never to be shown.
    pub secrets: Vec<Secret>,
    /// The last hop's, one of the secrets: what is sent is what is kept from sight.
    pub enable_password: Option<Secret>,
    /// The host key, where it was trusted for being the first.
    pub first_seen_host_key: Option<String>,
    /// Where it lives, if that is not where it was asked for: the lane must not end before it.
    pub lane: Option<Arc<Lane>>,
}

/// One SSH server on the way, and all that is needed to get through it. Made before anything is dialled: what the
/// inventory lacks is found without a connection.
struct Hop {
    place: String,
    host: String,
    port: u16,
    allowed: Vec<LegacyAlgorithm>,
    trust: Trust,
    credentials: Credentials,
}

impl Hop {
    async fn to_switch(settings: &Settings, switch: &Switch) -> Result<Self, DriverFailure> {
        let vouchers = Vouchers {
            pinned: switch.host_key.as_deref(),
            known_hosts: settings.known_hosts.as_deref(),
            first_use: settings.trust_on_first_use,
        };
        let sha1_signatures = switch.allow_algorithms.contains(&LegacyAlgorithm::SshRsa);
        Ok(Self {
            place: format!("{}:{}", switch.host, switch.ssh_port),
            host: switch.host.clone(),
            port: switch.ssh_port,
            allowed: switch.allow_algorithms.clone(),
            trust: vouchers.trust(&switch.host, switch.ssh_port)?,
            credentials: followed(&switch.credentials, sha1_signatures).await?,
        })
    }

    /// A jump host is a computer that can be kept up to date: it is offered nothing old, and never trusted on first use.
    async fn to_jump_host(settings: &Settings, jump: &JumpHost) -> Result<Self, DriverFailure> {
        let vouchers = Vouchers {
            pinned: jump.host_key.as_deref(),
            known_hosts: settings.known_hosts.as_deref(),
            first_use: false,
        };
        Ok(Self {
            place: format!("the jump host {} at {}:{}", jump.name, jump.host, jump.ssh_port),
            host: jump.host.clone(),
            port: jump.ssh_port,
            allowed: Vec::new(),
            trust: vouchers.trust(&jump.host, jump.ssh_port)?,
            credentials: followed(&jump.credentials, false).await?,
        })
    }

    fn fails(&self, class: FailureClass, what: &str) -> DriverFailure {
        DriverFailure::new(class, format!("{} {what}", self.place))
    }
}

/// Opening a key with its passphrase is made to take long, and files may hang: neither belongs on a supervisor's thread.
async fn followed(of: &inventory::Credentials, sha1_signatures: bool) -> Result<Credentials, DriverFailure> {
    let of = of.clone();
    let resolved = tokio::task::spawn_blocking(move || Credentials::resolve(&of, sha1_signatures)).await;
    resolved.unwrap_or_else(|error| Err(DriverFailure::new(FailureClass::SessionLost, error.to_string())))
}

/// Shuts the socket when it is dropped before its work is done, also by whoever has no more time for it.
pub struct CutUnlessDone<'g>(Option<&'g SessionGuard>);

impl<'g> CutUnlessDone<'g> {
    /// Of the guard that has admitted the socket.
    pub fn new(guard: &'g SessionGuard) -> Self {
        Self(Some(guard))
    }

    /// It is done: the socket stays.
    pub fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for CutUnlessDone<'_> {
    fn drop(&mut self) {
        if let Some(guard) = self.0 {
            guard.shut();
        }
    }
}

/// Connects and logs in. After a failure the socket is gone.
///
/// # Errors
/// [`DriverFailure`].
pub async fn connect(
    settings: &Settings,
    switch: &Switch,
    guard: &SessionGuard,
) -> Result<Connection, DriverFailure> {
    let last = Hop::to_switch(settings, switch).await?;
    let jump = match &switch.jump_host {
        Some(jump) => Some(Hop::to_jump_host(settings, jump).await?),
        None => None,
    };
    let tcp = dial(settings, jump.as_ref().unwrap_or(&last)).await?;
    let unguarded = |error: String| last.fails(FailureClass::SessionLost, &format!("was not used: {error}"));
    let (stream, permit) = GuardedStream::new(tcp, guard).map_err(|error| unguarded(error.to_string()))?;
    let cut = CutUnlessDone::new(guard);
    let connected = match jump {
        None => log_in(settings, last, stream).await,
        Some(jump) => match tunnel(settings, jump, &last, stream, permit).await {
            Ok((tunnel, secrets)) => log_in(settings, last, tunnel).await.map(|connection| Connection {
                secrets: connection.secrets.into_iter().chain(secrets).collect(),
                ..connection
            }),
            Err(failure) => Err(failure),
        },
    };
    match connected {
        Ok(_) => cut.done(),
        Err(_) => {
            let limit = Duration::from_millis(settings.close_ms);
            let _ = timeout(limit, guard.shut_down()).await;
        }
    }
    connected
}

async fn dial(settings: &Settings, hop: &Hop) -> Result<TcpStream, DriverFailure> {
    let unreachable = |what: &str| hop.fails(FailureClass::Unreachable, what);
    let limit = Duration::from_millis(settings.connect_ms);
    let dialled = timeout(limit, connect_from(settings.source_address, hop)).await;
    let late = format!("did not accept a connection within ssh.connect_ms = {}", limit.as_millis());
    let tcp = dialled.map_err(|_| unreachable(&late))?.map_err(|error| match error.kind() {
        ErrorKind::ConnectionRefused => unreachable("refused the connection: nothing listens there"),
        _ => unreachable(&format!("can't be reached: {error}")),
    })?;
    // Nagle's algorithm would hold each line back for the delayed acknowledgement of the one before: 40 ms.
    tcp.set_nodelay(true).map_err(|error| unreachable(&error.to_string()))?;
    Ok(tcp)
}

/// To the first of the host's addresses that answers, and with a source address to those of its family.
async fn connect_from(source: Option<IpAddr>, hop: &Hop) -> std::io::Result<TcpStream> {
    let host = (hop.host.as_str(), hop.port);
    let Some(source) = source else { return TcpStream::connect(host).await };
    let mut failed = None;
    for address in lookup_host(host).await?.filter(|address| address.is_ipv4() == source.is_ipv4()) {
        let socket = if source.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.bind((source, 0).into())?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Some(error),
        }
    }
    let nowhere = || std::io::Error::other(format!("no address that can be dialled from {source}"));
    Err(failed.unwrap_or_else(nowhere))
}

/// Through the jump host to the next hop's address, and the secrets that it took.
async fn tunnel(
    settings: &Settings,
    jump: Hop,
    next: &Hop,
    stream: GuardedStream,
    permit: Arc<SocketPermit>,
) -> Result<(Tunnel, Vec<Secret>), DriverFailure> {
    let place = jump.place.clone();
    let Connection { handle, secrets, .. } = log_in(settings, jump, stream).await?;
    let limit = Duration::from_millis(settings.connect_ms);
    let opening = handle.channel_open_direct_tcpip(&next.host, next.port.into(), "127.0.0.1", 0);
    let failed = |class, why: String| {
        DriverFailure::new(class, format!("{} can't be reached through {place}: {why}", next.place))
    };
    let channel = timeout(limit, opening).await.map_err(|_| {
        let why = format!("no connection within ssh.connect_ms = {}", limit.as_millis());
        failed(FailureClass::Unreachable, why)
    })?;
    let channel = channel.map_err(|error| match error {
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::ConnectFailed) => {
            failed(FailureClass::Unreachable, "the connection was refused, or there is no way to it".into())
        }
        russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
            failed(FailureClass::Misconfigured, "it does not forward for this login".into())
        }
        other => failed(FailureClass::SessionLost, other.to_string()),
    })?;
    Ok((Tunnel::new(channel.into_stream(), handle, permit), secrets))
}

/// Key exchange and login over a stream.
async fn log_in<S>(settings: &Settings, hop: Hop, stream: S) -> Result<Connection, DriverFailure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Hop { place, allowed, trust, credentials, .. } = hop;
    let (mut handle, first_seen_host_key) = exchange_keys(settings, &place, &allowed, trust, stream).await?;
    let limit = Duration::from_millis(settings.authentication_ms);
    let logged_in = timeout(limit, credentials.log_in(&mut handle, &place)).await;
    logged_in.unwrap_or_else(|_| {
        let limit = limit.as_millis();
        let text = format!("{place} did not answer the login within ssh.authentication_ms = {limit}");
        Err(DriverFailure::new(FailureClass::SessionLost, text))
    })?;
    let (secrets, enable_password) = (credentials.secrets(), credentials.enable_password());
    Ok(Connection { handle, secrets, enable_password, first_seen_host_key, lane: None })
}

fn client_config(settings: &Settings, allowed: &[LegacyAlgorithm], trust: &Trust) -> Arc<client::Config> {
    Arc::new(client::Config {
        nodelay: true,
        window_size: settings.window_bytes,
        inactivity_timeout: Some(Duration::from_millis(settings.inactivity_ms)),
        keepalive_interval: Some(Duration::from_millis(settings.keepalive_ms)),
        preferred: algorithms::offer(allowed, trust.known()),
        gex: algorithms::groups(allowed),
        ..client::Config::default()
    })
}

async fn exchange_keys<S>(
    settings: &Settings,
    place: &str,
    allowed: &[LegacyAlgorithm],
    trust: Trust,
    stream: S,
) -> Result<(Handle<HostKeyCheck>, Option<String>), DriverFailure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = client_config(settings, allowed, &trust);
    let (stream, overheard) = Overhearing::new(stream);
    let (check, verdict) = HostKeyCheck::new(place, trust);
    let limit = Duration::from_millis(settings.key_exchange_ms);
    let exchanged = timeout(limit, client::connect_stream(config, stream, check)).await;
    let verdict = verdict.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match (exchanged, verdict) {
        (_, Verdict::Refused(failure)) => Err(failure),
        (Ok(Ok(handle)), Verdict::FirstSeen(key)) => Ok((handle, Some(key))),
        (Ok(Ok(handle)), Verdict::Vouched) => Ok((handle, None)),
        (Ok(Ok(_)), Verdict::Pending) => {
            let text = format!("{place} showed no host key");
            Err(DriverFailure::new(FailureClass::HostKeyChanged, text))
        }
        (Ok(Err(error)), _) => Err(not_exchanged(place, &overheard, &describe(&error))),
        (Err(_), _) => {
            let why = format!("there was no key exchange within ssh.key_exchange_ms = {}", limit.as_millis());
            Err(not_exchanged(place, &overheard, &why))
        }
    }
}

/// A switch that never identified itself has most likely no line for us; one that did can't agree with us.
fn not_exchanged(place: &str, overheard: &Overheard, why: &str) -> DriverFailure {
    let opening = overheard.opening();
    let (class, often) = match &opening {
        Opening::Silence | Opening::Words(_) => {
            (FailureClass::NoFreeVty, " (often every VTY line is taken, or an access list is in the way)")
        }
        Opening::Identified(_) => (FailureClass::KeyExchangeFailed, ""),
    };
    let said = opening.describe();
    DriverFailure::new(class, format!("{place} accepted the connection and {said}, and then: {why}{often}"))
}

fn describe(error: &russh::Error) -> String {
    match error {
        russh::Error::NoCommonAlgo { kind, ours, theirs } => {
            let advice = algorithms::advice(theirs);
            format!("no common {kind:?} algorithm: ours are {ours:?}, the switch's are {theirs:?}; {advice}")
        }
        russh::Error::Disconnect | russh::Error::HUP => "it closed the connection".to_owned(),
        other => other.to_string(),
    }
}
