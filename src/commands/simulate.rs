//! `simulate`: which device each switch of a fleet plays, and the inventory that drives them.

use crate::cli::{Play, SimulateArgs};
use crate::simulator::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use anyhow::Context as _;
use std::fmt::Write as _;
use std::time::Duration;

/// `simulate`: switches until Ctrl-C.
///
/// # Errors
/// When they can't be started.
pub async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    let personality = |n| played_by(args.personality, n);
    let plans = (0..args.switches).map(|n| SwitchPlan {
        ports: args.ports,
        command_latency: Duration::from_millis(args.latency_ms),
        save_latency: Duration::from_millis(args.save_ms),
        ..SwitchPlan::new(format!("sim-{:04}", n + 1), personality(n))
    });
    let addressing = Addressing::LoopbackAddresses { first: args.first, port: args.port };
    let fleet = SimulatedFleet::start(addressing, plans.collect()).await.context("the simulated switches")?;
    if let Some(path) = &args.inventory_out {
        std::fs::write(path, inventory_of(&fleet, args.ports, personality))
            .with_context(|| path.display().to_string())?;
        println!("wrote {}; it expects the password in SIMULATED_PASSWORD", path.display());
    }
    let (first, last) =
        (fleet.switches().first().context("no switch")?, fleet.switches().last().context("no switch")?);
    println!(
        "{} switches, {} to {}; login admin, password admin; Ctrl-C ends",
        args.switches,
        first.address(),
        last.address()
    );
    tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    fleet.stop().await;
    Ok(())
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
