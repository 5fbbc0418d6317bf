//! What IOS shows: each text is laid out as Cisco's command reference prints it.

use std::fmt::Write;

use super::super::command::{Reply, Visit};
use super::super::configuration::{Configuration, PolicyMap};
use super::super::device::{Device, spell_uptime};
use super::super::grammar::Arguments;
use super::super::personality::Personality;
use super::port::{block, port_text};

/// Writing to a `String` can't fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => {
        writeln!($text, $($arguments)*).expect("a String takes every write")
    };
}

pub(super) fn version(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let device = &visit.device;
    let name = &device.name;
    let uptime = spell_uptime(device.uptime(visit.now), ", ");
    let serial = device.serial();
    let reason = if device.boots == 0 { "PowerOn" } else { "Reload Command" };
    let ports = device.ports;
    Reply::Text(format!(
        "Cisco IOS XE Software, Version 17.09.04a\n\
         Cisco IOS Software [Cupertino], Catalyst L3 Switch Software (CAT9K_IOSXE), Version 17.9.4a, RELEASE SOFTWARE (fc3)\n\
         Technical Support: http://www.cisco.com/techsupport\n\
         \n\
         ROM: IOS-XE ROMMON\n\
         {name} uptime is {uptime}\n\
         Uptime for this control processor is {uptime}\n\
         System returned to ROM by {reason}\n\
         System image file is \"flash:packages.conf\"\n\
         Last reload reason: {reason}\n\
         \n\
         cisco C9300-48T (X86) processor with 1334143K/6147K bytes of memory.\n\
         Processor board ID {serial}\n\
         1 Virtual Ethernet interface\n\
         {ports} Gigabit Ethernet interfaces\n\
         2048K bytes of non-volatile configuration memory.\n\
         \n\
         Model Number                       : C9300-48T\n\
         System Serial Number               : {serial}\n\
         \n\
         Configuration register is 0x102\n\
         \n"
    ))
}

pub(super) fn privilege(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let level = match visit.line.mode {
        super::Mode::User => 1,
        _ => 15,
    };
    Reply::line(format!("Current privilege level is {level}"))
}

pub(super) fn users(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "    Line       User       Host(s)              Idle       Location\n".to_owned();
    for (vty, session) in visit.device.users.iter().enumerate() {
        let mark = if *session == visit.line.session { '*' } else { ' ' };
        let user = &visit.device.username;
        put!(text, "{mark}{:>3} vty {vty:<6}{user:<11}idle                 00:00:00   127.0.0.1", vty + 1);
    }
    text.push_str("\n  Interface    User               Mode         Idle     Peer Address\n\n");
    Reply::Text(text)
}

/// Lines that nobody has are listed too: with their time, and without a host or a place.
pub(super) fn users_all(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "    Line       User       Host(s)              Idle       Location\n".to_owned();
    put!(text, "   0 con 0                                     00:00:00   ");
    for vty in 0..visit.device.vty_lines {
        let number = vty + 1;
        match visit.device.users.get(vty) {
            Some(session) => {
                let mark = if *session == visit.line.session { '*' } else { ' ' };
                let user = &visit.device.username;
                put!(text, "{mark}{number:>3} vty {vty:<6}{user:<11}idle                 00:00:00 127.0.0.1");
            }
            None => put!(text, " {number:>3} vty {vty:<6}                                00:00:00   "),
        }
    }
    text.push_str("\n  Interface    User               Mode         Idle     Peer Address\n\n");
    Reply::Text(text)
}

pub(super) fn configuration_lock(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    match visit.device.lock_holder {
        None => Reply::line("Parser Configure Lock\n---------------------\nLock Status           : Unlocked"),
        Some(_) => Reply::line(format!(
            "Parser Configure Lock\n\
             ---------------------\n\
             Owner PID             : 88\n\
             User                  : {}\n\
             TTY                   : 2\n\
             Type                  : EXCLUSIVE\n\
             State                 : LOCKED",
            visit.device.username
        )),
    }
}

pub(super) fn running(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let text = whole(visit.device, &visit.device.running);
    let bytes = text.len();
    Reply::Text(format!("Building configuration...\n\nCurrent configuration : {bytes} bytes\n{text}"))
}

pub(super) fn startup(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let text = whole(visit.device, &visit.device.startup);
    Reply::Text(format!("Using {} out of 2097152 bytes\n{text}", text.len()))
}

pub(super) fn running_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.device.show_port(arguments.port(0), visit.now);
    Reply::Text(port_text(visit.running(), arguments.port(0)))
}

fn whole(device: &Device, configuration: &Configuration) -> String {
    let mut text = format!(
        "!\nversion 17.9\nservice timestamps log datetime msec\n!\nhostname {}\n!\nno ip domain lookup\n!\n",
        device.name
    );
    for (vlan, name) in &configuration.vlans {
        put!(text, "vlan {vlan}");
        if let Some(name) = name {
            put!(text, " name {name}");
        }
        text.push_str("!\n");
    }
    for (name, map) in &configuration.policies {
        text.push_str(&policy_lines(name, map));
        text.push_str("!\n");
    }
    for port in 1..=device.ports {
        text.push_str(&block(configuration, port));
        text.push_str("!\n");
    }
    text.push_str("line con 0\n stopbits 1\nline vty 0 15\n login local\n transport input ssh\n!\nend\n\n");
    text
}

