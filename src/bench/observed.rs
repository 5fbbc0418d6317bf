//! What clients, receiver, switches and the kernel saw of a run, and the figures that it comes to.

use super::figures::{Counts, Cpu, Figures, Interval, Latency, Makespan, Memory, Rates, Settings, StoreUse};
use super::inbox::{Outcome, Told};
use super::load::{Accepted, Sent};
use super::network::Network;
use super::options::Options;
use super::phases::{Phases, Stamps};
use super::seen::{Nanos, Seen};
use super::service::Known;
use super::spread::{Spread, millis};
use super::used::Used;
use super::verdict::Fault;
use crate::cli::BenchStore;
use crate::machine::monotonic_nanos;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What was observed of a whole run.
pub struct Observed<'o> {
    pub options: &'o Options,
    pub network: &'o Network,
    pub began: Instant,
    pub sent: Sent,
    pub told: &'o [Told],
    pub seen: Seen,
    pub used: Used,
    pub known: Known,
    pub open_sessions: usize,
    pub cpus: usize,
    pub faults: Vec<Fault>,
}

/// One job that came to a live line.
struct Live {
    phases: Phases,
    completed: Nanos,
}

/// Fewer say more about the allocator than about switches.
const ENOUGH_TO_TELL: usize = 100;
const MOST_INTERVALS: u32 = 40;

