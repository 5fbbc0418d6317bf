//! The partner API, row by row of the contract.

use crate::harness::*;
use serde_json::json;
use switchyard::simulator::Fault;
use switchyard::simulator::receiver;

fn of_event(event: &str, times: u32) -> receiver::Requests {
    receiver::Requests::OfEvent { event: event.into(), times }
}

#[test]
fn a_checkout_makes_a_port_live_and_says_so() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        for switch in 0..2 {
            let mut body = direct(&format!("order-{switch}"), &outside.location(switch, 3));
            body["mac_address"] = json!("02-00-5E-10-00-0A");
            let answer = client.checkout(&body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let (job, subscription) = (answer.id("job_id"), answer.id("subscription_id"));
            assert_eq!(
                answer.text,
                format!(
                    r#"{{"job_id":"{job}","subscription_id":"{subscription}","message":"Provisioning started"}}"#
                )
            );
            outside
                .until("activated", |outside| {
                    outside.events_for("subscription.activated", &subscription).len() == 1
                })
                .await;
            let completed = outside.events_for("provisioning.completed", &job);
            assert_eq!(completed.len(), 1);
            assert!(completed[0].signature.is_valid());
            assert_eq!(
                completed[0].field("external_subscription_id"),
                Some(format!("order-{switch}").as_str())
            );
            assert_eq!(outside.running_vlan(switch, 3), Some(VLAN));
            let config = outside
                .fleet
                .switch(&switch_name(switch))
                .expect("there")
                .running(&outside.port_name(switch, 3));
            assert_eq!(config.expect("a port").static_macs, ["0200.5e10.000a"]);

            let read = client
                .get(&format!("/api/v1/partner/provisioning/jobs/{job}"), &[("X-API-Key", API_KEY)])
                .await;
            let read = read.expect("an answer");
            assert_eq!((read.status, read.json()["status"].as_str()), (200, Some("completed")), "{read:?}");
            let stranger = client
                .get(&format!("/api/v1/partner/provisioning/jobs/{job}"), &[("X-API-Key", OTHER_API_KEY)])
                .await;
            assert_eq!(stranger.expect("an answer").status, 404);
        }
        outside
            .until("saved", |outside| {
                outside.fleet.switches().iter().all(|switch| switch.counts().saves == 1)
            })
            .await;
        service.stop().await;
    });
}

#[test]
fn rows_8_to_11_are_refused_and_leave_nothing_under_the_key() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let good = direct("taken", &outside.location(0, 0));
        assert_eq!(client.checkout(&good).await.status, 200);

        let with = |field: &str, value: serde_json::Value| {
            let mut body = direct("order", &outside.location(0, 1));
            body[field] = value;
            body
        };
        let home_drop = |unit: uuid::Uuid| {
            let mut body = with("delivery_mode", json!("home_drop"));
            body["unit_id"] = json!(unit);
            body
        };
        let refused = [
            (with("location_hash", json!("ffffffffff")), 404, "Location not found for location_hash"),
            (home_drop(uuid::Uuid::from_u128(0xDEAD)), 404, "Unit not found for unit_id"),
            (with("plan_version_id", json!(uuid::Uuid::from_u128(0xDEAD))), 404, "Plan version not found"),
            (
                with("plan_version_id", json!(FOREIGN_PLAN)),
                403,
                "Plan version belongs to a different provider",
            ),
            (with("plan_version_id", json!(INACTIVE_PLAN)), 400, "Plan version not active"),
            (
                with("location_hash", json!(outside.location(0, 0))),
                409,
                "Location already has an active subscription",
            ),
        ];
        for (body, status, detail) in refused {
            let answer = client.checkout(&body).await;
            assert_eq!((answer.status, answer.detail()), (status, json!(detail)));
        }
        let accepted = client.checkout(&direct("order", &outside.location(0, 1))).await;
        assert_eq!((accepted.status, accepted.header("idempotency-replayed")), (200, None), "{accepted:?}");
        service.stop().await;
    });
}

