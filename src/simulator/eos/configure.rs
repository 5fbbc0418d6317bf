//! Configuration mode of EOS: what each line does to the running configuration, or to the session's copy.

use std::sync::LazyLock;

use super::super::command::{self, Action, Mode, Reply, Visit};
use super::super::configuration::StaticMac;
use super::super::grammar::{Arguments, Grammar};
use super::{port, session, show};

/// Understood in every configuration mode; so is each exec command that shows or saves.
const EVERYWHERE: &[(&str, Action)] = &[
    ("end", end),
    ("exit", exit),
    ("commit", session::commit),
    ("commit timer WORD", session::commit_for_a_time),
    ("abort", session::abort),
    ("show LINE", show_from_configuration),
    ("write", command::save),
    ("write memory", command::save),
];

const GLOBAL: &[(&str, Action)] = &[
    ("interface INTERFACE", command::enter_interface),
    ("default interface INTERFACE", default_interface),
    ("vlan <1-4094>", command::enter_vlan),
    ("no vlan <2-4094>", command::remove_vlan),
    ("policy-map type {quality-of-service|qos} WORD", policy_map),
    ("no policy-map type {quality-of-service|qos} WORD", no_policy_map),
    ("mac address-table static MAC vlan <1-4094> interface INTERFACE", static_mac),
    ("no mac address-table static MAC vlan <1-4094>", no_static_mac),
    ("no mac address-table static MAC vlan <1-4094> interface INTERFACE", no_static_mac),
];

const VLAN: &[(&str, Action)] = &[("name WORD", command::vlan_name), ("no name", command::no_vlan_name)];

const POLICY_MAP: &[(&str, Action)] =
    &[("class WORD", command::enter_class), ("no class WORD", command::remove_class)];

const POLICY_CLASS: &[(&str, Action)] = &[
    ("police rate <1-100000000000> {bps|kbps|mbps|gbps}", police_rate),
    (
        "police rate <1-100000000000> {bps|kbps|mbps|gbps} burst-size <1-128000000> {bytes|kbytes|mbytes}",
        police_rate_and_burst,
    ),
    ("no police", no_police),
    ("no police rate", no_police),
];

static IN_GLOBAL: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, GLOBAL]));
static IN_INTERFACE: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, port::COMMANDS]));
static IN_VLAN: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, VLAN]));
static IN_POLICY_MAP: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, POLICY_MAP]));
static IN_POLICY_CLASS: LazyLock<Grammar<Action>> =
    LazyLock::new(|| Grammar::new([EVERYWHERE, POLICY_CLASS]));

pub(super) fn grammar(mode: &Mode) -> &'static Grammar<Action> {
    match mode {
        Mode::Interface(_) => &IN_INTERFACE,
        Mode::Vlan(_) => &IN_VLAN,
        Mode::PolicyMap(_) => &IN_POLICY_MAP,
        Mode::PolicyClass { .. } | Mode::Police { .. } => &IN_POLICY_CLASS,
        Mode::Configure | Mode::User | Mode::Privileged | Mode::VlanDatabase | Mode::ClassMap(_) => {
            &IN_GLOBAL
        }
    }
}

/// A session left this way stays pending.
fn end(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.candidate = None;
    visit.line.mode = Mode::Privileged;
    Reply::Silence
}

fn exit(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    match visit.line.mode.parent().filter(Mode::is_configuration) {
        Some(parent) => {
            visit.line.mode = parent;
            Reply::Silence
        }
        None => end(visit, arguments),
    }
}

fn show_from_configuration(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    if arguments.text(0) == "active" {
        return show::active(visit);
    }
    let mode = std::mem::replace(&mut visit.line.mode, Mode::Privileged);
    let reply = super::run(visit, &format!("show {}", arguments.text(0)));
    visit.line.mode = mode;
    reply
}

fn default_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.configuration().reset_port(arguments.port(0));
    Reply::Silence
}

/// Every map has its class-default from the start.
fn policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let map = arguments.text(1).to_owned();
    let classes = visit.configuration().policies.entry(map.clone()).or_default();
    classes.entry("class-default".to_owned()).or_default();
    visit.line.mode = Mode::PolicyMap(map);
    Reply::Silence
}

fn no_policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.configuration().policies.remove(arguments.text(1));
    Reply::Silence
}

fn police_rate(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    command::set_policer(visit, Some(format!("rate {} {}", arguments.number(0), arguments.text(1))))
}

fn police_rate_and_burst(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let (rate, unit) = (arguments.number(0), arguments.text(1));
    let (burst, size) = (arguments.number(2), arguments.text(3));
    command::set_policer(visit, Some(format!("rate {rate} {unit} burst-size {burst} {size}")))
}

fn no_police(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    command::set_policer(visit, None)
}

/// One entry for an address in a VLAN: a second one moves it.
fn static_mac(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    no_static_mac(visit, arguments);
    let entry =
        StaticMac { mac: arguments.text(0).to_owned(), vlan: arguments.small(1), port: arguments.port(2) };
    visit.configuration().mac_table.push(entry);
    Reply::Silence
}

fn no_static_mac(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let (mac, vlan) = (arguments.text(0), arguments.small(1));
    visit.configuration().mac_table.retain(|entry| entry.mac != mac || entry.vlan != vlan);
    Reply::Silence
}
