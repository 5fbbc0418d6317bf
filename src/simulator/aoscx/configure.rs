//! Configuration mode of AOS-CX: VLANs, classes and policies. Everything is live at once.

use std::sync::LazyLock;

use super::super::command::{self, Action, Mode, Reply, Visit};
use super::super::grammar::{Arguments, Grammar};
use super::port;

/// Understood in every configuration mode; so is each command that shows or saves.
const EVERYWHERE: &[(&str, Action)] = &[("end", command::end), ("exit", exit)];

const GLOBAL: &[(&str, Action)] = &[
    ("interface INTERFACE", command::enter_interface),
    ("vlan <1-4094>", command::enter_vlan),
    ("no vlan <2-4094>", command::remove_vlan),
    ("class mac WORD", class),
    ("policy WORD", policy),
    ("no policy WORD", no_policy),
    ("port-access port-security enable", command::silence),
    ("no port-access port-security enable", command::silence),
];

const VLAN: &[(&str, Action)] = &[("name WORD", command::vlan_name)];

const CLASS: &[(&str, Action)] = &[("<1-4294967295> match any any any", command::silence)];

const POLICY: &[(&str, Action)] = &[
    ("<1-4294967295> class mac WORD action cir kbps <1-4294967295> cbs <1-4294967295> exceed drop", police),
    ("no <1-4294967295>", no_police),
];

static IN_GLOBAL: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, GLOBAL]));
static IN_INTERFACE: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, port::COMMANDS]));
static IN_VLAN: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, VLAN]));
static IN_CLASS: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, CLASS]));
static IN_POLICY: LazyLock<Grammar<Action>> = LazyLock::new(|| Grammar::new([EVERYWHERE, POLICY]));

pub(super) fn grammar(mode: &Mode) -> &'static Grammar<Action> {
    match mode {
        Mode::Interface(_) => &IN_INTERFACE,
        Mode::Vlan(_) => &IN_VLAN,
        Mode::PolicyMap(_) => &IN_POLICY,
        Mode::PolicyClass { .. } | Mode::Police { .. } => &IN_CLASS,
        Mode::Configure | Mode::User | Mode::Privileged | Mode::VlanDatabase | Mode::ClassMap(_) => {
            &IN_GLOBAL
        }
    }
}

/// From every context one is back in the global one, and from there out of the configuration mode.
fn exit(visit: &mut Visit<'_>, _: &Arguments) -> Reply {
    visit.line.mode = if visit.line.mode == Mode::Configure { Mode::Privileged } else { Mode::Configure };
    Reply::Silence
}

fn class(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let class = arguments.text(0).to_owned();
    visit.line.mode = Mode::PolicyClass { map: String::new(), class };
    Reply::Silence
}

fn policy(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let name = arguments.text(0).to_owned();
    visit.configuration().policies.entry(name.clone()).or_default();
    visit.line.mode = Mode::PolicyMap(name);
    Reply::Silence
}

fn no_policy(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    visit.configuration().policies.remove(arguments.text(0));
    Reply::Silence
}

/// Entries have numbers; a second one of the same number takes the first one's place.
fn police(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    let (number, class) = (arguments.number(0), arguments.text(1));
    let policer = format!(
        "class mac {class} action cir kbps {} cbs {} exceed drop",
        arguments.number(2),
        arguments.number(3)
    );
    entry(visit, number, Some(policer))
}

fn no_police(visit: &mut Visit<'_>, arguments: &Arguments) -> Reply {
    entry(visit, arguments.number(0), None)
}

fn entry(visit: &mut Visit<'_>, number: u64, policer: Option<String>) -> Reply {
    if let Mode::PolicyMap(name) = visit.line.mode.clone() {
        let entries = visit.configuration().policies.entry(name).or_default();
        match policer {
            Some(policer) => drop(entries.insert(number.to_string(), Some(policer))),
            None => drop(entries.remove(&number.to_string())),
        }
    }
    Reply::Silence
}
