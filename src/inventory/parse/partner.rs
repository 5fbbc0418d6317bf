//! The sections of a partner, a unit and a plan version.

use super::Surroundings;
use super::rules;
use crate::inventory::item::Item;
use crate::inventory::table::{Table, Value};
use crate::inventory::wanted::Statement;
use switchyard_actors::domain::config::VlanId;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId, UnitId};
use switchyard_actors::domain::inventory::{ApiKeyHash, Partner, PlanVersion, Unit};
use switchyard_actors::domain::text::Secret;
use uuid::Uuid;

const PARTNER: &[&str] = &["id", "name", "webhook_secret", "webhook_url", "api_key_sha256", "api_key"];
const UNIT: &[&str] = &["id", "name"];
const PLAN: &[&str] =
    &["id", "partner", "name", "vlan", "down_kbps", "down_mbps", "up_kbps", "up_mbps", "active"];

/// 1 Tbit/s: more is a slip of the unit.
const SPEED_MAX_KBPS: u64 = 1_000_000_000;

pub(super) fn read_partner(value: &Value<'_>, around: &Surroundings<'_>) -> Option<Statement> {
    let table = value.as_table(PARTNER, "a [[partner]] section")?;
    let id = uuid(&table, "id").map(PartnerId);
    let name = name(&table);
    let webhook_secret = webhook_secret(&table, around);
    let webhook_url = table
        .need("webhook_url", rules::URL_ACCEPTED)
        .and_then(|url| url.parsed_unseen(|text| rules::webhook_url(text).map(str::to_owned)));
    let api_key = api_key(&table, around);
    let partner =
        Partner { id: id?, name: name?, webhook_secret: webhook_secret?, webhook_url: webhook_url?, api_key };
    Some(table.statement(Item::Partner(Box::new(partner)), "id", &["api_key_sha256", "api_key"]))
}

pub(super) fn read_unit(value: &Value<'_>) -> Option<Statement> {
    let table = value.as_table(UNIT, "a [[unit]] section")?;
    let id = uuid(&table, "id").map(UnitId);
    let name = name(&table);
    Some(table.statement(Item::Unit(Unit { id: id?, name: name? }), "id", &[]))
}

pub(super) fn read_plan(value: &Value<'_>) -> Option<Statement> {
    let table = value.as_table(PLAN, "a [[plan]] section")?;
    let id = uuid(&table, "id").map(PlanVersionId);
    let partner = uuid(&table, "partner").map(PartnerId);
    let name = name(&table);
    let vlan = vlan(&table, "vlan");
    let down_kbps = speed(&table, "down_mbps", "down_kbps");
    let up_kbps = speed(&table, "up_mbps", "up_kbps");
    let active = active(&table);
    let plan = PlanVersion {
        id: id?,
        partner: partner?,
        name: name?,
        vlan: vlan?,
        down_kbps: down_kbps?,
        up_kbps: up_kbps?,
        active: active?,
    };
    Some(table.statement(Item::Plan(Box::new(plan)), "id", &["partner"]))
}

pub(super) fn vlan(table: &Table<'_>, key: &'static str) -> Option<VlanId> {
    const ACCEPTED: &str = "a VLAN, 1 to 4094";
    let number = table.need(key, ACCEPTED)?.as_number(ACCEPTED, 1..=4094)?;
    u16::try_from(number).ok().and_then(|number| VlanId::try_from(number).ok())
}

fn uuid(table: &Table<'_>, key: &'static str) -> Option<Uuid> {
    table.need(key, rules::UUID_ACCEPTED)?.parsed(rules::uuid)
}

fn name(table: &Table<'_>) -> Option<String> {
    table.need("name", rules::NAME_ACCEPTED)?.parsed(|text| rules::display_name(text).map(str::to_owned))
}

/// On sale, unless the file says otherwise.
fn active(table: &Table<'_>) -> Option<bool> {
    let Some(value) = table.get("active") else { return Some(true) };
    let active = value.value.get_ref().as_bool();
    if active.is_none() {
        value.mismatch("true or false");
    }
    active
}

/// A speed in kbit/s, from whichever of its two keys is there.
fn speed(table: &Table<'_>, mbps: &'static str, kbps: &'static str) -> Option<u64> {
    match (table.get(mbps), table.get(kbps)) {
        (Some(value), None) => {
            let number = value.as_number("1 to 1000000 Mbit/s", 1..=SPEED_MAX_KBPS / 1_000)?;
            Some(number * 1_000)
        }
        (None, Some(value)) => value.as_number("1 to 1000000000 kbit/s", 1..=SPEED_MAX_KBPS),
        (Some(_), Some(both)) => {
            both.fault(format!("is given beside {mbps}: one of the two is accepted"));
            None
        }
        (None, None) => {
            table.missing(mbps, &format!("a speed, as {mbps} or {kbps}"));
            None
        }
    }
}

fn webhook_secret(table: &Table<'_>, around: &Surroundings<'_>) -> Option<Secret> {
    let value = table.need("webhook_secret", rules::WEBHOOK_SECRET_ACCEPTED)?;
    value.parsed_unseen(|text| rules::webhook_secret(text, around.secrets))
}

/// The hash of the partner's key; none where neither key is there.
fn api_key(table: &Table<'_>, around: &Surroundings<'_>) -> Option<ApiKeyHash> {
    match (table.get("api_key_sha256"), table.get("api_key")) {
        (Some(value), None) => value.parsed_unseen(rules::api_key_hash),
        (None, Some(value)) => value.parsed_unseen(|text| rules::api_key(text, around.secrets)),
        (Some(_), Some(both)) => {
            both.fault("is given beside api_key_sha256: one of the two is accepted");
            None
        }
        (None, None) => None,
    }
}
