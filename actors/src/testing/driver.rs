//! The scripted driver: switches in memory, with ports that remember, faults on order, and counts of all that was asked.

use crate::domain::config::PortConfig;
use crate::domain::failure::{DriverFailure, FailureClass};
use crate::domain::ids::{PortName, PortRef, SwitchId};
use crate::domain::inventory::Switch;
use crate::ports::driver::{Intent, PortLines, SwitchDriver, SwitchSession};
use crate::ports::guard::{SessionGuard, SocketPermit};
use crate::ports::tenure::Tenure;
use async_trait::async_trait;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong, once, with a switch's next call of that kind.
#[derive(Debug, Clone)]
pub enum ScriptedFault {
    /// Opening fails so.
    Open(FailureClass),
    /// Opening takes so much longer.
    OpenSlowly(Duration),
    /// Once it has let us in, the switch takes so much longer until it stands ready.
    SetUpSlowly(Duration),
    /// Our own code panics while it opens.
    PanicOpening,
    /// Reading a port fails so.
    Read(FailureClass),
    /// The lines are refused, after half of them was done, and the session fails so.
    ApplyHalf(FailureClass),
    /// The lines are all done, and then the session fails so.
    ApplyAll(FailureClass),
    /// The lines are swallowed: accepted, and not done.
    Swallow,
    /// The save fails so.
    Save(FailureClass),
    /// What was applied is not confirmed, and this is why.
    Confirm(FailureClass),
    /// The actor's own code panics while it applies.
    Panic,
}

#[derive(Default)]
struct World {
    running: HashMap<PortRef, PortConfig>,
    startup: HashMap<PortRef, PortConfig>,
    faults: HashMap<SwitchId, VecDeque<ScriptedFault>>,
    faults_at: HashMap<PortRef, VecDeque<ScriptedFault>>,
    takes_back: HashSet<SwitchId>,
    unconfirmed: HashMap<SwitchId, HashMap<PortRef, PortConfig>>,
    calls: Vec<String>,
    reads: Vec<PortRef>,
    open_now: HashMap<SwitchId, u32>,
    most_open: u32,
    pending: HashMap<PortRef, PortConfig>,
    host_keys: HashMap<SwitchId, String>,
    refuses_logins: bool,
    waits_for_turn: HashSet<SwitchId>,
    reads_at_once: Option<usize>,
    poisoned: HashSet<PortRef>,
}

/// The driver, and the switches that it plays.
#[derive(Clone, Default)]
pub struct ScriptedDriver {
    world: Arc<Mutex<World>>,
    latency: Duration,
}

fn port_of(running: &HashMap<PortRef, PortConfig>, at: &PortRef) -> PortConfig {
    running.get(at).cloned().unwrap_or_default()
}

