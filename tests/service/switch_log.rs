//! What was said on a switch's sessions, as an operator reads it: by job, for repairs and for saves, and no longer than it is kept.

use crate::harness::*;

/// A service as a process, with this port of the first switch live and saved.
struct World {
    outside: Outside,
    service: Process,
    jobs: Vec<String>,
}

impl World {
    async fn with(more: &str, ports: &[u16]) -> Self {
        let outside = Outside::start(SMALL).await;
        let more = format!("[log]\nfilter = \"warn\"\n[supervision]\nidle_ms = 50\n{more}");
        let service = Process::start_with(&outside, free_address(), &[], &more).await;
        let client = Client::new(service.address);
        let mut jobs = Vec::new();
        for port in ports {
            let answer =
                client.checkout(&direct(&format!("order-{port}"), &outside.location(0, *port))).await;
            jobs.push(answer.id("job_id"));
            outside.until("live and saved", |o| o.is_live_and_saved(0, *port)).await;
        }
        Self { outside, service, jobs }
    }

    async fn until_logged(&self, holds: impl Fn(&str) -> bool) -> String {
        until_said(&self.service, &["switch", "log", &switch_name(0)], holds).await
    }
}

#[test]
fn what_was_said_for_a_job_for_saves_and_for_repairs_is_told_apart_and_has_its_outcome() {
    story(async {
        let world = World::with("", &[3]).await;
        let (job, port) = (&world.jobs[0], world.outside.port_name(0, 3));
        let log = world.until_logged(|said| said.contains("# saved")).await;
        for part in [
            format!("== job {job}, port {port}, completed; last at 2"),
            format!("(config-pmap-c-police)#interface {port}"),
            format!("{}#configure terminal", switch_name(0)),
            "# read back: as wanted".into(),
            "== saves of the running configuration; last at 2".into(),
            "#write memory".into(),
        ] {
            assert!(log.contains(&part), "{part}: {log}");
        }
        assert!(!log.contains("without a job"), "{log}");

        let of_job = said(&world.service, &["switch", "log", &switch_name(0), "--job", job]);
        assert_eq!(of_job.matches("== ").count(), 1, "{of_job}");
        let nobodys = "00000000-0000-0000-0000-0000000000a1";
        let config = world.service.config.display().to_string();
        let (code, none) = run(&["switch", "log", &switch_name(0), "--job", nobodys, "--config", &config]);
        assert!(code == Some(1) && none.contains(nobodys), "{code:?} {none}");
        let none = said(&world.service, &["switch", "log", &switch_name(1)]);
        assert!(none.starts_with("nothing is kept"), "{none}");

        let device = world.outside.fleet.switch(&switch_name(0)).expect("there");
        device.change_by_hand(&port, |config| config.access_vlan = 7);
        said(&world.service, &["check", &switch_name(0)]);
        let repaired = format!("== port {port}, repaired or proven without a job");
        world.until_logged(|said| said.contains(&repaired) && said.matches("# read back").count() == 2).await;
    });
}

#[test]
fn no_more_texts_are_kept_of_a_switch_than_it_may_have() {
    story(async {
        let world = World::with("[retention]\ntranscripts_per_switch = 1\n", &[1, 2]).await;
        // The save came last.
        let only_the_last = |said: &str| said.matches("== ").count() == 1 && said.contains("== saves");
        world.until_logged(only_the_last).await;
    });
}
