//! What is stored, under which key, and what changes together.

use super::claim::CheckoutRecord;
use super::config::{PortConfig, VlanId};
use super::delivery::DeliveryRecord;
use super::drift::{ManagedPort, SwitchDrift};
use super::failure::DriverFailure;
use super::host_key::FirstSeenHostKey;
use super::ids::{
    EventId, JobId, PartnerId, PlanVersionId, PortName, PortRef, SubscriptionId, SwitchId, UnitId,
};
use super::inventory::{ApiKeyHash, InventoryPort, Location, Partner, PlanVersion, Switch, Unit};
use super::job::{JobKind, JobState};
use super::port::{PortState, Repair};
use super::request::CheckoutKey;
use super::retention::Tombstone;
use super::subscription::SubscriptionState;
use super::text::{LocationHash, MacAddress};
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What one commit may change: everything under one tag lives on one node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tag {
    /// A switch's ports, subscriptions, jobs, queue and outbox.
    Switch(SwitchId),
    /// A unit's home-drop subscriptions until their install.
    Unit(UnitId),
    /// A partner's event stream.
    Partner(PartnerId),
    /// One idempotency key.
    Checkout(CheckoutKey),
    /// Where a job or a subscription lives, one entry a tag.
    Directory(uuid::Uuid),
    /// What the operator owns and the partners sell, one record a tag in a cluster.
    Inventory,
    /// What has ended, and is to be forgotten but for its tombstone.
    Retention,
    /// When each switch is to be checked for drift.
    Checks,
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(id) => write!(f, "switch/{id}"),
            Self::Unit(id) => write!(f, "unit/{id}"),
            Self::Partner(id) => write!(f, "partner/{id}"),
            Self::Checkout(key) => write!(f, "checkout/{}/{}", key.partner, key.external.as_str()),
            Self::Directory(id) => write!(f, "directory/{id}"),
            Self::Inventory => f.write_str("inventory"),
            Self::Retention => f.write_str("retention"),
            Self::Checks => f.write_str("checks"),
        }
    }
}

/// The name of one record.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// An idempotency key's [`CheckoutRecord`], or its [`Tombstone`].
    Checkout(CheckoutKey),
    /// A [`SubscriptionRecord`], under the tag of its switch or unit.
    Subscription(Tag, SubscriptionId),
    /// A [`JobRecord`].
    Job(SwitchId, JobId),
    /// A [`PortRecord`].
    Port(PortRef),
    /// A [`ManagedPort`].
    Managed(PortRef),
    /// A [`SwitchStatus`].
    SwitchStatus(SwitchId),
    /// A [`FirstSeenHostKey`].
    FirstSeenHostKey(SwitchId),
    /// A [`SwitchDrift`].
    Drift(SwitchId),
    /// A [`Transcript`].
    Transcript(SwitchId, JobId),
    /// What was said when a port was repaired, or proven to stand, without a job.
    PortTranscript(PortRef),
    /// What was said when the running configuration was saved.
    SaveTranscript(SwitchId),
    /// A [`DeliveryRecord`].
    Delivery(PartnerId, EventId),
    /// The [`Tag`] under which a job or a subscription lives.
    Directory(uuid::Uuid),
    /// A [`Partner`].
    Partner(PartnerId),
    /// The [`PartnerId`] behind an API key.
    ApiKey(ApiKeyHash),
    /// A [`PlanVersion`].
    Plan(PlanVersionId),
    /// A [`Unit`].
    Unit(UnitId),
    /// A [`Switch`].
    Switch(SwitchId),
    /// An [`InventoryPort`].
    InventoryPort(PortRef),
    /// A [`Location`].
    Location(LocationHash),
}

impl Key {
    /// What it changes together with.
    #[must_use]
    pub fn tag(&self) -> Tag {
        match self {
            Self::Checkout(key) => Tag::Checkout(key.clone()),
            Self::Subscription(tag, _) => tag.clone(),
            Self::Job(switch, _)
            | Self::SwitchStatus(switch)
            | Self::FirstSeenHostKey(switch)
            | Self::Drift(switch)
            | Self::Transcript(switch, _)
            | Self::SaveTranscript(switch) => Tag::Switch(switch.clone()),
            Self::Port(port) | Self::Managed(port) | Self::PortTranscript(port) => {
                Tag::Switch(port.switch.clone())
            }
            Self::Delivery(partner, _) => Tag::Partner(*partner),
            Self::Directory(id) => Tag::Directory(*id),
            Self::Partner(_)
            | Self::ApiKey(_)
            | Self::Plan(_)
            | Self::Unit(_)
            | Self::Switch(_)
            | Self::InventoryPort(_)
            | Self::Location(_) => Tag::Inventory,
        }
    }
}

