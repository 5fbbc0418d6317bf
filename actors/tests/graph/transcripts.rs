//! What was said on sessions: kept with what it was for, whatever came of it.

use crate::world::*;
use switchyard_actors::domain::record::Index;
use switchyard_actors::ports::store::Store as _;

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

/// An order whose first session comes to nothing, and so leaves a text; its switch is at rest afterwards.
async fn told_of(world: &World, number: u32) -> JobId {
    world.driver.order(&switch(), ScriptedFault::Open(FailureClass::PromptNotSeen));
    let accepted = world.handle.complete_checkout(request(&format!("order-{number}"), number)).await;
    let job = accepted.expect("accepted").receipt.job().expect("direct");
    world.until("completed", |world| world.job(job).state.is_settled()).await;
    world.until("at rest", |world| world.store.holder(&Tag::Switch(switch())).is_none()).await;
    job
}

/// Of these jobs, and as the switch lists them: a text that nobody lists would stay for ever.
async fn kept_of(world: &World, jobs: &[JobId]) -> (Vec<JobId>, usize) {
    let is_kept = |job: &JobId| world.store.record(&Key::Transcript(switch(), *job)).is_some();
    let listed = world.store.members(&Index::Transcripts(switch()), 10).await.expect("the store is there");
    (jobs.iter().copied().filter(is_kept).collect(), listed.len())
}

#[test]
fn of_more_texts_than_a_switch_may_have_the_oldest_are_taken_out_when_it_is_left_alone() {
    paused(async {
        let mut settings = GraphSettings::default();
        settings.retention.transcripts_per_switch = 2;
        let world = World::start(settings);
        let mut jobs = Vec::new();
        for number in 0..4 {
            jobs.push(told_of(&world, number).await);
        }
        assert_eq!(kept_of(&world, &jobs).await, (jobs[2..].to_vec(), 2));
    });
}

#[test]
fn a_text_is_kept_for_its_days_and_taken_out_with_the_next_visit() {
    paused(async {
        let mut settings = crate::retention::slow_sweeps();
        settings.retention.transcript_days = 10;
        let world = World::start(settings);
        let mut jobs = vec![told_of(&world, 0).await];
        for days in [9, 2] {
            tokio::time::sleep(Duration::from_secs(days * 86_400)).await;
            jobs.push(told_of(&world, days as u32).await);
        }
        assert_eq!(kept_of(&world, &jobs).await, (jobs[1..].to_vec(), 2));
    });
}
