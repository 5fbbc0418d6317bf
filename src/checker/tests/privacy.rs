//! Forged: secrets where people read, and ids where another partner reads.

use serde_json::json;

use super::super::Invariant::{NoSecretSeen, PartnersApart};
use super::super::history::{EventName, Intent, Recipient};
use super::world::*;
use super::{is_found, nothing_is_found, only_violated};

#[test]
fn a_secret_in_a_log_is_found_and_not_shown() {
    for spelled in
        [SECRETS[0].to_owned(), API_KEY.to_owned(), hex::encode(API_KEY), format!("{:?}", API_KEY.as_bytes())]
    {
        let mut world = World::clean();
        world.history.texts[0].text += &format!("job {} used {spelled}, it says\n", job_id(PLAIN));
        is_found(&world, NoSecretSeen, PLAIN);
        let finding = only_violated(&world, NoSecretSeen)[0].to_string();
        assert!(!finding.contains(&spelled) && finding.contains("service.log, line 21"), "{finding}");
    }
}

#[test]
fn a_secret_in_an_answer_or_a_webhook_is_found_and_not_shown() {
    let mut world = World::clean();
    world.write(FAILED, &EventName::Failed, |body| body["error"] = json!(format!("not with {API_KEY}")));
    is_found(&world, NoSecretSeen, FAILED);
    let finding = only_violated(&world, NoSecretSeen)[0].to_string();
    assert!(!finding.contains(API_KEY) && finding.contains("not with <API key>"), "{finding}");

    let mut world = World::clean();
    world.asks(PLAIN, 500, refused(at(PLAIN, 510), 401, &format!("{} is wrong", SECRETS[0])));
    is_found(&world, NoSecretSeen, PLAIN);
}

#[test]
fn an_answer_that_carries_another_partners_job_is_found() {
    let mut world = World::clean();
    let told = format!("taken by job {}", job_id(FOREIGN));
    world.asks_as(PLAIN, "order-x", 500, refused(at(PLAIN, 510), 409, &told));
    is_found(&world, PartnersApart, FOREIGN);
}

#[test]
fn a_webhook_that_carries_another_partners_subscription_is_found() {
    let mut world = World::clean();
    let foreign = format!("after {}", subscription_id(FOREIGN));
    world.write(FAILED, &EventName::Failed, |body| body["error"] = json!(foreign));
    is_found(&world, PartnersApart, FOREIGN);
}

#[test]
fn a_webhook_that_goes_to_another_partners_address_is_found() {
    let mut world = World::clean();
    world.delivery(FOREIGN, &EventName::Completed).to = Recipient::Partner(partner(PLAIN));
    is_found(&world, PartnersApart, FOREIGN);
}

#[test]
fn another_partners_own_id_is_found() {
    let mut world = World::clean();
    let told = format!("the plan is of {}", partner(FOREIGN));
    world.asks_as(PLAIN, "order-x", 500, refused(at(PLAIN, 510), 403, &told));
    let findings = only_violated(&world, PartnersApart);
    assert!(findings[0].what.contains(&partner(FOREIGN).to_string()), "{}", findings[0]);
}

#[test]
fn a_call_on_another_partners_subscription_that_is_answered_is_found_and_one_that_is_refused_is_not() {
    let mut world = World::clean();
    world.calls(FOREIGN, Intent::Suspend, 500, Some(second_job_id(FOREIGN)));
    let call = world.history.calls.last_mut().expect("it was called");
    call.partner = partner(PLAIN);
    is_found(&world, PartnersApart, FOREIGN);

    let told = format!("no subscription {}", subscription_id(FOREIGN));
    world.history.calls.last_mut().expect("it was called").reply = refused(at(FOREIGN, 510), 404, &told);
    nothing_is_found(&world);
}
