//! How large a run is: what the command line says, completed and checked.

use crate::cli::{TortureArgs, TorturedStore};
use std::path::PathBuf;
use std::time::Duration;

/// Where everything is kept.
pub type Engine = TorturedStore;

/// A switch with more would be a chassis, and its memory is one list.
const MOST_PORTS: usize = 400;
/// Fewer would make most checkouts wait for one another.
const FEWEST_SWITCHES: usize = 24;
/// Beside the ports that completed checkouts take: those that burn with a lost answer, and those under way.
const SPARE_PORTS: usize = 200;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// What the plan and the clients are drawn from.
    pub seed: u64,
    /// How long faults strike.
    pub minutes: f64,
    /// On which store.
    pub store: Engine,
    /// How many processes.
    pub instances: usize,
    /// Checkouts a second.
    pub rate: f64,
    /// How many switches; `None`: as many as the ports need.
    pub wanted_switches: Option<usize>,
    /// Where the report goes as JSON.
    pub json: Option<PathBuf>,
    /// Where logs and history stay.
    pub keep: Option<PathBuf>,
}

impl Options {
    /// What the command line asks for.
    ///
    /// # Errors
    /// A sentence on what makes no sense.
    pub fn of(args: &TortureArgs) -> Result<Self, String> {
        let instances = args.instances.unwrap_or(args.store.usual_instances());
        let options = Self {
            seed: args.seed,
            minutes: args.minutes,
            store: args.store,
            instances,
            rate: args.rate,
            wanted_switches: args.switches,
            json: args.json.clone(),
            keep: args.keep.clone(),
        };
        options.check().map(|()| options)
    }

    fn check(&self) -> Result<(), String> {
        let is_within = |value: f64, most: f64| value.is_finite() && value > 0.0 && value <= most;
        if !is_within(self.minutes, 24.0 * 60.0) {
            return Err("--minutes must be more than 0, and a day (1440) at most".into());
        }
        if !is_within(self.rate, 1_000.0) {
            return Err("--rate must be more than 0, and 1000 a second at most".into());
        }
        if self.instances == 0 || self.instances > 16 {
            return Err("--instances must be 1 to 16".into());
        }
        if self.store == Engine::Embedded && self.instances != 1 {
            return Err("the embedded store serves one instance: --instances 1, or --store redis".into());
        }
        let switches = self.switches();
        if switches == 0 || switches > 10_000 {
            return Err(format!("{switches} switches: 1 to 10000 can be simulated"));
        }
        let (needed, most) = (self.ports_needed(), switches * MOST_PORTS);
        if needed > most {
            return Err(format!(
                "{needed} checkouts need as many ports, and {switches} switches have {most} at most"
            ));
        }
        Ok(())
    }

    /// How long faults strike.
    pub fn lasting(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * 60.0)
    }

    /// A completed checkout keeps its port, so there must be one for each.
    fn ports_needed(&self) -> usize {
        (self.rate * self.minutes * 60.0).ceil() as usize + SPARE_PORTS
    }

    /// How many switches.
    pub fn switches(&self) -> usize {
        self.wanted_switches.unwrap_or_else(|| self.ports_needed().div_ceil(MOST_PORTS).max(FEWEST_SWITCHES))
    }

    /// Ports of each.
    pub fn ports(&self) -> u16 {
        let ports = self.ports_needed().div_ceil(self.switches());
        u16::try_from(ports).expect("at most 400, as was checked")
    }

    #[cfg(test)]
    pub fn for_tests(store: Engine, minutes: f64) -> Self {
        Self {
            seed: 1,
            minutes,
            store,
            instances: store.usual_instances(),
            rate: 24.0,
            wanted_switches: None,
            json: None,
            keep: None,
        }
    }
}

impl Engine {
    /// As many instances as the store is for.
    fn usual_instances(self) -> usize {
        match self {
            Self::Embedded => 1,
            Self::Redis | Self::Cluster => 3,
        }
    }

    /// How many servers it has.
    pub fn nodes(self) -> usize {
        match self {
            Self::Embedded => 0,
            Self::Redis => 1,
            Self::Cluster => 3,
        }
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Redis => "redis",
            Self::Cluster => "cluster",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_port_for_every_checkout() {
        for minutes in [0.1, 2.0, 30.0, 120.0] {
            let options = Options::for_tests(Engine::Redis, minutes);
            let ports = options.switches() * usize::from(options.ports());
            assert!(ports as f64 >= options.rate * minutes * 60.0, "{minutes}");
            assert_eq!(options.check(), Ok(()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let whole = Options::for_tests(Engine::Embedded, 2.0);
        for (wrong, why) in [
            (Options { instances: 3, ..whole.clone() }, "one instance"),
            (Options { minutes: 0.0, ..whole.clone() }, "--minutes"),
            (Options { rate: f64::NAN, ..whole.clone() }, "--rate"),
            (Options { wanted_switches: Some(1), ..whole.clone() }, "have 400 at most"),
        ] {
            let said = wrong.check().expect_err("it makes no sense");
            assert!(said.contains(why), "{said}");
        }
    }
}
