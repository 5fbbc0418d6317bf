//! The configuration of Junos as its `set` lines: what may be said, what replaces what, and what a commit finds wrong.
//! Beside that, how a port looks in the terms that all personalities share.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::super::configuration::{Configuration, PortConfig};
use super::super::personality::Personality;

pub(super) const RELEASE: &str = "20.4R3.8";

/// What a second statement of the same path does to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is there or not.
    Flag,
    /// The last word is a value, and a new one replaces it.
    Leaf,
    /// The last word is one of many.
    List,
}

const SCHEMA: &[(&str, Kind)] = &[
    ("interfaces INTERFACE disable", Kind::Flag),
    ("interfaces INTERFACE description TEXT", Kind::Leaf),
    ("interfaces INTERFACE unit 0 family ethernet-switching", Kind::Flag),
    ("interfaces INTERFACE unit 0 family ethernet-switching interface-mode MODE", Kind::Leaf),
    ("interfaces INTERFACE unit 0 family ethernet-switching vlan members WORD", Kind::List),
    ("interfaces INTERFACE unit 0 family ethernet-switching filter input WORD", Kind::Leaf),
    ("class-of-service interfaces INTERFACE shaping-rate RATE", Kind::Leaf),
    ("firewall policer WORD if-exceeding bandwidth-limit RATE", Kind::Leaf),
    ("firewall policer WORD if-exceeding burst-size-limit RATE", Kind::Leaf),
    ("firewall policer WORD then discard", Kind::Flag),
    ("firewall family ethernet-switching filter WORD term WORD from source-mac-address MAC", Kind::List),
    ("firewall family ethernet-switching filter WORD term WORD then policer WORD", Kind::Leaf),
    ("firewall family ethernet-switching filter WORD term WORD then DECISION", Kind::Leaf),
    ("vlans WORD vlan-id VLAN", Kind::Leaf),
    ("vlans WORD description TEXT", Kind::Leaf),
];

/// In the order in which the device prints them.
const TOP: [&str; 4] = ["interfaces", "class-of-service", "firewall", "vlans"];

fn fits(slot: &str, word: &str) -> bool {
    match slot {
        "INTERFACE" => is_interface(word),
        "WORD" | "TEXT" => true,
        "MODE" => ["access", "trunk"].contains(&word),
        "DECISION" => ["accept", "discard"].contains(&word),
        "RATE" => is_rate(word),
        "MAC" => mac_of(word).is_some(),
        "VLAN" => word.parse().is_ok_and(|vlan: u16| (1..=4094).contains(&vlan)),
        keyword => keyword == word,
    }
}

/// Any name of an interface is taken, whether or not the device has it.
fn is_interface(word: &str) -> bool {
    let Some((kind, place)) = word.split_once('-') else { return false };
    let numbers = place.split('/').collect::<Vec<_>>();
    let is_number = |text: &&str| text.parse::<u16>().is_ok();
    ["ge", "xe", "et", "mge"].contains(&kind) && numbers.len() == 3 && numbers.iter().all(is_number)
}

fn is_rate(word: &str) -> bool {
    kbps_of(word).is_some()
}

/// `100m`, `20000k`, `64000`, in kbit/s.
fn kbps_of(word: &str) -> Option<u64> {
    let digits = word.trim_end_matches(['k', 'm', 'g']);
    let number: u64 = digits.parse().ok()?;
    match &word[digits.len()..] {
        "" => Some(number / 1_000),
        "k" => Some(number),
        "m" => Some(number * 1_000),
        "g" => Some(number * 1_000_000),
        _ => None,
    }
}

/// The twelve digits of `00:11:22:33:44:55/48`; the length may be left out.
fn mac_of(word: &str) -> Option<String> {
    let address = word.strip_suffix("/48").unwrap_or(word);
    let is_group = |group: &str| group.len() == 2 && group.chars().all(|c| c.is_ascii_hexdigit());
    let is_mac = address.split(':').count() == 6 && address.split(':').all(is_group);
    is_mac.then(|| address.replace(':', "").to_ascii_lowercase())
}

/// One statement that may be set.
#[derive(Debug)]
pub(super) struct Statement {
    words: Vec<String>,
    kind: Kind,
}

/// Reads what stands behind `set`.
///
/// # Errors
/// The column of the word that fits nothing, or of the end.
pub(super) fn read(path: &str) -> Result<Statement, usize> {
    let words: Vec<&str> = path.split_whitespace().collect();
    let row = SCHEMA.iter().find(|(syntax, _)| {
        let slots: Vec<_> = syntax.split(' ').collect();
        slots.len() == words.len() && slots.iter().zip(&words).all(|(slot, word)| fits(slot, word))
    });
    let (_, kind) = row.ok_or_else(|| furthest(path, &words))?;
    Ok(Statement { words: words.iter().map(|word| stored(word)).collect(), kind: *kind })
}

