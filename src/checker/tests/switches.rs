//! Forged: two at work on a switch, ports that are not as told, and ports with two holders.

use super::super::Invariant::{OneAtWorkOnASwitch, OneHolderOfAPort, PortAsTold};
use super::super::history::{Freeze, Intent, Reply, Session};
use super::super::moment::{Moment, Span};
use super::super::request::{Mac, Wish};
use super::world::*;
use super::{is_found, only_violated};
use serde_json::json;

#[test]
fn two_sessions_that_are_open_at_once_are_found() {
    let mut world = World::clean();
    let Session { switch, span, .. } = world.session(PLAIN).clone();
    world.history.sessions.push(Session { switch, number: 99, holder: None, span });
    is_found(&world, OneAtWorkOnASwitch, PLAIN);
}

#[test]
fn a_session_that_was_never_closed_is_found_when_the_next_is_opened() {
    let mut world = World::clean();
    world.session(PLAIN).span.until = None;
    let findings = only_violated(&world, OneAtWorkOnASwitch);
    assert!(findings.len() > 1 && findings[0].to_string().contains("order-4"), "{}", findings[0]);
}

/// The checkout's session ends so long after the next one on its switch was opened.
fn ended_late(millis: u64) -> World {
    let mut world = World::clean();
    let opened = world.session(PLAIN + 3).span.from;
    world.session(PLAIN).span.until = Some(Moment(opened.0 + millis * 1_000_000));
    world
}

#[test]
fn a_session_whose_end_the_device_notices_late_is_no_second_one_unless_it_gets_a_command() {
    let mut world = ended_late(24);
    super::nothing_is_found(&world);
    let Session { number, switch, .. } = world.session(PLAIN).clone();
    let at = Moment(world.session(PLAIN + 3).span.from.0 + 1_000);
    let own =
        world.history.commands.iter().find(|command| command.session == number && command.switch == switch);
    let late = super::super::history::Command { at, ..own.expect("a command").clone() };
    world.history.commands.push(late);
    assert!(!only_violated(&world, OneAtWorkOnASwitch).is_empty());
    assert!(!only_violated(&ended_late(26), OneAtWorkOnASwitch).is_empty());
}

#[test]
fn commands_of_two_sessions_in_turn_are_found_where_nobody_saw_the_sessions() {
    let mut world = World::clean();
    world.history.sessions.clear();
    let switch = place(PLAIN).switch;
    let lines = world.history.commands.iter_mut().filter(|command| command.switch == switch);
    let first = lines.into_iter().find(|command| command.at > at(PLAIN, 0)).expect("a command");
    let alien = super::super::history::Command { session: 99, at: at(PLAIN, 115), ..first.clone() };
    world.history.commands.push(alien);
    is_found(&world, OneAtWorkOnASwitch, PLAIN);
}

#[test]
fn an_overlap_that_outlasts_its_excuse_is_found() {
    let mut world = World::clean();
    world.visits(PLAIN, 150);
    let freeze = |switch: usize, until| {
        let span = Span::new(at(PLAIN, 140), at(PLAIN, until));
        Freeze { switch: Some(format!("sw-{switch}")), holder: None, span }
    };
    world.history.freezes = vec![freeze(PLAIN % 3, 160), freeze((PLAIN + 1) % 3, 300)];
    is_found(&world, OneAtWorkOnASwitch, PLAIN);
}

#[test]
fn a_completed_port_with_another_vlan_is_found() {
    let mut world = World::clean();
    world.port(PLAIN).running.as_mut().expect("watched").vlan = 1;
    is_found(&world, PortAsTold, PLAIN);
}

#[test]
fn a_completed_port_that_is_down_or_slow_or_open_to_another_mac_is_found() {
    let forgeries: [fn(&mut super::super::history::PortState); 4] = [
        |port| port.enabled = false,
        |port| port.down_kbps = Some(50_000),
        |port| port.up_kbps = None,
        |port| port.macs.extend(Mac::parse("02:00:00:00:00:ff")),
    ];
    for forge in forgeries {
        let mut world = World::clean();
        forge(world.port(PLAIN).running.as_mut().expect("watched"));
        is_found(&world, PortAsTold, PLAIN);
    }
}

