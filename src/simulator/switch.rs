//! One simulated switch: what a test sees of it and orders from it, and what its connections share.
//!
//! All state is behind one lock that is never held across an await. Whatever changes it moves the `changed`
//! counter on, so that a test waits for a state and never for a time.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use russh::server;
use tokio::sync::{oneshot, watch};

use super::command::{Line, Question, Reply, Visit};
use super::configuration::PortConfig;
use super::connection::{self, Algorithms};
use super::device::Device;
use super::faults::{FallBack, Fault, FaultBook, Strike, Welcome};
use super::plan::{PortReading, ReceivedCommand, SeenSession, SwitchCounts, SwitchPlan};
use super::stream::Cut;
use super::temper::Temper;
use super::times::Times;

/// Sessions that a switch remembers; the oldest go first.
const REMEMBERED_SESSIONS: usize = 10_000;

/// What stands for the console among the sessions, which count from 1.
const CONSOLE: u64 = 0;

pub struct SimulatedSwitch {
    plan: SwitchPlan,
    address: SocketAddr,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

struct State {
    device: Device,
    faults: FaultBook,
    commands: VecDeque<ReceivedCommand>,
    seen_sessions: VecDeque<SeenSession>,
    counts: SwitchCounts,
    /// Dropping a session's sender cuts it.
    sessions: HashMap<u64, oneshot::Sender<()>>,
    /// Those that stand in configuration mode.
    configuring: BTreeSet<u64>,
    down_until: Option<Instant>,
    host_key_generation: u32,
    algorithms: Algorithms,
    ssh: Option<Arc<server::Config>>,
    command_latency: Duration,
    temper: Temper,
    times: Option<Times>,
    is_stopped: bool,
}

impl fmt::Debug for SimulatedSwitch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SimulatedSwitch");
        shown.field("name", &self.plan.name).field("address", &self.address).finish_non_exhaustive()
    }
}

/// What becomes of a new connection.
#[derive(Debug)]
pub(super) enum Admission {
    Served(Seat, Cut),
    /// Held open without a word.
    Ignored(Seat, Cut),
    /// Every terminal line is taken: closed in order.
    Full,
    /// Reset.
    Refused,
}

/// A terminal line that is taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    pub switch: Arc<SimulatedSwitch>,
    pub session: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.switch.leave(self.session);
    }
}

/// What happened to a line.
#[derive(Debug)]
pub(super) struct Heard {
    pub reply: Reply,
    pub strike: Strike,
    pub latency: Duration,
}

impl SimulatedSwitch {
    pub(super) fn new(plan: SwitchPlan, address: SocketAddr) -> Self {
        let mut device = Device::new(
            plan.personality,
            &plan.name,
            plan.ports,
            &plan.username,
            plan.enable_password.clone(),
        );
        device.minute = plan.minute;
        device.vty_lines = plan.vty_lines;
        device.remembered = plan.remembered;
        let state = State {
            device,
            faults: FaultBook::default(),
            commands: VecDeque::new(),
            seen_sessions: VecDeque::new(),
            counts: SwitchCounts::default(),
            sessions: HashMap::new(),
            configuring: BTreeSet::new(),
            down_until: None,
            host_key_generation: 0,
            algorithms: Algorithms::Current,
            ssh: None,
            command_latency: plan.command_latency,
            temper: Temper::of(&plan),
            times: plan.keeps_times.then(Times::default),
            is_stopped: false,
        };
        Self { plan, address, state: Mutex::new(state), changed: watch::Sender::new(0) }
    }