/// An address is kept with its length.
fn stored(word: &str) -> String {
    match mac_of(word) {
        Some(_) if !word.ends_with("/48") => format!("{}/48", word.to_ascii_lowercase()),
        Some(_) => word.to_ascii_lowercase(),
        None => word.to_owned(),
    }
}

/// Reads what stands behind `delete`: the beginning of something that may be set.
///
/// # Errors
/// The column of the word that fits nothing.
pub(super) fn read_path(path: &str) -> Result<(), usize> {
    let words: Vec<&str> = path.split_whitespace().collect();
    let longest = matched(&words);
    if longest == words.len() && !words.is_empty() { Ok(()) } else { Err(column(path, &words, longest)) }
}

fn matched(words: &[&str]) -> usize {
    let fitting =
        |syntax: &str| syntax.split(' ').zip(words).take_while(|(slot, word)| fits(slot, word)).count();
    SCHEMA.iter().map(|(syntax, _)| fitting(syntax)).max().unwrap_or(0)
}

fn furthest(path: &str, words: &[&str]) -> usize {
    column(path, words, matched(words))
}

fn column(path: &str, words: &[&str], place: usize) -> usize {
    words.get(place).and_then(|word| path.find(word)).unwrap_or(path.len())
}

/// The lines, without `set`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Statements(BTreeSet<Vec<String>>);

impl Statements {
    pub(super) fn set(&mut self, statement: Statement) {
        let Statement { words, kind } = statement;
        if kind == Kind::Leaf {
            let path = &words[..words.len() - 1];
            self.0.retain(|other| other.len() != words.len() || !other.starts_with(path));
        }
        self.0.insert(words);
    }

    /// How many were deleted.
    pub(super) fn delete(&mut self, path: &str) -> usize {
        let path: Vec<String> = path.split_whitespace().map(stored).collect();
        let before = self.0.len();
        self.0.retain(|statement| !statement.starts_with(&path));
        before - self.0.len()
    }

    /// The last word of the first statement that begins so.
    fn value(&self, path: &str) -> Option<&str> {
        self.values(path).next()
    }

    fn values(&self, path: &str) -> impl Iterator<Item = &str> {
        let path: Vec<String> = path.split(' ').map(str::to_owned).collect();
        let found = self.0.iter().filter(move |one| one.len() == path.len() + 1 && one.starts_with(&path));
        found.filter_map(|statement| statement.last()).map(String::as_str)
    }

    fn has(&self, path: &str) -> bool {
        self.0.iter().any(|statement| statement.join(" ").starts_with(path))
    }

    pub(in super::super) fn has_vlan(&self, vlan: u16) -> bool {
        let is_its = |one: &Vec<String>| {
            one.first().is_some_and(|top| top == "vlans")
                && one.ends_with(&["vlan-id".to_owned(), vlan.to_string()])
        };
        self.0.iter().any(is_its)
    }

    /// As `display set` prints it; of a part of it only that, and without the version.
    pub(super) fn shown(&self, name: &str, part: &str) -> String {
        let mut text = String::new();
        if part.is_empty() {
            text = format!("set version {RELEASE}\nset system host-name {name}\n");
        }
        for top in TOP {
            let lines = self.0.iter().filter(|statement| statement.first().is_some_and(|first| first == top));
            for line in lines.map(|statement| statement.join(" ")).filter(|line| is_within(line, part)) {
                writeln!(text, "set {line}").expect("a String takes every write");
            }
        }
        text
    }

    /// What a commit says is wrong: names that nothing is defined for.
    pub(super) fn faults(&self) -> String {
        let mut text = String::new();
        for statement in &self.0 {
            let words: Vec<_> = statement.iter().map(String::as_str).collect();
            let (path, missing) = match words[..] {
                [.., "filter", "input", name] => {
                    let is_there = self.has(&format!("firewall family ethernet-switching filter {name} "));
                    (
                        words.len() - 2,
                        (!is_there).then(|| ("input", format!("Referenced filter '{name}' is not defined"))),
                    )
                }
                [.., "then", "policer", name] => {
                    let is_there = self.has(&format!("firewall policer {name} "));
                    (
                        words.len() - 2,
                        (!is_there)
                            .then(|| ("policer", format!("Referenced policer '{name}' is not defined"))),
                    )
                }
                _ => continue,
            };
            if let Some((word, why)) = missing {
                let path = words[..path].join(" ");
                writeln!(text, "[edit {path}]\n  '{word}'\n    {why}").expect("a String takes every write");
            }
        }
        text
    }
}

