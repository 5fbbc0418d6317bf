//! Several instances on one store: who owns what, and what happens when one joins, stops, dies, or sleeps.

use crate::world::*;
use std::collections::BTreeSet;
use switchyard_actors::domain::drift::Consent;
use switchyard_actors::graph::Graph;
use tokio::time::Instant;

const SWITCHES: u32 = 20;

/// One of several.
struct Instance {
    link: Arc<StoreLink>,
    handle: Provisioning,
    graph: Graph,
}

/// Several instances, and what they share. Switch `sw3` has the locations 30 to 39.
struct Cluster {
    store: Arc<RecordingStore>,
    driver: ScriptedDriver,
    receiver: ScriptedReceiver,
    hub: HintHub,
}

impl Cluster {
    fn new(latency: Duration) -> Self {
        Self {
            store: seeded_with(RecordingStore::shared(), SWITCHES),
            driver: ScriptedDriver::with_latency(latency),
            receiver: ScriptedReceiver::default(),
            hub: HintHub::default(),
        }
    }

    fn start(&self) -> Instance {
        let link = Arc::new(StoreLink::to(Arc::clone(&self.store)));
        let (store, hints) = (Arc::clone(&link) as _, Arc::new(self.hub.clone()));
        let graph = start_graph(store, hints, &self.driver, &self.receiver, GraphSettings::default());
        Instance { link, handle: graph.provisioning(), graph }
    }

    /// Two that know each other.
    async fn two(&self) -> (Instance, Instance) {
        let (one, two) = (self.start(), self.start());
        self.until("two that know each other", |_| one.graph.living() == 2 && two.graph.living() == 2).await;
        (one, two)
    }

    /// Orders ten ports of every switch.
    async fn order_all(&self, from: &Instance) -> Vec<(SwitchId, JobId)> {
        let mut jobs = Vec::new();
        for port in 0..10 {
            jobs.extend(self.order(from, SWITCHES, port).await);
        }
        jobs
    }

    fn each_ran_once(&self, jobs: &[(SwitchId, JobId)]) {
        assert_eq!(self.driver.most_open(), 1);
        assert!(jobs.iter().all(|(switch, job)| self.attempts(switch, *job) == Some(1)));
    }

    /// Orders port `port` of the first `switches` switches.
    async fn order(&self, from: &Instance, switches: u32, port: u32) -> Vec<(SwitchId, JobId)> {
        let mut jobs = Vec::new();
        for number in 0..switches {
            let n = number * 10 + port;
            let accepted = from.handle.complete_checkout(request(&format!("order-{n}"), n)).await;
            let job = accepted.expect("accepted").receipt.job().expect("direct");
            jobs.push((numbered(number), job));
        }
        jobs
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let seen = || format!("{:#?} {:?}", self.driver.calls(), self.owners());
        until(what, || holds(self), seen).await;
    }

    async fn until_completed(&self, jobs: &[(SwitchId, JobId)]) {
        let done = |cluster: &Self| jobs.iter().all(|(switch, job)| cluster.attempts(switch, *job).is_some());
        self.until("all completed", done).await;
    }

    /// Attempts of a completed job.
    fn attempts(&self, switch: &SwitchId, job: JobId) -> Option<u32> {
        match job_in(&self.store, switch, job).state {
            JobState::Completed { attempts, .. } => Some(attempts),
            _ => None,
        }
    }

    fn owner(&self, number: u32) -> Option<InstanceId> {
        self.store.holder(&Tag::Switch(numbered(number)))
    }

    /// How many switches each instance has.
    fn owners(&self) -> BTreeMap<InstanceId, usize> {
        let mut owners = BTreeMap::new();
        for owner in (0..SWITCHES).filter_map(|number| self.owner(number)) {
            *owners.entry(owner).or_default() += 1;
        }
        owners
    }

    async fn until_spread_over(&self, instances: usize) {
        self.until("spread", |cluster| {
            let owners = cluster.owners();
            owners.len() == instances && owners.values().all(|switches| *switches >= 3)
        })
        .await;
    }

