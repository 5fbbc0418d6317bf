//! Whatever a client sends: the answer that the contract names, never a 500, and nothing in the store.
#![cfg(feature = "fail-points")]

use crate::harness::*;
use crate::records::Records;
use serde_json::{Value, json};
use std::fmt::Write as _;
use switchyard::http::bad_input::{self, BadInput};
use switchyard_actors::domain::record::Record;

/// The partner and the plan that the table's rows name: with them, a row is refused for its own fault alone.
fn with_the_rows_partner(outside: &Outside) {
    let mut text = outside.inventory_text();
    let _ = write!(
        text,
        "[[partner]]\nid = \"{partner}\"\nname = \"rows\"\nwebhook_url = \"{url}\"\nwebhook_secret = \"{secret}\"\n\
         [[plan]]\nid = \"{plan}\"\npartner = \"{partner}\"\nname = \"100\"\nvlan = {VLAN}\n\
         down_kbps = 100000\nup_kbps = 20000\nactive = true\n",
        partner = bad_input::PARTNER,
        plan = bad_input::PLAN,
        secret = bad_input::SECRET,
        url = outside.receiver.url(),
    );
    std::fs::write(outside.inventory(), text).expect("the inventory");
}

/// The answer's faults as the table writes them: where, and the slug.
fn faults(detail: &Value) -> Vec<(Vec<String>, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let one = |fault: &Value| {
        assert!(
            fault["msg"].as_str().is_some_and(|msg| !msg.is_empty()),
            "a fault without a sentence: {fault}"
        );
        let place = fault["loc"].as_array().expect("a place").iter().map(text).collect();
        (place, text(&fault["type"]))
    };
    detail.as_array().map(|faults| faults.iter().map(one).collect()).unwrap_or_default()
}

fn judge(row: &BadInput, answer: &Answer) -> Result<(), String> {
    let wanted: Vec<(Vec<String>, String)> = row
        .faults
        .iter()
        .map(|(place, slug)| (place.iter().map(|part| (*part).to_owned()).collect(), (*slug).to_owned()))
        .collect();
    let seen = (answer.status, faults(&answer.json()["detail"]));
    if seen != (row.status, wanted.clone()) {
        return Err(format!("{}: {seen:?} instead of {:?}", row.name, (row.status, wanted)));
    }
    for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        if answer.header(name).is_none() {
            return Err(format!("{}: no {name}", row.name));
        }
    }
    Ok(())
}

#[test]
fn every_bad_request_gets_its_answer_and_leaves_nothing_behind() {
    story(async {
        let outside = Outside::start(SMALL).await;
        with_the_rows_partner(&outside);
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let rows = bad_input::rows();
        assert!(rows.len() >= 60, "{} rows", rows.len());
        let mut wrong = Vec::new();
        for row in &rows {
            match client.post(CHECKOUT, &row.headers, row.body.clone()).await {
                Some(answer) => wrong.extend(judge(row, &answer).err()),
                None => wrong.push(format!("{}: no answer", row.name)),
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");

        let good = client.checkout(&direct("order-1", &outside.location(0, 0))).await;
        assert_eq!(good.status, 200, "{good:?}");
        let job = good.id("job_id");
        outside.until("live", |o| o.events_for("provisioning.completed", &job).len() == 1).await;
        service.stop().await;
        only_the_good_one_is_there(&outside);
    });
}

/// The file itself is read, so that a record which no interface shows is found too.
fn only_the_good_one_is_there(outside: &Outside) {
    let records = Records::of(&outside.store());
    let checkouts = records.all(|record| matches!(record, Record::Checkout(_)));
    let jobs = records.all(|record| matches!(record, Record::Job(_)));
    let subscriptions = records.all(|record| matches!(record, Record::Subscription(_)));
    assert_eq!((checkouts.len(), jobs.len(), subscriptions.len()), (1, 1, 1), "{:#?}", records.keys());
    assert!(checkouts[0].contains("order-1"), "{checkouts:?}");
}

#[test]
fn a_good_checkout_of_the_rows_partner_is_refused_for_its_location_alone_whatever_type_it_claims() {
    story(async {
        let outside = Outside::start(SMALL).await;
        with_the_rows_partner(&outside);
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let types = ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"];
        for content_type in types.map(Some).into_iter().chain([None]) {
            let mut headers = vec![("X-Webhook-Secret", bad_input::SECRET)];
            headers.extend(content_type.map(|is| ("Content-Type", is)));
            let answer = client.post(CHECKOUT, &headers, bad_input::body(&[])).await.expect("an answer");
            let seen = (answer.status, answer.detail());
            assert_eq!(seen, (404, json!("Location not found for location_hash")), "{content_type:?}");
        }
        service.stop().await;
    });
}
