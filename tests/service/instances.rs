//! Several instances on one Redis: they share the work, take over from the dead, and are fenced when they were frozen, while
//! Redis itself dies, comes back, and is cut off. What must hold is looked at by the checker alone.
//!
//! `SWITCHYARD_LOAD=full` makes these runs as large as a release is judged by; without it they take a minute or two.

use crate::harness::*;
use crate::redis::{on_redis, redis};
use crate::witnesses::Witnesses;
use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard::checker::history::Attempt;
use switchyard::redis_lab::{Proxy, RedisServer};

/// Short, so that a test sees a takeover; as long against each other as the defaults are.
const LEASE: Duration = Duration::from_millis(2_000);
const CLUSTER: &str = "[cluster]\nlease_ms = 2000\nbeat_ms = 200\nmargin_ms = 200\n[stop]\npatience_ms = 10000\n\
    [log]\nfilter = \"info\"\n";

fn is_full() -> bool {
    std::env::var("SWITCHYARD_LOAD").is_ok_and(|load| load == "full")
}

/// Instances of one installation.
struct Instances<'a> {
    outside: &'a Outside,
    config: String,
    running: RefCell<Vec<Process>>,
    addresses: Vec<SocketAddr>,
    turn: Cell<usize>,
}

impl<'a> Instances<'a> {
    async fn start(outside: &'a Outside, url: &str, count: usize) -> Self {
        let config = format!("{}{CLUSTER}", on_redis(url));
        let addresses: Vec<_> = (0..count).map(|_| free_address()).collect();
        let mut running = Vec::new();
        for address in &addresses {
            running.push(Process::start_with(outside, *address, &[], &config).await);
        }
        Self { outside, config, running: RefCell::new(running), addresses, turn: Cell::new(0) }
    }

    /// Kills one, and starts it again.
    async fn kill_and_start(&self, which: usize) {
        let address = self.addresses[which];
        self.running.borrow_mut()[which].kill();
        let fresh = Process::start_with(self.outside, address, &[], &self.config).await;
        self.running.borrow_mut()[which] = fresh;
    }

    fn signal(&self, which: usize, signal: &str) {
        let pid = self.running.borrow()[which].child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert!(sent.success(), "kill {signal} {pid}");
    }

    /// The next instance in turn.
    fn client(&self) -> Client {
        self.turn.set(self.turn.get() + 1);
        Client::new(self.addresses[self.turn.get() % self.addresses.len()])
    }

