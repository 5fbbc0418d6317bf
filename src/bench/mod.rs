//! `bench switches`: a load of checkouts over a fleet of simulated switches, for whoever sizes a deployment.
//!
//! ```text
//!   this process: clients ──HTTP──▶ the service ──SSH──▶ the fleet: `simulate`
//!                 receiver ◀─webhook─ a process,          a process, on a CPU of its
//!                                     with its store      own where there is one
//! ```
//!
//! It measures from outside: what clients, receiver and switches see, on the one clock that all processes of a machine
//! share. It must never ask the service how long something took, and no figure is given of a run whose checkouts did not
//! each come to exactly one outcome without saying so.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it answers on the terminal

mod arrival;
mod chart;
mod cores;
mod figures;
mod fleet;
mod inbox;
mod load;
mod network;
mod observed;
mod options;
mod phases;
mod plot;
mod program;
mod progress;
mod run;
mod seen;
mod service;
mod spread;
mod store;
mod table;
mod usage;
mod used;
mod verdict;

use crate::cli::BenchArgs;
use crate::signals::StopSignal;
use anyhow::{Context as _, bail};
use chart::Chart;
use cores::Cores;
use figures::Figures;
use options::Options;
use progress::Progress;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use std::process::ExitCode;
use table::Table;

const WRONG_USAGE: u8 = 2;

/// What `--json` writes.
#[derive(Debug, Serialize)]
struct Measured {
    /// How many there are, and whose they were.
    cpus: String,
    runs: Vec<Figures>,
}

/// Runs what the command line asks for, and says what was seen.
///
/// # Errors
/// When a part can't be started, or ends by itself. What did not hold is in the figures, and in the exit code.
pub async fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let runs = match Options::of(args) {
        Ok(runs) => runs,
        Err(why) => {
            eprintln!("switchyard bench: {why}");
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    // By default an interrupt would end this process alone, and leave the others behind.
    let mut stop = StopSignal::listen().context("listening for SIGTERM and SIGINT")?;
    tokio::select! {
        measured = measure(&runs) => report(args, &measured?),
        () = stop.asked() => bail!("interrupted"),
    }
}

async fn measure(runs: &[Options]) -> anyhow::Result<Measured> {
    take_all_descriptors().context("the limit of open files")?;
    let cores = Cores::share_out().context("the CPUs")?;
    println!("{cores}");
    let mut measured = Measured { cpus: cores.to_string(), runs: Vec::new() };
    for options in runs {
        let progress = Progress::of(options);
        let ran = run::run(options, &cores, &progress).await?;
        drop(progress);
        println!("\n{}", Table(&ran));
        measured.runs.push(ran);
    }
    Ok(measured)
}

fn report(args: &BenchArgs, measured: &Measured) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(measured)?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    if let Some(file) = &args.plot {
        plot::write(&Chart::of(&measured.runs), file)?;
    }
    let held = measured.runs.iter().all(|run| run.faults.is_empty());
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Each session is one here and one there; processes that are started have the same limit.
fn take_all_descriptors() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
