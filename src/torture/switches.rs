//! The simulated network: both vendors in turn, on a thread of their own, and the faults that wait there for their line.
//!
//! At most one order waits at a switch, so that it is seen when it strikes.

use super::blow::SwitchBlow;
use super::instances::Instance;
use super::options::Options;
use crate::simulator::{Addressing, Fault, Personality, SimulatedFleet, SimulatedSwitch, SwitchPlan};
use actix_rt::Arbiter;
use anyhow::Context as _;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub const USERNAME: &str = "netops";
pub const CAPTIVE_PORTAL_VLAN: u16 = 999;
/// Within the run's folder.
pub const PASSWORD_FILE: &str = "switch-password";

/// No test of this process, and no demo, has this range.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 1);
/// As a small switch has it; and long enough that dialogs are open most of the time.
const COMMAND_LATENCY: Duration = Duration::from_millis(8);
const SAVE_LATENCY: Duration = Duration::from_millis(100);
const VTY_LINES: usize = 5;

/// The network.
#[derive(Debug)]
pub struct Switches {
    fleet: SimulatedFleet,
    thread: Arbiter,
    ports: u16,
    /// What the operators type.
    pub password: String,
    /// By switch, what was ordered and has not struck.
    waiting: RefCell<HashMap<usize, &'static str>>,
}

impl Switches {
    /// Starts them.
    ///
    /// # Errors
    /// When they can't listen.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let password = format!("pw-{}", Uuid::new_v4().simple());
        let plans: Vec<_> = (0..options.switches()).map(|n| plan(n, options.ports(), &password)).collect();
        let (thread, (tell, told)) = (Arbiter::new(), tokio::sync::oneshot::channel());
        let addressing = Addressing::LoopbackAddresses { first: FIRST, port: 0 };
        thread.spawn(async move {
            // Who asked waits for the answer below.
            let _ = tell.send(SimulatedFleet::start(addressing, plans).await);
        });
        let fleet = told.await.context("the switches' thread")?.context("the simulated switches")?;
        Ok(Self { fleet, thread, ports: options.ports(), password, waiting: RefCell::default() })
    }

    pub fn all(&self) -> &[Arc<SimulatedSwitch>] {
        self.fleet.switches()
    }

    pub fn ports(&self) -> u16 {
        self.ports
    }

    pub fn personality(&self, switch: usize) -> Personality {
        personality(switch)
    }

    pub fn port_name(&self, switch: usize, port: u16) -> String {
        personality(switch).port_name(port + 1)
    }

    /// The token of a port.
    pub fn location(&self, switch: usize, port: u16) -> String {
        format!("{:010x}", switch * usize::from(self.ports) + usize::from(port))
    }

    /// The instance's sessions in which a port is being configured, on switches where nothing else is about to strike.
    pub fn dialogs(&self, of: &Instance) -> Vec<(usize, u64)> {
        let switches = self.all().iter().enumerate().filter(|(_, switch)| switch.pending_faults() == 0);
        let dialogs = switches.flat_map(|(n, switch)| {
            let is_its = |(_, peer): &(u64, SocketAddr)| of.has_dialled(*peer);
            switch.configuring().into_iter().filter(is_its).map(move |(session, _)| (n, session))
        });
        dialogs.collect()
    }

    /// Whether the session ended in the middle of it.
    pub fn was_torn_away(&self, switch: usize, session: u64) -> bool {
        let sessions = self.all()[switch].sessions();
        sessions.iter().rev().any(|seen| seen.number == session && seen.torn_away)
    }

    /// The sessions that the instance has open.
    pub fn open_sessions(&self, of: &Instance) -> Vec<(usize, u64)> {
        let open = self.all().iter().enumerate().flat_map(|(n, switch)| {
            let sessions = switch.sessions().into_iter();
            let its = sessions.filter(|seen| seen.closed.is_none() && of.has_dialled(seen.peer));
            its.map(move |seen| (n, seen.number))
        });
        open.collect()
    }

    /// Whether none of these is open any more.
    pub fn are_closed(&self, sessions: &[(usize, u64)]) -> bool {
        sessions.iter().all(|(switch, session)| {
            let seen = self.all()[*switch].sessions();
            seen.iter().rev().any(|seen| seen.number == *session && seen.closed.is_some())
        })
    }

    /// Strikes; what strikes at once is returned, the rest waits at the first switch from this one on that has nothing
    /// waiting.
    pub fn strike(&self, which: usize, blow: SwitchBlow) -> Option<&'static str> {
        let name = blow.name();
        let switch = &self.all()[which];
        match blow {
            SwitchBlow::Reboot { down } => switch.reboot_for(down),
            SwitchBlow::CutSessions => switch.cut_sessions(),
            SwitchBlow::ChangeHostKey => {
                switch.change_host_key();
                switch.cut_sessions();
                // Counted when its quarantine is seen.
                return None;
            }
            SwitchBlow::Order(name, fault) => {
                self.order(which, name, fault);
                return None;
            }
        }
        Some(name)
    }

    fn order(&self, which: usize, name: &'static str, fault: Fault) {
        let mut waiting = self.waiting.borrow_mut();
        let count = self.all().len();
        let free = (0..count).map(|step| (which + step) % count).find(|n| !waiting.contains_key(n));
        // All have something waiting: then enough is about to strike.
        let Some(which) = free else { return };
        let meets_a_connection = matches!(
            fault,
            Fault::RefuseConnections { .. }
                | Fault::NoFreeLine { .. }
                | Fault::SilentBanner { .. }
                | Fault::RejectAuthentication { .. }
                | Fault::DropAtAuthentication { .. }
        );
        let switch = &self.all()[which];
        switch.order(fault);
        if meets_a_connection {
            // Sessions are kept for the next job: without a new one the order would wait for long.
            switch.cut_sessions();
        }
        waiting.insert(which, name);
    }

    /// What was waiting and has struck since the last look.
    pub fn struck(&self) -> Vec<&'static str> {
        let struck = |(n, _): &(usize, &'static str)| self.all()[*n].pending_faults() == 0;
        let mut waiting = self.waiting.borrow_mut();
        let struck: Vec<_> = waiting.iter().map(|(n, name)| (*n, *name)).filter(struck).collect();
        waiting.retain(|n, _| !struck.iter().any(|(which, _)| which == n));
        struck.into_iter().map(|(_, name)| name).collect()
    }

    /// What waits still is taken back: it never struck.
    pub fn take_back(&self) {
        self.waiting.borrow_mut().clear();
        self.all().iter().for_each(|switch| switch.clear_faults());
    }
}

impl Drop for Switches {
    fn drop(&mut self) {
        self.thread.stop();
    }
}

fn personality(switch: usize) -> Personality {
    if switch.is_multiple_of(2) { Personality::Ios } else { Personality::Eos }
}

fn plan(number: usize, ports: u16, password: &str) -> SwitchPlan {
    SwitchPlan {
        ports,
        username: USERNAME.to_owned(),
        password: password.to_owned(),
        command_latency: COMMAND_LATENCY,
        save_latency: SAVE_LATENCY,
        vty_lines: VTY_LINES,
        ..SwitchPlan::new(format!("sw-{number:04}"), personality(number))
    }
}
