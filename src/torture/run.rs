//! One run from its beginning to its report.

#![allow(clippy::print_stdout, clippy::print_stderr)] // it answers on the terminal

use super::options::Options;
use super::plan::Plan;
use super::report::{Outcome, Report};
use super::strike;
use super::world::{Phase, Store, World};
use super::{calm, clients, evidence, instances, logs, operator};
use crate::cli::TortureArgs;
use anyhow::Context as _;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

const WRONG_USAGE: u8 = 2;
/// Between two lines on how it goes.
const TELL: Duration = Duration::from_secs(15);
/// For the blows under way when faults end.
const LAST_BLOWS: Duration = Duration::from_secs(60);

/// Runs, judges, and says what it found.
///
/// # Errors
/// When a part can't be started. What did not hold is in the report, and in the exit code.
pub async fn run(args: &TortureArgs) -> anyhow::Result<ExitCode> {
    let options = match Options::of(args) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("switchyard torture: {why}");
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let plan = Plan::of(&options);
    if args.plan {
        print!("{plan}");
        return Ok(ExitCode::SUCCESS);
    }
    let world = Rc::new(World::start(options).await?);
    introduce(&world);
    let report = torture(&world, &plan).await?;
    print!("{report}");
    if let Some(file) = &world.options.json {
        let text = serde_json::to_string_pretty(&report).context("the report as JSON")?;
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn introduce(world: &World) {
    let options = &world.options;
    eprintln!(
        "torture: seed {}, {} minutes, store {}, {} instances; files in {}",
        options.seed,
        options.minutes,
        options.store.name(),
        options.instances,
        world.folder.borrow().path().display()
    );
    if let Store::Embedded { disk, .. } = &world.store
        && !disk.can_be_full()
    {
        world.remark("the disk was never full: a file system of its own needs root".to_owned());
    }
}

async fn torture(world: &Rc<World>, plan: &Plan) -> anyhow::Result<Report> {
    let mut stop = Stop::listen()?;
    attend(world);
    let began = Instant::now();
    tokio::select! {
        () = strike_all(world, plan) => {}
        () = stop.wanted() => eprintln!("torture: faults end early"),
    }
    world.enter(Phase::Draining);
    let (struck, completed) = (began.elapsed(), world.book.borrow().completed_jobs());
    strike::end_faults(world).await;
    eprintln!("torture: faults have ended after {:.0} s; draining", struck.as_secs_f64());
    let began = Instant::now();
    let left = tokio::select! {
        left = calm::drain(world) => left.map(|left| left.to_string()),
        () = stop.wanted() => Some("the drain was not waited for".to_owned()),
    };
    let drained = began.elapsed();
    calm::stop(world).await;
    let evidence = evidence::gather(world, left).await;
    let outcome = Outcome { struck, completed, drained, left: evidence.left };
    let verdicts = crate::checker::judge(&evidence.history);
    let mut report = Report::of(world, outcome, verdicts);
    report.kept = evidence::keep(world, &evidence.history, report.is_clean()).await?;
    // What could not be kept is among them only now.
    report.remarks.clone_from(&world.remarks.borrow());
    Ok(report)
}

/// Everybody who goes on beside the faults.
fn attend(world: &Rc<World>) {
    for which in 0..world.instances.len() {
        actix_rt::spawn(instances::keep_running(Rc::clone(world), which));
    }
    actix_rt::spawn(operator::attend(Rc::clone(world)));
    actix_rt::spawn(strike::watch_switches(Rc::clone(world)));
    actix_rt::spawn(logs::watch(Rc::clone(world)));
    actix_rt::spawn(evidence::listen(Rc::clone(world)));
    actix_rt::spawn(clients::drive(Rc::clone(world)));
    actix_rt::spawn(tell(Rc::clone(world)));
}

/// Every blow at its time; returns when the last is over.
async fn strike_all(world: &Rc<World>, plan: &Plan) {
    let began = Instant::now();
    let mut under_way = Vec::new();
    for planned in &plan.0 {
        tokio::time::sleep_until((began + planned.at).into()).await;
        under_way.push(actix_rt::spawn(strike::strike(Rc::clone(world), planned.blow.clone())));
    }
    tokio::time::sleep_until((began + world.options.lasting()).into()).await;
    world.enter(Phase::Draining);
    let over = timeout(LAST_BLOWS, futures_util::future::join_all(under_way)).await;
    if over.is_err() {
        world.remark(format!("blows were still under way {LAST_BLOWS:?} after the end"));
    }
}

async fn tell(world: Rc<World>) {
    let began = Instant::now();
    while !world.is(Phase::Stopping) {
        sleep(TELL).await;
        let (sent, accepted, completed, failed) = {
            let book = world.book.borrow();
            (book.sent, book.accepted_jobs(), book.completed_jobs(), book.failed_jobs())
        };
        let struck: u64 = world.tally.borrow().kinds().iter().map(|kind| kind.times).sum();
        eprintln!(
            "torture: {:4.0} s: {sent} checkouts, {accepted} accepted, {completed} completed, {failed} failed; {struck} faults",
            began.elapsed().as_secs_f64()
        );
    }
}

/// Whoever wants it to end.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> anyhow::Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
        let terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
        Ok(Self { interrupt, terminate })
    }

    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