/// Unique over all keys: what an engine files the record under.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = self.tag();
        match self {
            Self::Checkout(_) => write!(f, "{tag}"),
            Self::Subscription(_, id) => write!(f, "{tag}/subscription/{id}"),
            Self::Job(_, id) => write!(f, "{tag}/job/{id}"),
            Self::Port(at) => write!(f, "{tag}/port/{}", at.port),
            Self::Managed(at) => write!(f, "{tag}/managed/{}", at.port),
            Self::SwitchStatus(_) => write!(f, "{tag}/status"),
            Self::FirstSeenHostKey(_) => write!(f, "{tag}/host-key"),
            Self::Drift(_) => write!(f, "{tag}/drift"),
            Self::Transcript(_, job) => write!(f, "{tag}/transcript/{job}"),
            Self::PortTranscript(at) => write!(f, "{tag}/port-transcript/{}", at.port),
            Self::SaveTranscript(_) => write!(f, "{tag}/save-transcript"),
            Self::Delivery(_, event) => write!(f, "{tag}/delivery/{event}"),
            Self::Directory(_) => write!(f, "{tag}"),
            Self::Partner(id) => write!(f, "{tag}/partner/{id}"),
            Self::ApiKey(hash) => write!(f, "{tag}/api-key/{hash}"),
            Self::Plan(id) => write!(f, "{tag}/plan/{id}"),
            Self::Unit(id) => write!(f, "{tag}/unit/{id}"),
            Self::Switch(id) => write!(f, "{tag}/switch/{id}"),
            Self::InventoryPort(at) => write!(f, "{tag}/port/{}/{}", at.switch, at.port),
            Self::Location(hash) => write!(f, "{tag}/location/{hash}"),
        }
    }
}

/// What a plan asks of a port, with everything that it needs: the job stays the same when the plan changes later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortPlan {
    /// The access VLAN.
    pub vlan: VlanId,
    /// Towards the subscriber, in kbit/s.
    pub down_kbps: u64,
    /// From the subscriber, in kbit/s.
    pub up_kbps: u64,
    /// The static MAC binding.
    pub mac: Option<MacAddress>,
}

impl PortPlan {
    /// The port as it must be read back.
    #[must_use]
    pub fn wanted(&self) -> PortConfig {
        PortConfig {
            enabled: true,
            access_vlan: Some(self.vlan),
            down_kbps: Some(self.down_kbps),
            up_kbps: Some(self.up_kbps),
            mac: self.mac,
            extra: BTreeMap::new(),
        }
    }
}

/// One job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// For which subscription.
    pub subscription: SubscriptionId,
    /// Under which idempotency key.
    pub key: CheckoutKey,
    /// Where.
    pub port: PortRef,
    /// What the port is to become.
    pub plan: PortPlan,
    /// How far it has come.
    pub state: JobState,
    /// When it was accepted.
    pub created_at: UnixMillis,
    /// When a supervisor first took it up.
    pub started_at: Option<UnixMillis>,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRecord {
    /// Its id.
    pub id: SubscriptionId,
    /// Its idempotency key.
    pub key: CheckoutKey,
    /// Its plan.
    pub plan: PlanVersionId,
    /// The device that it is bound to.
    pub mac: Option<MacAddress>,
    /// Its port's token; `None` until the install of a home-drop.
    pub location: Option<LocationHash>,
    /// Where it stands.
    pub state: SubscriptionState,
    /// The job that an install started.
    pub install_job: Option<JobId>,
    /// When it was accepted.
    pub created_at: UnixMillis,
}

/// One port: who holds it, and what stands on the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRecord {
    /// Which.
    pub at: PortRef,
    /// The one subscription that holds it.
    pub holder: Option<SubscriptionId>,
    /// What stands on the switch.
    pub state: PortState,
    /// Panics of a supervisor over its repair, since it was last found as it should be.
    pub panics: u32,
}

impl PortRecord {
    /// A port that nothing is known of yet.
    #[must_use]
    pub fn new(at: PortRef) -> Self {
        Self { at, holder: None, state: PortState::Clean, panics: 0 }
    }

    /// Whether its repair is left to an operator, after so many panics.
    #[must_use]
    pub fn is_set_aside(&self, limit: u32) -> bool {
        self.panics > 0 && Repair::after_panics(self.panics, limit) == Repair::SetAside
    }
}

/// What outlives a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchStatus {
    /// The switch.
    pub switch: SwitchId,
    /// Why it is left alone until an operator has looked; `None` when it isn't.
    pub quarantined: Option<DriverFailure>,
    /// Since when.
    pub since: UnixMillis,
    /// Ports whose repair was given up until an operator has looked: the supervisor panicked over it again and again.
    pub set_aside: BTreeSet<PortName>,
}

impl SwitchStatus {
    /// One of which there is nothing to say.
    #[must_use]
    pub fn in_service(switch: SwitchId, since: UnixMillis) -> Self {
        Self { switch, quarantined: None, since, set_aside: BTreeSet::new() }
    }
}

/// What was said on the wire for one job: bounded, and every secret redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// The job.
    pub job: JobId,
    /// The dialog.
    pub text: String,
}

