//! Forged: two at work on a switch, ports that are not as told, and ports with two holders.

use super::super::Invariant::{OneAtWorkOnASwitch, OneHolderOfAPort, PortAsTold};
use super::super::history::{Freeze, Intent, Session};
use super::super::moment::Span;
use super::super::request::Mac;
use super::world::*;
use super::{is_found, only_violated};

#[test]
fn two_sessions_that_are_open_at_once_are_found() {
    let mut world = World::clean();
    let Session { switch, span, .. } = world.session(PLAIN).clone();
    world.history.sessions.push(Session { switch, number: 99, span });
    is_found(&world, OneAtWorkOnASwitch, PLAIN);
}

#[test]
fn a_session_that_was_never_closed_is_found_when_the_next_is_opened() {
    let mut world = World::clean();
    world.session(PLAIN).span.until = None;
    let findings = only_violated(&world, OneAtWorkOnASwitch);
    assert!(findings.len() > 1 && findings[0].to_string().contains("order-4"), "{}", findings[0]);
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
        Freeze { switch: Some(format!("sw-{switch}")), span }
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

/// `other` asked for the port of `n`, and got it.
fn two_holders(n: usize, other: usize) -> World {
    let mut world = World::clean();
    let place_of_n = place(n);
    world.history.locations.insert(format!("{other:010x}"), place_of_n);
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