fn policy_lines(name: &str, map: &PolicyMap) -> String {
    let mut text = format!("policy-map {name}\n");
    for (class, policer) in map {
        put!(text, " class {class}");
        if let Some(policer) = policer {
            put!(text, "  police {policer}");
        }
    }
    text
}

pub(super) fn policy_maps(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    Reply::Text(visit.running().policies.iter().map(|(name, map)| policy_view(name, map)).collect())
}

pub(super) fn policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(0);
    match visit.running().policies.get(name) {
        Some(map) => Reply::Text(policy_view(name, map)),
        None => Reply::line(format!("% policy map {name} not configured")),
    }
}

fn policy_view(name: &str, map: &PolicyMap) -> String {
    let mut text = format!("  Policy Map {name}\n");
    for (class, policer) in map {
        put!(text, "    Class {class}");
        if let Some(policer) = policer {
            put!(text, "     police {policer}");
            text.push_str("       conform-action transmit \n       exceed-action drop \n");
        }
    }
    text
}

pub(super) fn policy_map_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let config = visit.running().port(port);
    let directions = [("input", config.service_policy_in), ("output", config.service_policy_out)];
    let mut text = String::new();
    for (direction, policy) in directions {
        if let Some(policy) = policy {
            put!(text, " {} \n\n  Service-policy {direction}: {policy}\n", Personality::Ios.port_name(port));
        }
    }
    Reply::Text(text)
}

pub(super) fn switchport(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    let config = visit.running().port(port);
    let (mode, negotiation) =
        if config.mode_access { ("static access", "Off") } else { ("dynamic auto", "On") };
    let operational = if config.enabled { "static access" } else { "down" };
    let vlan = config.access_vlan;
    Reply::Text(format!(
        "Name: {}\n\
         Switchport: Enabled\n\
         Administrative Mode: {mode}\n\
         Operational Mode: {operational}\n\
         Administrative Trunking Encapsulation: dot1q\n\
         Operational Trunking Encapsulation: native\n\
         Negotiation of Trunking: {negotiation}\n\
         Access Mode VLAN: {vlan} ({})\n\
         Trunking Native Mode VLAN: 1 (default)\n\
         Administrative Native VLAN tagging: enabled\n\
         Voice VLAN: none\n\
         Trunking VLANs Enabled: ALL\n\
         Pruning VLANs Enabled: 2-1001\n\
         Capture Mode Disabled\n\
         Capture VLANs Allowed: ALL\n\
         \n\
         Protected: false\n\
         Unknown unicast blocked: disabled\n\
         Unknown multicast blocked: disabled\n\
         Appliance trust: none\n",
        Personality::Ios.short_port_name(port),
        visit.running().vlan_name(vlan),
    ))
}

pub(super) fn port_security(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let config = visit.running().port(arguments.port(0));
    let security = if config.port_security { "Enabled" } else { "Disabled" };
    let status = if config.port_security && config.enabled { "Secure-up" } else { "Secure-down" };
    let violation = match config.violation.as_deref() {
        Some("protect") => "Protect",
        Some("restrict") => "Restrict",
        _ => "Shutdown",
    };
    let held = config.static_macs.len();
    Reply::Text(format!(
        "Port Security              : {security}\n\
         Port Status                : {status}\n\
         Violation Mode             : {violation}\n\
         Aging Time                 : 0 mins\n\
         Aging Type                 : Absolute\n\
         SecureStatic Address Aging : Disabled\n\
         Maximum MAC Addresses      : {}\n\
         Total MAC Addresses        : {held}\n\
         Configured MAC Addresses   : {held}\n\
         Sticky MAC Addresses       : 0\n\
         Last Source Address:Vlan   : 0000.0000.0000:0\n\
         Security Violation Count   : 0\n\
         \n",
        config.max_mac
    ))
}

pub(super) fn interfaces_status(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text =
        "\nPort         Name               Status       Vlan       Duplex  Speed Type\n".to_owned();
    for port in 1..=visit.device.ports {
        let config = visit.running().port(port);
        let status = if config.enabled { "connected" } else { "disabled" };
        let name: String = config.description.unwrap_or_default().chars().take(18).collect();
        put!(
            text,
            "{:<13}{name:<19}{status:<13}{:<11}a-full a-1000 10/100/1000BaseTX",
            Personality::Ios.short_port_name(port),
            config.access_vlan
        );
    }
    Reply::Text(text)
}

/// Names in the ports column of `show vlan brief`, as many as IOS puts on a line.
const PORTS_ON_A_LINE: usize = 4;

pub(super) fn vlan_brief(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let mut text = "\nVLAN Name                             Status    Ports\n\
                    ---- -------------------------------- --------- -------------------------------\n"
        .to_owned();
    let running = visit.running();
    for vlan in std::iter::once(1).chain(running.vlans.keys().copied()) {
        let ports = running.ports_in_vlan(vlan, visit.device.ports);
        let names: Vec<_> = ports.into_iter().map(|port| Personality::Ios.short_port_name(port)).collect();
        let rows: Vec<_> = names.chunks(PORTS_ON_A_LINE).map(|row| row.join(", ")).collect();
        let first = rows.first().map_or("", String::as_str);
        put!(text, "{vlan:<4} {:<32} active    {first}", running.vlan_name(vlan));
        for row in rows.iter().skip(1) {
            put!(text, "{:48}{row}", "");
        }
    }
    Reply::Text(text)
}
