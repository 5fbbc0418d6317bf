//! The `[[jump_host]]` sections: what switches of the same file are reached through. They are no items of the inventory:
//! each switch that names one gets it whole, so that no switch is ever left with a name that leads nowhere.

use super::rules;
use super::switch::{address, credentials, host_key};
use crate::inventory::fault::Place;
use crate::inventory::table::{Table, Value, Walk};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use switchyard_actors::domain::inventory::JumpHost;

const JUMP_HOST: &[&str] = &[
    "name",
    "host",
    "ssh_port",
    "username",
    "password",
    "private_key",
    "private_key_passphrase",
    "host_key",
];

/// One section; `None` in place of a jump host whose faults are noted already.
struct Section {
    at: Place,
    is: Option<Box<JumpHost>>,
}

/// Those of a file, by name.
pub(super) struct JumpHosts<'a> {
    walk: Option<&'a Walk>,
    by_name: HashMap<String, Section>,
    used: RefCell<HashSet<String>>,
}

impl<'a> JumpHosts<'a> {
    pub(super) fn read(sections: &[Value<'a>]) -> Self {
        let walk = sections.first().map(|section| section.walk);
        let mut hosts = Self { walk, by_name: HashMap::new(), used: RefCell::default() };
        for section in sections {
            hosts.add(section);
        }
        hosts
    }

    fn add(&mut self, value: &Value<'a>) {
        let Some(table) = value.as_table(JUMP_HOST, "a [[jump_host]] section") else { return };
        let named = table.need("name", "a word that switches refer to it by");
        let at = named.as_ref().map_or_else(|| table.place(), Value::place);
        let name = named.and_then(|name| name.parsed(rules::word));
        let read = read_jump_host(&table, name.clone());
        let Some(name) = name else { return };
        if let Some(first) = self.by_name.get(&name) {
            let line = first.at.line;
            return value
                .walk
                .fault(at, format!("a jump host with this name is stated on line {line} already"));
        }
        self.by_name.insert(name, Section { at, is: read.map(Box::new) });
    }

    /// The one that a switch names, if it names one.
    pub(super) fn named_by(&self, switch: &Table<'_>) -> Option<Box<JumpHost>> {
        let value = switch.get("jump_host")?;
        let name = value.parsed(rules::word)?;
        let Some(section) = self.by_name.get(&name) else {
            value.fault(format!("{name:?} is not accepted: the name of a [[jump_host]] in this file"));
            return None;
        };
        self.used.borrow_mut().insert(name);
        section.is.clone()
    }

    /// Stated alone, a jump host changes nothing, whatever its reader believes.
    pub(super) fn refuse_unused(&self) {
        let used = self.used.borrow();
        for (name, section) in self.by_name.iter().filter(|(name, _)| !used.contains(*name)) {
            let text = format!(
                "no [[switch]] of this file has jump_host = {name:?}; state those that go through it"
            );
            if let Some(walk) = self.walk {
                walk.fault(section.at.clone(), text);
            }
        }
    }
}

fn read_jump_host(table: &Table<'_>, name: Option<String>) -> Option<JumpHost> {
    let (address, credentials, host_key) = (address(table), credentials(table), host_key(table));
    let (host, ssh_port) = address?;
    Some(JumpHost { name: name?, host, ssh_port, credentials: credentials?, host_key })
}
