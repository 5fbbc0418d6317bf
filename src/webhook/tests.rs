//! The sender against receivers on real sockets: good ones, and those that hang, drip, flood, redirect or vanish.

use super::signature::sign;
use super::{AwcSender, SenderFactory, Settings};
use actix_web::{App, HttpResponse, HttpServer, web};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::future::Future;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use switchyard_actors::domain::ids::EventId;
use switchyard_actors::domain::text::Secret;
use switchyard_actors::ports::webhook::{OutgoingWebhook, SendOutcome, WebhookSender};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

const BODY: &str = r#"{"event":"provisioning.completed","external_subscription_id":"é"}"#;
const CERTIFICATE: &[u8] = include_bytes!("testdata/self_signed.der");
const CERTIFICATE_KEY: &[u8] = include_bytes!("testdata/self_signed_key.der");

/// Runs a test on a runtime that actix accepts, with a deadline instead of hope.
fn run(test: impl Future<Output = ()>) {
    let limited = async { tokio::time::timeout(Duration::from_secs(30), test).await.expect("within 30 s") };
    actix_rt::System::new().block_on(limited);
}

fn settings() -> Settings {
    Settings { allow_private_addresses: true, ..Settings::default() }
}

fn sender() -> AwcSender {
    SenderFactory::new(settings()).sender()
}

/// One that gives up soon, for receivers that never come to an end.
fn impatient(deadline_ms: u64) -> AwcSender {
    SenderFactory::new(Settings { deadline_ms, ..settings() }).sender()
}

fn webhook(url: impl Into<String>) -> OutgoingWebhook {
    OutgoingWebhook {
        url: url.into(),
        secret: Secret::new("whsec_hunter2"),
        event: EventId(Uuid::from_u128(7)),
        attempt: 3,
        body: BODY.into(),
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hook?tenant=1#top", listener.local_addr().expect("it is bound"));
    (listener, url)
}

/// Reads one request: its head and its body.
async fn read_request(socket: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(BODY.as_bytes()) {
        let mut buffer = [0; 4096];
        let n = socket.read(&mut buffer).await.expect("the sender sends");
        assert!(n > 0, "the sender hung up: {}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&buffer[..n]);
    }
    String::from_utf8(request).expect("the request is UTF-8")
}

/// A receiver that answers one request with these bytes and closes; the URL, and the request when it has come.
async fn answers(answer: &'static str) -> (String, impl Future<Output = String>) {
    let (listener, url) = listen().await;
    let seen = actix_rt::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("the sender connects");
        let request = read_request(&mut socket).await;
        socket.write_all(answer.as_bytes()).await.expect("the sender reads");
        request
    });
    (url, async { seen.await.expect("no panic") })
}

/// A receiver that takes the request and never answers.
async fn hangs() -> String {
    let (listener, url) = listen().await;
    actix_rt::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    url
}

fn no_answer(outcome: SendOutcome) -> String {
    match outcome {
        SendOutcome::NoAnswer { error } => {
            assert!(!error.contains("hunter2"), "{error}");
            error
        }
        SendOutcome::Answered { status } => panic!("answered {status}"),
    }
}

#[test]
fn a_webhook_carries_its_headers_and_a_signature_over_the_very_bytes() {
    run(async {
        let (url, seen) = answers("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert_eq!(sender().send(webhook(url.clone())).await, SendOutcome::Answered { status: 204 });
        let request = seen.await;
        let (head, body) = request.split_once("\r\n\r\n").expect("a head and a body");
        let signature = sign(&Secret::new("whsec_hunter2"), body.as_bytes());
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            "post /hook?tenant=1 http/1.1".to_owned(),
            format!("host: {}", url.trim_start_matches("http://").split('/').next().expect("an authority")),
            format!("content-length: {}", BODY.len()),
            "content-type: application/json".into(),
            format!("user-agent: switchyard/{version}"),
            "x-webhook-id: 00000000-0000-0000-0000-000000000007".into(),
            "x-webhook-attempt: 3".into(),
            format!("x-webhook-signature: {signature}"),
        ] {
            assert!(head.to_lowercase().lines().any(|l| l == line), "{line} in\n{head}");
        }
        assert_eq!(body, BODY);
        assert!(!head.to_lowercase().contains("accept-encoding"), "{head}");
    });
}

#[test]
fn every_status_is_reported_as_it_came() {
    run(async {
        let sender = sender();
        for (answer, status) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200),
            ("HTTP/1.1 299 Fine\r\nContent-Length: 0\r\n\r\n", 299),
            ("HTTP/1.0 200 OK\r\n\r\nuntil it closes", 200),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
            ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut", 200),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ncut", 200),
            ("HTTP/1.1 304 Not Modified\r\n\r\n", 304),
            ("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 410),
            ("HTTP/1.1 503 Later\r\nContent-Length: 0\r\nContent-Encoding: gzip\r\n\r\n", 503),
        ] {
            let (url, _seen) = answers(answer).await;
            assert_eq!(sender.send(webhook(url)).await, SendOutcome::Answered { status }, "{answer}");
        }
    });
}

