//! Forged: outcomes that are told twice or both ways, and events that don't arrive as they must.

use super::super::Invariant::{AcceptedIsOnRecord, EveryEventArrives, OneOutcome};
use super::super::history::{Answered, DeadLetter, EventName, Intent};
use super::super::judge;
use super::super::moment::Span;
use super::world::*;
use super::{is_found, nothing_is_found, only_violated};

#[test]
fn a_job_that_completed_and_failed_is_found() {
    let mut world = World::clean();
    world.tells(PLAIN, EventName::Failed, job_id(PLAIN), 400);
    is_found(&world, OneOutcome, PLAIN);
}

#[test]
fn an_outcome_that_is_two_events_is_found() {
    let mut world = World::clean();
    let mut second = world.delivery(PLAIN, &EventName::Completed).clone();
    second.id = Some("another-id".into());
    world.history.deliveries.push(second);
    is_found(&world, OneOutcome, PLAIN);
}

#[test]
fn a_second_outcome_that_is_only_listed_as_a_dead_letter_is_found() {
    let mut world = World::clean();
    let (subscription, job) = (Some(subscription_id(PLAIN)), Some(job_id(PLAIN)));
    let letter = DeadLetter { id: "x".into(), event: EventName::Failed, subscription, job };
    world.history.dead_letters.push(letter);
    is_found(&world, OneOutcome, PLAIN);
}

#[test]
fn an_event_that_never_arrived_and_is_a_dead_letter_is_no_violation() {
    let mut world = World::clean();
    world.forget_events(PLAIN);
    let (subscription, job) = (Some(subscription_id(PLAIN)), None);
    for (id, event) in [("x", EventName::Completed), ("y", EventName::Activated)] {
        world.history.dead_letters.push(DeadLetter { id: id.into(), event, subscription, job });
    }
    nothing_is_found(&world);
}

#[test]
fn a_dead_letter_that_names_nobody_may_be_the_event_that_is_missed() {
    let mut world = World::clean();
    world.forget_events(PLAIN);
    let letter = DeadLetter { id: "x".into(), event: EventName::Completed, subscription: None, job: None };
    world.history.dead_letters.push(letter);
    let report = judge(&world.history);
    assert_eq!((report.violated(), report.not_judged()), (vec![], vec![AcceptedIsOnRecord]), "{report}");
}

#[test]
fn an_event_that_comes_again_with_other_bytes_is_found() {
    let mut world = World::clean();
    world.write(DELIVERED_TWICE, &EventName::Completed, |body| body["timestamp"] = 2.5.into());
    is_found(&world, EveryEventArrives, DELIVERED_TWICE);
}

#[test]
fn a_wrong_signature_is_found() {
    let mut world = World::clean();
    let delivery = world.delivery(PLAIN, &EventName::Completed);
    delivery.signature = Some(sign("another secret", &delivery.body));
    is_found(&world, EveryEventArrives, PLAIN);
}

#[test]
fn a_missing_signature_is_found() {
    let mut world = World::clean();
    world.delivery(PLAIN, &EventName::Completed).signature = None;
    is_found(&world, EveryEventArrives, PLAIN);
}

#[test]
fn a_wrong_previous_signature_is_found() {
    let mut world = World::clean();
    let delivery = world.delivery(PLAIN, &EventName::Completed);
    delivery.previous_signature = Some(sign("another secret", &delivery.body));
    is_found(&world, EveryEventArrives, PLAIN);
}

#[test]
fn a_signature_with_a_secret_that_was_not_yet_valid_is_found() {
    let mut world = World::clean();
    world.history.partners[1].secrets[0].valid = Span::since(at(FOREIGN + 1, 0));
    is_found(&world, EveryEventArrives, FOREIGN);
}

#[test]
fn an_event_that_nobody_took_and_nobody_lists_is_found() {
    let mut world = World::clean();
    world.delivery(PLAIN, &EventName::Activated).answered = Answered::Nothing;
    is_found(&world, EveryEventArrives, PLAIN);
}

