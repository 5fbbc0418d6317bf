//! Ports that somebody else changed: found by a check that was asked for, by the schedule, or after a lost session;
//! repaired within limits, with a record; and nothing else is written to.

use crate::world::*;
use switchyard_actors::domain::drift::{CheckOutcome, Consent, Response, SwitchDrift};
use switchyard_actors::domain::record::Index;
use switchyard_actors::domain::upkeep::Upkeep;
use switchyard_actors::domain::visit::WorkItem;
use switchyard_actors::ports::store::Write;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A world where the first so many ports are live and saved, and no session is open.
async fn live_world(ports: u32, settings: GraphSettings) -> World {
    let world = World::start(settings);
    for n in 0..ports {
        world.handle.complete_checkout(request(&format!("order-{n}"), n)).await.expect("accepted");
    }
    world.until_events(2 * ports as usize).await;
    let is_clean = |world: &World, n| world.port_record(n).state == PortState::Clean;
    world.until("all saved", |world| (0..ports).all(|n| is_clean(world, n))).await;
    world.until("closed", |world| calls(world, "close") == 1).await;
    world
}

fn calls(world: &World, name: &str) -> usize {
    world.driver.calls().iter().filter(|call| **call == format!("sw {name}")).count()
}

fn drift(world: &World) -> SwitchDrift {
    match world.store.record(&Key::Drift(switch())) {
        Some(Record::Drift(drift)) => drift,
        _ => SwitchDrift::new(switch()),
    }
}

fn upkeep(world: &World, n: u32) -> Upkeep {
    match world.store.record(&Key::Managed(port(n))) {
        Some(Record::Managed(managed)) => managed.upkeep,
        other => panic!("no managed port but {other:?}"),
    }
}

fn shut_by_hand(world: &World, n: u32) {
    world.driver.change_by_hand(&port(n), |config| config.enabled = false);
}

fn is_live_and_saved(world: &World, n: u32) -> bool {
    world.driver.running(&port(n)) == live() && world.driver.startup(&port(n)) == live()
}

fn responses(world: &World) -> Vec<Response> {
    drift(world).log.into_iter().map(|entry| entry.response).collect()
}

fn is_unfinished(world: &World) -> bool {
    matches!(drift(world).last.map(|last| last.outcome), Some(CheckOutcome::Unfinished { .. }))
}

/// Asks for a check, and waits until it is answered.
async fn check(world: &World, consent: Consent) -> CheckOutcome {
    world.graph.operator().check(&switch(), consent).await.expect("asked for");
    world.until("answered", |world| drift(world).order.is_none()).await;
    drift(world).last.expect("a report").outcome
}

async fn check_within_limits(world: &World) -> CheckOutcome {
    check(world, Consent::WithinLimits).await
}

#[test]
fn a_change_by_hand_is_found_on_demand_repaired_saved_and_put_on_record() {
    paused(async {
        let world = live_world(3, GraphSettings::default()).await;
        let applied = calls(&world, "apply");
        shut_by_hand(&world, 1);
        let outcome = check_within_limits(&world).await;
        assert_eq!(outcome, CheckOutcome::Judged { differing: 1, repaired: 1 });
        world.until("repaired", |world| is_live_and_saved(world, 1)).await;
        world.until("on record", |world| matches!(upkeep(world, 1), Upkeep::Repaired { times: 1, .. })).await;
        let log = drift(&world).log;
        assert_eq!((log.len(), &log[0].port, &log[0].response), (1, &port(1).port, &Response::Repair));
        assert_eq!(log[0].differences[0].to_string(), "enabled is false, wanted true");
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!((calls(&world, "apply"), calls(&world, "save")), (applied + 1, 2));
        assert_eq!(world.receiver.events().len(), 6, "no partner is told");
    });
}

