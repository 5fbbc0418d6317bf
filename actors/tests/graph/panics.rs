//! Our own code panics: over a job, a repair, a switch, an event, a checkout, in a fleet. Who is at fault is found, and nobody
//! else is touched.

use crate::world::*;
use switchyard_actors::domain::delivery::{DeadWhy, DeliveryState};
use switchyard_actors::domain::failure::{DriverFailure, FailureReason};
use switchyard_actors::domain::ids::EventId;
use switchyard_actors::domain::record::{Index, SwitchStatus};
use switchyard_actors::graph::Graph;
use switchyard_actors::ports::hints::NoHints;
use switchyard_actors::ports::store::{Store, Write};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

fn calls(driver: &ScriptedDriver, call: &str) -> usize {
    driver.calls().iter().filter(|seen| *seen == call).count()
}

fn status_of(store: &RecordingStore, switch: &SwitchId) -> Option<SwitchStatus> {
    match store.record(&Key::SwitchStatus(switch.clone())) {
        Some(Record::SwitchStatus(status)) => Some(status),
        _ => None,
    }
}

fn quarantine_of(store: &RecordingStore, switch: &SwitchId) -> Option<DriverFailure> {
    status_of(store, switch)?.quarantined
}

async fn ordered(handle: &Provisioning, external: &str, n: u32) -> JobId {
    let accepted = handle.complete_checkout(request(external, n)).await.expect("accepted");
    accepted.receipt.job().expect("direct")
}

fn gave_up(job: &JobRecord, after: u32) -> bool {
    let reason = FailureReason::SupervisorPanicked { panics: after };
    matches!(&job.state, JobState::Failed { reason: why, .. } if *why == reason)
}

#[test]
fn a_job_that_breaks_its_supervisor_three_times_fails_with_its_reason_and_the_job_behind_it_goes_first() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.poison(&port(1));
        let poisonous = ordered(&world.handle, "order-1", 1).await;
        let harmless = ordered(&world.handle, "order-2", 2).await;
        world.until_events(3).await;
        assert_eq!(
            world.receiver.events(),
            ["provisioning.completed", "subscription.activated", "provisioning.failed"]
        );
        assert!(gave_up(&world.job(poisonous), 3), "{:?}", world.job(poisonous));
        assert!(matches!(world.job(harmless).state, JobState::Completed { attempts: 1, .. }));
        let told = world.receiver.received().pop().expect("three").1.body;
        assert!(told.contains("Contact the operator"), "{told}");
        assert_eq!((world.port_record(1).holder, world.driver.most_open()), (None, 1));
        assert_eq!(quarantine_of(&world.store, &switch()), None);
    });
}

#[test]
fn the_outcome_of_a_poisonous_job_its_event_and_the_unclear_port_are_one_commit_and_the_port_is_repaired() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let before = world.driver.running(&port(1));
        (0..3).for_each(|_| world.driver.order(&switch(), ScriptedFault::Panic));
        let job = ordered(&world.handle, "order-1", 1).await;
        world.until_events(1).await;
        assert!(gave_up(&world.job(job), 3), "{:?}", world.job(job));
        let key = Key::Job(switch(), job);
        let writes_the_job = |write: &Write| matches!(write, Write::Put(of, _) if *of == key);
        let outcome =
            world.store.commits().into_iter().rfind(|commit| commit.writes.iter().any(writes_the_job));
        let outcome = outcome.expect("it has one");
        assert_eq!(outcome.events.len(), 1);
        let port_of = |write: &Write| match write {
            Write::Put(_, Record::Port(port)) => Some(port.state.clone()),
            _ => None,
        };
        let marked = outcome.writes.iter().find_map(port_of);
        assert_eq!(marked, Some(PortState::Dirty { want: before.clone() }));
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!((world.port_record(1).holder, world.driver.running(&port(1))), (None, before));
    });
}

