//! `simulate`: a fleet of switches for whatever speaks SSH to them, in a process of its own.

use crate::cli::{Play, SimulateArgs};
use crate::machine;
use crate::signals::StopSignal;
use crate::simulator::{
    Addressing, Personality, SimulatedFleet, SimulatedSwitch, SwitchPlan, write_sightings,
};
use anyhow::{Context as _, bail};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// `simulate`: switches until Ctrl-C or SIGTERM.
///
/// # Errors
/// When they can't be started, or the report can't be written.
pub async fn simulate(args: SimulateArgs) -> anyhow::Result<()> {
    if !(0.0..=1.0).contains(&args.faults) {
        bail!("--faults is a share of the sessions, from 0 to 1");
    }
    let mut stop = StopSignal::listen().context("listening for SIGTERM and SIGINT")?;
    let plans = (0..args.switches).map(|n| plan(&args, n));
    let addressing = Addressing::LoopbackAddresses { first: args.first, port: args.port };
    let fleet = SimulatedFleet::start(addressing, plans.collect()).await.context("the simulated switches")?;
    if let Some(path) = &args.inventory_out {
        std::fs::write(path, inventory_of(&fleet, &args)).with_context(|| path.display().to_string())?;
        println!("wrote {}; it expects the password in SIMULATED_PASSWORD", path.display());
    }
    let (first, last) =
        (fleet.switches().first().context("no switch")?, fleet.switches().last().context("no switch")?);
    println!(
        "{} switches, {} to {}; login admin, password admin; Enter tells how they are, Ctrl-C ends",
        args.switches,
        first.address(),
        last.address()
    );
    tell_on_enter(fleet.switches().to_vec());
    stop.asked().await;
    if let Some(path) = &args.report {
        write_report(&fleet, path).with_context(|| path.display().to_string())?;
    }
    fleet.stop().await;
    Ok(())
}

fn plan(args: &SimulateArgs, n: usize) -> SwitchPlan {
    SwitchPlan {
        ports: args.ports,
        command_latency: Duration::from_millis(args.latency_ms),
        latency_spread: Duration::from_millis(args.spread_ms),
        save_latency: Duration::from_millis(args.save_ms),
        dropped_sessions: args.faults,
        // Nobody here asks them what they heard.
        remembered: 0,
        keeps_times: args.report.is_some(),
        ..SwitchPlan::new(switch_name(n), personality(args.personality, n))
    }
}

/// What the switch of this number is called, from 0.
#[must_use]
pub fn switch_name(n: usize) -> String {
    format!("sim-{:04}", n + 1)
}

fn personality(play: Play, n: usize) -> Personality {
    match play {
        Play::Ios => Personality::Ios,
        Play::Eos => Personality::Eos,
        Play::Junos => Personality::Junos,
        Play::Aoscx => Personality::Aoscx,
        Play::Mixed if n.is_multiple_of(2) => Personality::Ios,
        Play::Mixed => Personality::Eos,
    }
}

/// For people and for programs that must know when all is saved; a thread, since a terminal is read without a time limit.
fn tell_on_enter(switches: Vec<Arc<SimulatedSwitch>>) {
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            let open: usize = switches.iter().map(|switch| switch.counts().sessions_open).sum();
            let unsaved: usize = switches.iter().map(|switch| switch.unsaved_ports()).sum();
            println!("{open} sessions are open, {unsaved} ports are not saved");
        }
    });
}

fn write_report(fleet: &SimulatedFleet, path: &Path) -> std::io::Result<()> {
    let seen = fleet.switches().iter().flat_map(|switch| switch.sightings(machine::monotonic_nanos));
    write_sightings(&mut BufWriter::new(File::create(path)?), seen)
}

/// The `[[switch]]` tables of a fleet. Every port has a location hash that counts up.
fn inventory_of(fleet: &SimulatedFleet, args: &SimulateArgs) -> String {
    let mut text = String::new();
    for (n, switch) in fleet.switches().iter().enumerate() {
        let personality = personality(args.personality, n);
        let address = switch.address();
        let _ = write!(
            text,
            "[[switch]]\nname = \"{name}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"{}\"\nusername = \"admin\"\n\
             password = \"env:SIMULATED_PASSWORD\"\nhost_key = \"{}\"\nhost_name = \"{name}\"\ncaptive_portal_vlan = 999\n",
            address.ip(),
            address.port(),
            personality.platform(),
            switch.host_key(),
            name = switch.name(),
        );
        text.push_str("[switch.ports]\n");
        for port in 0..args.ports {
            let hash = n * usize::from(args.ports) + usize::from(port);
            let _ = writeln!(text, "\"{}\" = \"{hash:010x}\"", personality.port_name(port + 1));
        }
        text.push('\n');
    }
    text
}