impl ScriptedDriver {
    /// Each call takes this long.
    #[must_use]
    pub fn with_latency(latency: Duration) -> Self {
        Self { world: Arc::default(), latency }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Orders a fault; they come in the order in which they were ordered, each at the first call that it fits.
    pub fn order(&self, switch: &SwitchId, fault: ScriptedFault) {
        self.world().faults.entry(switch.clone()).or_default().push_back(fault);
    }

    /// The same for calls about one port, before those that are ordered for its switch.
    pub fn order_at(&self, at: &PortRef, fault: ScriptedFault) {
        self.world().faults_at.entry(at.clone()).or_default().push_back(fault);
    }

    /// From now on the switch takes back what is applied, when its session ends without a confirmation.
    pub fn take_back(&self, switch: &SwitchId) {
        self.world().takes_back.insert(switch.clone());
    }

    /// From now on so many ports are read in one go.
    pub fn read_at_once(&self, ports: usize) {
        self.world().reads_at_once = Some(ports);
    }

    /// Undoes what nobody confirmed.
    fn roll_back(&self, switch: &SwitchId) {
        let world = &mut *self.world();
        world.running.extend(world.unconfirmed.remove(switch).unwrap_or_default());
    }

    /// Whether it takes for ever until it is a switch's turn to be opened, from now on.
    pub fn keep_waiting(&self, switch: &SwitchId, keep: bool) {
        let waiting = &mut self.world().waits_for_turn;
        if keep {
            waiting.insert(switch.clone())
        } else {
            waiting.remove(switch)
        };
    }

    /// The authentication service behind all switches goes down, or is back.
    pub fn refuse_logins(&self, refuse: bool) {
        self.world().refuses_logins = refuse;
    }

    /// The host key that a switch shows from now on. It is trusted on first use, and then must be the one that is known.
    pub fn show_host_key(&self, switch: &SwitchId, key: &str) {
        self.world().host_keys.insert(switch.clone(), key.to_owned());
    }

    /// The key that was trusted on first use.
    fn judge_host_key(&self, switch: &Switch) -> Result<Option<String>, DriverFailure> {
        let shown = self.world().host_keys.get(&switch.id).cloned();
        match (&switch.host_key, shown) {
            (Some(known), Some(shown)) if *known != shown => Err(failure(FailureClass::HostKeyChanged)),
            (None, Some(shown)) => Ok(Some(shown)),
            (Some(_), _) | (None, None) => Ok(None),
        }
    }

    /// From now on whoever reads the port panics.
    pub fn poison(&self, at: &PortRef) {
        self.world().poisoned.insert(at.clone());
    }

    /// Reading it is harmless again.
    pub fn cure(&self, at: &PortRef) {
        self.world().poisoned.remove(at);
    }

    /// How many sessions a switch has now.
    #[must_use]
    pub fn open_now(&self, switch: &SwitchId) -> u32 {
        self.world().open_now.get(switch).copied().unwrap_or_default()
    }

    /// What stands on a port.
    #[must_use]
    pub fn running(&self, at: &PortRef) -> PortConfig {
        port_of(&self.world().running, at)
    }

    /// What would stand there after a reboot.
    #[must_use]
    pub fn startup(&self, at: &PortRef) -> PortConfig {
        port_of(&self.world().startup, at)
    }

    /// Every call, as `switch call`.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    /// The most sessions that one switch ever had at once.
    #[must_use]
    pub fn most_open(&self) -> u32 {
        self.world().most_open
    }

    /// Every port that was read, in order.
    #[must_use]
    pub fn reads(&self) -> Vec<PortRef> {
        self.world().reads.clone()
    }

    /// Somebody changes a port at the console, and saves.
    pub fn change_by_hand(&self, at: &PortRef, change: impl FnOnce(&mut PortConfig)) {
        let world = &mut *self.world();
        let mut config = port_of(&world.running, at);
        change(&mut config);
        world.running.insert(at.clone(), config.clone());
        world.startup.insert(at.clone(), config);
    }

    /// The switch loses what was not saved.
    pub fn reboot(&self, switch: &SwitchId) {
        let world = &mut *self.world();
        world.running.retain(|at, _| at.switch != *switch);
        let kept = world.startup.iter().filter(|(at, _)| at.switch == *switch);
        world.running.extend(kept.map(|(at, config)| (at.clone(), config.clone())));
    }

    fn fault(&self, switch: &SwitchId, fits: impl Fn(&ScriptedFault) -> bool) -> Option<ScriptedFault> {
        let mut world = self.world();
        let faults = world.faults.get_mut(switch)?;
        if faults.front().is_some_and(fits) { faults.pop_front() } else { None }
    }

    fn fault_at(&self, at: &PortRef, fits: impl Fn(&ScriptedFault) -> bool) -> Option<ScriptedFault> {
        let own = {
            let mut world = self.world();
            let faults = world.faults_at.get_mut(at);
            faults.filter(|faults| faults.front().is_some_and(&fits)).and_then(VecDeque::pop_front)
        };
        own.or_else(|| self.fault(&at.switch, fits))
    }

    async fn call(&self, switch: &SwitchId, name: &str) {
        self.world().calls.push(format!("{switch} {name}"));
        tokio::time::sleep(self.latency).await;
    }
}

fn failure(class: FailureClass) -> DriverFailure {
    DriverFailure::new(class, "as ordered")
}

/// Whether a session's socket is open: it is shut once, by whoever is first.
struct Socket {
    driver: ScriptedDriver,
    switch: SwitchId,
    open: AtomicBool,
}

impl Socket {
    fn shut(&self) {
        if self.open.swap(false, Ordering::SeqCst) {
            self.driver.roll_back(&self.switch);
            *self.driver.world().open_now.entry(self.switch.clone()).or_default() -= 1;
        }
    }
}

struct ScriptedSession {
    driver: ScriptedDriver,
    switch: SwitchId,
    tenure: Tenure,
    socket: Arc<Socket>,
    first_seen: Option<String>,
    _permit: SocketPermit,
}

impl ScriptedSession {
    /// As a socket's wrapper does: the lines are on their way for the latency, and then nothing leaves.
    fn may_write(&self) -> Result<(), DriverFailure> {
        if self.tenure.holds() && self.socket.open.load(Ordering::SeqCst) {
            Ok(())
        } else {
            Err(failure(FailureClass::SessionLost))
        }
    }

