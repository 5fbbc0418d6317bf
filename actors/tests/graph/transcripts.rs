//! What was said on sessions: kept with what it was for, whatever came of it.

use crate::world::*;

fn said_for(world: &World, job: JobId) -> String {
    match world.store.record(&Key::Transcript(switch(), job)) {
        Some(Record::Transcript(transcript)) => transcript.text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_said_on_a_session_that_came_to_nothing_is_kept_with_the_job_that_it_was_for() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Open(FailureClass::PromptNotSeen));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        let said = said_for(&world, accepted.receipt.job().expect("direct"));
        let told = "  a greeting, and no prompt\n# failed, nothing was changed: as ordered\n";
        assert!(said.contains(told), "{said}");
    });
}
