//! How each blow is struck, and how its effect is seen: only what was seen is counted.

use super::blow::{Blow, InstanceBlow, ReceiverBlow, RedisBlow, SwitchBlow, Victim};
use super::config::LEASE;
use super::instances::Instance;
use super::redis::{Redis, Struck};
use super::world::{Phase, Store, World};
use crate::simulator::receiver::Requests;
use rustix::process::Signal;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard_actors::fail_points::FailPoint;
use tokio::time::sleep;

/// Between two looks at a state.
const LOOK: Duration = Duration::from_millis(5);
/// How long a blow waits for an instance that can be struck, and then for its moment.
const AIM: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_secs(3);
/// How soon a place is reached that is passed now and then.
const REACHED: Duration = Duration::from_secs(10);
/// How soon a switch sees that a session was torn away.
const TEAR: Duration = Duration::from_millis(500);
/// How soon a frozen instance's sessions are gone once it goes on.
const THAW: Duration = Duration::from_secs(15);
/// How long a clock stays wrong, if nobody sees it before.
const WRONG_CLOCK: Duration = Duration::from_secs(8);
/// How long it stays wrong once it was seen.
const SEEN_CLOCK: Duration = Duration::from_secs(1);
/// How soon an event whose attempt was refused comes again.
const MISSED: Duration = Duration::from_secs(5);
/// How soon a store notices that its disk is full.
const FULL: Duration = Duration::from_secs(5);

/// Strikes, and returns when it is over.
pub async fn strike(world: Rc<World>, blow: Blow) {
    match blow {
        Blow::Instance { which, how } => strike_instance(&world, which, how).await,
        Blow::Actor { which, at } => panic_at(&world, which, at).await,
        Blow::Redis { node, how } => strike_redis(&world, node, how).await,
        Blow::DiskFull { lasting } => fill_disk(&world, lasting).await,
        Blow::Switch { which, how } => strike_switch(&world, which, how),
        Blow::Receiver { which, how } => strike_receiver(&world, which, how).await,
    }
}

/// Waits for a state; whether it came in time.
async fn until(patience: Duration, holds: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !holds() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(LOOK).await;
    }
    true
}

/// An instance that nobody else strikes as long as this is held.
struct Aimed<'w>(&'w Instance);

impl Drop for Aimed<'_> {
    fn drop(&mut self) {
        self.0.is_struck.set(false);
    }
}

/// This instance first, and then the others.
fn ring(world: &World, which: usize) -> impl Iterator<Item = &Instance> {
    let (before, from) = world.instances.split_at(which);
    from.iter().chain(before)
}

/// This instance, or the next one that is ready and free.
async fn aim(world: &World, which: usize) -> Option<Aimed<'_>> {
    let free = || ring(world, which).find(|instance| instance.is_ready() && !instance.is_struck.get());
    until(AIM, || free().is_some() || !world.is(Phase::Striking)).await;
    let instance = free()?;
    instance.is_struck.set(true);
    Some(Aimed(instance))
}

async fn strike_instance(world: &World, which: usize, how: InstanceBlow) {
    let Some(Aimed(instance)) = &aim(world, which).await else { return };
    match how {
        InstanceBlow::KillInDialog => {
            until(MOMENT, || !world.switches.dialogs(instance).is_empty()).await;
            kill(world, instance).await;
        }
        InstanceBlow::Kill => kill(world, instance).await,
        InstanceBlow::Freeze { lasting } => freeze(world, instance, lasting).await,
        InstanceBlow::Clock { millis } => jump(world, instance, millis).await,
    }
}

/// Whoever reaches the place says so in its last words, in the log, where it is counted. An order that died with its process
/// is given again.
async fn panic_at(world: &World, which: usize, at: FailPoint) {
    let seen = || world.panics.borrow().at(at.name());
    let (before, deadline) = (seen(), Instant::now() + REACHED);
    while seen() == before && Instant::now() < deadline && world.is(Phase::Striking) {
        let ready = |instance: &&Instance| instance.is_ready();
        let Some(instance) = ring(world, which).find(ready) else {
            sleep(10 * LOOK).await;
            continue;
        };
        let starts = instance.starts();
        instance.order(&format!("panic {}", at.name()));
        until(REACHED, || seen() > before || instance.starts() != starts || !world.is(Phase::Striking)).await;
    }
}

/// A kill struck inside a dialog when a switch saw a session end in configuration mode by it.
async fn kill(world: &World, instance: &Instance) {
    let dialogs = world.switches.dialogs(instance);
    if !instance.kill() {
        return;
    }
    let torn = || dialogs.iter().any(|(switch, session)| world.switches.was_torn_away(*switch, *session));
    let in_dialog = until(TEAR, torn).await;
    let what = if in_dialog { KILLED_IN_DIALOG } else { KILLED };
    world.tally.borrow_mut().count(Victim::Process, what);
}

/// What kills are counted as.
pub const KILLED: &str = "killed";
pub const KILLED_IN_DIALOG: &str = "killed in an open dialog";

