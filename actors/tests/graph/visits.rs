//! Many ports in one visit: each comes to its own outcome, and what befalls one is no other's.

use crate::world::*;
use switchyard_actors::graph::Graph;
use switchyard_actors::ports::store::Write;

const MANY: u32 = 24;
/// Somewhere in the middle.
const ODD: u32 = 7;
const PATIENCE: Duration = Duration::from_secs(20);

async fn order(handle: &Provisioning, n: u32) -> JobId {
    let accepted = handle.complete_checkout(request(&format!("order-{n}"), n)).await.expect("accepted");
    accepted.receipt.job().expect("direct")
}

/// Ports 0 to 23, ordered while the supervisor is at another: they wait together.
async fn many_waiting(handle: &Provisioning) -> Vec<JobId> {
    order(handle, MANY).await;
    let mut jobs = Vec::new();
    for n in 0..MANY {
        jobs.push(order(handle, n).await);
    }
    jobs
}

fn count(world: &World, call: &str) -> usize {
    world.driver.calls().iter().filter(|seen| **seen == format!("sw {call}")).count()
}

fn reads_of(world: &World, n: u32) -> usize {
    world.driver.reads().iter().filter(|at| **at == port(n)).count()
}

/// The attempts that each job took to its completion, but for this one.
fn all_completed_at_once_but(world: &World, jobs: &[JobId], odd: u32) {
    let others = (0..MANY).zip(jobs).filter(|(n, _)| *n != odd);
    for (n, job) in others {
        let state = world.job(*job).state;
        assert!(matches!(state, JobState::Completed { attempts: 1, .. }), "port {n}: {state:?}");
    }
}

/// How often a job was put on record as charged with so many panics.
fn charged(world: &World, panics: u32) -> Vec<JobId> {
    let commits = world.store.commits();
    let writes = commits.iter().flat_map(|commit| &commit.writes);
    let of = |write: &Write| match write {
        Write::Put(_, Record::Job(job)) => match job.state {
            JobState::Queued { panics: count, .. } if count == panics => Some(job.id),
            _ => None,
        },
        _ => None,
    };
    writes.filter_map(of).collect()
}

#[test]
fn jobs_that_wait_together_are_begun_in_one_commit_done_in_one_visit_and_saved_once() {
    // What is read in one go comes to its outcome in one commit.
    for (read_at_once, outcomes) in [(1, 1 + MANY as usize), (8, 1 + 3)] {
        paused(async move {
            let world = World::start(GraphSettings::default());
            world.driver.read_at_once(read_at_once);
            let jobs = many_waiting(&world.handle).await;
            world.until_events(2 * 25).await;
            all_completed_at_once_but(&world, &jobs, MANY);
            world
                .until("clean", |world| (0..=MANY).all(|n| world.port_record(n).state == PortState::Clean))
                .await;
            let (opened, applied) = (count(&world, "open"), count(&world, "apply"));
            assert_eq!((opened, applied, count(&world, "save")), (1, 2, 1));
            let commits = world.store.commits();
            let with = |is_it: fn(&JobState) -> bool| {
                let has =
                    |write: &Write| matches!(write, Write::Put(_, Record::Job(job)) if is_it(&job.state));
                commits.iter().filter(|commit| commit.writes.iter().any(has)).count()
            };
            assert_eq!(with(|state| matches!(state, JobState::Running { .. })), 2);
            assert_eq!(with(|state| matches!(state, JobState::Completed { .. })), outcomes);
        });
    }
}

#[test]
fn a_visit_has_no_more_ports_than_it_may_and_with_one_they_go_one_by_one() {
    for (visit_ports, applied) in [(10, 1 + 3), (1, 1 + 24)] {
        paused(async move {
            let mut settings = GraphSettings::default();
            settings.supervision.visit_ports = visit_ports;
            let world = World::start(settings);
            many_waiting(&world.handle).await;
            world.until_events(2 * 25).await;
            assert_eq!(count(&world, "apply"), applied);
        });
    }
}

