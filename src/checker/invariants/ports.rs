//! Invariant 6.
//!
//! A port is as its partner was told: after `provisioning.completed` what the plan says, and seen so on the switch before
//! that was told; after `provisioning.failed` as before, or marked dirty. A port that nobody asked for stays as it was.
//!
//! A port whose subscription was changed or cancelled later, or that has two holders, is set aside: the first has outcomes that
//! aren't seen here, the second is another invariant's.

use std::collections::BTreeSet;

use super::super::case::{Case, Fate, is_provisioning};
use super::super::casebook::Casebook;
use super::super::docket::Docket;
use super::super::history::{Place, Plan, Port, PortState, Standing};
use super::super::moment::{Moment, Span};
use super::super::report::Verdict;
use super::super::request::Wish;
use super::super::story::Story;

pub(super) fn judge(book: &Casebook<'_>) -> Verdict {
    let mut docket = Docket::open(book);
    let by_place = book.by_place();
    for (place, port) in &book.history.ports {
        let cases = by_place.get(place).map_or(&[][..], Vec::as_slice);
        judge_port(&mut docket, place, port, cases);
    }
    for (place, cases) in &by_place {
        for case in cases {
            switch_was_asked(&mut docket, place, case);
            was_seen_live(&mut docket, place, case);
        }
    }
    docket.close("no port was watched that somebody asked for")
}

fn judge_port<'h>(docket: &mut Docket<'_, 'h>, place: &Place, port: &Port, cases: &[&Case<'h>]) {
    let takers: Vec<_> = cases.iter().filter(|case| docket.book.fate(case) != Fate::NeverTaken).collect();
    let is_altered = |case: &Case<'h>| case.effective_calls().any(|call| !is_provisioning(&call.intent));
    let completed: Vec<_> =
        takers.iter().filter(|case| matches!(docket.book.fate(case), Fate::Completed { .. })).collect();
    let is_open = takers.iter().any(|case| docket.book.fate(case) == Fate::Unsettled || is_altered(case));
    match (&completed[..], &takers[..]) {
        _ if is_open || completed.len() > 1 => docket.looked_at("ports set aside", 1),
        ([case], _) => after_completed(docket, place, port, case),
        (_, [.., last]) => after_failed(docket, place, port, last),
        (_, []) => untouched(docket, place, port),
    }
}

fn after_completed<'h>(docket: &mut Docket<'_, 'h>, place: &Place, port: &Port, case: &Case<'h>) {
    let Some(bought) = bought(docket.book, case) else {
        return docket.looked_at("ports whose plan isn't known", 1);
    };
    let startup = port.startup.as_ref().filter(|_| docket.book.is_drained());
    let configurations = [("is", port.running.as_ref()), ("after a reboot would be", startup)];
    for (verb, state) in configurations.into_iter().filter_map(|(verb, state)| Some((verb, state?))) {
        docket.looked_at("configurations after completed", 1);
        let other = differences(state, &bought);
        if !other.is_empty() {
            let what =
                format!("{place} was told to be live, and {verb} not what was bought: {}", other.join(", "));
            return docket.found(case, what);
        }
    }
}

fn after_failed<'h>(docket: &mut Docket<'_, 'h>, place: &Place, port: &Port, case: &Case<'h>) {
    let (Some(before), Some(running)) = (&port.before, &port.running) else { return };
    let other = differences(running, before);
    match port.standing {
        Standing::Dirty => docket.looked_at("ports marked dirty", 1),
        Standing::Unmarked => docket.looked_at("configurations after failed", 1),
    }
    if !other.is_empty() && port.standing == Standing::Unmarked {
        let what = format!("the job on {place} failed, and the port is not as before: {}", other.join(", "));
        docket.found(case, what);
    }
}

fn untouched(docket: &mut Docket<'_, '_>, place: &Place, port: &Port) {
    let (Some(before), Some(running)) = (&port.before, &port.running) else { return };
    let other = differences(running, before);
    docket.looked_at("ports that nobody asked for", 1);
    if !other.is_empty() && port.standing == Standing::Unmarked {
        let what = format!("nobody asked for {place}, and it was changed: {}", other.join(", "));
        docket.found_with(what, Story::default);
    }
}