#[test]
fn a_completed_port_that_a_reboot_would_undo_is_found() {
    let mut world = World::clean();
    world.port(PLAIN).startup = Some(factory());
    is_found(&world, PortAsTold, PLAIN);
}

#[test]
fn a_completion_that_was_told_before_the_switch_was_asked_is_found() {
    let mut world = World::clean();
    let switch = place(PLAIN).switch;
    world.history.commands.retain(|command| command.switch != switch || command.at > at(PLAIN + 1, 0));
    is_found(&world, PortAsTold, PLAIN);
}

#[test]
fn a_failed_port_that_is_not_as_before_is_found() {
    let mut world = World::clean();
    world.port(FAILED).running.as_mut().expect("watched").vlan = VLAN;
    is_found(&world, PortAsTold, FAILED);
}

#[test]
fn a_port_that_nobody_asked_for_and_was_changed_is_found() {
    let mut world = World::clean();
    world.port(CHECKOUTS).running = Some(live(CHECKOUTS));
    let findings = only_violated(&world, PortAsTold);
    assert!(findings[0].what.contains(&place(CHECKOUTS).to_string()), "{}", findings[0]);
}

#[test]
fn a_port_is_judged_by_the_wish_that_was_not_refused_also_when_no_yes_arrived() {
    let mut world = World::clean();
    let own = format!("order-{PLAIN}");
    for attempt in world.history.attempts.iter_mut().filter(|attempt| attempt.request.key.external == own) {
        attempt.reply = Reply::Nothing { given_up: at(PLAIN, 900) };
    }
    let refusal =
        answer(at(PLAIN, 2), 403, &json!({"detail": "Plan version belongs to a different provider"}));
    world.asks_otherwise(PLAIN, 1, refusal);
    super::nothing_is_found(&world);
    world.port(PLAIN).running = Some(factory());
    is_found(&world, PortAsTold, PLAIN);
}

/// `other` asked for the port of `n`, and got it.
fn two_holders(n: usize, other: usize) -> World {
    let mut world = World::clean();
    world.history.locations.insert(format!("{other:010x}"), place(n));
    for reading in world.history.readings.iter_mut().filter(|reading| reading.place == place(other)) {
        reading.place = place(n);
    }
    world.history.ports.remove(&place(other));
    world.history.ports.remove(&place(n));
    world
}

#[test]
fn a_port_that_two_completed_subscriptions_hold_is_found() {
    is_found(&two_holders(1, 4), OneHolderOfAPort, 4);
}

#[test]
fn a_request_that_is_accepted_for_a_port_that_is_held_is_found() {
    is_found(&two_holders(1, FAILED), OneHolderOfAPort, FAILED);
}

#[test]
fn a_cancellation_that_came_after_the_second_holder_excuses_nothing() {
    let mut world = two_holders(1, 4);
    world.calls(1, Intent::Cancel, 9_000, Some(second_job_id(1)));
    is_found(&world, OneHolderOfAPort, 4);
}

#[test]
fn a_port_whose_first_request_failed_is_free_for_the_next() {
    let world = two_holders(FAILED, 10);
    super::nothing_is_found(&world);
}

/// What was shown of the checkout's port is something else, or nothing.
fn shown_instead(n: usize, millis: u64, state: Option<super::super::history::PortState>) -> World {
    let mut world = World::clean();
    world.history.readings.retain(|reading| reading.place != place(n));
    if let Some(state) = state {
        world.shows(n, millis, state);
    }
    world
}

#[test]
fn a_completion_before_which_the_port_was_not_seen_live_is_found_also_when_it_was_mended_later() {
    is_found(&shown_instead(PLAIN, 150, Some(factory())), PortAsTold, PLAIN);
    is_found(&shown_instead(PLAIN, 301, Some(live(PLAIN))), PortAsTold, PLAIN);
    is_found(&shown_instead(PLAIN, 150, None), PortAsTold, PLAIN);
}

