//! What holds is said to hold, and what only looks wrong is no violation.

use super::super::history::{Answered, Call, Ending, EventName, Freeze, History, Intent, Reply, Standing};
use super::super::moment::Span;
use super::super::request::Wish;
use super::super::{Invariant, Verdict, judge};
use super::nothing_is_found;
use super::world::*;
use serde_json::json;
use uuid::Uuid;

#[test]
fn on_a_clean_history_every_invariant_holds() {
    let world = World::clean();
    nothing_is_found(&world);
    let report = judge(&world.history);
    let counted = |invariant, what: &str| match report.verdict(invariant) {
        Verdict::Held { looked_at } => looked_at[what],
        other => panic!("{other:?}"),
    };
    assert_eq!(counted(Invariant::OneJobForOneKey, "keys"), CHECKOUTS);
    assert_eq!(counted(Invariant::OneJobForOneKey, "other wishes under a used key"), 1);
    assert_eq!(counted(Invariant::AcceptedIsOnRecord, "jobs promised"), CHECKOUTS + 1, "one was retried");
    assert_eq!(counted(Invariant::OneOutcome, "jobs with an outcome"), CHECKOUTS + 1);
    assert_eq!(counted(Invariant::EveryEventArrives, "dead letters"), 1);
    assert_eq!(counted(Invariant::OneAtWorkOnASwitch, "switches"), 3);
    assert_eq!(counted(Invariant::PortAsTold, "configurations after completed"), 2 * (CHECKOUTS - 1));
    assert_eq!(counted(Invariant::PortAsTold, "configurations after failed"), 1);
    assert_eq!(counted(Invariant::PortAsTold, "ports that nobody asked for"), 3);
    assert_eq!(counted(Invariant::PartnersApart, "answers and webhooks"), 68);
}

#[test]
fn of_an_empty_history_nothing_is_said() {
    let report = judge(&History::default());
    assert_eq!(report.not_judged(), Invariant::ALL, "{report}");
}

#[test]
fn what_is_missing_from_a_history_that_was_cut_short_proves_nothing() {
    let mut world = World::clean();
    world.history.ending = Ending::CutShort;
    world.forget_events(PLAIN);
    world.delivery(REPEATED, &EventName::Activated).answered = Answered::Status(500);
    let report = judge(&world.history);
    assert_eq!(report.violated(), [], "{report}");
    assert_eq!(report.not_judged(), [Invariant::AcceptedIsOnRecord], "{report}");
}

#[test]
fn a_repeat_that_crossed_the_first_answer_need_not_say_that_it_is_one() {
    let mut world = World::clean();
    world.asks(PLAIN, 6, accepted(PLAIN, at(PLAIN, 12), false));
    nothing_is_found(&world);
}

#[test]
fn a_repeat_that_is_turned_away_by_a_limit_or_an_outage_is_no_loss() {
    let mut world = World::clean();
    for status in [401, 429, 503] {
        world.asks(PLAIN, 500, refused(at(PLAIN, 510), status, "not now"));
        world.asks_otherwise(PLAIN, 600, refused(at(PLAIN, 610), status, "not now"));
    }
    nothing_is_found(&world);
}

#[test]
fn an_overlap_that_the_harness_caused_is_excused() {
    let mut world = World::clean();
    let switch = place(PLAIN).switch;
    world.visits(PLAIN, 150);
    world.history.freezes.push(Freeze {
        switch: Some(switch),
        holder: None,
        span: Span::new(at(PLAIN, 140), at(PLAIN, 200)),
    });
    nothing_is_found(&world);
}

