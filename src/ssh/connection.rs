//! From an address to an authenticated connection: TCP, key exchange, host key, login, each with a deadline and a class for
//! its failure.
//!
//! A connect future that is merely dropped in the middle of a key exchange leaks its task and its socket, so a deadline here
//! shuts the socket down through the guard and waits until it is gone.

use super::Settings;
use super::secret::resolve;
use super::stream::GuardedStream;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::{PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::inventory::Switch;
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::guard::SessionGuard;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

/// Rounds of keyboard-interactive that are answered; a server that asks for more is not asking for a password.
const INTERACTIVE_ROUNDS: usize = 8;

/// What the inventory trusts, and what became of it.
pub struct HostKeyCheck {
    host: String,
    port: u16,
    pinned: Option<String>,
    known_hosts: Option<PathBuf>,
    verdict: Arc<Mutex<Option<DriverFailure>>>,
}

impl HostKeyCheck {
    fn judge(&self, offered: &PublicKey) -> Result<(), DriverFailure> {
        let place = format!("{}:{}", self.host, self.port);
        let shown = offered.to_openssh().unwrap_or_else(|_| offered.algorithm().to_string());
        let changed = |known: &str| {
            let text = format!("{place} shows the host key {shown:?}, and {known} has another one for it");
            DriverFailure::new(FailureClass::HostKeyChanged, text)
        };
        if let Some(pinned) = &self.pinned {
            let pinned_key = PublicKey::from_openssh(pinned).map_err(|error| {
                let text = format!("the inventory's host_key for {place} can't be read: {error}");
                DriverFailure::new(FailureClass::Misconfigured, text)
            })?;
            let same = pinned_key.key_data() == offered.key_data();
            return if same { Ok(()) } else { Err(changed("the inventory")) };
        }
        let unknown = || {
            let text = format!(
                "{place} shows the host key {shown:?}, which nobody knows; if it is right, set host_key to it in the inventory"
            );
            DriverFailure::new(FailureClass::HostKeyChanged, text)
        };
        let Some(file) = &self.known_hosts else { return Err(unknown()) };
        match russh::keys::known_hosts::check_known_hosts_path(&self.host, self.port, offered, file) {
            Ok(true) => Ok(()),
            Ok(false) => Err(unknown()),
            Err(russh::keys::Error::KeyChanged { line }) => {
                Err(changed(&format!("{}:{line}", file.display())))
            }
            Err(error) => {
                let text = format!("{}: {error}", file.display());
                Err(DriverFailure::new(FailureClass::Misconfigured, text))
            }
        }
    }
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        offered: &russh::keys::PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let verdict = match offered {
            russh::keys::PublicKeyOrCertificate::PublicKey { key, .. } => self.judge(key),
            russh::keys::PublicKeyOrCertificate::Certificate(_) => {
                let text =
                    format!("{}:{} shows a host certificate, which is not supported", self.host, self.port);
                Err(DriverFailure::new(FailureClass::HostKeyChanged, text))
            }
        };
        let trusted = verdict.is_ok();
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = verdict.err();
        Ok(trusted)
    }
}

/// An authenticated connection, and the secrets that were used for it.
pub struct Connection {
    /// The connection.
    pub handle: Handle<HostKeyCheck>,
    /// Never to be shown.
    pub secrets: Vec<Secret>,
}

/// Connects and logs in.
///
/// # Errors
/// [`DriverFailure`].
pub async fn connect(
    settings: &Settings,
    switch: &Switch,
    guard: &SessionGuard,
) -> Result<Connection, DriverFailure> {
    let credentials = Credentials::resolve(switch)?;
    let tcp = dial(settings, switch).await?;
    let mut handle = exchange_keys(settings, switch, guard, tcp).await?;
    let limit = Duration::from_millis(settings.authentication_ms);
    let place = format!("{}:{}", switch.host, switch.ssh_port);
    match timeout(limit, credentials.log_in(&mut handle, &place)).await {
        Ok(Ok(())) => Ok(Connection { handle, secrets: credentials.secrets() }),
        Ok(Err(failure)) => {
            drop(handle);
            guard.shut_down().await;
            Err(failure)
        }
        Err(_) => {
            drop(handle);
            guard.shut_down().await;
            let text = format!(
                "{place} did not answer the login within ssh.authentication_ms = {}",
                limit.as_millis()
            );
            Err(DriverFailure::new(FailureClass::SessionLost, text))
        }
    }
}

