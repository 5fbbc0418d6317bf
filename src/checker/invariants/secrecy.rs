//! Invariant 8.
//!
//! No secret is seen: not in a log or another text that was handed in, nor in an answer or a webhook, in any of the spellings
//! in which a program might print it. A finding names the secret and the place, and never shows it.

use std::collections::BTreeSet;

use regex::bytes::{Regex, RegexBuilder};

use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::history::Secret;
use super::super::moment::Moment;
use super::super::report::Verdict;
use super::super::story::Story;

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    let secrets: Vec<_> = book.secrets().filter(|secret| !secret.value.is_empty()).collect();
    docket.looked_at("secrets", secrets.len());
    docket.looked_at("texts", book.history.texts.len());
    let watched = Watched::of(&secrets);
    in_texts(&mut docket, &watched);
    in_answers_and_webhooks(&mut docket, &watched);
    let missing =
        if secrets.is_empty() { "no secret was handed in" } else { "no log or other text was handed in" };
    docket.close_if(!secrets.is_empty() && !book.history.texts.is_empty(), missing)
}

/// All spellings of all secrets. One look tells whether any is there: a run has many secrets, and many more bytes.
struct Watched<'h> {
    any: Option<Regex>,
    each: Vec<(&'h Secret, String)>,
}

impl<'h> Watched<'h> {
    fn of(secrets: &[&'h Secret]) -> Self {
        let each: Vec<_> =
            secrets.iter().flat_map(|secret| spellings(&secret.value).map(|one| (*secret, one))).collect();
        let any = each.iter().map(|(_, spelling)| regex::escape(spelling)).collect::<Vec<_>>().join("|");
        let any = RegexBuilder::new(&any).size_limit(usize::MAX).build();
        let any = any.expect("escaped texts beside each other are a pattern");
        Self { any: (!each.is_empty()).then_some(any), each }
    }

    /// Which are in the bytes.
    fn within(&self, bytes: &[u8]) -> impl Iterator<Item = (&'h Secret, &str)> {
        let are_there = self.any.as_ref().is_some_and(|any| any.is_match(bytes));
        let text = if are_there { String::from_utf8_lossy(bytes) } else { "".into() };
        self.each
            .iter()
            .filter(move |(_, spelling)| text.contains(spelling.as_str()))
            .map(|(secret, spelling)| (*secret, spelling.as_str()))
    }
}

fn in_texts(docket: &mut Docket<'_, '_>, watched: &Watched<'_>) {
    let book = docket.book;
    for text in &book.history.texts {
        for (secret, spelling) in watched.within(text.text.as_bytes()) {
            let line = text.text.lines().enumerate().find(|(_, line)| line.contains(spelling));
            let (number, line) = line.unwrap_or((0, ""));
            let what = format!("{} is in {}, line {}", secret.name, text.place, number + 1);
            let line = line.replace(spelling, &format!("<{}>", secret.name));
            docket.found_with(what, || story_of_line(book, &text.place, &line));
        }
    }
}

/// The story of the job that the line names, and the line.
fn story_of_line(book: &Casebook<'_>, place: &str, line: &str) -> Story {
    let ids = super::apart::uuids_in(line.as_bytes());
    let case = book.cases.values().find(|case| ids.iter().any(|id| case.has(id)));
    let story = case.map_or_else(Story::default, |case| Story::of_case(book, case));
    let at = case.and_then(|case| case.span().until).unwrap_or(Moment(0));
    story.and(book, at, format!("{place}: {}", line.trim()))
}

fn in_answers_and_webhooks(docket: &mut Docket<'_, '_>, watched: &Watched<'_>) {
    let names = |body: &[u8]| watched.within(body).map(|(secret, _)| secret.name.clone()).collect::<Vec<_>>();
    for case in docket.book.cases.values() {
        for name in case.all_answers().flat_map(|answer| names(&answer.body)).collect::<BTreeSet<_>>() {
            docket.found(case, format!("{name} is in an answer about {}", case.key));
        }
        for name in case.events.iter().flat_map(|event| names(&event.delivery.body)).collect::<BTreeSet<_>>()
        {
            docket.found(case, format!("{name} is in a webhook about {}", case.key));
        }
    }
}

/// As it is, as bytes in decimal and hexadecimal, and in Base64. Short ones would be found everywhere in other spellings.
fn spellings(secret: &str) -> impl Iterator<Item = String> + use<> {
    let bytes = secret.as_bytes();
    let decimal = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let all = [secret.to_owned(), decimal, hex::encode(bytes), base64(bytes)];
    let count = if bytes.len() < 6 { 1 } else { all.len() };
    all.into_iter().take(count)
}

/// Of the whole groups of three bytes: what the last letters are depends on what follows.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[bits >> shift & 63]))
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_four_spellings_and_a_short_one_has_its_own() {
        let spelled: Vec<_> = spellings("secret!").collect();
        assert_eq!(spelled, ["secret!", "115, 101, 99, 114, 101, 116, 33", "73656372657421", "c2VjcmV0"]);
        assert_eq!(spellings("pw").collect::<Vec<_>>(), ["pw"]);
    }
}
