//! Many at once: identical ones become one, different ones all become live, and no switch sees two sessions.

use crate::harness::*;
use futures_util::stream::{self, StreamExt};
use std::collections::HashSet;

#[test]
fn a_thousand_identical_checkouts_at_once_are_one_job_and_a_thousand_equal_answers() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let body = direct("order-1", &outside.location(0, 0)).to_string();
        let asked = (0..1_000).map(|_| client.try_checkout(body.clone()));
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(1_000).collect().await;
        let texts: HashSet<_> =
            answers.iter().map(|answer| answer.as_ref().map(|a| (a.status, a.text.clone()))).collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        let first = answers[0].as_ref().expect("an answer");
        assert_eq!(first.status, 200);
        let fresh = answers.iter().flatten().filter(|a| a.header("idempotency-replayed").is_none()).count();
        assert_eq!(fresh, 1);
        let subscription = first.id("subscription_id");
        outside.until("live", |o| o.events_for("subscription.activated", &subscription).len() == 1).await;
        assert_eq!(outside.receiver.deliveries().len(), 2);
        service.stop().await;
    });
}

#[cfg(feature = "fail-points")]
mod judged_from_outside {
    use super::*;
    use crate::witnesses::Witnesses;
    use switchyard::checker::Invariant;

    const SWITCHES: usize = 200;
    const PORTS: u16 = 25;

    #[test]
    fn five_thousand_checkouts_over_two_hundred_switches_all_become_live_once() {
        story(async {
            let outside = Outside::start(Fleet { switches: SWITCHES, ports: PORTS, ..SMALL }).await;
            let mut witnesses = Witnesses::of(&outside);
            let service = serve(&outside, "").await;
            let client = Client::new(service.address());
            let places = (0..PORTS).flat_map(|port| (0..SWITCHES).map(move |switch| (switch, port)));
            let asked = places.map(|(switch, port)| {
                let (body, secret) = checkout(&outside, switch, port);
                let (witnesses, client) = (&witnesses, &client);
                async move { witnesses.checkout(client, &body, secret).await }
            });
            let attempts: Vec<_> = stream::iter(asked).buffer_unordered(64).collect().await;
            let total = SWITCHES * usize::from(PORTS);
            assert_eq!(attempts.iter().filter(|attempt| is_taken(attempt)).count(), total);
            witnesses.remember(attempts);
            all_at_rest(&outside, total).await;
            service.stop().await;

            let report = witnesses.judge(&outside);
            assert_eq!(report.violated(), [], "{report}");
            assert_eq!(report.not_judged(), [Invariant::NoSecretSeen], "nobody kept a log: {report}");
        });
    }

    /// Every fifth port is the other partner's.
    fn checkout(outside: &Outside, switch: usize, port: u16) -> (serde_json::Value, &'static str) {
        let mut body = direct(&format!("order-{switch}-{port}"), &outside.location(switch, port));
        if !port.is_multiple_of(5) {
            return (body, SECRET);
        }
        body["service_provider_document_id"] = serde_json::json!(OTHER_PARTNER);
        body["plan_version_id"] = serde_json::json!(FOREIGN_PLAN);
        (body, OTHER_SECRET)
    }

    fn is_taken(attempt: &switchyard::checker::history::Attempt) -> bool {
        attempt.reply.answer().is_some_and(|answer| answer.status == 200)
    }

    /// Asks for the number alone: to look at each of 10,000 deliveries whenever one more comes would be most of the work.
    async fn all_at_rest(outside: &Outside, total: usize) {
        // In tenths: a machine that others load as well is slow, and only one that stands still has failed.
        for tenth in 1..=10 {
            let wanted = 2 * total * tenth / 10;
            let told = outside.receiver.wait_for(PATIENCE, |deliveries| deliveries.len() >= wanted).await;
            told.unwrap_or_else(|told| panic!("{} of {wanted} events came", told.len()));
        }
        let is_saved =
            |o: &Outside| (0..SWITCHES).all(|n| (0..PORTS).all(|port| o.is_live_and_saved(n, port)));
        outside.until("all saved", is_saved).await;
        assert_eq!(outside.receiver.deliveries().len(), 2 * total, "each event came once");
    }
}
