//! The webhook receiver, over real HTTP written byte by byte.

use std::collections::HashMap;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::receiver::{Answer, Requests, SignatureVerdict, WebhookReceiver};
use super::DEADLINE;

const PARTNER: &str = "7b1d3c0e-58a4-4b8e-9f5a-0d5f6f1f2a3b";
const BODY: &str =
    r#"{"event":"provisioning.completed","provider_document_id":"7b1d3c0e-58a4-4b8e-9f5a-0d5f6f1f2a3b"}"#;

fn receiver() -> WebhookReceiver {
    let secrets = HashMap::from([(PARTNER.to_owned(), "whsec".to_owned())]);
    WebhookReceiver::start(secrets).expect("a free port")
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(body.as_bytes());
    format!("X-Webhook-Signature: sha256={}\r\n", hex::encode(mac.finalize().into_bytes()))
}

async fn send(receiver: &WebhookReceiver, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(receiver.address()).await.expect("a connection");
    let request = format!(
        "POST /webhook HTTP/1.1\r\nHost: partner\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    stream
}

/// The whole answer; empty if there was none.
async fn post(receiver: &WebhookReceiver, headers: &str, body: &str) -> String {
    let mut stream = send(receiver, headers, body).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the answer ends");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_is_remembered_with_its_verdict() {
    let receiver = receiver();
    let own = format!("X-Webhook-Id: evt-1\r\nX-Webhook-Attempt: 2\r\n{}", signature("whsec", BODY));
    assert!(post(&receiver, &own, BODY).await.starts_with("HTTP/1.1 200 OK\r\n"));
    post(&receiver, &signature("other", BODY), BODY).await;
    post(&receiver, "", BODY).await;
    post(&receiver, &signature("whsec", "no json"), "no json").await;
    let deliveries = receiver.deliveries();
    let verdicts: Vec<_> = deliveries.iter().map(|delivery| delivery.signature).collect();
    use SignatureVerdict::{Missing, UnknownPartner, Valid, Wrong};
    assert_eq!(verdicts, [Valid, Wrong, Missing, UnknownPartner]);
    let first = &deliveries[0];
    assert_eq!((first.webhook_id(), first.attempt()), (Some("evt-1"), Some(2)));
    assert_eq!(first.event(), Some("provisioning.completed"));
    assert_eq!(first.body, BODY.as_bytes());
    assert!(deliveries[3].json.is_none());
}

#[tokio::test]
async fn orders_are_served_in_turn_and_then_everything_is_well() {
    let receiver = receiver();
    receiver.order(Requests::OfEvent { event: "provisioning.failed".into(), times: 1 }, Answer::Status(410));
    receiver.order(Requests::Next(2), Answer::Status(503));
    receiver.order(Requests::Next(1), Answer::Redirect("http://127.0.0.1:1/".into()));
    for expected in ["503", "503", "302", "200"] {
        assert!(post(&receiver, "", BODY).await.starts_with(&format!("HTTP/1.1 {expected}")), "{expected}");
    }
    let failed = BODY.replace("completed", "failed");
    assert!(post(&receiver, "", &failed).await.starts_with("HTTP/1.1 410"));
    assert!(post(&receiver, "", &failed).await.starts_with("HTTP/1.1 200"));
    let remembered: Vec<_> = receiver.deliveries().into_iter().map(|delivery| delivery.answer).collect();
    let redirect = Answer::Redirect("http://127.0.0.1:1/".into());
    let of = |status: u16| Answer::Status(status);
    assert_eq!(remembered, [of(503), of(503), redirect, of(200), of(410), of(200)]);
}

#[tokio::test]
async fn a_connection_is_closed_without_an_answer() {
    let receiver = receiver();
    receiver.order(Requests::Next(1), Answer::CloseWithoutAnswer);
    assert_eq!(post(&receiver, "", BODY).await, "");
    assert_eq!(receiver.deliveries().len(), 1);
}

#[tokio::test]
async fn a_hanging_request_is_remembered_and_the_receiver_still_stops() {
    let receiver = receiver();
    receiver.order(Requests::Next(1), Answer::Hang);
    let stream = send(&receiver, "", BODY).await;
    receiver.wait_for(DEADLINE, |all| all.len() == 1).await.expect("the request arrives");
    let mut byte = [0];
    assert!(stream.try_read(&mut byte).is_err(), "nothing is answered");
    assert!(receiver.wait_for(Duration::from_millis(10), |all| all.len() == 2).await.is_err());
    drop(receiver);
}

#[tokio::test]
async fn slow_and_huge_bodies_begin_with_200() {
    let receiver = receiver();
    receiver.order(Requests::Next(1), Answer::SlowBody);
    let mut slow = send(&receiver, "", BODY).await;
    let mut head = vec![0; 15];
    let read = tokio::time::timeout(DEADLINE, slow.read_exact(&mut head)).await;
    read.expect("in time").expect("a head");
    assert_eq!(head, b"HTTP/1.1 200 OK");
    receiver.order(Requests::Next(1), Answer::HugeBody);
    let mut huge = send(&receiver, "", BODY).await;
    let mut first = vec![0; 1024 * 1024];
    let read = tokio::time::timeout(DEADLINE, huge.read_exact(&mut first)).await;
    read.expect("in time").expect("a mebibyte, and more to come");
}

#[tokio::test]
async fn a_receiver_that_refuses_cuts_who_waits_and_forgets_neither_requests_nor_orders() {
    let receiver = receiver();
    receiver.order(Requests::Next(1), Answer::Hang);
    receiver.order(Requests::Next(1), Answer::Status(503));
    let mut waiting = send(&receiver, "", BODY).await;
    receiver.wait_for(DEADLINE, |all| all.len() == 1).await.expect("the request arrives");
    receiver.refuse_connections();
    let mut byte = [0];
    let ended = tokio::time::timeout(DEADLINE, waiting.read(&mut byte)).await.expect("an end");
    assert!(!ended.is_ok_and(|read| read > 0), "an answer");
    let refused = TcpStream::connect(receiver.address()).await.expect_err("refused");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    receiver.accept_connections().expect("its port");
    receiver.accept_connections().expect("it listens already");
    assert!(post(&receiver, "", BODY).await.starts_with("HTTP/1.1 503"));
    assert!(post(&receiver, "", BODY).await.starts_with("HTTP/1.1 200"));
    assert_eq!(receiver.deliveries().len(), 3);
}