/// Anything that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "is", rename_all = "snake_case")]
pub enum Record {
    /// Under [`Key::Checkout`].
    Checkout(CheckoutRecord),
    /// Under [`Key::Checkout`], when its subscription has ended long ago.
    Tombstone(Tombstone),
    /// Under [`Key::Subscription`].
    Subscription(SubscriptionRecord),
    /// Under [`Key::Job`].
    Job(JobRecord),
    /// Under [`Key::Port`].
    Port(PortRecord),
    /// Under [`Key::Managed`].
    Managed(ManagedPort),
    /// Under [`Key::SwitchStatus`].
    SwitchStatus(SwitchStatus),
    /// Under [`Key::FirstSeenHostKey`].
    FirstSeenHostKey(FirstSeenHostKey),
    /// Under [`Key::Drift`].
    Drift(SwitchDrift),
    /// Under [`Key::Transcript`].
    Transcript(Transcript),
    /// Under [`Key::PortTranscript`] and [`Key::SaveTranscript`].
    Said(String),
    /// Under [`Key::Delivery`].
    Delivery(DeliveryRecord),
    /// Under [`Key::Directory`].
    Directory(Tag),
    /// Under [`Key::Partner`].
    Partner(Partner),
    /// Under [`Key::ApiKey`].
    ApiKey(PartnerId),
    /// Under [`Key::Plan`].
    Plan(PlanVersion),
    /// Under [`Key::Unit`].
    Unit(Unit),
    /// Under [`Key::Switch`].
    Switch(Switch),
    /// Under [`Key::InventoryPort`].
    InventoryPort(InventoryPort),
    /// Under [`Key::Location`].
    Location(Location),
}

/// Sets of members that a commit keeps in step with its records: what is looked for, rather than looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Index {
    /// A switch's [`super::visit::WorkItem`]s, by when each is due.
    Work(SwitchId),
    /// A switch's ports that a subscription has live, each with its [`ManagedPort`].
    Managed(SwitchId),
    /// What was said on a switch's sessions, each a [`super::transcript::Subject`], by when it was last added to.
    Transcripts(SwitchId),
    /// A partner's events that are due or being sent, by when.
    Due(PartnerId),
    /// A partner's dead letters, by when they died.
    Dead(PartnerId),
    /// Every switch in the inventory.
    Switches,
    /// Every partner in the inventory.
    Partners,
    /// A partner's plan versions, on sale or not.
    Plans(PartnerId),
    /// A switch's ports that may be sold.
    Ports(SwitchId),
    /// The location hashes that stand for ports of a switch.
    Locations(SwitchId),
    /// Subscriptions that have ended, or are about to, by when they are to be forgotten.
    Ended,
    /// Switches, by when each is to be checked for drift next.
    Checks,
}

impl Index {
    /// What it changes together with.
    #[must_use]
    pub fn tag(&self) -> Tag {
        match self {
            Self::Work(switch) | Self::Managed(switch) | Self::Transcripts(switch) => {
                Tag::Switch(switch.clone())
            }
            Self::Due(partner) | Self::Dead(partner) => Tag::Partner(*partner),
            Self::Switches | Self::Partners | Self::Plans(_) | Self::Ports(_) | Self::Locations(_) => {
                Tag::Inventory
            }
            Self::Ended => Tag::Retention,
            Self::Checks => Tag::Checks,
        }
    }
}

/// Unique over all indexes: what an engine files the members under.
impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Work(switch) => write!(f, "work/{switch}"),
            Self::Managed(switch) => write!(f, "managed/{switch}"),
            Self::Transcripts(switch) => write!(f, "transcripts/{switch}"),
            Self::Due(partner) => write!(f, "due/{partner}"),
            Self::Dead(partner) => write!(f, "dead/{partner}"),
            Self::Switches => f.write_str("switches"),
            Self::Partners => f.write_str("partners"),
            Self::Plans(partner) => write!(f, "plans/{partner}"),
            Self::Ports(switch) => write!(f, "ports/{switch}"),
            Self::Locations(switch) => write!(f, "locations/{switch}"),
            Self::Ended => f.write_str("ended"),
            Self::Checks => f.write_str("checks"),
        }
    }
}

/// A work item as an index's member, and back.
impl super::visit::WorkItem {
    /// The member's text.
    #[must_use]
    pub fn to_member(&self) -> String {
        match self {
            Self::Job(id) => format!("job {id}"),
            Self::Port(name) => format!("port {name}"),
            Self::Check => "check".to_owned(),
        }
    }

    /// Reads what [`Self::to_member`] wrote.
    #[must_use]
    pub fn from_member(member: &str) -> Option<Self> {
        if member == "check" {
            return Some(Self::Check);
        }
        match member.split_once(' ')? {
            ("job", id) => id.parse().ok().map(|id| Self::Job(JobId(id))),
            ("port", name) => PortName::parse(name).ok().map(Self::Port),
            _ => None,
        }
    }
}
