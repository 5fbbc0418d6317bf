//! One SSH connection to a switch: who may log in, and the one shell it may open, or the commands it may run.
//!
//! Subsystems and forwarding are refused, and exec where a device has a shell, as these devices do. The command line itself is the
//! shell's.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{
    self, Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, MethodKind, MethodSet, Preferred, Pty, SshId, cipher, kex, mac};
use sha2::{Digest, Sha256};
use tokio::task::{AbortHandle, JoinSet};

use super::exec;
use super::plan::SwitchPlan;
use super::shell::Shell;
use super::switch::Seat;

/// A VTY line without traffic is cleared after ten minutes.
const EXEC_TIMEOUT: Duration = Duration::from_secs(600);

/// What a switch offers in the key exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithms {
    Current,
    Old,
}

impl Algorithms {
    fn preferred(self) -> Preferred {
        match self {
            Self::Current => Preferred::default(),
            Self::Old => Preferred {
                kex: Cow::Borrowed(&[kex::DH_G14_SHA1]),
                cipher: Cow::Borrowed(&[cipher::AES_128_CBC]),
                mac: Cow::Borrowed(&[mac::HMAC_SHA1]),
                ..Preferred::default()
            },
        }
    }
}

pub(super) fn ssh_config(
    plan: &SwitchPlan,
    host_key_generation: u32,
    algorithms: Algorithms,
) -> server::Config {
    server::Config {
        server_id: SshId::Standard(Cow::Borrowed(plan.personality.identification())),
        methods: MethodSet::from(plan.login_methods.as_slice()),
        auth_rejection_time: Duration::from_millis(10),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key(&plan.name, host_key_generation)],
        inactivity_timeout: Some(EXEC_TIMEOUT),
        max_auth_attempts: 4,
        nodelay: true,
        preferred: algorithms.preferred(),
        ..server::Config::default()
    }
}

/// Derived from the name, so that a fleet starts fast and has the same keys in every run.
fn host_key(name: &str, generation: u32) -> PrivateKey {
    let seed = Sha256::digest(format!("simulated switch {name}, host key {generation}"));
    PrivateKey::from(Ed25519Keypair::from_seed(&seed.into()))
}

pub(super) fn host_key_line(name: &str, generation: u32) -> String {
    let key = PublicKey::from(host_key(name, generation).public_key().key_data().clone());
    key.to_openssh().expect("an ed25519 key has an OpenSSH form")
}

pub(super) struct Connection {
    seat: Seat,
    channel: Option<Channel<Msg>>,
    shell: Option<AbortHandle>,
    /// Channels that wait for their command, and the commands under way.
    waiting: HashMap<ChannelId, Channel<Msg>>,
    commands: JoinSet<()>,
}

impl Connection {
    pub fn new(seat: Seat) -> Self {
        Self { seat, channel: None, shell: None, waiting: HashMap::new(), commands: JoinSet::new() }
    }

    fn judge(&self, is_right: bool) -> Result<Auth, russh::Error> {
        if self.seat.switch.cuts_login() {
            return Err(russh::Error::Disconnect);
        }
        Ok(if self.seat.switch.judge_login(is_right) { Auth::Accept } else { Auth::reject() })
    }

    fn is_password(&self, user: &str, password: &[u8]) -> bool {
        let plan = self.seat.switch.plan();
        user == plan.username && password == plan.password.as_bytes()
    }

    fn takes(&self, method: MethodKind) -> bool {
        self.seat.switch.plan().login_methods.contains(&method)
    }

    fn is_key(&self, user: &str, key: &PublicKey) -> bool {
        let plan = self.seat.switch.plan();
        let known = plan.authorized_key.as_ref();
        user == plan.username && known.is_some_and(|known| known.key_data() == key.key_data())
    }
}

/// The line is hung up: whatever the shell was doing ends.
impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(shell) = &self.shell {
            shell.abort();
        }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        let taken = self.takes(MethodKind::Password);
        self.judge(taken && self.is_password(user, password.as_bytes()))
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(if self.is_key(user, offer.public_key) { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.judge(self.is_key(user, key.public_key))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _submethods: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let plan = self.seat.switch.plan();
        let asks = || Auth::Partial {
            name: Cow::Borrowed(""),
            instructions: Cow::Borrowed(""),
            prompts: Cow::Owned(vec![(Cow::Borrowed(plan.login_prompt), false)]),
        };
        let Some(mut answers) = response else { return Ok(asks()) };
        let is_right = answers.next().is_some_and(|answer| self.is_password(user, &answer));
        let judged = self.judge(is_right)?;
        Ok(if !is_right && plan.login_asks_again { asks() } else { judged })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.seat.switch.plan().personality.is_told_by_exec() {
            self.waiting.insert(channel.id(), channel);
            reply.accept().await;
            return Ok(());
        }
        // One session a connection; a second is refused by dropping the reply.
        if self.channel.is_none() && self.shell.is_none() {
            self.channel = Some(channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        let Some(opened) = self.channel.take() else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        self.seat.switch.shell_opened(self.seat.session);
        let shell = Shell::new(self.seat.switch.clone(), self.seat.session, opened, session.handle());
        self.shell = Some(tokio::spawn(shell.run()).abort_handle());
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(opened) = self.waiting.remove(&channel) else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        self.seat.switch.shell_opened(self.seat.session);
        while self.commands.try_join_next().is_some() {}
        let line = String::from_utf8_lossy(command).into_owned();
        self.commands.spawn(exec::run(self.seat.switch.clone(), self.seat.session, opened, line));
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}