async fn dial(settings: &Settings, switch: &Switch) -> Result<TcpStream, DriverFailure> {
    let place = format!("{}:{}", switch.host, switch.ssh_port);
    let unreachable = |why: String| DriverFailure::new(FailureClass::Unreachable, format!("{place}: {why}"));
    let limit = Duration::from_millis(settings.connect_ms);
    let dialled = timeout(limit, connect_from(settings.source_address, switch)).await;
    let tcp = dialled
        .map_err(|_| unreachable(format!("no connection within ssh.connect_ms = {}", limit.as_millis())))?
        .map_err(|error| unreachable(error.to_string()))?;
    // Nagle's algorithm would hold each line back for the delayed acknowledgement of the one before: 40 ms.
    tcp.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
    Ok(tcp)
}

/// To the first of the host's addresses that answers, and with a source address to those of its family.
async fn connect_from(source: Option<IpAddr>, switch: &Switch) -> std::io::Result<TcpStream> {
    let host = (switch.host.as_str(), switch.ssh_port);
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

fn client_config(settings: &Settings) -> Arc<client::Config> {
    Arc::new(client::Config {
        nodelay: true,
        window_size: settings.window_bytes,
        inactivity_timeout: Some(Duration::from_millis(settings.inactivity_ms)),
        keepalive_interval: Some(Duration::from_millis(settings.keepalive_ms)),
        ..client::Config::default()
    })
}

async fn exchange_keys(
    settings: &Settings,
    switch: &Switch,
    guard: &SessionGuard,
    tcp: TcpStream,
) -> Result<Handle<HostKeyCheck>, DriverFailure> {
    let place = format!("{}:{}", switch.host, switch.ssh_port);
    let (stream, heard) = GuardedStream::new(tcp, guard)
        .map_err(|error| DriverFailure::new(FailureClass::SessionLost, format!("{place}: {error}")))?;
    let verdict = Arc::new(Mutex::new(None));
    let check = HostKeyCheck {
        host: switch.host.clone(),
        port: switch.ssh_port,
        pinned: switch.host_key.clone(),
        known_hosts: settings.known_hosts.clone(),
        verdict: Arc::clone(&verdict),
    };
    let limit = Duration::from_millis(settings.key_exchange_ms);
    let mut exchange = std::pin::pin!(client::connect_stream(client_config(settings), stream, check));
    let exchanged = timeout(limit, &mut exchange).await;
    let why = match exchanged {
        Ok(Ok(handle)) => return Ok(handle),
        Ok(Err(error)) => describe(&error),
        Err(_) => {
            let closed = async {
                tokio::join!(guard.shut_down(), async {
                    // It ends in an error, now that its socket is shut; dropped earlier, it would leak.
                    let _ = (&mut exchange).await;
                })
            };
            let _ = timeout(limit, closed).await;
            format!("no key exchange within ssh.key_exchange_ms = {}", limit.as_millis())
        }
    };
    if let Some(failure) = verdict.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure);
    }
    let class =
        if heard.load(Ordering::Relaxed) { FailureClass::KeyExchangeFailed } else { FailureClass::NoFreeVty };
    Err(DriverFailure::new(class, format!("{place}: {why}")))
}

