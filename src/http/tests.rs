//! The edge on a real socket. What is decided before the handle is asked is tested here, and what a client sees when
//! the handle can't answer; the rest needs a whole service around it.

use super::bad_input::{self, BadInput, Check};
use super::rate_limit::LocalRateLimiter;
use super::routes::routes;
use super::stamp::stamp;
use super::{Drain, Edge, RateLimiter, Settings, rate_limit, serve};
use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use serde_json::{Value, json};
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::ports::Clock;
use switchyard_actors::provisioning::Provisioning;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CHECKOUT: &str = "/api/v1/partner/external-checkout/anonymous-complete";
const JOB: &str = "/api/v1/partner/provisioning/jobs/3f2504e0-4f89-41d3-9a0c-0305e82c3301";

/// A clock that stands still until it is set.
#[derive(Default)]
pub(super) struct HandClock(AtomicU64);

impl Clock for HandClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }

    fn uptime(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl HandClock {
    pub(super) fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

/// A handle behind which nobody answers.
fn unanswered() -> Provisioning {
    Provisioning::unanswered()
}

/// Runs a test on a runtime that actix accepts, with a deadline instead of hope.
fn run(test: impl Future<Output = ()>) {
    let limited = async { tokio::time::timeout(Duration::from_secs(30), test).await.expect("within 30 s") };
    actix_rt::System::new().block_on(limited);
}

fn settings() -> Settings {
    Settings { workers: 1, ..Settings::default() }
}

struct Running {
    address: SocketAddr,
    clock: Arc<HandClock>,
    server: ServerHandle,
}

fn start(settings: Settings) -> Running {
    let clock = Arc::new(HandClock::default());
    let limiter = Arc::new(LocalRateLimiter::new(settings.rate_limit.clone(), clock.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (server, address) =
        serve(settings, unanswered(), limiter, listener, Drain::default()).expect("it listens");
    Running { address, clock, server: spawn(server) }
}

fn spawn(server: Server) -> ServerHandle {
    let handle = server.handle();
    actix_rt::spawn(server);
    handle
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {text:?}"));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status line");
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Status, `detail`, and that the headers which every response has are there.
    fn assert(&self, status: u16, detail: &str) {
        assert_eq!((self.status, self.json()), (status, json!({ "detail": detail })), "{self:?}");
        self.assert_stamped();
    }

    fn assert_stamped(&self) {
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            assert!(self.header(name).is_some_and(|v| v.parse::<u64>().is_ok()), "{name} in {self:?}");
        }
        assert!(self.header("x-request-id").is_some(), "{self:?}");
    }
}

/// Sends bytes on a connection of their own, and reads until the server closes it.
async fn exchange(address: SocketAddr, request: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    socket.write_all(request).await.expect("it reads");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("it answers and closes");
    Answer::parse(&answer)
}

async fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
    exchange(address, request.as_bytes()).await
}

async fn checkout(address: SocketAddr, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = format!("POST {CHECKOUT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    exchange(address, &[request.as_bytes(), b"\r\n", body].concat()).await
}

fn seen_faults(answer: &Answer) -> Value {
    let Value::Array(faults) = answer.json()["detail"].take() else { return json!([]) };
    faults.into_iter().map(|f| json!([f["loc"], f["type"]])).collect()
}

fn wanted_faults(row: &BadInput) -> Value {
    row.faults.iter().map(|(loc, slug)| json!([loc, slug])).collect()
}

#[test]
fn each_row_that_is_settled_without_the_handle_is_answered_as_the_table_says() {
    run(async {
        let limits = rate_limit::Settings { checkout_per_minute: 1_000, ..rate_limit::Settings::default() };
        let edge = start(Settings { rate_limit: limits, ..settings() });
        let early = [Check::BodySize, Check::SecretMissing, Check::Partner];
        for row in bad_input::rows().iter().filter(|row| early.contains(&row.check)) {
            let answer = checkout(edge.address, &row.headers, &row.body).await;
            assert_eq!(answer.status, row.status, "{}: {answer:?}", row.name);
            assert_eq!(seen_faults(&answer), wanted_faults(row), "{}: {answer:?}", row.name);
            answer.assert_stamped();
        }
    });
}

#[test]
fn while_the_handle_cant_answer_every_door_says_503_and_when_to_come_again() {
    run(async {
        let edge = start(Settings { retry_after_ms: 2_001, ..settings() });
        let secret = [("X-Webhook-Secret", bad_input::SECRET)];
        for answer in [
            checkout(edge.address, &secret, &bad_input::body(&[])).await,
            ask(edge.address, "GET", JOB, "X-API-Key: sy_live_x\r\n").await,
            ask(edge.address, "GET", "/readyz", "").await,
        ] {
            answer.assert(503, "Service temporarily unavailable");
            assert_eq!(answer.header("retry-after"), Some("3"), "{answer:?}");
        }
    });
}

#[test]
fn an_announced_body_that_is_too_long_is_refused_before_it_is_sent() {
    run(async {
        let edge = start(settings());
        let head = format!("POST {CHECKOUT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
        let answer = exchange(edge.address, head.as_bytes()).await;
        answer.assert(413, "Request body must not be longer than 65536 bytes");
        assert_eq!(answer.header("connection"), Some("close"));
    });
}

/// Sends a chunked body that never ends, until the server closes the connection; gives what it answered.
async fn send_without_end(address: SocketAddr, method: &str, path: &str) -> Answer {
    let (mut reader, mut writer) = TcpStream::connect(address).await.expect("it listens").into_split();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    writer.write_all(head.as_bytes()).await.expect("it reads");
    let writing = async {
        let chunk = [b"1000\r\n", &[b' '; 0x1000][..], b"\r\n"].concat();
        while writer.write_all(&chunk).await.is_ok() {}
    };
    let reading = async {
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        while let Ok(n @ 1..) = reader.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..n]);
        }
        answer
    };
    let ((), answer) = tokio::join!(writing, reading);
    Answer::parse(&answer)
}