#[test]
fn one_port_that_refuses_its_lines_is_undone_and_fails_and_all_others_are_live() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let before = world.driver.running(&port(ODD));
        world.driver.order_at(&port(ODD), ScriptedFault::ApplyHalf(FailureClass::CommandRejected));
        let jobs = many_waiting(&world.handle).await;
        world.until_events(2 * 24 + 1).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        let failed = world.job(jobs[ODD as usize]).state;
        assert!(matches!(failed, JobState::Failed { attempts: 1, .. }), "{failed:?}");
        assert_eq!((world.driver.running(&port(ODD)), world.port_record(ODD).holder), (before, None));
        world.until("saved", |world| count(world, "save") == 1).await;
        // The one visit, that of the port before it, and the undo.
        assert_eq!((count(&world, "open"), count(&world, "apply")), (1, 3));
    });
}

#[test]
fn a_lock_that_keeps_a_whole_visit_out_is_charged_to_one_job_and_the_others_are_done_together_after_it() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let locked = || ScriptedFault::ApplyHalf(FailureClass::ConfigurationLocked);
        (0..MANY).for_each(|n| world.driver.order_at(&port(n), locked()));
        let jobs = many_waiting(&world.handle).await;
        world.until_events(2 * 25).await;
        all_completed_at_once_but(&world, &jobs, 0);
        let charged = world.job(jobs[0]).state;
        assert!(matches!(charged, JobState::Completed { attempts: 2, .. }), "{charged:?}");
        // The port before them, all of them, the undo of the first, the first alone, and the others.
        assert_eq!((count(&world, "open"), count(&world, "apply")), (1, 5));
    });
}

#[test]
fn a_port_that_swallows_its_lines_is_tried_again_alone() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order_at(&port(ODD), ScriptedFault::Swallow);
        let jobs = many_waiting(&world.handle).await;
        world.until_events(2 * 25).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        let state = world.job(jobs[ODD as usize]).state;
        assert!(matches!(state, JobState::Completed { attempts: 2, .. }), "{state:?}");
    });
}

#[test]
fn a_port_that_the_switch_has_not_fails_alone_before_anything_is_sent_to_it() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order_at(&port(ODD), ScriptedFault::Read(FailureClass::PortUnknown));
        let jobs = many_waiting(&world.handle).await;
        world.until_events(2 * 24 + 1).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        assert_eq!((count(&world, "open"), count(&world, "apply")), (1, 2));
    });
}

#[test]
fn a_session_that_breaks_over_one_port_is_charged_to_that_one_and_the_others_go_on_together() {
    let faults = [
        ScriptedFault::Read(FailureClass::SessionLost),
        ScriptedFault::ApplyHalf(FailureClass::SessionLost),
        ScriptedFault::ApplyAll(FailureClass::PromptNotSeen),
    ];
    for fault in faults {
        paused(async move {
            let world = World::start(GraphSettings::default());
            world.driver.order_at(&port(ODD), fault.clone());
            let jobs = many_waiting(&world.handle).await;
            world.until_events(2 * 25).await;
            all_completed_at_once_but(&world, &jobs, ODD);
            let state = world.job(jobs[ODD as usize]).state;
            assert!(matches!(state, JobState::Completed { attempts: 2, .. }), "{fault:?}: {state:?}");
            // Ports before it had their lines sent, and are found as wanted, not sent them again.
            assert!(count(&world, "apply") <= 4, "{:?}", world.driver.calls());
            assert_eq!((count(&world, "open"), world.driver.most_open()), (2, 1));
        });
    }
}

#[test]
fn a_session_that_breaks_at_the_read_back_of_one_port_leaves_live_what_was_read_back_before() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let jobs = many_waiting(&world.handle).await;
        world.until("sent", |world| count(world, "apply") == 2).await;
        world.driver.order_at(&port(ODD), ScriptedFault::Read(FailureClass::SessionLost));
        world.until("broken", |world| count(world, "close") == 1).await;
        let live: Vec<_> = (0..MANY).filter(|n| reads_of(&world, *n) == 2).collect();
        assert_eq!(live, (0..ODD).collect::<Vec<_>>());
        world.until_events(2 * 25).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        assert_eq!(count(&world, "apply"), 2, "nothing is sent twice");
    });
}

