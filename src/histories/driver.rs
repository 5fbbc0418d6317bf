//! The way to the devices: a driver whose calls take time, fail where the plan says so, and write only as long as the tenure
//! holds. A session's socket lives in a task of its own, as it does in an SSH library: dropping the session doesn't end it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::ids::{PortName, SwitchId};
use switchyard_actors::domain::inventory::Switch;
use switchyard_actors::ports::driver::{Intent, PortLines, SwitchDriver, SwitchSession};
use switchyard_actors::ports::guard::{SessionGuard, SocketPermit};
use switchyard_actors::ports::tenure::Tenure;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::chance::Beginning;
use super::device::{Device, lines};
use super::plan::{CallOf, SwitchFault};
use super::strikes::Strikes;

/// How long a line, and its answer, are on their way at most.
const TRANSIT_MS: u64 = 25;
/// How long it takes at most to connect and to log in, or to save.
const LONG_MS: u64 = 120;

/// Every switch; and whoever has a clone reaches them.
#[derive(Clone)]
pub struct Devices {
    devices: Arc<Mutex<BTreeMap<SwitchId, Device>>>,
    sockets: Arc<Mutex<BTreeMap<SwitchId, Vec<Arc<Socket>>>>>,
    /// Lines that came while an earlier session was still there.
    successors: Arc<watch::Sender<u64>>,
    beginning: Beginning,
    strikes: Strikes,
}

fn failed(class: FailureClass) -> DriverFailure {
    DriverFailure::new(class, "as planned")
}

impl Devices {
    pub fn new(
        devices: impl Iterator<Item = (SwitchId, Device)>,
        beginning: Beginning,
        strikes: Strikes,
    ) -> Self {
        let devices = Arc::new(Mutex::new(devices.collect()));
        Self { devices, sockets: Arc::default(), successors: Arc::default(), beginning, strikes }
    }

    pub fn all(&self) -> MutexGuard<'_, BTreeMap<SwitchId, Device>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with one.
    pub fn with<T>(&self, switch: &SwitchId, does: impl FnOnce(&mut Device) -> T) -> T {
        does(self.all().get_mut(switch).expect("a switch of this history"))
    }

    /// Waits until so many more lines came beside an earlier session.
    pub async fn successors_said(&self, lines: u64) {
        let mut said = self.successors.subscribe();
        let enough = *said.borrow() + lines;
        // The sender is ours.
        let _ = said.wait_for(|said| *said >= enough).await;
    }

    /// It is away for a time, and back with what was saved.
    pub fn reboot(&self, switch: &SwitchId, down: Duration) {
        self.strikes.add("reboot");
        self.with(switch, |device| device.down_until = Some(Instant::now() + down));
        let at = self.beginning.moment();
        self.with(switch, |device| device.reboot(at));
        let sockets = self.sockets().remove(switch).unwrap_or_default();
        sockets.iter().for_each(|socket| socket.shut());
    }

    fn sockets(&self) -> MutexGuard<'_, BTreeMap<SwitchId, Vec<Arc<Socket>>>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn transit(&self, switch: &SwitchId, up_to_ms: u64) {
        let chance = self.with(switch, |device| device.chance.clone());
        chance.delay(up_to_ms).await;
    }

    fn strike(&self, switch: &SwitchId, fits: impl Fn(&SwitchFault) -> bool) -> Option<SwitchFault> {
        let struck = self.with(switch, |device| device.strike(fits))?;
        self.strikes.add(struck.kind());
        Some(struck)
    }

    /// What may go wrong in any call of this kind.
    async fn enter(&self, switch: &SwitchId, call: CallOf) {
        let is_it = |fault: &SwitchFault| match fault {
            SwitchFault::Panic(of) | SwitchFault::Hang(of) => *of == call,
            _ => false,
        };
        match self.strike(switch, is_it) {
            // Without the hook that prints it: it is ordered.
            Some(SwitchFault::Panic(_)) => std::panic::resume_unwind(Box::new("as planned")),
            Some(_) => std::future::pending().await,
            None => {}
        }
    }
}

