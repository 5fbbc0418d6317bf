//! One Redis server: a process, its port, and its folder, which outlives the process.
//!
//! ```text
//!   start ──▶ running ── pause ──▶ paused
//!              ▲  │  ▲────resume────┘ │
//!              │  kill, stop          │ kill, stop
//!       restart│  ▼                   │
//!             ended ◀─────────────────┘
//! ```
//!
//! The append-only file stays in the folder, so a restart finds what had been written to it.

use super::LabError;
use super::client::{Client, Reply};
use super::patience::wait_for;
use super::ports::Port;
use super::settings::{Encryption, Role, Settings};
use super::tls::Certificates;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// How long the lab waits for one answer; a server that loads or is paused has given none by then.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// How many ports are tried: another process may take one between the look and the start.
const PORTS_TRIED: usize = 8;
/// Of the log, what an error shows.
const LOG_LINES_SHOWN: usize = 12;

/// The process, or that there is none.
#[derive(Debug)]
enum Process {
    Running(Child),
    Ended,
}

/// A running server, or one that was ended and can be started again. Gone when dropped, with all it kept.
#[derive(Debug)]
pub struct RedisServer {
    process: Mutex<Process>,
    settings: Settings,
    certificates: Option<Arc<Certificates>>,
    port: Port,
    // Dropped last: the process must be gone before its folder.
    folder: TempDir,
}

impl RedisServer {
    /// Starts a server on a free port of 127.0.0.1 and waits until it answers.
    ///
    /// # Errors
    /// When `redis-server` is not installed, ends at once, or does not answer in time.
    pub fn start(settings: Settings) -> Result<Self, LabError> {
        let certificates = Certificates::wanted(settings.encryption)?;
        Self::start_certified(settings, certificates)
    }

    /// The same with these certificates, which a cluster's nodes share: they must trust each other.
    pub(super) fn start_certified(
        settings: Settings,
        certificates: Option<Arc<Certificates>>,
    ) -> Result<Self, LabError> {
        for _ in 1..PORTS_TRIED {
            let server = Self::prepare(settings.clone(), certificates.clone())?;
            match server.launch() {
                Err(LabError::Ended { said, .. }) if said.contains("Address already in use") => {}
                outcome => return outcome.map(|()| server),
            }
        }
        let server = Self::prepare(settings, certificates)?;
        server.launch().map(|()| server)
    }

    fn prepare(settings: Settings, certificates: Option<Arc<Certificates>>) -> Result<Self, LabError> {
        let folder = tempfile::tempdir().map_err(LabError::while_doing("make a server's folder"))?;
        let process = Mutex::new(Process::Ended);
        let server = Self { process, settings, certificates, port: Port::reserve()?, folder };
        server.write_configuration().map_err(LabError::while_doing("write a server's configuration"))?;
        Ok(server)
    }

    /// In a file of its owner alone, since a command line, which has passwords too, is everybody's to read.
    fn write_configuration(&self) -> std::io::Result<()> {
        let mut file =
            File::options().write(true).create_new(true).mode(0o600).open(self.file("redis.conf"))?;
        std::io::Write::write_all(&mut file, self.configuration().as_bytes())
    }

    fn configuration(&self) -> String {
        let mut lines = vec![
            ("bind", "127.0.0.1".to_owned()),
            ("dir", self.folder.path().display().to_string()),
            ("unixsocket", self.socket().display().to_string()),
        ];
        lines.extend(self.port_lines());
        lines.extend(self.settings.lines());
        let lines = lines.into_iter().map(|(key, value)| (key.to_owned(), value));
        lines
            .chain(self.settings.extra.iter().cloned())
            .map(|(key, value)| format!("{key} {value}\n"))
            .collect()
    }

    fn port_lines(&self) -> Vec<(&'static str, String)> {
        let number = self.port().to_string();
        let Some(certificates) = &self.certificates else { return vec![("port", number)] };
        let mut lines = vec![("port", "0".to_owned()), ("tls-port", number)];
        if self.settings.role != Role::Single {
            lines.push(("tls-cluster", "yes".to_owned()));
        }
        lines.extend(certificates.configuration());
        lines
    }

    /// Starts the process, of which there must be none, and waits until it has loaded its file and answers.
    fn launch(&self) -> Result<(), LabError> {
        // Only the log of this start tells why it failed.
        let log = File::create(self.log_file()).map_err(LabError::while_doing("make a server's log"))?;
        let child = self.spawn(log)?;
        *self.process() = Process::Running(child);
        self.wait_until_answering()
    }

    fn spawn(&self, log: File) -> Result<Child, LabError> {
        let errors = log.try_clone().map_err(LabError::while_doing("make a server's log"))?;
        let mut command = Command::new(executable()?);
        command.arg(self.file("redis.conf")).stdin(Stdio::null()).stdout(log).stderr(errors);
        // A Ctrl-C at the terminal is for whoever uses the lab: the server ends when it is told to.
        command.process_group(0);
        command.spawn().map_err(LabError::while_doing("start redis-server"))
    }