    pub fn name(&self) -> &str {
        &self.plan.name
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The public host key as known-hosts files hold it: `ssh-ed25519 AAAA…`.
    pub fn host_key(&self) -> String {
        let generation = self.look(|state| state.host_key_generation);
        connection::host_key_line(&self.plan.name, generation)
    }

    /// As after a replacement of the hardware. Open sessions stay.
    pub fn change_host_key(&self) {
        self.change(|state| {
            state.host_key_generation += 1;
            state.ssh = None;
        });
    }

    /// From now on the switch offers what a switch of 2005 does: group14-sha1, aes128-cbc, hmac-sha1.
    pub fn offer_only_old_algorithms(&self) {
        self.change(|state| {
            state.algorithms = Algorithms::Old;
            state.ssh = None;
        });
    }

    /// Somebody at the console types `configure terminal lock`, and stays.
    pub fn lock_at_the_console(&self) {
        self.change(|state| state.device.lock_holder = Some(CONSOLE));
    }

    pub fn order(&self, fault: Fault) {
        self.change(|state| state.faults.order(fault));
    }

    /// Faults ordered and not yet spent.
    pub fn pending_faults(&self) -> usize {
        self.look(|state| state.faults.pending())
    }

    pub fn clear_faults(&self) {
        self.change(|state| state.faults.clear());
    }

    /// `None` if the switch has no such port. Every spelling of the name that the device takes is taken.
    pub fn running(&self, port: &str) -> Option<PortConfig> {
        let port = self.port_number(port)?;
        Some(self.look(|state| state.device.running.port_with_table(port)))
    }

    pub fn startup(&self, port: &str) -> Option<PortConfig> {
        let port = self.port_number(port)?;
        Some(self.look(|state| state.device.startup.port_with_table(port)))
    }

    /// What `show running-config interface` prints for the port, with `\n` line ends.
    pub fn running_text(&self, port: &str) -> Option<String> {
        let port = self.port_number(port)?;
        Some(self.look(|state| self.plan.personality.port_text(&state.device.running, port)))
    }

    /// Whether the VLAN exists: a port in one that doesn't carries nothing.
    pub fn has_vlan(&self, vlan: u16) -> bool {
        self.look(|state| state.device.running.has_vlan(vlan))
    }

    /// What stands in the whole running configuration's policy maps under this name: class and policer.
    pub fn policy_map(&self, name: &str) -> Option<Vec<(String, Option<String>)>> {
        self.look(|state| {
            state.device.running.policies.get(name).map(|map| map.clone().into_iter().collect())
        })
    }

    /// A change made by hand, in running and start-up configuration; a missing VLAN is made with it.
    ///
    /// # Panics
    /// If the switch has no such port.
    pub fn configure(&self, port: &str, config: PortConfig) {
        let port = self.port_number(port).expect("the switch has this port");
        self.change(|state| {
            state.device.running.put_port(port, config.clone());
            state.device.startup.put_port(port, config);
        });
    }

    /// A change that somebody types in and doesn't save.
    ///
    /// # Panics
    /// If the switch has no such port.
    pub fn change_by_hand(&self, port: &str, change: impl FnOnce(&mut PortConfig)) {
        let port = self.port_number(port).expect("the switch has this port");
        self.change(|state| {
            let mut config = state.device.running.port_with_table(port);
            change(&mut config);
            state.device.running.put_port(port, config);
        });
    }

    /// A change that somebody types in and lets the device take back unless he confirms it.
    ///
    /// # Panics
    /// If the switch has no such port.
    pub fn change_by_hand_until_confirmed(&self, port: &str, change: impl FnOnce(&mut PortConfig)) {
        let before = self.look(|state| state.device.running.clone());
        self.change_by_hand(port, change);
        self.change(|state| state.device.changed_by_somebody(before, Instant::now()));
    }

    /// A port is as on a switch that nobody has configured, and so it comes back from a reboot.
    ///
    /// # Panics
    /// If the switch has no such port.
    pub fn forget_running(&self, port: &str) {
        let port = self.port_number(port).expect("the switch has this port");
        let factory = PortConfig::factory(self.plan.personality);
        self.change(|state| {
            state.device.running.put_port(port, factory.clone());
            state.device.startup.put_port(port, factory);
        });
    }

    /// The start-up configuration of a port becomes that of a switch nobody has configured, as when an older file was put
    /// back: the next reboot brings it.
    ///
    /// # Panics
    /// If the switch has no such port.
    pub fn forget_startup(&self, port: &str) {
        let port = self.port_number(port).expect("the switch has this port");
        let factory = PortConfig::factory(self.plan.personality);
        self.change(|state| state.device.startup.put_port(port, factory));
    }

    pub fn counts(&self) -> SwitchCounts {
        self.look(|state| state.counts)
    }

    pub fn commands(&self) -> Vec<ReceivedCommand> {
        self.look(|state| state.commands.iter().cloned().collect())
    }

    /// Every session since the start, in the order in which they were opened.
    pub fn sessions(&self) -> Vec<SeenSession> {
        self.look(|state| state.seen_sessions.iter().copied().collect())
    }

    /// The open sessions that stand in configuration mode, and where they came from.
    pub fn configuring(&self) -> Vec<(u64, SocketAddr)> {
        self.look(|state| {
            let open =
                state.seen_sessions.iter().rev().filter(|seen| state.configuring.contains(&seen.number));
            // There are few, and they are among the latest.
            open.take(state.configuring.len()).map(|seen| (seen.number, seen.peer)).collect()
        })
    }

    /// What it showed of single ports; the oldest go first.
    pub fn readings(&self) -> Vec<PortReading> {
        self.look(|state| state.device.readings.iter().cloned().collect())
    }

    /// Every session is cut and what was not saved is lost; the switch is back at once.
    pub fn reboot(&self) {
        self.reboot_for(Duration::ZERO);
    }

    /// As `reboot`, and connections are refused for so long.
    pub fn reboot_for(&self, down: Duration) {
        self.change(|state| state.reboot(down));
    }

    /// Cuts every open session, as a lost link would; the switch itself runs on.
    pub fn cut_sessions(&self) {
        self.change(State::hang_up_all);
    }

    pub fn set_command_latency(&self, latency: Duration) {
        self.change(|state| state.command_latency = latency);
    }

    /// Whether a change waits to be confirmed, and is taken back else.
    pub fn has_pending_change(&self) -> bool {
        self.look(|state| state.device.dead_man.is_some())
    }

    /// How often a change was taken back because nobody confirmed it.
    pub fn taken_back(&self) -> u64 {
        self.look(|state| state.device.taken_back)
    }

    /// The time of a change that waits to be confirmed is up now.
    pub fn run_out(&self) {
        self.change(|state| state.device.take_back());
    }

    /// Moves on with every change of the switch's state, and with every line it receives.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn port_number(&self, name: &str) -> Option<u16> {
        self.plan.personality.parse_port(name).filter(|port| *port <= self.plan.ports)
    }