#[test]
fn a_repeat_in_other_spelling_gets_the_first_bytes_and_another_wish_a_409_with_the_ids() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let mut body = direct("order-1", "000000000a");
        body["mac_address"] = json!("02:00:5e:10:00:0a");
        let first = client.checkout(&body).await;
        let mut spelled = direct("order-1", "000000000A");
        spelled["mac_address"] = json!("0200.5E10.000A");
        spelled["delivery_mode"] = json!("direct");
        spelled["plan_version_id"] = json!(PLAN.to_string().to_uppercase());
        spelled["some_unknown_field"] = json!({"ignored": true});
        let again = client.checkout(&spelled).await;
        assert_eq!((again.status, &again.text), (200, &first.text));
        assert_eq!(again.header("idempotency-replayed"), Some("true"));

        let other = client.checkout(&direct("order-1", "000000000b")).await;
        assert_eq!(other.status, 409);
        assert_eq!(
            other.json(),
            json!({
                "detail": "external_subscription_id was already used with a different request",
                "job_id": first.id("job_id"),
                "subscription_id": first.id("subscription_id"),
            })
        );
        service.stop().await;
    });
}

#[test]
fn two_partners_with_the_same_external_id_never_meet() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let ours = client.checkout(&direct("order-1", &outside.location(0, 0))).await;
        let mut theirs = direct("order-1", &outside.location(0, 1));
        theirs["service_provider_document_id"] = json!(OTHER_PARTNER);
        theirs["plan_version_id"] = json!(FOREIGN_PLAN);
        let wrong = client.checkout(&theirs).await;
        assert_eq!((wrong.status, wrong.detail()), (401, json!("Invalid webhook secret")));
        let theirs = client.post(CHECKOUT, &[("X-Webhook-Secret", OTHER_SECRET)], theirs.to_string()).await;
        let theirs = theirs.expect("an answer");
        assert_eq!(theirs.status, 200);
        assert_ne!(theirs.id("job_id"), ours.id("job_id"));
        service.stop().await;
    });
}

#[test]
fn a_home_drop_waits_for_its_install() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        let body = json!({
            "service_provider_document_id": PARTNER, "plan_version_id": PLAN, "delivery_mode": "home_drop",
            "unit_id": UNIT, "external_subscription_id": "drop-1",
        });
        let answer = client.checkout(&body).await;
        let subscription = answer.id("subscription_id");
        assert_eq!(
            answer.text,
            format!(
                r#"{{"subscription_id":"{subscription}","message":"Subscription pending installation."}}"#
            )
        );
        outside
            .until("pending", |outside| {
                outside.events_for("subscription.pending_install", &subscription).len() == 1
            })
            .await;
        let path = format!("/api/v1/subscription/{subscription}/confirm-install");
        let confirm = json!({ "location_hash": outside.location(1, 2) }).to_string();
        let nobody = client.post(&path, &[], confirm.clone()).await.expect("an answer");
        assert_eq!(nobody.status, 401);
        let stranger =
            client.post(&path, &[("X-API-Key", OTHER_API_KEY)], confirm.clone()).await.expect("an answer");
        assert_eq!(stranger.status, 404);
        let started =
            client.post(&path, &[("X-API-Key", API_KEY)], confirm.clone()).await.expect("an answer");
        assert_eq!(started.status, 202, "{started:?}");
        let again = client.post(&path, &[("X-API-Key", API_KEY)], confirm).await.expect("an answer");
        assert_eq!((again.status, again.id("job_id")), (202, started.id("job_id")));
        outside
            .until("live", |outside| outside.events_for("subscription.activated", &subscription).len() == 1)
            .await;
        assert_eq!(outside.running_vlan(1, 2), Some(VLAN));
        service.stop().await;
    });
}

#[test]
fn what_a_switch_rejects_is_undone_and_the_partner_is_told_why() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        for switch in 0..2 {
            let device = outside.fleet.switch(&switch_name(switch)).expect("there");
            let port = outside.port_name(switch, 0);
            let before = device.running(&port);
            device.order(Fault::Reject {
                pattern: "switchport access vlan 142".into(),
                text: "% Invalid input".into(),
                times: 1,
            });
            let answer =
                client.checkout(&direct(&format!("order-{switch}"), &outside.location(switch, 0))).await;
            let job = answer.id("job_id");
            outside
                .until("failed", |outside| outside.events_for("provisioning.failed", &job).len() == 1)
                .await;
            let failed = &outside.events_for("provisioning.failed", &job)[0];
            let error = failed.field("error").expect("a text");
            assert!(error.contains("rejected"), "{error}");
            assert_eq!(device.running(&port), before, "undone");
        }
        service.stop().await;
    });
}

