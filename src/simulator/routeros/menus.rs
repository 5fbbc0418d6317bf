//! The menus of RouterOS that a switch port has: what each property is set to, given as, and printed as.

use super::super::command::Visit;
use super::super::configuration::{Configuration, PortConfig, SwitchRule};
use super::super::personality::Personality;
use super::script::Command;

const ETHERNET: &str = "interface ethernet";
const BRIDGE_PORT: &str = "interface bridge port";
const SWITCH_PORT: &str = "interface ethernet switch port";
const SWITCH_RULE: &str = "interface ethernet switch rule";

const RESOURCE: &str = "system resource";
const ROUTERBOARD: &str = "system routerboard";

const UNTAGGED_ONLY: &str = "admit-only-untagged-and-priority-tagged";
const ALL_FRAMES: &str = "admit-all";

/// What a command says.
pub(super) fn perform(visit: &mut Visit<'_>, command: &Command) -> Result<String, String> {
    match (command.menu.as_str(), command.verb.as_str()) {
        (ETHERNET | BRIDGE_PORT | SWITCH_PORT, "set") => set(visit, command),
        (BRIDGE_PORT, "print") => Ok(print_bridge_port(visit, command)),
        (SWITCH_RULE, "add") => add_rule(visit, command),
        (SWITCH_RULE, "remove") => Ok(remove_rules(visit, command)),
        (SWITCH_RULE, "print") => Ok(print_rules(visit, command)),
        // A value that nobody puts anywhere.
        (_, "get") => value(visit, command).map(|_| String::new()),
        _ => Err(format!("bad command name {} (line 1 column 1)", command.verb)),
    }
}

/// What a command in brackets gives.
pub(super) fn value(visit: &mut Visit<'_>, command: &Command) -> Result<String, String> {
    let property = command.words.iter().find(|word| named(word).is_none()).map_or("", String::as_str);
    if command.menu.starts_with("system ") {
        return of_system(visit, &command.menu, property);
    }
    let port = selected(visit, command).ok_or("no such item")?;
    let config = visit.running().port(port);
    match (command.menu.as_str(), property) {
        (ETHERNET, "disabled") => Ok((!config.enabled).to_string()),
        (BRIDGE_PORT, "pvid") => Ok(config.access_vlan.to_string()),
        (SWITCH_PORT, "ingress-rate") => Ok(rate(config.limit_kbps)),
        (SWITCH_PORT, "egress-rate") => Ok(rate(config.shape_kbps)),
        _ => Err(format!("unknown property {property}")),
    }
}

/// What there is one of.
fn of_system(visit: &Visit<'_>, menu: &str, property: &str) -> Result<String, String> {
    match (menu, property) {
        (RESOURCE, "platform") => Ok("MikroTik".to_owned()),
        (RESOURCE, "board-name") => Ok("CRS328-24P-4S+".to_owned()),
        (ROUTERBOARD, "model") => Ok("CRS328-24P-4S+RM".to_owned()),
        (ROUTERBOARD, "serial-number") => Ok(visit.device.serial()),
        (RESOURCE | ROUTERBOARD, _) => Err(format!("unknown property {property}")),
        _ => Err(format!("bad command name {menu} (line 1 column 1)")),
    }
}

/// In bits a second; none is none.
fn rate(kbps: Option<u64>) -> String {
    (kbps.unwrap_or(0) * 1_000).to_string()
}

fn named(word: &str) -> Option<u16> {
    Personality::RouterOs.parse_port(word)
}

/// The port that is meant, by its name alone or by a selection; `None` if it isn't there.
fn selected(visit: &Visit<'_>, command: &Command) -> Option<u16> {
    let by_name = command.words.iter().find_map(|word| named(word));
    let is_key = |key: &str| ["name", "interface", "ports", "default-name"].contains(&key);
    let by_selection =
        || command.selection.iter().find(|(key, _)| is_key(key)).and_then(|(_, name)| named(name));
    by_name.or_else(by_selection).filter(|port| *port <= visit.device.ports)
}

/// A selection that matches nothing changes nothing, and that is no fault; a name that isn't there is.
fn set(visit: &mut Visit<'_>, command: &Command) -> Result<String, String> {
    let Some(port) = selected(visit, command) else {
        return if command.words.is_empty() { Ok(String::new()) } else { Err("no such item".to_owned()) };
    };
    let mut config = visit.running().port(port);
    for (key, value) in &command.settings {
        set_one(&mut config, &command.menu, key, value)?;
    }
    // A port's own VLAN is in the bridge's table by itself.
    if config.access_vlan != 1 {
        visit.configuration().vlans.entry(config.access_vlan).or_default();
    }
    *visit.configuration().port_mut(port) = config;
    Ok(String::new())
}

