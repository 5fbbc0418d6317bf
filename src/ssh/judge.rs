//! What an answer means, default-deny: known bad, known good, known noise, and everything else is unclear.
//!
//! Unclear is no success and no failure: only the read-back settles it. This is a pure function of the platform's patterns
//! and the text.

use regex::Regex;
use switchyard_actors::domain::failure::FailureClass;

/// A platform's patterns, compiled. Each is tried on single lines.
#[derive(Debug, Clone, Default)]
pub struct OutputPatterns {
    /// A line that says no, and what kind of no.
    pub bad: Vec<(Regex, FailureClass)>,
    /// A line that says yes.
    pub good: Vec<Regex>,
    /// A line that says nothing about the command: hints, headings.
    pub noise: Vec<Regex>,
    /// A log message: noise that may stand anywhere, even in the middle of another line.
    pub log: Vec<Regex>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// Nothing was said, or only good lines and noise.
    Fine,
    /// These lines are not known.
    Unclear(Vec<String>),
    /// This line says no.
    Bad {
        /// The line.
        line: String,
        /// What kind of no.
        class: FailureClass,
    },
}

/// What may have come into a line.
enum Cut {
    /// Nothing: it is whole.
    Nowhere,
    /// Log messages; this is the line without them, if it goes on behind them.
    ByLog(String),
    /// What is no text, so that nobody knows how it went on.
    ByNoise,
}

/// Whether a line holds what is no text: what it was meant to say can't be known, so it is neither a yes nor a no.
fn is_garbled(line: &str) -> bool {
    line.chars().any(|c| c == char::REPLACEMENT_CHARACTER || (c.is_control() && c != '\t'))
}

/// Whether any line of an answer is garbled.
#[must_use]
pub fn has_garbled_line(output: &str) -> bool {
    output.lines().any(is_garbled)
}

impl OutputPatterns {
    /// Whether a line is noise.
    #[must_use]
    pub fn is_noise(&self, line: &str) -> bool {
        line.trim().is_empty() || self.is_log(line) || self.noise.iter().any(|pattern| pattern.is_match(line))
    }

    fn is_log(&self, line: &str) -> bool {
        self.log.iter().any(|pattern| pattern.is_match(line))
    }

    fn is_good(&self, line: &str) -> bool {
        self.good.iter().any(|pattern| pattern.is_match(line))
    }

    /// Whether noise is all that a line can be: one that only ends in a log message may begin with a refusal.
    fn begins_as_noise(&self, line: &str) -> bool {
        let line = line.trim_start();
        let mut patterns = self.noise.iter().chain(&self.log);
        patterns.any(|pattern| pattern.find(line).is_some_and(|found| found.start() == 0))
    }

    /// Whether a log message came into the answer: it may have cut one line in two, each of which says something else.
    #[must_use]
    pub fn is_interrupted(&self, output: &str) -> bool {
        output.lines().any(|line| self.is_log(line))
    }

    /// Whether an answer is text as it was meant.
    #[must_use]
    pub fn is_clean(&self, output: &str) -> bool {
        !has_garbled_line(output) && !self.is_interrupted(output)
    }

    /// The answer without the log messages in it.
    #[must_use]
    pub fn without_logs(&self, output: &str) -> String {
        output.lines().filter(|line| !self.is_log(line)).flat_map(|line| [line, "\n"]).collect()
    }

    /// The first line that says no.
    #[must_use]
    pub fn refusal(&self, output: &str) -> Option<(String, FailureClass)> {
        let lines: Vec<_> = output.lines().collect();
        lines.iter().enumerate().find_map(|(number, line)| {
            if is_garbled(line) || self.begins_as_noise(line) || self.is_good(line) {
                return None;
            }
            let class = match self.cut(&lines[number..]) {
                Cut::Nowhere => self.class_of(line),
                Cut::ByLog(whole) if self.is_good(&whole) => None,
                Cut::ByLog(whole) => self.class_of(&whole).or_else(|| self.class_of(line)),
                Cut::ByNoise => None,
            }?;
            Some((line.trim().to_owned(), class))
        })
    }

    fn class_of(&self, line: &str) -> Option<FailureClass> {
        self.bad.iter().find(|(pattern, _)| pattern.is_match(line)).map(|(_, class)| *class)
    }

    /// Whether the first of these lines may be the beginning of one that was cut by what follows it.
    fn cut(&self, lines: &[&str]) -> Cut {
        let Some((first, mut rest)) = lines.split_first() else { return Cut::Nowhere };
        let (mut whole, mut is_cut) = ((*first).to_owned(), false);
        // A line of spaces may be the rest of one that was cut.
        let intrudes = |line: &&&str| line.is_empty() || is_garbled(line) || self.is_log(line);
        loop {
            let count = rest.iter().take_while(intrudes).count();
            let (between, behind) = rest.split_at(count);
            if between.iter().any(|line| is_garbled(line)) {
                return Cut::ByNoise;
            }
            let (true, Some((next, left))) =
                (between.iter().any(|line| self.is_log(line)), behind.split_first())
            else {
                return if is_cut { Cut::ByLog(whole) } else { Cut::Nowhere };
            };
            whole.push_str(next);
            (rest, is_cut) = (left, true);
        }
    }