    fn apply_one(&self, at: PortRef) -> Result<(), DriverFailure> {
        self.may_write()?;
        let fault = self.driver.fault_at(&at, |f| {
            use ScriptedFault as F;
            matches!(f, F::ApplyHalf(_) | F::ApplyAll(_) | F::Swallow | F::Panic)
        });
        let want = self.driver.world().pending.remove(&at).expect("rendered before applied");
        let before = self.driver.running(&at);
        let was = before.clone();
        let (becomes, result) = match fault {
            Some(ScriptedFault::Panic) => panic!("as ordered"),
            Some(ScriptedFault::Swallow) => (before, Ok(())),
            Some(ScriptedFault::ApplyHalf(class)) => {
                (PortConfig { access_vlan: want.access_vlan, ..before }, Err(failure(class)))
            }
            Some(ScriptedFault::ApplyAll(class)) => (want, Err(failure(class))),
            _ => (want, Ok(())),
        };
        let mut world = self.driver.world();
        if world.takes_back.contains(&self.switch) {
            let unconfirmed = world.unconfirmed.entry(self.switch.clone()).or_default();
            unconfirmed.entry(at.clone()).or_insert(was);
        }
        world.running.insert(at, becomes);
        result
    }
}

impl Drop for ScriptedSession {
    fn drop(&mut self) {
        self.socket.shut();
    }
}

#[async_trait]
impl SwitchDriver for ScriptedDriver {
    async fn wait_for_turn(&self, switch: &Switch) {
        while self.world().waits_for_turn.contains(&switch.id) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn open(
        &self,
        switch: &Switch,
        guard: &SessionGuard,
        said: &mut String,
    ) -> Result<Box<dyn SwitchSession>, DriverFailure> {
        self.call(&switch.id, "open").await;
        if self.fault(&switch.id, |f| matches!(f, ScriptedFault::PanicOpening)).is_some() {
            panic!("as ordered");
        }
        if let Some(ScriptedFault::OpenSlowly(delay)) =
            self.fault(&switch.id, |f| matches!(f, ScriptedFault::OpenSlowly(_)))
        {
            tokio::time::sleep(delay).await;
        }
        if let Some(ScriptedFault::Open(class)) =
            self.fault(&switch.id, |f| matches!(f, ScriptedFault::Open(_)))
        {
            said.push_str("  a greeting, and no prompt\n");
            return Err(failure(class));
        }
        if self.world().refuses_logins {
            return Err(failure(FailureClass::AuthenticationRefused));
        }
        let first_seen = self.judge_host_key(switch)?;
        let socket = Socket { driver: self.clone(), switch: switch.id.clone(), open: AtomicBool::new(true) };
        let socket = Arc::new(socket);
        let shut = Arc::clone(&socket);
        let permit = guard
            .admit(move || shut.shut())
            .map_err(|open| DriverFailure::new(FailureClass::SessionLost, open.to_string()))?;
        guard.logged_in();
        if let Some(ScriptedFault::SetUpSlowly(delay)) =
            self.fault(&switch.id, |f| matches!(f, ScriptedFault::SetUpSlowly(_)))
        {
            tokio::time::sleep(delay).await;
        }
        let mut world = self.world();
        let open = world.open_now.entry(switch.id.clone()).or_default();
        *open += 1;
        let now_open = *open;
        world.most_open = world.most_open.max(now_open);
        drop(world);
        Ok(Box::new(ScriptedSession {
            driver: self.clone(),
            switch: switch.id.clone(),
            tenure: guard.tenure().clone(),
            socket,
            first_seen,
            _permit: permit,
        }))
    }
}

#[async_trait]
impl SwitchSession for ScriptedSession {
    fn first_seen_host_key(&self) -> Option<String> {
        self.first_seen.clone()
    }

