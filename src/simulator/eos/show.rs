//! What EOS shows: each text is laid out as Arista's manual prints it.

use std::fmt::Write;

use super::super::command::{Mode, Reply, Visit};
use super::super::configuration::{Configuration, PolicyMap};
use super::super::device::{Device, spell_uptime};
use super::super::filter;
use super::super::grammar::Arguments;
use super::super::personality::Personality;
use super::port::port_text;

/// Writing to a `String` can't fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        writeln!($text, $($arguments)*).expect("a String takes every write")
    };
}

pub(super) fn version(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let uptime = spell_uptime(visit.device.uptime(visit.now), " and ");
    Reply::Text(format!(
        "Arista DCS-7050TX-48-R\n\
         Hardware version: 02.00\n\
         Serial number: {}\n\
         Hardware MAC address: 001c.7300.0001\n\
         System MAC address: 001c.7300.0001\n\
         \n\
         Software image version: 4.30.1F\n\
         Architecture: i686\n\
         Internal build version: 4.30.1F-32308478.4301F\n\
         Image format version: 3.0\n\
         Image optimization: Default\n\
         \n\
         Uptime: {uptime}\n\
         Total memory: 3982512 kB\n\
         Free memory: 2619340 kB\n\
         \n",
        visit.device.serial()
    ))
}

pub(super) fn hostname(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let name = &visit.device.name;
    Reply::line(format!("Hostname: {name}\nFQDN:     {name}"))
}

pub(super) fn privilege(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let level = if visit.line.mode == Mode::User { 1 } else { 15 };
    Reply::line(format!("Current privilege level is {level}"))
}

pub(super) fn users(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "    Line      User        Host(s)       Idle        Location\n".to_owned();
    for (vty, session) in visit.device.users.iter().enumerate() {
        let mark = if *session == visit.line.session { '*' } else { ' ' };
        let user = &visit.device.username;
        put!(text, "{mark} {:>2} vty {:<5}{user:<12}idle          00:00:00    127.0.0.1", vty + 1, vty + 2);
    }
    Reply::Text(text)
}

pub(super) fn running(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(whole(visit.device, &visit.device.running))
}

pub(super) fn startup(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(whole(visit.device, &visit.device.startup))
}

pub(super) fn running_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.device.show_port(arguments.port(0), visit.now);
    Reply::Text(port_text(visit.running(), arguments.port(0)))
}

pub(super) fn running_section(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let text = whole(visit.device, &visit.device.running);
    match filter::apply(&text, &format!("section {}", arguments.text(0))) {
        Some(kept) => Reply::Text(kept),
        None => Reply::line("% Invalid input"),
    }
}

/// `show active`: the lines of the block that the line is in.
pub(super) fn active(visit: &mut Visit<'_>) -> Reply {
    match visit.line.mode.clone() {
        Mode::Interface(port) => Reply::Text(port_text(visit.configuration(), port)),
        _ => Reply::Silence,
    }
}

pub(super) fn whole(device: &Device, configuration: &Configuration) -> String {
    let mut text = format!(
        "! Command: show running-config\n! device: {} (DCS-7050TX-48-R, EOS-4.30.1F)\n!\n\
         transceiver qsfp default-mode 4x10G\n!\nhostname {}\n!\n",
        device.name, device.name
    );
    for (vlan, name) in &configuration.vlans {
        put!(text, "vlan {vlan}");
        if let Some(name) = name {
            put!(text, "   name {name}");
        }
        text.push_str("!\n");
    }
    for (name, map) in &configuration.policies {
        text.push_str(&policy_lines(name, map));
        text.push_str("!\n");
    }
    for port in 1..=device.ports {
        text.push_str(&port_text(configuration, port));
        text.push_str("!\n");
    }
    for entry in &configuration.mac_table {
        let name = Personality::Eos.port_name(entry.port);
        put!(text, "mac address-table static {} vlan {} interface {name}", entry.mac, entry.vlan);
        text.push_str("!\n");
    }
    text.push_str("end\n");
    text
}

fn policy_lines(name: &str, map: &PolicyMap) -> String {
    let mut text = format!("policy-map type quality-of-service {name}\n");
    for (class, policer) in map {
        put!(text, "   class {class}");
        if let Some(policer) = policer {
            put!(text, "      police {policer}");
        }
    }
    text
}

pub(super) fn policy_maps(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(visit.running().policies.iter().map(|(name, map)| policy_view(name, map)).collect())
}

pub(super) fn policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(1);
    match visit.running().policies.get(name) {
        Some(map) => Reply::Text(policy_view(name, map)),
        None => Reply::Silence,
    }
}