/// The graph of one instance, on a link that can be cut.
fn on_a_link(store: &Arc<RecordingStore>, driver: &ScriptedDriver) -> (Arc<StoreLink>, Graph) {
    let link = Arc::new(StoreLink::to(Arc::clone(store)));
    let hints = Arc::new(NoHints::default());
    let receiver = ScriptedReceiver::default();
    let graph = start_graph(Arc::clone(&link) as _, hints, driver, &receiver, GraphSettings::default());
    (link, graph)
}

fn poisoned_world() -> (Arc<RecordingStore>, ScriptedDriver) {
    let driver = ScriptedDriver::with_latency(Duration::from_millis(100));
    driver.poison(&port(1));
    (seeded(RecordingStore::default()), driver)
}

#[test]
fn a_panic_is_counted_once_also_when_the_store_is_away_just_then_and_its_answers_get_lost() {
    paused(async {
        let (store, driver) = poisoned_world();
        let (link, graph) = on_a_link(&store, &driver);
        let job = ordered(&graph.provisioning(), "order-1", 1).await;
        let seen = || format!("{:?} {:?}", driver.calls(), job_in(&store, &switch(), job));
        for panic in 1..=3 {
            until("about to panic", || calls(&driver, "sw read") == panic, seen).await;
            link.cut(true);
            tokio::time::sleep(MINUTE).await;
            store.lose_next_request();
            store.lose_next_answer();
            link.cut(false);
        }
        until("given up", || gave_up(&job_in(&store, &switch(), job), 3), seen).await;
        assert_eq!(calls(&driver, "sw read"), 3);
    });
}

#[test]
fn a_panic_is_counted_once_also_when_the_instance_loses_its_tenure_before_it_is_on_record() {
    paused(async {
        let driver = ScriptedDriver::with_latency(Duration::from_millis(100));
        driver.poison(&port(1));
        let store = seeded(RecordingStore::shared());
        let (link, graph) = on_a_link(&store, &driver);
        until("alone", || graph.living() == 1, String::new).await;
        let job = ordered(&graph.provisioning(), "order-1", 1).await;
        let seen = || format!("{:?} {:?}", driver.calls(), job_in(&store, &switch(), job));
        for panic in 1..=3 {
            until("about to panic", || calls(&driver, "sw read") == panic, seen).await;
            link.cut(true);
            tokio::time::sleep(MINUTE).await;
            link.cut(false);
        }
        until("given up", || gave_up(&job_in(&store, &switch(), job), 3), seen).await;
        assert_eq!(calls(&driver, "sw read"), 3);
    });
}

#[test]
fn panics_that_are_on_record_survive_a_restart_of_the_process() {
    paused(async {
        let (store, driver) = poisoned_world();
        let (_, first) = on_a_link(&store, &driver);
        let job = ordered(&first.provisioning(), "order-1", 1).await;
        let seen = || format!("{:?} {:?}", driver.calls(), job_in(&store, &switch(), job));
        let counted =
            |n| move |job: JobRecord| matches!(job.state, JobState::Queued { panics, .. } if panics == n);
        until("counted", || counted(2)(job_in(&store, &switch(), job)), seen).await;
        first.stop(MINUTE).await;
        let (_, _second) = on_a_link(&store, &driver);
        until("given up", || gave_up(&job_in(&store, &switch(), job), 3), seen).await;
        assert_eq!(calls(&driver, "sw read"), 3);
    });
}

#[test]
fn a_switch_whose_supervisor_always_breaks_is_quarantined_with_its_queue_and_a_release_counts_anew() {
    paused(async {
        let world = World::start(GraphSettings::default());
        (0..19).for_each(|_| world.driver.order(&switch(), ScriptedFault::PanicOpening));
        let job = ordered(&world.handle, "order-1", 1).await;
        world.until("quarantined", |world| quarantine_of(&world.store, &switch()).is_some()).await;
        let why = quarantine_of(&world.store, &switch()).expect("just seen");
        assert_eq!(why.class, FailureClass::SupervisorPanicked);
        // Too short to forgive anything by itself.
        tokio::time::sleep(MINUTE).await;
        assert_eq!(calls(&world.driver, "sw open"), 10);
        // The job is not at fault, and waits.
        let waits = matches!(
            world.job(job).state,
            JobState::Queued { panics: 0, .. } | JobState::Running { panics: 0, .. }
        );
        assert!(waits, "{:?}", world.job(job));
        world.graph.operator().release(&switch()).await.expect("on record");
        world.until_events(2).await;
        assert_eq!((calls(&world.driver, "sw open"), quarantine_of(&world.store, &switch())), (20, None));
    });
}

