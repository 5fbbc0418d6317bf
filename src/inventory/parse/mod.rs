//! Reads an inventory file: a text becomes [`Wanted`], or all of its faults.
//!
//! The file is walked as a tree with positions rather than deserialised: that would stop at the first fault, and know
//! no line for most. What needs the store is not checked here.

mod jump_host;
mod partner;
mod removal;
mod rules;
mod switch;
#[cfg(test)]
mod tests;

use super::fault::{Fault, Faults, Place, Placed};
use super::item::Item;
use super::secrets::SecretSource;
use super::table::{Table, Walk};
use super::wanted::Wanted;
use jump_host::JumpHosts;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use switchyard_actors::domain::record::Key;
use toml::de::DeTable;

/// What a file is checked against, beside itself.
pub struct Surroundings<'a> {
    /// The names of the platform files.
    pub platforms: &'a [String],
    /// Where `env:` and `file:` lead.
    pub secrets: &'a dyn SecretSource,
}

const SECTIONS: &[&str] = &["partner", "unit", "plan", "jump_host", "switch", "remove"];

/// Reads a file whole.
///
/// # Errors
/// [`Faults`], all of them, each with its line and key.
pub fn parse(file: &str, text: &str, around: &Surroundings<'_>) -> Result<Wanted, Faults> {
    let walk = Walk::over(text);
    let (root, broken) = DeTable::parse_recoverable(text);
    if !broken.is_empty() {
        let faults = broken.iter().map(|error| not_toml(&walk, error)).collect();
        return Err(Faults::new(file, faults));
    }
    let wanted = read_sections(&Table::root(&walk, root.get_ref(), SECTIONS), around);
    refuse_twice(&walk, &wanted);
    refuse_items_of_what_goes(&walk, &wanted);
    let faults = walk.into_faults();
    if faults.is_empty() {
        Ok(Wanted { file: file.to_owned(), ..wanted })
    } else {
        Err(Faults::new(file, faults))
    }
}

/// What the parser says of a text that isn't TOML: its words only, since the text may hold secrets.
fn not_toml(walk: &Walk, error: &toml::de::Error) -> Fault {
    let at = walk.place(error.span().unwrap_or_default(), "TOML".to_owned());
    let text = error.message().lines().collect::<Vec<_>>().join("; ");
    Fault { at, text }
}

fn read_sections(root: &Table<'_>, around: &Surroundings<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    for value in root.items("partner", "[[partner]] sections") {
        wanted.items.extend(partner::read_partner(&value, around));
    }
    for value in root.items("unit", "[[unit]] sections") {
        wanted.items.extend(partner::read_unit(&value));
    }
    for value in root.items("plan", "[[plan]] sections") {
        wanted.items.extend(partner::read_plan(&value));
    }
    let jump_hosts = JumpHosts::read(&root.items("jump_host", "[[jump_host]] sections"));
    for value in root.items("switch", "[[switch]] sections") {
        switch::read_switch(&value, around, &jump_hosts, &mut wanted.items);
    }
    jump_hosts.refuse_unused();
    if let Some(value) = root.get("remove") {
        wanted.removals = removal::read_removals(&value);
    }
    wanted
}

/// Nothing may be stated twice, removed twice, or stated and removed.
fn refuse_twice(walk: &Walk, wanted: &Wanted) {
    let mut named = FirstPlaces::default();
    let mut api_keys = FirstPlaces::default();
    for statement in &wanted.items {
        if let Some(first) = named.earlier(statement.is.key(), &statement.at) {
            walk.fault(
                statement.at.clone(),
                format!("{} is stated on line {first} already", noun(&statement.is)),
            );
        }
        let at = statement.reference_place();
        if let Some(first) = statement.is.api_key().and_then(|hash| api_keys.earlier(hash, at)) {
            walk.fault(at.clone(), format!("another partner has the same API key, on line {first}"));
        }
    }
    for Placed { is, at } in &wanted.removals {
        if let Some(first) = named.earlier(is.key(), at) {
            walk.fault(at.clone(), format!("is stated or removed on line {first} already"));
        }
    }
}

/// What is removed takes along what hangs on it, so nothing that the file states may need it.
fn refuse_items_of_what_goes(walk: &Walk, wanted: &Wanted) {
    let going: HashMap<Key, usize> = wanted.removals.iter().map(|r| (r.is.key(), r.at.line)).collect();
    for statement in wanted.items.iter().filter(|_| !going.is_empty()) {
        if let Some(line) = statement.is.refers_to().and_then(|key| going.get(&key)) {
            walk.fault(statement.reference_place().clone(), format!("needs what line {line} removes"));
        }
    }
}

fn noun(item: &Item) -> &'static str {
    match item {
        Item::Partner(_) => "a partner with this id",
        Item::Unit(_) => "a unit with this id",
        Item::Plan(_) => "a plan with this id",
        Item::Switch(_) => "a switch with this name",
        Item::Port(_) => "this port",
        Item::Location(_) => "this location hash",
    }
}

/// Where each thing was first seen.
struct FirstPlaces<K>(HashMap<K, usize>);

impl<K> Default for FirstPlaces<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Hash + Eq> FirstPlaces<K> {
    fn earlier(&mut self, thing: K, at: &Place) -> Option<usize> {
        match self.0.entry(thing) {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(empty) => {
                empty.insert(at.line);
                None
            }
        }
    }
}
