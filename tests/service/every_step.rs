//! A run at every step: at each named place between acceptance and acknowledged delivery, each failure, by a loop over the
//! list. After each: one outcome, its event, the port live and saved; and at the end, the checker's word on all of it.
//!
//! A lane is one small fleet, one store and one kind of failure; its process stands still at the place while the harness strikes,
//! or panics there by itself. Lanes run beside each other, the places of one after another.

use crate::fault_orders::quiet;
use crate::harness::*;
use crate::redis::{on_redis, redis};
use crate::witnesses::Witnesses;
use futures_util::future::join_all;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard::redis_lab::RedisServer;
use switchyard_actors::fail_points::FailPoint;

/// So that each checkout opens a session of its own, and what is tried again is tried soon.
const SOON: &str = "[supervision]\nidle_ms = 20\n[cluster]\nlease_ms = 3000\nbeat_ms = 200\nmargin_ms = 300\n\
                    [log]\nfilter = \"info\"\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The actor panics there.
    Panic,
    /// The process dies there, and is started again.
    Kill,
    /// Every session to the switch is cut meanwhile.
    SessionLoss,
    /// The next write after it is refused: the embedded store is out of use until a restart.
    RefusedWrite,
    /// The Redis dies meanwhile, and is started again.
    RedisRestart,
}

struct Lane {
    failure: Failure,
    outside: Outside,
    witnesses: Witnesses,
    redis: Option<Arc<RedisServer>>,
    config: String,
    process: Process,
}

#[test]
fn at_each_step_whatever_fails_there_a_checkout_has_one_outcome_and_its_event_arrives() {
    let lanes = [
        (Failure::Panic, false),
        (Failure::Kill, false),
        (Failure::SessionLoss, false),
        (Failure::RefusedWrite, false),
        (Failure::Panic, true),
        (Failure::SessionLoss, true),
        (Failure::RedisRestart, true),
    ];
    story(async {
        join_all(lanes.map(|(failure, is_on_redis)| run(failure, is_on_redis))).await;
    });
}

/// Every place in turn.
async fn run(failure: Failure, is_on_redis: bool) {
    let mut lane = Lane::start(failure, is_on_redis).await;
    let mut struck = 0;
    for (port, point) in (0..).zip(FailPoint::ON_THE_WAY) {
        struck += usize::from(lane.step(port, *point).await);
    }
    // After the last writes of a checkout there is none left to refuse.
    let least = FailPoint::ON_THE_WAY.len() - if failure == Failure::RefusedWrite { 4 } else { 0 };
    assert!(struck >= least, "{failure:?} struck at {struck} places only");
    lane.judge().await;
}

impl Lane {
    async fn start(failure: Failure, is_on_redis: bool) -> Self {
        let ports = u16::try_from(FailPoint::ON_THE_WAY.len()).expect("a few");
        let outside = Outside::start(Fleet { switches: 1, ports, ..SMALL }).await;
        let witnesses = Witnesses::of(&outside);
        let redis = is_on_redis.then(|| Arc::new(redis()));
        let store = redis.as_ref().map(|redis| on_redis(&redis.url())).unwrap_or_default();
        let config = format!("{store}{SOON}");
        let process = Process::under_orders(&outside, free_address(), &config).await;
        Self { failure, outside, witnesses, redis, config, process }
    }

    /// One checkout, and the failure at one place of its way. Answers whether it struck.
    async fn step(&mut self, port: u16, point: FailPoint) -> bool {
        quiet(&self.outside).await;
        let verb = if self.failure == Failure::Panic { "panic" } else { "halt" };
        self.process.order_and_hear(&format!("{verb} {}", point.name())).await;
        let body = direct(&format!("order-{port}"), &self.outside.location(0, port));
        let client = Client::new(self.process.address);
        let asking = until_taken(&self.witnesses, &client, &body);
        let settled = || is_settled(&self.outside, port);
        let striking = strike(
            self.failure,
            point,
            &self.outside,
            &self.config,
            self.redis.as_ref(),
            &mut self.process,
            &settled,
        );
        let ((attempts, ids), struck) = tokio::join!(asking, striking);
        self.witnesses.remember(attempts);
        self.has_one_outcome(port, &ids, point).await;
        if !struck {
            restart(&self.outside, &self.config, &mut self.process).await;
        }
        struck
    }

