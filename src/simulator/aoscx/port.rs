//! Interface context of AOS-CX: an access port's VLAN, policies and port security, and how the running configuration
//! prints them.

use super::super::command::{self, Action, Reply, Visit};
use super::super::configuration::{Configuration, PortConfig};
use super::super::grammar::Arguments;
use super::super::personality::Personality;

pub(super) const COMMANDS: &[(&str, Action)] = &[
    ("shutdown", command::shutdown),
    ("no shutdown", command::no_shutdown),
    ("description LINE", command::description),
    ("no description", command::no_description),
    ("routing", routing),
    ("no routing", no_routing),
    ("vlan access <1-4094>", access_vlan),
    ("no vlan access", command::default_vlan),
    ("apply policy WORD in", policy_in),
    ("no apply policy WORD in", command::no_policy_in),
    ("apply policy WORD out", policy_out),
    ("no apply policy WORD out", command::no_policy_out),
    ("port-access port-security enable", command::port_security),
    ("no port-access port-security enable", command::no_port_security),
    ("port-access port-security client-limit <1-64>", command::max_mac),
    ("no port-access port-security client-limit", command::one_mac),
    ("port-access port-security mac-address MAC", mac_address),
    ("no port-access port-security mac-address MAC", command::remove_mac),
];

/// `show running-config interface`, as it is printed.
pub(in super::super) fn port_text(running: &Configuration, port: u16) -> String {
    let config = running.port(port);
    let mut lines = vec![format!("interface {}", Personality::Aoscx.port_name(port))];
    let mut say = |text: String| lines.push(format!("    {text}"));
    config.description.iter().for_each(|text| say(format!("description {text}")));
    say(if config.enabled { "no shutdown" } else { "shutdown" }.to_owned());
    if config.mode_access {
        say("no routing".to_owned());
        say(format!("vlan access {}", config.access_vlan));
    } else {
        say("routing".to_owned());
    }
    config.service_policy_in.iter().for_each(|name| say(format!("apply policy {name} in")));
    config.service_policy_out.iter().for_each(|name| say(format!("apply policy {name} out")));
    let inner = security_lines(&config);
    if !inner.is_empty() {
        say("port-access port-security".to_owned());
        inner.into_iter().for_each(|line| say(format!("    {line}")));
    }
    say("exit".to_owned());
    lines.push(String::new());
    lines.join("\n")
}

fn security_lines(config: &PortConfig) -> Vec<String> {
    let mut lines = Vec::new();
    if config.port_security {
        lines.push("enable".to_owned());
    }
    if config.max_mac != 1 {
        lines.push(format!("client-limit {}", config.max_mac));
    }
    lines.extend(config.static_macs.iter().map(|mac| format!("mac-address {}", with_colons(mac))));
    lines
}

fn with_colons(mac: &str) -> String {
    let digits = mac.replace('.', "");
    (0..6).map(|n| &digits[2 * n..2 * n + 2]).collect::<Vec<_>>().join(":")
}

/// What makes it a port of a VLAN goes.
fn routing(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| (port.mode_access, port.access_vlan) = (false, 1))
}

fn no_routing(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.mode_access = true)
}

fn access_vlan(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let vlan = arguments.small(0);
    if !visit.configuration().has_vlan(vlan) {
        return Reply::line(format!("VLAN {vlan} doesn't exist"));
    }
    visit.edit_port(|port| port.access_vlan = vlan)
}

/// A policy must be there before it is applied.
fn apply(visit: &mut Visit<'_>, name: &str, change: impl FnOnce(&mut PortConfig, String)) -> Reply {
    if !visit.configuration().policies.contains_key(name) {
        return Reply::line(format!("Policy {name} doesn't exist"));
    }
    visit.edit_port(|port| change(port, name.to_owned()))
}

fn policy_in(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    apply(visit, arguments.text(0), |port, name| port.service_policy_in = Some(name))
}

fn policy_out(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    apply(visit, arguments.text(0), |port, name| port.service_policy_out = Some(name))
}

/// No more of them than the limit lets in.
fn mac_address(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let mac = arguments.text(0).to_owned();
    let number = visit.port();
    let port = visit.configuration().port_mut(number);
    if port.static_macs.contains(&mac) {
        return Reply::Silence;
    }
    if port.static_macs.len() >= usize::from(port.max_mac) {
        return Reply::line("Cannot add the MAC address: the client limit has been reached.");
    }
    port.static_macs.push(mac);
    Reply::Silence
}