fn describe(error: &russh::Error) -> String {
    match error {
        russh::Error::NoCommonAlgo { kind, ours, theirs } => {
            format!("no common {kind:?} algorithm: ours are {ours:?}, the switch's are {theirs:?}")
        }
        other => other.to_string(),
    }
}

/// Whether the connection has ended. The client's word for one that ended during a login is a refusal that offers no
/// method; an answer to a ping is the same as none, and only then it can be told.
pub async fn is_gone(handle: &Handle<HostKeyCheck>) -> bool {
    handle.send_ping().await.is_err() || handle.is_closed()
}

/// What the references of a switch name.
struct Credentials {
    username: String,
    password: Option<Secret>,
    private_key: Option<Secret>,
    enable_password: Option<Secret>,
}

impl Credentials {
    fn resolve(switch: &Switch) -> Result<Self, DriverFailure> {
        let of = &switch.credentials;
        Ok(Self {
            username: of.username.clone(),
            password: of.password.as_ref().map(resolve).transpose()?,
            private_key: of.private_key.as_ref().map(resolve).transpose()?,
            enable_password: of.enable_password.as_ref().map(resolve).transpose()?,
        })
    }

    fn secrets(&self) -> Vec<Secret> {
        [&self.password, &self.private_key, &self.enable_password].into_iter().flatten().cloned().collect()
    }

    /// By key first, then by password, then by keyboard-interactive with the password.
    async fn log_in(&self, handle: &mut Handle<HostKeyCheck>, place: &str) -> Result<(), DriverFailure> {
        let lost =
            |error: russh::Error| DriverFailure::new(FailureClass::SessionLost, format!("{place}: {error}"));
        let mut left = MethodSet::from(
            [MethodKind::PublicKey, MethodKind::Password, MethodKind::KeyboardInteractive].as_slice(),
        );
        if let Some(key) = &self.private_key {
            let key = russh::keys::decode_secret_key(key.reveal(), None).map_err(|error| {
                let text = format!("the private key for {place} can't be read: {error}");
                DriverFailure::new(FailureClass::Misconfigured, text)
            })?;
            let hash = handle.best_supported_rsa_hash().await.map_err(lost)?.flatten();
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            match handle.authenticate_publickey(&self.username, key).await.map_err(lost)? {
                AuthResult::Success => return Ok(()),
                AuthResult::Failure { remaining_methods, .. } => left = remaining_methods,
            }
        }
        if let Some(password) = &self.password {
            if left.contains(&MethodKind::Password) {
                let answer =
                    handle.authenticate_password(&self.username, password.reveal()).await.map_err(lost)?;
                match answer {
                    AuthResult::Success => return Ok(()),
                    AuthResult::Failure { remaining_methods, .. } => left = remaining_methods,
                }
            }
            if left.contains(&MethodKind::KeyboardInteractive)
                && self.answer_prompts(handle, password).await.map_err(lost)?
            {
                return Ok(());
            }
        }
        if left.is_empty() && is_gone(handle).await {
            let text = format!("{place} closed the connection during the login");
            return Err(DriverFailure::new(FailureClass::SessionLost, text));
        }
        let text = format!("{place} refused the login of {:?}; it offers {left:?}", self.username);
        Err(DriverFailure::new(FailureClass::AuthenticationRefused, text))
    }

    async fn answer_prompts(
        &self,
        handle: &mut Handle<HostKeyCheck>,
        password: &Secret,
    ) -> Result<bool, russh::Error> {
        let mut asked = handle.authenticate_keyboard_interactive_start(&self.username, None).await?;
        for _ in 0..INTERACTIVE_ROUNDS {
            match asked {
                KeyboardInteractiveAuthResponse::Success => return Ok(true),
                KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
                // A round may ask nothing, and still wants its empty answer.
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => {
                    let answers = prompts.iter().map(|_| password.reveal().to_owned()).collect();
                    asked = handle.authenticate_keyboard_interactive_respond(answers).await?;
                }
            }
        }
        Ok(false)
    }
}