/// A session's socket.
struct Socket {
    is_open: AtomicBool,
    closing: Notify,
}

impl Socket {
    fn shut(&self) {
        self.is_open.store(false, Ordering::SeqCst);
        self.closing.notify_one();
    }
}

/// The device hears of the end by this one's drop, also when the whole process is lost.
struct Connection {
    devices: Devices,
    switch: SwitchId,
    session: u64,
    _permit: SocketPermit,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let at = self.devices.beginning.moment();
        self.devices.with(&self.switch, |device| device.disconnected(self.session, at));
    }
}

#[async_trait]
impl SwitchDriver for Devices {
    async fn open(
        &self,
        switch: &Switch,
        guard: &SessionGuard,
        _said: &mut String,
    ) -> Result<Box<dyn SwitchSession>, DriverFailure> {
        let id = &switch.id;
        self.enter(id, CallOf::Open).await;
        self.transit(id, LONG_MS).await;
        if let Some(SwitchFault::Open(class)) = self.strike(id, |f| matches!(f, SwitchFault::Open(_))) {
            return Err(failed(class));
        }
        if self.with(id, |device| device.is_down()) {
            return Err(failed(FailureClass::Unreachable));
        }
        // A login is written too: the device has no session before it.
        if !guard.tenure().holds() {
            return Err(failed(FailureClass::SessionLost));
        }
        let socket = Arc::new(Socket { is_open: AtomicBool::new(true), closing: Notify::new() });
        let closer = Arc::clone(&socket);
        let permit = guard
            .admit(move || closer.shut())
            .map_err(|open| DriverFailure::new(FailureClass::SessionLost, open.to_string()))?;
        let session = self.with(id, |device| device.connected(self.beginning.moment()));
        let connection = Connection { devices: self.clone(), switch: id.clone(), session, _permit: permit };
        self.sockets().entry(id.clone()).or_default().push(Arc::clone(&socket));
        let its_end = Arc::clone(&socket);
        // Of the process that called.
        tokio::task::spawn_local(async move {
            let _connection = connection;
            its_end.closing.notified().await;
        });
        let (devices, switch, tenure) = (self.clone(), id.clone(), guard.tenure().clone());
        Ok(Box::new(DeviceSession { devices, switch, session, tenure, socket }))
    }
}

/// Of ports, on devices that take commands ahead of the answers to those before them.
const READ_AT_ONCE: usize = 3;

struct DeviceSession {
    devices: Devices,
    switch: SwitchId,
    session: u64,
    tenure: Tenure,
    socket: Arc<Socket>,
}

impl DeviceSession {
    /// A line goes out, if it may, and the device hears it.
    fn say(&self, line: &str) -> Result<(), DriverFailure> {
        if !self.tenure.holds() || !self.socket.is_open.load(Ordering::SeqCst) {
            return Err(failed(FailureClass::SessionLost));
        }
        let at = self.devices.beginning.moment();
        if self.devices.with(&self.switch, |device| device.hear(self.session, at, line)) {
            self.devices.successors.send_modify(|lines| *lines += 1);
        }
        Ok(())
    }

    async fn transit(&self, up_to_ms: u64) {
        self.devices.transit(&self.switch, up_to_ms).await;
    }

    async fn configure(&self, all: &[String], stop_after: Option<usize>) -> Result<(), DriverFailure> {
        let (first, lines) = all.split_first().expect("the port comes first");
        let port = first.strip_prefix("interface ").expect("the port comes first");
        self.say(first)?;
        for line in lines.iter().take(stop_after.unwrap_or(lines.len())) {
            self.transit(TRANSIT_MS).await;
            self.say(line)?;
            self.devices.with(&self.switch, |device| device.configure(port, line));
        }
        Ok(())
    }