fn is_within(line: &str, part: &str) -> bool {
    line.strip_prefix(part).is_some_and(|rest| part.is_empty() || rest.is_empty() || rest.starts_with(' '))
}

/// What is said of the port itself.
pub(in super::super) fn port_text(running: &Configuration, port: u16) -> String {
    let name = Personality::Junos.port_name(port);
    running.statements.shown("", &format!("interfaces {name}"))
}

fn switching(name: &str) -> String {
    format!("interfaces {name} unit 0 family ethernet-switching")
}

/// The port in the shared terms.
pub(in super::super) fn view(statements: &Statements, port: u16) -> PortConfig {
    let name = Personality::Junos.port_name(port);
    let family = switching(&name);
    let filter = statements.value(&format!("{family} filter input")).map(str::to_owned);
    let terms =
        filter.as_ref().map(|filter| format!("firewall family ethernet-switching filter {filter} term"));
    let of_filter =
        |words: &&Vec<String>| terms.as_ref().is_some_and(|terms| words.join(" ").starts_with(terms));
    let in_filter: Vec<_> = statements.0.iter().filter(of_filter).collect();
    let macs = in_filter.iter().filter(|words| words.iter().any(|word| word == "source-mac-address"));
    PortConfig {
        enabled: !statements.has(&format!("interfaces {name} disable")),
        description: statements.value(&format!("interfaces {name} description")).map(str::to_owned),
        mode_access: statements.value(&format!("{family} interface-mode")) == Some("access"),
        access_vlan: statements
            .value(&format!("{family} vlan members"))
            .map_or(1, |member| vlan_of(statements, member)),
        shape_kbps: statements
            .value(&format!("class-of-service interfaces {name} shaping-rate"))
            .and_then(kbps_of),
        port_security: in_filter.iter().any(|words| words.last().is_some_and(|word| word == "discard")),
        static_macs: macs.filter_map(|words| mac_of(words.last()?)).map(|digits| dotted(&digits)).collect(),
        service_policy_in: filter,
        ..PortConfig::factory(Personality::Junos)
    }
}

fn dotted(digits: &str) -> String {
    format!("{}.{}.{}", &digits[..4], &digits[4..8], &digits[8..])
}

/// A member is a number, or the name of a VLAN.
fn vlan_of(statements: &Statements, member: &str) -> u16 {
    let named =
        || statements.value(&format!("vlans {member} vlan-id")).and_then(|number| number.parse().ok());
    member.parse().ok().or_else(named).unwrap_or(1)
}

/// The reverse of [`view`], as far as somebody would type it.
pub(in super::super) fn put_port(statements: &mut Statements, port: u16, config: &PortConfig) {
    let name = Personality::Junos.port_name(port);
    let family = switching(&name);
    let own = format!("port-{port}");
    for path in [
        format!("interfaces {name}"),
        format!("class-of-service interfaces {name}"),
        format!("firewall family ethernet-switching filter {own}"),
    ] {
        statements.delete(&path);
    }
    let mut lines = Vec::new();
    if !config.enabled {
        lines.push(format!("interfaces {name} disable"));
    }
    if config.mode_access {
        lines.push(format!("{family} interface-mode access"));
    }
    if config.access_vlan != 1 {
        lines.push(format!("vlans vlan{0} vlan-id {0}", config.access_vlan));
        lines.push(format!("{family} vlan members {}", config.access_vlan));
    }
    lines.extend(
        config.shape_kbps.map(|kbps| format!("class-of-service interfaces {name} shaping-rate {kbps}k")),
    );
    let terms = format!("firewall family ethernet-switching filter {own} term");
    for mac in &config.static_macs {
        let digits = mac.replace('.', "");
        let pairs: Vec<_> = (0..6).map(|n| &digits[2 * n..2 * n + 2]).collect();
        lines.push(format!("{terms} known from source-mac-address {}/48", pairs.join(":")));
        lines.push(format!("{terms} known then accept"));
        lines.push(format!("{terms} rest then discard"));
    }
    let filter = if config.static_macs.is_empty() { config.service_policy_in.clone() } else { Some(own) };
    lines.extend(filter.map(|filter| format!("{family} filter input {filter}")));
    for line in lines {
        statements.set(read(&line).expect("it is one of the schema's"));
    }
}
