//! Templates of platform files: minijinja, strict about names, with the spellings that vendors want.

use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use std::collections::BTreeMap;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::ids::PortName;
use switchyard_actors::domain::text::MacAddress;

/// Compiled templates, by key.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("mac_dotted", mac_dotted);
        environment.add_filter("mac_halves", mac_halves);
        Self(environment)
    }
}

/// Twelve hexadecimal digits, from any spelling.
fn mac_digits(text: &str) -> Result<String, minijinja::Error> {
    let refused =
        |error| minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, format!("{text:?} {error}"));
    Ok(hex::encode(MacAddress::parse(text).map_err(refused)?.bytes()))
}

/// `001122-334455`, from any spelling.
fn mac_halves(text: String) -> Result<String, minijinja::Error> {
    let digits = mac_digits(&text)?;
    Ok(format!("{}-{}", &digits[..6], &digits[6..]))
}

/// `0011.2233.4455`, from any spelling.
fn mac_dotted(text: String) -> Result<String, minijinja::Error> {
    let digits = mac_digits(&text)?;
    Ok(format!("{}.{}.{}", &digits[..4], &digits[4..8], &digits[8..]))
}

impl Templates {
    /// Compiles one.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn add(&mut self, key: &str, text: &str) -> Result<(), String> {
        self.0.add_template_owned(key.to_owned(), text.to_owned()).map_err(|error| format!("{error:#}"))
    }

    /// Renders one line.
    ///
    /// # Errors
    /// What could not be rendered.
    pub fn line(
        &self,
        key: &str,
        port: &PortName,
        variables: &BTreeMap<String, String>,
    ) -> Result<String, String> {
        let values = context! { port => port.as_str(), var => Serde(variables) };
        let mut lines = self.render(key, values)?;
        if lines.len() == 1 {
            Ok(lines.remove(0))
        } else {
            Err(format!("{} lines where one is needed", lines.len()))
        }
    }

    /// Renders a block; blank lines are dropped.
    ///
    /// # Errors
    /// What could not be rendered.
    pub fn block(
        &self,
        key: &str,
        port: &PortName,
        want: &PortConfig,
        before: &PortConfig,
        variables: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, String> {
        let values = context! {
            port => port.as_str(),
            want => Serde(want),
            before => Serde(before),
            var => Serde(variables),
        };
        self.render(key, values)
    }

    /// Renders a comment, which knows its nonce alone.
    ///
    /// # Errors
    /// What could not be rendered.
    pub fn comment(text: &str, nonce: &str) -> Result<String, String> {
        let mut templates = Self::default();
        templates.add("comment", text)?;
        let lines = templates.render("comment", context! { nonce })?;
        lines.into_iter().next().ok_or_else(|| "no line".to_owned())
    }

    /// Renders one line that knows these values alone.
    ///
    /// # Errors
    /// What could not be rendered.
    pub fn once(text: &str, values: &BTreeMap<&str, String>) -> Result<String, String> {
        let mut templates = Self::default();
        templates.add("line", text)?;
        let mut lines = templates
            .render("line", Value::from_pairs(values.iter().map(|(name, value)| (*name, value.clone()))))?;
        if lines.len() == 1 { Ok(lines.remove(0)) } else { Err(format!("{text:?} must be one line")) }
    }

    fn render(&self, key: &str, values: Value) -> Result<Vec<String>, String> {
        let template = self.0.get_template(key).map_err(|error| error.to_string())?;
        let text = template.render(values).map_err(|error| format!("{error:#}"))?;
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
        match lines.iter().find(|line| line.chars().any(char::is_control)) {
            Some(line) => Err(format!("{line:?} has a control character")),
            None => Ok(lines.into_iter().map(str::to_owned).collect()),
        }
    }
}