#[test]
fn where_nothing_differs_a_check_only_reads_what_subscriptions_have_live() {
    paused(async {
        let world = live_world(3, GraphSettings::default()).await;
        world.driver.change_by_hand(&port(7), |config| config.down_kbps = Some(5));
        let (before, reads) = (world.driver.calls().len(), world.driver.reads().len());
        let outcome = check_within_limits(&world).await;
        assert_eq!(outcome, CheckOutcome::Judged { differing: 0, repaired: 0 });
        world.until("closed", |world| calls(world, "close") == 2).await;
        assert_eq!(world.driver.reads()[reads..], [port(0), port(1), port(2)]);
        let calls = &world.driver.calls()[before..];
        let but_one_probe = calls.iter().filter(|call| *call != "sw probe").collect::<Vec<_>>();
        assert_eq!(but_one_probe, ["sw open", "sw read", "sw read", "sw read", "sw close"]);
        assert!(drift(&world).log.is_empty());
        world.until("no lease", |world| world.store.holder(&Tag::Switch(switch())).is_none()).await;
    });
}

#[test]
fn of_more_ports_than_the_limit_none_is_written_to_until_an_operator_orders_it() {
    paused(async {
        let mut settings = GraphSettings::default();
        settings.drift.max_repairs = 2;
        let world = live_world(4, settings).await;
        (0..3).for_each(|n| shut_by_hand(&world, n));
        let applied = calls(&world, "apply");
        assert_eq!(check_within_limits(&world).await, CheckOutcome::HeldBack { differing: 3 });
        tokio::time::sleep(MINUTE).await;
        assert_eq!(calls(&world, "apply"), applied);
        assert!(drift(&world).is_held_back());
        assert_eq!(responses(&world), vec![Response::HeldBack; 3]);

        let outcome = check(&world, Consent::Everything).await;
        assert_eq!(outcome, CheckOutcome::Judged { differing: 3, repaired: 3 });
        world.until("repaired", |world| (0..3).all(|n| is_live_and_saved(world, n))).await;
        assert!(!drift(&world).is_held_back());
    });
}

#[test]
fn a_port_that_is_changed_back_again_and_again_waits_longer_and_is_then_given_up() {
    paused(async {
        let mut settings = GraphSettings::default();
        settings.drift.check_ms = 0;
        let world = live_world(1, settings).await;
        for times in 1..=3 {
            shut_by_hand(&world, 0);
            check_within_limits(&world).await;
            if times > 1 {
                let last = responses(&world).pop();
                assert!(matches!(last, Some(Response::Waits { .. })), "{times}: {last:?}");
                tokio::time::sleep(MINUTE * 10 * (times - 1)).await;
                check_within_limits(&world).await;
            }
            world.until("repaired", |world| is_live_and_saved(world, 0)).await;
            world.until("on record", |world| matches!(upkeep(world, 0), Upkeep::Repaired { .. })).await;
        }
        tokio::time::sleep(HOUR).await;
        shut_by_hand(&world, 0);
        check_within_limits(&world).await;
        check_within_limits(&world).await;
        assert!(matches!(upkeep(&world, 0), Upkeep::GivenUp { .. }));
        let given_up = responses(&world).into_iter().filter(|response| *response == Response::GivenUp);
        assert_eq!(given_up.count(), 1, "put down once");
        assert!(!is_live_and_saved(&world, 0));
        check(&world, Consent::Everything).await;
        world.until("repaired", |world| is_live_and_saved(world, 0)).await;
    });
}

#[test]
fn what_waits_for_its_repair_is_looked_at_again_when_its_wait_is_over() {
    paused(async {
        let world = live_world(1, GraphSettings::default()).await;
        for _ in 0..2 {
            shut_by_hand(&world, 0);
            check_within_limits(&world).await;
            world.until("on record", |world| matches!(upkeep(world, 0), Upkeep::Repaired { .. })).await;
        }
        assert!(!is_live_and_saved(&world, 0));
        tokio::time::sleep(MINUTE * 12).await;
        world.until("repaired", |world| is_live_and_saved(world, 0)).await;
    });
}

async fn enter_into_the_inventory(world: &World, index: Index, members: &[String]) {
    let include = |member: &String| Write::Include { index: index.clone(), member: member.clone(), score: 0 };
    world.commit(Tag::Inventory, members.iter().map(include).collect()).await;
}

