//! A partner's webhook end: a real HTTP server that remembers every request, checks its signature with the
//! partner's secret, and answers badly on order.
//!
//! It judges for itself: the signature is computed here from the contract's words, never by the sender's code. It
//! must never lose a request: what is answered badly is remembered like the rest.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::dev::{Extensions, ServerHandle};
use actix_web::http::StatusCode;
use actix_web::rt::net::TcpStream;
use actix_web::web::{Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use futures_util::stream;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use socket2::{SockRef, Socket};
use tokio::sync::watch;

/// More than any event; what is longer is refused with 413.
const LONGEST_BODY: usize = 1024 * 1024;

const HUGE_BODY_CHUNKS: usize = 16_384;
const CHUNK: &[u8] = &[b'x'; 64 * 1024];
const SLOW_BODY_PAUSE: Duration = Duration::from_millis(500);

/// How a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// The request is read, and never answered.
    Hang,
    /// 200 at once, and then a byte every half second, without an end.
    SlowBody,
    /// 302 to this address.
    Redirect(String),
    /// 200, and a body of a gigabyte.
    HugeBody,
    /// The connection is closed after the request was read.
    CloseWithoutAnswer,
}

/// Which requests an order is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requests {
    /// The next so many, whatever they carry.
    Next(u32),
    /// So many of those whose `event` is this.
    OfEvent { event: String, times: u32 },
}

/// What the signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureVerdict {
    Valid,
    /// There is one, and it isn't the body's under the partner's secret.
    Wrong,
    Missing,
    /// The body names no partner that the receiver has a secret of.
    UnknownPartner,
}

impl SignatureVerdict {
    /// Whether the partner can trust the body.
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }
}

/// One request, as it arrived.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body, if it is JSON.
    pub json: Option<Value>,
    pub arrived: Instant,
    pub signature: SignatureVerdict,
    /// What it was answered with.
    pub answer: Answer,
}

impl Delivery {
    /// A header by its name in any case; the first, if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut same = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        same.next().map(|(_, value)| value.as_str())
    }

    /// `X-Webhook-Id`: one for an event, whatever the attempts.
    pub fn webhook_id(&self) -> Option<&str> {
        self.header("X-Webhook-Id")
    }

    pub fn attempt(&self) -> Option<u32> {
        self.header("X-Webhook-Attempt")?.parse().ok()
    }

    /// `provisioning.completed` and its like.
    pub fn event(&self) -> Option<&str> {
        self.field("event")
    }

    /// A text field of the event.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.json.as_ref()?.get(name)?.as_str()
    }
}

/// A server on a free loopback port, on a thread of its own. Dropping it stops it.
pub struct WebhookReceiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    /// `None` while connections are refused.
    open: Mutex<Option<Open>>,
}

/// A server that listens.
struct Open {
    server: ServerHandle,
    thread: JoinHandle<()>,
}

/// Without the secrets.
impl fmt::Debug for WebhookReceiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebhookReceiver").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What handlers and the test share.
struct Desk {
    secrets: HashMap<String, String>,
    ledger: Mutex<Ledger>,
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ledger {
    deliveries: Vec<Delivery>,
    orders: Vec<(Requests, Answer)>,
}

/// A second handle on a connection's socket, through which it can be closed under the server's feet.
#[derive(Debug)]
struct Wire(Socket);

impl WebhookReceiver {
    /// `secrets`: by `provider_document_id`.
    pub fn start(secrets: HashMap<String, String>) -> io::Result<Self> {
        let desk = Arc::new(Desk { secrets, ledger: Mutex::default(), changed: watch::Sender::new(0) });
        let (address, open) = listen(desk.clone(), (Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { address, desk, open: Mutex::new(Some(open)) })
    }

    /// From now on connections are refused, and those that are open are cut, whatever they wait for. What was remembered
    /// and ordered stays.
    pub fn refuse_connections(&self) {
        if let Some(open) = self.open.lock().unwrap_or_else(PoisonError::into_inner).take() {
            open.close();
        }
    }

    /// Listens again, at the same address.
    ///
    /// # Errors
    /// When somebody else has taken the port meanwhile.
    pub fn accept_connections(&self) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(listen(self.desk.clone(), self.address)?.1);
        }
        Ok(())
    }

    /// Where partners' webhooks go: `http://127.0.0.1:<port>/webhook`. Any path is taken.
    pub fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Without orders everything is answered with 200. Earlier orders are served first.
    pub fn order(&self, requests: Requests, answer: Answer) {
        self.desk.ledger().orders.push((requests, answer));
    }

    /// From now on everything is answered with 200.
    pub fn clear_orders(&self) {
        self.desk.ledger().orders.clear();
    }

    /// Every request so far, in the order of arrival.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries_from(0)
    }

    /// Those after the first so many.
    pub fn deliveries_from(&self, first: usize) -> Vec<Delivery> {
        self.look_from(first, Delivery::clone)
    }

    /// What is to be known of those after the first so many, without a copy of each.
    pub fn look_from<T>(&self, first: usize, look: impl FnMut(&Delivery) -> T) -> Vec<T> {
        let ledger = self.desk.ledger();
        ledger.deliveries.get(first..).unwrap_or_default().iter().map(look).collect()
    }

    /// Moves on with each request.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.desk.changed.subscribe()
    }

    /// Waits until the requests so far are as wanted.
    ///
    /// # Errors
    /// After `deadline`: the requests there were.
    pub async fn wait_for(
        &self,
        deadline: Duration,
        wanted: impl Fn(&[Delivery]) -> bool,
    ) -> Result<Vec<Delivery>, Vec<Delivery>> {
        let mut changed = self.changed();
        let wait = changed.wait_for(|_| wanted(&self.desk.ledger().deliveries));
        match tokio::time::timeout(deadline, wait).await {
            Ok(_) => Ok(self.deliveries()),
            Err(_) => Err(self.deliveries()),
        }
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.refuse_connections();
    }
}