#[test]
fn a_dead_letter_that_is_not_listed_is_found() {
    let mut world = World::clean();
    world.history.dead_letters.clear();
    is_found(&world, EveryEventArrives, DEAD_LETTER);
}

#[test]
fn a_completed_job_whose_subscription_is_never_activated_is_found() {
    let mut world = World::clean();
    let activated = world.delivery(PLAIN, &EventName::Activated).id.clone();
    world.history.deliveries.retain(|delivery| delivery.id != activated);
    is_found(&world, EveryEventArrives, PLAIN);
}

#[test]
fn a_failed_job_whose_subscription_is_activated_is_found() {
    let mut world = World::clean();
    world.tells(FAILED, EventName::Activated, job_id(FAILED), 400);
    is_found(&world, EveryEventArrives, FAILED);
}

#[test]
fn a_webhook_that_is_no_event_of_the_contract_is_found() {
    let mut world = World::clean();
    let mut nameless = world.delivery(PLAIN, &EventName::Activated).clone();
    nameless.id = None;
    world.history.deliveries.push(nameless);
    let findings = only_violated(&world, EveryEventArrives);
    assert!(findings[0].to_string().contains("without X-Webhook-Id"), "{}", findings[0]);
    assert!(findings[0].to_string().contains(&subscription_id(PLAIN).to_string()), "{}", findings[0]);
}

#[test]
fn an_event_that_does_not_carry_what_the_contract_says_is_found() {
    let table: [(usize, EventName, &str, serde_json::Value); 11] = [
        (PLAIN, EventName::Completed, "timestamp", "2026-01-01T00:00:00Z".into()),
        (PLAIN, EventName::Activated, "plan_version_id", job_id(1).to_string().into()),
        (PLAIN, EventName::Activated, "plan_version_id", serde_json::Value::Null),
        (PLAIN, EventName::Activated, "location_hash", "00000000ff".into()),
        (PLAIN, EventName::Activated, "location_hash", serde_json::Value::Null),
        (HOME_DROP, EventName::PendingInstall, "unit_id", job_id(1).to_string().into()),
        (HOME_DROP, EventName::PendingInstall, "unit_id", serde_json::Value::Null),
        (FAILED, EventName::Failed, "error", "".into()),
        (FAILED, EventName::Failed, "error", serde_json::Value::Null),
        (FAILED, EventName::Failed, "error", "no answer from 10.0.0.7, it says".into()),
        (FAILED, EventName::Failed, "error", "no answer from [fd00::7]:22".into()),
    ];
    for (n, event, field, value) in table {
        let mut world = World::clean();
        world.write(n, &event, |body| body[field] = value.clone());
        is_found(&world, EveryEventArrives, n);
    }
}

#[test]
fn an_event_without_its_attempt_or_for_a_home_drop_that_is_none_is_found() {
    for attempt in [None, Some(0)] {
        let mut world = World::clean();
        world.delivery(PLAIN, &EventName::Completed).attempt = attempt;
        is_found(&world, EveryEventArrives, PLAIN);
    }
    let mut world = World::clean();
    world.tells(PLAIN, EventName::PendingInstall, job_id(PLAIN), 20);
    is_found(&world, EveryEventArrives, PLAIN);
}

#[test]
fn a_home_drop_that_is_told_to_be_pending_by_two_events_is_found() {
    let mut world = World::clean();
    world.tells(HOME_DROP, EventName::PendingInstall, job_id(77), 25);
    is_found(&world, EveryEventArrives, HOME_DROP);
}

#[test]
fn a_number_in_an_error_is_no_address_and_a_changed_plan_may_be_told_of() {
    let mut world = World::clean();
    world.write(FAILED, &EventName::Failed, |body| {
        body["error"] = "After 5 attempts (see 17.9.4): ask for a retry, at 10:30.".into();
    });
    world.calls(PLAIN, Intent::ChangePlan { plan: job_id(1) }, 305, Some(second_job_id(PLAIN)));
    world.write(PLAIN, &EventName::Activated, |body| body["plan_version_id"] = job_id(1).to_string().into());
    nothing_is_found(&world);
}
