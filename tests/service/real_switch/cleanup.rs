//! Ends what a lab started: every process in its namespaces, by its id, then the namespaces, and with them their cables.
//! Never touches what is outside of them.

use super::cabinet::{run, signal};
use std::process::Command;
use std::time::{Duration, Instant};

/// Long enough for a daemon to end by itself.
const GRACE: Duration = Duration::from_secs(3);

pub struct Cleanup {
    namespaces: Vec<String>,
    /// The only interface outside of the namespaces, if there is one.
    cable: Option<String>,
}

impl Cleanup {
    pub fn of(namespaces: Vec<String>, cable: Option<String>) -> Self {
        Self { namespaces, cable }
    }

    fn processes(&self) -> Vec<String> {
        let pids = |namespace: &String| {
            let output = run(Command::new("ip").args(["netns", "pids", namespace]));
            String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>()
        };
        self.namespaces.iter().flat_map(pids).collect()
    }

    fn signal(&self, name: &str) {
        for pid in self.processes() {
            signal(name, &pid);
        }
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        self.signal("TERM");
        let deadline = Instant::now() + GRACE;
        while !self.processes().is_empty() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        self.signal("KILL");
        // A namespace's own end is slow, and happens after `del` has returned.
        if let Some(cable) = &self.cable {
            run(Command::new("ip").args(["link", "del", cable]));
        }
        for namespace in &self.namespaces {
            run(Command::new("ip").args(["netns", "del", namespace]));
        }
    }
}