#[test]
fn a_redirect_is_not_followed() {
    run(async {
        let hits = Arc::new(AtomicU32::new(0));
        let counter = hits.clone();
        let server = HttpServer::new(move || {
            let counter = counter.clone();
            let target = move || {
                counter.fetch_add(1, Ordering::SeqCst);
                async { HttpResponse::Ok().finish() }
            };
            let redirect = |status| async move {
                HttpResponse::build(status).insert_header(("Location", "/target")).finish()
            };
            App::new()
                .route("/target", web::route().to(target))
                .route(
                    "/307",
                    web::post().to(move || redirect(actix_web::http::StatusCode::TEMPORARY_REDIRECT)),
                )
                .route("/302", web::post().to(move || redirect(actix_web::http::StatusCode::FOUND)))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a free port");
        let address = server.addrs()[0];
        actix_rt::spawn(server.run());
        let sender = sender();
        for status in [307, 302] {
            let outcome = sender.send(webhook(format!("http://{address}/{status}"))).await;
            assert_eq!(outcome, SendOutcome::Answered { status });
        }
        assert_eq!(hits.load(Ordering::SeqCst), 0);
        let outcome = sender.send(webhook(format!("http://{address}/target"))).await;
        assert_eq!((outcome, hits.load(Ordering::SeqCst)), (SendOutcome::Answered { status: 200 }, 1));
    });
}

#[test]
fn a_receiver_that_hangs_costs_the_deadline_and_no_more() {
    run(async {
        let url = hangs().await;
        let begun = Instant::now();
        assert_eq!(no_answer(impatient(100).send(webhook(url)).await), "no whole answer within 100 ms");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    });
}

#[test]
fn waiting_for_a_free_connection_counts_towards_the_deadline_and_is_over_with_it() {
    run(async {
        let one = Settings { deadline_ms: 200, connections: 1, ..settings() };
        let sender = SenderFactory::new(one).sender();
        let url = hangs().await;
        let both = futures_util::join!(sender.send(webhook(url.clone())), sender.send(webhook(url)));
        no_answer(both.0);
        no_answer(both.1);
        let (url, _seen) = answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let after = sender.send(webhook(url)).await;
        assert_eq!(after, SendOutcome::Answered { status: 200 }, "the connection was given back");
    });
}

#[test]
fn an_answer_that_drips_past_the_deadline_is_no_answer() {
    run(async {
        let (listener, url) = listen().await;
        actix_rt::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("the sender connects");
            read_request(&mut socket).await;
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            socket.write_all(head).await.expect("the sender reads");
            let mut pace = tokio::time::interval(Duration::from_millis(10));
            while socket.write_all(b"1\r\n.\r\n").await.is_ok() {
                pace.tick().await;
            }
        });
        assert_eq!(no_answer(impatient(150).send(webhook(url)).await), "no whole answer within 150 ms");
    });
}

#[test]
fn a_gigabyte_of_answer_is_not_read_in_and_its_status_stands() {
    run(async {
        let (listener, url) = listen().await;
        let flood = actix_rt::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("the sender connects");
            read_request(&mut socket).await;
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n";
            socket.write_all(head).await.expect("the sender reads");
            let (chunk, mut written_bytes) = (vec![b'.'; 64 * 1024], 0);
            while socket.write_all(&chunk).await.is_ok() {
                written_bytes += chunk.len();
            }
            written_bytes
        });
        assert_eq!(sender().send(webhook(url)).await, SendOutcome::Answered { status: 200 });
        // The limit, and what the two sockets buffer.
        let written_bytes = flood.await.expect("no panic");
        assert!(written_bytes < 32 * 1024 * 1024, "{written_bytes}");
    });
}

#[test]
fn past_the_limit_nothing_more_is_waited_for() {
    run(async {
        let (listener, url) = listen().await;
        actix_rt::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("the sender connects");
            read_request(&mut socket).await;
            let answer =
                b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nmore than ten bytes, and then nothing";
            socket.write_all(answer).await.expect("the sender reads");
            // Holds the connection until the sender drops it.
            let _ = socket.read(&mut [0]).await;
        });
        let sender = SenderFactory::new(Settings { answer_body_bytes: 10, ..settings() }).sender();
        assert_eq!(sender.send(webhook(url)).await, SendOutcome::Answered { status: 200 });
    });
}

#[test]
fn whoever_closes_without_a_status_has_not_answered() {
    run(async {
        let sender = sender();
        for answer in [
            "",
            "HTTP/1.1 200",
            "SSH-2.0-OpenSSH_9.6\r\n",
            "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n",
        ] {
            let (url, _seen) = answers(answer).await;
            let outcome = sender.send(webhook(url)).await;
            assert!(matches!(outcome, SendOutcome::NoAnswer { .. }), "{answer:?}: {outcome:?}");
        }
    });
}

