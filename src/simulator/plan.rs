//! What a test says of a switch before it starts, and what it reads of it afterwards.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use russh::MethodKind;
use russh::keys::PublicKey;

use super::Personality;
use super::configuration::PortConfig;
use super::dead_man::MINUTE;

/// A switch of a long run gets some tens of thousands.
const REMEMBERED: usize = 100_000;

/// What one switch is made of.
#[derive(Clone)]
pub struct SwitchPlan {
    /// The host name in the prompt, and the name under which a test finds the switch.
    pub name: String,
    pub personality: Personality,
    pub ports: u16,
    pub username: String,
    pub password: String,
    pub authorized_key: Option<PublicKey>,
    /// What it lets a client log in with.
    pub login_methods: Vec<MethodKind>,
    /// What it asks when it asks interactively.
    pub login_prompt: &'static str,
    /// A wrong answer to it is asked for anew in the same login, as PAM does.
    pub login_asks_again: bool,
    /// `None`: a login is privileged at once (prompt `#`).
    pub enable_password: Option<String>,
    /// Between a line and its output.
    pub command_latency: Duration,
    /// It takes as much more or less, evenly spread.
    pub latency_spread: Duration,
    /// The share of its sessions that it cuts in the middle, from 0 to 1.
    pub dropped_sessions: f64,
    /// How far away it is: what comes is as old as this when the switch hears it.
    pub round_trip: Duration,
    /// How long a save to start-up configuration takes.
    pub save_latency: Duration,
    /// How long a minute of a timer takes that takes back what nobody confirms.
    pub minute: Duration,
    /// Whether a comment is a bad line, instead of nothing.
    pub refuses_comments: bool,
    /// Sessions at once; TCP is closed before the identification line when they are all taken.
    pub vty_lines: usize,
    /// How many lines and readings it remembers; the oldest go first. What it showed of ports came of lines: where a
    /// reading is gone, a line is.
    pub remembered: usize,
    /// Whether it keeps the times that [`SimulatedSwitch::sightings`](super::SimulatedSwitch::sightings) tells.
    pub keeps_times: bool,
}

impl SwitchPlan {
    /// 48 ports, `admin`/`admin`, privileged at once, no latency, 16 lines.
    pub fn new(name: impl Into<String>, personality: Personality) -> Self {
        Self {
            name: name.into(),
            personality,
            ports: 48,
            username: "admin".to_owned(),
            password: "admin".to_owned(),
            authorized_key: None,
            login_methods: vec![MethodKind::PublicKey, MethodKind::KeyboardInteractive, MethodKind::Password],
            login_prompt: "Password: ",
            login_asks_again: false,
            enable_password: None,
            command_latency: Duration::ZERO,
            latency_spread: Duration::ZERO,
            dropped_sessions: 0.0,
            round_trip: Duration::ZERO,
            save_latency: Duration::ZERO,
            minute: MINUTE,
            refuses_comments: false,
            vty_lines: 16,
            remembered: REMEMBERED,
            keeps_times: false,
        }
    }
}

/// Without the passwords.
impl fmt::Debug for SwitchPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SwitchPlan");
        let shown = shown.field("name", &self.name).field("personality", &self.personality);
        shown.field("ports", &self.ports).field("username", &self.username).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchCounts {
    /// Connections that got a terminal line, whether or not they logged in.
    pub sessions_opened: u64,
    pub sessions_open: usize,
    pub most_sessions_open: usize,
    /// Connections turned away: all lines taken, rebooting, or refused on order.
    pub connections_refused: u64,
    pub logins_refused: u64,
    /// Lines received, without empty ones and answers to questions.
    pub commands: u64,
    /// Saves that reached the start-up configuration.
    pub saves: u64,
    pub reboots: u64,
}

/// A line as it arrived, whether or not it was executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedCommand {
    /// Counts from 1 within the switch.
    pub session: u64,
    pub line: String,
    /// The prompt it was typed at.
    pub prompt: String,
    pub at: Instant,
}

/// A terminal line that was taken, and, if it was, given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenSession {
    /// Counts from 1 within the switch.
    pub number: u64,
    /// Where it came from.
    pub peer: SocketAddr,
    pub opened: Instant,
    /// From here on the switch takes no line of it. `None`: it is open.
    pub closed: Option<Instant>,
    /// It ended in configuration mode: whoever was at work there was torn away.
    pub torn_away: bool,
}

/// A port's running configuration, as it was shown to somebody who asked for this port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortReading {
    /// As the device writes it.
    pub port: String,
    pub at: Instant,
    pub config: PortConfig,
    /// Of the policy maps that the port names, the policers as they were then.
    pub policers: BTreeMap<String, Option<String>>,
}