#[test]
fn by_the_schedule_a_change_is_found_within_a_period_and_in_between_nobody_owns_the_switch() {
    paused(async {
        let mut settings = GraphSettings::default();
        settings.drift.check_ms = 6 * 3_600_000;
        let world = live_world(2, settings).await;
        enter_into_the_inventory(&world, Index::Switches, &[switch().to_string()]).await;
        tokio::time::sleep(HOUR * 2).await;
        assert_eq!(world.store.holder(&Tag::Switch(switch())), None);
        shut_by_hand(&world, 1);
        for day in 1..=2 {
            tokio::time::sleep(HOUR * 6).await;
            world.until("repaired", |world| is_live_and_saved(world, 1)).await;
            let at = drift(&world).last.expect("checked").at;
            tokio::time::sleep(HOUR).await;
            assert_eq!(drift(&world).last.expect("checked").at, at, "once a period, day {day}");
            assert_eq!(world.store.holder(&Tag::Switch(switch())), None);
            shut_by_hand(&world, 1);
        }
    });
}

#[test]
fn a_switch_that_went_away_and_came_back_is_checked_after_its_jobs() {
    paused(async {
        let world = live_world(2, GraphSettings::default()).await;
        shut_by_hand(&world, 1);
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted");
        world.until("repaired", |world| is_live_and_saved(world, 1)).await;
        assert_eq!(responses(&world), [Response::Repair]);
        // The job first, and what it left to be saved.
        let reads = world.driver.reads();
        let checked = reads.iter().rposition(|at| *at == port(0)).expect("checked");
        assert!(reads[..checked].iter().rev().take(2).all(|at| *at == port(2)), "{reads:?}");
    });
}

#[test]
fn a_check_gives_way_to_a_job_after_the_port_that_is_being_read() {
    paused(async {
        let world = live_world(8, GraphSettings::default()).await;
        let before = world.driver.reads().len();
        world.graph.operator().check(&switch(), Consent::WithinLimits).await.expect("asked for");
        world.until("reading", |world| world.driver.reads().len() == before + 3).await;
        world.handle.complete_checkout(request("order-9", 9)).await.expect("accepted");
        world.until("live", |world| world.driver.running(&port(9)) == live()).await;
        let reads = world.driver.reads();
        let first = reads.iter().position(|at| *at == port(9)).expect("read before it is changed");
        assert!(first - before <= 4, "{reads:?}");
        world.until("answered", |world| drift(world).order.is_none()).await;
        assert_eq!(drift(&world).last.expect("a report").ports, 8, "the check goes on where it was");
    });
}

#[test]
fn a_port_that_changes_hands_while_a_check_reads_is_not_judged_by_it() {
    paused(async {
        let world = live_world(3, GraphSettings::default()).await;
        shut_by_hand(&world, 0);
        let before = world.driver.reads().len();
        world.graph.operator().check(&switch(), Consent::WithinLimits).await.expect("asked for");
        world.until("read", |world| world.driver.reads().len() > before + 1).await;
        let taken = PortRecord { holder: None, ..world.port_record(0) };
        world.store.seed(Key::Port(port(0)), Record::Port(taken.clone()));
        world.until("answered", |world| drift(world).order.is_none()).await;
        tokio::time::sleep(MINUTE).await;
        assert_eq!(world.port_record(0), taken);
        assert!(!is_live_and_saved(&world, 0));
        assert!(responses(&world).is_empty());
    });
}

#[test]
fn a_port_that_was_let_go_of_is_not_read_whatever_else_is_on_record() {
    paused(async {
        let world = live_world(2, GraphSettings::default()).await;
        shut_by_hand(&world, 0);
        let free = PortRecord { holder: None, ..world.port_record(0) };
        world.store.seed(Key::Port(port(0)), Record::Port(free));
        let before = world.driver.reads().len();
        assert_eq!(check_within_limits(&world).await, CheckOutcome::Judged { differing: 0, repaired: 0 });
        assert_eq!(world.driver.reads()[before..], [port(1)]);
    });
}

#[test]
fn whoever_asks_again_while_a_check_reads_gets_another_one() {
    paused(async {
        let world = live_world(3, GraphSettings::default()).await;
        let before = world.driver.reads().len();
        let operator = world.graph.operator();
        operator.check(&switch(), Consent::WithinLimits).await.expect("asked for");
        world.until("reading", |world| world.driver.reads().len() == before + 2).await;
        shut_by_hand(&world, 0);
        operator.check(&switch(), Consent::WithinLimits).await.expect("asked for");
        world.until("repaired", |world| is_live_and_saved(world, 0)).await;
    });
}

