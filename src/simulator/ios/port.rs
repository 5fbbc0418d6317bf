//! Interface mode of IOS: an access port's VLAN, rate and port security, the refusals that Cisco documents for
//! them, and the port's lines in the running configuration.

use super::super::command::{self, Action, Reply, Visit};
use super::super::configuration::{Configuration, PortConfig};
use super::super::grammar::Arguments;
use super::super::personality::Personality;

/// Of the violation modes `shutdown` is the factory's.
pub(super) const COMMANDS: &[(&str, Action)] = &[
    ("shutdown", command::shutdown),
    ("no shutdown", command::no_shutdown),
    ("description LINE", command::description),
    ("no description", command::no_description),
    ("switchport", command::silence),
    ("switchport mode access", mode_access),
    ("no switchport mode", no_mode),
    ("no switchport mode access", no_mode),
    ("switchport access vlan <1-4094>", access_vlan),
    ("no switchport access vlan", command::default_vlan),
    ("no switchport access vlan <1-4094>", command::default_vlan),
    ("switchport nonegotiate", command::silence),
    ("spanning-tree portfast", command::silence),
    ("service-policy input WORD", policy_in),
    ("service-policy output WORD", policy_out),
    ("no service-policy input", command::no_policy_in),
    ("no service-policy input WORD", command::no_policy_in),
    ("no service-policy output", command::no_policy_out),
    ("no service-policy output WORD", command::no_policy_out),
    ("switchport port-security", port_security),
    ("no switchport port-security", command::no_port_security),
    ("switchport port-security maximum <1-4097>", maximum),
    ("no switchport port-security maximum", no_maximum),
    ("no switchport port-security maximum <1-4097>", no_maximum),
    ("switchport port-security violation protect", protect),
    ("switchport port-security violation restrict", restrict),
    ("switchport port-security violation shutdown", command::no_violation),
    ("no switchport port-security violation", command::no_violation),
    ("no switchport port-security violation protect", command::no_violation),
    ("no switchport port-security violation restrict", command::no_violation),
    ("no switchport port-security violation shutdown", command::no_violation),
    ("switchport port-security mac-address MAC", mac),
    ("no switchport port-security mac-address MAC", command::remove_mac),
];

/// `show running-config interface`, as it is printed.
pub(in super::super) fn port_text(running: &Configuration, port: u16) -> String {
    let block = block(running, port);
    let bytes = block.len() + 2;
    format!("Building configuration...\n\nCurrent configuration : {bytes} bytes\n!\n{block}end\n\n")
}

/// The port's lines, in the order in which IOS writes them. Factory values are not written.
pub(super) fn block(running: &Configuration, port: u16) -> String {
    let config = running.port(port);
    let mut lines = vec![format!("interface {}", Personality::Ios.port_name(port))];
    lines.extend(config.description.as_ref().map(|text| format!(" description {text}")));
    if config.access_vlan != 1 {
        lines.push(format!(" switchport access vlan {}", config.access_vlan));
    }
    if config.mode_access {
        lines.push(" switchport mode access".to_owned());
    }
    lines.extend(security_lines(&config));
    if !config.enabled {
        lines.push(" shutdown".to_owned());
    }
    lines.extend(config.service_policy_in.as_ref().map(|name| format!(" service-policy input {name}")));
    lines.extend(config.service_policy_out.as_ref().map(|name| format!(" service-policy output {name}")));
    lines.push(String::new());
    lines.join("\n")
}

fn security_lines(config: &PortConfig) -> Vec<String> {
    let mut lines = Vec::new();
    if config.max_mac != 1 {
        lines.push(format!(" switchport port-security maximum {}", config.max_mac));
    }
    lines.extend(config.violation.as_ref().map(|mode| format!(" switchport port-security violation {mode}")));
    let mac_line = |mac: &String| format!(" switchport port-security mac-address {mac}");
    lines.extend(config.static_macs.iter().map(mac_line));
    if config.port_security {
        lines.push(" switchport port-security".to_owned());
    }
    lines
}

