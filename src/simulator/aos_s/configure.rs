//! The contexts that change an AOS-S switch: global, a port's, a VLAN's.

use std::sync::LazyLock;

use super::super::command::{self, Action, Mode, Reply, Visit};
use super::super::grammar::{Arguments, Grammar};
use super::security;

const EVERYWHERE: &[(&str, Action)] = &[("end", command::end), ("exit", command::exit)];

const GLOBAL: &[(&str, Action)] = &[
    ("interface INTERFACE", command::enter_interface),
    ("interface INTERFACE enable", enable),
    ("interface INTERFACE disable", disable),
    ("interface INTERFACE rate-limit all in kbps <0-100000000>", limit_in),
    ("interface INTERFACE rate-limit all out kbps <0-100000000>", limit_out),
    ("no interface INTERFACE rate-limit all in", no_limit_in),
    ("no interface INTERFACE rate-limit all out", no_limit_out),
    ("vlan <1-4094>", command::enter_vlan),
    ("vlan <1-4094> untagged INTERFACE", vlan_untagged),
    ("no vlan <2-4094>", command::remove_vlan),
    ("no vlan <2-4094> untagged INTERFACE", no_vlan_untagged),
    ("port-security INTERFACE LINE", security::set),
    ("no port-security INTERFACE", security::clear),
    ("no port-security INTERFACE mac-address MAC", security::remove),
];

const INTERFACE: &[(&str, Action)] = &[("name LINE", name)];

const VLAN: &[(&str, Action)] = &[("untagged INTERFACE", untagged), ("no untagged INTERFACE", no_untagged)];

static IN_GLOBAL: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, GLOBAL]));
static IN_INTERFACE: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, INTERFACE]));
static IN_VLAN: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, VLAN]));

pub(super) fn grammar(mode: &Mode) -> &'static Grammar<Action> {
    match mode {
        Mode::Interface(_) => &IN_INTERFACE,
        Mode::Vlan(_) => &IN_VLAN,
        Mode::Configure
        | Mode::User
        | Mode::Privileged
        | Mode::VlanDatabase
        | Mode::ClassMap(_)
        | Mode::PolicyMap(_)
        | Mode::PolicyClass { .. }
        | Mode::Police { .. } => &IN_GLOBAL,
    }
}

fn enable(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit(arguments.port(0), |port| port.enabled = true)
}

fn disable(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit(arguments.port(0), |port| port.enabled = false)
}

fn name(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let (port, text) = (visit.port(), arguments.text(0).trim_matches('"').to_owned());
    visit.edit(port, |port| port.description = Some(text))
}

fn limit_in(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit(arguments.port(0), |port| port.limit_kbps = Some(arguments.number(1)))
}

fn limit_out(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit(arguments.port(0), |port| port.shape_kbps = Some(arguments.number(1)))
}

fn no_limit_in(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit(arguments.port(0), |port| port.limit_kbps = None)
}

fn no_limit_out(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.edit(arguments.port(0), |port| port.shape_kbps = None)
}

/// A port is untagged in one VLAN: it leaves the one before.
fn vlan_untagged(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let vlan = arguments.small(0);
    if !visit.configuration().has_vlan(vlan) {
        return Reply::line(format!("VLAN {vlan} not found."));
    }
    visit.edit(arguments.port(1), |port| port.access_vlan = vlan)
}

fn no_vlan_untagged(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    leave_vlan(visit, arguments.small(0), arguments.port(1))
}

fn untagged(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    match visit.line.mode {
        Mode::Vlan(vlan) => visit.edit(arguments.port(0), |port| port.access_vlan = vlan),
        _ => Reply::Silence,
    }
}

fn no_untagged(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    match visit.line.mode {
        Mode::Vlan(vlan) => leave_vlan(visit, vlan, arguments.port(0)),
        _ => Reply::Silence,
    }
}

/// A port is never in no VLAN: it falls back to the default one.
fn leave_vlan(visit: &mut Visit<'_>, vlan: u16, port: u16) -> Reply {
    visit.edit(port, |port| {
        if port.access_vlan == vlan {
            port.access_vlan = 1;
        }
    })
}
