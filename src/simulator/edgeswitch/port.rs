//! Interface mode of an EdgeSwitch: VLANs by membership and port VLAN id, policies a direction, the shaper in percent, and
//! port security; and the port's lines in the running configuration.

use std::collections::BTreeSet;

use super::super::command::{self, Action, Reply, Visit};
use super::super::configuration::{Configuration, PortConfig, StaticMac};
use super::super::grammar::Arguments;
use super::super::personality::Personality;

/// The most that port security learns and the most that it is told, as shipped.
const MOST_DYNAMIC: u16 = 600;
const MOST_STATIC: u16 = 20;

/// Said of every change of a membership, and no refusal.
const SLOW: &str = "\nWarning: The use of large numbers of VLANs or interfaces may cause significant\n\
                    delays in applying the configuration.\n";

pub(super) const COMMANDS: &[(&str, Action)] = &[
    ("shutdown", command::shutdown),
    ("no shutdown", command::no_shutdown),
    ("description LINE", description),
    ("no description", command::no_description),
    ("vlan pvid <1-4093>", pvid),
    ("no vlan pvid", command::default_vlan),
    ("vlan participation {include|exclude|auto} WORD", participation),
    ("traffic-shape <0-100>", command::silence),
    ("service-policy in WORD", policy_in),
    ("service-policy out WORD", policy_out),
    ("no service-policy in WORD", command::no_policy_in),
    ("no service-policy out WORD", command::no_policy_out),
    ("port-security", command::port_security),
    ("no port-security", command::no_port_security),
    ("port-security max-dynamic <0-600>", max_dynamic),
    ("no port-security max-dynamic", no_max_dynamic),
    ("port-security max-static <0-20>", command::max_mac),
    ("no port-security max-static", no_max_static),
    ("port-security mac-address MAC <1-4093>", mac),
    ("no port-security mac-address MAC <1-4093>", no_mac),
];

/// `show running-config interface`, as it is printed.
pub(in super::super) fn port_text(running: &Configuration, port: u16) -> String {
    format!("\n!Current Configuration:\n!\n{}", block(running, port))
}

/// The port's lines. What is as shipped is not written.
pub(super) fn block(running: &Configuration, port: u16) -> String {
    let config = running.port(port);
    let mut lines = vec![format!("interface {}", Personality::EdgeSwitch.port_name(port))];
    lines.extend(config.description.as_ref().map(|text| format!("description '{text}'")));
    if !config.enabled {
        lines.push("shutdown".to_owned());
    }
    lines.extend(config.service_policy_in.as_ref().map(|name| format!("service-policy in {name}")));
    lines.extend(config.service_policy_out.as_ref().map(|name| format!("service-policy out {name}")));
    lines.extend(security_lines(running, &config, port));
    if config.access_vlan != 1 {
        lines.push(format!("vlan pvid {}", config.access_vlan));
    }
    for (way, told) in [("exclude", false), ("include", true)] {
        let vlans = config.participation.iter().filter(|(_, is_in)| **is_in == told);
        let vlans: Vec<_> = vlans.map(|(vlan, _)| vlan.to_string()).collect();
        if !vlans.is_empty() {
            lines.push(format!("vlan participation {way} {}", vlans.join(",")));
        }
    }
    lines.push("exit\n".to_owned());
    lines.join("\n")
}

fn security_lines(running: &Configuration, config: &PortConfig, port: u16) -> Vec<String> {
    let mut lines = Vec::new();
    if config.port_security {
        lines.push("port-security".to_owned());
    }
    if config.max_dynamic != MOST_DYNAMIC {
        lines.push(format!("port-security max-dynamic {}", config.max_dynamic));
    }
    if config.max_mac != MOST_STATIC {
        lines.push(format!("port-security max-static {}", config.max_mac));
    }
    let held = running.mac_table.iter().filter(|entry| entry.port == port);
    lines.extend(held.map(|entry| format!("port-security mac-address {} {}", entry.mac, entry.vlan)));
    lines
}

/// The VLANs that the port is in: VLAN 1 until it is told otherwise.
pub(super) fn memberships(running: &Configuration, port: u16) -> BTreeSet<u16> {
    let config = running.port(port);
    let told = config.participation.iter().filter(|(vlan, is_in)| **is_in && running.has_vlan(**vlan));
    let mut vlans: BTreeSet<u16> = told.map(|(vlan, _)| *vlan).collect();
    if !config.participation.contains_key(&1) {
        vlans.insert(1);
    }
    vlans
}

fn description(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let text = arguments.text(0).trim_matches(['\'', '"']).to_owned();
    visit.edit_port(|port| port.description = Some(text))
}

fn pvid(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let vlan = arguments.small(0);
    if !visit.configuration().has_vlan(vlan) {
        return Reply::line("\nFailed to set the port VLAN id: the VLAN does not exist.");
    }
    visit.edit_port(|port| port.access_vlan = vlan)
}

fn participation(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let Some(vlans) = parse_list(arguments.text(1)) else {
        return Reply::line("\nInvalid VLAN list.");
    };
    let told = match arguments.text(0) {
        "include" => Some(true),
        "exclude" => Some(false),
        _ => None,
    };
    visit.edit_port(|port| {
        for vlan in vlans {
            // Every port is in VLAN 1 as shipped.
            match told.filter(|is_in| !(*is_in && vlan == 1)) {
                Some(is_in) => drop(port.participation.insert(vlan, is_in)),
                None => drop(port.participation.remove(&vlan)),
            }
        }
    });
    Reply::Text(SLOW.to_owned())
}

/// `1,10-12`.
fn parse_list(text: &str) -> Option<BTreeSet<u16>> {
    let mut vlans = BTreeSet::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        vlans.extend(low.parse::<u16>().ok()?..=high.parse::<u16>().ok()?);
    }
    Some(vlans)
}

fn attach(visit: &mut Visit<'_>, name: &str, way: &str) -> Result<String, Reply> {
    match visit.configuration().directions.get(name) {
        Some(known) if known == way => Ok(name.to_owned()),
        Some(_) => Err(Reply::line("\nThe policy is not for this direction.")),
        None => Err(Reply::line("\nThe specified policy does not exist.")),
    }
}

fn policy_in(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    match attach(visit, arguments.text(0), "in") {
        Ok(name) => visit.edit_port(|port| port.service_policy_in = Some(name)),
        Err(refusal) => refusal,
    }
}

fn policy_out(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    match attach(visit, arguments.text(0), "out") {
        Ok(name) => visit.edit_port(|port| port.service_policy_out = Some(name)),
        Err(refusal) => refusal,
    }
}

fn max_dynamic(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit_port(|port| port.max_dynamic = arguments.small(0))
}

fn no_max_dynamic(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.max_dynamic = MOST_DYNAMIC)
}

fn no_max_static(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.max_mac = MOST_STATIC)
}

fn mac(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = visit.port();
    let entry = StaticMac { mac: arguments.text(0).to_owned(), vlan: arguments.small(1), port };
    let most = usize::from(visit.configuration().port(port).max_mac);
    let table = &mut visit.configuration().mac_table;
    if table.contains(&entry) {
        return Reply::Silence;
    }
    if table.iter().filter(|held| held.port == port).count() >= most {
        return Reply::line("\nStatic MAC address limit reached.");
    }
    table.push(entry);
    Reply::Silence
}

fn no_mac(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = visit.port();
    let entry = StaticMac { mac: arguments.text(0).to_owned(), vlan: arguments.small(1), port };
    visit.configuration().mac_table.retain(|held| *held != entry);
    Reply::Silence
}
