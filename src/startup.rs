//! Starting and stopping the service: the one place, beside the demo, that names siblings and puts them together.
//!
//! What `serve` starts is what tests start. The order matters: the store is opened first (a second service fails here), the
//! inventory is applied, the graph finds what was left open, and only then does the edge listen. Stopping goes the other
//! way round:
//!
//! ```text
//!   drain_ms          /readyz is 503, everything is still taken, each answer ends its connection
//!   stop_timeout_ms   the listener is closed, what is under way is answered ┐ at the same time
//!   patience_ms       switches and webhooks come to a safe point, leases go ┘
//!   then              the census is left, threads end, the socket and the store are closed
//! ```
//!
//! It must never stop the graph's threads before the last request is answered.

use crate::config::{Config, Engine, StopConfig};
use crate::control::{Actions, Answer, ControlSocket, Question};
use crate::http::{self, Drain, LocalRateLimiter, RateLimiter, SharedCount, SharedRateLimiter};
use crate::inventory::{Applied, ApplyError, ProcessSecrets, SecretSource as _};
use crate::machine::{SystemClock, SystemEntropy};
use crate::operations::{self, apply_inventory, describe};
use crate::ssh::{Driver, Platforms};
use crate::store::OpenStore;
use crate::store::backup::WholeState;
use crate::store::embedded::EmbeddedStore;
use crate::store::redis::{self, RedisStore, SharedCounts};
use crate::webhook::SenderFactory;
use actix_web::dev::ServerHandle;
use anyhow::Context as _;
use async_trait::async_trait;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard_actors::domain::ids::{JobId, SwitchId};
use switchyard_actors::domain::inventory::SecretRef;
use switchyard_actors::domain::record::{Key, Record};
use switchyard_actors::domain::text::Secret;
use switchyard_actors::graph::Graph;
use switchyard_actors::outside::Outside;
use switchyard_actors::ports::hints::NoHints;
use switchyard_actors::ports::store::Store;
use switchyard_actors::ports::webhook::WebhookSender;
use tokio::task::JoinHandle;

/// The running service.
pub struct Application {
    address: SocketAddr,
    store: Arc<dyn Store>,
    graph: Graph,
    control: Option<ControlSocket>,
    edge: ServerHandle,
    edge_task: JoinHandle<std::io::Result<()>>,
    drain: Drain,
    limits: StopConfig,
}

/// What is ready to be started: the store is open, and the inventory is applied. Nothing runs yet, so it may be dropped.
pub struct Prepared {
    config: Config,
    open: OpenStore,
    platforms: Platforms,
}

impl Application {
    /// Opens the store and starts everything.
    ///
    /// # Errors
    /// With what is wrong, and where.
    pub async fn build(config: Config, inventory: Option<&Path>) -> anyhow::Result<Self> {
        Self::prepare(config, inventory).await?.start().await
    }

    /// Starts everything on a store that is open.
    ///
    /// # Errors
    /// With what is wrong, and where.
    pub async fn build_on(config: Config, inventory: Option<&Path>, open: OpenStore) -> anyhow::Result<Self> {
        Self::prepare_on(config, inventory, open).await?.start().await
    }

    /// Opens the store and applies the inventory; a shared store may be waited for. Dropped on its way, it leaves nothing
    /// behind but what was applied.
    ///
    /// # Errors
    /// With what is wrong, and where.
    pub async fn prepare(config: Config, inventory: Option<&Path>) -> anyhow::Result<Prepared> {
        let open = open_store(&config).await?;
        Self::prepare_on(config, inventory, open).await
    }

    async fn prepare_on(
        config: Config,
        inventory: Option<&Path>,
        open: OpenStore,
    ) -> anyhow::Result<Prepared> {
        let platforms = Platforms::load(config.ssh.platforms.as_deref())?;
        if let Some(path) = inventory {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let patience = Duration::from_millis(config.store.redis.start_wait_ms);
            let file = path.display().to_string();
            let applied = apply_patiently(&*open.store, &platforms, &file, &text, patience).await?;
            for line in describe(&applied) {
                tracing::info!(line, "inventory");
            }
        }
        Ok(Prepared { config, open, platforms })
    }

