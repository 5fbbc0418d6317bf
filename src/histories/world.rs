//! Plays a plan: everything that it says happens at its time, and what clients, switches and receivers see becomes a history.
//!
//! It must never look into the service to decide what was right. When all has come to rest it asks the store's records for what
//! an operator could list: dead letters, and ports that are being repaired.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use switchyard_actors::domain::ids::{PartnerId, SubscriptionId, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Record};
use switchyard_actors::domain::request::{CheckoutRequest, DeliveryMode};
use switchyard_actors::ports::store::{Member, Store};
use switchyard_actors::testing::{HintHub, RecordingStore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::chance::{Beginning, Chance};
use super::client::{checkout_reply, install_reply, is_settled};
use super::device::Device;
use super::driver::Devices;
use super::instance::{Instance, Running, Surroundings};
use super::inventory;
use super::plan::{Checkout, Fault, FreezeWhen, Plan, Thaw, What};
use super::receiver::Receivers;
use super::strikes::Strikes;
use super::witness;
use crate::checker::history::{Attempt, Call, Freeze, History, Intent, Reply};
use crate::checker::moment::Span;

/// How long a client waits for an answer, and between two attempts.
const PATIENCE: Duration = Duration::from_secs(5);
const CLIENT_WAIT: Duration = Duration::from_millis(800);
/// How often a client tries: over more time than any fault lasts.
const ATTEMPTS: usize = 25;
/// How long after a home-drop the technician comes.
const INSTALL_AFTER: Duration = Duration::from_millis(1_500);
/// How long an operator takes to look at a quarantined switch.
const OPERATOR_LOOKS: Duration = Duration::from_millis(1_700);
/// How long a commit is waited for in which something is to go wrong.
const COMMITS_WITHIN: Duration = Duration::from_secs(10);
/// How long it is waited for that a frozen process's successors are at work.
const OVERTAKEN_WITHIN: Duration = Duration::from_secs(9);
/// How often it is looked whether everything has come to rest, and for how long at most.
const LOOK: Duration = Duration::from_millis(500);
const LOOKS: usize = 1_000;
/// How much is told of what is left in one index.
const MOST_LEFT: usize = 20;

pub struct World {
    plan: Plan,
    beginning: Beginning,
    store: Arc<RecordingStore>,
    devices: Devices,
    receivers: Receivers,
    strikes: Strikes,
    instances: Vec<Rc<Instance>>,
    history: RefCell<History>,
}

/// How a plan went.
pub struct Played {
    pub history: History,
    pub strikes: Strikes,
    /// What was still to be done when it should have come to rest.
    pub left: Vec<String>,
    /// How long it took, on its own clock.
    pub lasted: Duration,
}

impl World {
    /// Inside of a runtime whose time is paused.
    pub fn of(plan: Plan) -> Rc<Self> {
        let (beginning, strikes) = (Beginning::now(), Strikes::default());
        let store = if plan.instances > 1 { RecordingStore::shared() } else { RecordingStore::default() };
        let store = Arc::new(store);
        inventory::seed(&store, plan.switches);
        let hints = HintHub::default();
        if plan.hints_lost {
            hints.lose_all();
        }
        let device = |n| {
            let chance = Chance::new(plan.seed, 10 + n as u64);
            (inventory::switch(n), Device::new(chance, inventory::port_names()))
        };
        let devices = Devices::new((0..plan.switches).map(device), beginning.clone(), strikes.clone());
        let receivers = Receivers::new(beginning.clone(), Chance::new(plan.seed, 1), strikes.clone());
        let surroundings = Surroundings {
            seed: plan.seed,
            tag_by_tag: plan.tag_by_tag,
            beginning: beginning.clone(),
            store: Arc::clone(&store),
            hints,
            devices: devices.clone(),
            receivers: receivers.clone(),
            strikes: strikes.clone(),
        };
        let instances = (0..plan.instances).map(|n| Instance::start(n, surroundings.clone())).collect();
        let history = RefCell::new(History::default());
        Rc::new(Self { plan, beginning, store, devices, receivers, strikes, instances, history })
    }

    pub async fn play(self: Rc<Self>) -> Played {
        for instance in &self.instances {
            tokio::task::spawn_local(Rc::clone(instance).keep_running());
        }
        tokio::task::spawn_local(Rc::clone(&self).operate());
        self.everything_happens().await;
        self.nothing_more_goes_wrong();
        self.comes_to_rest().await;
        self.everybody_asks_again().await;
        let left = if self.comes_to_rest().await { Vec::new() } else { self.what_is_left().await };
        let mut history = self.history.take();
        inventory::describe(&mut history, self.plan.switches);
        witness::note_devices(&mut history, &self.devices);
        witness::note_records(&mut history, self.store.records());
        history.deliveries = self.receivers.take_deliveries();
        Played { history, strikes: self.strikes.clone(), left, lasted: self.beginning.elapsed() }
    }

    async fn everything_happens(self: &Rc<Self>) {
        let mut happening = JoinSet::new();
        for n in 0..self.plan.faults.len() {
            let world = Rc::clone(self);
            happening.spawn_local(async move { world.strike(&world.plan.faults[n]).await });
        }
        for n in 0..self.plan.checkouts.len() {
            let world = Rc::clone(self);
            happening.spawn_local(async move { world.buy(&world.plan.checkouts[n]).await });
        }
        while let Some(happened) = happening.join_next().await {
            happened.expect("neither clients nor faults panic");
        }
    }

    fn instance(&self, number: usize) -> &Rc<Instance> {
        &self.instances[number % self.instances.len()]
    }

    async fn until(&self, at_ms: u64) {
        sleep(Duration::from_millis(at_ms).saturating_sub(self.beginning.elapsed())).await;
    }

    /// One checkout, until it is answered; and of a home-drop the technician's word.
    async fn buy(&self, checkout: &Checkout) {
        self.until(checkout.at_ms).await;
        let request = inventory::request(checkout, self.plan.switches);
        for attempt in 0..ATTEMPTS {
            let (reply, subscription) = self.attempt(&request, checkout.instance + attempt).await;
            if let (Some(subscription), DeliveryMode::HomeDrop { .. }) = (subscription, &request.mode) {
                sleep(INSTALL_AFTER).await;
                return self.install(checkout, subscription).await;
            }
            if is_settled(&reply) {
                return;
            }
            sleep(CLIENT_WAIT).await;
        }
    }

    async fn attempt(&self, request: &CheckoutRequest, instance: usize) -> (Reply, Option<SubscriptionId>) {
        let sent = self.beginning.moment();
        let running = self.instance(instance).running();
        let asked = self.ask(&running, running.handle.complete_checkout(request.clone())).await;
        let at = self.beginning.moment();
        let receipt = asked.as_ref().and_then(|asked| asked.as_ref().ok());
        let subscription = receipt.map(|accepted| accepted.receipt.subscription());
        let reply = asked.map_or(Reply::Nothing { given_up: at }, |asked| checkout_reply(at, asked));
        let attempt = Attempt { request: inventory::seen(request), sent, reply: reply.clone() };
        self.history.borrow_mut().attempts.push(attempt);
        (reply, subscription)
    }

    async fn install(&self, checkout: &Checkout, subscription: SubscriptionId) {
        let location = inventory::location(inventory::place_of(checkout), self.plan.switches);
        let partner = inventory::partner(checkout.partner);
        for attempt in 0..ATTEMPTS {
            let sent = self.beginning.moment();
            let running = self.instance(checkout.instance + attempt).running();
            let question = running.handle.confirm_install(PartnerId(partner), subscription, location.clone());
            let asked = self.ask(&running, question).await;
            let at = self.beginning.moment();
            let reply = asked.map_or(Reply::Nothing { given_up: at }, |asked| install_reply(at, asked));
            let intent = Intent::ConfirmInstall { location: location.to_string() };
            let call = Call { partner, subscription: subscription.0, intent, sent, reply: reply.clone() };
            self.history.borrow_mut().calls.push(call);
            if is_settled(&reply) {
                return;
            }
            sleep(CLIENT_WAIT).await;
        }
    }

    /// `None`: no answer came.
    async fn ask<T>(&self, running: &Running, question: impl Future<Output = T>) -> Option<T> {
        if !running.process.is_alive() {
            return None;
        }
        let answer = tokio::select! {
            biased;
            () = running.process.gone() => None,
            answer = timeout(PATIENCE, question) => answer.ok(),
        };
        answer.filter(|_| running.process.is_alive())
    }

    async fn strike(&self, fault: &Fault) {
        self.until(fault.at_ms).await;
        let ms = Duration::from_millis;
        match fault.what {
            What::Switch { switch, fault, times } => {
                self.devices.with(&self.switch(switch), |device| device.order(fault, times));
            }
            What::Reboot { switch, down_ms } => self.devices.reboot(&self.switch(switch), ms(down_ms)),
            What::Store { instance, fault, times } => self.instance(instance).weather.order(fault, times),
            What::StoreAway { instance, ms: away_ms } => {
                let until = Instant::now() + ms(away_ms);
                let is_meant = |n: &usize| instance.is_none_or(|one| one % self.instances.len() == *n);
                let meant = (0..self.instances.len()).filter(is_meant);
                meant.for_each(|n| self.instances[n].weather.away_until(until));
            }
            What::Crash { instance, down_ms } => self.kill(self.instance(instance), ms(down_ms)),
            What::CrashAtCommit { instance, after, reached, down_ms } => {
                let instance = self.instance(instance);
                instance.stays_down_for(ms(down_ms));
                instance.weather.crash_after(after, reached);
                // Nothing was committed: it stays alive.
                let _ = timeout(COMMITS_WITHIN, instance.running().process.gone()).await;
            }
            What::Freeze { instance, when, until } => {
                let instance = self.instance(instance);
                if let FreezeWhen::InCommit(after) = when {
                    let sent = instance.weather.stop_after(after);
                    // Nothing was committed: it is stopped all the same.
                    let _ = timeout(COMMITS_WITHIN, sent.notified()).await;
                }
                self.freeze(&instance.running(), until).await;
            }
            What::Receiver { partner, answer, times } => self.receivers.order(partner, answer, times),
            What::Clock { instance, jump_ms } => {
                self.strikes.add("wall clock jumps");
                self.instance(instance).clock.jump(jump_ms);
            }
        }
    }

    fn switch(&self, number: usize) -> SwitchId {
        inventory::switch(number % self.plan.switches)
    }

    fn kill(&self, instance: &Instance, down: Duration) {
        let process = instance.running().process;
        if process.is_alive() {
            self.strikes.add("process: killed");
            instance.stays_down_for(down);
            process.kill();
        }
    }

    async fn freeze(&self, running: &Running, until: Thaw) {
        let process = &running.process;
        if !process.is_alive() || process.is_frozen() {
            return;
        }
        self.strikes.add("process: frozen");
        process.freeze(true);
        let from = self.beginning.moment();
        match until {
            Thaw::After(ms) => sleep(Duration::from_millis(ms)).await,
            Thaw::Overtaken(lines) => {
                let _ = timeout(OVERTAKEN_WITHIN, self.devices.successors_said(lines)).await;
            }
        }
        process.freeze(false);
        // Whatever it finds out, it finds out now: later it must send nothing, if another has taken over.
        let span = Span::new(from, self.beginning.end_of_now());
        self.history.borrow_mut().freezes.push(Freeze { switch: None, holder: None, span });
    }

    fn nothing_more_goes_wrong(&self) {
        self.devices.all().values_mut().for_each(Device::clear_faults);
        self.receivers.clear_orders();
        self.instances.iter().for_each(|instance| instance.weather.clear());
    }

    /// The operator releases what is quarantined, and what was set aside.
    async fn operate(self: Rc<Self>) {
        for turn in 0.. {
            sleep(OPERATOR_LOOKS).await;
            for number in 0..self.plan.switches {
                let switch = inventory::switch(number);
                let running = self.instance(turn).running();
                if self.waits_for_the_operator(&switch) {
                    // Without an answer it is done at the next look.
                    let _ = self.ask(&running, running.operator.release(&switch)).await;
                }
            }
        }
    }

    fn waits_for_the_operator(&self, switch: &SwitchId) -> bool {
        let status = self.store.record(&Key::SwitchStatus(switch.clone()));
        matches!(status, Some(Record::SwitchStatus(status))
            if status.quarantined.is_some() || !status.set_aside.is_empty())
    }

    /// Whether there was nothing left to do in the end.
    async fn comes_to_rest(&self) -> bool {
        for _ in 0..LOOKS {
            sleep(LOOK).await;
            if self.is_at_rest().await {
                return true;
            }
        }
        false
    }

    async fn is_at_rest(&self) -> bool {
        let (work, due) = (self.store.switches_with_work().await, self.store.partners_with_due().await);
        let nothing_waits = work.is_ok_and(|work| work.is_empty()) && due.is_ok_and(|due| due.is_empty());
        let mut switches = (0..self.plan.switches).map(inventory::switch);
        let nothing_waits = nothing_waits && !switches.any(|switch| self.waits_for_the_operator(&switch));
        nothing_waits && self.instances.iter().all(|instance| instance.running().process.is_alive())
    }

    async fn what_is_left(&self) -> Vec<String> {
        let work = self.store.switches_with_work().await.unwrap_or_default().into_iter().map(Index::Work);
        let due = self.store.partners_with_due().await.unwrap_or_default().into_iter().map(Index::Due);
        let mut left = Vec::new();
        for index in work.chain(due) {
            let members = self.store.members(&index, MOST_LEFT).await.unwrap_or_default();
            left.extend(
                members.into_iter().map(|Member { member, score }| format!("{index}: {member} at {score}")),
            );
        }
        left
    }

    /// Under each key it is asked once more, by whom the service knows or doesn't know.
    async fn everybody_asks_again(&self) {
        let mut once = BTreeSet::new();
        let firsts = self.plan.checkouts.iter().filter(|asked| once.insert((asked.partner, asked.key)));
        let asked = firsts.map(|checkout| async {
            let request = inventory::request(checkout, self.plan.switches);
            self.attempt(&request, checkout.instance).await
        });
        join_all(asked).await;
    }
}
