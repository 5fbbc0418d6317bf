//! Forged: one key, and more than one of what there must be one of. And what a 2xx promised, and isn't there.

use serde_json::json;

use super::super::Invariant::{AcceptedIsOnRecord, OneJobForOneKey};
use super::super::history::{EventName, Intent, Reply};
use super::super::moment::Span;
use super::world::*;
use super::{is_found, nothing_is_found};

#[test]
fn a_second_job_for_one_key_is_found() {
    let mut world = World::clean();
    world.tells(PLAIN, EventName::Failed, second_job_id(PLAIN), 500);
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn a_second_job_that_only_an_answer_shows_is_found() {
    let mut world = World::clean();
    let told = [EventName::Completed, EventName::Activated];
    world.asks(PLAIN, 500, accepted_with(at(PLAIN, 510), second_job_id(PLAIN), subscription_id(PLAIN), true));
    world.tells(PLAIN, told[0].clone(), second_job_id(PLAIN), 600);
    world.tells(PLAIN, told[1].clone(), second_job_id(PLAIN), 610);
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn one_more_job_than_retries_were_asked_for_is_found() {
    let mut world = World::clean();
    world.tells(RETRIED, EventName::Failed, job_id(77), 900);
    is_found(&world, OneJobForOneKey, RETRIED);
}

#[test]
fn a_second_subscription_for_one_key_is_found() {
    let mut world = World::clean();
    world.write(PLAIN, &EventName::Activated, |body| body["subscription_id"] = json!(subscription_id(77)));
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn other_bytes_for_a_repeat_are_found() {
    let mut world = World::clean();
    world.answer(REPEATED).body.push(b' ');
    is_found(&world, OneJobForOneKey, REPEATED);
}

#[test]
fn a_repeat_that_is_answered_as_if_it_were_the_first_is_found() {
    let mut world = World::clean();
    world.answer(REPEATED).replayed = false;
    is_found(&world, OneJobForOneKey, REPEATED);
}

#[test]
fn another_wish_that_is_accepted_under_a_used_key_is_found() {
    let mut world = World::clean();
    world.asks_otherwise(PLAIN, 500, accepted(PLAIN, at(PLAIN, 510), true));
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn another_wish_that_gets_a_409_without_the_ids_is_found() {
    let mut world = World::clean();
    world.answer(MISMATCHED).body = br#"{"detail":"external_subscription_id was already used"}"#.to_vec();
    is_found(&world, OneJobForOneKey, MISMATCHED);
}

#[test]
fn another_wish_that_is_judged_as_if_the_key_were_new_is_found() {
    let mut world = World::clean();
    world.asks_otherwise(PLAIN, 500, refused(at(PLAIN, 510), 404, "Plan version not found"));
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn an_event_for_a_key_that_was_only_refused_is_found() {
    let mut world = World::clean();
    let external = format!("order-{PLAIN}");
    for attempt in world.history.attempts.iter_mut().filter(|one| one.request.key.external == external) {
        attempt.reply = refused(at(PLAIN, 10), 409, "Location already has an active subscription");
    }
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn an_event_for_a_key_that_nobody_asked_for_is_found() {
    let mut world = World::clean();
    let external = format!("order-{PLAIN}");
    world.history.attempts.retain(|attempt| attempt.request.key.external != external);
    *world.port(PLAIN) = Default::default();
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn a_job_that_two_keys_show_is_found() {
    let mut world = World::clean();
    world.history.attempts.retain(|attempt| attempt.request.key.external != "order-2");
    world.asks(2, 5, Reply::Nothing { given_up: at(2, 10) });
    world.write(2, &EventName::Completed, |body| body["job_id"] = json!(job_id(PLAIN)));
    is_found(&world, OneJobForOneKey, PLAIN);
}

#[test]
fn an_accepted_job_that_nobody_is_told_the_end_of_is_found() {
    let mut world = World::clean();
    world.forget_events(PLAIN);
    is_found(&world, AcceptedIsOnRecord, PLAIN);
}

#[test]
fn a_retry_that_was_accepted_and_never_ends_is_found() {
    let mut world = World::clean();
    world.calls(FAILED, Intent::Retry, 500, Some(second_job_id(FAILED)));
    is_found(&world, AcceptedIsOnRecord, FAILED);
}

#[test]
fn a_home_drop_that_was_accepted_and_never_told_to_be_pending_is_found() {
    let mut world = World::clean();
    let pending = world.delivery(HOME_DROP, &EventName::PendingInstall).id.clone();
    world.history.deliveries.retain(|delivery| delivery.id != pending);
    is_found(&world, AcceptedIsOnRecord, HOME_DROP);
}

#[test]
fn an_accepted_request_whose_repeat_is_refused_as_new_is_found() {
    let mut world = World::clean();
    let reply = refused(at(PLAIN, 510), 409, "Location already has an active subscription");
    world.asks(PLAIN, 500, reply);
    is_found(&world, AcceptedIsOnRecord, PLAIN);
}

#[test]
fn a_2xx_that_names_no_subscription_is_found() {
    let mut world = World::clean();
    world.answer(PLAIN).body = b"{}".to_vec();
    is_found(&world, AcceptedIsOnRecord, PLAIN);
}

#[test]
fn a_2xx_that_names_no_job_or_for_a_home_drop_one_is_found() {
    let ids = [(PLAIN, json!({"subscription_id": subscription_id(PLAIN)}))];
    let with_job = json!({"subscription_id": subscription_id(HOME_DROP), "job_id": job_id(HOME_DROP)});
    for (n, body) in ids.into_iter().chain([(HOME_DROP, with_job)]) {
        let mut world = World::clean();
        world.answer(n).body = body.to_string().into_bytes();
        is_found(&world, AcceptedIsOnRecord, n);
    }
}

#[test]
fn an_answer_of_the_store_while_the_store_was_away_is_found() {
    let mut world = World::clean();
    world.history.outages.push(Span::new(at(PLAIN, 0), at(PLAIN, 20)));
    is_found(&world, AcceptedIsOnRecord, PLAIN);

    let mut world = World::clean();
    world.history.outages.push(Span::new(at(MISMATCHED, 499), at(MISMATCHED, 511)));
    is_found(&world, AcceptedIsOnRecord, MISMATCHED);
}

#[test]
fn an_answer_that_was_begun_before_an_outage_or_came_after_it_or_needs_no_store_is_none() {
    let mut world = World::clean();
    world.history.outages.push(Span::new(at(PLAIN, 6), at(PLAIN, 20)));
    world.history.outages.push(Span::new(at(REPEATED, 0), at(REPEATED, 10)));
    world.history.outages.push(Span::new(at(PLAIN, 400), at(PLAIN, 600)));
    for status in [401, 413, 422, 429, 503] {
        world.asks(PLAIN, 500, refused(at(PLAIN, 510), status, "not now"));
    }
    nothing_is_found(&world);
}
