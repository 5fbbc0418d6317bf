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
    if !(0.0..=1.0).contains(&args.temper.faults) {
        bail!("--faults is a share of the sessions, from 0 to 1");
    }
    let mut stop = StopSignal::listen().context("listening for SIGTERM and SIGINT")?;
    let plans = (0..args.switches).map(|n| plan(&args, n));
    let addressing = Addressing::LoopbackAddresses { first: args.first, port: args.port };
    let fleet = SimulatedFleet::start(addressing, plans.collect()).await.context("the simulated switches")?;
    if let Some(path) = &args.inventory_out {
        let personality = |n| played_by(args.personality, n);
        std::fs::write(path, inventory_of(&fleet, args.ports, personality))
            .with_context(|| path.display().to_string())?;
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
        command_latency: Duration::from_millis(args.temper.latency_ms),
        latency_spread: Duration::from_millis(args.temper.spread_ms),
        save_latency: Duration::from_millis(args.temper.save_ms),
        dropped_sessions: args.temper.faults,
        // Nobody here asks them what they heard.
        remembered: 0,
        keeps_times: args.report.is_some(),
        ..SwitchPlan::new(switch_name(n), played_by(args.personality, n))
    }
}

/// What the switch of this number is called, from 0.
#[must_use]
pub fn switch_name(n: usize) -> String {
    format!("sim-{:04}", n + 1)
}

/// What the fleet's switch of this number plays.
fn played_by(play: Play, number: usize) -> Personality {
    match play {
        Play::Ios => Personality::Ios,
        Play::Eos => Personality::Eos,
        Play::Junos => Personality::Junos,
        Play::Aoscx => Personality::Aoscx,
        Play::Edgeswitch => Personality::EdgeSwitch,
        Play::Aoss => Personality::AosS,
        Play::Routeros => Personality::RouterOs,
        Play::Mixed if number.is_multiple_of(2) => Personality::Ios,
        Play::Mixed => Personality::Eos,
        Play::All => Personality::ALL[number % Personality::ALL.len()],
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
fn inventory_of(fleet: &SimulatedFleet, ports: u16, personality: impl Fn(usize) -> Personality) -> String {
    let mut text = String::new();
    for (n, switch) in fleet.switches().iter().enumerate() {
        let platform = personality(n).platform();
        let address = switch.address();
        let _ = write!(
            text,
            "[[switch]]\nname = \"{name}\"\nhost = \"{}\"\nssh_port = {}\nplatform = \"{platform}\"\nusername = \"admin\"\n\
             password = \"env:SIMULATED_PASSWORD\"\nhost_key = \"{}\"\nhost_name = \"{name}\"\ncaptive_portal_vlan = 999\n",
            address.ip(),
            address.port(),
            switch.host_key(),
            name = switch.name(),
        );
        text.push_str("[switch.ports]\n");
        for port in 0..ports {
            let hash = n * usize::from(ports) + usize::from(port);
            let name = personality(n).port_name(port + 1);
            let _ = writeln!(text, "\"{name}\" = \"{hash:010x}\"");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{SecretSource, Surroundings, parse};
    use crate::ssh::Platforms;
    use clap::ValueEnum as _;
    use std::net::Ipv4Addr;
    use switchyard_actors::domain::inventory::SecretRef;

    /// Whoever runs it sets the variable that the inventory names.
    struct Given;

    impl SecretSource for Given {
        fn resolve(&self, reference: &SecretRef) -> Result<String, String> {
            assert_eq!(*reference, SecretRef::Env("SIMULATED_PASSWORD".into()));
            Ok("admin".into())
        }
    }

    #[test]
    fn every_personality_can_be_asked_for_by_itself_and_a_fleet_of_all_has_each() {
        for personality in Personality::ALL {
            let is_alone = |play: &&Play| (0..2).all(|number| played_by(**play, number) == personality);
            assert!(Play::value_variants().iter().any(|play| is_alone(&play)), "{personality:?}");
        }
        let fleet: Vec<_> = (0..Personality::ALL.len()).map(|number| played_by(Play::All, number)).collect();
        assert_eq!(fleet, Personality::ALL);
    }

    #[tokio::test]
    async fn the_inventory_of_a_fleet_of_all_is_one_that_the_service_takes() {
        let plan = |number| SwitchPlan {
            ports: 2,
            ..SwitchPlan::new(format!("sim-{number:04}"), played_by(Play::All, number))
        };
        let plans = (0..Personality::ALL.len()).map(plan).collect();
        let addressing = Addressing::Ports { address: Ipv4Addr::LOCALHOST, first_port: 0 };
        let fleet = SimulatedFleet::start(addressing, plans).await.expect("switches");
        let text = inventory_of(&fleet, 2, |number| played_by(Play::All, number));
        let platforms = Platforms::load(None).expect("the built-in platforms");
        let names: Vec<_> = platforms.names().into_iter().map(str::to_owned).collect();
        let around = Surroundings { platforms: &names, secrets: &Given };
        parse("sim.toml", &text, &around).expect("an inventory");
        fleet.stop().await;
    }
}
