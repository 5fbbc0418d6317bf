//! What follows a bar after a `show` command: `| include`, `exclude`, `begin` and `section`.
//!
//! Pure: text in, text out. The keyword may be shortened, and the pattern is a regular expression.

use regex::Regex;

use super::grammar::is_start;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    Include,
    Exclude,
    Begin,
    Section,
}

const FILTERS: [(&str, Filter); 4] = [
    ("include", Filter::Include),
    ("exclude", Filter::Exclude),
    ("begin", Filter::Begin),
    ("section", Filter::Section),
];

/// Splits `show … | include x` into the command and what follows the bar.
pub(super) fn split(line: &str) -> (&str, Option<&str>) {
    match line.split_once('|') {
        Some((command, filter)) if is_show(command) => (command.trim_end(), Some(filter.trim())),
        _ => (line, None),
    }
}

fn is_show(command: &str) -> bool {
    let mut words = command.split_whitespace().skip_while(|word| *word == "do");
    words.next().is_some_and(|word| word.len() >= 2 && is_start(word, "show"))
}

/// `None` if there is no such filter, or the pattern is none.
pub(super) fn apply(text: &str, filter: &str) -> Option<String> {
    let (keyword, pattern) = filter.split_once(' ')?;
    let kind = FILTERS.iter().find(|(name, _)| is_start(keyword, name))?.1;
    let pattern = Regex::new(pattern.trim()).ok()?;
    let mut kept = String::new();
    let mut keeps_rest = false;
    for line in text.lines() {
        let hit = pattern.is_match(line);
        keeps_rest = match kind {
            Filter::Begin => keeps_rest || hit,
            Filter::Section => hit || (keeps_rest && line.starts_with(' ')),
            Filter::Include | Filter::Exclude => false,
        };
        let keep = match kind {
            Filter::Include => hit,
            Filter::Exclude => !hit,
            Filter::Begin | Filter::Section => keeps_rest,
        };
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "policy-map A\n class class-default\ninterface Gi1/0/1\n shutdown\nend\n";

    #[test]
    fn each_filter_keeps_what_its_name_says() {
        assert_eq!(apply(TEXT, "include shut").as_deref(), Some(" shutdown\n"));
        assert_eq!(apply(TEXT, "exc ^ [cs]").as_deref(), Some("policy-map A\ninterface Gi1/0/1\nend\n"));
        assert_eq!(apply(TEXT, "begin interface").as_deref(), Some("interface Gi1/0/1\n shutdown\nend\n"));
        assert_eq!(
            apply(TEXT, "section policy-map").as_deref(),
            Some("policy-map A\n class class-default\n")
        );
        assert_eq!(apply(TEXT, "sort x"), None);
    }

    #[test]
    fn only_show_commands_have_a_bar() {
        assert_eq!(split("sh run | inc vlan"), ("sh run", Some("inc vlan")));
        assert_eq!(split("do show run | section x"), ("do show run", Some("section x")));
        assert_eq!(split("description a | b"), ("description a | b", None));
    }
}