/// A job that failed half-way has left port 1 dirty; from now on its repair panics.
async fn with_a_poisonous_repair() -> World {
    let world = World::start(GraphSettings::default());
    world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
    (0..4).for_each(|_| world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable)));
    ordered(&world.handle, "order-1", 1).await;
    world.until_events(1).await;
    world.driver.poison(&port(1));
    world
}

fn set_aside(world: &World) -> bool {
    status_of(&world.store, &switch()).is_some_and(|status| status.set_aside.contains(&port(1).port))
}

#[test]
fn a_repair_that_breaks_the_supervisor_is_set_aside_keeps_nothing_waiting_and_a_release_brings_it_back() {
    paused(async {
        let world = with_a_poisonous_repair().await;
        let began = Instant::now();
        ordered(&world.handle, "order-2", 2).await;
        world.until_events(3).await;
        // One panic of the repair may come first, with a back-off of seconds from the unreachable switch.
        assert!(began.elapsed() < MINUTE / 2, "{:?}", began.elapsed());
        world.until("set aside", set_aside).await;
        assert_eq!((world.port_record(1).panics, quarantine_of(&world.store, &switch())), (3, None));
        assert!(matches!(world.port_record(1).state, PortState::Dirty { .. }), "{:?}", world.port_record(1));
        let reads = calls(&world.driver, "sw read");
        tokio::time::sleep(60 * MINUTE).await;
        assert_eq!(calls(&world.driver, "sw read"), reads);
        // Nothing is left that would keep the supervisor, and the lease.
        assert_eq!(world.store.members(&Index::Work(switch()), 9).await, Ok(Vec::new()));

        world.driver.cure(&port(1));
        world.graph.operator().release(&switch()).await.expect("on record");
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!((world.port_record(1).panics, set_aside(&world)), (0, false));
    });
}

#[test]
fn an_order_that_fails_on_a_port_whose_repair_was_set_aside_leaves_it_set_aside() {
    paused(async {
        let world = with_a_poisonous_repair().await;
        world.until("set aside", set_aside).await;
        (0..5).for_each(|_| world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable)));
        // Were its repair in the queue again, it would panic at this.
        let reads = calls(&world.driver, "sw read");
        ordered(&world.handle, "order-2", 1).await;
        world.until_events(2).await;
        tokio::time::sleep(60 * MINUTE).await;
        assert_eq!((world.port_record(1).panics, set_aside(&world)), (3, true));
        assert_eq!(calls(&world.driver, "sw read"), reads);
        assert_eq!(world.store.members(&Index::Work(switch()), 9).await, Ok(Vec::new()));
    });
}

#[test]
fn an_order_that_makes_good_a_port_whose_repair_was_set_aside_takes_it_off_the_operators_list() {
    paused(async {
        let world = with_a_poisonous_repair().await;
        world.until("set aside", set_aside).await;
        world.driver.cure(&port(1));
        ordered(&world.handle, "order-2", 1).await;
        world.until_events(3).await;
        assert_eq!((world.port_record(1).panics, set_aside(&world)), (0, false));
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!(world.driver.running(&port(1)), live());
    });
}

/// What another partner orders.
fn of_another(external: &str, n: u32) -> CheckoutRequest {
    let mut other = request(external, n);
    other.key.partner = OTHER;
    other.plan = OTHERS_PLAN;
    other
}

