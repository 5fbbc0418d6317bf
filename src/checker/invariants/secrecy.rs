//! Invariant 8.
//!
//! No secret is seen: not in a log or another text that was handed in, nor in an answer or a webhook, in any of the spellings
//! in which a program might print it. A finding names the secret and the place, and never shows it.

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
    for (secret, spelling) in
        secrets.iter().flat_map(|secret| spellings(&secret.value).map(|one| (*secret, one)))
    {
        in_texts(&mut docket, secret, &spelling);
        in_answers_and_webhooks(&mut docket, secret, &spelling);
    }
    let missing =
        if secrets.is_empty() { "no secret was handed in" } else { "no log or other text was handed in" };
    docket.close_if(!secrets.is_empty() && !book.history.texts.is_empty(), missing)
}

fn in_texts(docket: &mut Docket<'_, '_>, secret: &Secret, spelling: &str) {
    let book = docket.book;
    for text in book.history.texts.iter().filter(|text| text.text.contains(spelling)) {
        let line = text.text.lines().enumerate().find(|(_, line)| line.contains(spelling));
        let (number, line) = line.unwrap_or((0, ""));
        let what = format!("{} is in {}, line {}", secret.name, text.place, number + 1);
        let line = line.replace(spelling, &format!("<{}>", secret.name));
        docket.found_with(what, || story_of_line(book, &text.place, &line));
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

fn in_answers_and_webhooks(docket: &mut Docket<'_, '_>, secret: &Secret, spelling: &str) {
    let has_it = |body: &[u8]| String::from_utf8_lossy(body).contains(spelling);
    for case in docket.book.cases.values() {
        if case.all_answers().any(|answer| has_it(&answer.body)) {
            docket.found(case, format!("{} is in an answer about {}", secret.name, case.key));
        }
        if case.events.iter().any(|event| has_it(&event.delivery.body)) {
            docket.found(case, format!("{} is in a webhook about {}", secret.name, case.key));
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
