//! What is gathered for the checker: webhooks as they come, and in the end logs, dead letters, and whether the store agrees
//! that nothing is left.

use super::blow::{Victim, receiver_fault};
use super::kept::Kept;
use super::operator;
use super::world::{Phase, Store, World};
use crate::checker::History;
use crate::checker::history::{Attempt, Delivery as Arrived, Ending};
use crate::config::Config;
use crate::simulator::receiver::Delivery;
use crate::{operations, startup};
use anyhow::Context as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

const LOOK: Duration = Duration::from_millis(50);
/// By so much a timestamp may be old: an event waits in outages, and on a busy machine.
const OLD: f64 = 50.0;

/// Hears what receivers get, until the instances are stopped.
pub async fn listen(world: Rc<World>) {
    let mut heard = vec![0; world.partners.len()];
    while !world.is(Phase::Stopping) {
        hear(&world, &mut heard);
        sleep(LOOK).await;
    }
}

fn hear(world: &World, heard: &mut [usize]) {
    for (partner, heard) in world.partners.iter().zip(heard) {
        let new = partner.receiver.deliveries_from(*heard);
        *heard += new.len();
        for delivery in &new {
            world.book.borrow_mut().hear(delivery);
            if is_of_a_wrong_clock(delivery) {
                world.clock_errors.set(world.clock_errors.get() + 1);
            }
        }
    }
}

fn is_of_a_wrong_clock(delivery: &Delivery) -> bool {
    let told = delivery.json.as_ref().and_then(|body| body["timestamp"].as_f64());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs_f64()).ok();
    told.zip(now).is_some_and(|(told, now)| told > now + 1.0 || told < now - OLD)
}

/// What is judged.
pub struct Evidence {
    /// The history.
    pub history: History,
    /// What had not come to rest.
    pub left: Option<String>,
}

/// All of it, when the instances have ended.
pub async fn gather(world: &World, left: Option<String>) -> Evidence {
    count_receivers(world);
    if let Store::Redis(redis) = &world.store {
        world.tally.borrow_mut().add(Victim::Redis, "lost an answer", redis.answers_lost());
    }
    read_logs(world);
    let letters = operator::dead_letters(world).await.unwrap_or_else(|error| {
        world.remark(format!("dead letters can't be listed: {error:#}"));
        Vec::new()
    });
    let left = match left {
        Some(left) => Some(left),
        None => left_in_store(world)
            .await
            .unwrap_or_else(|error| Some(format!("the store can't be read: {error:#}"))),
    };
    let ending = if left.is_none() { Ending::Drained } else { Ending::CutShort };
    let kept = world.kept.replace(Kept::empty());
    Evidence { history: kept.finish(world, &letters, ending), left }
}

fn count_receivers(world: &World) {
    let mut tally = world.tally.borrow_mut();
    for partner in &world.partners {
        for delivery in partner.receiver.deliveries() {
            if let Some(what) = receiver_fault(&delivery.answer) {
                tally.count(Victim::Receiver, what);
            }
        }
    }
}

fn read_logs(world: &World) {
    for instance in &world.instances {
        let text = instance.log_text();
        world.kept.borrow_mut().log(format!("log of instance {}", instance.number), text);
    }
}

/// What the outside can't see: that the store's own lists of open work and due events are empty.
async fn left_in_store(world: &World) -> anyhow::Result<Option<String>> {
    let config = Config::load(Some(world.instances[0].config()))?;
    let open = startup::open_store(&config).await?;
    Ok(operations::left_to_do(&*open.store).await?)
}

/// Keeps logs, history and the store's whole state where that was asked for or something is wrong; says where.
///
/// # Errors
/// When they can't be written.
pub async fn keep(world: &World, history: &History, is_clean: bool) -> anyhow::Result<Option<String>> {
    if is_clean && !world.folder.borrow().stays() {
        return Ok(None);
    }
    world.folder.borrow_mut().keep();
    let folder = world.folder.borrow().path().to_owned();
    if let Err(error) = operator::export_store(world, &folder.join("store.jsonl")).await {
        world.remark(format!("the store can't be exported: {error:#}"));
    }
    write_history(history, &folder.join("history.txt")).context("the history")?;
    Ok(Some(folder.display().to_string()))
}

/// A line a record; what a switch got, by switch.
fn write_history(history: &History, file: &std::path::Path) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    let History { attempts, sessions, commands, freezes, deliveries, dead_letters, .. } = history;
    attempts.iter().try_for_each(|record| write_attempt(&mut out, record))?;
    sessions.iter().try_for_each(|record| writeln!(out, "{record:?}"))?;
    commands.iter().try_for_each(|record| writeln!(out, "{record:?}"))?;
    freezes.iter().try_for_each(|record| writeln!(out, "{record:?}"))?;
    deliveries.iter().try_for_each(|record| write_delivery(&mut out, record))?;
    dead_letters.iter().try_for_each(|record| writeln!(out, "{record:?}"))?;
    out.flush()
}

/// Bodies as text: as numbers they would be most of the file.
fn write_attempt(out: &mut impl Write, attempt: &Attempt) -> std::io::Result<()> {
    let Attempt { request, sent, reply } = attempt;
    write!(out, "Attempt {sent} {request:?} ")?;
    match reply.answer() {
        Some(answer) => {
            writeln!(out, "{} {} {}", answer.at, answer.status, String::from_utf8_lossy(&answer.body))
        }
        None => writeln!(out, "{reply:?}"),
    }
}

fn write_delivery(out: &mut impl Write, delivery: &Arrived) -> std::io::Result<()> {
    let Arrived { at, to, id, attempt, answered, body, .. } = delivery;
    let body = String::from_utf8_lossy(body);
    writeln!(out, "Delivery {at} {to:?} {id:?} {attempt:?} {answered:?} {body}")
}
