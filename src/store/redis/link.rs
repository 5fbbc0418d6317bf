//! The link to Redis: whether it is there, whether it keeps what it is told, and one request on it under its limits.
//!
//! ```text
//!            connected, judged, scripts loaded
//!   Away ────────────────────────────────────────▶ Up
//!    ▲  ▲                                          │
//!    │  └── again, after a back-off with jitter    │ no answer in time, connection lost, ping unanswered
//!    └─────────────────────────────────────────────┘
//! ```
//!
//! While it is away nothing waits for it: every request is answered at once. A request that was sent and not answered
//! is *unknown*, and gives the connection up, so that a server which hangs is a time limit and never a pile of
//! requests. The library's own retries are off: whether a write may be repeated is for the commit's id to say.
//!
//! It lives on a thread of its own, since the link outlives the threads that use it.

use super::connect::{self, ConnectError};
use super::names::Names;
use super::pool::Pool;
use super::scripts::{Script, ScriptInput, Scripts};
use super::settings::Settings;
use redis::aio::ConnectionLike;
use redis::cluster_async::ClusterConnection;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::Entropy as _;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::timeout;

/// How often a cluster's own "not here", "not now" is met with another try of the same request, which was not run.
const REDIRECTIONS: u32 = 4;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// It was not sent, or certainly not run.
    #[error("{0}")]
    NotRun(String),
    /// It was sent: run or not, nobody knows.
    #[error("{0}")]
    Unknown(String),
}

