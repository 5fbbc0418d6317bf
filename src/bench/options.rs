//! What one run is: the command line's answer for each point of a sweep, checked.

use crate::cli::{Arrival, BenchArgs, BenchStore, Play};
use std::path::PathBuf;
use std::time::Duration;

/// A switch with more would be a chassis.
const MOST_JOBS: u16 = 1_000;
/// What the loopback network has addresses for, by far.
const MOST_SWITCHES: usize = 200_000;

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many switches.
    pub switches: usize,
    /// Checkouts for each; so many ports has each.
    pub jobs: u16,
    /// What switches are like.
    pub device: Device,
    /// How checkouts come.
    pub arrival: Arrival,
    /// Of a client whose line is live.
    pub pause: Duration,
    /// Where the service keeps its state.
    pub store: BenchStore,
    /// What of the service's configuration was asked for.
    pub visit_ports: Option<usize>,
    /// The same.
    pub idle_ms: Option<u64>,
    /// No checkout is sent later.
    pub limit: Option<Duration>,
    /// The service's configuration.
    pub config: Option<PathBuf>,
    /// Another service than ours.
    pub service: Option<PathBuf>,
}

/// What switches are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Device {
    /// A command takes so long,
    pub latency_ms: u64,
    /// and so much more or less.
    pub spread_ms: u64,
    /// A save takes so long.
    pub save_ms: u64,
    /// The share of sessions that are cut.
    pub faults: f64,
    /// The vendor.
    pub personality: Play,
}

impl Options {
    /// The runs that the command line asks for, in their order.
    ///
    /// # Errors
    /// A sentence on what makes no sense.
    pub fn of(args: &BenchArgs) -> Result<Vec<Self>, String> {
        let one = Self::first(args);
        let runs: Vec<_> = if !args.sweep.is_empty() {
            let arrivals = args.sweep.iter().map(|clients| args.arrival.with_clients(*clients));
            arrivals.map(|arrival| Self { arrival, ..one.clone() }).collect()
        } else if !args.sweep_switches.is_empty() {
            args.sweep_switches.iter().map(|switches| Self { switches: *switches, ..one.clone() }).collect()
        } else {
            vec![one]
        };
        runs.iter().try_for_each(Self::check)?;
        Ok(runs)
    }

    fn first(args: &BenchArgs) -> Self {
        Self {
            switches: args.switches,
            jobs: args.jobs,
            device: Device {
                latency_ms: args.temper.latency_ms,
                spread_ms: args.temper.spread_ms,
                save_ms: args.temper.save_ms,
                faults: args.temper.faults,
                personality: args.personality,
            },
            arrival: args.arrival,
            pause: Duration::from_millis(args.pause_ms),
            store: if args.service.is_some() { BenchStore::Redis } else { args.store },
            visit_ports: args.visit_ports,
            idle_ms: args.idle_ms,
            limit: args.seconds.map(Duration::from_secs),
            config: args.config.clone(),
            service: args.service.clone(),
        }
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=MOST_SWITCHES).contains(&self.switches) {
            return Err(format!("{} switches: 1 to {MOST_SWITCHES} can be simulated", self.switches));
        }
        if !(1..=MOST_JOBS).contains(&self.jobs) {
            return Err(format!("--jobs must be 1 to {MOST_JOBS}, since each takes a port of the switch"));
        }
        if self.arrival.to_string().parse::<Arrival>().is_err() {
            return Err(format!("--sweep: there is no arrival {}", self.arrival));
        }
        if !(0.0..=1.0).contains(&self.device.faults) {
            return Err("--faults is a share of the sessions, from 0 to 1".into());
        }
        Ok(())
    }

    /// How many checkouts.
    pub fn checkouts(&self) -> usize {
        self.switches * usize::from(self.jobs)
    }

    /// What is measured.
    pub fn service_name(&self) -> String {
        match &self.service {
            Some(program) => program.display().to_string(),
            None => "switchyard".to_owned(),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::cli::{Cli, Command, bench::BenchAction};
    use clap::Parser as _;

    pub fn asked(arguments: &[&str]) -> Result<Vec<Options>, String> {
        let line = ["switchyard", "bench", "switches"].iter().chain(arguments);
        let cli = Cli::try_parse_from(line).map_err(|error| error.to_string())?;
        let Command::Bench { action: BenchAction::Switches(args) } = cli.command else {
            panic!("it asks for a bench")
        };
        Options::of(&args)
    }

    #[test]
    fn a_sweep_is_a_run_for_each_of_its_points() {
        let clients = asked(&["--sweep", "1,8,64"]).expect("it makes sense");
        let arrivals: Vec<_> = clients.iter().map(|run| run.arrival.to_string()).collect();
        assert_eq!(arrivals, ["closed:1", "closed:8", "closed:64"]);
        let live = asked(&["--sweep", "2", "--arrival", "live:1"]).expect("it makes sense");
        assert_eq!(live[0].arrival.to_string(), "live:2");
        let switches = asked(&["--sweep-switches", "10,100"]).expect("it makes sense");
        assert_eq!(switches.iter().map(|run| run.switches).collect::<Vec<_>>(), [10, 100]);
    }

    #[test]
    fn another_service_is_given_a_redis() {
        let runs = asked(&["--service", "/bin/other"]).expect("it makes sense");
        assert_eq!(runs[0].store, BenchStore::Redis);
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        for (arguments, why) in [
            (["--faults", "1.5"], "--faults"),
            (["--jobs", "0"], "--jobs"),
            (["--switches", "0"], "1 to"),
            (["--sweep", "8,0"], "--sweep"),
            (["--arrival", "often"], "closed:N"),
        ] {
            let said = asked(&arguments).expect_err("it makes no sense");
            assert!(said.contains(why), "{said}");
        }
    }
}
