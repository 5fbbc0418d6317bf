//! One run from its processes' start to their end.

use super::cores::Cores;
use super::figures::Figures;
use super::fleet::{Fleet, FleetState};
use super::inbox::Inbox;
use super::load::Load;
use super::network::{Network, VLAN};
use super::observed::Observed;
use super::options::Options;
use super::progress::Progress;
use super::seen::Seen;
use super::service::Service;
use super::used::Meter;
use super::verdict;
use crate::simulator::receiver::WebhookReceiver;
use anyhow::Context as _;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at how far it is: short beside a run, long beside a look.
const LOOK: Duration = Duration::from_millis(100);
/// As long as more comes, a run goes on; so long without anything new is its end.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Runs, and says what was seen.
///
/// # Errors
/// When a part can't be started, or ends by itself.
pub async fn run(options: &Options, cores: &Cores, progress: &Progress) -> anyhow::Result<Figures> {
    let folder = tempfile::Builder::new().prefix("switchyard-bench-").tempdir().context("a folder")?;
    let network = Network::of(options);
    let receiver = WebhookReceiver::start(network.secrets()).context("the webhook receiver")?;
    progress.says("starts the switches");
    let mut fleet = Fleet::start(options, cores, folder.path()).await?;
    let inventories = network.write_inventories(&fleet.switches, &receiver.url(), folder.path())?;
    progress.says("starts the service, with one switch and with all");
    let mut service = Service::start(options, &inventories, folder.path()).await?;

    let (inbox, mut meter) = (Rc::new(Inbox::of(receiver)), Meter::start(&service, &fleet));
    let began = Instant::now();
    let load = Rc::new(Load::new(options, network.clone(), Rc::clone(&inbox), service.address()));
    let listening = actix_rt::spawn(Rc::clone(&inbox).listen());
    let driving = actix_rt::spawn(Rc::clone(&load).drive());
    until_all_told(&load, &inbox, &mut service, &mut meter, progress).await?;
    driving.abort();
    let state = until_all_saved(&mut fleet, progress).await?;
    let used = meter.read(&service, &fleet);

    progress.says("stops");
    let known = service.known;
    service.stop().await?;
    listening.abort();
    inbox.read_on();
    let told = inbox.told();
    let seen = Seen::of(fleet.stop().await?, options.switches);
    let (sent, may_fail) = (load.outcome(), options.device.faults > 0.0);
    let is_live = |order| seen.port(network.place(order)).is_some_and(|port| port.vlan == Some(VLAN));
    let faults = verdict::judge(&sent, &told, is_live, may_fail);
    let observed = Observed {
        options,
        network: &network,
        began,
        sent,
        told: &told,
        seen,
        used,
        known,
        open_sessions: state.open_sessions,
        cpus: cores.count(),
        faults,
    };
    Ok(observed.figures())
}

/// Waits until each accepted checkout has its outcome, or nothing moves any more: what is missing then is for the verdict.
async fn until_all_told(
    load: &Load,
    inbox: &Inbox,
    service: &mut Service,
    meter: &mut Meter,
    progress: &Progress,
) -> anyhow::Result<()> {
    let (mut moved, mut last) = (Instant::now(), (0, 0));
    loop {
        meter.look(service);
        let now = (load.accepted_so_far(), inbox.count());
        progress.is_at(now.0, now.1);
        if load.is_over() && now.1 >= now.0 {
            return Ok(());
        }
        service.must_run()?;
        if now != last {
            (moved, last) = (Instant::now(), now);
        } else if moved.elapsed() > STANDSTILL {
            return Ok(());
        }
        sleep(LOOK).await;
    }
}

/// Waits until a reboot would change nothing, or no more is saved.
async fn until_all_saved(fleet: &mut Fleet, progress: &Progress) -> anyhow::Result<FleetState> {
    progress.says("waits for the last saves");
    let mut state = fleet.state().await?;
    let mut moved = Instant::now();
    while state.unsaved_ports > 0 && moved.elapsed() < STANDSTILL {
        sleep(LOOK).await;
        let now = fleet.state().await?;
        if now.unsaved_ports != state.unsaved_ports {
            moved = Instant::now();
        }
        state = now;
    }
    Ok(state)
}
