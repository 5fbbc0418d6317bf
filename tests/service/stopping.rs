//! One process is told to end: what it still takes, what it finishes, and that a second signal ends it wherever it is.

use crate::harness::*;
use crate::records::Records;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use switchyard_actors::domain::job::JobState;
use switchyard_actors::domain::port::PortState;
use switchyard_actors::domain::record::Record;

const ONE: Fleet = Fleet { switches: 1, ports: 8, ..SMALL };

/// Longer than any test: whatever waits for it waits until it is ended.
const FOR_EVER: &str = "drain_ms = 3600000\npatience_ms = 3600000\n";

async fn until(what: &str, process: &Process, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never {what}: {}", process.log_text());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a probe sees: a status, or that nobody listens.
async fn readiness(address: SocketAddr) -> Option<u16> {
    Some(Client::new(address).get("/readyz", &[]).await?.status)
}

fn closes(answer: &Answer) -> bool {
    answer.header("connection") == Some("close")
}

#[test]
fn from_sigterm_on_it_is_not_ready_and_takes_what_comes_on_connections_that_end_with_their_answer() {
    story(async {
        let outside = Outside::start(ONE).await;
        let mut process =
            Process::start_with(&outside, free_address(), &[], "[stop]\ndrain_ms = 3000\n").await;
        let kept = Client::new(process.address);
        let order = |port| direct(&format!("order-{port}"), &outside.location(0, port));
        let before = kept.checkout(&order(0)).await;
        assert!(before.status == 200 && !closes(&before), "{before:?}");

        process.terminate();
        until("not ready", &process, async || readiness(process.address).await == Some(503)).await;
        let probe = Client::new(process.address).get("/readyz", &[]).await.expect("it still listens");
        assert_eq!(probe.detail(), "Service is stopping");
        assert!(probe.header("retry-after").is_some() && closes(&probe), "{probe:?}");
        let alive = Client::new(process.address).get("/healthz", &[]).await.expect("it still listens");
        assert_eq!(alive.status, 200);
        let on_a_kept_one = kept.checkout(&order(1)).await;
        assert!(on_a_kept_one.status == 200 && closes(&on_a_kept_one), "{on_a_kept_one:?}");
        let on_a_new_one = Client::new(process.address).checkout(&order(2)).await;
        assert!(on_a_new_one.status == 200 && closes(&on_a_new_one), "{on_a_new_one:?}");

        process.wait_until_ended().await;
        assert_eq!(process.child.wait().expect("a child of ours").code(), Some(0), "{}", process.log_text());
        let _next = Process::start(&outside, process.address, &[]).await;
        for answer in [before, on_a_kept_one, on_a_new_one] {
            let job = answer.id("job_id");
            outside.until("completed", |o| !o.events_for("provisioning.completed", &job).is_empty()).await;
        }
    });
}

fn has_got(outside: &Outside, line: &str) -> bool {
    let commands = outside.fleet.switch(&switch_name(0)).expect("there").commands();
    commands.iter().any(|command| command.line.contains(line))
}

#[test]
fn lines_that_are_on_their_way_are_read_back_and_their_outcome_is_on_record_when_it_ends() {
    story(async {
        let outside = Outside::start(Fleet { command_latency: Duration::from_millis(150), ..ONE }).await;
        let mut process = Process::start(&outside, free_address(), &[]).await;
        let client = Client::new(process.address);
        for port in 0..4 {
            let answer = client.checkout(&direct(&format!("order-{port}"), &outside.location(0, port))).await;
            assert_eq!(answer.status, 200);
        }
        until("in the middle of its lines", &process, async || has_got(&outside, "access vlan")).await;
        process.terminate();
        process.wait_until_ended().await;
        assert_eq!(process.child.wait().expect("a child of ours").code(), Some(0), "{}", process.log_text());

        let records = Records::of(&outside.store());
        let ports = records.iter().filter_map(|record| match record {
            Record::Port(port) => Some(&port.state),
            _ => None,
        });
        let applied = ports
            .inspect(|state| assert!(!matches!(state, PortState::Applying { .. }), "{state:?}"))
            .filter(|state| matches!(state, PortState::AppliedUnsaved { .. } | PortState::Clean))
            .count();
        let jobs = records.iter().filter_map(|record| match record {
            Record::Job(job) => Some(&job.state),
            _ => None,
        });
        let (completed, queued): (Vec<_>, Vec<_>) =
            jobs.partition(|state| matches!(state, JobState::Completed { .. }));
        assert!(applied >= completed.len() && !completed.is_empty() && !queued.is_empty(), "{completed:?}");
        let is_uncharged = |state: &&JobState| matches!(state, JobState::Queued { failed_attempts: 0, .. });
        assert!(queued.iter().all(is_uncharged), "{queued:?}");
        let sessions = outside.fleet.switch(&switch_name(0)).expect("there").sessions();
        assert!(sessions.iter().all(|session| session.closed.is_some()), "a session is left open");
    });
}

mod a_second_signal {
    use super::*;

    /// A process has long ended by then, and whatever it waits for has not come.
    const AT_ONCE: Duration = Duration::from_secs(1);

    async fn ends_it_at_once(process: &mut Process) {
        assert!(!process.has_ended(), "{}", process.log_text());
        process.terminate();
        let told = Instant::now();
        process.wait_until_ended().await;
        assert!(told.elapsed() < AT_ONCE, "{:?}", told.elapsed());
        let code = process.child.wait().expect("a child of ours").code();
        assert_eq!(code, Some(128 + 15), "{}", process.log_text());
    }

    async fn until_refused(process: &Process) {
        until("closed to requests", process, async || TcpStream::connect(process.address).is_err()).await;
    }

    #[test]
    fn ends_it_while_it_drains() {
        story(async {
            let outside = Outside::start(ONE).await;
            let mut process =
                Process::start_with(&outside, free_address(), &[], &format!("[stop]\n{FOR_EVER}")).await;
            process.terminate();
            until("not ready", &process, async || readiness(process.address).await == Some(503)).await;
            ends_it_at_once(&mut process).await;
        });
    }

    #[test]
    fn ends_it_while_a_request_is_under_way() {
        story(async {
            let outside = Outside::start(ONE).await;
            let patient = "[http]\nbody_timeout_ms = 3600000\nstop_timeout_ms = 3600000\n";
            let mut process = Process::start_with(&outside, free_address(), &[], patient).await;
            let mut slow = TcpStream::connect(process.address).expect("a connection");
            let head = format!(
                "POST {CHECKOUT} HTTP/1.1\r\nhost: x\r\nx-webhook-secret: x\r\ncontent-length: 9\r\n\r\n{{"
            );
            slow.write_all(head.as_bytes()).expect("a part of a request");
            // It has been taken from the kernel's queue when one that came later is answered.
            assert_eq!(readiness(process.address).await, Some(200));
            process.terminate();
            until_refused(&process).await;
            ends_it_at_once(&mut process).await;
        });
    }

    #[test]
    fn ends_it_while_a_switch_is_at_work() {
        story(async {
            let outside = Outside::start(Fleet { command_latency: Duration::from_millis(50), ..ONE }).await;
            let patient = "[stop]\npatience_ms = 3600000\n[ssh]\ncommand_ms = 3600000\n\
                [supervision]\nstep_ms = 3600000\n";
            let mut process = Process::start_with(&outside, free_address(), &[], patient).await;
            let client = Client::new(process.address);
            assert_eq!(client.checkout(&direct("order-1", &outside.location(0, 0))).await.status, 200);
            until("at its lines", &process, async || has_got(&outside, "configure terminal")).await;
            let switch = outside.fleet.switch(&switch_name(0)).expect("there");
            switch.set_command_latency(Duration::from_secs(3_600));
            process.terminate();
            until_refused(&process).await;
            ends_it_at_once(&mut process).await;
        });
    }

    #[test]
    fn ends_it_when_it_comes_as_ctrl_c_and_says_which_signal_it_was() {
        story(async {
            let outside = Outside::start(ONE).await;
            let mut process =
                Process::start_with(&outside, free_address(), &[], &format!("[stop]\n{FOR_EVER}")).await;
            process.signal("-INT");
            until("not ready", &process, async || readiness(process.address).await == Some(503)).await;
            process.signal("-INT");
            process.wait_until_ended().await;
            let code = process.child.wait().expect("a child of ours").code();
            assert_eq!(code, Some(128 + 2), "{}", process.log_text());
        });
    }
}

#[test]
fn told_to_end_while_it_waits_for_its_store_it_ends_with_0() {
    story(async {
        let outside = Outside::start(ONE).await;
        let nobody = format!("redis://{}", free_address());
        let waiting = format!(
            "[store]\nengine = \"redis\"\n[store.redis]\nurls = [\"{nobody}\"]\nstart_wait_ms = 3600000\n"
        );
        let mut process = Process::spawn(&outside, free_address(), &[], &waiting);
        until("waiting", &process, async || process.log_text().contains("can't be reached")).await;
        process.terminate();
        process.wait_until_ended().await;
        assert_eq!(process.child.wait().expect("a child of ours").code(), Some(0), "{}", process.log_text());
    });
}

#[cfg(feature = "fail-points")]
#[test]
fn told_to_end_while_redis_is_away_it_ends_when_its_patience_does() {
    story(async {
        let outside = Outside::start(Fleet { command_latency: Duration::from_millis(50), ..ONE }).await;
        let redis = crate::redis::redis();
        let config = format!(
            "{}[stop]\npatience_ms = 500\n[http]\nstop_timeout_ms = 1000\n",
            crate::redis::on_redis(&redis.url())
        );
        let mut process = Process::start_with(&outside, free_address(), &[], &config).await;
        let client = Client::new(process.address);
        assert_eq!(client.checkout(&direct("order-1", &outside.location(0, 0))).await.status, 200);
        until("at its lines", &process, async || has_got(&outside, "access vlan")).await;
        redis.kill();
        until("without a store", &process, async || readiness(process.address).await == Some(503)).await;
        process.terminate();
        process.wait_until_ended().await;
        assert_eq!(process.child.wait().expect("a child of ours").code(), Some(0), "{}", process.log_text());
        assert!(process.log_text().contains("when the patience ended"), "{}", process.log_text());
    });
}