fn policy_view(name: &str, map: &PolicyMap) -> String {
    let mut text = format!("Service-policy {name}\n");
    for (class, policer) in map {
        put!(text, "  Class-map: {class} (match-any)");
        if let Some(policer) = policer {
            put!(text, "    Police {policer}");
        }
    }
    text
}

pub(super) fn switchport(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let running = visit.running();
    let vlan = running.port(port).access_vlan;
    let name = if running.has_vlan(vlan) { running.vlan_name(vlan) } else { "Inactive".to_owned() };
    Reply::Text(format!(
        "Name: {}\n\
         Switchport: Enabled\n\
         Administrative Mode: static access\n\
         Operational Mode: static access\n\
         MAC Address Learning: enabled\n\
         Dot1q ethertype/TPID: 0x8100 (active)\n\
         Dot1q VLAN Tag: Allowed\n\
         Access Mode VLAN: {vlan} ({name})\n\
         Trunking Native Mode VLAN: 1 (default)\n\
         Administrative Native VLAN tagging: disabled\n\
         Trunking VLANs Enabled: ALL\n\
         Static Trunk Groups:\n\
         Dynamic Trunk Groups:\n\
         Source interface filtering: enabled\n",
        Personality::Eos.short_port_name(port)
    ))
}

const SECURITY_HEAD: &str = "Secure Port      MaxSecureAddr   CurrentAddr   SecurityViolation  Security Action\n                    (Count)        (Count)         (Count)\n----------------------------------------------------------------------------------\n";

pub(super) fn port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let rows = (1..=visit.device.ports).filter_map(|port| security_row(visit.running(), port));
    Reply::Text(format!("{SECURITY_HEAD}{}", rows.collect::<String>()))
}

pub(super) fn port_security_of(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let row = security_row(visit.running(), arguments.port(0)).unwrap_or_default();
    Reply::Text(format!("{SECURITY_HEAD}{row}"))
}

fn security_row(running: &Configuration, port: u16) -> Option<String> {
    let config = running.port_with_table(port);
    let action = if config.violation.is_some() { "Protect" } else { "Shutdown" };
    let name = Personality::Eos.short_port_name(port);
    let (most, held) = (config.max_mac, config.static_macs.len());
    config.port_security.then(|| format!("{name:<17}{most:<16}{held:<14}0                  {action}\n"))
}

pub(super) fn mac_table(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(mac_table_text(visit.running(), |_| true))
}

pub(super) fn mac_table_of(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let wanted = arguments.port(0);
    Reply::Text(mac_table_text(visit.running(), |port| port == wanted))
}

fn mac_table_text(running: &Configuration, is_wanted: impl Fn(u16) -> bool) -> String {
    let mut text = "          Mac Address Table\n\
         ------------------------------------------------------------------\n\n\
         Vlan    Mac Address       Type        Ports      Moves   Last Move\n\
         ----    -----------       ----        -----      -----   ---------\n"
        .to_owned();
    let entries: Vec<_> = running.mac_table.iter().filter(|entry| is_wanted(entry.port)).collect();
    for entry in &entries {
        let name = Personality::Eos.short_port_name(entry.port);
        put!(text, "{:>4}    {}    STATIC      {name}", entry.vlan, entry.mac);
    }
    put!(text, "Total Mac Addresses for this criterion: {}", entries.len());
    text
}

pub(super) fn interfaces_status(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text =
        "Port       Name   Status       Vlan     Duplex Speed  Type         Flags Encapsulation\n".to_owned();
    for port in 1..=visit.device.ports {
        let config = visit.running().port(port);
        let status = if config.enabled { "connected" } else { "disabled" };
        let name: String = config.description.unwrap_or_default().chars().take(6).collect();
        put!(
            text,
            "{:<11}{name:<7}{status:<13}{:<9}full   1G     1000BASE-T",
            Personality::Eos.short_port_name(port),
            config.access_vlan
        );
    }
    Reply::Text(text)
}

pub(super) fn vlan(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "VLAN  Name                             Status    Ports\n\
                    ----- -------------------------------- --------- -------------------------------\n"
        .to_owned();
    let running = visit.running();
    for vlan in std::iter::once(1).chain(running.vlans.keys().copied()) {
        let ports = running.ports_in_vlan(vlan, visit.device.ports);
        let names: Vec<_> = ports.into_iter().map(|port| Personality::Eos.short_port_name(port)).collect();
        put!(text, "{vlan:<5} {:<32} active    {}", running.vlan_name(vlan), names.join(", "));
    }
    text.push('\n');
    Reply::Text(text)
}
