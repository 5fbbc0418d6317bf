//! How a command line is understood: keywords may be shortened while they stay unambiguous, arguments are
//! checked as they are met, and a misreading tells where it began.
//!
//! A command is written down as its vendor's manual writes it: `switchport access vlan <1-4094>`. Lower-case
//! words are keywords; `WORD`, `LINE` (all the rest), `MAC`, `INTERFACE`, `<low-high>` and `{one|other}` are
//! arguments.
//! Pure: what a command does is the caller's.

use super::Personality;

/// What a personality knows about its interfaces' names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interfaces {
    pub personality: Personality,
    pub count: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument {
    Port(u16),
    Number(u64),
    Text(String),
}

/// What a line's arguments were, in order. Asking for what the command's syntax doesn't have is a bug.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments(Vec<Argument>);

impl Arguments {
    pub fn port(&self, place: usize) -> u16 {
        match self.0.get(place) {
            Some(Argument::Port(port)) => *port,
            other => panic!("the syntax has an interface at {place}, not {other:?}"),
        }
    }

    pub fn number(&self, place: usize) -> u64 {
        match self.0.get(place) {
            Some(Argument::Number(number)) => *number,
            other => panic!("the syntax has a number at {place}, not {other:?}"),
        }
    }

    /// For numbers whose range fits: VLANs, counts, lengths.
    pub fn small(&self, place: usize) -> u16 {
        u16::try_from(self.number(place)).expect("the syntax bounds this number")
    }

