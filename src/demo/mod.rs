//! The demo: the service, 20 simulated switches and a webhook receiver in one process, and one checkout's story told line by
//! line. Nothing in it is faked for the service: HTTP, SSH, the store's file and the signed webhooks are real; only what
//! stands at the other end of a socket is simulated. It ends well only when everything that it claims was seen to hold.

mod client;
mod report;
mod story;
mod world;

use crate::simulator::receiver::Delivery;
use anyhow::{Context as _, bail};
use client::{Checkout, Client};
use report::{Figures, Report};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use story::Story;
use world::World;

/// What the command line asks for.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many checkouts.
    pub checkouts: usize,
    /// On how many switches.
    pub switches: usize,
    /// Leave everything running at the end.
    pub serve: bool,
    /// Figures as JSON, and nothing else.
    pub json: bool,
}

/// How long the whole demo may take before it gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How many checkouts are under way at once.
const AT_ONCE: usize = 16;

/// Runs the demo.
///
/// # Errors
/// When a part can't be started. What did not hold is in the report, and in the exit code.
pub async fn run(options: Options) -> anyhow::Result<ExitCode> {
    if options.checkouts == 0 || options.switches == 0 {
        bail!("the demo needs at least one checkout and one switch");
    }
    let paint = story::Paint::new(!options.json && std::io::stdout().is_terminal());
    let world = World::start(&options).await?;
    let mut story = Story::new(paint, options.json);
    story.opening(&world, &options);

    let client = Client::new(&world.base_url(), world.secret());
    let first = tell_one_checkout(&world, &client, &mut story).await?;
    replay(&client, &first, &mut story).await?;
    let figures = run_the_rest(&world, &client, &options, first).await?;
    let report = Report::judge(&world, &options, figures).await;
    story.closing(&report);
    if options.serve {
        story.serving(&world);
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C")?;
    }
    let held = report.held();
    world.stop().await;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first checkout, with everything that crosses a wire.
async fn tell_one_checkout(world: &World, client: &Client, story: &mut Story) -> anyhow::Result<Checkout> {
    let body = world.checkout_body(0, true);
    story.request(world, &body);
    let checkout = client.checkout(&body).await?;
    story.answer(&checkout);
    let (_, completed) = world.wait_for_event(&checkout, "provisioning.completed", PATIENCE).await?;
    story.dialog(world, &checkout).await;
    let (_, activated) = world.wait_for_event(&checkout, "subscription.activated", PATIENCE).await?;
    for (number, delivery) in [("4a", &completed), ("4b", &activated)] {
        story.webhook(number, delivery);
    }
    Ok(checkout)
}

async fn replay(client: &Client, first: &Checkout, story: &mut Story) -> anyhow::Result<()> {
    let again = client.checkout(&first.body).await?;
    story.replay(first, &again);
    if again.answer != first.answer || !again.replayed {
        bail!("the repeat got another answer: {} instead of {}", again.answer, first.answer);
    }
    Ok(())
}

/// The other checkouts, some at once; in the middle one switch loses its power.
async fn run_the_rest(
    world: &World,
    client: &Client,
    options: &Options,
    first: Checkout,
) -> anyhow::Result<Figures> {
    use futures_util::stream::{self, StreamExt};
    let began = Instant::now();
    let progress = story::progress(options);
    let bodies = (1..options.checkouts).map(|n| world.checkout_body(n, n % 2 == 0));
    let mut answers = stream::iter(bodies)
        .map(|body| async move { client.checkout(&body).await })
        .buffer_unordered(AT_ONCE);
    let mut checkouts = vec![first];
    let mut plugged_in = true;
    while let Some(answer) = answers.next().await {
        checkouts.push(answer?);
        progress.set_position(world.live() as u64);
        // By the answers, not by the live lines: a fast machine may have all of them live before anyone looks.
        if plugged_in && checkouts.len() * 2 >= options.checkouts {
            world.pull_the_plug();
            plugged_in = false;
        }
    }
    let accepted_in = began.elapsed();
    let deadline = began + PATIENCE;
    while !all_told(world, checkouts.len()) && Instant::now() < deadline {
        progress.set_position(world.live() as u64);
        world.changed(Duration::from_millis(250)).await;
    }
    progress.finish_and_clear();
    Ok(Figures { checkouts, accepted_in, all_live_in: began.elapsed() })
}

/// Whether as many lines were told to be live, and as many subscriptions to be active.
fn all_told(world: &World, checkouts: usize) -> bool {
    world.live() >= checkouts && world.told("subscription.activated") >= checkouts
}

/// Whether a delivery is the event `name` of this checkout.
fn is_event_of(delivery: &Delivery, checkout: &Checkout, name: &str) -> bool {
    delivery.event() == Some(name) && delivery.field("subscription_id") == Some(&checkout.subscription_id)
}
