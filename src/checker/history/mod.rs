//! What the witnesses saw: clients, switches and receivers, each from its own side. Plain records, in any order.
//!
//! A record says what was seen, never what it means. Nothing here comes from the service but bytes that it sent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use super::moment::Span;

mod clients;
mod receivers;
mod switches;

pub use clients::{Answer, Attempt, Call, Intent, Reply};
pub use receivers::{Answered, DeadLetter, Delivery, EventName, Recipient};
pub use switches::{Command, Freeze, Place, Port, PortState, Reading, Session, Standing};

/// Everything that was seen, and what the harness knows of the world in which it was.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Who may buy.
    pub partners: Vec<Partner>,
    /// What can be bought.
    pub plans: Vec<Plan>,
    /// Which port a token stands for. A token that isn't here stands for no port that was watched.
    pub locations: BTreeMap<String, Place>,
    /// Checkouts, each time that one was sent.
    pub attempts: Vec<Attempt>,
    /// The other calls that change something.
    pub calls: Vec<Call>,
    /// Connections to switches.
    pub sessions: Vec<Session>,
    /// Lines that switches received.
    pub commands: Vec<Command>,
    /// Switches that no longer know all of their commands.
    pub forgetful_switches: BTreeSet<String>,
    /// What switches showed of ports.
    pub readings: Vec<Reading>,
    /// The ports that were watched.
    pub ports: BTreeMap<Place, Port>,
    /// When the store certainly answered nobody.
    pub outages: Vec<Span>,
    /// When the harness itself stopped the holder of a session, so that its successor may have met it.
    pub freezes: Vec<Freeze>,
    /// Webhooks, each time that one arrived.
    pub deliveries: Vec<Delivery>,
    /// What the service lists as given up.
    pub dead_letters: Vec<DeadLetter>,
    /// Logs, transcripts, metrics: whatever a person might read.
    pub texts: Vec<Text>,
    /// What must be in none of them, beside the partners' webhook secrets.
    pub secrets: Vec<Secret>,
    /// How it ended.
    pub ending: Ending,
}

/// Whether anything was left to do when the witnesses stopped looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Ending {
    /// Work may still have been under way: that something is missing proves nothing.
    #[default]
    CutShort,
    /// Everything had come to rest: what isn't there now never comes.
    Drained,
}

/// A text that must not be seen. Its `Debug` shows the name alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What people call it.
    pub name: String,
    /// The secret itself.
    pub value: String,
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A partner.
#[derive(Clone, Debug)]
pub struct Partner {
    /// `service_provider_document_id`.
    pub id: Uuid,
    /// With what its webhooks are signed.
    pub secrets: Vec<WebhookSecret>,
}

/// A secret, and when it was valid.
#[derive(Clone, Debug)]
pub struct WebhookSecret {
    /// The secret.
    pub secret: Secret,
    /// While rotated secrets overlap, either signs.
    pub valid: Span,
}

/// A plan's version.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `plan_version_id`.
    pub id: Uuid,
    /// The access VLAN.
    pub vlan: u16,
    /// To the subscriber. `None`: no limit.
    pub down_kbps: Option<u64>,
    /// From the subscriber. `None`: no limit.
    pub up_kbps: Option<u64>,
}

/// Something that was written where people read.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where: a file's name, or what it is.
    pub place: String,
    /// All of it.
    pub text: String,
}
