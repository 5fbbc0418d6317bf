//! The six kinds of things in an inventory, as one type: what it is filed under, what it refers to, and how two
//! versions of it differ in words.

use switchyard_actors::domain::inventory::{
    ApiKeyHash, InventoryPort, Location, Partner, PlanVersion, Switch, Unit,
};
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;
use switchyard_actors::domain::record::{Index, Key, Record};
use switchyard_actors::domain::time::UnixMillis;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One thing in the inventory. There can be a million: the large ones are boxed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A partner.
    Partner(Box<Partner>),
    /// A unit.
    Unit(Unit),
    /// A plan version.
    Plan(Box<PlanVersion>),
    /// A switch.
    Switch(Box<Switch>),
    /// A port.
    Port(InventoryPort),
    /// A location hash.
    Location(Location),
}

impl Item {
    /// The item in a record, if it is one of the inventory.
    #[must_use]
    pub fn from_record(record: Record) -> Option<Self> {
        match record {
            Record::Partner(partner) => Some(Self::Partner(Box::new(partner))),
            Record::Unit(unit) => Some(Self::Unit(unit)),
            Record::Plan(plan) => Some(Self::Plan(Box::new(plan))),
            Record::Switch(switch) => Some(Self::Switch(Box::new(switch))),
            Record::InventoryPort(port) => Some(Self::Port(port)),
            Record::Location(location) => Some(Self::Location(location)),
            _ => None,
        }
    }

    /// As it is stored.
    #[must_use]
    pub fn to_record(&self) -> Record {
        match self {
            Self::Partner(partner) => Record::Partner(Partner::clone(partner)),
            Self::Unit(unit) => Record::Unit(unit.clone()),
            Self::Plan(plan) => Record::Plan(PlanVersion::clone(plan)),
            Self::Switch(switch) => Record::Switch(Switch::clone(switch)),
            Self::Port(port) => Record::InventoryPort(port.clone()),
            Self::Location(location) => Record::Location(location.clone()),
        }
    }

    /// What it is filed under.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Partner(partner) => Key::Partner(partner.id),
            Self::Unit(unit) => Key::Unit(unit.id),
            Self::Plan(plan) => Key::Plan(plan.id),
            Self::Switch(switch) => Key::Switch(switch.id.clone()),
            Self::Port(port) => Key::InventoryPort(port.at.clone()),
            Self::Location(location) => Key::Location(location.hash.clone()),
        }
    }

    /// What must be in the inventory for this to make sense.
    #[must_use]
    pub fn refers_to(&self) -> Option<Key> {
        match self {
            Self::Partner(_) | Self::Unit(_) | Self::Switch(_) => None,
            Self::Plan(plan) => Some(Key::Partner(plan.partner)),
            Self::Port(port) => port.unit.map(Key::Unit),
            Self::Location(location) => Some(Key::InventoryPort(location.port.clone())),
        }
    }

    /// A partner's API key.
    #[must_use]
    pub fn api_key(&self) -> Option<ApiKeyHash> {
        match self {
            Self::Partner(partner) => partner.api_key,
            _ => None,
        }
    }

    /// The set that it is a member of, and as what.
    #[must_use]
    pub fn membership(&self) -> Option<(Index, String)> {
        match self {
            Self::Partner(partner) => Some((Index::Partners, partner.id.to_string())),
            Self::Unit(_) => None,
            Self::Plan(plan) => Some((Index::Plans(plan.partner), plan.id.to_string())),
            Self::Switch(switch) => Some((Index::Switches, switch.id.to_string())),
            Self::Port(port) => Some((Index::Ports(port.at.switch.clone()), port.at.port.to_string())),
            Self::Location(location) => {
                Some((Index::Locations(location.port.switch.clone()), location.hash.to_string()))
            }
        }
    }

    /// How a person calls it.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Partner(partner) => format!("partner {} ({})", partner.id, partner.name),
            Self::Unit(unit) => format!("unit {} ({})", unit.id, unit.name),
            Self::Plan(plan) => format!("plan {} ({})", plan.id, plan.name),
            Self::Switch(switch) => format!("switch {}", switch.id),
            Self::Port(port) => format!("port {}", port.at),
            Self::Location(location) => format!("location {} ({})", location.hash, location.port),
        }
    }

    /// What became different, a phrase each; no secret's value. Empty when nothing did.
    #[must_use]
    pub fn differences(&self, before: &Self) -> Vec<String> {
        match (before, self) {
            (Self::Partner(a), Self::Partner(b)) => partner_differences(a, b),
            (Self::Unit(a), Self::Unit(b)) => {
                Phrases::default().shown("name", quoted(&a.name), quoted(&b.name)).0
            }
            (Self::Plan(a), Self::Plan(b)) => plan_differences(a, b),
            (Self::Switch(a), Self::Switch(b)) => switch_differences(a, b),
            (Self::Port(a), Self::Port(b)) => {
                Phrases::default().shown("unit", or_none(a.unit), or_none(b.unit)).0
            }
            (Self::Location(a), Self::Location(b)) => location_differences(a, b),
            _ => unreachable!("a key has one kind of record: {:?}", self.key()),
        }
    }
}