    pub fn text(&self, place: usize) -> &str {
        match self.0.get(place) {
            Some(Argument::Text(text)) => text,
            other => panic!("the syntax has a word at {place}, not {other:?}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misreading {
    /// The word at this column fits nothing.
    Invalid {
        column: usize,
    },
    Incomplete,
    Ambiguous,
}

impl Misreading {
    /// Of two grammars that misread a line, the one that got further explains it.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Invalid { column: mine }, Self::Invalid { column: theirs }) if theirs > mine => other,
            (Self::Invalid { .. }, Self::Incomplete | Self::Ambiguous) => other,
            _ => self,
        }
    }
}

#[derive(Debug)]
enum Slot {
    Keyword(&'static str),
    Number { low: u64, high: u64 },
    Choice(Vec<&'static str>),
    Interface,
    Mac,
    Word,
    Line,
}

/// How well a word fits a slot: what is better wins over what is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Argument,
    Shortened,
    Exact,
}

#[derive(Debug)]
struct Command<A> {
    slots: Vec<Slot>,
    action: A,
}

#[derive(Debug)]
pub(super) struct Grammar<A> {
    commands: Vec<Command<A>>,
}

struct Candidate<'g, A> {
    command: &'g Command<A>,
    arguments: Vec<Argument>,
}

impl<A: Copy> Grammar<A> {
    pub fn new<'t>(tables: impl IntoIterator<Item = &'t [(&'static str, A)]>) -> Self
    where
        A: 't,
    {
        let rows = tables.into_iter().flatten();
        let command = |(syntax, action): &(&'static str, A)| Command {
            slots: syntax.split_whitespace().map(slot).collect(),
            action: *action,
        };
        Self { commands: rows.map(command).collect() }
    }

    pub fn read(&self, line: &str, interfaces: Interfaces) -> Result<(A, Arguments), Misreading> {
        let words = words(line, interfaces.personality);
        let mut open: Vec<_> =
            self.commands.iter().map(|command| Candidate { command, arguments: Vec::new() }).collect();
        for (place, (column, word)) in words.iter().enumerate() {
            open = narrow(open, place, word, interfaces).ok_or(Misreading::Invalid { column: *column })?;
            if is_ambiguous(&open, place, word) {
                return Err(Misreading::Ambiguous);
            }
            if let Some(position) = open.iter().position(|c| matches!(c.command.slots[place], Slot::Line)) {
                let mut taken = open.swap_remove(position);
                taken.arguments.push(Argument::Text(line[*column..].trim_end().to_owned()));
                return Ok((taken.command.action, Arguments(taken.arguments)));
            }
        }
        let whole = open.into_iter().find(|candidate| candidate.command.slots.len() == words.len());
        let whole = whole.ok_or(Misreading::Incomplete)?;
        Ok((whole.command.action, Arguments(whole.arguments)))
    }
}

fn slot(word: &'static str) -> Slot {
    match word {
        "WORD" => Slot::Word,
        "LINE" => Slot::Line,
        "MAC" => Slot::Mac,
        "INTERFACE" => Slot::Interface,
        word => match (between(word, '<', '>'), between(word, '{', '}')) {
            (Some(range), _) => number(range),
            (_, Some(choices)) => Slot::Choice(choices.split('|').collect()),
            (None, None) => Slot::Keyword(word),
        },
    }
}

fn between(word: &'static str, open: char, close: char) -> Option<&'static str> {
    word.strip_prefix(open)?.strip_suffix(close)
}

fn number(range: &str) -> Slot {
    let (low, high) = range.split_once('-').expect("a range is written <low-high>");
    let parse = |end: &str| end.parse().expect("a range's ends are numbers");
    Slot::Number { low: parse(low), high: parse(high) }
}

/// The line's words with their columns. `Gi 1/0/7` is one word: a device takes a blank inside an interface's name.
fn words(line: &str, personality: Personality) -> Vec<(usize, String)> {
    let mut words: Vec<(usize, String)> = Vec::new();
    for word in line.split_whitespace() {
        let column = word.as_ptr() as usize - line.as_ptr() as usize;
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        match words.last_mut() {
            Some((_, last)) if is_number && personality.is_interface_type(last) => last.push_str(word),
            _ => words.push((column, word.to_owned())),
        }
    }
    words
}

/// Keeps the candidates that the word fits best; `None` if it fits none.
fn narrow<'g, A>(
    open: Vec<Candidate<'g, A>>,
    place: usize,
    word: &str,
    interfaces: Interfaces,
) -> Option<Vec<Candidate<'g, A>>> {
    let fitting = open.into_iter().filter_map(|mut candidate| {
        let (fit, argument) = fit(candidate.command.slots.get(place)?, word, interfaces)?;
        candidate.arguments.extend(argument);
        Some((fit, candidate))
    });
    let fitting: Vec<_> = fitting.collect();
    let best = fitting.iter().map(|(fit, _)| *fit).max()?;
    Some(fitting.into_iter().filter(|(fit, _)| *fit == best).map(|(_, candidate)| candidate).collect())
}

fn fit(slot: &Slot, word: &str, interfaces: Interfaces) -> Option<(Fit, Option<Argument>)> {
    let argument = match slot {
        Slot::Keyword(keyword) if keyword.eq_ignore_ascii_case(word) => return Some((Fit::Exact, None)),
        Slot::Keyword(keyword) => return is_start(word, keyword).then_some((Fit::Shortened, None)),
        Slot::Number { low, high } => {
            let number = word.parse().ok().filter(|number| (low..=high).contains(&number))?;
            Argument::Number(number)
        }
        Slot::Choice(choices) => Argument::Text(choose(word, choices)?.to_owned()),
        Slot::Interface => {
            Argument::Port(interfaces.personality.parse_port(word).filter(|p| *p <= interfaces.count)?)
        }
        Slot::Mac => Argument::Text(interfaces.personality.parse_mac(word)?),
        Slot::Word => Argument::Text(word.to_owned()),
        Slot::Line => return Some((Fit::Argument, None)),
    };
    Some((Fit::Argument, Some(argument)))
}

/// A choice may be shortened as a keyword may; what is written out wins.
fn choose(word: &str, choices: &[&'static str]) -> Option<&'static str> {
    if let Some(exact) = choices.iter().find(|choice| choice.eq_ignore_ascii_case(word)) {
        return Some(exact);
    }
    let mut shortened = choices.iter().filter(|choice| is_start(word, choice));
    shortened.next().filter(|_| shortened.next().is_none()).copied()
}

pub(super) fn is_start(word: &str, of: &str) -> bool {
    of.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn is_ambiguous<A>(open: &[Candidate<'_, A>], place: usize, word: &str) -> bool {
    let mut keywords = open.iter().filter_map(|candidate| match &candidate.command.slots[place] {
        Slot::Keyword(keyword) if !keyword.eq_ignore_ascii_case(word) => Some(*keyword),
        _ => None,
    });
    keywords.next().is_some_and(|first| keywords.any(|other| other != first))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[(&str, u8)] = &[
        ("show version", 1),
        ("show running-config", 2),
        ("show running-config interface INTERFACE", 3),
        ("show interfaces INTERFACE switchport", 4),
        ("switchport access vlan <1-4094>", 5),
        ("switchport port-security", 6),
        ("switchport port-security mac-address MAC", 7),
        ("description LINE", 8),
        ("shutdown", 9),
        ("shape rate <1-1000> {kbps|mbps|mbytes}", 10),
    ];

    fn read(line: &str) -> Result<(u8, Arguments), Misreading> {
        Grammar::new([TABLE]).read(line, Interfaces { personality: Personality::Ios, count: 48 })
    }

    #[test]
    fn keywords_may_be_shortened_and_a_blank_may_stand_in_an_interface_name() {
        for line in ["show running-config interface GigabitEthernet1/0/7", "sho run int Gi 1/0/7"] {
            let (action, arguments) = read(line).expect(line);
            assert_eq!((action, arguments.port(0)), (3, 7));
        }
    }

    #[test]
    fn a_word_that_fits_nothing_is_invalid_where_it_stands() {
        assert_eq!(read("show nonsense"), Err(Misreading::Invalid { column: 5 }));
        assert_eq!(read("switchport access vlan 4095"), Err(Misreading::Invalid { column: 23 }));
        assert_eq!(read("sh run int Gi1/0/99").map(|_| ()), Err(Misreading::Ambiguous));
        assert_eq!(read("sho run int Gi1/0/99"), Err(Misreading::Invalid { column: 12 }));
        assert_eq!(read("shutdown now"), Err(Misreading::Invalid { column: 9 }));
    }

    #[test]
    fn too_few_words_are_incomplete_and_two_meanings_ambiguous() {
        assert_eq!(read("switchport access"), Err(Misreading::Incomplete));
        assert_eq!(read("sh"), Err(Misreading::Ambiguous));
    }

    #[test]
    fn a_line_argument_takes_all_the_rest() {
        let (_, arguments) = read("desc  flat 3,  second floor ").expect("a description");
        assert_eq!(arguments.text(0), "flat 3,  second floor");
    }

    #[test]
    fn a_choice_may_be_shortened_while_it_is_one() {
        let (_, arguments) = read("shape rate 5 k").expect("kbps");
        assert_eq!((arguments.number(0), arguments.text(1)), (5, "kbps"));
        assert_eq!(read("shape rate 5 mb"), Err(Misreading::Invalid { column: 13 }));
    }

    #[test]
    fn of_two_misreadings_the_further_one_explains() {
        let near = Misreading::Invalid { column: 0 };
        let far = Misreading::Invalid { column: 9 };
        assert_eq!(near.or(far), far);
        assert_eq!(far.or(near), far);
        assert_eq!(near.or(Misreading::Incomplete), Misreading::Incomplete);
    }
}