#[test]
fn whatever_breaks_the_session_the_port_is_live_in_the_end_and_nothing_is_told_twice() {
    story(async {
        let outside = Outside::start(Fleet { switches: 11, ..SMALL }).await;
        let service = serve(&outside, "[ssh]\ncommand_ms = 1500\n").await;
        let client = Client::new(service.address());
        let text = || "vlan 142".to_owned();
        let faults = [
            Fault::RefuseConnections { times: 2 },
            Fault::DropAfterCommand { pattern: text(), times: 1 },
            Fault::DropBeforeCommand { pattern: text(), times: 1 },
            Fault::Stall { pattern: text(), duration: None, times: 1 },
            Fault::Garble { pattern: text(), times: 1 },
            Fault::RebootAt { pattern: text(), times: 1, down_for: std::time::Duration::from_millis(200) },
            Fault::SilentAccept { pattern: text(), times: 1 },
            Fault::LockConfiguration { times: 1 },
            Fault::SilentBanner { times: 1 },
            Fault::DropAtAuthentication { times: 1 },
            Fault::FailSave { text: "% Error opening nvram".into(), times: 1 },
        ];
        for (switch, fault) in faults.into_iter().enumerate() {
            outside.fleet.switch(&switch_name(switch)).expect("there").order(fault);
            let answer =
                client.checkout(&direct(&format!("order-{switch}"), &outside.location(switch, 0))).await;
            assert_eq!(answer.status, 200);
        }
        outside
            .until("all live", |outside| outside.event_counts().get("subscription.activated") == Some(&11))
            .await;
        outside
            .until("all saved", |outside| {
                (0..11).all(|n| {
                    let switch = outside.fleet.switch(&switch_name(n)).expect("there");
                    let port = outside.port_name(n, 0);
                    outside.running_vlan(n, 0) == Some(VLAN) && switch.running(&port) == switch.startup(&port)
                })
            })
            .await;
        assert_eq!(outside.event_counts().get("provisioning.completed"), Some(&11));
        assert_eq!(outside.event_counts().get("provisioning.failed"), None);
        for switch in outside.fleet.switches() {
            assert_eq!(switch.counts().most_sessions_open, 1);
        }
        service.stop().await;
    });
}

#[test]
fn a_receiver_that_fails_gets_the_same_bytes_again_and_one_that_refuses_makes_a_dead_letter() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let client = Client::new(service.address());
        outside.receiver.order(of_event("provisioning.completed", 2), receiver::Answer::Status(500));
        outside.receiver.order(of_event("subscription.activated", 1), receiver::Answer::Status(404));
        let answer = client.checkout(&direct("order-1", &outside.location(0, 0))).await;
        let job = answer.id("job_id");
        outside.until("three attempts", |o| o.events_for("provisioning.completed", &job).len() == 3).await;
        let attempts = outside.events_for("provisioning.completed", &job);
        assert!(attempts.iter().all(|d| d.signature.is_valid()
            && d.body == attempts[0].body
            && d.webhook_id() == attempts[0].webhook_id()));
        assert_eq!(attempts.iter().map(|d| d.attempt()).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let dead = switchyard::operations::dead_letters(&*service.store()).await.expect("a list");
            if dead.len() == 1 && dead[0].contains("subscription.activated") && dead[0].contains("404") {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "never a dead letter: {dead:?}");
            tokio::task::yield_now().await;
        }
        assert_eq!(outside.event_counts().get("subscription.activated"), Some(&1));
        service.stop().await;
    });
}

#[test]
fn a_limit_is_told_in_every_answer_and_over_it_a_429() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "[http.rate_limit]\ncheckout_per_minute = 3\n").await;
        let client = Client::new(service.address());
        let mut remaining = Vec::new();
        for _ in 0..3 {
            let answer = client.post(CHECKOUT, &[], "").await.expect("an answer");
            assert_eq!((answer.status, answer.detail()), (401, json!("X-Webhook-Secret header required")));
            remaining.push(answer.header("x-ratelimit-remaining").expect("told").to_owned());
        }
        assert_eq!(remaining, ["2", "1", "0"]);
        let over = client.post(CHECKOUT, &[], "").await.expect("an answer");
        assert_eq!((over.status, over.detail()), (429, json!("Rate limit exceeded")));
        assert!(over.header("retry-after").is_some());
        service.stop().await;
    });
}
