//! The partners' clients: checkouts at a steady rate over all instances, each with its own conduct. A client that behaves
//! sends the same body until it is answered with less than 500.

use super::book::Order;
use super::conduct::Conduct;
use super::kept::{Answered, Heard};
use super::world::{Phase, World};
use futures_util::future::join_all;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const CHECKOUT: &str = "/api/v1/partner/external-checkout/anonymous-complete";
/// How long a client waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two tries of a client that behaves.
const AGAIN: Duration = Duration::from_millis(250);
/// Between two tries of one that doesn't: as fast as a client can be that waits for the answer, but for this.
const HOT: Duration = Duration::from_millis(10);
/// Checkouts under way at once: in an outage no more come, and afterwards they catch up.
const AT_ONCE: usize = 400;
const BURST: usize = 6;
/// So that the clients' draws aren't those of the plan.
const OTHER_STREAM: u64 = 0x5ca1_ab1e;

/// Sends checkouts until faults end.
pub async fn drive(world: Rc<World>) {
    let mut rng = ChaCha8Rng::seed_from_u64(world.options.seed ^ OTHER_STREAM);
    let began = Instant::now();
    for number in 0_u32.. {
        let due = began + Duration::from_secs_f64(f64::from(number) / world.options.rate);
        tokio::time::sleep_until(due.into()).await;
        while world.clients.get() >= AT_ONCE && world.is(Phase::Striking) {
            sleep(AGAIN).await;
        }
        let Some(order) = next_order(&world, &mut rng).await else { return };
        let conduct = Conduct::draw(&mut rng);
        world.clients.set(world.clients.get() + 1);
        let world = Rc::clone(&world);
        actix_rt::spawn(async move {
            Client { world: &world, order: &order }.check_out(conduct).await;
            world.clients.set(world.clients.get() - 1);
        });
    }
}

/// Waits for a free port; `None` when faults have ended.
async fn next_order(world: &World, rng: &mut ChaCha8Rng) -> Option<Order> {
    while world.is(Phase::Striking) {
        let order = world.book.borrow_mut().next_order(rng, &world.partners);
        if order.is_some() {
            return order;
        }
        sleep(AGAIN).await;
    }
    None
}

struct Client<'w> {
    world: &'w World,
    order: &'w Order,
}

impl Client<'_> {
    async fn check_out(&self, conduct: Conduct) {
        if let Some(name) = conduct.name() {
            *self.world.misconduct.borrow_mut().entry(name).or_default() += 1;
        }
        match conduct {
            Conduct::Patient => {}
            Conduct::HangsUp { after } => drop(self.ask(self.order, after).await),
            Conduct::Hot => self.until_answered(HOT).await,
            Conduct::Bursts => drop(join_all((0..BURST).map(|_| self.ask(self.order, ANSWER))).await),
            Conduct::ChangesItsMind => self.until_answered(AGAIN).await,
            Conduct::WrongSecret => self.with_a_wrong_secret().await,
            Conduct::HalfABody => drop(timeout(ANSWER, self.send_half()).await),
            Conduct::NotJson => self.send_no_json().await,
        }
        match conduct {
            Conduct::ChangesItsMind => drop(self.ask(&self.order.with_another_mac(), ANSWER).await),
            _ => self.until_answered(AGAIN).await,
        }
    }

    async fn until_answered(&self, again: Duration) {
        loop {
            match self.ask(self.order, ANSWER).await {
                Some(answer) if answer.status == 200 => {
                    return self.world.book.borrow_mut().accepted(self.order, &answer.body);
                }
                Some(answer) if answer.status < 500 => {
                    return self.world.book.borrow_mut().refused(self.order, answer.status, &answer.body);
                }
                _ => sleep(again).await,
            }
            if self.world.is(Phase::Stopping) {
                return;
            }
        }
    }

    /// Asks once, and has it remembered.
    async fn ask(&self, order: &Order, patience: Duration) -> Option<Answered> {
        let secret = &self.world.partners[order.partner].secret;
        let sent = Instant::now();
        let answer = timeout(patience, self.post(secret, order.body.to_string())).await.ok().flatten();
        let heard = Heard { at: Instant::now(), answer };
        self.world.kept.borrow_mut().attempt(order, sent, &heard);
        heard.answer
    }

    async fn with_a_wrong_secret(&self) {
        let sent = Instant::now();
        let answer = self.post("whsec-of-nobody", self.order.body.to_string()).await;
        let heard = Heard { at: Instant::now(), answer };
        self.world.kept.borrow_mut().attempt(self.order, sent, &heard);
    }

    /// Nobody can have taken it for a checkout, so it is no attempt: what came of it would have no key that asked for it.
    async fn send_no_json(&self) {
        let secret = &self.world.partners[self.order.partner].secret;
        let body = self.order.body.to_string();
        drop(self.post(secret, format!("{{{body}")).await);
    }

    async fn send_half(&self) -> std::io::Result<()> {
        let body = self.order.body.to_string();
        let head = format!(
            "POST {CHECKOUT} HTTP/1.1\r\nHost: switchyard\r\nContent-Type: application/json\r\n\
             X-Webhook-Secret: {}\r\nContent-Length: {}\r\n\r\n",
            self.world.partners[self.order.partner].secret,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address()).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body.as_bytes()[..body.len() / 2]).await
    }

    async fn post(&self, secret: &str, body: String) -> Option<Answered> {
        let request = self.world.http.post(format!("http://{}{CHECKOUT}", self.address()));
        let request = request.insert_header(("X-Webhook-Secret", secret)).content_type("application/json");
        let mut answer = request.send_body(body).await.ok()?;
        let replayed = answer.headers().get("idempotency-replayed").is_some_and(|value| value == "true");
        let status = answer.status().as_u16();
        let body = answer.body().await.ok()?.to_vec();
        Some(Answered { status, replayed, body })
    }

    fn address(&self) -> SocketAddr {
        let turn = self.world.turn.get();
        self.world.turn.set(turn + 1);
        self.world.instances[turn % self.world.instances.len()].address()
    }
}
