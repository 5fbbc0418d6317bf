//! A wall clock that was wrong, and is set right: what was put on record meanwhile must not wait for as long as it was wrong by.

use crate::world::*;
use switchyard_actors::ports::store::Write;
use tokio::time::Instant;

const AN_HOUR: u64 = 3_600_000;
/// Long beside every wait of the default settings, short beside the hour.
const SOON: Duration = Duration::from_secs(180);

/// Under a clock that is an hour ahead; the store, as it is left.
async fn under_a_wrong_clock(story: impl AsyncFnOnce(&World)) -> Arc<RecordingStore> {
    let store = seeded(RecordingStore::default());
    let world = World::at(PausedClock::ahead_by(AN_HOUR), Arc::clone(&store), GraphSettings::default());
    story(&world).await;
    let World { graph, .. } = world;
    graph.stop(Duration::from_secs(10)).await;
    store
}

/// Under a clock that is right again.
async fn both_events_come_soon(store: Arc<RecordingStore>) {
    let began = Instant::now();
    let world = World::on(store, GraphSettings::default());
    world.until_events(2).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

fn has_failed_once(world: &World, job: JobId) -> bool {
    matches!(world.job(job).state, JobState::Queued { failed_attempts: 1, .. })
}

#[test]
fn an_event_whose_attempt_failed_while_the_clock_was_ahead_is_sent_when_the_clock_is_right() {
    paused(async {
        let store = under_a_wrong_clock(async |world| {
            (0..2).for_each(|_| world.receiver.answer_next(SendOutcome::Answered { status: 500 }));
            world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
            world.until_events(2).await;
        })
        .await;
        both_events_come_soon(store).await;
    });
}

#[test]
fn a_job_that_was_accepted_while_the_clock_was_ahead_runs_when_the_clock_is_right() {
    paused(async {
        let store = under_a_wrong_clock(async |world| {
            world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable));
            let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
            let job = accepted.receipt.job().expect("a direct one has a job");
            world.until("one failure", |world| has_failed_once(world, job)).await;
        })
        .await;
        both_events_come_soon(store).await;
    });
}

#[test]
fn a_supervisor_that_backs_off_while_the_clock_is_set_back_waits_no_longer_for_it() {
    paused(async {
        let clock = PausedClock::ahead_by(AN_HOUR);
        let store = seeded(RecordingStore::default());
        let world = World::at(clock.clone(), store, GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        let job = accepted.receipt.job().expect("a direct one has a job");
        world.until("one failure", |world| has_failed_once(world, job)).await;
        clock.set_right();
        let began = Instant::now();
        world.until_events(2).await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
        let writes = world.store.commits().into_iter().flat_map(|commit| commit.writes);
        let is_charged = |write: Write| match write {
            Write::Put(_, Record::Job(job)) => matches!(job.state, JobState::Queued { panics: 1.., .. }),
            _ => false,
        };
        assert!(!writes.into_iter().any(is_charged), "the supervisor panicked over it");
    });
}
