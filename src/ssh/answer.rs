//! Which part of what was seen is the answer: not the echo of the line, not that of a comment, and no prompt.
//!
//! Pure functions over lines. An echo is taken for one only where it begins a line or stands behind a prompt: a refusal may
//! end in the very words that it refuses, and must never be cut away with them.

use regex::Regex;

/// Over how many lines a device may wrap what was typed.
const WRAPPED_LINES: usize = 16;

/// What must be left of a line that the device scrolls sideways, to know it by.
const SCROLLED_CHARS: usize = 8;

/// The first line behind the echo of what was typed; `None` where there is no echo.
#[must_use]
pub fn behind_echo(lines: &[&str], typed: &str, prompt: &Regex) -> Option<usize> {
    let typed = typed.trim();
    if typed.is_empty() {
        return None;
    }
    (1..=lines.len()).find(|end| is_echo(&lines[..*end], typed, prompt))
}

/// Whether the echo of what was typed ends with the last of these lines.
fn is_echo(lines: &[&str], typed: &str, prompt: &Regex) -> bool {
    let Some((last, before)) = lines.split_last() else { return false };
    let last = last.trim_end();
    is_echo_line(last, typed, prompt)
        || is_scrolled(last, typed, prompt)
        || (!last.is_empty() && typed.ends_with(last) && is_wrapped(before, last, typed, prompt))
}

fn is_echo_line(line: &str, typed: &str, prompt: &Regex) -> bool {
    line.strip_suffix(typed).is_some_and(|before| is_prompt_or_nothing(before, prompt))
}

fn is_prompt_or_nothing(text: &str, prompt: &Regex) -> bool {
    text.trim().is_empty() || prompt.is_match(text)
}

/// `sw(config-if)#$ort-security mac-address 0200.0000.0001`: the beginning went out of sight to the left.
fn is_scrolled(line: &str, typed: &str, prompt: &Regex) -> bool {
    let Some((before, shown)) = line.split_once('$') else { return false };
    shown.chars().count() >= SCROLLED_CHARS && typed.ends_with(shown) && prompt.is_match(before)
}

fn is_wrapped(before: &[&str], last: &str, typed: &str, prompt: &Regex) -> bool {
    let mut joined = last.to_owned();
    before.iter().rev().take(WRAPPED_LINES).any(|line| {
        joined.insert_str(0, line);
        is_echo_line(&joined, typed, prompt)
    })
}

/// The answer to what was typed: the lines behind its echo, without the echoes of `marks` and without bare prompts.
#[must_use]
pub fn answer_of(seen: &str, typed: &str, marks: &[String], prompt: &Regex) -> String {
    let lines: Vec<_> = seen.lines().collect();
    let begin = behind_echo(&lines, typed, prompt).unwrap_or(0);
    let is_echo = |line: &str| marks.iter().any(|mark| is_echo_line(line.trim_end(), mark, prompt));
    let kept = lines[begin..].iter().filter(|line| !is_echo(line) && !prompt.is_match(line));
    kept.flat_map(|line| [*line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt() -> Regex {
        Regex::new(r"^[\w-]+(\([^)]+\))?[>#] ?$").expect("a pattern")
    }

    #[test]
    fn an_echo_is_found_however_the_device_shows_it() {
        let typed = "switchport port-security mac-address 0200.0000.0001";
        let table: [(&[&str], Option<usize>); 8] = [
            (&["sw(config-if)#switchport port-security mac-address 0200.0000.0001"], Some(1)),
            (&["", "switchport port-security mac-address 0200.0000.0001  "], Some(2)),
            (&["sw#switchport port-security mac-addr", "ess 0200.0000.0001", "x"], Some(2)),
            (&["sw#switchport port-security ", "mac-address 0200.0000.", "0001"], Some(3)),
            (&["sw(config-if)#$rity mac-address 0200.0000.0001"], Some(1)),
            (&["sw(config-if)#$0.0001"], None),
            (&["sw#switchport port-sec", "%LINK-3-UPDOWN: x", "urity mac-address 0200.0000.0001"], None),
            (&["% no: switchport port-security mac-address 0200.0000.0001"], None),
        ];
        for (lines, expected) in table {
            assert_eq!(behind_echo(lines, typed, &prompt()), expected, "{lines:?}");
        }
        assert_eq!(behind_echo(&["sw#", "sw#"], "", &prompt()), None);
    }

    #[test]
    fn an_answer_has_neither_echo_nor_comment_nor_prompt() {
        let seen = "sw#\nsw#shut\n% Cannot shut\n! k1\n%LINK-3-UPDOWN: x\nsw#! k1\nsw#! k2\n";
        let answer = answer_of(seen, "shut", &["! k1".into(), "! k2".into()], &prompt());
        assert_eq!(answer, "% Cannot shut\n%LINK-3-UPDOWN: x\n");
        assert_eq!(answer_of("no echo\n", "shut", &[], &prompt()), "no echo\n");
    }
}
