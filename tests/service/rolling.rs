//! Instances are stopped and started in turn: not one request fails, whoever spreads them looks at `/readyz` alone, and a
//! switch changes hands without a lease being waited out.

use crate::harness::*;
use crate::redis::{on_redis, redis};
use crate::witnesses::Witnesses;
use futures_util::future::join_all;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use switchyard::checker::history::Attempt;

const INSTANCES: usize = 3;
const ROUNDS: usize = 2;

/// One of the instances, as a load balancer sees it: connections that it keeps, and what its last probe said.
struct Upstream {
    address: SocketAddr,
    kept: Client,
    ready: Cell<bool>,
}

/// Spreads requests over the instances that are ready, and never sends one twice.
struct LoadBalancer {
    upstreams: Vec<Upstream>,
    turn: Cell<usize>,
}

impl LoadBalancer {
    fn to(addresses: &[SocketAddr]) -> Rc<Self> {
        let upstreams = addresses.iter().map(|address| Upstream {
            address: *address,
            kept: Client::new(*address),
            ready: Cell::new(false),
        });
        Rc::new(Self { upstreams: upstreams.collect(), turn: Cell::default() })
    }

    /// Probes each, a tenth of the drain apart, for as long as the story goes on.
    fn probe(self: &Rc<Self>) {
        for n in 0..self.upstreams.len() {
            let balancer = Rc::clone(self);
            actix_rt::spawn(async move {
                let upstream = &balancer.upstreams[n];
                loop {
                    let probe = Client::new(upstream.address).get("/readyz", &[]).await;
                    upstream.ready.set(probe.is_some_and(|answer| answer.status == 200));
                    tokio::time::sleep(DRAIN / 10).await;
                }
            });
        }
    }

    fn choose(&self) -> &Upstream {
        let count = self.upstreams.len();
        let turns = (1..=count).map(|step| (self.turn.get() + step) % count);
        let chosen = turns.into_iter().find(|n| self.upstreams[*n].ready.get());
        self.turn.set(chosen.expect("two of three are always ready"));
        &self.upstreams[self.turn.get()]
    }