#[test]
fn a_home_drop_whose_install_was_lost_and_then_refused_has_taken_no_port() {
    let mut world = World::clean();
    let unit = Wish::HomeDrop { plan: Uuid::from_u128(0xB1), unit: Uuid::from_u128(0xC1), mac: None };
    let pending = subscription_id(CHECKOUTS);
    world.asks(HOME_DROP, 900, accepted(HOME_DROP, at(HOME_DROP, 910), true));
    let mut attempt = world.history.attempts.last().expect("just sent").clone();
    attempt.request.key.external = "order-of-a-drop".to_owned();
    attempt.request.wish = unit;
    attempt.reply = answer(at(HOME_DROP, 910), 200, &json!({ "subscription_id": pending }));
    world.history.attempts.push(attempt);
    let intent = Intent::ConfirmInstall { location: format!("{PLAIN:010x}") };
    for (millis, reply) in [
        (920, Reply::Nothing { given_up: at(HOME_DROP, 930) }),
        (940, refused(at(HOME_DROP, 950), 409, "Location already has an active subscription")),
    ] {
        let (partner, sent) = (partner(HOME_DROP), at(HOME_DROP, millis));
        world.history.calls.push(Call {
            partner,
            subscription: pending,
            intent: intent.clone(),
            sent,
            reply,
        });
    }
    let report = judge(&world.history);
    assert!(!report.violated().contains(&Invariant::OneHolderOfAPort), "{report}");
}

#[test]
fn sessions_that_meet_on_the_dot_do_not_overlap() {
    let mut world = World::clean();
    world.visits(PLAIN, 190);
    nothing_is_found(&world);
}

#[test]
fn a_failed_port_that_is_marked_dirty_is_known_not_to_be_as_before() {
    let mut world = World::clean();
    world.port(FAILED).running = Some(live(FAILED));
    world.port(FAILED).standing = Standing::Dirty;
    nothing_is_found(&world);
}

#[test]
fn a_port_that_was_cancelled_may_have_another_holder() {
    let mut world = World::clean();
    world.calls(PLAIN, Intent::Cancel, 500, Some(second_job_id(PLAIN)));
    let taken = accepted_with(at(PLAIN, 610), job_id(99), subscription_id(99), false);
    world.asks_as(PLAIN, "order-99", 600, taken);
    world.history.locations.insert(format!("{:010x}", 99), place(PLAIN));
    world.visits(PLAIN, 620);
    world.shows(PLAIN, 700, live(PLAIN));
    for event in [EventName::Completed, EventName::Activated] {
        world.tells(99, event.clone(), job_id(99), 0);
        let told = at(PLAIN, 800);
        let delivery = world.delivery(99, &event);
        delivery.at = told;
        delivery.to = super::super::history::Recipient::Partner(partner(PLAIN));
        let like = world.delivery(PLAIN, &EventName::Activated).body.clone();
        let like: serde_json::Value = serde_json::from_slice(&like).expect("JSON");
        world.write(99, &event, |body| {
            for field in ["provider_document_id", "plan_version_id", "location_hash"] {
                body[field] = like[field].clone();
            }
        });
        let delivery = world.delivery(99, &event);
        delivery.signature = Some(sign(SECRETS[0], &delivery.body));
    }
    nothing_is_found(&world);
}

#[test]
fn while_two_secrets_are_valid_either_signs() {
    let mut world = World::clean();
    let newer = super::super::history::WebhookSecret {
        secret: super::super::history::Secret { name: "newer".into(), value: "whsec-newer".into() },
        valid: Span::since(at(PLAIN, 0)),
    };
    world.history.partners[0].secrets.push(newer);
    let delivery = world.delivery(PLAIN, &EventName::Completed);
    delivery.previous_signature = delivery.signature.replace(sign("whsec-newer", &delivery.body));
    nothing_is_found(&world);
}

#[test]
fn a_call_whose_answer_was_lost_may_have_made_a_job() {
    let mut world = World::clean();
    world.calls(PLAIN, Intent::Suspend, 500, None);
    world.history.calls.last_mut().expect("it was called").reply =
        Reply::Nothing { given_up: at(PLAIN, 510) };
    world.tells(PLAIN, EventName::Completed, second_job_id(PLAIN), 600);
    nothing_is_found(&world);
}

#[test]
fn a_request_that_was_never_answered_and_left_no_trace_was_never_taken() {
    let mut world = World::clean();
    world.asks_as(PLAIN, "order-x", 700, Reply::Nothing { given_up: at(PLAIN, 710) });
    world.asks_as(FAILED, "order-y", 700, Reply::Nothing { given_up: at(FAILED, 710) });
    nothing_is_found(&world);
    let Verdict::Held { looked_at } = judge(&world.history).verdict(Invariant::PortAsTold).clone() else {
        panic!("just held");
    };
    assert_eq!(looked_at.get("ports set aside"), None);
}