    fn look<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.device.expire(Instant::now());
        read(&state)
    }

    fn with_state<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.device.expire(Instant::now());
        write(&mut state)
    }

    fn change<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        let result = self.with_state(write);
        self.changed.send_modify(|count| *count += 1);
        result
    }
}

/// For connections and shells.
impl SimulatedSwitch {
    pub(super) fn plan(&self) -> &SwitchPlan {
        &self.plan
    }

    pub(super) fn ssh(&self) -> Arc<server::Config> {
        let make = |state: &mut State| {
            let (generation, algorithms) = (state.host_key_generation, state.algorithms);
            let config = || Arc::new(connection::ssh_config(&self.plan, generation, algorithms));
            state.ssh.get_or_insert_with(config).clone()
        };
        make(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Admission {
        self.change(|state| {
            if state.is_down(Instant::now()) {
                state.counts.connections_refused += 1;
                return Admission::Refused;
            }
            let welcome = state.faults.strike_connection();
            if welcome == Welcome::Refused {
                state.counts.connections_refused += 1;
                return Admission::Refused;
            }
            if welcome == Welcome::Full || state.sessions.len() >= self.plan.vty_lines {
                state.counts.connections_refused += 1;
                return Admission::Full;
            }
            let (session, cut) = state.open_session(peer);
            let seat = Seat { switch: self.clone(), session };
            match welcome {
                Welcome::Ignored => Admission::Ignored(seat, cut),
                Welcome::Served | Welcome::Refused | Welcome::Full => Admission::Served(seat, cut),
            }
        })
    }

    /// A session has got its shell, or where it has none, its next command.
    pub(super) fn shell_opened(&self, session: u64) {
        self.with_state(|state| {
            if let Some(times) = &mut state.times {
                times.shell_opened(session, Instant::now());
            }
        });
    }

    pub(super) fn times(&self) -> Option<Times> {
        self.look(|state| state.times.clone())
    }

    /// Whether a fault on order cuts the connection instead of judging the login.
    pub(super) fn cuts_login(&self) -> bool {
        self.change(|state| state.faults.strike_login())
    }

    /// `is_right` is what the credentials are worth; a fault on order refuses even right ones.
    pub(super) fn judge_login(&self, is_right: bool) -> bool {
        self.change(|state| {
            let accepted = is_right && !state.faults.strike_authentication();
            state.counts.logins_refused += u64::from(!accepted);
            accepted
        })
    }

    /// One line, as far as the device takes it. `None`: the session was cut meanwhile, and nobody hears it.
    pub(super) fn hear(&self, line: &mut Line, text: &str) -> Option<Heard> {
        self.change(|state| {
            if !state.sessions.contains_key(&line.session) {
                return None;
            }
            let is_comment = text.trim_start().starts_with(self.plan.personality.comment_mark());
            if text.trim().is_empty() || (is_comment && !self.plan.refuses_comments) {
                return Some(Heard {
                    reply: Reply::Silence,
                    strike: Strike::default(),
                    latency: Duration::ZERO,
                });
            }
            state.remember(line, text, self.plan.remembered);
            let mut strike = state.faults.strike_line(text);
            strike.drop_before |= state.temper.drops(line.session);
            let latency = state.temper.latency(state.command_latency);
            if let Some(times) = &mut state.times {
                times.line(line.session, self.plan.personality.port_in(text), Instant::now(), latency);
            }
            if let Some(to) = strike.fall_back {
                state.fall_back(line, to);
            }
            let reply = match &strike {
                Strike { drop_before: true, .. } | Strike { reboot: Some(_), .. } => Reply::Silence,
                Strike { reject: Some(refusal), .. } => Reply::line(refusal.trim_end_matches('\n')),
                Strike { swallow: true, .. } => Reply::Silence,
                _ if is_comment => Reply::line(self.plan.personality.comment_refusal()),
                _ => self.plan.personality.run(&mut state.visit(line), text),
            };
            state.note_mode(line);
            Some(Heard { reply, strike, latency })
        })
    }

    pub(super) fn answer(&self, line: &mut Line, question: Question, text: &str) -> Reply {
        self.change(|state| self.plan.personality.answer(&mut state.visit(line), question, text))
    }

    pub(super) fn prompt(&self, line: &Line) -> String {
        self.look(|state| self.plan.personality.prompt(&state.device, line))
    }

    /// Starts a save; the number must be handed back to `finish_save`. `Err` is what the device says instead.
    pub(super) fn begin_save(&self) -> Result<u64, String> {
        self.change(|state| {
            if state.device.saving {
                return Err(self.plan.personality.save_busy().to_owned());
            }
            state.device.saving = true;
            if let Some(times) = &mut state.times {
                times.save_begun(Instant::now());
            }
            Ok(state.device.boots)
        })
    }

    /// What the device says at the end of a save; `None` if it rebooted meanwhile.
    pub(super) fn finish_save(&self, boots: u64) -> Option<String> {
        self.change(|state| {
            if state.device.boots != boots {
                return None;
            }
            state.device.saving = false;
            if let Some(times) = &mut state.times {
                times.save_ended(Instant::now());
            }
            if let Some(mut text) = state.faults.strike_save() {
                text.push('\n');
                return Some(text);
            }
            state.device.save();
            state.counts.saves += 1;
            Some(self.plan.personality.saved().to_owned())
        })
    }

    pub(super) fn cut(&self, session: u64) {
        self.change(|state| state.hang_up(session));
    }

    /// No connection is served any more, and the open ones are cut.
    pub(super) fn stop(&self) {
        self.change(|state| {
            state.is_stopped = true;
            state.hang_up_all();
        });
    }

    fn leave(&self, session: u64) {
        self.change(|state| {
            state.hang_up(session);
            state.device.session_ended(session);
            state.counts.sessions_open -= 1;
        });
    }
}

impl State {
    fn visit<'s>(&'s mut self, line: &'s mut Line) -> Visit<'s> {
        Visit { device: &mut self.device, line, faults: &mut self.faults, now: Instant::now() }
    }

    fn is_down(&mut self, now: Instant) -> bool {
        if self.down_until.is_some_and(|until| now >= until) {
            self.down_until = None;
        }
        self.is_stopped || self.down_until.is_some()
    }

    fn open_session(&mut self, peer: SocketAddr) -> (u64, Cut) {
        let (keep, cut) = oneshot::channel();
        self.counts.sessions_opened += 1;
        let session = self.counts.sessions_opened;
        self.sessions.insert(session, keep);
        self.temper.session_opened(session);
        if let Some(times) = &mut self.times {
            times.session_opened(Instant::now());
        }
        if self.seen_sessions.len() == REMEMBERED_SESSIONS {
            self.seen_sessions.pop_front();
        }
        self.seen_sessions.push_back(SeenSession {
            number: session,
            peer,
            opened: Instant::now(),
            closed: None,
            torn_away: false,
        });
        self.device.users.push(session);
        self.counts.sessions_open += 1;
        self.counts.most_sessions_open = self.counts.most_sessions_open.max(self.counts.sessions_open);
        (session, cut)
    }

    fn remember(&mut self, line: &Line, text: &str, at_most: usize) {
        self.counts.commands += 1;
        if at_most == 0 {
            return;
        }
        if self.commands.len() == at_most {
            self.commands.pop_front();
        }
        self.commands.push_back(ReceivedCommand {
            session: line.session,
            line: text.to_owned(),
            prompt: self.device.personality.prompt(&self.device, line),
            at: Instant::now(),
        });
    }

    /// Whoever leaves the configuration mode gives its lock back.
    fn fall_back(&mut self, line: &mut Line, to: FallBack) {
        line.fall_back(to);
        if self.device.lock_holder == Some(line.session) {
            self.device.lock_holder = None;
        }
    }

    fn note_mode(&mut self, line: &Line) {
        if line.mode.is_configuration() {
            self.configuring.insert(line.session);
        } else {
            self.configuring.remove(&line.session);
        }
    }

    fn reboot(&mut self, down: Duration) {
        let back = Instant::now() + down;
        self.device.reboot(back);
        self.counts.reboots += 1;
        self.down_until = Some(back);
        self.hang_up_all();
    }

    /// Nothing of the session is heard any more; its connection learns of it when it next looks.
    fn hang_up(&mut self, session: u64) {
        if self.sessions.remove(&session).is_none() {
            return;
        }
        self.device.unlock(session);
        self.temper.session_ended(session);
        if let Some(times) = &mut self.times {
            times.session_ended(session, Instant::now());
        }
        let torn_away = self.configuring.remove(&session);
        let seen = self.seen_sessions.iter_mut().rev().find(|seen| seen.number == session);
        if let Some(seen) = seen {
            seen.closed = Some(Instant::now());
            seen.torn_away = torn_away;
        }
    }

    fn hang_up_all(&mut self) {
        let open: Vec<u64> = self.sessions.keys().copied().collect();
        for session in open {
            self.hang_up(session);
        }
    }
}