    /// The last lines of each, for an error.
    fn log_ends(&self) -> String {
        let end = |log: String| {
            let lines: Vec<_> = log.lines().rev().take(40).map(str::to_owned).collect();
            lines.into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        self.logs().into_iter().map(end).collect::<Vec<_>>().join("\n--\n")
    }

    fn logs(&self) -> Vec<String> {
        self.running.borrow().iter().map(Process::log_text).collect()
    }

    /// Ends those that still run.
    async fn stop(&self) {
        for mut process in self.running.take() {
            if !process.has_ended() {
                process.terminate();
                process.wait_until_ended().await;
            }
        }
    }
}

/// Sends it, to one instance after another, until it is taken. Remembers each attempt.
async fn until_taken(instances: &Instances<'_>, witnesses: &Witnesses, body: &Value) -> Vec<Attempt> {
    let deadline = Instant::now() + 2 * PATIENCE;
    let mut attempts = Vec::new();
    loop {
        let attempt = witnesses.checkout(&instances.client(), body, SECRET).await;
        let is_taken = attempt.reply.answer().is_some_and(|answer| answer.status == 200);
        let refused = attempt.reply.answer().is_some_and(|answer| answer.status < 500) && !is_taken;
        assert!(!refused, "neither taken nor safe to retry: {attempt:?}");
        attempts.push(attempt);
        if is_taken {
            return attempts;
        }
        assert!(Instant::now() < deadline, "never taken: {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Debug, Clone, Copy)]
enum Blow {
    KillInstance(usize),
    RestartRedis,
    CutOff,
}

struct Size {
    switches: usize,
    ports: u16,
    kills: usize,
    restarts: usize,
    cuts: usize,
}

impl Size {
    fn of_this_run() -> Self {
        if is_full() {
            Self { switches: 300, ports: 34, kills: 20, restarts: 5, cuts: 5 }
        } else {
            Self { switches: 30, ports: 20, kills: 4, restarts: 1, cuts: 1 }
        }
    }

    fn checkouts(&self) -> usize {
        self.switches * usize::from(self.ports)
    }

    /// Kills all along, the others between them.
    fn blows(&self) -> Vec<Blow> {
        let mut others =
            std::iter::repeat_n([Blow::RestartRedis, Blow::CutOff], self.restarts.max(self.cuts))
                .flatten()
                .collect::<Vec<_>>()
                .into_iter();
        let each = self.kills / (self.restarts + self.cuts).max(1);
        let mut blows = Vec::new();
        for kill in 0..self.kills {
            blows.push(Blow::KillInstance(kill % 3));
            if (kill + 1) % each.max(1) == 0 {
                blows.extend(others.next());
            }
        }
        blows
    }
}

async fn strike(blow: Blow, instances: &Instances<'_>, redis: &Arc<RedisServer>, proxy: &Arc<Proxy>) {
    match blow {
        Blow::KillInstance(which) => instances.kill_and_start(which).await,
        Blow::RestartRedis => {
            let redis = Arc::clone(redis);
            let struck = tokio::task::spawn_blocking(move || {
                redis.kill();
                redis.restart().expect("it starts again, with its file");
            });
            struck.await.expect("no panic");
        }
        Blow::CutOff => {
            proxy.cut();
            until_ready(instances, false).await;
            proxy.heal().expect("the proxy listens again");
        }
    }
    until_ready(instances, true).await;
}

/// Waits until every instance says whether it is ready as wanted.
async fn until_ready(instances: &Instances<'_>, ready: bool) {
    let deadline = Instant::now() + PATIENCE;
    for address in &instances.addresses {
        let client = Client::new(*address);
        while client.get("/readyz", &[]).await.is_none_or(|answer| (answer.status == 200) != ready) {
            assert!(Instant::now() < deadline, "{address} is not ready = {ready}: {}", instances.log_ends());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Waits as long as something moves: these machines are shared.
async fn until_told(outside: &Outside, event: &str, jobs: usize) {
    let told = || {
        let deliveries = outside.receiver.deliveries();
        let of_event = deliveries.iter().filter(|delivery| delivery.event() == Some(event));
        of_event
            .filter_map(|delivery| delivery.field("subscription_id").map(str::to_owned))
            .collect::<std::collections::HashSet<_>>()
            .len()
    };
    let mut seen = (told(), Instant::now());
    while seen.0 < jobs {
        assert!(seen.1.elapsed() < PATIENCE, "{} of {jobs} {event}, and nothing moves", seen.0);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = told();
        if now > seen.0 {
            seen = (now, Instant::now());
        }
    }
}

#[test]
fn three_instances_through_kills_and_outages_of_redis_keep_every_promise() {
    story(async {
        let size = Size::of_this_run();
        let outside = Outside::start(Fleet { switches: size.switches, ports: size.ports, ..SMALL }).await;
        let (redis, mut witnesses) = (Arc::new(redis()), Witnesses::of(&outside));
        let proxy = Arc::new(Proxy::start(redis.address()).expect("a proxy"));
        let instances = Instances::start(&outside, &redis.url_by(proxy.address()), 3).await;

        let taken = Cell::new(0);
        let places = (0..size.ports).flat_map(|port| (0..size.switches).map(move |switch| (switch, port)));
        let bodies: Vec<_> = places
            .map(|(switch, port)| direct(&format!("order-{switch}-{port}"), &outside.location(switch, port)))
            .collect();
        let asked = bodies.iter().map(async |body| {
            let attempts = until_taken(&instances, &witnesses, body).await;
            taken.set(taken.get() + 1);
            attempts
        });
        let load = stream::iter(asked).buffer_unordered(48).collect::<Vec<_>>();
        let blows = size.blows();
        let striking = async {
            for (n, blow) in blows.iter().enumerate() {
                let share = size.checkouts() * (n + 1) / (blows.len() + 1);
                until("the load reaches its next blow", || taken.get() >= share).await;
                strike(*blow, &instances, &redis, &proxy).await;
            }
        };
        let (attempts, ()) = tokio::join!(load, striking);
        let asked = attempts.iter().map(Vec::len).sum::<usize>();
        witnesses.remember(attempts.into_iter().flatten());

        until_told(&outside, "provisioning.completed", size.checkouts()).await;
        until_told(&outside, "subscription.activated", size.checkouts()).await;
        let again: Vec<_> = stream::iter(bodies.iter().step_by(7))
            .then(async |body| until_taken(&instances, &witnesses, body).await)
            .collect()
            .await;
        witnesses.remember(again.into_iter().flatten());
        instances.logs().into_iter().for_each(|log| witnesses.hear_log(log));
        instances.stop().await;
        come_to_rest(&outside, &redis.url()).await;

        let report = witnesses.judge(&outside);
        assert_eq!(report.violated(), [], "{report}");
        assert_eq!(report.not_judged(), [], "{report}");
        say(&format!("{} checkouts, {asked} requests, {blows:?}\n{report}", size.checkouts()));
    });
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + 4 * PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A last start, in this process, where it can be seen that nothing is left to do.
async fn come_to_rest(outside: &Outside, url: &str) {
    let service = serve(outside, &format!("{}{CLUSTER}", on_redis(url))).await;
    let store = service.store();
    until_at_rest(&*store).await;
    drop(store);
    service.stop().await;
}

/// Shown with `--nocapture`.
#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}

#[test]
fn when_an_instance_dies_its_switches_are_taken_over_within_the_lease() {
    const SWITCHES: usize = 12;
    story(async {
        let slow = Fleet { switches: SWITCHES, command_latency: Duration::from_millis(100), ..SMALL };
        let outside = Outside::start(slow).await;
        let redis = redis();
        let instances = Instances::start(&outside, &redis.url(), 2).await;
        let ids = checkouts(&outside, &instances, 0, SWITCHES).await;
        until("every switch is at work", || (0..SWITCHES).all(|n| commands_of(&outside, n) > 0)).await;
        let open: Vec<_> = (0..SWITCHES).map(|n| sessions_of(&outside, n)).collect();
        let (killed, before) = (Instant::now(), completed_at(&outside).len());
        instances.running.borrow_mut()[0].kill();
        until_told(&outside, "provisioning.completed", SWITCHES).await;
        let over = |n: usize| sessions_of(&outside, n) > open[n];
        let taken_over = (0..SWITCHES).filter(|n| over(*n)).count();
        let last = completed_at(&outside).into_iter().max().expect("all are completed");
        assert!(before < SWITCHES && taken_over > 0, "nothing was left to take over");
        for (job, _) in ids {
            assert_eq!(outside.webhook_ids("provisioning.completed", &job).len(), 1);
        }
        assert!((0..SWITCHES).all(|n| outside.most_sessions(n) == 1));
        let took = last.saturating_duration_since(killed);
        say(&format!(
            "{taken_over} switches were taken over; the last line was live {took:?} after the death, with a lease of {LEASE:?}"
        ));
        instances.stop().await;
    });
}

fn commands_of(outside: &Outside, switch: usize) -> usize {
    outside.fleet.switch(&switch_name(switch)).expect("there").commands().len()
}

fn sessions_of(outside: &Outside, switch: usize) -> usize {
    outside.fleet.switch(&switch_name(switch)).expect("there").sessions().len()
}

fn completed_at(outside: &Outside) -> Vec<Instant> {
    let deliveries = outside.receiver.deliveries();
    let completed = deliveries.iter().filter(|d| d.event() == Some("provisioning.completed"));
    completed.map(|delivery| delivery.arrived).collect()
}

/// One checkout for this port of each switch, all at once; their job's and subscription's ids.
async fn checkouts(
    outside: &Outside,
    instances: &Instances<'_>,
    port: u16,
    switches: usize,
) -> BTreeMap<String, String> {
    let asked = (0..switches).map(async |switch| {
        let body = direct(&format!("order-{switch}-{port}"), &outside.location(switch, port));
        let answer = crate::redis::until_taken(&instances.client(), &body.to_string()).await;
        (answer.id("job_id"), answer.id("subscription_id"))
    });
    stream::iter(asked).buffer_unordered(switches).collect().await
}

/// Stopped in the middle of dialogs, past its lease, and continued: by then others have its switches.
#[test]
fn a_frozen_owner_sends_no_line_when_it_wakes_and_commits_nothing() {
    const SWITCHES: usize = 20;
    story(async {
        let wanted = if is_full() { 200 } else { 12 };
        let slow =
            Fleet { switches: SWITCHES, ports: 60, command_latency: Duration::from_millis(60), ..SMALL };
        let outside = Outside::start(slow).await;
        let redis = redis();
        let instances = Instances::start(&outside, &redis.url(), 2).await;
        let mut fenced = 0;
        for round in 0..60 {
            if fenced >= wanted {
                break;
            }
            fenced += freeze_once(&outside, &instances, round, SWITCHES).await;
        }
        assert!(fenced >= wanted, "{fenced} frozen dialogs of {wanted}");
        say(&format!(
            "{fenced} dialogs of a frozen owner were taken over; none of them sent a line afterwards"
        ));
        instances.stop().await;
    });
}

/// Answers how many dialogs were frozen and taken over.
async fn freeze_once(outside: &Outside, instances: &Instances<'_>, round: u16, switches: usize) -> usize {
    let seen: Vec<_> = (0..switches).map(|n| commands_of(outside, n)).collect();
    let jobs = checkouts(outside, instances, round, switches).await;
    until("the dialogs have begun", || {
        (0..switches).filter(|n| commands_of(outside, *n) > seen[*n] + 2).count() > switches / 2
    })
    .await;
    let which = usize::from(round % 2);
    instances.signal(which, "-STOP");
    let open: Vec<_> = (0..switches).map(|n| last_session(outside, n)).collect();
    let total = usize::from(round + 1) * switches;
    until_told(outside, "provisioning.completed", total).await;
    until_told(outside, "subscription.activated", total).await;
    let woken = Instant::now();
    instances.signal(which, "-CONT");

    let frozen = (0..switches).filter(|n| open[*n].is_some_and(|old| last_session(outside, *n) != Some(old)));
    let frozen: Vec<_> = frozen.collect();
    let is_closed = |n: usize| {
        let sessions = outside.fleet.switch(&switch_name(n)).expect("there").sessions();
        sessions.iter().any(|session| Some(session.number) == open[n] && session.closed.is_some())
    };
    until("the old sessions are gone", || frozen.iter().all(|n| is_closed(*n))).await;
    for n in &frozen {
        let commands = outside.fleet.switch(&switch_name(*n)).expect("there").commands();
        let late: Vec<_> = commands
            .iter()
            .filter(|command| Some(command.session) == open[*n] && command.at > woken)
            .collect();
        assert!(late.is_empty(), "{}: sent by a frozen owner that woke: {late:?}", switch_name(*n));
    }
    for (job, subscription) in &jobs {
        assert_eq!(outside.webhook_ids("provisioning.completed", job).len(), 1);
        assert_eq!(outside.webhook_ids("subscription.activated", subscription).len(), 1);
    }
    assert_eq!(outside.event_counts().get("provisioning.failed"), None);
    until_ready(instances, true).await;
    frozen.len()
}

/// The session that is open now, or was last.
fn last_session(outside: &Outside, switch: usize) -> Option<u64> {
    let sessions = outside.fleet.switch(&switch_name(switch)).expect("there").sessions();
    sessions.last().map(|session| session.number)
}