#[test]
fn a_body_without_end_is_not_read_on_whatever_the_answer() {
    run(async {
        let limits = rate_limit::Settings { checkout_per_minute: 1, ..rate_limit::Settings::default() };
        let edge = start(Settings { disconnect_timeout_ms: 100, rate_limit: limits, ..settings() });
        for (method, path, status, detail) in [
            ("POST", CHECKOUT, 413, "Request body must not be longer than 65536 bytes"),
            ("POST", CHECKOUT, 429, "Rate limit exceeded"),
            ("GET", JOB, 401, "X-API-Key header required"),
            ("POST", "/nowhere", 404, "Not Found"),
            ("POST", "/healthz", 405, "Method Not Allowed"),
        ] {
            let answer = send_without_end(edge.address, method, path).await;
            answer.assert(status, detail);
            assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
        }
    });
}

#[test]
fn a_body_of_exactly_the_limit_is_read() {
    run(async {
        let edge = start(settings());
        let answer = checkout(edge.address, &[("X-Webhook-Secret", "x")], &vec![b' '; 64 * 1024]).await;
        assert_eq!(seen_faults(&answer), json!([[["body"], "json_invalid"]]), "{answer:?}");
    });
}

#[test]
fn a_body_that_doesnt_come_is_given_up() {
    run(async {
        let edge = start(Settings { body_timeout_ms: 50, disconnect_timeout_ms: 100, ..settings() });
        let head = format!("POST {CHECKOUT} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{{");
        exchange(edge.address, head.as_bytes()).await.assert(408, "Request body did not arrive in time");
    });
}

#[test]
fn the_rate_limit_is_the_first_check_and_counts_every_request_but_health() {
    run(async {
        let edge = start(settings());
        edge.clock.set(1_000_000_020_500);
        for left in (0..120).rev() {
            ask(edge.address, "GET", "/healthz", "").await.assert_stamped();
            let answer = checkout(edge.address, &[], b"").await;
            answer.assert(401, "X-Webhook-Secret header required");
            assert_eq!(answer.header("x-ratelimit-limit"), Some("120"));
            assert_eq!(answer.header("x-ratelimit-remaining"), Some(left.to_string().as_str()));
            assert_eq!(answer.header("x-ratelimit-reset"), Some("1000000080"));
        }
        let too_long = vec![b' '; 64 * 1024 + 1];
        let answer = checkout(edge.address, &[], &too_long).await;
        answer.assert(429, "Rate limit exceeded");
        assert_eq!(answer.header("retry-after"), Some("60"));
        edge.clock.set(1_000_000_080_000);
        checkout(edge.address, &[], b"").await.assert(401, "X-Webhook-Secret header required");
    });
}

#[test]
fn clients_behind_a_trusted_proxy_are_counted_apart_and_others_cant_pretend() {
    run(async {
        let limits = rate_limit::Settings { checkout_per_minute: 1, ..rate_limit::Settings::default() };
        let proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        let behind = start(Settings { rate_limit: limits.clone(), trusted_proxies: proxies, ..settings() });
        let bare = start(Settings { rate_limit: limits, ..settings() });
        let statuses = async |address, clients: [&str; 3]| {
            let mut statuses = Vec::new();
            for client in clients {
                statuses.push(checkout(address, &[("X-Forwarded-For", client)], b"").await.status);
            }
            statuses
        };
        let clients = ["198.51.100.1", "198.51.100.2", "9.9.9.9, 198.51.100.1"];
        assert_eq!(statuses(behind.address, clients).await, [401, 401, 429]);
        assert_eq!(statuses(bare.address, clients).await, [401, 429, 429]);
    });
}

