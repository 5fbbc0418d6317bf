//! An installation moves: from the embedded store to Redis, and back, with everything that it has promised.

use crate::harness::*;
use switchyard::redis_lab::{self, RedisServer};

fn quiet(engine: &str) -> String {
    format!("[log]\nfilter = \"warn\"\n[store]\n{engine}")
}

/// A configuration beside the service's own.
fn config(outside: &Outside, name: &str, more: &str) -> String {
    let path = outside.folder.path().join(name);
    std::fs::write(&path, outside.config_text("127.0.0.1:0", &quiet(more))).expect("a file");
    path.display().to_string()
}

#[test]
fn a_repeat_has_the_same_answer_on_redis_and_back_on_a_file() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let server = RedisServer::start(redis_lab::Settings::default()).expect("a server");
        let redis = format!(
            "engine = \"redis\"\n[store.redis]\nurls = [\"{}\"]\ncensus_watch_ms = 300\n",
            server.url()
        );
        let again = outside.folder.path().join("again.redb").display().to_string();
        let path = |name: &str| outside.folder.path().join(name).display().to_string();
        let (beside, state, back) = (path("beside"), path("state"), path("back"));
        let (on_file, on_redis) = (config(&outside, "file.toml", ""), config(&outside, "redis.toml", &redis));
        let on_file_again = config(&outside, "again.toml", &format!("path = \"{again}\"\n"));

        let mut service = Process::start_with(&outside, free_address(), &[], &quiet("")).await;
        let body = direct("order-1", &outside.location(0, 3));
        let first = Client::new(service.address).checkout(&body).await;
        assert_eq!(first.status, 200, "{first:?}");
        let activated = |outside: &Outside| {
            outside.events_for("subscription.activated", &first.id("subscription_id")).len() == 1
        };
        outside.until("activated", activated).await;

        let (code, said) = run(&["store", "export", &beside, "--config", &on_file]);
        assert!(code == Some(0) && said.starts_with("exported "), "beside the service: {code:?} {said}");
        let (code, said) = run(&["store", "export", &beside, "--config", &on_file]);
        assert!(code == Some(1) && said.contains("is there already"), "{code:?} {said}");
        let (code, said) = run(&["store", "import", &beside, "--config", &on_file]);
        assert!(code == Some(1) && said.contains("a service runs on the store"), "{code:?} {said}");
        service.terminate();
        service.wait_until_ended().await;

        let (code, said) = run(&["store", "export", &state, "--config", &on_file]);
        assert!(code == Some(0), "{code:?} {said}");
        let (code, said) = run(&["store", "import", &state, "--config", &on_redis]);
        assert!(code == Some(0) && said.starts_with("imported "), "{code:?} {said}");
        let service = Process::start_with(&outside, free_address(), &[], &quiet(&redis)).await;
        let client = Client::new(service.address);
        let repeat = client.checkout(&body).await;
        assert_eq!((repeat.status, &repeat.text), (200, &first.text));
        assert_eq!(repeat.header("idempotency-replayed"), Some("true"));
        let second = client.checkout(&direct("order-2", &outside.location(1, 4))).await;
        outside.until("live, and saved", |outside| outside.is_live_and_saved(1, 4)).await;
        let mut service = service;
        service.terminate();
        service.wait_until_ended().await;

        let (code, said) = run(&["store", "export", &back, "--config", &on_redis]);
        assert!(code == Some(0), "{code:?} {said}");
        let (code, said) = run(&["store", "import", &back, "--config", &on_file_again]);
        assert!(code == Some(0), "{code:?} {said}");
        let more = format!("[log]\nfilter = \"warn\"\n[store]\npath = \"{again}\"\n");
        let service = Process::start_with(&outside, free_address(), &[], &more).await;
        let client = Client::new(service.address);
        for (external, at, before) in [("order-1", (0, 3), &first), ("order-2", (1, 4), &second)] {
            let repeat = client.checkout(&direct(external, &outside.location(at.0, at.1))).await;
            assert_eq!((repeat.status, &repeat.text), (200, &before.text));
        }
        for switch in 0..2 {
            assert_eq!(outside.most_sessions(switch), 1, "switch {switch}");
        }
    });
}

#[test]
fn a_faulty_file_is_named_with_its_line_and_exits_78() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let config = config(&outside, "file.toml", "");
        let state = outside.folder.path().join("state").display().to_string();
        let (code, said) = run(&["store", "export", &state, "--config", &config]);
        assert!(code == Some(78) && said.contains("there is no store at"), "{code:?} {said}");
        assert!(!outside.store().exists());
        std::fs::write(&state, "{\"format\":\"switchyard-store\"").expect("a file");
        let (code, said) = run(&["store", "import", &state, "--config", &config]);
        assert_eq!(code, Some(78), "{said}");
        assert!(said.contains("state, line 1: the file was cut off in this line"), "{said}");
        assert!(!outside.store().exists());
    });
}
