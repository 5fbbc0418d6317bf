//! One instance of the service: the machine that it runs on, and its processes, one after another.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use switchyard_actors::graph::{Graph, Operator};
use switchyard_actors::outside::Outside;
use switchyard_actors::ports::hints::Hints;
use switchyard_actors::ports::webhook::WebhookSender;
use switchyard_actors::provisioning::Provisioning;
use switchyard_actors::settings::{
    CheckoutSettings, ClusterSettings, DeliverySettings, GraphSettings, JobSettings, LoginSettings,
    SupervisionSettings,
};
use switchyard_actors::testing::{HintHub, RecordingStore};

use super::chance::{Beginning, Chance, MachineClock};
use super::driver::Devices;
use super::process::{Doom, Process};
use super::receiver::Receivers;
use super::store::{StoreWeather, WayToStore};
use super::strikes::Strikes;

/// What all instances share.
#[derive(Clone)]
pub struct Surroundings {
    pub seed: u64,
    pub tag_by_tag: bool,
    pub beginning: Beginning,
    pub store: Arc<RecordingStore>,
    pub hints: HintHub,
    pub devices: Devices,
    pub receivers: Receivers,
    pub strikes: Strikes,
}

/// A process, and the doors to what runs in it.
#[derive(Clone)]
pub struct Running {
    pub process: Process,
    pub handle: Provisioning,
    pub operator: Operator,
}

pub struct Instance {
    number: usize,
    surroundings: Surroundings,
    pub weather: StoreWeather,
    pub clock: Arc<MachineClock>,
    running: RefCell<Running>,
    started: Cell<u64>,
    down: Cell<Duration>,
}

impl Instance {
    pub fn start(number: usize, surroundings: Surroundings) -> Rc<Self> {
        let weather = StoreWeather::default();
        let clock = Arc::new(MachineClock::new(surroundings.beginning.clone()));
        let running = RefCell::new(start_process(number, 0, &surroundings, &weather, &clock));
        let (started, down) = (Cell::new(1), Cell::default());
        Rc::new(Self { number, surroundings, weather, clock, running, started, down })
    }

    /// The process that was started last, whether it still lives or not.
    pub fn running(&self) -> Running {
        self.running.borrow().clone()
    }

    /// How long it takes until a process that is lost is started again.
    pub fn stays_down_for(&self, down: Duration) {
        self.down.set(down);
    }

    /// Starts a process whenever one is lost.
    pub async fn keep_running(self: Rc<Self>) {
        loop {
            self.running().process.gone().await;
            tokio::time::sleep(self.down.get()).await;
            let nth = self.started.replace(self.started.get() + 1);
            let started = start_process(self.number, nth, &self.surroundings, &self.weather, &self.clock);
            *self.running.borrow_mut() = started;
        }
    }
}

fn start_process(
    number: usize,
    nth: u64,
    surroundings: &Surroundings,
    weather: &StoreWeather,
    clock: &Arc<MachineClock>,
) -> Running {
    let Surroundings { seed, tag_by_tag, store, hints, devices, receivers, strikes, .. } =
        surroundings.clone();
    let stream = 1_000 * (number as u64 + 1) + 2 * nth;
    let (chance, entropy) = (Chance::new(seed, stream), Chance::new(seed, stream + 1));
    let doom = Doom::default();
    let way = WayToStore { store, weather: weather.clone(), chance, strikes, doom: doom.clone(), tag_by_tag };
    let hints: Arc<dyn Hints> = Arc::new(hints);
    let (driver, clock) = (Arc::new(devices), Arc::clone(clock) as _);
    let outside = Outside::new(Arc::new(way), hints, driver, clock, Arc::new(entropy), settings());
    let (process, graph) = Process::start(doom, || {
        Graph::start_here(Arc::new(outside), move || Rc::new(receivers.clone()) as Rc<dyn WebhookSender>)
    });
    Running { process, handle: graph.provisioning(), operator: graph.operator() }
}

/// Everything in a minute or two: the proportions are those of the defaults.
fn settings() -> GraphSettings {
    GraphSettings {
        checkout: CheckoutSettings { claim_ms: 3_000, ..CheckoutSettings::default() },
        job: JobSettings {
            attempts: 3,
            first_back_off_ms: 200,
            longest_back_off_ms: 2_000,
            in_all_ms: 60_000,
            max_age_ms: 3_600_000,
            ..JobSettings::default()
        },
        supervision: SupervisionSettings {
            threads: 1,
            step_ms: 4_000,
            idle_ms: 4_000,
            save_longest_wait_ms: 3_000,
            repair_ms: 3_000,
            sweep_ms: 4_000,
            first_restart_ms: 100,
            longest_restart_ms: 2_000,
            ..SupervisionSettings::default()
        },
        delivery: DeliverySettings {
            attempts: 3,
            first_wait_ms: 400,
            longest_wait_ms: 2_000,
            sweep_ms: 4_000,
            ..DeliverySettings::default()
        },
        cluster: ClusterSettings { lease_ms: 4_000, beat_ms: 1_000, margin_ms: 400 },
        logins: LoginSettings {
            refused_switches: 2,
            window_ms: 1_000,
            first_pause_ms: 1_000,
            longest_pause_ms: 4_000,
        },
        ..GraphSettings::default()
    }
}