    async fn apply_lines(&self, all: &[String]) -> Result<(), DriverFailure> {
        let is_of_lines = |f: &SwitchFault| matches!(f, SwitchFault::Apply(..) | SwitchFault::Swallow);
        match self.devices.strike(&self.switch, is_of_lines) {
            Some(SwitchFault::Apply(count, class)) => {
                self.configure(all, Some(count)).await?;
                Err(self.fail(class))
            }
            Some(_) => all.iter().try_for_each(|line| self.say(line)),
            None => self.configure(all, None).await,
        }
    }

    /// Where the class says that nothing can be said any more, the device has hung up.
    fn fail(&self, class: FailureClass) -> DriverFailure {
        if !class.leaves_session_usable() {
            self.socket.shut();
        }
        failed(class)
    }
}

#[async_trait]
impl SwitchSession for DeviceSession {
    /// The inventory pins them all.
    fn first_seen_host_key(&self) -> Option<String> {
        None
    }

    async fn probe(&mut self) -> Result<(), DriverFailure> {
        self.transit(TRANSIT_MS).await;
        if self.devices.strike(&self.switch, |f| matches!(f, SwitchFault::Probe)).is_some() {
            return Err(self.fail(FailureClass::SessionLost));
        }
        match self.socket.is_open.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err(failed(FailureClass::SessionLost)),
        }
    }

    async fn read_port(&mut self, port: &PortName) -> Result<PortConfig, DriverFailure> {
        self.devices.enter(&self.switch, CallOf::Read).await;
        self.say(&format!("show {port}"))?;
        self.transit(TRANSIT_MS).await;
        let fault = self.devices.strike(&self.switch, |f| matches!(f, SwitchFault::Read(_)));
        if let Some(SwitchFault::Read(class)) = fault {
            return Err(self.fail(class));
        }
        let found = self.devices.with(&self.switch, |device| device.running(port.as_str()));
        found.ok_or_else(|| failed(FailureClass::PortUnknown))
    }

    /// Every second device is read several ports at a time.
    fn reads_at_once(&self) -> usize {
        let is_odd = self.switch.as_str().ends_with(['1', '3', '5', '7', '9']);
        if is_odd { READ_AT_ONCE } else { 1 }
    }

    fn render(
        &self,
        _: Intent,
        port: &PortName,
        want: &PortConfig,
        _: &PortConfig,
    ) -> Result<Vec<String>, DriverFailure> {
        let mut all = vec![format!("interface {port}")];
        all.extend(lines(want));
        Ok(all)
    }

    async fn apply(&mut self, ports: &[PortLines]) -> Vec<Result<(), DriverFailure>> {
        self.devices.enter(&self.switch, CallOf::Apply).await;
        self.transit(TRANSIT_MS).await;
        let mut applied = Vec::with_capacity(ports.len());
        for PortLines { lines, .. } in ports {
            applied.push(self.apply_lines(lines).await);
        }
        let failed = applied.iter().filter(|answer| answer.is_err()).count();
        if failed > 0 && ports.len() > 1 {
            self.devices.strikes.add("switch: one of many ports fails");
        }
        applied
    }

    fn takes_back(&self) -> bool {
        false
    }

    async fn confirm(&mut self) -> Result<(), DriverFailure> {
        Ok(())
    }

    async fn save(&mut self) -> Result<(), DriverFailure> {
        self.devices.enter(&self.switch, CallOf::Save).await;
        self.say("save")?;
        self.transit(LONG_MS).await;
        let fault = self.devices.strike(&self.switch, |f| matches!(f, SwitchFault::Save(_)));
        if let Some(SwitchFault::Save(class)) = fault {
            return Err(self.fail(class));
        }
        if !self.socket.is_open.load(Ordering::SeqCst) {
            return Err(failed(FailureClass::SessionLost));
        }
        self.devices.with(&self.switch, Device::save);
        Ok(())
    }

    fn take_transcript(&mut self) -> String {
        String::new()
    }

    async fn close(self: Box<Self>) {
        self.transit(TRANSIT_MS).await;
        self.socket.shut();
    }
}