const OTHER: PartnerId = PartnerId(Uuid::from_u128(11));
const OTHERS_PLAN: PlanVersionId = PlanVersionId(Uuid::from_u128(12));

fn deliveries(world: &World, partner: PartnerId) -> Vec<(EventId, DeliveryState)> {
    let records = world.store.records().into_iter();
    let of = records.filter_map(|record| match record {
        Record::Delivery(delivery) if delivery.event.partner == partner => {
            Some((delivery.event.id, delivery.state))
        }
        _ => None,
    });
    of.collect()
}

#[test]
fn an_endpoint_whose_answers_break_us_gets_dead_letters_and_the_other_partners_events_are_not_delayed() {
    paused(async {
        let store = seeded(RecordingStore::default());
        seed_partner(&store, OTHER, OTHERS_PLAN, "http://poison");
        let world = World::on(store, GraphSettings::default());
        world.receiver.poison("http://poison");
        world.handle.complete_checkout(of_another("order-1", 1)).await.expect("accepted");
        ordered(&world.handle, "order-2", 2).await;
        let dead = |(_, state): &(EventId, DeliveryState)| {
            matches!(state, DeliveryState::Dead { why: DeadWhy::HandlingPanicked { panics: 3 }, .. })
        };
        world
            .until("dead letters", |world| deliveries(world, OTHER).iter().filter(|d| dead(d)).count() == 2)
            .await;
        let listed = world.store.members(&Index::Dead(OTHER), 9).await.expect("there").len();
        assert_eq!(listed, 2);
        let received = world.receiver.received();
        let of = |url: &str| received.iter().filter(|(_, sent)| sent.url == url).collect::<Vec<_>>();
        // The same attempt, again and again: nobody knows what became of it.
        assert_eq!(of("http://poison").iter().map(|(_, sent)| sent.attempt).collect::<Vec<_>>(), [1; 6]);
        let (first, ours) = (received[0].0, of("http://receiver"));
        assert_eq!(ours.len(), 2);
        let delay = ours[1].0.duration_since(first);
        assert!(delay < Duration::from_secs(1), "{delay:?}: the other's waits are two and four seconds");
    });
}

