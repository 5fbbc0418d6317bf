//! Many switches at once, most of them sick, each in its way: every job comes to its right outcome, and those on sound switches
//! wait for none of the others.

use crate::harness::*;
use futures_util::stream::{self, StreamExt};
use std::time::{Duration, Instant};
use switchyard::simulator::{FallBack, Fault, SimulatedSwitch};

const SWITCHES: usize = 500;

/// Of each kind, one in twenty.
const OF_A_KIND: usize = SWITCHES / 20;

/// Far beyond the patience of this test: whatever waits for a silent switch is found to wait.
const LIMITS: &str = "[log]\nfilter = \"warn\"\n\
    [ssh]\nkey_exchange_ms = 600000\ncommand_ms = 600000\nsave_ms = 600000\n\
    [supervision]\nstep_ms = 600000\n[logins]\nrefused_switches = 0\nwindow_ms = 500\n";

/// How a job on such a switch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The port is live, and nobody had to help.
    Live,
    /// Somebody ends the silence, and then it is.
    LiveOnceHeard,
    /// The switch is quarantined, and after the release it is.
    LiveOnceReleased,
    /// The partner is told this.
    Failed(&'static str),
}

struct Sickness {
    name: &'static str,
    strike: fn(&SimulatedSwitch),
    end: End,
}

const SOUND: Sickness = Sickness { name: "sound", strike: |_| (), end: End::Live };

fn interface() -> String {
    "interface".into()
}

const SICKNESSES: [Sickness; 17] = [
    Sickness {
        name: "connections refused",
        strike: |switch| switch.order(Fault::RefuseConnections { times: 2 }),
        end: End::Live,
    },
    Sickness {
        name: "no free line",
        strike: |switch| switch.order(Fault::NoFreeLine { times: 2 }),
        end: End::Live,
    },
    Sickness {
        name: "silent before its identification",
        strike: |switch| switch.order(Fault::SilentBanner { times: 1 }),
        end: End::LiveOnceHeard,
    },
    Sickness {
        name: "no common algorithm",
        strike: SimulatedSwitch::offer_only_old_algorithms,
        end: End::Failed("needs the network operator's attention"),
    },
    Sickness {
        name: "login refused",
        strike: |switch| switch.order(Fault::RejectAuthentication { times: 1 }),
        end: End::LiveOnceReleased,
    },
    Sickness {
        name: "cut at the login",
        strike: |switch| switch.order(Fault::DropAtAuthentication { times: 2 }),
        end: End::Live,
    },
    Sickness {
        name: "silent at a line",
        strike: |switch| switch.order(Fault::Stall { pattern: interface(), duration: None, times: 1 }),
        end: End::LiveOnceHeard,
    },
    Sickness {
        name: "cut before a line",
        strike: |switch| switch.order(Fault::DropBeforeCommand { pattern: interface(), times: 2 }),
        end: End::Live,
    },
    Sickness {
        name: "cut behind a line",
        strike: |switch| {
            switch.order(Fault::DropAfterCommand { pattern: "switchport access".into(), times: 2 });
        },
        end: End::Live,
    },
    Sickness {
        name: "configuration locked",
        strike: |switch| switch.order(Fault::LockConfiguration { times: 2 }),
        end: End::Live,
    },
    Sickness {
        name: "line rejected",
        strike: |switch| {
            let text = "% Invalid input detected at '^' marker.\n".into();
            switch.order(Fault::Reject { pattern: "switchport access".into(), text, times: 1 });
        },
        end: End::Failed("rejected the configuration"),
    },
    Sickness {
        name: "port unknown",
        strike: |switch| {
            let text = "% Invalid input detected at '^' marker.\n".into();
            switch.order(Fault::Reject { pattern: "show running-config".into(), text, times: 1 });
        },
        end: End::Failed("no such port"),
    },
    Sickness {
        name: "line swallowed",
        strike: |switch| {
            switch.order(Fault::SilentAccept { pattern: "switchport access".into(), times: 1 });
        },
        end: End::Live,
    },
    Sickness {
        name: "save fails",
        strike: |switch| {
            let text = "startup-config file open failed (Device or resource busy)\n".into();
            switch.order(Fault::FailSave { text, times: 2 });
        },
        end: End::Live,
    },
    Sickness {
        name: "reboot in the middle",
        strike: |switch| {
            let down_for = Duration::from_millis(300);
            switch.order(Fault::RebootAt { pattern: "switchport access".into(), times: 1, down_for });
        },
        end: End::Live,
    },
    Sickness {
        name: "answered from the wrong mode",
        strike: |switch| {
            let pattern = "switchport access".into();
            switch.order(Fault::FallBack { pattern, to: FallBack::Privileged, times: 1 });
        },
        end: End::Live,
    },
    Sickness {
        name: "garbled",
        strike: |switch| switch.order(Fault::Garble { pattern: "show running-config".into(), times: 2 }),
        end: End::Live,
    },
];

