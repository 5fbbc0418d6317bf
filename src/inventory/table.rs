//! One table of the file, key by key: takes values, and notes every fault instead of stopping at the first.
//!
//! A value of the wrong type is named by its type, never shown: it may be a secret in the wrong place.

use super::fault::{Fault, LineIndex, Place};
use super::item::Item;
use super::wanted::Statement;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Collects faults while the file is walked.
pub(super) struct Walk {
    lines: LineIndex,
    faults: RefCell<Vec<Fault>>,
}

impl Walk {
    pub(super) fn over(text: &str) -> Self {
        Self { lines: LineIndex::of(text), faults: RefCell::default() }
    }

    pub(super) fn place(&self, span: Range<usize>, key: String) -> Place {
        Place { line: self.lines.line(span.start), key }
    }

    pub(super) fn fault(&self, at: Place, text: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { at, text: text.into() });
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }
}

/// A value and the way to it.
pub(super) struct Value<'a> {
    pub(super) walk: &'a Walk,
    pub(super) value: &'a Spanned<DeValue<'a>>,
    pub(super) path: String,
}

impl<'a> Value<'a> {
    pub(super) fn place(&self) -> Place {
        self.walk.place(self.value.span(), self.path.clone())
    }

    pub(super) fn fault(&self, text: impl Into<String>) {
        self.walk.fault(self.place(), text);
    }

    /// Says which type was seen, and which is accepted.
    pub(super) fn mismatch(&self, accepted: &str) {
        self.fault(format!("{} is not accepted: {accepted}", type_name(self.value.get_ref())));
    }

    pub(super) fn as_text(&self) -> Option<&'a str> {
        let text = self.value.get_ref().as_str();
        if text.is_none() {
            self.mismatch("a text in quotes");
        }
        text
    }

    /// A text, read by `parse`, whose error says what is accepted.
    pub(super) fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let text = self.as_text()?;
        parse(text).map_err(|why| self.fault(format!("{:?} is not accepted: {why}", shortened(text)))).ok()
    }

    /// As [`Self::parsed`], for texts that must not be shown.
    pub(super) fn parsed_unseen<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        parse(self.as_text()?).map_err(|why| self.fault(why.to_string())).ok()
    }

    pub(super) fn as_number(&self, accepted: &str, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let Some(integer) = self.value.get_ref().as_integer() else {
            self.mismatch(accepted);
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let fits = number.filter(|number| range.contains(number));
        if fits.is_none() {
            self.fault(format!("{} is not accepted: {accepted}", shortened(integer.as_str())));
        }
        fits
    }

    pub(super) fn as_table(&self, keys: &'static [&'static str], accepted: &str) -> Option<Table<'a>> {
        let DeValue::Table(entries) = self.value.get_ref() else {
            self.mismatch(accepted);
            return None;
        };
        let table =
            Table { walk: self.walk, entries, path: self.path.clone(), span: self.value.span(), keys };
        table.refuse_unknown_keys();
        Some(table)
    }

    /// The items of an array, each with its number, counted from 1, in its path.
    pub(super) fn items(&self, accepted: &str) -> Vec<Value<'a>> {
        let DeValue::Array(array) = self.value.get_ref() else {
            self.mismatch(accepted);
            return Vec::new();
        };
        let numbered = array.iter().zip(1..);
        numbered
            .map(|(value, n)| Value { walk: self.walk, value, path: format!("{}[{n}]", self.path) })
            .collect()
    }
}

/// A table whose keys are known.
pub(super) struct Table<'a> {
    walk: &'a Walk,
    entries: &'a DeTable<'a>,
    path: String,
    span: Range<usize>,
    keys: &'static [&'static str],
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(super) fn root(walk: &'a Walk, entries: &'a DeTable<'a>, keys: &'static [&'static str]) -> Self {
        let table = Self { walk, entries, path: String::new(), span: 0..0, keys };
        table.refuse_unknown_keys();
        table
    }

    pub(super) fn place(&self) -> Place {
        self.walk.place(self.span.clone(), self.path.clone())
    }

    pub(super) fn get(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(self.keys.contains(&key), "{key} would be refused as unknown");
        let value = self.entries.get(key)?;
        Some(Value { walk: self.walk, value, path: joined(&self.path, key) })
    }

    /// As [`Self::get`]; a fault where there is none.
    pub(super) fn need(&self, key: &'static str, accepted: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.missing(key, accepted);
        }
        value
    }

    pub(super) fn missing(&self, key: &str, accepted: &str) {
        let at = self.walk.place(self.span.clone(), joined(&self.path, key));
        self.walk.fault(at, format!("is missing: {accepted}"));
    }

    /// The items under a key; none where it isn't there.
    pub(super) fn items(&self, key: &'static str, accepted: &str) -> Vec<Value<'a>> {
        self.get(key).map(|value| value.items(accepted)).unwrap_or_default()
    }

    /// The item that this table states: named under `name`, referring to another under one of `references`.
    pub(super) fn statement(&self, is: Item, name: &'static str, references: &[&'static str]) -> Statement {
        let at = self.get(name).map_or_else(|| self.place(), |value| value.place());
        let reference = references.iter().find_map(|key| self.get(key));
        Statement { is, at, refers_at: reference.map(|value| Box::new(value.place())) }
    }

    fn refuse_unknown_keys(&self) {
        for key in self.entries.keys().filter(|key| !self.keys.contains(&key.get_ref().as_ref())) {
            let at = self.walk.place(key.span(), joined(&self.path, key.get_ref()));
            self.walk.fault(at, format!("is no key here; accepted: {}", self.keys.join(", ")));
        }
    }
}

/// A key as TOML writes it: in quotes where it needs them.
pub(super) fn joined(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let dot = if path.is_empty() { "" } else { "." };
    if bare { format!("{path}{dot}{key}") } else { format!("{path}{dot}{key:?}") }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Enough of a text to know it again.
fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