#[test]
fn a_request_without_a_key_is_turned_away_and_counted_by_its_address() {
    run(async {
        let limits = rate_limit::Settings { api_per_minute: 2, ..rate_limit::Settings::default() };
        let edge = start(Settings { rate_limit: limits, ..settings() });
        for left in ["1", "0"] {
            let answer = ask(edge.address, "GET", JOB, "").await;
            answer.assert(401, "X-API-Key header required");
            assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
        }
        ask(edge.address, "GET", JOB, "").await.assert(429, "Rate limit exceeded");
        let confirm = "/api/v1/subscription/x/confirm-install";
        ask(edge.address, "POST", confirm, "").await.assert(429, "Rate limit exceeded");
    });
}

#[test]
fn a_key_has_its_own_allowance() {
    run(async {
        let limits = rate_limit::Settings { api_per_minute: 1, ..rate_limit::Settings::default() };
        let edge = start(Settings { rate_limit: limits, ..settings() });
        for (key, status) in [("a", 503), ("b", 503), ("a", 429)] {
            let answer = ask(edge.address, "GET", JOB, &format!("X-API-Key: {key}\r\n")).await;
            assert_eq!(answer.status, status, "{answer:?}");
            assert_eq!(answer.header("x-ratelimit-limit"), Some("1"));
        }
    });
}

#[test]
fn what_isnt_there_is_a_404_and_another_method_a_405_that_names_the_right_one() {
    run(async {
        let edge = start(settings());
        for path in ["/", "/healthz/", "/api/v1", "/api/v2/healthz", "/%00", "/api/v1/subscription/x"] {
            ask(edge.address, "GET", path, "").await.assert(404, "Not Found");
        }
        for (method, path, allow) in [
            ("GET", CHECKOUT, "post"),
            ("OPTIONS", CHECKOUT, "post"),
            ("DELETE", JOB, "get, head"),
            ("POST", "/healthz", "get, head"),
            ("PUT", "/api/v1/subscription/x/confirm-install", "post"),
        ] {
            let answer = ask(edge.address, method, path, "").await;
            answer.assert(405, "Method Not Allowed");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        }
    });
}

#[test]
fn health_is_200_as_long_as_the_process_serves() {
    run(async {
        let edge = start(settings());
        let answer = ask(edge.address, "GET", "/healthz", "").await;
        assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
        answer.assert_stamped();
        let answer = ask(edge.address, "HEAD", "/healthz", "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    });
}

#[test]
fn a_handler_that_panics_is_a_500_without_a_trace_and_the_next_request_is_served() {
    async fn broken() -> &'static str {
        panic!("the secret is hunter2")
    }
    run(async {
        let limits = rate_limit::Settings::default();
        let limiter: Arc<dyn RateLimiter> =
            Arc::new(LocalRateLimiter::new(limits, Arc::new(HandClock::default())));
        let edge = web::Data::new(Edge {
            settings: settings(),
            provisioning: unanswered(),
            limiter,
            drain: Drain::default(),
        });
        let app = move || {
            App::new()
                .app_data(edge.clone())
                .wrap(from_fn(stamp))
                .route("/broken", web::get().to(broken))
                .configure(routes)
        };
        let server =
            HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").expect("a free port");
        let address = server.addrs()[0];
        spawn(server.run());
        for _ in 0..3 {
            ask(address, "GET", "/broken", "").await.assert(500, "Internal server error");
        }
        assert_eq!(ask(address, "GET", "/healthz", "").await.status, 200);
    });
}

#[test]
fn a_graceful_stop_answers_what_is_under_way_and_takes_nothing_new() {
    run(async {
        let edge = start(settings());
        let mut socket = TcpStream::connect(edge.address).await.expect("it listens");
        let head = format!(
            "POST {CHECKOUT} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.expect("it reads");
        let mut go_on = [0; 25];
        socket.read_exact(&mut go_on).await.expect("it asks for the body");
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

        let stopping = actix_rt::spawn(edge.server.stop(true));
        while TcpStream::connect(edge.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        socket.write_all(b"{}").await.expect("it still reads");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.expect("it answers and closes");
        Answer::parse(&answer).assert(401, "X-Webhook-Secret header required");
        stopping.await.expect("no panic");
    });
}