/// What is asked.
#[derive(Clone, Copy)]
enum Ask<'a> {
    Command(&'a Cmd),
    Commands(&'a Pipeline),
    Script(Script, &'a ScriptInput),
    ScriptAndWait(Script, &'a ScriptInput, u32),
}

/// Connections that are up.
#[derive(Clone)]
pub enum Connections {
    /// To one server.
    Single(Arc<Pool>),
    /// To a cluster.
    Cluster(ClusterConnection),
}

#[derive(Clone)]
enum State {
    Away(Arc<str>),
    Up { connections: Connections, scripts: Arc<Scripts>, generation: usize },
}

/// The link. Dropping it ends its thread.
pub struct Link {
    state: watch::Receiver<State>,
    keeper: Arc<Keeper>,
    thread: Option<std::thread::JoinHandle<()>>,
    places: Semaphore,
}

struct Keeper {
    settings: Settings,
    password: Option<Secret>,
    names: Names,
    state: watch::Sender<State>,
    doubts: watch::Sender<usize>,
    stop: Notify,
}

impl Link {
    /// Starts connecting.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(settings: Settings, password: Option<Secret>, names: Names) -> std::io::Result<Self> {
        let (sender, state) = watch::channel(State::Away("not connected yet".into()));
        let places = Semaphore::new(settings.max_in_flight);
        let keeper = Arc::new(Keeper {
            settings,
            password,
            names,
            state: sender,
            doubts: watch::Sender::new(0),
            stop: Notify::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ours = Arc::clone(&keeper);
        let thread = std::thread::Builder::new().name("store-redis".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = keep(&ours) => {}
                    () = ours.stop.notified() => {}
                }
            });
        })?;
        Ok(Self { state, keeper, thread: Some(thread), places })
    }

    /// Waits until it is up.
    ///
    /// # Errors
    /// Why it isn't, when the time is over.
    pub async fn up(&self, within: Duration) -> Result<(), String> {
        let mut state = self.state.clone();
        let up = timeout(within, state.wait_for(|state| matches!(state, State::Up { .. }))).await;
        match up {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err("the link's thread has ended".into()),
            Err(_) => Err(self.why_away().unwrap_or_default()),
        }
    }

    /// Why it is away; `None` when it isn't.
    pub fn why_away(&self) -> Option<String> {
        match &*self.state.borrow() {
            State::Away(why) => Some(why.to_string()),
            State::Up { .. } => None,
        }
    }

    /// The number of the connection that is up; 0 while none is.
    pub fn generation(&self) -> usize {
        match &*self.state.borrow() {
            State::Up { generation, .. } => *generation,
            State::Away(_) => 0,
        }
    }

    fn current(&self) -> Result<(Connections, Arc<Scripts>, usize), NoAnswer> {
        match &*self.state.borrow() {
            State::Up { connections, scripts, generation } => {
                Ok((connections.clone(), Arc::clone(scripts), *generation))
            }
            State::Away(why) => Err(NoAnswer::NotRun(why.to_string())),
        }
    }

    /// Runs one command.
    pub async fn run(&self, cmd: &Cmd) -> Result<Value, NoAnswer> {
        self.request(Ask::Command(cmd)).await.map(|mut answers| answers.pop().unwrap_or(Value::Nil))
    }

    /// Runs commands on the connection of their keys, one after another; answers come in their order.
    pub async fn run_all(&self, pipeline: &Pipeline) -> Result<Vec<Value>, NoAnswer> {
        self.request(Ask::Commands(pipeline)).await
    }

    /// Runs a script.
    pub async fn run_script(&self, script: Script, input: &ScriptInput) -> Result<Value, NoAnswer> {
        let ask = Ask::Script(script, input);
        self.request(ask).await.map(|mut answers| answers.pop().unwrap_or(Value::Nil))
    }

    /// Runs a script, and then waits on the same connection until so many replicas have what it wrote, which is what
    /// `WAIT` is about. Answers the script's answer, and how many have it.
    pub async fn run_script_and_wait(
        &self,
        script: Script,
        input: &ScriptInput,
        replicas: u32,
    ) -> Result<(Value, Value), NoAnswer> {
        let mut answers = self.request(Ask::ScriptAndWait(script, input, replicas)).await?.into_iter();
        Ok((answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil)))
    }

    /// A place, a time limit, and what a missing answer means.
    async fn request(&self, ask: Ask<'_>) -> Result<Vec<Value>, NoAnswer> {
        let settings = &self.keeper.settings;
        let wait = Duration::from_millis(settings.queue_wait_ms);
        let Ok(Ok(_place)) = timeout(wait, self.places.acquire()).await else {
            return Err(NoAnswer::NotRun("too many requests are under way".into()));
        };
        let limit = Duration::from_millis(settings.command_ms);
        let (connections, scripts, generation) = self.current()?;
        let Ok(answer) = timeout(limit, self.ask(ask, &connections, &scripts)).await else {
            self.doubt(generation);
            return Err(NoAnswer::Unknown(format!("no answer within {} ms", limit.as_millis())));
        };
        answer.map_err(|error| {
            if was_demoted(&error) {
                self.doubt(generation);
            }
            if is_server_reply(&error) {
                return NoAnswer::NotRun(error.to_string());
            }
            self.doubt(generation);
            NoAnswer::Unknown(error.to_string())
        })
    }

    async fn ask(
        &self,
        ask: Ask<'_>,
        connections: &Connections,
        scripts: &Scripts,
    ) -> Result<Vec<Value>, RedisError> {
        let answered = self.ask_once(ask, connections, scripts).await;
        if !is_unknown_script(&answered) {
            return answered;
        }
        connect::load_scripts(connections).await?;
        self.ask_once(ask, connections, scripts).await
    }

    async fn ask_once(
        &self,
        ask: Ask<'_>,
        connections: &Connections,
        scripts: &Scripts,
    ) -> Result<Vec<Value>, RedisError> {
        match ask {
            Ask::Command(cmd) => Ok(vec![self.send(connections, cmd).await?]),
            Ask::Commands(pipeline) => self.send_all(connections, pipeline).await,
            Ask::Script(script, input) => {
                Ok(vec![self.send(connections, &input.call(scripts.digest(script))).await?])
            }
            Ask::ScriptAndWait(script, input, replicas) => {
                let mut both = redis::pipe();
                both.add_command(input.call(scripts.digest(script)));
                // Half of the limit, so that its answer comes before the time for it is over; 0 would be no limit at all.
                both.cmd("WAIT").arg(replicas).arg((self.keeper.settings.command_ms / 2).max(1));
                self.send_all(connections, &both).await
            }
        }
    }

    async fn send(&self, connections: &Connections, cmd: &Cmd) -> Result<Value, RedisError> {
        match connections {
            Connections::Single(pool) => {
                pool.for_this_thread().req_packed_command(cmd).await?.extract_error()
            }
            Connections::Cluster(cluster) => {
                for _ in 0..REDIRECTIONS {
                    match cluster.clone().req_packed_command(cmd).await.and_then(Value::extract_error) {
                        Err(error) if was_elsewhere(&error) => tokio::task::yield_now().await,
                        answered => return answered,
                    }
                }
                cluster.clone().req_packed_command(cmd).await?.extract_error()
            }
        }
    }

    async fn send_all(
        &self,
        connections: &Connections,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, RedisError> {
        let count = pipeline.cmd_iter().count();
        let answers = match connections {
            Connections::Single(pool) => {
                pool.for_this_thread().req_packed_commands(pipeline, 0, count).await?
            }
            Connections::Cluster(cluster) => cluster.clone().req_packed_commands(pipeline, 0, count).await?,
        };
        answers.into_iter().map(Value::extract_error).collect()
    }

    /// Gives a connection up: at once for whoever asks next, and then for its keeper, who makes another.
    fn doubt(&self, generation: usize) {
        self.keeper.state.send_if_modified(|state| {
            let is_this = matches!(state, State::Up { generation: up, connections: Connections::Single(_), .. } if *up == generation);
            if is_this {
                *state = State::Away("a request was not answered".into());
            }
            is_this
        });
        self.keeper.doubts.send_if_modified(|doubted| {
            let newer = generation > *doubted;
            *doubted = generation.max(*doubted);
            newer
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // It ends at its next await; a panic of it was logged when it happened.
            let _ = thread.join();
        }
    }
}

/// A server that was started anew, or took over: it has not run it.
fn is_unknown_script<T>(answered: &Result<T, RedisError>) -> bool {
    let unknown = ErrorKind::Server(ServerErrorKind::NoScript);
    answered.as_ref().is_err_and(|error| error.kind() == unknown)
}

/// A reply of the server, and so not run: our scripts judge everything before they write, and commands are single.
fn is_server_reply(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::ClusterConnectionNotFound)
}

