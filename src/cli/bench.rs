//! What can be asked of `bench switches`.

use super::{Play, TemperArgs};
use clap::{Args, Subcommand, ValueEnum};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

const SWITCHES: &str = "\
The fleet is a process of its own (`switchyard simulate`), and so is the service (`switchyard serve`, or PROGRAM); the load is this
process: partners' clients over real HTTP with keep-alive, and a receiver of webhooks that checks signatures. With more than two CPUs
the fleet has one to itself. Nothing is measured in the service: times are those of the clients, the receiver and the switches.

  answer      a checkout's request to its 200 (with open arrival from when it was due)
  queueing    200 to the first line that names the port, without the opening of the session in between
  opening     a switch's accept to the shell
  dialog      the first line that names the port to the answer to the last
  webhook     that answer to provisioning.completed at the receiver
  whole way   200 to provisioning.completed

--service PROGRAM is started as `PROGRAM --listen 127.0.0.1:PORT --inventory FILE --redis URL`, in a process group of its own and with a
Redis that is fresh; it is ready when GET /readyz is 200, and ends on SIGTERM. Switches' passwords are in its environment.

Exit codes: 0 each accepted checkout came to exactly one outcome, 1 not so, 2 wrong usage.

Examples:
  switchyard bench switches
  switchyard bench switches --switches 1000 --jobs 30 --latency-ms 65 --visit-ports 1 --store redis --json run.json
  switchyard bench switches --sweep 1,4,16,64,256 --plot sweep.png";

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum BenchAction {
    /// A load of checkouts over a fleet of simulated switches: how fast, at what cost, and how near to what the devices allow.
    #[command(after_help = SWITCHES)]
    Switches(BenchArgs),
}

/// For `bench switches`.
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// How many switches.
    #[arg(long, default_value_t = 50)]
    pub switches: usize,
    /// Checkouts for each, every one with a port of its own.
    #[arg(long, default_value_t = 4)]
    pub jobs: u16,
    /// How its switches answer.
    #[command(flatten)]
    pub temper: TemperArgs,
    /// Which vendor.
    #[arg(long, value_enum, default_value = "mixed")]
    pub personality: Play,
    /// How checkouts come: `closed:N` (N clients, each waits for its answer), `live:N` (each waits until its line is live; with as
    /// many as switches, each switch has one job at a time) or `open:RATE` (so many a second, at random).
    #[arg(long, default_value = "closed:64")]
    pub arrival: Arrival,
    /// How long a client of `live:N` waits, once its line is live, before it sends the next, in milliseconds: with --idle-ms 0
    /// and a pause in which the save is done, each job has a session of its own.
    #[arg(long, default_value_t = 0)]
    pub pause_ms: u64,
    /// Which store.
    #[arg(long, value_enum, default_value = "embedded")]
    pub store: BenchStore,
    /// Ports that are configured in one visit, at most; without it as the configuration says.
    #[arg(long)]
    pub visit_ports: Option<usize>,
    /// How long a session stays open with nothing to do, in milliseconds; 0 closes it as soon as nothing waits for its switch.
    #[arg(long)]
    pub idle_ms: Option<u64>,
    /// No checkout is sent after so many seconds.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// A run for each of these numbers of clients, who come as --arrival says.
    #[arg(long, value_delimiter = ',', value_name = "CLIENTS", conflicts_with = "sweep_switches")]
    pub sweep: Vec<usize>,
    /// A run for each of these numbers of switches.
    #[arg(long, value_delimiter = ',', value_name = "SWITCHES")]
    pub sweep_switches: Vec<usize>,
    /// The service's configuration; where it listens, its store, and what a load from one address needs are set over it.
    #[arg(long, value_name = "FILE", conflicts_with = "service")]
    pub config: Option<PathBuf>,
    /// Measure this program instead of our own service.
    #[arg(long, value_name = "PROGRAM")]
    pub service: Option<PathBuf>,
    /// Write all figures to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw latency and throughput over time, or over the sweep, into this file.
    #[arg(long, value_name = "FILE.png")]
    pub plot: Option<PathBuf>,
}

/// Which store the service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BenchStore {
    /// A file.
    Embedded,
    /// A Redis server that is started for it, and syncs before it answers.
    Redis,
}

impl BenchStore {
    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Redis => "redis",
        }
    }
}

/// How checkouts come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// So many clients, each of which waits for its answer before it sends the next.
    Closed {
        /// At once.
        clients: usize,
    },
    /// So many, each of which waits for its line to be live, or for its failure, before it sends the next.
    Live {
        /// At once.
        clients: usize,
    },
    /// Independent of answers.
    Open {
        /// On average.
        per_second: f64,
    },
}

/// Each has a connection.
const MOST_CLIENTS: usize = 20_000;

impl Arrival {
    /// How many clients there are at once; `None` where checkouts don't wait for anything.
    #[must_use]
    pub fn clients(self) -> Option<usize> {
        match self {
            Self::Closed { clients } | Self::Live { clients } => Some(clients),
            Self::Open { .. } => None,
        }
    }

    /// The same with as many.
    #[must_use]
    pub fn with_clients(self, clients: usize) -> Self {
        match self {
            Self::Live { .. } => Self::Live { clients },
            Self::Closed { .. } | Self::Open { .. } => Self::Closed { clients },
        }
    }
}

impl FromStr for Arrival {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let arrival = match text.split_once(':') {
            Some(("closed", clients)) => clients.parse().ok().map(|clients| Self::Closed { clients }),
            Some(("live", clients)) => clients.parse().ok().map(|clients| Self::Live { clients }),
            Some(("open", rate)) => rate.parse().ok().map(|per_second| Self::Open { per_second }),
            _ => None,
        };
        let makes_sense = |arrival: &Self| match arrival {
            Self::Closed { clients } | Self::Live { clients } => (1..=MOST_CLIENTS).contains(clients),
            Self::Open { per_second } => (0.01..=1_000_000.0).contains(per_second),
        };
        arrival.filter(makes_sense).ok_or_else(|| {
            format!(
                "closed:N or live:N with 1 to {MOST_CLIENTS} clients, or open:RATE with 0.01 to 1000000 a second"
            )
        })
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed { clients } => write!(f, "closed:{clients}"),
            Self::Live { clients } => write!(f, "live:{clients}"),
            Self::Open { per_second } => write!(f, "open:{per_second}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_is_read_as_it_is_shown() {
        for text in ["closed:1", "closed:64", "live:8", "open:0.5", "open:2000"] {
            assert_eq!(text.parse::<Arrival>().map(|arrival| arrival.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_arrival_is_told_what_is() {
        for text in
            ["", "64", "closed:0", "live:0", "closed:-1", "open:0", "open:NaN", "open:", "half-open:3"]
        {
            let told = text.parse::<Arrival>().expect_err(text);
            assert!(told.starts_with("closed:N"), "{text}: {told}");
        }
    }
}