fn sickness(switch: usize) -> &'static Sickness {
    static SICK: [Sickness; 17] = SICKNESSES;
    static WELL: Sickness = SOUND;
    SICK.get(switch / OF_A_KIND).unwrap_or(&WELL)
}

struct World {
    outside: Outside,
    service: Process,
    jobs: Vec<String>,
}

impl World {
    async fn start() -> Self {
        let outside = Outside::start(Fleet { switches: SWITCHES, ports: 2, ..SMALL }).await;
        for n in 0..SWITCHES {
            (sickness(n).strike)(&outside.fleet.switch(&switch_name(n)).expect("there"));
        }
        let service = Process::start_with(&outside, free_address(), &[], LIMITS).await;
        let client = Client::new(service.address);
        let asked = (0..SWITCHES).map(|n| {
            let (client, body) = (&client, direct(&format!("order-{n}"), &outside.location(n, 0)));
            async move { client.checkout(&body).await.id("job_id") }
        });
        let jobs = stream::iter(asked).buffered(64).collect().await;
        Self { outside, service, jobs }
    }

    fn of_end(&self, holds: impl Fn(End) -> bool) -> Vec<usize> {
        (0..SWITCHES).filter(|n| holds(sickness(*n).end)).collect()
    }

    fn outcomes(&self, switch: usize, event: &str) -> usize {
        self.outside.webhook_ids(event, &self.jobs[switch]).len()
    }

    async fn until_live(&self, switches: &[usize]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let waits: Vec<_> = switches
                .iter()
                .filter(|n| self.outcomes(**n, "provisioning.completed") == 0)
                .map(|n| format!("{} {}", switch_name(*n), sickness(*n).name))
                .collect();
            if waits.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "never live: {waits:?}\n{}", self.service.log_text());
            let mut changed = self.outside.receiver.changed();
            let _ = tokio::time::timeout(Duration::from_millis(100), changed.changed()).await;
        }
    }

    /// Until the operator's list shows these as quarantined, and no others.
    async fn until_quarantined(&self, switches: &[usize]) {
        let expected: Vec<_> = switches.iter().map(|n| switch_name(*n)).collect();
        let is_so = |said: &str| {
            let lines = said.lines().filter(|line| line.contains("QUARANTINED"));
            lines.filter_map(|line| line.split_whitespace().next()).eq(&expected)
        };
        until_said(&self.service, &["switches"], is_so).await;
    }
}

#[test]
fn most_of_five_hundred_switches_are_sick_and_each_job_has_its_right_outcome_and_waits_for_no_other_switch() {
    story(async {
        let world = World::start().await;
        // All of these, while others are silent for as long as they like.
        let by_itself = world.of_end(|end| end == End::Live);
        world.until_live(&by_itself).await;
        let silent = world.of_end(|end| end == End::LiveOnceHeard);
        assert!(silent.iter().all(|n| world.outcomes(*n, "provisioning.completed") == 0), "still silent");

        for n in &silent {
            world.outside.fleet.switch(&switch_name(*n)).expect("there").reboot();
        }
        let refused = world.of_end(|end| end == End::LiveOnceReleased);
        world.until_quarantined(&refused).await;
        for n in &refused {
            said(&world.service, &["release", &switch_name(*n)]);
        }
        world.until_live(&[silent, refused].concat()).await;
        let failing = world.of_end(|end| matches!(end, End::Failed(_)));
        let told = |n: &usize| world.outside.events_for("provisioning.failed", &world.jobs[*n]).pop();
        world.outside.until("told of all failures", |_| failing.iter().all(|n| told(n).is_some())).await;

        for n in 0..SWITCHES {
            let (name, kind) = (switch_name(n), sickness(n));
            let outcomes =
                (world.outcomes(n, "provisioning.completed"), world.outcomes(n, "provisioning.failed"));
            match kind.end {
                End::Failed(why) => {
                    assert_eq!(outcomes, (0, 1), "{name} {}", kind.name);
                    let event = told(&n).expect("told");
                    assert!(
                        event.field("error").is_some_and(|error| error.contains(why)),
                        "{name} {event:?}"
                    );
                    assert_ne!(world.outside.running_vlan(n, 0), Some(VLAN), "{name} {}", kind.name);
                }
                End::Live | End::LiveOnceHeard | End::LiveOnceReleased => {
                    assert_eq!(outcomes, (1, 0), "{name} {}", kind.name);
                    assert_eq!(world.outside.running_vlan(n, 0), Some(VLAN), "{name} {}", kind.name);
                }
            }
            assert!(world.outside.one_session_after_another(n), "{name} {}", kind.name);
        }
        world.outside.until("all saved", |o| by_itself.iter().all(|n| o.is_live_and_saved(*n, 0))).await;
    });
}