async fn freeze(world: &World, instance: &Instance, lasting: Duration) {
    let from = Instant::now();
    if !instance.signal(Signal::STOP) {
        return;
    }
    let open = world.switches.open_sessions(instance);
    sleep(lasting).await;
    let is_past = world.instances.len() > 1 && from.elapsed() >= LEASE / 2;
    if !instance.signal(Signal::CONT) {
        return;
    }
    let what = if lasting > LEASE { "frozen past the lease" } else { "frozen within the lease" };
    world.tally.borrow_mut().count(Victim::Process, what);
    if is_past {
        // Others have its switches by now, or soon; and its own sessions are open until it has looked at its clock.
        until(THAW, || world.switches.are_closed(&open)).await;
        world.kept.borrow_mut().freeze(instance.name(), from, Instant::now());
    }
}

/// The effect is an event with a timestamp that is as wrong.
async fn jump(world: &World, instance: &Instance, millis: i64) {
    let (starts, before) = (instance.starts(), world.clock_errors.get());
    if !instance.order(&format!("clock {millis}")) {
        return;
    }
    if until(WRONG_CLOCK, || world.clock_errors.get() > before).await {
        let what = if millis > 0 { "jumped forward" } else { "jumped back" };
        world.tally.borrow_mut().count(Victim::Clock, what);
        sleep(SEEN_CLOCK).await;
    }
    if instance.starts() == starts {
        instance.order(&format!("clock {}", -millis));
    }
}

async fn strike_redis(world: &World, node: usize, how: RedisBlow) {
    let Store::Redis(redis) = &world.store else { return };
    let redis = Arc::clone(redis);
    let struck = tokio::task::spawn_blocking(move || redis.strike(node, how)).await;
    match struck {
        Ok(Ok(Some(Struck { what, away }))) => {
            world.tally.borrow_mut().count(Victim::Redis, what);
            if let Some((from, until)) = away {
                world.kept.borrow_mut().outage(from, until);
            }
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => world.remark(format!("Redis could not be struck: {error}")),
        Err(error) => world.remark(format!("Redis could not be struck: {error}")),
    }
}

/// The effect is an instance that is no longer ready.
async fn fill_disk(world: &World, lasting: Duration) {
    let Store::Embedded { disk, is_full } = &world.store else { return };
    if !disk.can_be_full() {
        return;
    }
    let Some(Aimed(instance)) = &aim(world, 0).await else { return };
    is_full.set(true);
    let disk = Arc::clone(disk);
    let filling = Arc::clone(&disk);
    let filled = tokio::task::spawn_blocking(move || filling.fill()).await;
    if until(FULL, || !instance.is_ready()).await && matches!(filled, Ok(Ok(()))) {
        world.tally.borrow_mut().count(Victim::Disk, "full");
        sleep(lasting).await;
    }
    if let Err(error) = disk.empty() {
        world.remark(format!("the disk can't be emptied: {error}"));
    }
    is_full.set(false);
}

fn strike_switch(world: &World, which: usize, how: SwitchBlow) {
    if how == SwitchBlow::ChangeHostKey {
        world.new_keys.borrow_mut().insert(which);
    }
    if let Some(what) = world.switches.strike(which, how) {
        world.tally.borrow_mut().count(Victim::Switch, what);
    }
}

/// Counts the orders that switches have carried out.
pub async fn watch_switches(world: Rc<World>) {
    while world.is(Phase::Striking) {
        for what in world.switches.struck() {
            world.tally.borrow_mut().count(Victim::Switch, what);
        }
        sleep(10 * LOOK).await;
    }
}

async fn strike_receiver(world: &World, which: usize, how: ReceiverBlow) {
    match how {
        ReceiverBlow::Refuse { lasting } => refuse(world, which, lasting).await,
        // Counted in the end, by what the receiver remembers.
        ReceiverBlow::Answer(answer) => world.partners[which].receiver.order(Requests::Next(1), answer),
    }
}

/// The effect is an event whose earlier attempt never arrived.
async fn refuse(world: &World, which: usize, lasting: Duration) {
    let receiver = &world.partners[which].receiver;
    let before = world.book.borrow().attempts_missed();
    receiver.refuse_connections();
    sleep(lasting).await;
    if let Err(error) = receiver.accept_connections() {
        world.remark(format!("receiver {which} can't listen again: {error}"));
    }
    if until(MISSED, || world.book.borrow().attempts_missed() > before).await {
        world.tally.borrow_mut().count(Victim::Receiver, "refused connections");
    }
}

/// Everything can be reached again, and nothing waits to strike.
pub async fn end_faults(world: &World) {
    world.switches.take_back();
    world.partners.iter().for_each(|partner| partner.receiver.clear_orders());
    if let Store::Redis(redis) = &world.store {
        heal(world, Arc::clone(redis)).await;
    }
}

async fn heal(world: &World, redis: Arc<Redis>) {
    match tokio::task::spawn_blocking(move || redis.heal()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => world.remark(format!("Redis is not whole: {error}")),
        Err(error) => world.remark(format!("Redis is not whole: {error}")),
    }
}
