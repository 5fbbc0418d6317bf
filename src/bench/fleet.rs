//! The fleet: `switchyard simulate` as a process of its own, asked how it is, and at its end what it saw.

use super::cores::Cores;
use super::options::Options;
use super::program::Program;
use super::usage::Usage;
use crate::simulator::{Sighting, read_sightings};
use anyhow::Context as _;
use clap::ValueEnum as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A hundred thousand switches are made in some seconds.
const START: Duration = Duration::from_secs(120);
const ANSWER: Duration = Duration::from_secs(60);
/// What stands at the end of the lines with which it says that it listens, and how it is.
const LISTENS: &str = "Ctrl-C ends";
const TELLS: &str = "are not saved";

/// It runs.
#[derive(Debug)]
pub struct Fleet {
    program: Program,
    report: PathBuf,
    /// The `[[switch]]` tables.
    pub switches: PathBuf,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetState {
    /// Sessions.
    pub open_sessions: usize,
    /// Ports that a reboot would change.
    pub unsaved_ports: usize,
}

impl Fleet {
    /// Starts it, on its own CPU where it has one.
    ///
    /// # Errors
    /// When it can't be started.
    pub async fn start(options: &Options, cores: &Cores, folder: &Path) -> anyhow::Result<Self> {
        let (report, switches) = (folder.join("sightings.jsonl"), folder.join("switches.toml"));
        let mut command = Command::new(std::env::current_exe().context("this binary")?);
        command.args(arguments(options)).arg("--report").arg(&report).arg("--inventory-out").arg(&switches);
        let log = folder.join("simulator.log");
        let program = cores.for_fleet(|| Program::start("the simulator", command, log));
        let mut program = program.context("a CPU for the simulator")??;
        program.hear(LISTENS, START).await?;
        Ok(Self { program, report, switches })
    }

    /// What it has used.
    pub fn usage(&self) -> Usage {
        self.program.usage()
    }

    /// How it is now.
    ///
    /// # Errors
    /// When it doesn't answer.
    pub async fn state(&mut self) -> anyhow::Result<FleetState> {
        self.program.tell("")?;
        let said = self.program.hear(TELLS, ANSWER).await?;
        FleetState::parse(&said).with_context(|| format!("the simulator said {said:?}"))
    }

    /// Ends it; what it saw.
    ///
    /// # Errors
    /// When it doesn't end well, or its report isn't whole.
    pub async fn stop(self) -> anyhow::Result<Vec<Sighting>> {
        self.program.stop().await?;
        let report = File::open(&self.report).context("the simulator's report")?;
        read_sightings(BufReader::new(report)).context("the simulator's report")
    }
}

impl FleetState {
    fn parse(said: &str) -> Option<Self> {
        let mut numbers = said.split_whitespace().filter_map(|word| word.parse().ok());
        Some(Self { open_sessions: numbers.next()?, unsaved_ports: numbers.next()? })
    }
}

fn arguments(options: &Options) -> Vec<String> {
    let device = options.device;
    let personality = device.personality.to_possible_value().expect("none is hidden").get_name().to_owned();
    let with_values = [
        ("--switches", options.switches.to_string()),
        ("--ports", options.jobs.to_string()),
        ("--personality", personality),
        ("--port", "0".to_owned()),
        ("--latency-ms", device.latency_ms.to_string()),
        ("--spread-ms", device.spread_ms.to_string()),
        ("--save-ms", device.save_ms.to_string()),
        ("--faults", device.faults.to_string()),
    ];
    let pairs = with_values.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
    std::iter::once("simulate".to_owned()).chain(pairs).collect()
}

#[cfg(test)]
mod tests {
    use super::super::options::tests::asked;
    use super::*;
    use crate::cli::Cli;
    use clap::Parser as _;

    #[test]
    fn the_simulator_understands_what_it_is_asked_for() {
        let runs = asked(&["--faults", "0.1", "--personality", "eos"]).expect("it makes sense");
        let line = std::iter::once("switchyard".to_owned()).chain(arguments(&runs[0]));
        assert!(Cli::try_parse_from(line).is_ok());
    }

    #[test]
    fn how_it_is_is_read_from_what_it_says() {
        let state = FleetState::parse("12 sessions are open, 3 ports are not saved");
        assert_eq!(state, Some(FleetState { open_sessions: 12, unsaved_ports: 3 }));
        assert_eq!(FleetState::parse("no"), None);
    }
}