fn current(visit: &mut Visit<'_>) -> PortConfig {
    let port = visit.port();
    visit.configuration().port(port)
}

fn mode_access(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.mode_access = true)
}

fn no_mode(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    if current(visit).port_security {
        return rejected(visit, "has port security enabled");
    }
    visit.edit_port(|port| port.mode_access = false)
}

fn access_vlan(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let vlan = arguments.small(0);
    visit.edit_port(|port| port.access_vlan = vlan);
    if visit.configuration().has_vlan(vlan) {
        return Reply::Silence;
    }
    visit.configuration().vlans.insert(vlan, None);
    Reply::line(format!("% Access VLAN does not exist. Creating vlan {vlan}"))
}

fn known_policy(visit: &mut Visit<'_>, arguments: &Arguments) -> Result<String, Reply> {
    let name = arguments.text(0);
    match visit.configuration().policies.contains_key(name) {
        true => Ok(name.to_owned()),
        false => Err(Reply::line(format!("% policy map {name} not configured"))),
    }
}

fn policy_in(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    match known_policy(visit, arguments) {
        Ok(_) if is_other(&current(visit).service_policy_in, arguments) => {
            already_attached(visit, arguments, "input")
        }
        Ok(name) => visit.edit_port(|port| port.service_policy_in = Some(name)),
        Err(refusal) => refusal,
    }
}

fn policy_out(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    match known_policy(visit, arguments) {
        Ok(_) if is_other(&current(visit).service_policy_out, arguments) => {
            already_attached(visit, arguments, "output")
        }
        Ok(name) => visit.edit_port(|port| port.service_policy_out = Some(name)),
        Err(refusal) => refusal,
    }
}

fn is_other(attached: &Option<String>, arguments: &Arguments) -> bool {
    attached.as_deref().is_some_and(|name| name != arguments.text(0))
}

/// IOS holds one policy a direction; the old one must go first.
fn already_attached(visit: &mut Visit<'_>, arguments: &Arguments, direction: &str) -> Reply {
    let config = current(visit);
    let old = if direction == "input" { config.service_policy_in } else { config.service_policy_out };
    let old = old.unwrap_or_default();
    Reply::line(format!(
        "Policy map {old} is already attached\n% Failed to attach {} in {direction} direction",
        arguments.text(0)
    ))
}

fn rejected(visit: &Visit<'_>, why: &str) -> Reply {
    let name = visit.device.personality.port_name(visit.port());
    Reply::line(format!("Command rejected: {name} {why}."))
}

fn port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    if !current(visit).mode_access {
        return rejected(visit, "is a dynamic port");
    }
    visit.edit_port(|port| port.port_security = true)
}

fn maximum(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let maximum = arguments.small(0);
    if current(visit).static_macs.len() > usize::from(maximum) {
        return Reply::line("Maximum is less than number of currently secured mac-addresses.");
    }
    visit.edit_port(|port| port.max_mac = maximum)
}

fn no_maximum(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    if current(visit).static_macs.len() > 1 {
        return Reply::line("Maximum is less than number of currently secured mac-addresses.");
    }
    visit.edit_port(|port| port.max_mac = 1)
}

fn protect(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.violation = Some("protect".to_owned()))
}

fn restrict(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.edit_port(|port| port.violation = Some("restrict".to_owned()))
}

fn mac(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let mac = arguments.text(0).to_owned();
    let port = visit.port();
    let config = current(visit);
    if !config.mode_access {
        return rejected(visit, "is a dynamic port");
    }
    match visit.configuration().holder_of(&mac) {
        Some(holder) if holder == port => return Reply::Silence,
        Some(_) => return Reply::line(format!("Found duplicate mac-address {mac}.")),
        None => {}
    }
    if config.static_macs.len() >= usize::from(config.max_mac) {
        let name = visit.device.personality.port_name(port);
        return Reply::line(format!(
            "Total secure mac-addresses on interface {name} has reached maximum limit."
        ));
    }
    visit.edit_port(|port| port.static_macs.push(mac))
}