#[test]
fn a_failed_attempt_leaves_nothing_behind_that_spoils_the_next() {
    run(async {
        let (listener, url) = listen().await;
        actix_rt::spawn(async move {
            let (first, _) = listener.accept().await.expect("the sender connects");
            let (mut second, _) = listener.accept().await.expect("the sender connects again");
            read_request(&mut second).await;
            second
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .await
                .expect("the sender reads");
            drop(first);
        });
        let sender = impatient(500);
        no_answer(sender.send(webhook(url.clone())).await);
        assert_eq!(sender.send(webhook(url)).await, SendOutcome::Answered { status: 200 });
    });
}

#[test]
fn nobody_there_and_no_such_name_say_so() {
    run(async {
        let (listener, url) = listen().await;
        drop(listener);
        let error = no_answer(sender().send(webhook(url)).await);
        assert!(error.starts_with("no connection: "), "{error}");
        let error = no_answer(sender().send(webhook("http://switchyard.invalid/")).await);
        assert!(error.starts_with("the host name could not be resolved: "), "{error}");
    });
}

#[test]
fn a_name_is_resolved_and_each_of_its_addresses_tried() {
    run(async {
        let (url, _seen) = answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        let outcome = sender().send(webhook(url.replace("127.0.0.1", "localhost"))).await;
        assert_eq!(outcome, SendOutcome::Answered { status: 200 });
    });
}

#[test]
fn an_inner_address_is_refused_before_anything_is_sent() {
    run(async {
        let (listener, url) = listen().await;
        let port = listener.local_addr().expect("it is bound").port();
        let strict = SenderFactory::new(Settings::default()).sender();
        for host in ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]"] {
            let error = no_answer(strict.send(webhook(format!("http://{host}:{port}/"))).await);
            assert_eq!(error, "the address is refused: it is not one of the public internet", "{host}");
        }
        // Whoever connects now is the first: nobody has before.
        let accepted = futures_util::join!(listener.accept(), TcpStream::connect(("127.0.0.1", port)));
        let (peer, mine) = (accepted.0.expect("accepted").1, accepted.1.expect("connected"));
        assert_eq!(peer, mine.local_addr().expect("it is connected"), "{url}");
    });
}

#[test]
fn a_url_that_is_refused_says_why_and_does_not_show_what_it_carries() {
    run(async {
        for (url, why) in [
            ("", "it is not a URL"),
            ("partner.example/hook", "it is not a URL"),
            ("ftp://partner.example/", "only http and https are accepted"),
            ("file:///etc/passwd", "only http and https are accepted"),
            ("https://user:hunter2@partner.example/", "it must not carry a user name or a password"),
            ("https://hunter2@partner.example/", "it must not carry a user name or a password"),
        ] {
            let error = no_answer(sender().send(webhook(url)).await);
            assert_eq!(error, format!("the webhook URL is refused: {why}"), "{url}");
        }
    });
}

/// A TLS receiver with a certificate that no authority signed.
fn tls_receiver() -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(CERTIFICATE_KEY));
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has them")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .expect("they belong together");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("the sender connects");
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).expect("a good configuration");
        let mut stream = rustls::Stream::new(&mut tls, &mut socket);
        // A sender that refuses the certificate ends the handshake, and this with it.
        if matches!(stream.read(&mut [0; 16 * 1024]), Ok(1..)) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    address
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    run(async {
        let error = no_answer(sender().send(webhook(format!("https://{}/", tls_receiver()))).await);
        assert!(error.contains("certificate"), "{error}");
    });
}

#[test]
fn a_certificate_that_the_operator_trusts_is_accepted_for_its_own_name_only() {
    run(async {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(CERTIFICATE)).expect("it is a certificate");
        let sender = SenderFactory::new(settings()).trusting(roots).sender();
        let outcome = sender.send(webhook(format!("https://{}/", tls_receiver()))).await;
        assert_eq!(outcome, SendOutcome::Answered { status: 200 });
        let other = format!("https://127.0.0.2:{}/", tls_receiver().port());
        no_answer(sender.send(webhook(other)).await);
    });
}

#[test]
fn a_factory_goes_anywhere_and_makes_senders_where_it_is() {
    fn goes_anywhere<T: Send + Sync + Clone + 'static>(factory: T) -> T {
        factory
    }
    let factory = goes_anywhere(SenderFactory::new(settings()));
    let elsewhere = std::thread::spawn(move || {
        run(async move {
            let (url, _seen) = answers("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            assert_eq!(factory.sender().send(webhook(url)).await, SendOutcome::Answered { status: 200 });
        });
    });
    elsewhere.join().expect("no panic");
}
