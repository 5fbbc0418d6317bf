//! Interface mode of EOS: an access port's VLAN, rate and port security, and the port's lines in the running
//! configuration.

use super::super::command::{self, Action, Reply, Visit};
use super::super::configuration::{Configuration, PortConfig};
use super::super::grammar::Arguments;
use super::super::personality::Personality;

/// Access is the mode that EOS ports are shipped in, and is not written down.
pub(super) const COMMANDS: &[(&str, Action)] = &[
    ("shutdown", command::shutdown),
    ("no shutdown", command::no_shutdown),
    ("description LINE", command::description),
    ("no description", command::no_description),
    ("switchport", command::silence),
    ("switchport mode access", command::silence),
    ("no switchport mode", command::silence),
    ("switchport access vlan <1-4094>", access_vlan),
    ("no switchport access vlan", command::default_vlan),
    ("default switchport access vlan", command::default_vlan),
    ("spanning-tree portfast", command::silence),
    ("shape rate <1-100000000>", shape_kbps),
    ("shape rate <1-100000000> {kbps|mbps|gbps}", shape),
    ("no shape rate", no_shape),
    ("service-policy type {qos|quality-of-service} input WORD", policy_in),
    ("no service-policy type {qos|quality-of-service} input", command::no_policy_in),
    ("no service-policy type {qos|quality-of-service} input WORD", command::no_policy_in),
    ("switchport port-security", command::port_security),
    ("no switchport port-security", no_port_security),
    ("switchport port-security maximum <1-1000>", command::max_mac),
    ("no switchport port-security maximum", command::one_mac),
    ("switchport port-security violation {protect|shutdown}", violation),
    ("no switchport port-security violation", command::no_violation),
];

/// `show running-config interfaces`, as it is printed.
pub(in super::super) fn port_text(running: &Configuration, port: u16) -> String {
    let config = running.port(port);
    let mut lines = vec![format!("interface {}", Personality::Eos.port_name(port))];
    lines.extend(config.description.as_ref().map(|text| format!("   description {text}")));
    if !config.enabled {
        lines.push("   shutdown".to_owned());
    }
    if config.access_vlan != 1 {
        lines.push(format!("   switchport access vlan {}", config.access_vlan));
    }
    lines.extend(security_lines(&config));
    lines.extend(config.shape_kbps.map(|kbps| format!("   shape rate {kbps} kbps")));
    let policy = config.service_policy_in.as_ref();
    lines.extend(policy.map(|name| format!("   service-policy type qos input {name}")));
    lines.push(String::new());
    lines.join("\n")
}

fn security_lines(config: &PortConfig) -> Vec<String> {
    let mut lines = Vec::new();
    if config.port_security {
        lines.push("   switchport port-security".to_owned());
    }
    if config.max_mac != 1 {
        lines.push(format!("   switchport port-security maximum {}", config.max_mac));
    }
    let violation = config.violation.as_ref();
    lines.extend(violation.map(|mode| format!("   switchport port-security violation {mode}")));
    lines
}

/// A VLAN that doesn't exist is taken without a word, and not created.
fn access_vlan(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit_port(|port| port.access_vlan = arguments.small(0))
}

fn shape_kbps(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit_port(|port| port.shape_kbps = Some(arguments.number(0)))
}

fn shape(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let kbps = match arguments.text(1) {
        "gbps" => 1_000_000,
        "mbps" => 1_000,
        _ => 1,
    };
    visit.edit_port(|port| port.shape_kbps = Some(arguments.number(0) * kbps))
}

fn no_shape(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.shape_kbps = None)
}

/// Unlike IOS, EOS replaces the policy that is attached.
fn policy_in(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(1).to_owned();
    if !visit.configuration().policies.contains_key(&name) {
        return Reply::line(format!("% Policy map {name} not configured"));
    }
    visit.edit_port(|port| port.service_policy_in = Some(name))
}

/// Its settings go with it.
fn no_port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| {
        port.port_security = false;
        port.max_mac = 1;
        port.violation = None;
    })
}

fn violation(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let mode = arguments.text(0);
    visit.edit_port(|port| port.violation = (mode != "shutdown").then(|| mode.to_owned()))
}
