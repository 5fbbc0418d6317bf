//! The instances: processes of this very binary, and the service manager that starts again what has ended.

use super::blow::Victim;
use super::config::{self, StoreAt};
use super::world::{Phase, World};
use crate::redis_lab::Port;
use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use std::cell::{Cell, RefCell};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at a process.
const LOOK: Duration = Duration::from_millis(50);
/// For the answer to "are you ready".
const READY: Duration = Duration::from_secs(1);
/// A service manager starts again what has not been ready for so long, where nothing outside explains it.
const UNREADY: Duration = Duration::from_millis(1_500);
/// For an end by SIGTERM; then SIGKILL.
const END: Duration = Duration::from_secs(60);
const LOG_LINES_SHOWN: usize = 20;

/// One instance, through all of its processes.
#[derive(Debug)]
pub struct Instance {
    /// From 0.
    pub number: usize,
    port: Port,
    config: PathBuf,
    log: PathBuf,
    child: RefCell<Option<Child>>,
    /// How many processes it has had.
    starts: Cell<u32>,
    readiness: Cell<Readiness>,
    /// Somebody is about to strike it, or does.
    pub is_struck: Cell<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Readiness {
    Starting,
    Ready,
    Unready { since: Instant },
}

impl Instance {
    /// On a port of its own.
    ///
    /// # Errors
    /// When its files can't be written.
    pub fn prepare(number: usize, folder: &Path, store: &StoreAt) -> anyhow::Result<Self> {
        let port = Port::reserve()?;
        let config = folder.join(format!("instance-{number}.toml"));
        let text = config::configuration(port.address(), source(number), store);
        std::fs::write(&config, text).context("a configuration")?;
        Ok(Self {
            number,
            port,
            config,
            log: folder.join(format!("instance-{number}.log")),
            child: RefCell::default(),
            starts: Cell::new(0),
            readiness: Cell::new(Readiness::Starting),
            is_struck: Cell::new(false),
        })
    }

    /// Where it listens, whichever process it is.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Whether a switch was dialled by one of its processes.
    pub fn has_dialled(&self, peer: SocketAddr) -> bool {
        peer.ip() == source(self.number)
    }

    /// What people call it.
    pub fn name(&self) -> String {
        format!("instance {}", self.number)
    }

    /// What its processes read.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What its processes write.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Which process it is now.
    pub fn starts(&self) -> u32 {
        self.starts.get()
    }

    /// Starts a process. The inventory is only handed to the first of all: it is in the store then.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(&self, inventory: Option<&Path>) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log).context("a log")?;
        let mut command = Command::new(std::env::current_exe().context("this binary")?);
        command.arg("serve").arg("--config").arg(&self.config);
        if let Some(inventory) = inventory {
            command.arg("--inventory").arg(inventory);
        }
        // Our own environment may have a backtrace for every panic ordered.
        command.env("SWITCHYARD_FAULT_ORDERS", "stdin").env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // A Ctrl-C at the terminal is for the harness alone.
        command.process_group(0);
        *self.child.borrow_mut() = Some(command.spawn().context("an instance")?);
        self.starts.set(self.starts.get() + 1);
        self.readiness.set(Readiness::Starting);
        Ok(())
    }

    /// Whether it was ready when last asked.
    pub fn is_ready(&self) -> bool {
        self.readiness.get() == Readiness::Ready
    }

    /// Sends a signal; `false` when there is no process.
    pub fn signal(&self, signal: Signal) -> bool {
        let child = self.child.borrow();
        child.as_ref().is_some_and(|child| kill_process(Pid::from_child(child), signal).is_ok())
    }

    /// SIGKILL. `false` when it had ended before.
    pub fn kill(&self) -> bool {
        let Some(mut child) = self.child.borrow_mut().take() else { return false };
        let had_ended = !matches!(child.try_wait(), Ok(None));
        let killed = child.kill().is_ok() && child.wait().is_ok();
        killed && !had_ended
    }

    /// Writes a line to its standard input; `false` when there is nobody to read it.
    pub fn order(&self, line: &str) -> bool {
        let mut child = self.child.borrow_mut();
        let input = child.as_mut().and_then(|child| child.stdin.as_mut());
        input.is_some_and(|input| writeln!(input, "{line}").and_then(|()| input.flush()).is_ok())
    }

    /// How it ended, if it did by itself. Said once.
    fn end(&self) -> Option<ExitStatus> {
        let mut child = self.child.borrow_mut();
        let status = child.as_mut()?.try_wait().ok()??;
        *child = None;
        Some(status)
    }

    fn has_process(&self) -> bool {
        self.child.borrow().is_some()
    }

    /// All that its processes wrote.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of it.
    pub fn log_end(&self) -> String {
        let text = self.log_text();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    async fn look(&self, http: &awc::Client) {
        let asking = http.get(format!("http://{}/readyz", self.address())).timeout(READY).send();
        let is_ready = asking.await.is_ok_and(|answer| answer.status().is_success());
        self.readiness.set(match (self.readiness.get(), is_ready) {
            (_, true) => Readiness::Ready,
            (Readiness::Ready, false) => Readiness::Unready { since: Instant::now() },
            (unready, false) => unready,
        });
    }

    fn is_unready_for_long(&self) -> bool {
        matches!(self.readiness.get(), Readiness::Unready { since } if since.elapsed() > UNREADY)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address from which it dials switches: it tells a switch's sessions apart.
fn source(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 201, 0, 1 + u8::try_from(number).expect("at most 16 instances"))
}

/// What a service manager does: starts again what has ended, and with the embedded store, which is over after a failed write,
/// what is no longer ready.
pub async fn keep_running(world: Rc<World>, which: usize) {
    let instance = &world.instances[which];
    while !world.is(Phase::Stopping) {
        if let Some(status) = instance.end() {
            world.remark(format!("instance {which} ended by itself: {status}"));
        }
        if !instance.has_process()
            && let Err(error) = instance.start(None)
        {
            world.remark(format!("instance {which} can't be started: {error:#}"));
        }
        instance.look(&world.http).await;
        let is_left_alone = !instance.is_struck.get() && !world.store.is_struck();
        if world.store.ends_with_a_failed_write() && is_left_alone && instance.is_unready_for_long() {
            world.tally.borrow_mut().count(Victim::Process, "restarted by the service manager");
            stop(&world, which).await;
        }
        sleep(LOOK).await;
    }
}

/// SIGTERM, and SIGKILL if that takes too long, which is remarked.
pub async fn stop(world: &World, which: usize) {
    let instance = &world.instances[which];
    instance.signal(Signal::TERM);
    let deadline = Instant::now() + END;
    while instance.has_process() {
        match instance.end() {
            Some(status) if !status.success() => {
                world.remark(format!("instance {which} stopped with {status}"))
            }
            Some(_) => {}
            None if Instant::now() >= deadline => {
                world.remark(format!("instance {which} did not stop within {END:?}: killed"));
                instance.kill();
            }
            None => sleep(LOOK).await,
        }
    }
}

/// Waits until it is ready.
///
/// # Errors
/// With the end of its log, when it never is.
pub async fn until_ready(world: &World, which: usize) -> anyhow::Result<()> {
    let instance = &world.instances[which];
    let deadline = Instant::now() + 2 * END;
    while !instance.is_ready() {
        let ended = instance.end();
        if let Some(status) = ended {
            anyhow::bail!("instance {which} ended ({status}):\n{}", instance.log_end());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "instance {which} is never ready:\n{}",
            instance.log_end()
        );
        instance.look(&world.http).await;
        sleep(LOOK).await;
    }
    Ok(())
}
