//! The section of a switch, with its ports and the location hashes that stand for them.

use super::Surroundings;
use super::jump_host::JumpHosts;
use super::partner::vlan;
use super::rules;
use crate::inventory::fault::Place;
use crate::inventory::item::Item;
use crate::inventory::table::{Table, Value, joined};
use crate::inventory::wanted::Statement;
use switchyard_actors::domain::ids::{PortName, PortRef, SwitchId, UnitId};
use switchyard_actors::domain::inventory::{Credentials, InventoryPort, Location, SecretRef, Switch};
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;
use switchyard_actors::domain::text::LocationHash;
use switchyard_actors::domain::time::UnixMillis;
use time::{Date, Month, PrimitiveDateTime, Time, UtcOffset};
use toml::de::DeValue;
use toml::value::{Datetime, Offset};

const SWITCH: &[&str] = &[
    "name",
    "host",
    "ssh_port",
    "platform",
    "username",
    "password",
    "private_key",
    "private_key_passphrase",
    "enable_password",
    "host_key",
    "host_name",
    "serial",
    "allow_algorithms",
    "jump_host",
    "captive_portal_vlan",
    "ports",
];
const PORT: &[&str] = &["unit", "locations"];
const LOCATION: &[&str] = &["hash", "expires_at"];
const PORT_ACCEPTED: &str = "a location hash in quotes, or { unit = \"…\", locations = [\"…\"] }";
const LOCATION_ACCEPTED: &str =
    "a location hash in quotes, or { hash = \"…\", expires_at = 2030-01-31T12:00:00Z }";
const SSH_PORT: u16 = 22;

pub(super) fn read_switch(
    value: &Value<'_>,
    around: &Surroundings<'_>,
    jump_hosts: &JumpHosts<'_>,
    items: &mut Vec<Statement>,
) {
    let Some(table) = value.as_table(SWITCH, "a [[switch]] section") else { return };
    let id = table.need("name", "1 to 64 of A-Z a-z 0-9 . _ -").and_then(|name| name.parsed(SwitchId::parse));
    // A switch without a usable name still has its other faults shown, those of its ports among them.
    items.extend(read_device(&table, id.clone(), around, jump_hosts));
    let nameless = SwitchId::parse("nameless").expect("a name by the rule");
    if let Some(ports) = table.get("ports") {
        read_ports(&ports, &id.unwrap_or(nameless), items);
    }
}

fn read_device(
    table: &Table<'_>,
    id: Option<SwitchId>,
    around: &Surroundings<'_>,
    jump_hosts: &JumpHosts<'_>,
) -> Option<Statement> {
    let address = address(table);
    let platform = platform(table, around.platforms);
    let credentials = credentials(table);
    let enable_password = reference(table, "enable_password");
    let host_key = host_key(table);
    let allow_algorithms = allowed(table);
    let jump_host = jump_hosts.named_by(table);
    let host_name = table.get("host_name").and_then(|name| name.parsed(rules::word));
    let serial = table.get("serial").and_then(|serial| serial.parsed(rules::word));
    let captive_portal_vlan = vlan(table, "captive_portal_vlan");
    let (host, ssh_port) = address?;
    let switch = Switch {
        id: id?,
        host,
        ssh_port,
        platform: platform?,
        credentials: Credentials { enable_password, ..credentials? },
        host_key,
        host_name,
        serial,
        captive_portal_vlan: captive_portal_vlan?,
        allow_algorithms,
        jump_host,
    };
    Some(table.statement(Item::Switch(Box::new(switch)), "name", &[]))
}

fn platform(table: &Table<'_>, known: &[String]) -> Option<String> {
    let accepted = format!("one of {}", known.join(", "));
    let value = table.need("platform", &accepted)?;
    value.parsed(|text| known.iter().find(|name| *name == text).cloned().ok_or(&accepted))
}

/// Where an SSH server is.
pub(super) fn address(table: &Table<'_>) -> Option<(String, u16)> {
    let host = table.need("host", rules::HOST_ACCEPTED).and_then(|host| host.parsed(rules::host));
    let ssh_port = match table.get("ssh_port") {
        Some(port) => {
            port.as_number("a TCP port, 1 to 65535", 1..=65_535).and_then(|n| u16::try_from(n).ok())
        }
        None => Some(SSH_PORT),
    };
    Some((host?, ssh_port?))
}

pub(super) fn host_key(table: &Table<'_>) -> Option<String> {
    table.get("host_key").and_then(|key| key.parsed(rules::host_key))
}

/// How to log in, but for the privileged mode, which only a switch has.
pub(super) fn credentials(table: &Table<'_>) -> Option<Credentials> {
    let username = table.need("username", "a login name").and_then(|name| name.parsed(rules::word));
    if table.get("password").is_none() && table.get("private_key").is_none() {
        table.missing("password", "a password or a private_key, as env:NAME or file:PATH");
    }
    if table.get("private_key").is_none()
        && let Some(passphrase) = table.get("private_key_passphrase")
    {
        passphrase.fault("there is no private_key that it opens");
    }
    Some(Credentials {
        password: reference(table, "password"),
        private_key: reference(table, "private_key"),
        private_key_passphrase: reference(table, "private_key_passphrase"),
        enable_password: None,
        username: username?,
    })
}