/// What the port of a completed job must be.
fn bought(book: &Casebook<'_>, case: &Case<'_>) -> Option<PortState> {
    let wish: &Wish = case.wish()?;
    let Plan { vlan, down_kbps, up_kbps, .. } =
        book.history.plans.iter().find(|plan| plan.id == wish.plan())?;
    let macs: BTreeSet<_> = wish.mac().cloned().into_iter().collect();
    Some(PortState { enabled: true, vlan: *vlan, down_kbps: *down_kbps, up_kbps: *up_kbps, macs })
}

/// `VLAN 1 instead of 142`
fn differences(seen: &PortState, wanted: &PortState) -> Vec<String> {
    let kbps = |limit: Option<u64>| limit.map_or_else(|| "no limit".to_owned(), |kbps| kbps.to_string());
    let up_or_down = |enabled| if enabled { "up" } else { "shut down" }.to_owned();
    let macs = |state: &PortState| {
        let macs: Vec<_> = state.macs.iter().map(ToString::to_string).collect();
        if macs.is_empty() { "any".to_owned() } else { macs.join(" and ") }
    };
    let fields = [
        ("the port", up_or_down(seen.enabled), up_or_down(wanted.enabled)),
        ("VLAN", seen.vlan.to_string(), wanted.vlan.to_string()),
        ("down kbps", kbps(seen.down_kbps), kbps(wanted.down_kbps)),
        ("up kbps", kbps(seen.up_kbps), kbps(wanted.up_kbps)),
        ("MAC", macs(seen), macs(wanted)),
    ];
    let other = fields.into_iter().filter(|(_, seen, wanted)| seen != wanted);
    other.map(|(field, seen, wanted)| format!("{field} {seen} instead of {wanted}")).collect()
}

/// Between the first request and `completed` the switch was spoken to, or nobody can have read the port.
fn switch_was_asked<'h>(docket: &mut Docket<'_, 'h>, place: &Place, case: &Case<'h>) {
    let Fate::Completed { told: Some(told) } = case.fate() else { return };
    let book = docket.book;
    let commands = book.commands(&place.switch);
    if commands.is_empty() || book.history.forgetful_switches.contains(&place.switch) {
        return;
    }
    docket.looked_at("completions that a switch was asked about", 1);
    let asked: Moment = case.span().from;
    let first = commands.partition_point(|command| command.at < asked);
    if commands.get(first).is_none_or(|command| command.at > told) {
        docket.found(case, format!("{place} was told to be live before its switch was asked anything"));
    }
}

/// Before `completed` was told, somebody had asked the switch for this port, and been shown what was bought. How the port is in the
/// end doesn't tell: a repair may have mended what was never looked at.
fn was_seen_live<'h>(docket: &mut Docket<'_, 'h>, place: &Place, case: &Case<'h>) {
    let book = docket.book;
    let Fate::Completed { told: Some(told) } = case.fate() else { return };
    let is_altered = case.effective_calls().any(|call| !is_provisioning(&call.intent));
    let (Some(readings), Some(bought)) = (book.readings(place), bought(book, case)) else { return };
    if is_altered || book.history.forgetful_switches.contains(&place.switch) {
        return;
    }
    docket.looked_at("completions that were looked for in what the switch had shown", 1);
    let before = Span::new(case.span().from, told.next());
    let mut shown = readings.iter().filter(|reading| before.holds(reading.at));
    if shown.clone().any(|reading| differences(&reading.state, &bought).is_empty()) {
        return;
    }
    let last = shown.next_back().map(|reading| differences(&reading.state, &bought).join(", "));
    let what = last.map_or_else(
        || format!("{place} was told to be live, and its switch was never asked for it"),
        |other| format!("{place} was told to be live, and was last seen not to be: {other}"),
    );
    docket.found(case, what);
}
