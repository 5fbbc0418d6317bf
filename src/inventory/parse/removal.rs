//! The `[remove]` table: what must go. What isn't there any more is no fault, so that a file can be applied twice.

use super::rules;
use crate::inventory::fault::Placed;
use crate::inventory::table::{Table, Value};
use crate::inventory::wanted::Removal;
use std::fmt::Display;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId, PortName, PortRef, SwitchId, UnitId};
use switchyard_actors::domain::text::LocationHash;

const REMOVE: &[&str] = &["partners", "plans", "units", "switches", "ports", "locations"];

pub(super) fn read_removals(value: &Value<'_>) -> Vec<Placed<Removal>> {
    let Some(table) = value.as_table(REMOVE, "a [remove] section") else { return Vec::new() };
    let mut removals = Vec::new();
    let mut read = |key, parse: &dyn Fn(&str) -> Result<Removal, String>| {
        removals.extend(read_list(&table, key, parse));
    };
    read("locations", &|text| said(LocationHash::parse(text)).map(Removal::Location));
    read("ports", &|text| port(text).map(Removal::Port));
    read("switches", &|text| said(SwitchId::parse(text)).map(Removal::Switch));
    read("plans", &|text| said(rules::uuid(text)).map(|id| Removal::Plan(PlanVersionId(id))));
    read("partners", &|text| said(rules::uuid(text)).map(|id| Removal::Partner(PartnerId(id))));
    read("units", &|text| said(rules::uuid(text)).map(|id| Removal::Unit(UnitId(id))));
    removals
}

fn read_list(
    table: &Table<'_>,
    key: &'static str,
    parse: &dyn Fn(&str) -> Result<Removal, String>,
) -> Vec<Placed<Removal>> {
    let values = table.items(key, "an array of texts");
    values.iter().filter_map(|value| Some(Placed { is: value.parsed(parse)?, at: value.place() })).collect()
}

/// `sw-0001 GigabitEthernet1/0/7`, as ports are shown everywhere.
fn port(text: &str) -> Result<PortRef, String> {
    let (switch, port) = text.split_once(' ').ok_or("the switch, a space and the port: \"sw-1 Gi1/0/7\"")?;
    Ok(PortRef { switch: said(SwitchId::parse(switch))?, port: said(PortName::parse(port))? })
}

fn said<T>(result: Result<T, impl Display>) -> Result<T, String> {
    result.map_err(|why| why.to_string())
}
