//! The load: partners' clients over real HTTP, with keep-alive. A client sends the same body until it is answered with less
//! than 500, as the contract says.

use super::arrival;
use super::inbox::Inbox;
use super::network::Network;
use super::options::Options;
use crate::cli::Arrival;
use futures_util::future::join_all;
use serde::Deserialize;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const CHECKOUT: &str = "/api/v1/partner/external-checkout/anonymous-complete";
/// How long a client waits for an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(100);
/// Connections at once where answers are not waited for.
const CONNECTIONS: usize = 4_096;

/// All clients, and what became of their checkouts.
pub struct Load {
    network: Network,
    options: Options,
    inbox: Rc<Inbox>,
    url: String,
    http: awc::Client,
    /// How many were sent; where clients take the next that nobody has sent, also which that is.
    next: Cell<usize>,
    deadline: Option<Instant>,
    is_over: Cell<bool>,
    accepted: RefCell<Vec<Accepted>>,
    refused: RefCell<Vec<String>>,
    retries: Cell<u64>,
}

/// A checkout that was answered with 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its number.
    pub order: usize,
    /// From the answer.
    pub job: String,
    /// When it was sent first, or, where answers are not waited for, when it should have been.
    pub due: Instant,
    /// When the answer was read.
    pub answered: Instant,
}

impl Accepted {
    /// How long the answer took.
    pub fn answer(&self) -> Duration {
        self.answered.saturating_duration_since(self.due)
    }
}

#[derive(Deserialize)]
struct Answer {
    job_id: String,
}

impl Load {
    /// On a service that listens there.
    pub fn new(options: &Options, network: Network, inbox: Rc<Inbox>, address: SocketAddr) -> Self {
        let connector = awc::Connector::new().limit(options.arrival.clients().unwrap_or(CONNECTIONS));
        Self {
            network,
            options: options.clone(),
            inbox,
            url: format!("http://{address}{CHECKOUT}"),
            http: awc::Client::builder().connector(connector).timeout(ANSWER).disable_redirects().finish(),
            next: Cell::new(0),
            deadline: options.limit.map(|limit| Instant::now() + limit),
            is_over: Cell::new(false),
            accepted: RefCell::default(),
            refused: RefCell::default(),
            retries: Cell::new(0),
        }
    }

    /// Sends all checkouts, and returns when each is answered.
    pub async fn drive(self: Rc<Self>) {
        match self.options.arrival {
            Arrival::Closed { clients } => {
                join_all((0..clients).map(|_| self.send_one_after_another())).await;
            }
            Arrival::Live { clients } => {
                join_all((0..clients).map(|client| self.send_one_live_after_another(client, clients))).await;
            }
            Arrival::Open { per_second } => self.send_when_due(per_second).await,
        }
        self.is_over.set(true);
    }

    async fn send_one_after_another(&self) {
        while let Some(order) = self.next_order() {
            self.check_out(order, Instant::now()).await;
        }
    }

    /// With as many clients as switches, each stays with its own.
    async fn send_one_live_after_another(&self, client: usize, clients: usize) {
        for order in (client..self.options.checkouts()).step_by(clients) {
            if self.is_late() {
                return;
            }
            self.next.set(self.next.get() + 1);
            if self.check_out(order, Instant::now()).await {
                self.inbox.outcome_of(order).await;
                sleep(self.options.pause).await;
            }
        }
    }

    async fn send_when_due(self: &Rc<Self>, per_second: f64) {
        let (began, mut under_way) = (Instant::now(), Vec::new());
        for due in arrival::due_times(per_second) {
            let due = began + due;
            tokio::time::sleep_until(due.into()).await;
            let Some(order) = self.next_order() else { break };
            let load = Rc::clone(self);
            under_way.push(actix_rt::spawn(async move { load.check_out(order, due).await }));
        }
        join_all(under_way).await;
    }

    fn next_order(&self) -> Option<usize> {
        let order = self.next.get();
        (order < self.options.checkouts() && !self.is_late()).then(|| {
            self.next.set(order + 1);
            order
        })
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Whether it was accepted.
    async fn check_out(&self, order: usize, due: Instant) -> bool {
        let body = self.network.body(order);
        loop {
            match self.post(body.clone()).await {
                Ok((200, text)) => return self.accept(order, due, &text),
                Ok((status, text)) if status < 500 => {
                    self.refused.borrow_mut().push(format!("checkout {order}: {status} {text}"));
                    return false;
                }
                Ok(_) | Err(()) => {
                    self.retries.set(self.retries.get() + 1);
                    sleep(AGAIN).await;
                }
            }
        }
    }

    async fn post(&self, body: String) -> Result<(u16, String), ()> {
        let request =
            self.http.post(&self.url).insert_header(("X-Webhook-Secret", self.network.secret.as_str()));
        // No answer is like one that says nothing: the same body again.
        let mut answer = request.content_type("application/json").send_body(body).await.map_err(drop)?;
        let text = answer.body().await.map_err(drop)?;
        Ok((answer.status().as_u16(), String::from_utf8_lossy(&text).into_owned()))
    }

    fn accept(&self, order: usize, due: Instant, text: &str) -> bool {
        let answered = Instant::now();
        match serde_json::from_str::<Answer>(text) {
            Ok(Answer { job_id: job }) => {
                self.accepted.borrow_mut().push(Accepted { order, job, due, answered });
                true
            }
            Err(error) => {
                self.refused.borrow_mut().push(format!("checkout {order}: 200 with {text}: {error}"));
                false
            }
        }
    }

    /// Whether everything that was sent is answered, and no more comes.
    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// How many were answered with 200.
    pub fn accepted_so_far(&self) -> usize {
        self.accepted.borrow().len()
    }

    /// What became of all of it.
    pub fn outcome(&self) -> Sent {
        Sent {
            checkouts: self.next.get(),
            accepted: self.accepted.borrow().clone(),
            refused: self.refused.borrow().clone(),
            retries: self.retries.get(),
        }
    }
}

/// What became of the load.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// How many.
    pub checkouts: usize,
    /// Those answered with 200.
    pub accepted: Vec<Accepted>,
    /// Those answered with anything else below 500, in words.
    pub refused: Vec<String>,
    /// How often one was sent again.
    pub retries: u64,
}