impl Observed<'_> {
    /// What it comes to.
    pub fn figures(&self) -> Figures {
        let live = self.live();
        Figures {
            settings: self.settings(),
            counts: self.counts(),
            rates: self.rates(live.len()),
            latency: self.latency(&live),
            makespan: self.makespan(),
            cpu: self.cpu(),
            memory: self.memory(),
            store: self.store(),
            over_time: self.over_time(&live),
            faults: self.faults.iter().map(ToString::to_string).collect(),
        }
    }

    fn settings(&self) -> Settings {
        let options = self.options;
        Settings {
            service: options.service_name(),
            store: options.store.name(),
            switches: options.switches,
            jobs_per_switch: options.jobs,
            latency_ms: options.device.latency_ms,
            spread_ms: options.device.spread_ms,
            save_ms: options.device.save_ms,
            faults_share: options.device.faults,
            arrival: options.arrival.to_string(),
            clients: options.arrival.clients(),
            pause_ms: u64::try_from(options.pause.as_millis()).unwrap_or(u64::MAX),
            visit_ports: options.visit_ports,
            idle_ms: options.idle_ms,
        }
    }

    fn live(&self) -> Vec<Live> {
        let mut completed = HashMap::new();
        for told in self.told.iter().filter(|told| told.outcome == Outcome::Completed) {
            completed.entry(told.order).or_insert(told.arrived);
        }
        let live = self.sent.accepted.iter().filter_map(|accepted| {
            let completed = monotonic_nanos(*completed.get(&Some(accepted.order))?);
            let (switch, port) = self.network.place(accepted.order);
            let phases = Phases::of(&Stamps {
                answered: monotonic_nanos(accepted.answered),
                completed,
                lines: self.seen.port((switch, port)).map_or(&[], |port| &port.lines),
                openings: &self.seen.switches[switch].openings,
            });
            Some(Live { phases, completed })
        });
        live.collect()
    }

    fn counts(&self) -> Counts {
        let outcomes = self.outcomes();
        let count = |wanted| outcomes.values().filter(|outcome| **outcome == wanted).count();
        let (completed, sessions) = (count(Outcome::Completed), self.seen.openings().count());
        Counts {
            checkouts: self.sent.checkouts,
            accepted: self.sent.accepted.len(),
            completed,
            failed: count(Outcome::Failed),
            retries: self.sent.retries,
            sessions_opened: sessions,
            connections_without_a_session: self.seen.switches.iter().map(|switch| switch.unopened).sum(),
            jobs_per_session: per(completed as f64, sessions as f64).unwrap_or_default(),
            saves: self.seen.saves.len(),
            unsaved_ports: self.seen.unsaved_ports(),
        }
    }

    fn rates(&self, live: usize) -> Rates {
        let answered = self.sent.accepted.iter().map(|accepted| accepted.answered).max();
        let answering = answered.map_or(Duration::ZERO, |last| last.saturating_duration_since(self.began));
        let rate = |count: usize, over: Duration| per(count as f64, over.as_secs_f64()).unwrap_or_default();
        Rates {
            accepted_per_s: rate(self.sent.accepted.len(), answering),
            live_ports_per_s: rate(live, self.until_all_told()),
        }
    }

    /// From the first checkout to the last outcome.
    fn until_all_told(&self) -> Duration {
        let last = self.told.iter().map(|told| told.arrived).max();
        last.map_or(Duration::ZERO, |last| last.saturating_duration_since(self.began))
    }

    fn latency(&self, live: &[Live]) -> Latency {
        let at_the_switch = || live.iter().filter_map(|live| live.phases.at_the_switch);
        Latency {
            answer: Spread::of(self.sent.accepted.iter().map(Accepted::answer)),
            queueing: Spread::of(at_the_switch().map(|phases| phases.queueing)),
            session_open: Spread::of(self.seen.openings()),
            dialog: Spread::of(at_the_switch().map(|phases| phases.dialog)),
            save: Spread::of(self.seen.saves.iter().copied()),
            webhook: Spread::of(at_the_switch().map(|phases| phases.webhook)),
            whole_way: Spread::of(live.iter().map(|live| live.phases.whole_way)),
        }
    }

    fn makespan(&self) -> Makespan {
        let (makespan, ideal) = (millis(self.until_all_told()), millis(self.seen.ideal()));
        Makespan { makespan_ms: makespan, ideal_ms: ideal, ratio: per(makespan, ideal) }
    }

    /// By checkout: an event may be delivered more than once.
    fn outcomes(&self) -> HashMap<Option<usize>, Outcome> {
        self.told.iter().map(|told| (told.order, told.outcome)).collect()
    }

    /// Whatever they came to.
    fn jobs(&self) -> f64 {
        self.outcomes().len() as f64
    }

    fn cpu(&self) -> Cpu {
        let service_ms = millis(self.used.service.cpu);
        Cpu {
            window_ms: millis(self.used.window),
            cpus: self.cpus,
            service_ms_per_job: per(service_ms, self.jobs()).unwrap_or_default(),
            service_ms,
            redis_ms: millis(self.used.redis.cpu),
            load_ms: millis(self.used.load.cpu),
            simulator_ms: millis(self.used.simulator.cpu),
        }
    }

    fn memory(&self) -> Memory {
        let (known, end) = (self.known, self.used.service.resident_bytes);
        let growth = |from: u64, to: u64| to.saturating_sub(from) as f64;
        let others = self.options.switches - 1;
        let per_session = per(growth(known.all_bytes, end), self.open_sessions as f64);
        let per_switch = per(growth(known.one_bytes, known.all_bytes), others as f64);
        Memory {
            one_switch_bytes: known.one_bytes,
            all_switches_bytes: known.all_bytes,
            per_known_switch_bytes: per_switch.filter(|_| others >= ENOUGH_TO_TELL),
            highest_bytes: self.used.highest_bytes,
            end_bytes: end,
            open_sessions_at_end: self.open_sessions,
            per_open_session_bytes: per_session.filter(|_| self.open_sessions >= ENOUGH_TO_TELL),
        }
    }

    fn store(&self) -> StoreUse {
        let commands = per(self.used.store.redis_commands as f64, self.jobs());
        StoreUse {
            redis_commands_per_job: commands.filter(|_| self.options.store == BenchStore::Redis),
            bytes_per_job: per(self.used.store.bytes as f64, self.jobs()).unwrap_or_default(),
        }
    }

    fn over_time(&self, live: &[Live]) -> Vec<Interval> {
        let began = monotonic_nanos(self.began);
        let lasting = Interval::lasting(self.until_all_told());
        let interval = |at: Nanos| at.saturating_sub(began) / nanos(lasting);
        let last = interval(began + nanos(self.until_all_told()));
        let intervals = (0..=last).map(|number| {
            let answered = || {
                let accepted = self.sent.accepted.iter();
                accepted.filter(move |accepted| interval(monotonic_nanos(accepted.answered)) == number)
            };
            let completed = || live.iter().filter(move |live| interval(live.completed) == number);
            let seconds = lasting.as_secs_f64();
            Interval {
                from_s: number as f64 * seconds,
                lasting_s: seconds,
                accepted_per_s: answered().count() as f64 / seconds,
                live_ports_per_s: completed().count() as f64 / seconds,
                answer: Spread::of(answered().map(Accepted::answer)),
                whole_way: Spread::of(completed().map(|live| live.phases.whole_way)),
            }
        });
        intervals.collect()
    }
}

impl Interval {
    /// So long that a run has enough of them for a curve, and each enough in it for a percentile.
    fn lasting(whole: Duration) -> Duration {
        let steps = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000].map(Duration::from_millis);
        steps.into_iter().find(|step| *step * MOST_INTERVALS >= whole).unwrap_or(Duration::from_secs(60))
    }
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

