//! How the machine's CPUs are shared out: with more than two, the fleet has one to itself and leaves the others alone.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fmt;
use std::io;

/// With fewer CPUs than that, one for the fleet would be half of what the service has.
const ENOUGH: usize = 3;

/// Who runs where.
#[derive(Debug, Clone)]
pub struct Cores {
    /// Those that we may use.
    all: Vec<usize>,
    /// The fleet's, where it has one to itself.
    fleet: Option<usize>,
}

impl Cores {
    /// Shares them out; from now on this thread, and whatever it starts, leaves the fleet's alone.
    ///
    /// # Errors
    /// When the system doesn't say which there are, or doesn't let itself be told.
    pub fn share_out() -> io::Result<Self> {
        let ours = sched_getaffinity(None)?;
        let cores = Self::of((0..CpuSet::MAX_CPU).filter(|cpu| ours.is_set(*cpu)).collect());
        cores.go_back()?;
        Ok(cores)
    }

    fn of(all: Vec<usize>) -> Self {
        let fleet = (all.len() >= ENOUGH).then(|| all[all.len() - 1]);
        Self { all, fleet }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Runs this where the fleet belongs: a process that is started meanwhile stays there.
    ///
    /// # Errors
    /// When the system doesn't let itself be told.
    pub fn for_fleet<T>(&self, start: impl FnOnce() -> T) -> io::Result<T> {
        if let Some(fleet) = self.fleet {
            sched_setaffinity(None, &set([fleet]))?;
        }
        let started = start();
        self.go_back()?;
        Ok(started)
    }

    fn go_back(&self) -> io::Result<()> {
        match self.fleet {
            Some(fleet) => {
                Ok(sched_setaffinity(None, &set(self.all.iter().copied().filter(|cpu| *cpu != fleet)))?)
            }
            None => Ok(()),
        }
    }
}

fn set(cpus: impl IntoIterator<Item = usize>) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.into_iter().for_each(|cpu| set.set(cpu));
    set
}

/// For a person.
impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.fleet, self.all.len()) {
            (Some(fleet), count) => {
                write!(f, "{count} CPUs: the simulator alone on CPU {fleet}, service and load on the others")
            }
            (None, 1) => write!(f, "1 CPU, shared by service, load and simulator"),
            (None, count) => write!(f, "{count} CPUs, shared by service, load and simulator"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fleet_has_a_cpu_of_its_own_where_two_are_left_for_the_others() {
        assert_eq!(Cores::of(vec![0, 1]).fleet, None);
        assert_eq!(Cores::of(vec![0, 1, 4]).fleet, Some(4));
        let said = Cores::of(vec![0, 1, 4]).to_string();
        assert_eq!(said, "3 CPUs: the simulator alone on CPU 4, service and load on the others");
    }
}
