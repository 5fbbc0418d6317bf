//! Which bytes a text can end in, if a pattern is to match up to its end: the cheap test before the pattern itself.
//!
//! It may say yes too often, and must never say no to a text that the pattern would match.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A set of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endings([bool; 256]);

/// What a part of a pattern can end in, seen from the text's end.
struct Tail {
    bytes: [bool; 256],
    /// The part can be empty, so that the one before it counts too.
    is_empty: bool,
    /// The part holds the text's end: nothing follows it.
    is_anchored: bool,
}

const NONE: [bool; 256] = [false; 256];
const ALL: [bool; 256] = [true; 256];

impl Endings {
    /// Of a pattern, as the platform files' patterns are compiled: several lines.
    #[must_use]
    pub fn of(pattern: &str) -> Self {
        let parsed = regex_syntax::ParserBuilder::new().multi_line(true).build().parse(pattern);
        let tail = parsed.map(|hir| tail(&hir)).ok().filter(|tail| tail.is_anchored && !tail.is_empty);
        Self(tail.map_or(ALL, |tail| tail.bytes))
    }

    /// What either can end in.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self(union(self.0, &other.0))
    }

    /// Whether a text may be matched.
    #[must_use]
    pub fn may_end(&self, text: &[u8]) -> bool {
        text.last().is_some_and(|byte| self.0[usize::from(*byte)])
    }
}

fn union(mut one: [bool; 256], other: &[bool; 256]) -> [bool; 256] {
    one.iter_mut().zip(other).for_each(|(one, other)| *one |= other);
    one
}

fn tail(hir: &Hir) -> Tail {
    match hir.kind() {
        HirKind::Empty => Tail { bytes: NONE, is_empty: true, is_anchored: false },
        HirKind::Look(look) => Tail { bytes: NONE, is_empty: true, is_anchored: is_end(*look) },
        HirKind::Literal(literal) => {
            Tail { bytes: one(literal.0.last()), is_empty: false, is_anchored: false }
        }
        HirKind::Class(class) => Tail { bytes: ends_of(class), is_empty: false, is_anchored: false },
        HirKind::Capture(capture) => tail(&capture.sub),
        HirKind::Repetition(repetition) => {
            let part = tail(&repetition.sub);
            let is_optional = repetition.min == 0;
            Tail {
                is_empty: part.is_empty || is_optional,
                is_anchored: part.is_anchored && !is_optional,
                ..part
            }
        }
        HirKind::Concat(parts) => concatenated(parts),
        HirKind::Alternation(parts) => alternated(parts),
    }
}

fn concatenated(parts: &[Hir]) -> Tail {
    let mut whole = Tail { bytes: NONE, is_empty: true, is_anchored: false };
    for part in parts.iter().rev().map(tail) {
        whole.bytes = union(whole.bytes, &part.bytes);
        whole.is_anchored |= part.is_anchored;
        whole.is_empty = part.is_empty;
        if !part.is_empty {
            break;
        }
    }
    whole
}

fn alternated(parts: &[Hir]) -> Tail {
    let none = Tail { bytes: NONE, is_empty: false, is_anchored: true };
    parts.iter().map(tail).fold(none, |all, part| Tail {
        bytes: union(all.bytes, &part.bytes),
        is_empty: all.is_empty || part.is_empty,
        is_anchored: all.is_anchored && part.is_anchored,
    })
}

fn is_end(look: Look) -> bool {
    matches!(look, Look::End | Look::EndLF | Look::EndCRLF)
}

fn one(byte: Option<&u8>) -> [bool; 256] {
    let mut bytes = NONE;
    byte.into_iter().for_each(|byte| bytes[usize::from(*byte)] = true);
    bytes
}

/// A character beyond ASCII ends in one of the upper bytes, which of them isn't worth knowing.
fn ends_of(class: &Class) -> [bool; 256] {
    let mut bytes = NONE;
    let mut add = |low: u32, high: u32| {
        (low..=high.min(0x7f)).for_each(|byte| bytes[byte as usize] = true);
        if high > 0x7f {
            bytes[0x80..].fill(true);
        }
    };
    match class {
        Class::Unicode(class) => class.iter().for_each(|range| add(range.start().into(), range.end().into())),
        Class::Bytes(class) => class.iter().for_each(|range| add(range.start().into(), range.end().into())),
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ends(pattern: &str) -> String {
        let endings = Endings::of(pattern);
        (0x20..0x7f).map(char::from).filter(|c| endings.may_end(c.to_string().as_bytes())).collect()
    }

    #[test]
    fn a_pattern_says_what_its_text_ends_in() {
        let table = [
            (r"^[\w+\-.:/\[\]]+(\([^)]+\))?[>#] ?$", " #>"),
            (r"^\s*--More--\s*$", " -"),
            (r"(?:[Pp]assword: ?|\?)$", " :?"),
            (r"x{2,}$", "x"),
        ];
        for (pattern, expected) in table {
            assert_eq!(ends(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_may_match_before_the_end_says_nothing() {
        for pattern in ["--More--", "a$|b", "^$", "(#$)?", "x(y$)?"] {
            assert_eq!(Endings::of(pattern), Endings(ALL), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_text_that_matches_is_ruled_out(text in "[a-z>#$%: ()é-]{0,12}", which in 0..5usize) {
            let pattern = [r"[>#] ?$", r"\w+(\(.+\))?[#$]\s*$", "é$", r"(?i)q?:$|%$", r"[^a]{0,3}>$"][which];
            let regex = regex::RegexBuilder::new(pattern).multi_line(true).build().expect("a pattern");
            prop_assert!(!regex.is_match(&text) || Endings::of(pattern).may_end(text.as_bytes()));
        }
    }
}