    async fn probe(&mut self) -> Result<(), DriverFailure> {
        self.driver.call(&self.switch, "probe").await;
        Ok(())
    }

    async fn read_port(&mut self, port: &PortName) -> Result<PortConfig, DriverFailure> {
        self.driver.call(&self.switch, "read").await;
        let at = PortRef { switch: self.switch.clone(), port: port.clone() };
        if let Some(ScriptedFault::Read(class)) =
            self.driver.fault_at(&at, |f| matches!(f, ScriptedFault::Read(_)))
        {
            return Err(failure(class));
        }
        self.driver.world().reads.push(at.clone());
        let poisoned = self.driver.world().poisoned.contains(&at);
        assert!(!poisoned, "as ordered: {at} is poisoned");
        Ok(self.driver.running(&at))
    }

    fn reads_at_once(&self) -> usize {
        self.driver.world().reads_at_once.unwrap_or(8)
    }

    fn render(
        &self,
        _: Intent,
        port: &PortName,
        want: &PortConfig,
        _: &PortConfig,
    ) -> Result<Vec<String>, DriverFailure> {
        let at = PortRef { switch: self.switch.clone(), port: port.clone() };
        self.driver.world().pending.insert(at, want.clone());
        Ok(vec![format!("set {port}")])
    }

    async fn apply(&mut self, ports: &[PortLines]) -> Vec<Result<(), DriverFailure>> {
        self.driver.call(&self.switch, "apply").await;
        let mut done = Vec::new();
        let mut broken = None;
        for PortLines { port, .. } in ports {
            let at = PortRef { switch: self.switch.clone(), port: port.clone() };
            let answer = broken.clone().map_or_else(|| self.apply_one(at), Err);
            if let Err(failure) = &answer
                && !failure.class.leaves_session_usable()
            {
                broken = Some(failure.clone());
            }
            done.push(answer);
        }
        done
    }

    fn takes_back(&self) -> bool {
        self.driver.world().unconfirmed.contains_key(&self.switch)
    }

    async fn confirm(&mut self) -> Result<(), DriverFailure> {
        self.driver.call(&self.switch, "confirm").await;
        self.may_write()?;
        if let Some(ScriptedFault::Confirm(class)) =
            self.driver.fault(&self.switch, |f| matches!(f, ScriptedFault::Confirm(_)))
        {
            self.driver.roll_back(&self.switch);
            return Err(failure(class));
        }
        self.driver.world().unconfirmed.remove(&self.switch);
        Ok(())
    }

    async fn save(&mut self) -> Result<(), DriverFailure> {
        self.driver.call(&self.switch, "save").await;
        self.may_write()?;
        if let Some(ScriptedFault::Save(class)) =
            self.driver.fault(&self.switch, |f| matches!(f, ScriptedFault::Save(_)))
        {
            return Err(failure(class));
        }
        let world = &mut *self.driver.world();
        let ours = world.running.iter().filter(|(at, _)| at.switch == self.switch);
        world.startup.extend(ours.map(|(at, config)| (at.clone(), config.clone())));
        Ok(())
    }

    fn take_transcript(&mut self) -> String {
        String::new()
    }

    async fn close(self: Box<Self>) {
        self.driver.call(&self.switch, "close").await;
    }
}