    fn opened(&self) -> usize {
        self.driver.calls().iter().filter(|call| call.ends_with(" open")).count()
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn the_switches_are_spread_and_each_is_visited_by_one_instance_whoever_was_asked() {
    paused(async {
        let cluster = Cluster::new(ms(100));
        let (one, two) = cluster.two().await;
        let began = Instant::now();
        let mut jobs = cluster.order(&one, SWITCHES, 0).await;
        jobs.extend(cluster.order(&two, SWITCHES, 1).await);
        cluster.until_completed(&jobs).await;
        // Hints, not the sweep: its time would be ten seconds.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        cluster.until_spread_over(2).await;
        assert_eq!((cluster.driver.most_open(), cluster.opened()), (1, SWITCHES as usize));
        cluster.until("all events", |cluster| cluster.receiver.events().len() == jobs.len() * 2).await;
        let ids: BTreeSet<_> = cluster.receiver.received().iter().map(|(_, sent)| sent.event).collect();
        assert_eq!(ids.len(), jobs.len() * 2);
        // With nothing to do and no session open, nothing is owned.
        cluster.until("given back", |cluster| cluster.owners().is_empty()).await;
    });
}

#[test]
fn with_every_hint_lost_the_sweep_finds_the_work() {
    paused(async {
        let cluster = Cluster::new(ms(100));
        cluster.hub.lose_all();
        let (one, _two) = cluster.two().await;
        let jobs = cluster.order(&one, SWITCHES, 0).await;
        cluster.until_completed(&jobs).await;
        cluster.until_spread_over(2).await;
        cluster.until("all events", |cluster| cluster.receiver.events().len() >= jobs.len() * 2).await;
    });
}

#[test]
fn when_one_dies_the_other_takes_over_within_the_lease_and_fences_it() {
    paused(async {
        let cluster = Cluster::new(ms(1_000));
        let (one, two) = cluster.two().await;
        let mut jobs = cluster.order(&one, SWITCHES, 0).await;
        for port in 1..10 {
            jobs.extend(cluster.order(&one, SWITCHES, port).await);
        }
        cluster.until_spread_over(2).await;
        let before = cluster.owners();
        one.link.cut(true);
        let died = Instant::now();
        cluster.until("owned by one", |cluster| cluster.owners().len() == 1).await;
        let taken_over_in = died.elapsed();
        let settings = GraphSettings::default();
        let limit = settings.cluster.lease_ms + 2 * settings.cluster.beat_ms + settings.supervision.sweep_ms;
        assert!(
            taken_over_in >= ms(settings.cluster.lease_ms - settings.cluster.beat_ms),
            "{taken_over_in:?}"
        );
        assert!(taken_over_in <= ms(limit), "{taken_over_in:?}");
        assert_eq!(before.len(), 2);
        // It was cut off in the middle of its work; mended, it finds itself fenced, and joins anew.
        one.link.cut(false);
        cluster.until_completed(&jobs).await;
        cluster.each_ran_once(&jobs);
        cluster.until("two again", |_| one.graph.living() == 2 && two.graph.living() == 2).await;
        cluster
            .until("all events", |cluster| {
                let ids: BTreeSet<_> =
                    cluster.receiver.received().iter().map(|(_, sent)| sent.event).collect();
                ids.len() == jobs.len() * 2
            })
            .await;
    });
}

#[test]
fn when_one_joins_the_load_spreads() {
    paused(async {
        let cluster = Cluster::new(ms(1_000));
        let one = cluster.start();
        cluster.until("one", |_| one.graph.living() == 1).await;
        let jobs = cluster.order_all(&one).await;
        cluster.until("all with one", |cluster| cluster.owners().values().eq(&[SWITCHES as usize])).await;
        let began = Instant::now();
        let _two = cluster.start();
        cluster.until_spread_over(2).await;
        // A beat, the visit that is under way, and the next claim: no lease is waited for.
        assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
        cluster.until_completed(&jobs).await;
        cluster.each_ran_once(&jobs);
    });
}

#[test]
fn one_that_stops_hands_over_at_once() {
    paused(async {
        let cluster = Cluster::new(ms(100));
        let (one, two) = cluster.two().await;
        let jobs = cluster.order_all(&one).await;
        cluster.until_spread_over(2).await;
        one.graph.stop(Duration::from_secs(20)).await;
        assert_eq!(cluster.owners().len(), 1);
        let stopped = Instant::now();
        cluster.until("one", |_| two.graph.living() == 1).await;
        cluster.until_completed(&jobs).await;
        assert!(stopped.elapsed() < Duration::from_secs(8), "{:?}", stopped.elapsed());
        cluster.each_ran_once(&jobs);
        cluster.until("all events", |cluster| cluster.receiver.events().len() == jobs.len() * 2).await;
    });
}

#[test]
fn what_one_that_stops_gives_back_is_taken_up_before_it_has_left() {
    paused(async {
        let cluster = Cluster::new(ms(500));
        let (one, two) = cluster.two().await;
        let jobs = cluster.order_all(&one).await;
        cluster.until_spread_over(2).await;
        // It is still in the census when nothing is its own any more, so no beat has told the other.
        one.graph.come_to_rest(Duration::from_secs(20)).await;
        let roll = (one.graph.living(), two.graph.living(), cluster.store.in_the_census());
        assert_eq!(roll, (1, 1, 2));
        let owned = |cluster: &Cluster| cluster.owners().values().sum::<usize>();
        let asked = Instant::now();
        cluster.until("all with the other", |cluster| owned(cluster) == SWITCHES as usize).await;
        assert!(asked.elapsed() < ms(500), "{:?}", asked.elapsed());
        assert_eq!(cluster.owners().len(), 1);
        one.graph.end().await;
        cluster.until_completed(&jobs).await;
        cluster.each_ran_once(&jobs);
    });
}

/// A restart with work for thousands of switches leaves the store room for checkouts.
#[test]
fn only_so_many_switches_are_looked_at_at_once() {
    paused(async {
        let cluster = Cluster::new(ms(100));
        let link = Arc::new(StoreLink::to(Arc::clone(&cluster.store)));
        let mut settings = GraphSettings::default();
        settings.supervision.max_looking = 3;
        let (store, hints) = (Arc::clone(&link) as _, Arc::new(cluster.hub.clone()));
        let graph = start_graph(store, hints, &cluster.driver, &cluster.receiver, settings);
        let one = Instance { link, handle: graph.provisioning(), graph };
        cluster.until("one", |_| one.graph.living() == 1).await;
        one.link.hold_claims();
        cluster.order(&one, SWITCHES, 0).await;
        // As long as several sweeps take.
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(one.link.claims_begun(), 3);
    });
}

#[test]
fn one_whose_tenure_lapsed_sends_nothing_more_and_its_job_is_not_charged() {
    paused(async {
        // Opening, reading and writing take 4 s each: the tenure of 9 s is over before the lines leave.
        let cluster = Cluster::new(ms(4_000));
        let one = cluster.start();
        cluster.until("one", |_| one.graph.living() == 1).await;
        let jobs = cluster.order(&one, 1, 0).await;
        one.link.mute(true);
        cluster.until("about to write", |cluster| cluster.driver.calls().contains(&"sw0 apply".into())).await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(cluster.driver.calls(), ["sw0 open", "sw0 read", "sw0 apply", "sw0 close"]);
        assert_ne!(cluster.driver.running(&port_of(&numbered(0), 0)), live());
        let (switch, job) = &jobs[0];
        let queued = job_in(&cluster.store, switch, *job).state;
        assert!(matches!(queued, JobState::Queued { failed_attempts: 0, spent_millis: 0, .. }), "{queued:?}");
        one.link.mute(false);
        cluster.until_completed(&jobs).await;
        assert_eq!(cluster.attempts(switch, *job), Some(1));
        assert_eq!(cluster.driver.running(&port_of(&numbered(0), 0)), live());
    });
}

#[test]
fn one_that_must_leave_and_can_not_give_its_switch_back_asks_only_now_and_then() {
    paused(async {
        let cluster = Cluster::new(ms(100));
        let one = cluster.start();
        cluster.until("one", |_| one.graph.living() == 1).await;
        let jobs = cluster.order(&one, 1, 0).await;
        cluster.until_completed(&jobs).await;
        one.link.cut(true);
        tokio::time::sleep(Duration::from_secs(60)).await;
        // A beat a second, two sweeps every ten, and a lease that is given back every half second.
        assert!(one.link.refused() < 300, "{}", one.link.refused());
        one.link.cut(false);
        cluster.until("given back", |cluster| cluster.owners().is_empty()).await;
    });
}

#[test]
fn a_release_reaches_whoever_has_the_switch_with_a_hint_or_without() {
    for lossy in [false, true] {
        paused(async move {
            let cluster = Cluster::new(ms(100));
            let (one, two) = (cluster.start(), cluster.start());
            cluster.until("two", |_| one.graph.living() == 2 && two.graph.living() == 2).await;
            (0..SWITCHES).for_each(|number| {
                let refused = ScriptedFault::Open(FailureClass::HostKeyChanged);
                cluster.driver.order(&numbered(number), refused);
            });
            let jobs = cluster.order(&one, SWITCHES, 0).await;
            let quarantined = |cluster: &Cluster, number: u32| {
                let status = cluster.store.record(&Key::SwitchStatus(numbered(number)));
                matches!(status, Some(Record::SwitchStatus(status)) if status.quarantined.is_some())
            };
            cluster.until("all quarantined", |c| (0..SWITCHES).all(|number| quarantined(c, number))).await;
            if lossy {
                cluster.hub.lose_all();
            }
            for number in 0..SWITCHES {
                two.graph.operator().release(&numbered(number)).await.expect("on record");
            }
            let began = Instant::now();
            cluster.until_completed(&jobs).await;
            let limit = if lossy { 12 } else { 3 };
            assert!(began.elapsed() < Duration::from_secs(limit), "{:?}", began.elapsed());
        });
    }
}

#[test]
fn leases_whose_claimant_never_heard_of_them_stand_in_nobodys_way() {
    paused(async {
        let cluster = Cluster::new(ms(100));
        let one = cluster.start();
        // It beats every second. Between two beats another joins, and then the answers to its claims get lost.
        tokio::time::sleep(ms(5_100)).await;
        let two = cluster.start();
        tokio::time::sleep(ms(600)).await;
        assert_eq!((one.graph.living(), two.graph.living()), (1, 2));
        one.link.lose_next_claims(SWITCHES as usize);
        let jobs = cluster.order(&one, SWITCHES, 0).await;
        // It asks again after half a second: by then it knows whose half of them are.
        tokio::time::sleep(ms(100)).await;
        assert_eq!(cluster.owners().len(), 1);
        cluster.until_completed(&jobs).await;
        cluster.until("given back", |cluster| cluster.owners().is_empty()).await;
        assert_eq!(cluster.driver.most_open(), 1);
    });
}

#[test]
fn a_check_is_the_owners_whoever_was_asked_for_it() {
    paused(async {
        let cluster = Cluster::new(ms(100));
        let (one, _two) = cluster.two().await;
        let jobs = cluster.order(&one, SWITCHES, 1).await;
        cluster.until_completed(&jobs).await;
        cluster.until("all given back", |cluster| cluster.owners().is_empty()).await;
        let ports: Vec<_> = (0..SWITCHES).map(|number| port_of(&numbered(number), 1)).collect();
        ports.iter().for_each(|at| cluster.driver.change_by_hand(at, |config| config.enabled = false));
        for number in 0..SWITCHES {
            let asked = one.graph.operator().check(&numbered(number), Consent::WithinLimits).await;
            asked.expect("asked for");
        }
        cluster.until_spread_over(2).await;
        let is_live = |cluster: &Cluster, at| cluster.driver.startup(at) == live();
        cluster.until("all repaired", |cluster| ports.iter().all(|at| is_live(cluster, at))).await;
        assert_eq!(cluster.driver.most_open(), 1);
    });
}