    /// Where the edge listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The store, to be looked at.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// What was said to the switch for a job.
    pub async fn transcript(&self, switch: &str, job: &str) -> Option<String> {
        let key = Key::Transcript(SwitchId::parse(switch).ok()?, JobId(job.parse().ok()?));
        match self.store.read(&[key]).await.ok()?.pop()??.record {
            Record::Transcript(transcript) => Some(transcript.text),
            _ => None,
        }
    }

    /// Drains, stops taking requests, lets what is at work come to a safe point, and closes the store.
    pub async fn stop(self) {
        self.drain.begin();
        tokio::time::sleep(Duration::from_millis(self.limits.drain_ms)).await;
        let patience = Duration::from_millis(self.limits.patience_ms);
        tokio::join!(close_edge(&self.edge, self.edge_task), self.graph.come_to_rest(patience));
        self.graph.end().await;
        if let Some(control) = self.control {
            control.close().await;
        }
        tracing::info!("stopped");
    }
}

async fn close_edge(edge: &ServerHandle, ended: JoinHandle<std::io::Result<()>>) {
    edge.stop(true).await;
    if let Ok(Err(error)) = ended.await {
        tracing::warn!(%error, "the edge ended badly");
    }
}

impl Prepared {
    /// Starts everything.
    ///
    /// # Errors
    /// With what is wrong, and where.
    pub async fn start(self) -> anyhow::Result<Application> {
        let Self { config, open: OpenStore { store, whole, hints, counts }, platforms } = self;
        let driver = Driver::new(config.ssh.clone(), platforms.clone());
        let clock = Arc::new(SystemClock);
        let outside = Outside::new(
            Arc::clone(&store),
            hints,
            Arc::new(driver),
            Arc::clone(&clock) as _,
            Arc::new(SystemEntropy),
            config.graph(),
        );
        let senders = SenderFactory::new(config.webhook.clone());
        let graph =
            Graph::start(Arc::new(outside), move || Rc::new(senders.sender()) as Rc<dyn WebhookSender>);
        let actions = Operator { store: Arc::clone(&store), whole, platforms, graph: graph.operator() };
        let control = match config.store.engine {
            Engine::Embedded => Some(ControlSocket::listen(&config.store.path, Arc::new(actions)).await?),
            // The command line opens a shared store itself.
            Engine::Redis => None,
        };
        let listener = TcpListener::bind(config.http.listen)
            .with_context(|| format!("http.listen = {}", config.http.listen))?;
        let local = LocalRateLimiter::new(config.http.rate_limit.clone(), clock);
        let limiter: Arc<dyn RateLimiter> = match counts {
            Some(counts) => Arc::new(SharedRateLimiter::new(local, counts)),
            None => Arc::new(local),
        };
        let drain = Drain::default();
        let (server, address) =
            http::serve(config.http.clone(), graph.provisioning(), limiter, listener, drain.clone())?;
        let edge = server.handle();
        let edge_task = actix_rt::spawn(server);
        tracing::info!(%address, "listening");
        let limits = config.stop;
        Ok(Application { address, store, graph, control, edge, edge_task, drain, limits })
    }
}

/// A shared store may be away just now, or be changed by another instance that starts: the file is applied again until
/// it is, which is safe, or the patience ends.
async fn apply_patiently(
    store: &dyn Store,
    platforms: &Platforms,
    file: &str,
    text: &str,
    patience: Duration,
) -> anyhow::Result<Applied> {
    let until = Instant::now() + patience;
    loop {
        let error = match apply_inventory(store, platforms, file, text).await {
            Ok(applied) => return Ok(applied),
            Err(error) => error,
        };
        let is_passing = matches!(
            error.downcast_ref(),
            Some(ApplyError::Store(_) | ApplyError::Unknown(_) | ApplyError::Contended(_))
        );
        if !store.is_shared() || !is_passing || Instant::now() >= until {
            return Err(error);
        }
        tracing::warn!(%error, "the inventory is applied again");
        tokio::time::sleep(APPLY_AGAIN).await;
    }
}

/// Between two tries to apply the inventory at the start.
const APPLY_AGAIN: Duration = Duration::from_millis(500);