impl Open {
    fn close(self) {
        // The order to stop is given by the call; its future only waits for the end, which the thread's is.
        drop(self.server.stop(false));
        // A panic of the server's thread has been printed; there is nothing to add.
        let _ = self.thread.join();
    }
}

/// Starts a server on a thread of its own, and waits until it listens.
fn listen(desk: Arc<Desk>, at: SocketAddr) -> io::Result<(SocketAddr, Open)> {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().name("webhook-receiver".to_owned());
    let thread = thread.spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            match serve(desk, at) {
                Ok((address, server)) => {
                    // If nobody listens any more, the receiver was dropped while it started.
                    let _ = tell.send(Ok((address, server.handle())));
                    let _ = server.await;
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        });
    })?;
    let (address, server) = told.recv().map_err(io::Error::other)??;
    Ok((address, Open { server, thread }))
}

fn serve(desk: Arc<Desk>, at: SocketAddr) -> io::Result<(SocketAddr, actix_web::dev::Server)> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::from(desk.clone()))
            .app_data(PayloadConfig::new(LONGEST_BODY))
            .default_service(web::to(receive))
    });
    let server = server.workers(1).disable_signals().on_connect(keep_wire);
    let server = server.bind(at)?;
    let address = server.addrs()[0];
    Ok((address, server.run()))
}

fn keep_wire(connection: &dyn std::any::Any, extensions: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    if let Ok(socket) = SockRef::from(stream).try_clone() {
        extensions.insert(Wire(socket));
    }
}

async fn receive(request: HttpRequest, body: Bytes, desk: Data<Desk>) -> HttpResponse {
    let delivery = desk.read(&request, &body);
    let answer = desk.remember(delivery);
    give(answer, &request).await
}

impl Desk {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, request: &HttpRequest, body: &[u8]) -> Delivery {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
            .collect();
        let mut delivery = Delivery {
            path: request.path().to_owned(),
            headers,
            body: body.to_vec(),
            json: serde_json::from_slice(body).ok(),
            arrived: Instant::now(),
            signature: SignatureVerdict::Missing,
            answer: Answer::Status(200),
        };
        delivery.signature = self.judge(&delivery);
        delivery
    }

    fn judge(&self, delivery: &Delivery) -> SignatureVerdict {
        let partner = delivery.field("provider_document_id");
        let Some(secret) = partner.and_then(|partner| self.secrets.get(partner)) else {
            return SignatureVerdict::UnknownPartner;
        };
        match delivery.header("X-Webhook-Signature") {
            None => SignatureVerdict::Missing,
            Some(signature) if is_signature(signature, secret, &delivery.body) => SignatureVerdict::Valid,
            Some(_) => SignatureVerdict::Wrong,
        }
    }

    fn remember(&self, mut delivery: Delivery) -> Answer {
        let answer = {
            let mut ledger = self.ledger();
            let answer = ledger.next_answer(delivery.event());
            delivery.answer = answer.clone();
            ledger.deliveries.push(delivery);
            answer
        };
        self.changed.send_modify(|count| *count += 1);
        answer
    }
}

impl Ledger {
    fn next_answer(&mut self, event: Option<&str>) -> Answer {
        let fits = |requests: &Requests| match requests {
            Requests::Next(_) => true,
            Requests::OfEvent { event: wanted, .. } => event == Some(wanted),
        };
        self.orders.retain(|(requests, _)| requests.left() > 0);
        match self.orders.iter_mut().find(|(requests, _)| fits(requests)) {
            Some((requests, answer)) => {
                requests.spend();
                answer.clone()
            }
            None => Answer::Status(200),
        }
    }
}

impl Requests {
    fn left(&self) -> u32 {
        match self {
            Self::Next(times) | Self::OfEvent { times, .. } => *times,
        }
    }

    fn spend(&mut self) {
        match self {
            Self::Next(times) | Self::OfEvent { times, .. } => *times -= 1,
        }
    }
}

fn is_signature(signature: &str, secret: &str, body: &[u8]) -> bool {
    let Some(claimed) = signature.strip_prefix("sha256=").and_then(|hex| hex::decode(hex).ok()) else {
        return false;
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    mac.verify_slice(&claimed).is_ok()
}

async fn give(answer: Answer, request: &HttpRequest) -> HttpResponse {
    match answer {
        Answer::Status(code) => {
            HttpResponse::new(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Answer::Hang => std::future::pending().await,
        Answer::SlowBody => HttpResponse::Ok().streaming(stream::unfold((), |()| async {
            tokio::time::sleep(SLOW_BODY_PAUSE).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b".")), ()))
        })),
        Answer::Redirect(location) => HttpResponse::Found().insert_header(("Location", location)).finish(),
        Answer::HugeBody => {
            let chunks = (0..HUGE_BODY_CHUNKS).map(|_| Ok::<_, Infallible>(Bytes::from_static(CHUNK)));
            HttpResponse::Ok().streaming(stream::iter(chunks))
        }
        Answer::CloseWithoutAnswer => {
            if let Some(Wire(socket)) = request.conn_data::<Wire>() {
                // A peer that is gone already is as closed as it can be.
                let _ = socket.shutdown(std::net::Shutdown::Both);
            }
            HttpResponse::NoContent().finish()
        }
    }
}
