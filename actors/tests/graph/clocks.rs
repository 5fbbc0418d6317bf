//! A wall clock that was wrong, and is set right: what was put on record meanwhile must not wait for as long as it was wrong by.

use crate::world::*;
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

#[test]
fn an_event_whose_attempt_failed_while_the_clock_was_ahead_is_sent_when_the_clock_is_right() {
    paused(async {
        let store = under_a_wrong_clock(async |world| {
            (0..2).for_each(|_| world.receiver.answer_next(SendOutcome::Answered { status: 500 }));
            world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
            world.until_events(2).await;
        })
        .await;
        let began = Instant::now();
        let world = World::on(store, GraphSettings::default());
        world.until_events(2).await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    });
}

#[test]
fn a_job_that_was_accepted_while_the_clock_was_ahead_runs_when_the_clock_is_right() {
    paused(async {
        let store = under_a_wrong_clock(async |world| {
            world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable));
            world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
            world.until("one try", |world| world.driver.calls() == ["sw open"]).await;
        })
        .await;
        let began = Instant::now();
        let world = World::on(store, GraphSettings::default());
        world.until_events(2).await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    });
}

#[test]
fn a_supervisor_that_backs_off_while_the_clock_is_set_back_waits_no_longer_for_it() {
    paused(async {
        let clock = PausedClock::ahead_by(AN_HOUR);
        let store = seeded(RecordingStore::default());
        let world = World::at(clock.clone(), store, GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until("one try", |world| world.driver.calls() == ["sw open"]).await;
        clock.set_right();
        let began = Instant::now();
        world.until_events(2).await;
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    });
}
