//! Reads the fields of a JSON object one by one, and gathers every fault on the way.
//!
//! A field that is `null` counts as absent where it may be absent, and as a fault of its type where it may not.
//! Fields that nobody asks for are not looked at.

use serde::Serialize;
use serde_json::{Map, Value};
use switchyard_actors::domain::text::{LocationHash, TextRefused};
use uuid::Uuid;

/// One fault of a request body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where: `["body"]`, or `["body", "<field>"]`.
    pub loc: Vec<&'static str>,
    /// For people.
    pub msg: String,
    /// For programs: a slug that stays the same.
    #[serde(rename = "type")]
    pub slug: &'static str,
}

impl Fault {
    /// A fault of the body as a whole.
    #[must_use]
    pub fn of_body(slug: &'static str, msg: impl Into<String>) -> Self {
        Self { loc: vec!["body"], msg: msg.into(), slug }
    }

    fn of_field(field: &'static str, problem: Problem) -> Self {
        Self { loc: vec!["body", field], msg: problem.msg, slug: problem.slug }
    }
}

/// What is wrong with a value, wherever it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    slug: &'static str,
    msg: String,
}

impl Problem {
    /// A problem.
    #[must_use]
    pub fn new(slug: &'static str, msg: impl Into<String>) -> Self {
        Self { slug, msg: msg.into() }
    }

    fn missing() -> Self {
        Self::new("missing", "Field is required")
    }
}

impl From<TextRefused> for Problem {
    fn from(refused: TextRefused) -> Self {
        let slug = match refused {
            TextRefused::Empty => "string_too_short",
            TextRefused::TooLong => "string_too_long",
            TextRefused::NotALocationHash => "string_pattern_mismatch",
            TextRefused::ControlCharacter
            | TextRefused::NotAMac
            | TextRefused::GroupMac
            | TextRefused::ZeroMac => "value_error",
        };
        Self::new(slug, format!("Value {refused}"))
    }
}

/// An object being read.
pub struct Fields<'a> {
    object: &'a Map<String, Value>,
    faults: Vec<Fault>,
}

impl<'a> Fields<'a> {
    /// Begins to read.
    ///
    /// # Errors
    /// One fault when the body isn't an object.
    pub fn of(body: &'a Value) -> Result<Self, Vec<Fault>> {
        match body {
            Value::Object(object) => Ok(Self { object, faults: Vec::new() }),
            _ => Err(vec![Fault::of_body("dict_type", "Request body must be a JSON object")]),
        }
    }

    /// A field that must be there, and not `null`. Nothing when it is faulty, which is noted.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, Problem>,
    ) -> Option<T> {
        let parsed = self.object.get(name).ok_or_else(Problem::missing).and_then(parse);
        self.noted(name, parsed)
    }

    /// A field that another field's value makes necessary: `null` is absent, and absent is a fault.
    pub fn needed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, Problem>,
    ) -> Option<T> {
        let parsed = self.present(name).ok_or_else(Problem::missing).and_then(parse);
        self.noted(name, parsed)
    }

    /// A field that may be absent or `null`: then it is `Some(None)`. Nothing when it is faulty, which is noted.
    #[allow(clippy::option_option)]
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, Problem>,
    ) -> Option<Option<T>> {
        let parsed = self.present(name).map(parse).transpose();
        self.noted(name, parsed)
    }

    /// Ends reading. `read` is nothing only when a fault was noted.
    ///
    /// # Errors
    /// Every fault, in the order in which the fields were read.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Vec<Fault>> {
        match read {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(self.faults),
        }
    }

    fn present(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn noted<T>(&mut self, name: &'static str, parsed: Result<T, Problem>) -> Option<T> {
        parsed.map_err(|problem| self.faults.push(Fault::of_field(name, problem))).ok()
    }
}

/// A UUID in its hyphenated form, in either case; the bare, braced and URN forms are refused.
///
/// # Errors
/// `uuid_type`, `uuid_parsing`.
pub fn uuid(value: &Value) -> Result<Uuid, Problem> {
    let text = value.as_str().ok_or_else(|| Problem::new("uuid_type", "Value must be a UUID string"))?;
    hyphenated(text)
        .ok_or_else(|| Problem::new("uuid_parsing", "Value must be a UUID in its hyphenated form"))
}

/// The hyphenated form is the only one of 36 characters.
pub fn hyphenated(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

/// A string.
///
/// # Errors
/// `string_type`.
pub fn text(value: &Value) -> Result<&str, Problem> {
    value.as_str().ok_or_else(|| Problem::new("string_type", "Value must be a string"))
}

/// A location hash.
///
/// # Errors
/// `string_type`, `string_pattern_mismatch`.
pub fn location_hash(value: &Value) -> Result<LocationHash, Problem> {
    Ok(LocationHash::parse(text(value)?)?)
}