#[test]
fn where_a_switch_was_not_heard_to_show_any_port_nothing_is_said_of_that() {
    let mut world = World::clean();
    let switch = place(PLAIN).switch;
    world.history.readings.retain(|reading| reading.place.switch != switch);
    super::nothing_is_found(&world);
}

#[test]
fn a_port_that_was_seen_live_and_then_not_may_have_lost_it_meanwhile() {
    let mut world = World::clean();
    world.shows(PLAIN, 200, factory());
    super::nothing_is_found(&world);
}

/// Two sessions at once, of these holders, while the harness had frozen that one.
fn overlap_of(holders: [&str; 2], frozen: &str) -> World {
    let mut world = World::clean();
    world.visits(PLAIN, 150);
    let later = at(PLAIN, 150);
    let switch = place(PLAIN).switch;
    for session in world.history.sessions.iter_mut().filter(|session| session.switch == switch) {
        session.holder = Some(holders[usize::from(session.span.from == later)].to_owned());
    }
    let span = Span::new(at(PLAIN, 140), at(PLAIN, 300));
    world.history.freezes.push(Freeze { switch: None, holder: Some(frozen.to_owned()), span });
    world
}

#[test]
fn an_overlap_of_two_that_were_not_frozen_or_within_one_that_was_is_found() {
    is_found(&overlap_of(["one", "two"], "three"), OneAtWorkOnASwitch, PLAIN);
    is_found(&overlap_of(["one", "one"], "one"), OneAtWorkOnASwitch, PLAIN);
    super::nothing_is_found(&overlap_of(["one", "two"], "one"));
    super::nothing_is_found(&overlap_of(["one", "two"], "two"));
}

/// Somebody is told that the port of `n` is held.
fn told_that_it_is_held(n: usize, millis: u64) -> World {
    let mut world = World::clean();
    let told = refused(at(n, millis + 10), 409, "Location already has an active subscription");
    world.asks_as(n, "order-x", millis, told);
    world
}

#[test]
fn a_refusal_for_a_holder_that_there_cannot_have_been_is_found() {
    for (n, millis) in [(CHECKOUTS, 0), (FAILED, 500)] {
        let world = told_that_it_is_held(n, millis);
        let findings = only_violated(&world, OneHolderOfAPort);
        assert!(findings[0].what.contains("nobody can have held it"), "{}", findings[0]);
    }
}

#[test]
fn a_refusal_for_a_holder_that_is_on_its_way_or_failed_only_later_is_none() {
    // One that was never answered, or refused in the end, may have held it for a while.
    for reply in [Reply::Nothing { given_up: at(CHECKOUTS, 3) }, refused(at(CHECKOUTS, 3), 409, "used")] {
        let mut world = told_that_it_is_held(CHECKOUTS, 5);
        world.asks_as(CHECKOUTS, "order-y", 0, reply);
        super::nothing_is_found(&world);
    }
    super::nothing_is_found(&told_that_it_is_held(PLAIN, 7));
    super::nothing_is_found(&told_that_it_is_held(PLAIN, 900));
    super::nothing_is_found(&told_that_it_is_held(FAILED, 200));
    super::nothing_is_found(&told_that_it_is_held(RETRIED, 390));
}

#[test]
fn a_refusal_is_about_the_port_of_its_own_request_and_not_about_the_one_that_the_key_got_later() {
    let mut world = World::clean();
    world.asks(PLAIN, 500, accepted(PLAIN, at(PLAIN, 510), true));
    let mut first = world.history.attempts.last().expect("an attempt").clone();
    let Wish::Direct { location, .. } = &mut first.request.wish else { panic!("direct") };
    *location = format!("{:010x}", 0);
    first.sent = at(PLAIN, 1);
    first.reply = refused(at(PLAIN, 2), 409, "Location already has an active subscription");
    world.history.attempts.push(first.clone());
    super::nothing_is_found(&world);
    let free = format!("{CHECKOUTS:010x}");
    let Wish::Direct { location, .. } = &mut first.request.wish else { panic!("direct") };
    *location = free;
    world.history.attempts.push(first);
    let findings = only_violated(&world, OneHolderOfAPort);
    assert!(findings[0].what.contains(&place(CHECKOUTS).to_string()), "{}", findings[0]);
}
