//! Invariant 5.
//!
//! One session at work on a switch. Two that were open at once, or whose commands came in turn, are a violation, unless the
//! harness itself had frozen the holder for all of that time.

use std::collections::BTreeMap;

use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::moment::Span;
use super::super::report::Verdict;
use super::super::story::Story;

/// Something of a session that lasts.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    session: u64,
    span: Span,
}

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    for switch in book.switches() {
        docket.looked_at("switches", 1);
        let (open, at_work) = (open(book, switch), at_work(book, switch));
        docket.looked_at("sessions", open.len().max(at_work.len()));
        docket.looked_at("commands", book.commands(switch).len());
        let both_open = overlaps(open);
        // Whose commands came in turn were open at once: told once.
        let is_new = |new: &(Stretch, Stretch, Span)| {
            !both_open
                .iter()
                .any(|(one, two, _)| (one.session, two.session) == (new.0.session, new.1.session))
        };
        let in_turn: Vec<_> = overlaps(at_work).into_iter().filter(is_new).collect();
        report(&mut docket, switch, "were open", &both_open);
        report(&mut docket, switch, "got commands", &in_turn);
    }
    docket.close("no switch was watched")
}

fn open(book: &Casebook<'_>, switch: &str) -> Vec<Stretch> {
    let sessions = book.sessions(switch).iter();
    sessions.map(|session| Stretch { session: session.number, span: session.span }).collect()
}

/// From each session's first command to its last.
fn at_work(book: &Casebook<'_>, switch: &str) -> Vec<Stretch> {
    let mut spans: BTreeMap<u64, Span> = BTreeMap::new();
    for command in book.commands(switch) {
        let end = command.at.next();
        spans.entry(command.session).or_insert(Span::new(command.at, end)).until = Some(end);
    }
    spans.into_iter().map(|(session, span)| Stretch { session, span }).collect()
}

/// Each stretch that began before an earlier one had ended, with the earlier one that lasts longest.
fn overlaps(mut stretches: Vec<Stretch>) -> Vec<(Stretch, Stretch, Span)> {
    stretches.sort_by_key(|stretch| stretch.span.from);
    let mut found = Vec::new();
    let mut longest: Option<Stretch> = None;
    for next in stretches {
        let overlap = longest.and_then(|earlier| Some((earlier, next, earlier.span.overlap(next.span)?)));
        found.extend(overlap);
        if longest.is_none_or(|earlier| next.span.outlasts(earlier.span)) {
            longest = Some(next);
        }
    }
    found
}

fn report(docket: &mut Docket<'_, '_>, switch: &str, how: &str, overlaps: &[(Stretch, Stretch, Span)]) {
    let book = docket.book;
    for (one, two, overlap) in overlaps {
        let mut freezes = book.history.freezes.iter();
        let is_of_switch = |of: &Option<String>| of.as_deref().is_none_or(|of| of == switch);
        if freezes.any(|freeze| is_of_switch(&freeze.switch) && freeze.span.covers(*overlap)) {
            docket.looked_at("overlaps that the harness caused", 1);
            continue;
        }
        let what =
            format!("sessions {} and {} of {switch} {how} at once, {overlap}", one.session, two.session);
        docket.found_with(what, || Story::of_switch(book, switch, *overlap));
    }
}