#[test]
fn a_panic_over_many_is_charged_to_nobody_and_the_one_at_fault_is_found_alone() {
    paused(async {
        let world = World::start(GraphSettings::default());
        (0..2).for_each(|_| world.driver.order_at(&port(ODD), ScriptedFault::Panic));
        let jobs = many_waiting(&world.handle).await;
        world.until_events(2 * 25).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        assert_eq!(charged(&world, 1), [jobs[ODD as usize]]);
        assert_eq!(charged(&world, 2), []);
        assert_eq!(world.driver.most_open(), 1);
    });
}

#[test]
fn a_job_that_always_breaks_its_supervisor_fails_and_those_that_it_was_with_are_live_uncharged() {
    paused(async {
        let world = World::start(GraphSettings::default());
        (0..5).for_each(|_| world.driver.order_at(&port(ODD), ScriptedFault::Panic));
        let jobs = many_waiting(&world.handle).await;
        world.until_events(2 * 24 + 1).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        let state = world.job(jobs[ODD as usize]).state;
        assert!(matches!(state, JobState::Failed { .. }), "{state:?}");
        assert!((1..=2).all(|panics| charged(&world, panics) == [jobs[ODD as usize]]));
    });
}

#[test]
fn a_panic_over_the_reading_of_one_port_is_charged_to_that_one_at_once() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.poison(&port(ODD));
        let jobs = many_waiting(&world.handle).await;
        world.until("charged", |world| !charged(world, 1).is_empty()).await;
        world.driver.cure(&port(ODD));
        world.until_events(2 * 25).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        assert_eq!(charged(&world, 1), [jobs[ODD as usize]]);
        assert_eq!(count(&world, "apply"), 3);
    });
}

/// A world that is asked to stop when so many of these calls have begun.
async fn stopped_at(call: &str, number: usize) -> (World, Vec<JobState>) {
    let world = World::start(GraphSettings::default());
    let jobs = many_waiting(&world.handle).await;
    world.until("there", |world| count(world, call) == number).await;
    world.graph.come_to_rest(PATIENCE).await;
    let states = jobs.iter().map(|job| world.job(*job).state).collect();
    (world, states)
}

#[test]
fn asked_to_stop_while_ports_are_read_it_sends_nothing_and_leaves_all_uncharged() {
    paused(async {
        // The one before them is read twice.
        let (world, states) = stopped_at("read", 2 + 5).await;
        let is_queued = |state: &JobState| matches!(state, JobState::Queued { failed_attempts: 0, .. });
        assert!(states.iter().all(is_queued), "{states:?}");
        assert_eq!(count(&world, "apply"), 1);
        assert_eq!(world.store.holder(&Tag::Switch(switch())), None);
    });
}

#[test]
fn asked_to_stop_while_lines_are_sent_it_reads_every_port_back_and_settles_it() {
    paused(async {
        let (world, states) = stopped_at("apply", 2).await;
        let is_completed = |state: &JobState| matches!(state, JobState::Completed { attempts: 1, .. });
        assert!(states.iter().all(is_completed), "{states:?}");
        assert_eq!((count(&world, "apply"), count(&world, "save")), (2, 0));
    });
}

#[test]
fn a_port_whose_record_was_overtaken_is_left_out_and_the_others_go_on() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let jobs = many_waiting(&world.handle).await;
        world.until("read", |world| reads_of(world, ODD + 1) == 1).await;
        // Any change will do.
        let key = Key::Port(port(ODD));
        let touched = world.store.record(&key).expect("it has a holder");
        world.store.seed(key, touched);
        world.until("sent", |world| count(world, "apply") == 2).await;
        world.until("done", |world| world.driver.running(&port(ODD)) == live()).await;
        world.until_events(2 * 25).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        // Nothing was sent, so nothing is counted.
        let state = world.job(jobs[ODD as usize]).state;
        assert!(matches!(state, JobState::Completed { attempts: 1, .. }), "{state:?}");
        assert_eq!(count(&world, "apply"), 3);
    });
}