fn partner_differences(a: &Partner, b: &Partner) -> Vec<String> {
    Phrases::default()
        .shown("name", quoted(&a.name), quoted(&b.name))
        .unseen("webhook_secret", a.webhook_secret == b.webhook_secret)
        .shown("webhook_url", &a.webhook_url, &b.webhook_url)
        .unseen("api_key", a.api_key == b.api_key)
        .0
}

fn plan_differences(a: &PlanVersion, b: &PlanVersion) -> Vec<String> {
    Phrases::default()
        .shown("name", quoted(&a.name), quoted(&b.name))
        .shown("vlan", a.vlan.get(), b.vlan.get())
        .shown("down_kbps", a.down_kbps, b.down_kbps)
        .shown("up_kbps", a.up_kbps, b.up_kbps)
        .shown("active", a.active, b.active)
        .0
}

fn switch_differences(a: &Switch, b: &Switch) -> Vec<String> {
    let (ca, cb) = (&a.credentials, &b.credentials);
    Phrases::default()
        .shown("host", &a.host, &b.host)
        .shown("ssh_port", a.ssh_port, b.ssh_port)
        .shown("platform", &a.platform, &b.platform)
        .shown("username", &ca.username, &cb.username)
        // References, not secrets: but where a secret lies is nobody's business either.
        .unseen("password", ca.password == cb.password)
        .unseen("private_key", ca.private_key == cb.private_key)
        .unseen("private_key_passphrase", ca.private_key_passphrase == cb.private_key_passphrase)
        .unseen("enable_password", ca.enable_password == cb.enable_password)
        .unseen("host_key", a.host_key == b.host_key)
        .shown("host_name", or_none(a.host_name.as_ref()), or_none(b.host_name.as_ref()))
        .shown("captive_portal_vlan", a.captive_portal_vlan.get(), b.captive_portal_vlan.get())
        .shown("allow_algorithms", listed(&a.allow_algorithms), listed(&b.allow_algorithms))
        .shown("jump_host", jump_host_name(a), jump_host_name(b))
        .unseen("what jump_host leads to", same_way(a, b))
        .0
}

fn listed(algorithms: &[LegacyAlgorithm]) -> String {
    if algorithms.is_empty() {
        "none".to_owned()
    } else {
        algorithms.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ")
    }
}

fn jump_host_name(switch: &Switch) -> String {
    or_none(switch.jump_host.as_ref().map(|jump_host| &jump_host.name))
}

/// Whether a jump host that kept its name is still the same; another name says enough.
fn same_way(a: &Switch, b: &Switch) -> bool {
    a.jump_host == b.jump_host || jump_host_name(a) != jump_host_name(b)
}

fn location_differences(a: &Location, b: &Location) -> Vec<String> {
    Phrases::default()
        .shown("port", &a.port, &b.port)
        .shown("expires_at", moment_text(a.expires_at), moment_text(b.expires_at))
        .0
}

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// In quotes, so that a reader sees where a name ends.
fn quoted(name: &str) -> String {
    format!("{name:?}")
}

fn moment_text(at: Option<UnixMillis>) -> String {
    let moment =
        at.and_then(|at| OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000).ok());
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_else(|| "never".to_owned())
}

/// What became different, phrase by phrase.
#[derive(Default)]
struct Phrases(Vec<String>);

impl Phrases {
    fn shown(mut self, name: &str, before: impl ToString, after: impl ToString) -> Self {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            self.0.push(format!("{name} {before} -> {after}"));
        }
        self
    }

    fn unseen(mut self, name: &str, same: bool) -> Self {
        if !same {
            self.0.push(format!("{name} changed"));
        }
        self
    }
}
