//! Configuration mode of IOS: what each line does to the running configuration, and which lines are refused.

use std::sync::LazyLock;

use super::super::command::{self, Action, Mode, Reply, Visit};
use super::super::grammar::{Arguments, Grammar};
use super::port;

/// Understood in every configuration mode.
const EVERYWHERE: &[(&str, Action)] = &[("end", end), ("exit", exit), ("do LINE", do_exec)];

const GLOBAL: &[(&str, Action)] = &[
    ("interface INTERFACE", command::enter_interface),
    ("default interface INTERFACE", default_interface),
    ("vlan <1-4094>", command::enter_vlan),
    ("no vlan <2-4094>", command::remove_vlan),
    ("policy-map WORD", policy_map),
    ("no policy-map WORD", no_policy_map),
    ("no ip domain-lookup", command::silence),
    ("no logging console", command::silence),
];

const VLAN: &[(&str, Action)] = &[("name WORD", vlan_name), ("no name", no_vlan_name)];

const POLICY_MAP: &[(&str, Action)] = &[("class WORD", class), ("no class WORD", command::remove_class)];

const POLICY_CLASS: &[(&str, Action)] = &[
    ("police <8000-100000000000>", police),
    ("police <8000-100000000000> <1000-512000000>", police),
    ("police <8000-100000000000> <1000-512000000> exceed-action drop", police),
    ("police cir <8000-100000000000>", police),
    ("police cir <8000-100000000000> bc <1000-512000000>", police),
    ("no police", no_police),
    ("no police cir <8000-100000000000>", no_police),
];

const POLICE: &[(&str, Action)] = &[
    ("conform-action transmit", command::silence),
    ("exceed-action drop", command::silence),
    ("violate-action drop", command::silence),
];

static IN_GLOBAL: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, GLOBAL]));
static IN_INTERFACE: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, port::COMMANDS]));
static IN_VLAN: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, VLAN]));
static IN_POLICY_MAP: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, POLICY_MAP]));
static IN_POLICY_CLASS: LazyLock<Grammar<Action>> =
    LazyLock::new(|| Grammar::new([EVERYWHERE, POLICY_CLASS]));
static IN_POLICE: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, POLICE]));

pub(super) fn grammar(mode: &Mode) -> &'static Grammar<Action> {
    match mode {
        Mode::Interface(_) => &IN_INTERFACE,
        Mode::Vlan(_) => &IN_VLAN,
        Mode::PolicyMap(_) => &IN_POLICY_MAP,
        Mode::PolicyClass { .. } => &IN_POLICY_CLASS,
        Mode::Police { .. } => &IN_POLICE,
        Mode::Configure | Mode::User | Mode::Privileged | Mode::VlanDatabase | Mode::ClassMap(_) => {
            &IN_GLOBAL
        }
    }
}

fn end(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    leave_to(visit, Mode::Privileged)
}

fn exit(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    let parent = visit.line.mode.parent().unwrap_or(Mode::Privileged);
    leave_to(visit, parent)
}

/// Leaving configuration mode gives the configuration lock back.
fn leave_to(visit: &mut Visit<'_>, mode: Mode) -> Reply {
    if !mode.is_configuration() && visit.device.lock_holder == Some(visit.line.session) {
        visit.device.lock_holder = None;
    }
    visit.line.mode = mode;
    Reply::Silence
}

fn do_exec(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let mode = std::mem::replace(&mut visit.line.mode, Mode::Privileged);
    let reply = super::run(visit, arguments.text(0));
    visit.line.mode = mode;
    reply
}

fn default_interface(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let port = arguments.port(0);
    visit.configuration().reset_port(port);
    let name = visit.device.personality.port_name(port);
    Reply::line(format!("Interface {name} set to default configuration"))
}

fn vlan_name(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    name_vlan(visit, arguments, command::vlan_name)
}

fn no_vlan_name(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    name_vlan(visit, arguments, command::no_vlan_name)
}

fn name_vlan(visit: &mut Visit<'_>, arguments: &Arguments, name: Action) -> Reply {
    if visit.line.mode == Mode::Vlan(1) {
        return Reply::line("Default VLAN 1 may not have its name changed.");
    }
    name(visit, arguments)
}

fn policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let map = arguments.text(0).to_owned();
    visit.configuration().policies.entry(map.clone()).or_default();
    visit.line.mode = Mode::PolicyMap(map);
    Reply::Silence
}

fn no_policy_map(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let map = arguments.text(0);
    if visit.configuration().policies.remove(map).is_none() {
        return Reply::line(format!("% policy map {map} not configured"));
    }
    Reply::Silence
}

fn class(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let class = arguments.text(0);
    if class != "class-default" {
        return Reply::line(format!("% class map {class} not configured"));
    }
    command::enter_class(visit, arguments)
}

/// Every spelling is kept, and printed, as a committed information rate.
fn police(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let rate = arguments.number(0);
    command::set_policer(visit, Some(format!("cir {rate}")));
    if let Mode::PolicyClass { map, class } = visit.line.mode.clone() {
        visit.line.mode = Mode::Police { map, class };
    }
    Reply::Silence
}

fn no_police(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    command::set_policer(visit, None)
}