#[test]
fn what_the_switch_would_take_back_is_told_to_nobody_before_it_is_confirmed() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.take_back(&switch());
        world.driver.order_at(&port(ODD), ScriptedFault::ApplyHalf(FailureClass::CommandRejected));
        let jobs = many_waiting(&world.handle).await;
        world.until("about to confirm", |world| count(world, "confirm") == 2).await;
        assert!(jobs.iter().all(|job| !world.job(*job).state.is_settled()));
        world.until_events(2 * 24 + 1).await;
        all_completed_at_once_but(&world, &jobs, ODD);
        assert_eq!((count(&world, "confirm"), count(&world, "open")), (2, 1));
        assert!((0..MANY).filter(|n| *n != ODD).all(|n| world.driver.running(&port(n)) == live()));
    });
}

#[test]
fn what_the_switch_took_back_because_it_was_not_confirmed_is_done_again() {
    for class in [FailureClass::SessionLost, FailureClass::ConfigurationLocked] {
        paused(async move {
            let world = World::start(GraphSettings::default());
            world.driver.take_back(&switch());
            let jobs = many_waiting(&world.handle).await;
            world.until("about to confirm", |world| count(world, "confirm") == 1).await;
            world.driver.order(&switch(), ScriptedFault::Confirm(class));
            world.until_events(2 * 25).await;
            assert!((0..MANY).all(|n| world.driver.running(&port(n)) == live()));
            let completed = |job: &JobId| matches!(world.job(*job).state, JobState::Completed { .. });
            assert!(jobs.iter().all(completed));
        });
    }
}

#[test]
fn a_visit_whose_instance_dies_in_the_middle_is_finished_by_another_and_each_job_has_one_outcome() {
    paused(async {
        let store = seeded(RecordingStore::shared());
        let driver = ScriptedDriver::with_latency(Duration::from_millis(100));
        let (receiver, hub) = (ScriptedReceiver::default(), HintHub::default());
        let start = || -> (Arc<StoreLink>, Graph) {
            let link = Arc::new(StoreLink::to(Arc::clone(&store)));
            let hints = Arc::new(hub.clone());
            let settings = GraphSettings::default();
            (Arc::clone(&link), start_graph(link, hints, &driver, &receiver, settings))
        };
        let (link, one) = start();
        until("alone", || one.living() == 1, String::new).await;
        let jobs = many_waiting(&one.provisioning()).await;
        let seen = || format!("{:?}", driver.calls());
        let applied = |n| driver.calls().iter().filter(|call| *call == "sw apply").count() == n;
        until("sent", || applied(2), seen).await;
        link.cut(true);
        let (_, _two) = start();
        until("told", || receiver.events().len() >= 2 * 25, seen).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!((receiver.events().len(), driver.most_open()), (2 * 25, 1));
        for job in jobs {
            let state = job_in(&store, &switch(), job).state;
            assert!(matches!(state, JobState::Completed { attempts: 1, .. }), "{state:?}");
        }
        assert!((0..MANY).all(|n| driver.running(&port(n)) == live()));
    });
}

#[test]
fn ports_that_were_applied_by_a_session_that_is_gone_are_proven_in_one_visit() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SessionLost));
        many_waiting(&world.handle).await;
        world.until_events(2 * 25).await;
        world
            .until("clean", |world| (0..=MANY).all(|n| world.port_record(n).state == PortState::Clean))
            .await;
        assert_eq!((count(&world, "save"), count(&world, "apply")), (2, 2));
        assert!((0..=MANY).all(|n| world.driver.startup(&port(n)) == live()));
    });
}

#[test]
fn a_save_that_has_waited_too_long_comes_before_the_next_job_of_however_long_a_queue() {
    paused(async {
        let mut settings = GraphSettings::default();
        settings.supervision.visit_ports = 1;
        settings.supervision.save_longest_wait_ms = 2_000;
        let world = World::start(settings);
        let jobs = many_waiting(&world.handle).await;
        world.until("all applied", |world| count(world, "apply") > jobs.len()).await;
        let calls = world.driver.calls();
        let (mut applied, mut most) = (0, 0);
        for call in &calls {
            match call.as_str() {
                "sw apply" => applied += 1,
                "sw save" => applied = 0,
                _ => {}
            }
            most = most.max(applied);
        }
        // A job takes 300 ms, so seven of them begin before the first has waited for two seconds.
        assert!((5..=8).contains(&most), "{most} without a save: {calls:?}");
    });
}