/// When every event of the switches but the first came, with the first one's ports poisoned or not.
async fn moments_of_the_others(poisoned: bool) -> Vec<(u128, String)> {
    const SWITCHES: u32 = 4;
    let began = Instant::now();
    let world = World::on(seeded_with(RecordingStore::default(), SWITCHES), GraphSettings::default());
    for n in 0..10 {
        if poisoned {
            world.driver.poison(&port_of(&numbered(0), n));
        }
        for number in 0..SWITCHES {
            let place = number * 10 + n;
            ordered(&world.handle, &format!("order-{place}"), place).await;
        }
    }
    let of_others = |body: &str| (10..40).any(|place| body.contains(&format!("\"order-{place}\"")));
    let seen = |world: &World| {
        let received = world.receiver.received().into_iter();
        let others = received.filter(|(_, sent)| of_others(&sent.body));
        let name = |body: &str| serde_json::from_str::<serde_json::Value>(body).expect("JSON");
        let key = |body: &str| format!("{} {}", name(body)["external_subscription_id"], name(body)["event"]);
        let moments = others.map(|(at, sent)| (at.duration_since(began).as_millis(), key(&sent.body)));
        moments.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    world.until("the others' events", |world| seen(world).len() == 60).await;
    let quarantined = |world: &World| quarantine_of(&world.store, &numbered(0)).is_some();
    world
        .until("the first one's end", |world| quarantined(world) || world.receiver.events().len() == 80)
        .await;
    assert_eq!(quarantined(&world), poisoned);
    seen(&world)
}

#[test]
fn a_switch_on_which_everything_breaks_moves_no_outcome_of_another_by_a_millisecond() {
    paused(async {
        let calm = moments_of_the_others(false).await;
        assert_eq!(moments_of_the_others(true).await, calm);
    });
}

#[cfg(feature = "fail-points")]
mod at_fail_points {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use switchyard_actors::fail_points::FailPoint;

    /// Panics the next so many times that this thread comes by; other tests' threads pass. One scenario at a time, since
    /// the points are the whole process's.
    fn panic_at(point: FailPoint, times: u32) -> fail::FailScenario<'static> {
        let scenario = fail::FailScenario::setup();
        let (thread, left) = (std::thread::current().id(), AtomicU32::new(times));
        let take_one = move |left: &AtomicU32| {
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
        };
        let armed = fail::cfg_callback(point.name(), move || {
            assert!(std::thread::current().id() != thread || !take_one(&left), "as ordered");
        });
        armed.expect("a callback can be set for every point");
        scenario
    }

    #[test]
    fn a_checkout_that_breaks_us_is_told_to_come_back_and_the_others_with_it_are_taken() {
        paused(async {
            let world = World::start(GraphSettings::default());
            let _armed = panic_at(FailPoint::CheckoutBeforeCommit, 1);
            let asked = (0..5).map(|n| {
                let handle = world.handle.clone();
                async move { handle.complete_checkout(request(&format!("order-{n}"), n)).await }
            });
            let answers = futures_util::future::join_all(asked).await;
            let broken: Vec<_> = answers.iter().filter(|answer| answer.is_err()).collect();
            assert!(matches!(broken[..], [Err(Refused::Unavailable(_))]), "{answers:?}");
            for n in 0..5 {
                ordered(&world.handle, &format!("order-{n}"), n).await;
            }
            world.until_events(10).await;
            assert_eq!(world.subscriptions().len(), 5);
        });
    }

    fn attempts(store: &RecordingStore, switch: &SwitchId, job: JobId) -> Option<u32> {
        match job_in(store, switch, job).state {
            JobState::Completed { attempts, .. } => Some(attempts),
            _ => None,
        }
    }

    #[test]
    fn a_fleet_that_panics_leaves_no_supervisor_behind_that_would_get_in_the_way_of_the_next() {
        paused(async {
            // Opening takes a second: the fleet is back before a supervisor that it left would have its session.
            let driver = ScriptedDriver::with_latency(Duration::from_secs(1));
            let store = seeded(RecordingStore::default());
            let (_, graph) = on_a_link(&store, &driver);
            let first = ordered(&graph.provisioning(), "order-1", 1).await;
            let seen = || format!("{:?}", driver.calls());
            until("opening", || calls(&driver, "sw open") == 1, seen).await;
            let _armed = panic_at(FailPoint::SwitchWoken, 1);
            let second = ordered(&graph.provisioning(), "order-2", 2).await;
            let done = |job| attempts(&store, &switch(), job).is_some();
            until("completed", || done(first) && done(second), seen).await;
            let tried = [first, second].map(|job| attempts(&store, &switch(), job));
            assert_eq!((tried, driver.most_open()), ([Some(1); 2], 1));
            assert_eq!(calls(&driver, "sw open"), 2);
        });
    }

    #[test]
    fn a_fleet_that_panics_leaves_no_session_open_on_a_switch_that_has_nothing_to_do() {
        paused(async {
            let driver = ScriptedDriver::with_latency(Duration::from_millis(100));
            let store = seeded_with(RecordingStore::default(), 2);
            let (_, graph) = on_a_link(&store, &driver);
            let idle = ordered(&graph.provisioning(), "order-1", 1).await;
            let seen = || format!("{:?}", driver.calls());
            let at = Key::Port(port_of(&numbered(0), 1));
            let clean =
                || matches!(store.record(&at), Some(Record::Port(port)) if port.state == PortState::Clean);
            until("saved", || calls(&driver, "sw0 save") == 1 && clean(), seen).await;
            assert_eq!((attempts(&store, &numbered(0), idle), driver.open_now(&numbered(0))), (Some(1), 1));
            let _armed = panic_at(FailPoint::SwitchWoken, 1);
            ordered(&graph.provisioning(), "order-11", 11).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(driver.open_now(&numbered(0)), 0);
        });
    }
}
