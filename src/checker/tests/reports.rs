//! What people and machines read.

use super::super::history::EventName;
use super::super::judge;
use super::world::*;

fn forged() -> World {
    let mut world = World::clean();
    world.tells(PLAIN, EventName::Failed, job_id(PLAIN), 400);
    world
}

#[test]
fn people_read_a_line_for_each_invariant_and_the_story_in_the_order_of_time() {
    let text = judge(&forged().history).to_string();
    let seen = "20 checkouts in 25 requests, 20 accepted; jobs: 19 completed, 3 failed; 42 events in 43 deliveries, \
                1 dead letters; 63 commands in 21 sessions\n1 held       one key: one subscription, one job, one answer";
    assert!(text.starts_with(seen), "{text}");
    assert!(text.ends_with("8 held, 1 violated, 0 not judged\n"), "{text}");
    let story = [
        &format!("  - job {} completed and failed\n", job_id(PLAIN)),
        "    \"order-1\" of partner",
        "1.005000 s asked: direct, location 0000000001",
        "1.010000 s answered 200: {\"job_id\"",
        "1.100000 s session 2 of sw-1 opened",
        "1.120000 s session 2 of sw-1: interface Gi1/0/1",
        "1.190000 s session 2 of sw-1 closed",
        "1.300000 s webhook",
        "1.310000 s webhook",
        "1.400000 s webhook",
    ];
    let places: Vec<_> =
        story.iter().map(|line| text.find(line).unwrap_or_else(|| panic!("{line}: {text}"))).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn machines_read_the_same() {
    let json = serde_json::to_value(judge(&forged().history)).expect("JSON");
    let third = &json["judgements"][2];
    assert_eq!(third["number"], 3);
    assert_eq!(third["invariant"], "one_outcome");
    assert_eq!(third["verdict"], "violated");
    assert_eq!(third["findings"][0]["story"]["subject"]["jobs"][0], job_id(PLAIN).to_string());
    assert_eq!(json["judgements"][0]["verdict"], "held");
    assert_eq!((&json["seen"]["accepted"], &json["seen"]["commands"]), (&20.into(), &63.into()));
    assert!(json.get("run").is_none());
    assert_eq!(json["judgements"][0]["looked_at"]["keys"], CHECKOUTS);
}

#[test]
fn of_many_findings_the_first_are_told_and_the_rest_counted() {
    let mut world = World::clean();
    world.history.partners[0].secrets[0].secret.value = "another".into();
    let text = judge(&world.history).to_string();
    assert!(text.contains("came with a wrong X-Webhook-Signature"), "{text}");
    assert!(text.contains("  ... and 8 more\n"), "{text}");
}