#[test]
fn a_supervisor_that_dies_in_the_middle_of_a_repair_leaves_it_to_the_next() {
    paused(async {
        let world = live_world(2, GraphSettings::default()).await;
        shut_by_hand(&world, 0);
        world.driver.order(&switch(), ScriptedFault::Panic);
        check_within_limits(&world).await;
        world.until("repaired", |world| is_live_and_saved(world, 0)).await;
        world.until("on record", |world| matches!(upkeep(world, 0), Upkeep::Repaired { times: 1, .. })).await;
    });
}

#[test]
fn a_switch_that_cannot_be_read_is_left_for_a_while_with_that_on_record() {
    paused(async {
        let world = live_world(2, GraphSettings::default()).await;
        shut_by_hand(&world, 1);
        for _ in 0..3 {
            world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable));
        }
        world.graph.operator().check(&switch(), Consent::WithinLimits).await.expect("asked for");
        world.until("given up", is_unfinished).await;
        assert!(drift(&world).order.is_some(), "still to be answered");
        world.until("nobody's", |world| world.store.holder(&Tag::Switch(switch())).is_none()).await;
        tokio::time::sleep(MINUTE * 17).await;
        world.until("repaired", |world| is_live_and_saved(world, 1)).await;
    });
}

#[test]
fn a_check_that_was_queued_by_a_clock_that_was_ahead_is_not_waited_for() {
    paused(async {
        let world = live_world(2, GraphSettings::default()).await;
        shut_by_hand(&world, 1);
        let member = WorkItem::Check.to_member();
        let queued = Write::Include { index: Index::Work(switch()), member, score: u64::MAX / 2 };
        world.commit(Tag::Switch(switch()), vec![queued]).await;
        world.until("repaired", |world| is_live_and_saved(world, 1)).await;
    });
}

#[test]
fn ports_that_were_live_before_there_was_upkeep_are_adopted_by_the_first_check() {
    paused(async {
        let world = live_world(2, GraphSettings::default()).await;
        let forget = [0, 1].into_iter().flat_map(|n| {
            let member = port(n).port.to_string();
            [Write::Delete(Key::Managed(port(n))), Write::Exclude { index: Index::Managed(switch()), member }]
        });
        world.commit(Tag::Switch(switch()), forget.collect()).await;
        let ports: Vec<_> = (0..10).map(|n| port(n).port.to_string()).collect();
        enter_into_the_inventory(&world, Index::Ports(switch()), &ports).await;
        shut_by_hand(&world, 1);
        let outcome = check_within_limits(&world).await;
        assert_eq!(outcome, CheckOutcome::Judged { differing: 1, repaired: 1 });
        assert_eq!(drift(&world).last.expect("a report").ports, 2);
        world.until("repaired", |world| is_live_and_saved(world, 1)).await;
    });
}

#[test]
fn a_failed_order_leaves_nothing_to_manage() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::CommandRejected));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        assert_eq!(check_within_limits(&world).await, CheckOutcome::Judged { differing: 0, repaired: 0 });
        assert_eq!(drift(&world).last.expect("a report").ports, 0);
    });
}

#[test]
fn a_check_that_panics_is_left_for_a_while_and_charged_to_no_port_and_no_switch() {
    paused(async {
        let world = live_world(2, GraphSettings::default()).await;
        world.driver.poison(&port(1));
        world.graph.operator().check(&switch(), Consent::WithinLimits).await.expect("asked for");
        world.until("left", is_unfinished).await;
        tokio::time::sleep(MINUTE).await;
        assert_eq!(
            world.driver.reads().iter().filter(|at| **at == port(1)).count(),
            3,
            "once more, not on and on"
        );
        assert_eq!(
            (world.port_record(1).panics, world.store.record(&Key::SwitchStatus(switch()))),
            (0, None)
        );
        world.handle.complete_checkout(request("order-3", 3)).await.expect("accepted");
        world.until("live", |world| world.driver.running(&port(3)) == live()).await;
    });
}
