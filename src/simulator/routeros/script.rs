//! The little of RouterOS's scripting language that one line of a client needs: statements parted by semicolons, a command's
//! menu, verb, selection and settings, and `:put` of texts and of what a command in brackets gives.
//!
//! Pure: text in, statements out.

/// One of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Put(Vec<Part>),
    Command(Command),
}

/// What `:put` joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Command(Command),
}

/// `/interface ethernet set [find name=ether7] disabled=no`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// `interface ethernet`
    pub menu: String,
    pub verb: String,
    /// Of `[find …]`, or behind `where`.
    pub selection: Vec<(String, String)>,
    pub settings: Vec<(String, String)>,
    /// Words without a value: what to get, how to print.
    pub words: Vec<String>,
}

const VERBS: [&str; 5] = ["set", "add", "remove", "print", "get"];

pub(super) fn parse(line: &str) -> Result<Vec<Statement>, String> {
    let statements = split(line, ';').into_iter().map(str::trim).filter(|text| !text.is_empty());
    statements.map(statement).collect()
}

fn statement(text: &str) -> Result<Statement, String> {
    match text.strip_prefix(":put ") {
        Some(value) => put(value.trim()).map(Statement::Put),
        None => command(text).map(Statement::Command),
    }
}

fn put(value: &str) -> Result<Vec<Part>, String> {
    let joined = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(value);
    split(joined, '.').into_iter().map(|part| one(part.trim())).collect()
}

fn one(part: &str) -> Result<Part, String> {
    match part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => command(inner.trim()).map(Part::Command),
        None => Ok(Part::Text(unquoted(part).to_owned())),
    }
}

fn command(text: &str) -> Result<Command, String> {
    let unknown = |word: &str| {
        let column = text.find(word).unwrap_or(0) + 1;
        format!("bad command name {word} (line 1 column {column})")
    };
    let path =
        text.strip_prefix('/').ok_or_else(|| unknown(text.split_whitespace().next().unwrap_or(text)))?;
    let words = split(path, ' ');
    let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let Some(place) = words.iter().position(|word| VERBS.contains(word)) else {
        return Err(unknown(words.last().unwrap_or(&path)));
    };
    let mut command =
        Command { menu: words[..place].join(" "), verb: words[place].to_owned(), ..Command::default() };
    let mut selects = false;
    for word in &words[place + 1..] {
        if let Some(found) = word.strip_prefix("[find").and_then(|rest| rest.strip_suffix(']')) {
            let pairs = split(found.trim(), ' ');
            command.selection.extend(pairs.into_iter().filter_map(pair));
        } else if *word == "where" {
            selects = true;
        } else if let Some(pair) = pair(word) {
            if selects { command.selection.push(pair) } else { command.settings.push(pair) }
        } else {
            command.words.push((*word).to_owned());
        }
    }
    Ok(command)
}

fn pair(word: &str) -> Option<(String, String)> {
    let (key, value) = word.split_once('=')?;
    Some((key.to_owned(), unquoted(value).to_owned()))
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// At each separator that stands in no quotes and no brackets.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut depth, mut quoted, mut begin, mut parts) = (0_u32, false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' | '(' if !quoted => depth += 1,
            ']' | ')' if !quoted => depth = depth.saturating_sub(1),
            c if c == separator && !quoted && depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
        of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_command_has_a_menu_a_verb_a_selection_and_settings() {
        let set = Command {
            menu: "interface ethernet".into(),
            verb: "set".into(),
            selection: pairs(&[("name", "ether7")]),
            settings: pairs(&[("disabled", "no"), ("comment", "a; b")]),
            words: Vec::new(),
        };
        let print = Command {
            menu: "interface bridge port".into(),
            verb: "print".into(),
            selection: pairs(&[("interface", "ether7")]),
            settings: Vec::new(),
            words: vec!["terse".into(), "without-paging".into()],
        };
        let line = "/interface ethernet set [find name=ether7] disabled=no comment=\"a; b\"; \
                    /interface bridge port print terse without-paging where interface=ether7";
        assert_eq!(parse(line), Ok(vec![Statement::Command(set), Statement::Command(print)]));
    }

    #[test]
    fn put_joins_texts_and_what_commands_give() {
        let get = Command {
            menu: "interface ethernet".into(),
            verb: "get".into(),
            selection: pairs(&[("name", "ether7")]),
            settings: Vec::new(),
            words: vec!["disabled".into()],
        };
        let expected = vec![Part::Text("disabled=".into()), Part::Command(get)];
        let line = ":put (\"disabled=\" . [/interface ethernet get [find name=ether7] disabled])";
        assert_eq!(parse(line), Ok(vec![Statement::Put(expected)]));
    }

    #[test]
    fn what_is_no_command_is_told_with_its_place() {
        assert_eq!(
            parse("configure terminal").expect_err("not taken"),
            "bad command name configure (line 1 column 1)"
        );
        assert_eq!(
            parse("/interface nonsense").expect_err("not taken"),
            "bad command name nonsense (line 1 column 12)"
        );
    }
}
