//! What an EdgeSwitch shows: each text is laid out as its command reference prints it.

use std::fmt::Write;

use super::super::command::{Reply, Visit};
use super::super::configuration::Configuration;
use super::super::grammar::Arguments;
use super::super::personality::Personality;
use super::port::{block, memberships, port_text};

/// Writing to a `String` can't fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        writeln!($text, $($arguments)*).expect("a String takes every write")
    };
}

pub(super) fn version(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let serial = visit.device.serial();
    Reply::Text(format!(
        "\nSwitch: 1\n\n\
         System Description............................. EdgeSwitch 48-Port Lite, 1.9.3, Linux 3.6.5\n\
         Machine Type................................... EdgeSwitch 48-Port Lite\n\
         Machine Model.................................. ES-48-Lite\n\
         Serial Number.................................. {serial}\n\
         Burned In MAC Address.......................... F0:9F:C2:00:00:01\n\
         Software Version............................... 1.9.3\n\n"
    ))
}

pub(super) fn ip_ssh(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(format!(
        "\nSSH Configuration\n\n\
         Administrative Mode: .......................... Enabled\n\
         SSH Port: ..................................... 22\n\
         Protocol Levels: .............................. Version 2\n\
         SSH Sessions Currently Active: ................ {}\n\
         Max SSH Sessions Allowed: ..................... {}\n\
         SSH Timeout: .................................. 5\n\
         Keys Present: ................................. DSA RSA\n\
         Key Generation In Progress: ................... None\n\n",
        visit.device.users.len(),
        visit.device.vty_lines
    ))
}

pub(super) fn running(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(whole(visit.running(), visit.device.ports))
}

fn whole(running: &Configuration, ports: u16) -> String {
    let mut text = "\n!Current Configuration:\n!\nvlan database\n".to_owned();
    for (vlan, name) in &running.vlans {
        put!(text, "vlan {vlan}");
        if let Some(name) = name {
            put!(text, "vlan name {vlan} \"{name}\"");
        }
    }
    text.push_str("exit\n\nconfigure\n");
    if running.port_security {
        text.push_str("port-security\n");
    }
    for (class, matches) in &running.classes {
        put!(text, "class-map match-all {class} ipv4");
        matches.iter().for_each(|what| put!(text, "match {what}"));
        text.push_str("exit\n\n");
    }
    for (name, map) in &running.policies {
        let way = running.directions.get(name).map_or("in", String::as_str);
        put!(text, "policy-map {name} {way}");
        for (class, policer) in map {
            put!(text, "class {class}");
            policer.iter().for_each(|policer| put!(text, "police{policer}"));
            text.push_str("exit\n");
        }
        text.push_str("exit\n\n");
    }
    for port in 1..=ports {
        put!(text, "{}", block(running, port));
    }
    text.push_str("exit\n");
    text
}

pub(super) fn running_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let now = visit.now;
    visit.device.show_port(port, now);
    Reply::Text(port_text(visit.running(), port))
}

pub(super) fn switchport(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let config = visit.running().port(port);
    let listed = |vlans: Vec<u16>| vlans.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let untagged = listed(memberships(visit.running(), port).into_iter().collect());
    let told = config.participation.iter().filter(|(_, is_in)| !**is_in);
    let forbidden = listed(told.map(|(vlan, _)| *vlan).collect());
    let shipped = if config.access_vlan == 1 { " (default)" } else { "" };
    Reply::Text(format!(
        "\nPort: {}\n\
         VLAN Membership Mode: General\n\
         Access Mode VLAN: 1 (default)\n\
         General Mode PVID: {}{shipped}\n\
         General Mode Ingress Filtering: Disabled\n\
         General Mode Acceptable Frame Type: Admit all\n\
         General Mode Dynamically Added VLANs:\n\
         General Mode Untagged VLANs: {untagged}\n\
         General Mode Tagged VLANs:\n\
         General Mode Forbidden VLANs: {forbidden}\n\
         Trunking Mode Native VLAN: 1 (default)\n\
         Trunking Mode Native VLAN tagging: Disable\n\
         Trunking Mode VLANs Enabled: All\n\
         Protected Port: False\n\n",
        Personality::EdgeSwitch.port_name(port),
        config.access_vlan,
    ))
}

pub(super) fn port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let state = if visit.running().port_security { "Enabled" } else { "Disabled" };
    Reply::Text(format!("\nPort Security Administration Mode: {state}\n\n"))
}

pub(super) fn static_addresses(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let held = visit.running().mac_table.iter().filter(|entry| entry.port == arguments.port(0));
    let rows: String = held.map(|entry| format!("{:<17}   {}\n", entry.mac, entry.vlan)).collect();
    Reply::Text(format!(
        "\nStatically configured MAC Address   VLAN ID\n---------------------------------   -------\n{rows}\n"
    ))
}

pub(super) fn vlan_brief(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "\nVLAN ID VLAN Name                        VLAN Type\n\
                    ------- -------------------------------- -------------------\n"
        .to_owned();
    for vlan in std::iter::once(1).chain(visit.running().vlans.keys().copied()) {
        let kind = if vlan == 1 { "Default" } else { "Static" };
        put!(text, "{vlan:<7} {:<32} {kind}", visit.running().vlan_name(vlan));
    }
    Reply::Text(text)
}

pub(super) fn class_maps(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "\nClass Name                      Class Type  Reference Class Name\n\
                    ------------------------------- ----------- -------------------------------\n"
        .to_owned();
    visit.running().classes.keys().for_each(|class| put!(text, "{class:<31} All"));
    Reply::Text(text)
}

pub(super) fn policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let Some(map) = visit.running().policies.get(arguments.text(0)) else {
        return Reply::line("\nThe specified policy does not exist.");
    };
    let way = visit.running().directions.get(arguments.text(0)).map_or("in", String::as_str);
    let mut text = format!("\nPolicy Name.................................... {}\n", arguments.text(0));
    put!(text, "Policy Type.................................... {way}");
    for (class, policer) in map {
        put!(text, "\nClass Name..................................... {class}");
        policer.iter().for_each(|policer| {
            put!(text, "Policing Style................................. police{policer}")
        });
    }
    Reply::Text(text)
}
