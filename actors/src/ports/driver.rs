//! The switch driver, as a supervisor sees it: one session, used by one owner, a step at a time.

use super::guard::SessionGuard;
use crate::domain::config::PortConfig;
use crate::domain::failure::DriverFailure;
use crate::domain::ids::PortName;
use crate::domain::inventory::Switch;
use async_trait::async_trait;

/// What lines are wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Making a port what a plan asks.
    Provision,
    /// Bringing a port back to what it was.
    Restore,
}

/// The lines of one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortLines {
    /// Which.
    pub port: PortName,
    /// As [`SwitchSession::render`] gave them.
    pub lines: Vec<String>,
}

/// Opens sessions.
#[async_trait]
pub trait SwitchDriver: Send + Sync + 'static {
    /// Waits until there is room for one more opening of this kind of switch, where a kind is so costly that only so many
    /// are let in. What is waited for here is no fault of the switch: it counts against no limit.
    async fn wait_for_turn(&self, _switch: &Switch) {}

    /// Opens a session: connects, authenticates, checks that the device is who the inventory says, and sends the
    /// opening commands. Its socket is under `guard` until it is really closed, and nothing is written to it when the
    /// guard's tenure is over.
    ///
    /// # Errors
    /// [`DriverFailure`], its class telling what to do next. What was said before it, bounded and every secret redacted,
    /// is left in `said`: there is no session to ask for it.
    async fn open(
        &self,
        switch: &Switch,
        guard: &SessionGuard,
        said: &mut String,
    ) -> Result<Box<dyn SwitchSession>, DriverFailure>;
}

/// One open session. Every method keeps its own time limit, from the configuration and the platform file. After a
/// failure whose class doesn't leave the session usable it must only be closed.
#[async_trait]
pub trait SwitchSession: Send {
    /// The host key that was trusted because nobody knew one: it must be on record before a configuration line is sent.
    /// `None` where somebody vouched for it.
    fn first_seen_host_key(&self) -> Option<String>;

    /// Asks whether the other side is still there, without a command.
    ///
    /// # Errors
    /// [`DriverFailure`] of class `SessionLost`.
    async fn probe(&mut self) -> Result<(), DriverFailure>;

    /// Reads a port's running configuration.
    ///
    /// # Errors
    /// [`DriverFailure`]; `PortUnknown` when the switch has no such port.
    async fn read_port(&mut self, port: &PortName) -> Result<PortConfig, DriverFailure>;

    /// How many ports are best read in one go, behind [`Self::expect_reads`].
    fn reads_at_once(&self) -> usize {
        1
    }

    /// These are read next, one after another and with nothing in between: the first may ask for all of them at once.
    /// What was asked for before and not read is forgotten: none of them ends it.
    fn expect_reads(&mut self, _ports: &[PortName]) {}

    /// The lines that bring a port from `before` to `want`, as the platform file says. Sends nothing.
    ///
    /// # Errors
    /// [`DriverFailure`] of class `Misconfigured`.
    fn render(
        &self,
        intent: Intent,
        port: &PortName,
        want: &PortConfig,
        before: &PortConfig,
    ) -> Result<Vec<String>, DriverFailure>;

    /// Sends the lines of one port or of many in one stay in the configuration mode, and answers for each port by itself, in their
    /// order. Default-deny: output that is neither known to be good nor noise is left to the read-back; output that is
    /// known to be bad is that port's failure, and the others go on. After that the configuration mode has been left. When
    /// the session breaks, the port in hand fails so, and those behind it with the same class: nothing of theirs was sent,
    /// or, where the device takes all ports at once, nobody knows.
    ///
    /// Where [`Self::takes_back`] is true, the device takes it all back by itself unless it is confirmed.
    async fn apply(&mut self, ports: &[PortLines]) -> Vec<Result<(), DriverFailure>>;

    /// The same for one port alone.
    ///
    /// # Errors
    /// [`DriverFailure`]; `CommandRejected` names the line and the answer.
    async fn apply_to(&mut self, port: &PortName, lines: &[String]) -> Result<(), DriverFailure> {
        let alone = [PortLines { port: port.clone(), lines: lines.to_vec() }];
        self.apply(&alone).await.pop().expect("an answer for each port")
    }

    /// Whether what was applied since the last [`Self::confirm`] is taken back by the device, unless that is called in time:
    /// a confirmed commit, a checkpoint, a safe mode.
    fn takes_back(&self) -> bool;

    /// Makes what was applied stand, after it was read back. Nothing to do where nothing is taken back.
    ///
    /// # Errors
    /// [`DriverFailure`]: then what stands on the ports is not known.
    async fn confirm(&mut self) -> Result<(), DriverFailure>;

    /// Saves the running configuration as the start-up configuration.
    ///
    /// # Errors
    /// [`DriverFailure`] of class `SaveFailed`, or that of a broken session.
    async fn save(&mut self) -> Result<(), DriverFailure>;

    /// What was said since the last call: bounded, every secret redacted.
    fn take_transcript(&mut self) -> String;

    /// What was said about this port alone in the last [`Self::apply`], of which [`Self::take_transcript`] has the rest.
    fn take_transcript_of(&mut self, _port: &PortName) -> String {
        String::new()
    }

    /// Says goodbye and waits, for a short time of its own, until the socket is closed.
    async fn close(self: Box<Self>);
}
