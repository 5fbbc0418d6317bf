//! One run from its processes' start to their end.

use super::cores::Cores;
use super::figures::Figures;
use super::fleet::{Fleet, FleetState};
use super::inbox::{Inbox, Told};
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
use actix_rt::task::JoinHandle;
use anyhow::Context as _;
use std::path::Path;
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
    let mut stage = Stage::set(options, &network, cores, folder.path(), progress).await?;
    let mut meter = Meter::start(&stage.service, &stage.fleet);
    let began = Instant::now();
    let address = stage.service.address();
    let load = Rc::new(Load::new(options, network.clone(), Rc::clone(&stage.inbox), address));
    let driving = actix_rt::spawn(Rc::clone(&load).drive());
    stage.until_all_told(&load, &mut meter, progress).await?;
    driving.abort();
    let open_sessions = until_all_saved(&mut stage.fleet, progress).await?.open_sessions;
    let used = meter.read(&stage.service, &stage.fleet);
    progress.says("stops");
    let known = stage.service.known;
    let (told, seen) = stage.clear(options).await?;

    let (sent, may_fail) = (load.outcome(), options.device.faults > 0.0);
    let is_live = |order| seen.port(network.place(order)).is_some_and(|port| port.vlan == Some(VLAN));
    let faults = verdict::judge(&sent, &told, is_live, may_fail);
    let (network, told, cpus) = (&network, &told[..], cores.count());
    let observed =
        Observed { options, network, began, sent, told, seen, used, known, open_sessions, cpus, faults };
    Ok(observed.figures())
}

/// Everything but the load.
struct Stage {
    inbox: Rc<Inbox>,
    listening: JoinHandle<()>,
    // Before the fleet: it ends first.
    service: Service,
    fleet: Fleet,
}

impl Stage {
    async fn set(
        options: &Options,
        network: &Network,
        cores: &Cores,
        folder: &Path,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let receiver = WebhookReceiver::start(network.secrets()).context("the webhook receiver")?;
        progress.says("starts the switches");
        let fleet = Fleet::start(options, cores, folder).await?;
        let inventories = network.write_inventories(&fleet.switches, &receiver.url(), folder)?;
        progress.says("starts the service, with one switch and with all");
        let service = Service::start(options, &inventories, folder).await?;
        let inbox = Rc::new(Inbox::of(receiver));
        let listening = actix_rt::spawn(Rc::clone(&inbox).listen());
        Ok(Self { inbox, listening, service, fleet })
    }

    /// Waits until each accepted checkout has its outcome, or nothing moves any more: what is missing then is for the verdict.
    async fn until_all_told(
        &mut self,
        load: &Load,
        meter: &mut Meter,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        let (mut moved, mut last) = (Instant::now(), (0, 0));
        loop {
            meter.look(&self.service);
            let now = (load.accepted_so_far(), self.inbox.count());
            progress.is_at(now.0, now.1);
            if load.is_over() && now.1 >= now.0 {
                return Ok(());
            }
            self.service.must_run()?;
            if now != last {
                (moved, last) = (Instant::now(), now);
            } else if moved.elapsed() > STANDSTILL {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    /// Ends everything, the service first; what the receiver was told and the switches saw.
    async fn clear(self, options: &Options) -> anyhow::Result<(Vec<Told>, Seen)> {
        self.service.stop().await?;
        self.listening.abort();
        self.inbox.read_on();
        let seen = Seen::of(self.fleet.stop().await?, options.switches);
        Ok((self.inbox.told(), seen))
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