    /// Judges the answer to a configuration line.
    #[must_use]
    pub fn judge(&self, output: &str) -> Judgement {
        if let Some((line, class)) = self.refusal(output) {
            return Judgement::Bad { line, class };
        }
        let known = |line: &&str| !self.is_noise(line) && !self.is_good(line);
        let unclear: Vec<_> = output.lines().filter(known).map(|line| line.trim().to_owned()).collect();
        if unclear.is_empty() { Judgement::Fine } else { Judgement::Unclear(unclear) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns() -> OutputPatterns {
        let regex = |text: &str| Regex::new(text).expect("a pattern");
        OutputPatterns {
            bad: vec![
                (regex("^% "), FailureClass::CommandRejected),
                (regex("locked exclusively"), FailureClass::ConfigurationLocked),
            ],
            good: vec![regex("^% Access VLAN does not exist. Creating vlan")],
            noise: Vec::new(),
            log: vec![regex(r"^%[A-Z_]+-\d-[A-Z_]+: ")],
        }
    }

    #[test]
    fn a_garbled_line_is_unclear_whatever_it_begins_with() {
        let judged = patterns().judge("% Access VLAN does n\u{fffd}\u{3}ist\n");
        assert!(matches!(judged, Judgement::Unclear(_)), "{judged:?}");
    }

    #[test]
    fn a_log_line_is_no_refusal_although_both_begin_with_a_percent_sign() {
        let loose = OutputPatterns {
            bad: vec![(Regex::new(r"^\s*%").expect("a pattern"), FailureClass::CommandRejected)],
            good: Vec::new(),
            noise: Vec::new(),
            log: vec![Regex::new(r"%[A-Z][A-Z0-9_]*-\d-[A-Z0-9_]+:").expect("a pattern")],
        };
        assert_eq!(loose.judge(" %LINK-5-CHANGED: Interface Gi1/0/1, changed state\n"), Judgement::Fine);
        let glued = loose.judge("% Invalid input%LINK-5-CHANGED: Interface Gi1/0/1\n");
        assert!(matches!(glued, Judgement::Bad { .. }), "{glued:?}");
    }

    #[test]
    fn a_success_that_looks_like_an_error_is_good_and_a_log_line_is_noise() {
        assert_eq!(patterns().judge("% Access VLAN does not exist. Creating vlan 142\n"), Judgement::Fine);
        assert_eq!(patterns().judge("%SYS-5-CONFIG_I: Configured from console\n\n"), Judgement::Fine);
        assert_eq!(patterns().judge(""), Judgement::Fine);
    }

    #[test]
    fn a_success_that_a_log_line_cuts_in_two_is_no_refusal() {
        let log = "%LINK-5-CHANGED: Interface Gi1/0/1, changed state";
        let cut = format!("% Access VL\n{log}\nAN does not exist. Creating vlan 142\n");
        assert!(matches!(patterns().judge(&cut), Judgement::Unclear(_)));
        let refused = patterns().judge(&format!("% Access VL\n{log}\nAN is full\n"));
        assert!(matches!(refused, Judgement::Bad { .. }), "{refused:?}");
        let locked = patterns().judge(&format!("% Configuration is locked excl\n{log}\nusively\n"));
        assert!(matches!(locked, Judgement::Bad { .. }), "{locked:?}");
        let thrice =
            patterns().judge(&format!("% Access VL\n{log}\nAN does not exist. C\n{log}\nreating vlan 142\n"));
        assert!(matches!(thrice, Judgement::Unclear(_)), "{thrice:?}");
        let noise = patterns().judge("% Access VL\n\u{fffd}\nAN does not exist. Creating vlan 142\n");
        assert!(matches!(noise, Judgement::Unclear(_)), "{noise:?}");
        assert!(patterns().is_interrupted(&cut) && !patterns().is_interrupted("% x\n"));
        assert_eq!(patterns().without_logs(&format!("a\n{log}\nb")), "a\nb\n");
    }

    #[test]
    fn what_is_not_known_is_unclear_and_what_is_known_to_be_bad_has_its_class() {
        assert_eq!(patterns().judge("Warning: x\n"), Judgement::Unclear(vec!["Warning: x".into()]));
        let locked =
            patterns().judge("Configuration mode locked exclusively by user 'bob'. Please try later.\n");
        assert!(
            matches!(locked, Judgement::Bad { class: FailureClass::ConfigurationLocked, .. }),
            "{locked:?}"
        );
    }
}
