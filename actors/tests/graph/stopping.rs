//! A graceful stop: where each supervisor comes to its safe point, and what it leaves to others.

use crate::world::*;
use switchyard_actors::ports::hints::NoHints;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(20);

/// A world that is asked to stop when `call` has begun, each call taking 100 ms; how long it took, and the job.
async fn stopped_during(call: &str) -> (World, Duration, JobState) {
    let world = World::start(GraphSettings::default());
    let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
    let job = accepted.receipt.job().expect("direct");
    world.until(call, |world| world.driver.calls().last().is_some_and(|last| last == call)).await;
    let asked = Instant::now();
    world.graph.come_to_rest(PATIENCE).await;
    let state = world.job(job).state;
    (world, asked.elapsed(), state)
}

fn is_queued_uncharged(state: &JobState) -> bool {
    matches!(state, JobState::Queued { failed_attempts: 0, spent_millis: 0, .. })
}

#[test]
fn asked_to_stop_while_it_opens_a_session_it_lets_go_at_once_and_leaves_the_job_in_the_queue() {
    paused(async {
        let (world, took, state) = stopped_during("sw open").await;
        assert!(is_queued_uncharged(&state), "{state:?}");
        assert_eq!(world.driver.calls(), ["sw open"]);
        assert!(took < Duration::from_millis(50), "{took:?}");
        assert_eq!(world.store.holder(&Tag::Switch(switch())), None);
    });
}

#[test]
fn asked_to_stop_before_anything_is_sent_it_sends_nothing_and_leaves_the_job_in_the_queue() {
    paused(async {
        let (world, _, state) = stopped_during("sw read").await;
        assert!(is_queued_uncharged(&state), "{state:?}");
        assert_eq!(world.driver.calls(), ["sw open", "sw read", "sw close"]);
        assert_eq!(world.port_record(1).state, PortState::Clean);
        assert_eq!(world.store.holder(&Tag::Switch(switch())), None);
    });
}

#[test]
fn asked_to_stop_while_lines_are_sent_it_reads_back_and_puts_the_outcome_on_record_first() {
    paused(async {
        let (world, _, state) = stopped_during("sw apply").await;
        assert!(matches!(state, JobState::Completed { attempts: 1, .. }), "{state:?}");
        assert_eq!(world.driver.calls(), ["sw open", "sw read", "sw apply", "sw read", "sw close"]);
        assert!(matches!(world.port_record(1).state, PortState::AppliedUnsaved { .. }));
        assert_eq!(world.store.holder(&Tag::Switch(switch())), None);
    });
}

#[test]
fn asked_to_stop_while_it_saves_it_finishes_the_save() {
    paused(async {
        let (world, _, state) = stopped_during("sw save").await;
        assert!(matches!(state, JobState::Completed { .. }), "{state:?}");
        assert_eq!(world.port_record(1).state, PortState::Clean);
        assert_eq!(world.driver.startup(&port(1)), live());
    });
}

#[test]
fn sessions_that_wait_for_their_turn_are_not_waited_for() {
    const SWITCHES: u32 = 50;
    paused(async {
        let mut settings = GraphSettings::default();
        settings.supervision.max_opening = 1;
        let store = seeded_with(RecordingStore::default(), SWITCHES);
        let driver = ScriptedDriver::with_latency(Duration::from_secs(2));
        let receiver = ScriptedReceiver::default();
        let hints = Arc::new(NoHints::default());
        let graph = start_graph(Arc::clone(&store) as _, hints, &driver, &receiver, settings);
        for number in 0..SWITCHES {
            let order = request(&format!("order-{number}"), number * 10);
            graph.provisioning().complete_checkout(order).await.expect("accepted");
        }
        until("one opens", || !driver.calls().is_empty(), || format!("{:?}", driver.calls())).await;
        let asked = Instant::now();
        graph.stop(PATIENCE).await;
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        assert_eq!(driver.calls().len(), 1, "{:?}", driver.calls());
    });
}

#[test]
fn what_does_not_come_to_rest_in_time_is_left_as_it_is_on_record() {
    paused(async {
        let store = seeded(RecordingStore::default());
        let (slow, receiver) =
            (ScriptedDriver::with_latency(Duration::from_secs(60)), ScriptedReceiver::default());
        let hints = Arc::new(NoHints::default());
        let graph = start_graph(Arc::clone(&store) as _, hints, &slow, &receiver, GraphSettings::default());
        let accepted = graph.provisioning().complete_checkout(request("order-1", 1)).await.expect("accepted");
        let job = accepted.receipt.job().expect("direct");
        until("it applies", || slow.calls().len() == 3, || format!("{:?}", slow.calls())).await;
        let asked = Instant::now();
        graph.stop(PATIENCE).await;
        assert_eq!(asked.elapsed().as_secs(), PATIENCE.as_secs());
        let state = job_in(&store, &switch(), job).state;
        assert!(matches!(state, JobState::Running { failed_attempts: 0, .. }), "{state:?}");
    });
}