/// It is a replica by now, and stays connected: only a new connection is judged, and may lead to the primary.
fn was_demoted(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// The cluster moved the slot, or is about to: the request was not run.
fn was_elsewhere(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, Moved, TryAgain};
    matches!(error.kind(), ErrorKind::Server(Moved | Ask | TryAgain))
}

/// Connects, and watches over the connection until it is in doubt, for ever.
async fn keep(keeper: &Keeper) {
    let settings = &keeper.settings;
    let (first, longest) = (settings.first_reconnect_ms, settings.longest_reconnect_ms);
    let (mut generation, mut wait, mut away_since) = (0, first, Instant::now());
    let mut said: Option<String> = None;
    loop {
        match connect::connect(settings, keeper.password.as_ref(), &keeper.names).await {
            Ok((connections, scripts)) => {
                generation += 1;
                wait = first;
                if generation > 1 {
                    tracing::info!(away_ms = away_since.elapsed().as_millis(), "redis is back");
                }
                said = None;
                let scripts = Arc::new(scripts);
                let up = State::Up { connections: connections.clone(), scripts, generation };
                keeper.state.send_replace(up);
                let why = watch_over(keeper, &connections, generation).await;
                tracing::warn!(why, "redis is away; nothing is accepted until it is back");
                away_since = Instant::now();
                keeper.state.send_replace(State::Away(why.into()));
            }
            Err(error) => {
                let why = error.to_string();
                if said.as_ref() != Some(&why) {
                    match error {
                        ConnectError::Refused(_) => tracing::error!(why, "redis can't be served on"),
                        ConnectError::Failed(_) => tracing::warn!(why, "redis can't be reached; trying on"),
                    }
                    said = Some(why.clone());
                }
                keeper.state.send_replace(State::Away(why.into()));
                let jitter = 0.5 + crate::machine::SystemEntropy.jitter();
                tokio::time::sleep(Duration::from_millis(wait).mul_f64(jitter)).await;
                wait = (wait * 2).min(longest);
            }
        }
    }
}

/// Returns why the connection can't be used any more.
async fn watch_over(keeper: &Keeper, connections: &Connections, generation: usize) -> String {
    let mut doubts = keeper.doubts.subscribe();
    let every = Duration::from_millis(keeper.settings.ping_ms);
    loop {
        let doubted = timeout(every, doubts.wait_for(|doubted| *doubted >= generation)).await.is_ok();
        match connections {
            Connections::Single(_) if doubted => return "a request was not answered".into(),
            // The library sees to each node's connection; what it found anew is judged like the first.
            Connections::Cluster(_) if doubted => {
                tokio::time::sleep(every).await;
                return "a request to the cluster was not answered".into();
            }
            Connections::Single(_) | Connections::Cluster(_) => {}
        }
        let limit = Duration::from_millis(keeper.settings.command_ms);
        match timeout(limit, connect::ping(connections)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return format!("no answer to a ping within {} ms", limit.as_millis()),
        }
        if let Connections::Single(pool) = connections {
            pool.give_up_silent(limit).await;
        }
    }
}