fn per(amount: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| amount / of)
}

#[cfg(test)]
pub mod tests {
    use super::super::options::tests::asked;
    use super::super::seen::SeenPort;
    use super::*;

    /// Of a run whose first checkout is live after 95 ms, and its second after 2.15 s.
    pub fn figures(arguments: &[&str]) -> Figures {
        let options = &asked(arguments).expect("it makes sense")[0];
        let (network, began) = (Network::of(options), Instant::now());
        let after = |millis| began + Duration::from_millis(millis);
        let accepted = |order: usize| Accepted {
            order,
            job: format!("job-{order}"),
            due: after(10),
            answered: after(20),
        };
        let told = |order: usize, millis| Told {
            order: Some(order),
            job: format!("job-{order}"),
            event: format!("event-{order}"),
            outcome: Outcome::Completed,
            arrived: after(millis),
            is_signed: true,
        };
        let mut seen = Seen::of(Vec::new(), options.switches);
        for (order, last) in [(0, 80), (1, 2_080)] {
            let (switch, port) = network.place(order);
            let lines = vec![(monotonic_nanos(after(40)), monotonic_nanos(after(last)))];
            seen.switches[switch].ports.insert(port, SeenPort { lines, vlan: Some(142), is_saved: true });
            seen.switches[switch].openings.push((monotonic_nanos(after(25)), monotonic_nanos(after(30))));
            seen.switches[switch].busy = Duration::from_millis(1_075);
        }
        let service = super::super::usage::Usage { cpu: Duration::from_millis(8), resident_bytes: 5_000 };
        Observed {
            options,
            network: &network,
            began,
            sent: Sent { checkouts: 2, accepted: vec![accepted(0), accepted(1)], ..Sent::default() },
            told: &[told(0, 95), told(1, 2_150)],
            seen,
            used: Used { service, highest_bytes: 6_000, ..Used::default() },
            known: Known { one_bytes: 1_000, all_bytes: 2_000 },
            open_sessions: 2,
            cpus: 2,
            faults: Vec::new(),
        }
        .figures()
    }

    fn is_about(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= expected * 0.01
    }

    #[test]
    fn each_phase_is_that_of_its_observers() {
        let latency = figures(&["--switches", "2"]).latency;
        let medians = [
            (latency.answer, 10.0),
            (latency.queueing, 15.0),
            (latency.session_open, 5.0),
            (latency.dialog, 40.0),
            (latency.webhook, 15.0),
            (latency.whole_way, 75.0),
        ];
        for (place, (spread, expected)) in medians.into_iter().enumerate() {
            assert!(spread.count == 2 && is_about(spread.p50_ms, expected), "{place}: {spread:?}");
        }
    }

    #[test]
    fn rates_makespan_and_costs_are_of_the_whole_run() {
        let figures = figures(&["--switches", "2"]);
        assert!(
            is_about(figures.rates.accepted_per_s, 100.0) && is_about(figures.makespan.makespan_ms, 2_150.0)
        );
        assert!(figures.makespan.ratio.is_some_and(|ratio| is_about(ratio, 2.0)), "{:?}", figures.makespan);
        assert!(
            is_about(figures.cpu.service_ms_per_job, 4.0) && is_about(figures.counts.jobs_per_session, 1.0)
        );
        assert_eq!(figures.memory.per_open_session_bytes, None, "two sessions tell nothing");
        assert_eq!(figures.memory.per_known_switch_bytes, None, "nor do two switches");
    }

    #[test]
    fn each_interval_counts_what_fell_into_it() {
        let intervals = figures(&["--switches", "2"]).over_time;
        let (first, last) = (&intervals[0], &intervals[intervals.len() - 1]);
        assert!(is_about(first.lasting_s, 0.1) && is_about(last.from_s, 2.1), "{first:?} to {last:?}");
        let rates = [first.accepted_per_s, last.accepted_per_s, last.live_ports_per_s];
        assert_eq!(rates.map(f64::round), [20.0, 0.0, 10.0]);
        let live: f64 = intervals.iter().map(|interval| interval.live_ports_per_s * interval.lasting_s).sum();
        assert!(is_about(live, 2.0), "{live}");
    }

    #[test]
    fn a_longer_run_has_longer_intervals() {
        let lasting = |seconds| Interval::lasting(Duration::from_secs(seconds)).as_millis();
        assert_eq!([1, 4, 60, 100_000].map(lasting), [100, 100, 2_000, 60_000]);
    }
}