/// Opens the store that the configuration names.
///
/// # Errors
/// When it can't be opened, another service has it, or it may forget what it is told.
pub async fn open_store(config: &Config) -> anyhow::Result<OpenStore> {
    match config.store.engine {
        Engine::Embedded => {
            let store = EmbeddedStore::open(&config.store.path, config.store.embedded.clone())?;
            Ok(alone(store))
        }
        Engine::Redis => open_redis(&config.store.redis).await,
    }
}

/// An embedded store as the service takes it: nobody shares it.
#[must_use]
pub fn alone(store: EmbeddedStore) -> OpenStore {
    let store = Arc::new(store);
    OpenStore {
        store: Arc::clone(&store) as _,
        whole: store,
        hints: Arc::new(NoHints::default()),
        counts: None,
    }
}

async fn open_redis(settings: &redis::Settings) -> anyhow::Result<OpenStore> {
    let store = Arc::new(RedisStore::open(settings.clone(), redis_password(settings)?).await?);
    let (hints, counts) = (store.hints()?, store.counts());
    Ok(OpenStore {
        store: Arc::clone(&store) as _,
        whole: store,
        hints: Arc::new(hints),
        counts: Some(counts),
    })
}

/// The password that the settings refer to.
///
/// # Errors
/// When the reference leads nowhere.
pub fn redis_password(settings: &redis::Settings) -> anyhow::Result<Option<Secret>> {
    if settings.password.is_empty() {
        return Ok(None);
    }
    let reference = SecretRef::try_from(settings.password.clone()).context("store.redis.password")?;
    let secret = ProcessSecrets.resolve(&reference).map_err(anyhow::Error::msg);
    Ok(Some(Secret::new(&secret.context("store.redis.password")?)))
}

#[async_trait]
impl SharedCount for SharedCounts {
    async fn add_one(&self, name: &str, keep_ms: u64) -> Option<u32> {
        self.add_one(name, keep_ms).await
    }
}

/// Answers the command line, on the store that the service has open.
struct Operator {
    store: Arc<dyn Store>,
    whole: Arc<dyn WholeState>,
    platforms: Platforms,
    graph: switchyard_actors::graph::Operator,
}

impl Operator {
    async fn act(&self, question: Question) -> anyhow::Result<Vec<String>> {
        match question {
            Question::ApplyInventory { file, text } => {
                let applied = apply_inventory(&*self.store, &self.platforms, &file, &text).await?;
                self.graph.inventory_changed();
                Ok(describe(&applied))
            }
            Question::ListSwitches => {
                let mut lines = operations::list_switches(&*self.store).await?;
                lines.extend(self.graph.logins_paused().map(|paused| paused.to_string()));
                Ok(lines)
            }
            Question::ListDrift { switch } => operations::drift::list(&*self.store, switch.as_deref()).await,
            Question::SwitchLog { switch, job, last } => {
                operations::transcripts::list(&*self.store, &switch, job.map(JobId), last).await
            }
            Question::Check { switch, repair } => {
                let id = operations::find_switch(&*self.store, &switch).await?;
                self.graph.check(&id, operations::drift::consent(repair)).await?;
                operations::drift::ordered(&*self.store, &id).await
            }
            Question::DeadLetters => operations::dead_letters(&*self.store).await,
            Question::ExportStore { file } => operations::export_store(Arc::clone(&self.whole), file).await,
            Question::Release { switch, forget_host_key } => {
                let host_key = operations::host_key_on_record(forget_host_key);
                let id = operations::find_switch_to_release(&*self.store, &switch, host_key).await?;
                self.graph.release_with(&id, host_key).await?;
                Ok(vec![format!("{id} is released; its queue goes on")])
            }
        }
    }
}

#[async_trait]
impl Actions for Operator {
    async fn answer(&self, question: Question) -> Answer {
        match self.act(question).await {
            Ok(lines) => Answer::Done { lines },
            Err(error) => {
                let faulty = matches!(error.downcast_ref(), Some(ApplyError::Faulty(_)));
                Answer::Refused { why: format!("{error:#}"), faulty_input: faulty }
            }
        }
    }
}