    async fn until_ready(&self, which: usize) {
        let deadline = Instant::now() + PATIENCE;
        while !self.upstreams[which].ready.get() {
            assert!(Instant::now() < deadline, "{} is never ready", self.upstreams[which].address);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

const DRAIN: Duration = Duration::from_millis(500);

fn configuration(url: &str, lease_ms: u64) -> String {
    format!(
        "{}[cluster]\nlease_ms = {lease_ms}\nbeat_ms = 200\nmargin_ms = 200\n\
         [stop]\ndrain_ms = {}\npatience_ms = 10000\n[log]\nfilter = \"info\"\n",
        on_redis(url),
        DRAIN.as_millis()
    )
}

async fn end(process: &mut Process) {
    process.terminate();
    process.wait_until_ended().await;
    let code = process.child.wait().expect("a child of ours").code();
    assert_eq!(code, Some(0), "{}", process.log_text());
}

/// Sends order after order until told to stop, then the next from the front: a repeat.
async fn keep_ordering(
    balancer: &LoadBalancer,
    witnesses: &Witnesses,
    orders: &[String],
    next: &Cell<usize>,
    over: &Cell<bool>,
) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    while !over.get() {
        let body = &orders[next.replace(next.get() + 1) % orders.len()];
        let body = serde_json::from_str(body).expect("JSON");
        let upstream = balancer.choose();
        let attempt = witnesses.checkout(&upstream.kept, &body, SECRET).await;
        let status = attempt.reply.answer().map(|answer| answer.status);
        assert_eq!(status, Some(200), "by {}: {attempt:?}", upstream.address);
        attempts.push(attempt);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    attempts
}

#[test]
fn three_instances_are_restarted_in_turn_under_load_and_not_one_request_fails() {
    const SWITCHES: usize = 30;
    const PORTS: u16 = 30;
    story(async {
        let outside = Outside::start(Fleet { switches: SWITCHES, ports: PORTS, ..SMALL }).await;
        let (redis, mut witnesses) = (redis(), Witnesses::of(&outside));
        let config = configuration(&redis.url(), 600_000);
        let addresses: Vec<_> = (0..INSTANCES).map(|_| free_address()).collect();
        let mut running = Vec::new();
        for address in &addresses {
            running.push(Process::start_with(&outside, *address, &[], &config).await);
        }
        let balancer = LoadBalancer::to(&addresses);
        balancer.probe();
        for which in 0..INSTANCES {
            balancer.until_ready(which).await;
        }

        let places = (0..PORTS).flat_map(|port| (0..SWITCHES).map(move |switch| (switch, port)));
        let orders: Vec<_> = places
            .map(|(n, port)| direct(&format!("order-{n}-{port}"), &outside.location(n, port)).to_string())
            .collect();
        let (next, over, running) = (Cell::new(0), Cell::new(false), RefCell::new(running));
        let load = join_all((0..16).map(|_| keep_ordering(&balancer, &witnesses, &orders, &next, &over)));
        let restarts = async {
            for which in (0..INSTANCES).cycle().take(INSTANCES * ROUNDS) {
                let before = next.get();
                let mut old = running.borrow_mut().remove(which);
                end(&mut old).await;
                let fresh = Process::start_with(&outside, addresses[which], &[], &config).await;
                running.borrow_mut().insert(which, fresh);
                balancer.until_ready(which).await;
                assert!(next.get() > before, "no load");
            }
            over.set(true);
        };
        let (attempts, ()) = tokio::join!(load, restarts);
        let (asked, ordered) = (next.get(), next.get().min(orders.len()));
        witnesses.remember(attempts.into_iter().flatten());

        outside.until("all live", |o| o.event_counts().get("provisioning.completed") >= Some(&ordered)).await;
        for mut process in running.into_inner() {
            witnesses.hear_log(process.log_text());
            end(&mut process).await;
        }
        let service = serve(&outside, &config).await;
        let store = service.store();
        until_at_rest(&*store).await;
        drop(store);
        service.stop().await;
        let report = witnesses.judge(&outside);
        assert_eq!(report.violated(), [], "{report}");
        assert_eq!(report.not_judged(), [], "{report}");
        say(&format!(
            "{} restarts under load: {asked} requests for {ordered} checkouts, all 200\n{report}",
            INSTANCES * ROUNDS
        ));
    });
}

/// Shown with `--nocapture`.
#[allow(clippy::print_stdout)]
fn say(text: &str) {
    println!("{text}");
}

fn is_visited(outside: &Outside, switch: usize) -> bool {
    outside.fleet.switch(&switch_name(switch)).expect("there").counts().most_sessions_open > 0
}

/// Ten minutes are longer than the test.
#[test]
fn a_lease_of_ten_minutes_is_not_waited_out_when_its_holder_is_told_to_end() {
    const SWITCHES: usize = 12;
    const PORTS: u16 = 3;
    story(async {
        let slow =
            Fleet { switches: SWITCHES, ports: PORTS, command_latency: Duration::from_millis(100), ..SMALL };
        let outside = Outside::start(slow).await;
        let redis = redis();
        let config = configuration(&redis.url(), 600_000);
        let mut first = Process::start_with(&outside, free_address(), &[], &config).await;
        let second = Process::start_with(&outside, free_address(), &[], &config).await;
        let client = Client::new(first.address);
        for (switch, port) in (0..PORTS).flat_map(|port| (0..SWITCHES).map(move |n| (n, port))) {
            let order = direct(&format!("order-{switch}-{port}"), &outside.location(switch, port));
            assert_eq!(client.checkout(&order).await.status, 200);
        }
        let ordered = SWITCHES * usize::from(PORTS);
        outside.until("all at work", |o| (0..SWITCHES).all(|switch| is_visited(o, switch))).await;
        let completed = |o: &Outside| o.event_counts().get("provisioning.completed").copied().unwrap_or(0);
        assert!(completed(&outside) < ordered, "nothing is left to hand over");
        end(&mut first).await;
        outside.until("all live", |o| completed(o) >= ordered).await;
        outside
            .until("all saved", |o| {
                (0..SWITCHES).all(|switch| (0..PORTS).all(|port| o.is_live_and_saved(switch, port)))
            })
            .await;
        assert!((0..SWITCHES).all(|switch| outside.most_sessions(switch) == 1));
        assert_eq!(outside.event_counts().get("provisioning.failed"), None);
        drop(second);
    });
}