    /// Waits until the server answers: it has loaded its file and is not paused.
    ///
    /// # Errors
    /// When it has ended, or does not answer in time.
    pub fn wait_until_answering(&self) -> Result<(), LabError> {
        wait_for(&format!("an answer from {}", self.address()), || {
            if let Some(status) = self.exit_status() {
                return ControlFlow::Break(Err(self.ended(status)));
            }
            match self.command(&["PING"]) {
                Ok(reply) if reply == Reply::status("PONG") => ControlFlow::Break(Ok(())),
                Ok(reply) => ControlFlow::Continue(reply.to_string()),
                Err(error) => ControlFlow::Continue(error.to_string()),
            }
        })?
    }

    /// `None` while the process runs; also when there is none, so that a server that was stopped just never answers.
    fn exit_status(&self) -> Option<ExitStatus> {
        match &mut *self.process() {
            Process::Running(child) => child.try_wait().ok().flatten(),
            Process::Ended => None,
        }
    }

    fn ended(&self, status: ExitStatus) -> LabError {
        LabError::Ended { program: "redis-server", status, said: self.log_end() }
    }

    /// The last lines of its log.
    #[must_use]
    pub fn log_end(&self) -> String {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// Sends one command on a connection of its own that reaches this server alone, logged in.
    ///
    /// # Errors
    /// When it does not answer in time.
    pub fn command<W: AsRef<[u8]>>(&self, words: &[W]) -> std::io::Result<Reply> {
        let mut client = Client::connect_local(&self.socket(), ANSWER_PATIENCE)?;
        if let Some(login) = self.settings.account.login() {
            client.command(&login)?;
        }
        client.command(words)
    }

    /// Its port, the same after every restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Its URL, with what it takes to log in.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_by(self.address())
    }

    /// Its URL by another way, such as a [proxy](super::Proxy)'s.
    #[must_use]
    pub fn url_by(&self, address: SocketAddr) -> String {
        let scheme = match self.settings.encryption {
            Encryption::Off => "redis",
            Encryption::Tls => "rediss",
        };
        format!("{scheme}://{}{address}", self.settings.account.in_url())
    }

    /// The certificate that a client must trust, as a PEM file; `None` without TLS.
    #[must_use]
    pub fn authority(&self) -> Option<PathBuf> {
        self.certificates.as_ref().map(|certificates| certificates.authority())
    }

    /// Its folder, with the append-only file in it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process's id; `None` after it was ended.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &*self.process() {
            Process::Running(child) => Some(child.id()),
            Process::Ended => None,
        }
    }

    /// Ends it with SIGKILL, also while paused: what it had not written is lost. Harmless when it has ended.
    pub fn kill(&self) {
        let mut process = self.process();
        if let Process::Running(child) = &mut *process {
            // Either fails only for a process that is gone.
            let _ = child.kill();
            let _ = child.wait();
        }
        *process = Process::Ended;
    }

    /// Ends it as an operator does, with SIGTERM: it syncs its file and leaves. Harmless when it has ended.
    ///
    /// # Errors
    /// When it does not leave in time.
    pub fn stop_gracefully(&self) -> Result<(), LabError> {
        // A paused process takes no signal but these.
        self.signal(Signal::CONT)?;
        self.signal(Signal::TERM)?;
        wait_for("the end of redis-server", || match (self.pid(), self.exit_status()) {
            (Some(_), None) => ControlFlow::Continue(self.log_end()),
            _ => ControlFlow::Break(()),
        })?;
        *self.process() = Process::Ended;
        Ok(())
    }

    /// Starts it again, killed first if it runs, with the same folder and port; waits until it has loaded its file.
    ///
    /// # Errors
    /// As [`RedisServer::start`].
    pub fn restart(&self) -> Result<(), LabError> {
        self.kill();
        self.launch()
    }

    /// Stops its clock (SIGSTOP): connections stay and are taken, nothing is answered.
    ///
    /// # Errors
    /// When the signal can't be sent.
    pub fn pause(&self) -> Result<(), LabError> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on, and answer what it was asked meanwhile.
    ///
    /// # Errors
    /// When the signal can't be sent.
    pub fn resume(&self) -> Result<(), LabError> {
        self.signal(Signal::CONT)
    }

    /// Harmless when it has ended; and a child that was not waited for keeps its id, so nobody else is hit.
    fn signal(&self, signal: Signal) -> Result<(), LabError> {
        let mut process = self.process();
        let Process::Running(child) = &mut *process else { return Ok(()) };
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Ok(());
        }
        kill_process(Pid::from_child(child), signal)
            .map_err(|error| LabError::Io { doing: "send a signal", source: error.into() })
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn socket(&self) -> PathBuf {
        self.file("lab.sock")
    }

    fn log_file(&self) -> PathBuf {
        self.file("log")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `redis-server` by `PATH`, or where Debian puts it.
fn executable() -> Result<PathBuf, LabError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]);
    let found = folders.map(|folder| folder.join("redis-server")).find(|file| file.is_file());
    found.ok_or(LabError::NotInstalled { program: "redis-server", package: "redis-server" })
}
