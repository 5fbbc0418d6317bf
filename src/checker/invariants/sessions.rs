//! Invariant 5.
//!
//! One session at work on a switch. Two that were open at once, or whose commands came in turn, are a violation, unless the
//! harness itself had frozen one of the holders for all of that time. One holder with two sessions has no excuse.
//!
//! A device learns from its network that a session has ended, and may take up the next before it has read that: a short overlap in
//! which the earlier one got nothing any more is the end of that one.

use std::collections::{BTreeMap, HashMap};

use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::history::{Freeze, Session};
use super::super::moment::Span;
use super::super::report::Verdict;
use super::super::story::Story;

/// How long a device may take to notice that a session has ended.
const NOTICED_WITHIN_NANOS: u64 = 25_000_000;

/// Something of a session that lasts.
#[derive(Clone, Copy, Debug)]
struct Stretch<'h> {
    session: u64,
    holder: Option<&'h str>,
    span: Span,
}

type Overlap<'h> = (Stretch<'h>, Stretch<'h>, Span);

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    for switch in book.switches() {
        docket.looked_at("switches", 1);
        let (open, at_work) = (open(book, switch), at_work(book, switch));
        docket.looked_at("sessions", open.len().max(at_work.len()));
        docket.looked_at("commands", book.commands(switch).len());
        let both_open: Vec<_> =
            overlaps(open).into_iter().filter(|found| !was_ending(book, switch, found)).collect();
        // Whose commands came in turn were open at once: told once.
        let is_new = |new: &Overlap<'_>| {
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

fn open<'h>(book: &Casebook<'h>, switch: &str) -> Vec<Stretch<'h>> {
    let sessions = book.sessions(switch).iter();
    let stretch = |session: &&'h Session| Stretch {
        session: session.number,
        holder: session.holder.as_deref(),
        span: session.span,
    };
    sessions.map(stretch).collect()
}

/// From each session's first command to its last.
fn at_work<'h>(book: &Casebook<'h>, switch: &str) -> Vec<Stretch<'h>> {
    let holders: HashMap<u64, Option<&str>> =
        open(book, switch).into_iter().map(|stretch| (stretch.session, stretch.holder)).collect();
    let mut spans: BTreeMap<u64, Span> = BTreeMap::new();
    for command in book.commands(switch) {
        let end = command.at.next();
        spans.entry(command.session).or_insert(Span::new(command.at, end)).until = Some(end);
    }
    let holder = |session| holders.get(&session).copied().flatten();
    spans.into_iter().map(|(session, span)| Stretch { session, holder: holder(session), span }).collect()
}

/// Each stretch that began before an earlier one had ended, with the earlier one that lasts longest.
fn overlaps(mut stretches: Vec<Stretch<'_>>) -> Vec<Overlap<'_>> {
    stretches.sort_by_key(|stretch| stretch.span.from);
    let mut found = Vec::new();
    let mut longest: Option<Stretch<'_>> = None;
    for next in stretches {
        let overlap = longest.and_then(|earlier| Some((earlier, next, earlier.span.overlap(next.span)?)));
        found.extend(overlap);
        if longest.is_none_or(|earlier| next.span.outlasts(earlier.span)) {
            longest = Some(next);
        }
    }
    found
}

/// Whether the earlier one had ended, and was only not known to have.
fn was_ending(book: &Casebook<'_>, switch: &str, (earlier, later, overlap): &Overlap<'_>) -> bool {
    let (Some(closed), opened) = (earlier.span.until, later.span.from) else { return false };
    let is_its_end = *overlap == Span::new(opened, closed) && closed.0 - opened.0 <= NOTICED_WITHIN_NANOS;
    let commands = book.commands(switch);
    let after = &commands[commands.partition_point(|command| command.at < opened)..];
    is_its_end && !after.iter().any(|command| command.session == earlier.session)
}

/// Whether the harness may have caused it: it froze one of the two, who are not the same.
fn is_caused_by(freeze: &Freeze, switch: &str, (one, two, overlap): &Overlap<'_>) -> bool {
    let may_be =
        |frozen: &str| [one, two].iter().any(|side| side.holder.is_none_or(|holder| holder == frozen));
    let are_apart = one.holder.is_none() || one.holder != two.holder;
    are_apart
        && freeze.switch.as_deref().is_none_or(|of| of == switch)
        && freeze.holder.as_deref().is_none_or(may_be)
        && freeze.span.covers(*overlap)
}

fn report(docket: &mut Docket<'_, '_>, switch: &str, how: &str, overlaps: &[Overlap<'_>]) {
    let book = docket.book;
    for found @ (one, two, overlap) in overlaps {
        if book.history.freezes.iter().any(|freeze| is_caused_by(freeze, switch, found)) {
            docket.looked_at("overlaps that the harness caused", 1);
            continue;
        }
        let whose = match (one.holder, two.holder) {
            (Some(one), Some(two)) if one == two => format!(", both of {one}"),
            (Some(one), Some(two)) => format!(", of {one} and {two}"),
            _ => String::new(),
        };
        let (one, two) = (one.session, two.session);
        let what = format!("sessions {one} and {two} of {switch}{whose} {how} at once, {overlap}");
        docket.found_with(what, || Story::of_switch(book, switch, *overlap));
    }
}
