//! Hints between instances, published and subscribed: lossy by design. Whoever misses one finds the work by its sweep.

use super::Shared;
use super::connect::client;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::hints::{Hint, Hints};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Hints that wait to be published, or to be taken; more are lost.
const WAITING: usize = 4_096;

/// Publishes and receives hints, on a thread and a connection of its own.
pub struct RedisHints {
    outgoing: mpsc::Sender<Hint>,
    received: broadcast::Sender<Hint>,
    _stop: oneshot::Sender<()>,
}

impl RedisHints {
    pub(super) fn start(shared: Arc<Shared>, password: Option<Secret>) -> std::io::Result<Self> {
        let (outgoing, to_publish) = mpsc::channel(WAITING);
        let (received, _) = broadcast::channel(WAITING);
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let receiver = received.clone();
        std::thread::Builder::new().name("store-hints".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = publish(&shared, to_publish) => {}
                    () = listen(&shared, password.as_ref(), &receiver) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { outgoing, received, _stop: stop })
    }
}

impl Hints for RedisHints {
    fn publish(&self, hint: Hint) {
        // A full queue loses it, as the network may.
        let _ = self.outgoing.try_send(hint);
    }

    fn subscribe(&self) -> broadcast::Receiver<Hint> {
        self.received.subscribe()
    }
}

async fn publish(shared: &Shared, mut hints: mpsc::Receiver<Hint>) {
    while let Some(hint) = hints.recv().await {
        let cmd = redis::cmd("PUBLISH").arg(shared.names.hints()).arg(hint.to_string()).to_owned();
        // Redis being away is said by the link, once.
        let _ = shared.link.run(&cmd).await;
    }
}

/// Listens, and connects again when the connection breaks, for ever. Any node of a cluster passes every hint on.
async fn listen(shared: &Shared, password: Option<&Secret>, received: &broadcast::Sender<Hint>) {
    let mut turn = 0;
    loop {
        let url = shared.settings.urls[turn % shared.settings.urls.len()].reveal();
        if let Err(error) = listen_once(shared, url, password, received).await {
            tracing::debug!(%error, "no hints for now");
        }
        turn += 1;
        tokio::time::sleep(Duration::from_millis(shared.settings.longest_reconnect_ms)).await;
    }
}

async fn listen_once(
    shared: &Shared,
    url: &str,
    password: Option<&Secret>,
    received: &broadcast::Sender<Hint>,
) -> Result<(), String> {
    let client = client(url, &shared.settings, password).map_err(|error| error.to_string())?;
    let limit = Duration::from_millis(shared.settings.connect_ms);
    let connecting = tokio::time::timeout(limit, client.get_async_pubsub());
    let mut pubsub =
        connecting.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    pubsub.subscribe(shared.names.hints()).await.map_err(|error| error.to_string())?;
    // What was missed while nobody listened may have been about the inventory.
    shared.cache.clear();
    let mut messages = pubsub.on_message();
    while let Some(message) = messages.next().await {
        let Some(hint) = message.get_payload::<String>().ok().and_then(|text| text.parse::<Hint>().ok())
        else {
            continue;
        };
        if hint == Hint::Inventory {
            shared.cache.clear();
        }
        // Nobody may listen yet.
        let _ = received.send(hint);
    }
    Err("the connection has ended".into())
}
