//! What can strike, and under which name it is counted. A blow says whom and how hard; it does nothing.

use crate::simulator::Fault;
use crate::simulator::receiver::Answer;
use std::fmt;
use std::time::Duration;
use switchyard_actors::fail_points::FailPoint;

/// One fault, aimed.
#[derive(Debug, Clone, PartialEq)]
pub enum Blow {
    /// An instance of the service.
    Instance { which: usize, how: InstanceBlow },
    /// The actor of an instance that reaches this place next: it panics.
    Actor { which: usize, at: FailPoint },
    /// A node of Redis, or the wire to it.
    Redis { node: usize, how: RedisBlow },
    /// The disk under the embedded store is full for so long.
    DiskFull { lasting: Duration },
    /// A switch.
    Switch { which: usize, how: SwitchBlow },
    /// A partner's receiver.
    Receiver { which: usize, how: ReceiverBlow },
}

/// What an instance suffers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InstanceBlow {
    /// SIGKILL, as soon as dialogs with switches are open.
    KillInDialog,
    /// SIGKILL, whatever it does.
    Kill,
    /// SIGSTOP, and SIGCONT so much later.
    Freeze { lasting: Duration },
    /// Its wall clock is wrong by so much, and later right again.
    Clock { millis: i64 },
}

/// What Redis suffers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RedisBlow {
    /// SIGKILL, and so much later a restart on what it had written.
    Kill { down: Duration },
    /// No connection for so long.
    CutOff { lasting: Duration },
    /// Connections without an answer for so long.
    Hang { lasting: Duration },
    /// Every chunk comes late.
    Slow { delay: Duration, lasting: Duration },
    /// A request is carried out, and its answer lost.
    LoseAnswer,
}

/// What a switch does.
#[derive(Debug, Clone, PartialEq)]
pub enum SwitchBlow {
    /// Something on order, which waits for its line or connection.
    Order(&'static str, Fault),
    /// It loses its power now, and is back so much later.
    Reboot { down: Duration },
    /// Its link is lost for a moment: every session breaks.
    CutSessions,
    /// Other hardware: an operator must vouch for its key.
    ChangeHostKey,
}

/// What a receiver does with the next request.
#[derive(Debug, Clone, PartialEq)]
pub enum ReceiverBlow {
    /// No connection for so long.
    Refuse { lasting: Duration },
    /// It is answered badly.
    Answer(Answer),
}

/// Who is struck: the heading under which the report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// A process.
    Process,
    /// An actor.
    Actor,
    /// A clock.
    Clock,
    /// Redis.
    Redis,
    /// The disk.
    Disk,
    /// A switch.
    Switch,
    /// A receiver.
    Receiver,
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Process => "processes",
            Self::Actor => "actors",
            Self::Clock => "clocks",
            Self::Redis => "Redis",
            Self::Disk => "disk",
            Self::Switch => "switches",
            Self::Receiver => "receivers",
        })
    }
}

impl SwitchBlow {
    /// Its name in the report.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Order(name, _) => name,
            Self::Reboot { .. } => "rebooted",
            Self::CutSessions => "cut its sessions",
            Self::ChangeHostKey => "changed its host key",
        }
    }
}

/// Its name in the report; `None`: the receiver did nothing wrong.
pub fn receiver_fault(answer: &Answer) -> Option<&'static str> {
    match answer {
        Answer::Status(200..=299) => None,
        Answer::Status(500..) => Some("answered 500"),
        Answer::Status(_) => Some("answered 404"),
        Answer::Redirect(_) => Some("answered 302"),
        Answer::Hang => Some("hung"),
        Answer::SlowBody => Some("never ended its answer"),
        Answer::HugeBody => Some("answered a gigabyte"),
        Answer::CloseWithoutAnswer => Some("closed without an answer"),
    }
}

/// The actor that passes a place, by the first word of the place's name.
pub fn actor_at(place: &str) -> &'static str {
    match place.split('.').next().unwrap_or_default() {
        "checkout" => "checkout panicked",
        "delivery" => "webhook panicked",
        "fleet" => "fleet panicked",
        "membership" => "membership panicked",
        "archivist" => "archivist panicked",
        "surveyor" => "surveyor panicked",
        _ => "supervisor panicked",
    }
}

/// One line of the plan.
impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instance { which, how } => write!(f, "instance {which}: {how:?}"),
            Self::Actor { which, at } => write!(f, "instance {which}: panic at {}", at.name()),
            Self::Redis { node, how } => write!(f, "redis {node}: {how:?}"),
            Self::DiskFull { lasting } => write!(f, "disk: full for {lasting:?}"),
            Self::Switch { which, how: SwitchBlow::Order(name, fault) } => {
                write!(f, "switch {which}: {name}: {fault:?}")
            }
            Self::Switch { which, how } => write!(f, "switch {which}: {how:?}"),
            Self::Receiver { which, how } => write!(f, "receiver {which}: {how:?}"),
        }
    }
}