    async fn has_one_outcome(&self, port: u16, ids: &Value, point: FailPoint) {
        let id = |name: &str| ids[name].as_str().expect("an id").to_owned();
        let events =
            [("provisioning.completed", id("job_id")), ("subscription.activated", id("subscription_id"))];
        let what = format!("{:?} at {}", self.failure, point.name());
        self.outside.until(&what, |_| is_settled(&self.outside, port)).await;
        for (event, id) in &events {
            self.outside.until(&what, |o| !o.events_for(event, id).is_empty()).await;
            assert_eq!(self.outside.webhook_ids(event, id).len(), 1, "{what}: {event} is one event");
        }
    }

    async fn judge(mut self) {
        self.process.terminate();
        self.process.wait_until_ended().await;
        self.witnesses.hear_log(self.process.log_text());
        let service = serve(&self.outside, &self.config.replace(SOON, "")).await;
        let store = service.store();
        until_at_rest(&*store).await;
        let dead = switchyard::operations::dead_letters(&*store).await.expect("a list");
        self.witnesses.hear_dead_letters(&dead);
        drop(store);
        service.stop().await;
        let (failure, log) = (self.failure, self.process.log_text());
        let report = self.witnesses.judge(&self.outside);
        assert_eq!((report.violated(), report.not_judged()), (vec![], vec![]), "{failure:?}: {report}");
        assert_eq!(self.outside.event_counts().get("provisioning.failed"), None, "{failure:?}: {log}");
        assert_eq!(self.outside.most_sessions(0), 1, "{failure:?}");
    }
}

/// The port is live and saved, and two events came for it.
fn is_settled(outside: &Outside, port: u16) -> bool {
    let external = format!("order-{port}");
    let deliveries = outside.receiver.deliveries();
    let told = |event: &str| {
        deliveries.iter().any(|delivery| {
            delivery.event() == Some(event)
                && delivery.field("external_subscription_id") == Some(external.as_str())
        })
    };
    outside.is_live_and_saved(0, port) && told("provisioning.completed") && told("subscription.activated")
}

/// As a partner does it: the same body, until it is taken. What was sent, and the ids.
async fn until_taken(
    witnesses: &Witnesses,
    client: &Client,
    body: &Value,
) -> (Vec<switchyard::checker::history::Attempt>, Value) {
    let (mut attempts, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    loop {
        let attempt = witnesses.checkout(client, body, SECRET).await;
        let taken = attempt.reply.answer().filter(|answer| answer.status == 200);
        let ids = taken.map(|answer| serde_json::from_slice(&answer.body).expect("JSON"));
        attempts.push(attempt);
        if let Some(ids) = ids {
            return (attempts, ids);
        }
        assert!(Instant::now() < deadline, "never taken: {body}: {attempts:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits for the process at the place, and does what the lane is for.
async fn strike(
    failure: Failure,
    point: FailPoint,
    outside: &Outside,
    config: &str,
    redis: Option<&Arc<RedisServer>>,
    process: &mut Process,
    settled: &impl Fn() -> bool,
) -> bool {
    let place = point.name();
    if failure == Failure::Panic {
        process.until_logged(1, &format!("ordered to panic at {place}")).await;
        return true;
    }
    process.until_logged(1, &format!("reached {place}\n")).await;
    match failure {
        Failure::Panic => unreachable!("it has panicked"),
        Failure::Kill => restart(outside, config, process).await,
        Failure::SessionLoss => {
            outside.fleet.switches()[0].cut_sessions();
            process.order("go");
        }
        Failure::RefusedWrite => return refuse_a_write(outside, config, process, settled).await,
        Failure::RedisRestart => {
            let redis = Arc::clone(redis.expect("a lane on Redis"));
            let restarted = tokio::task::spawn_blocking(move || {
                redis.kill();
                redis.restart()
            });
            restarted.await.expect("no panic").expect("it starts again, with its file");
            process.order("go");
        }
    }
    true
}

/// Lets it go into a refused write, and starts it again. Answers whether there was a write left to refuse.
async fn refuse_a_write(
    outside: &Outside,
    config: &str,
    process: &mut Process,
    settled: &impl Fn() -> bool,
) -> bool {
    const REFUSED: &str = "a write to the store failed";
    let before = process.log_text().matches(REFUSED).count();
    process.order("fail store::write_refused");
    process.order("go");
    let deadline = Instant::now() + PATIENCE;
    while process.log_text().matches(REFUSED).count() == before {
        if settled() {
            return false;
        }
        assert!(Instant::now() < deadline, "neither refused nor settled: {}", process.log_text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    restart(outside, config, process).await;
    true
}

async fn restart(outside: &Outside, config: &str, process: &mut Process) {
    process.kill();
    outside.until_no_session_is_open(1).await;
    *process = Process::under_orders(outside, process.address, config).await;
}
