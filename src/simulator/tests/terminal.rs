//! A person at an SSH client: types, and waits until something stands on the screen.
//!
//! Knows no prompt and no platform. Every wait has a deadline, and says what it saw last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse, Msg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg};

pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Trusts whom it meets, and remembers the key.
#[derive(Default)]
pub(super) struct Trusting {
    pub seen: Arc<std::sync::Mutex<Option<String>>>,
}

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        if let PublicKeyOrCertificate::PublicKey { key, .. } = key {
            let line = key.to_openssh().expect("a host key has an OpenSSH form");
            *self.seen.lock().expect("nobody panics with it") = Some(line);
        }
        Ok(true)
    }
}

pub(super) async fn connect(address: SocketAddr) -> Result<Handle<Trusting>, russh::Error> {
    connect_as(address, Trusting::default()).await
}

pub(super) async fn connect_as(
    address: SocketAddr,
    handler: Trusting,
) -> Result<Handle<Trusting>, russh::Error> {
    let config =
        client::Config { nodelay: true, inactivity_timeout: Some(DEADLINE), ..client::Config::default() };
    client::connect(Arc::new(config), address, handler).await
}

pub(super) async fn log_in(address: SocketAddr, user: &str, password: &str) -> Option<Handle<Trusting>> {
    let mut handle = connect(address).await.ok()?;
    let result = handle.authenticate_password(user, password).await.ok()?;
    result.success().then_some(handle)
}

pub(super) async fn log_in_with_key(address: SocketAddr, user: &str, key: PrivateKey) -> bool {
    let mut handle = connect(address).await.expect("a connection");
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    matches!(handle.authenticate_publickey(user, key).await, Ok(AuthResult::Success))
}

/// Answers the one prompt there is, and tells what it said.
pub(super) async fn log_in_interactively(address: SocketAddr, user: &str, password: &str) -> (bool, String) {
    let mut handle = connect(address).await.expect("a connection");
    let asked = handle.authenticate_keyboard_interactive_start(user, None).await.expect("an answer");
    let KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } = asked else {
        return (false, String::new());
    };
    let answers = vec![password.to_owned()];
    let end = handle.authenticate_keyboard_interactive_respond(answers).await.expect("an answer");
    (matches!(end, KeyboardInteractiveAuthResponse::Success), prompts[0].prompt.clone())
}

pub(super) struct Terminal {
    /// Closes the connection when dropped.
    _handle: Handle<Trusting>,
    channel: Channel<Msg>,
    screen: Vec<u8>,
}

impl Terminal {
    pub async fn open(address: SocketAddr) -> Self {
        let handle = log_in(address, "admin", "admin").await.expect("a login");
        Self::on(handle).await
    }

    /// Open, with paging off and the first prompt read.
    pub async fn ready(address: SocketAddr, prompt: &str) -> Self {
        let mut terminal = Self::open(address).await;
        terminal.expect(prompt).await;
        terminal.run("terminal length 0", prompt).await;
        terminal
    }

    pub async fn on(handle: Handle<Trusting>) -> Self {
        let channel = handle.channel_open_session().await.expect("a channel");
        channel.request_pty(true, "vt100", 511, 24, 0, 0, &[]).await.expect("a terminal");
        channel.request_shell(true).await.expect("a shell");
        Self { _handle: handle, channel, screen: Vec::new() }
    }

    pub async fn type_in(&mut self, text: &str) {
        self.channel.data_bytes(text.as_bytes().to_vec()).await.expect("the connection takes keys");
    }

    /// Everything up to and with `text`, which is taken off the screen.
    pub async fn expect(&mut self, text: &str) -> String {
        let read = async {
            loop {
                let screen = String::from_utf8_lossy(&self.screen).into_owned();
                if let Some(place) = screen.find(text) {
                    let end = place + text.len();
                    self.screen = screen.as_bytes()[end..].to_vec();
                    return Some(screen[..end].to_owned());
                }
                match self.channel.wait().await {
                    Some(ChannelMsg::Data { data }) => self.screen.extend_from_slice(&data),
                    Some(_) => {}
                    None => return None,
                }
            }
        };
        let seen = tokio::time::timeout(DEADLINE, read).await;
        let screen = String::from_utf8_lossy(&self.screen);
        match seen {
            Ok(Some(seen)) => seen,
            Ok(None) => panic!("closed while waiting for {text:?}; on the screen: {screen:?}"),
            Err(_) => panic!("no {text:?} in time; on the screen: {screen:?}"),
        }
    }

    /// Types a line, and returns what stands between its echo and the prompt.
    pub async fn run(&mut self, line: &str, prompt: &str) -> String {
        self.type_in(&format!("{line}\r")).await;
        self.expect(&format!("{line}\r\n")).await;
        let output = self.expect(prompt).await;
        output[..output.len() - prompt.len()].to_owned()
    }

    /// Runs lines that are to be taken without a word.
    pub async fn run_silent(&mut self, dialog: &[(&str, &str)]) {
        for (line, prompt) in dialog {
            assert_eq!(self.run(line, prompt).await, "", "after {line:?}");
        }
    }

    /// Reads until the far side closes; what was left on the screen.
    pub async fn expect_closed(&mut self) -> String {
        let read = async {
            while let Some(message) = self.channel.wait().await {
                if let ChannelMsg::Data { data } = message {
                    self.screen.extend_from_slice(&data);
                }
            }
        };
        let closed = tokio::time::timeout(DEADLINE, read).await;
        let screen = String::from_utf8_lossy(&self.screen).into_owned();
        assert!(closed.is_ok(), "still open; on the screen: {screen:?}");
        screen
    }
}