/// In the order in which they are offered, each once.
fn allowed(table: &Table<'_>) -> Vec<LegacyAlgorithm> {
    let names = table.items("allow_algorithms", "an array of the names of old algorithms");
    let mut allowed: Vec<_> = names.iter().filter_map(|name| name.parsed(LegacyAlgorithm::parse)).collect();
    allowed.sort();
    allowed.dedup();
    allowed
}

fn reference(table: &Table<'_>, key: &'static str) -> Option<SecretRef> {
    table.get(key)?.parsed_unseen(rules::reference)
}

fn read_ports(value: &Value<'_>, switch: &SwitchId, items: &mut Vec<Statement>) {
    let DeValue::Table(ports) = value.value.get_ref() else {
        return value.mismatch("a table of ports by name");
    };
    for (name, port) in ports {
        let path = joined(&value.path, name.get_ref());
        let port = Value { walk: value.walk, value: port, path };
        match PortName::parse(name.get_ref()) {
            Ok(name) => read_port(&port, PortRef { switch: switch.clone(), port: name }, items),
            Err(why) => value.walk.fault(value.walk.place(name.span(), port.path), why.to_string()),
        }
    }
}

/// A port is its location hash, or a table with more of them.
fn read_port(value: &Value<'_>, at: PortRef, items: &mut Vec<Statement>) {
    let port = match value.value.get_ref() {
        DeValue::String(_) => PortSection {
            locations: read_location(value, &at).into_iter().collect(),
            ..PortSection::default()
        },
        DeValue::Table(_) => read_port_table(value, &at),
        _ => return value.mismatch(PORT_ACCEPTED),
    };
    let (unit, refers_at) = port.unit.unzip();
    let is = Item::Port(InventoryPort { at, unit });
    items.push(Statement { is, at: value.place(), refers_at });
    items.extend(port.locations);
}

/// What a port's value says.
#[derive(Default)]
struct PortSection {
    unit: Option<(UnitId, Box<Place>)>,
    locations: Vec<Statement>,
}

fn read_port_table(value: &Value<'_>, at: &PortRef) -> PortSection {
    let Some(table) = value.as_table(PORT, PORT_ACCEPTED) else { return PortSection::default() };
    let unit =
        table.get("unit").and_then(|unit| Some((UnitId(unit.parsed(rules::uuid)?), Box::new(unit.place()))));
    let locations = table.items("locations", "an array of location hashes");
    PortSection {
        unit,
        locations: locations.iter().filter_map(|location| read_location(location, at)).collect(),
    }
}

/// A location is its hash, or a table with its hash and when it stops working.
fn read_location(value: &Value<'_>, port: &PortRef) -> Option<Statement> {
    let (hash, expires_at) = match value.value.get_ref() {
        DeValue::String(_) => (value.parsed(LocationHash::parse)?, None),
        DeValue::Table(_) => {
            let table = value.as_table(LOCATION, LOCATION_ACCEPTED)?;
            let hash =
                table.need("hash", "10 hex characters").and_then(|hash| hash.parsed(LocationHash::parse));
            let expires_at = table.get("expires_at").map(|at| moment(&at));
            (hash?, expires_at.map_or(Some(None), |at| at.map(Some))?)
        }
        _ => {
            value.mismatch(LOCATION_ACCEPTED);
            return None;
        }
    };
    let location = Location { hash, port: port.clone(), expires_at };
    Some(Statement { is: Item::Location(location), at: value.place(), refers_at: None })
}

fn moment(value: &Value<'_>) -> Option<UnixMillis> {
    const ACCEPTED: &str = "a moment with its offset, not in quotes: 2030-01-31T12:00:00Z";
    let Some(written) = value.value.get_ref().as_datetime() else {
        value.mismatch(ACCEPTED);
        return None;
    };
    let moment = unix_millis(written);
    if moment.is_none() {
        value.fault(format!("{written} is not accepted: {ACCEPTED}"));
    }
    moment
}

/// `None` for a date or a time alone, for one without an offset, and before 1970.
fn unix_millis(written: &Datetime) -> Option<UnixMillis> {
    let (date, clock) = (written.date?, written.time?);
    let minutes = match written.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => minutes,
    };
    let date =
        Date::from_calendar_date(date.year.into(), Month::try_from(date.month).ok()?, date.day).ok()?;
    let millis = u16::try_from(clock.nanosecond.unwrap_or(0) / 1_000_000).ok()?;
    let clock = Time::from_hms_milli(clock.hour, clock.minute, clock.second.unwrap_or(0), millis).ok()?;
    let offset = UtcOffset::from_whole_seconds(i32::from(minutes) * 60).ok()?;
    let nanos = PrimitiveDateTime::new(date, clock).assume_offset(offset).unix_timestamp_nanos();
    u64::try_from(nanos / 1_000_000).ok().map(UnixMillis)
}
