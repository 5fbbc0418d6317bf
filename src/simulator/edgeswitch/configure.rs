//! The modes that change an EdgeSwitch: its VLAN database, global configuration, and differentiated services (classes and
//! policies, each policy for one direction).

use std::sync::LazyLock;

use super::super::command::{self, Action, Mode, Reply, Visit};
use super::super::grammar::{Arguments, Grammar};
use super::port;

const OUT: &[(&str, Action)] = &[("exit", command::exit)];

/// The VLAN database knows no `end`.
const END: &[(&str, Action)] = &[("end", command::end)];

const VLAN_DATABASE: &[(&str, Action)] = &[
    ("vlan <2-4093>", vlan),
    ("no vlan <2-4093>", command::remove_vlan),
    ("vlan name <2-4093> LINE", vlan_name),
];

const GLOBAL: &[(&str, Action)] = &[
    ("interface INTERFACE", command::enter_interface),
    ("port-security", port_security),
    ("no port-security", no_port_security),
    ("class-map match-all WORD", class_map),
    ("class-map match-all WORD ipv4", class_map),
    ("no class-map WORD", no_class_map),
    ("policy-map WORD {in|out}", policy_map),
    ("no policy-map WORD", no_policy_map),
];

const CLASS_MAP: &[(&str, Action)] = &[("match any", match_any)];

const POLICY_MAP: &[(&str, Action)] = &[("class WORD", class), ("no class WORD", command::remove_class)];

const POLICY_CLASS: &[(&str, Action)] = &[(
    "police-simple <1-4294967295> <1-128> conform-action {transmit|drop} violate-action {transmit|drop}",
    police_simple,
)];

static IN_GLOBAL: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([OUT, END, GLOBAL]));
static IN_INTERFACE: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([OUT, END, port::COMMANDS]));
static IN_VLAN_DATABASE: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([OUT, VLAN_DATABASE]));
static IN_CLASS_MAP: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([OUT, END, CLASS_MAP]));
static IN_POLICY_MAP: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([OUT, END, POLICY_MAP]));
static IN_POLICY_CLASS: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([OUT, END, POLICY_CLASS]));

pub(super) fn grammar(mode: &Mode) -> &'static Grammar<Action> {
    match mode {
        Mode::Interface(_) => &IN_INTERFACE,
        Mode::VlanDatabase | Mode::Vlan(_) => &IN_VLAN_DATABASE,
        Mode::ClassMap(_) => &IN_CLASS_MAP,
        Mode::PolicyMap(_) => &IN_POLICY_MAP,
        Mode::PolicyClass { .. } | Mode::Police { .. } => &IN_POLICY_CLASS,
        Mode::Configure | Mode::User | Mode::Privileged => &IN_GLOBAL,
    }
}

fn vlan(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.configuration().vlans.entry(arguments.small(0)).or_default();
    Reply::Silence
}

fn vlan_name(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(1).trim_matches('"').to_owned();
    visit.configuration().vlans.insert(arguments.small(0), Some(name));
    Reply::Silence
}

fn port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.configuration().port_security = true;
    Reply::Silence
}

fn no_port_security(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.configuration().port_security = false;
    Reply::Silence
}

fn class_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(0).to_owned();
    visit.configuration().classes.entry(name.clone()).or_default();
    visit.line.mode = Mode::ClassMap(name);
    Reply::Silence
}

fn no_class_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.configuration().classes.remove(arguments.text(0));
    Reply::Silence
}

fn match_any(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    if let Mode::ClassMap(name) = visit.line.mode.clone() {
        visit.configuration().classes.entry(name).or_default().insert("any".to_owned());
    }
    Reply::Silence
}

/// A policy keeps the direction that it was made for.
fn policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let (name, way) = (arguments.text(0).to_owned(), arguments.text(1).to_owned());
    let known = visit.configuration().directions.entry(name.clone()).or_insert_with(|| way.clone());
    if *known != way {
        return Reply::line("\nPolicy already exists with another type.");
    }
    visit.configuration().policies.entry(name.clone()).or_default();
    visit.line.mode = Mode::PolicyMap(name);
    Reply::Silence
}

fn no_policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(0);
    visit.configuration().policies.remove(name);
    visit.configuration().directions.remove(name);
    Reply::Silence
}

fn class(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    if !visit.configuration().classes.contains_key(arguments.text(0)) {
        return Reply::line("\nClass does not exist.");
    }
    command::enter_class(visit, arguments)
}

fn police_simple(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let (rate, burst) = (arguments.number(0), arguments.number(1));
    let (conform, violate) = (arguments.text(2), arguments.text(3));
    let policer = format!("-simple {rate} {burst} conform-action {conform} violate-action {violate}");
    command::set_policer(visit, Some(policer))
}
