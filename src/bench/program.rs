//! A program of a run, in a process group of its own: started, told to end, and gone with all that it started when dropped.

use super::usage::Usage;
use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(10);
/// For an end by SIGTERM; then SIGKILL.
const END: Duration = Duration::from_secs(60);
const LOG_LINES_SHOWN: usize = 20;

/// It runs.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
    log: PathBuf,
    /// What it says on standard output.
    said: mpsc::UnboundedReceiver<String>,
}

impl Program {
    /// Starts it. What it complains of goes to `log`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(name: impl Into<String>, mut command: Command, log: PathBuf) -> anyhow::Result<Self> {
        let (name, complaints) = (name.into(), File::create(&log).context("a log")?);
        // A Ctrl-C at the terminal is for this process, which ends the others in their order.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(complaints);
        let mut child = command.spawn().with_context(|| format!("{name} can't be started"))?;
        let output = child.stdout.take().expect("it is piped");
        let (tell, said) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            // Whoever listens no more has dropped the program.
            lines.for_each(|line| drop(tell.send(line)));
        });
        Ok(Self { name, child, ended: None, log, said })
    }

    /// What its processes have used.
    pub fn usage(&self) -> Usage {
        Usage::of_group(Pid::from_child(&self.child))
    }

    /// Writes a line to its standard input.
    ///
    /// # Errors
    /// When nobody reads it any more.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().expect("it is piped");
        writeln!(input, "{line}")
            .and_then(|()| input.flush())
            .with_context(|| self.what_it_said("hears nothing"))
    }

    /// The next line that it says with this in it.
    ///
    /// # Errors
    /// When it doesn't say so in time, or ends.
    pub async fn hear(&mut self, wanted: &str, patience: Duration) -> anyhow::Result<String> {
        let listening = async {
            while let Some(line) = self.said.recv().await {
                if line.contains(wanted) {
                    return Some(line);
                }
            }
            None
        };
        match timeout(patience, listening).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => bail!(self.what_it_said("ended")),
            Err(_) => bail!(self.what_it_said(&format!("did not say {wanted:?} within {patience:?}"))),
        }
    }

    /// Fails when it has ended by itself.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        match self.end() {
            Some(status) => bail!(self.what_it_said(&format!("ended ({status})"))),
            None => Ok(()),
        }
    }

    /// Tells it to end, and waits until it has.
    ///
    /// # Errors
    /// When it doesn't end in time, or not well.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        // It may have ended already; then its status tells how.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + END;
        loop {
            match self.end() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!(self.what_it_said(&format!("ended with {status}"))),
                None if Instant::now() >= deadline => {
                    bail!(self.what_it_said(&format!("did not end within {END:?} of a SIGTERM")))
                }
                None => sleep(LOOK).await,
            }
        }
    }

    /// How it ended, if it did; then what it started is gone, too.
    fn end(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            waitid(WaitId::Pid(Pid::from_child(&self.child)), look).ok()??;
            self.ended = Some(self.kill_all().ok()?);
        }
        self.ended
    }

    /// The group goes by the number of its first process, which nobody else is given until that one was waited for.
    fn kill_all(&mut self) -> std::io::Result<ExitStatus> {
        // It fails only where nobody is left.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        self.child.wait()
    }

    /// A sentence, and the end of what it wrote.
    fn what_it_said(&self, what: &str) -> String {
        format!("{} {what}:\n{}", self.name, end_of(&self.log))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.ended.is_none() {
            // There is nobody to tell of it.
            let _ = self.kill_all();
        }
    }
}

fn end_of(log: &Path) -> String {
    let text = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}