fn set_one(config: &mut PortConfig, menu: &str, key: &str, value: &str) -> Result<(), String> {
    let invalid = || format!("invalid value for argument {key}");
    let choose = |choices: [&str; 2]| {
        let is_first = value == choices[0];
        (is_first || value == choices[1])
            .then_some(is_first)
            .ok_or_else(|| format!("input does not match any value of {key}"))
    };
    match (menu, key) {
        (ETHERNET, "disabled") => config.enabled = !choose(["yes", "no"])?,
        (BRIDGE_PORT, "pvid") => {
            let vlan = value.parse().ok().filter(|vlan| (1..=4094).contains(vlan));
            config.access_vlan = vlan.ok_or_else(invalid)?;
        }
        (BRIDGE_PORT, "frame-types") => config.mode_access = choose([UNTAGGED_ONLY, ALL_FRAMES])?,
        (BRIDGE_PORT, "ingress-filtering") => drop(choose(["yes", "no"])?),
        (SWITCH_PORT, "ingress-rate") => config.limit_kbps = parse_rate(value).ok_or_else(invalid)?,
        (SWITCH_PORT, "egress-rate") => config.shape_kbps = parse_rate(value).ok_or_else(invalid)?,
        _ => return Err(format!("expected end of command (line 1 column {})", menu.len() + 7)),
    }
    Ok(())
}

/// `10M`, `64k` or bits a second; 0 takes the limit away.
fn parse_rate(text: &str) -> Option<Option<u64>> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        _ => return None,
    };
    let kbps = digits.parse::<u64>().ok()?.checked_mul(unit)? / 1_000;
    Some((kbps > 0).then_some(kbps))
}

fn print_bridge_port(visit: &mut Visit<'_>, command: &Command) -> String {
    let Some(port) = selected(visit, command) else { return String::new() };
    let now = visit.now;
    visit.device.show_port(port, now);
    format!("{}\n", bridge_port(visit.running(), port))
}

fn bridge_port(running: &Configuration, port: u16) -> String {
    let config = running.port(port);
    let frames = if config.mode_access { UNTAGGED_ONLY } else { ALL_FRAMES };
    format!(
        "{:>2} {}  interface={} bridge=bridge priority=0x80 path-cost=10 edge=auto point-to-point=auto learn=auto \
         horizon=none hw=yes auto-isolate=no restricted-role=no restricted-tcn=no pvid={} frame-types={frames} \
         ingress-filtering=yes unknown-unicast-flood=yes unknown-multicast-flood=yes broadcast-flood=yes",
        port - 1,
        if config.enabled { "H" } else { "I" },
        Personality::RouterOs.port_name(port),
        config.access_vlan
    )
}

fn setting<'c>(command: &'c Command, key: &str) -> Option<&'c str> {
    command.settings.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

fn add_rule(visit: &mut Visit<'_>, command: &Command) -> Result<String, String> {
    let ports = setting(command, "ports").ok_or("value of ports is missing")?;
    let port = named(ports).filter(|port| *port <= visit.device.ports);
    let port = port.ok_or("input does not match any value of ports")?;
    let mac = match setting(command, "src-mac-address") {
        Some(text) => {
            let (mac, _mask) = text.split_once('/').unwrap_or((text, ""));
            Some(Personality::RouterOs.parse_mac(mac).ok_or("invalid value of mac-address")?)
        }
        None => None,
    };
    let drops = setting(command, "new-dst-ports") == Some("");
    let comment = setting(command, "comment").unwrap_or_default().to_owned();
    visit.configuration().rules.push(SwitchRule { port, mac, drops, comment });
    Ok(String::new())
}

fn is_meant(rule: &SwitchRule, command: &Command) -> bool {
    command.selection.iter().all(|(key, value)| match key.as_str() {
        "comment" => rule.comment == *value,
        "ports" => named(value) == Some(rule.port),
        _ => false,
    })
}

fn remove_rules(visit: &mut Visit<'_>, command: &Command) -> String {
    visit.configuration().rules.retain(|rule| !is_meant(rule, command));
    String::new()
}

fn print_rules(visit: &mut Visit<'_>, command: &Command) -> String {
    let rules = visit.running().rules.iter().enumerate();
    rules.filter(|(_, rule)| is_meant(rule, command)).map(|(place, rule)| shown(place, rule)).collect()
}

fn shown(place: usize, rule: &SwitchRule) -> String {
    let port = Personality::RouterOs.port_name(rule.port);
    let mut row = format!("{place:>2}   comment={} switch=switch1 ports={port}", rule.comment);
    if let Some(mac) = &rule.mac {
        row.push_str(&format!(" src-mac-address={mac}/FF:FF:FF:FF:FF:FF"));
    }
    row.push_str(" copy-to-cpu=no redirect-to-cpu=no mirror=no");
    if rule.drops {
        row.push_str(" new-dst-ports=\"\"");
    }
    row.push('\n');
    row
}

/// As an export writes it.
pub(super) fn export(running: &Configuration, port: u16) -> String {
    let rules = running.rules.iter().enumerate().filter(|(_, rule)| rule.port == port);
    let rules: String = rules.map(|(place, rule)| shown(place, rule)).collect();
    format!("{}\n{rules}", bridge_port(running, port))
}
