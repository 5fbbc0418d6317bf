use crate::redis_lab::patience::wait_for;
use crate::redis_lab::{AppendOnly, Client, Proxy, RedisServer, Reply, Settings};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);
/// For an answer that must not come.
const SHORT: Duration = Duration::from_millis(200);

fn lab() -> (RedisServer, Proxy) {
    let server = RedisServer::start(Settings { append_only: AppendOnly::Off, ..Settings::default() })
        .unwrap_or_else(|error| panic!("{error}"));
    let proxy = Proxy::start(server.address()).unwrap_or_else(|error| panic!("{error}"));
    (server, proxy)
}

fn client(proxy: &Proxy) -> Client {
    Client::connect(proxy.address(), PATIENCE).expect("it listens")
}

fn get(server: &RedisServer, key: &str) -> Reply {
    server.command(&["GET", key]).expect("an answer")
}

#[track_caller]
fn assert_closed(outcome: std::io::Result<Reply>) {
    let kind = outcome.map_err(|error| error.kind());
    let closed = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kind.as_ref().is_err_and(|kind| closed.contains(kind)), "{kind:?}");
}

#[test]
fn bytes_pass_both_ways_and_are_counted() {
    let (server, proxy) = lab();
    let (mut one, mut other) = (client(&proxy), client(&proxy));
    assert_eq!(one.command(&["SET", "port", "1"]).expect("an answer"), Reply::status("OK"));
    assert_eq!(other.command(&["GET", "port"]).expect("an answer"), Reply::bulk("1"));
    assert_eq!(get(&server, "port"), Reply::bulk("1"));
    let passed = proxy.passed();
    assert_eq!((passed.connections, passed.answers_lost), (2, 0));
    assert_eq!(passed.bytes_to_server, 30 + 23);
}

#[test]
fn more_than_a_chunk_passes_whole() {
    let (_server, proxy) = lab();
    let value = "x".repeat(1_000_000);
    let mut client = client(&proxy);
    client.command(&["SET", "port", &value]).expect("an answer");
    assert!(client.command(&["GET", "port"]).expect("an answer") == Reply::bulk(&value));
}

#[test]
fn a_cut_closes_and_refuses_until_it_is_healed() {
    let (_server, proxy) = lab();
    let mut before = client(&proxy);
    before.command(&["PING"]).expect("an answer");
    proxy.cut();
    assert_closed(before.command(&["PING"]));
    let refused = Client::connect(proxy.address(), PATIENCE).map(|_| ()).expect_err("it is cut");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    proxy.stall();

    proxy.heal().expect("its port is its own");
    assert_eq!(client(&proxy).command(&["PING"]).expect("an answer"), Reply::status("PONG"));
}

#[test]
fn a_stalled_proxy_takes_connections_and_passes_what_it_held_when_healed() {
    let (server, proxy) = lab();
    let mut before = client(&proxy);
    before.command(&["PING"]).expect("an answer");
    proxy.stall();
    before.send(&["SET", "port", "1"]).expect("the kernel takes it");
    let mut hasty = Client::connect(proxy.address(), SHORT).expect("it listens");
    assert!(hasty.command(&["PING"]).is_err());
    assert_eq!(get(&server, "port"), Reply::Nil);

    proxy.heal().expect("it listens");
    assert_eq!(before.receive().expect("an answer"), Reply::status("OK"));
}

#[test]
fn a_stalled_proxy_can_be_cut() {
    let (_server, proxy) = lab();
    let mut client = client(&proxy);
    proxy.stall();
    client.send(&["PING"]).expect("the kernel takes it");
    proxy.cut();
    assert_closed(client.receive());
}

#[test]
fn a_slow_proxy_delays_the_request_and_the_answer() {
    let (_server, proxy) = lab();
    let mut client = client(&proxy);
    client.command(&["PING"]).expect("an answer");
    proxy.slow(SHORT);
    let sent = Instant::now();
    client.command(&["PING"]).expect("an answer");
    assert!(sent.elapsed() >= SHORT * 2, "{:?}", sent.elapsed());
}

#[test]
fn a_lost_answer_is_that_of_a_write_that_was_done() {
    let (server, proxy) = lab();
    for round in 0..20 {
        let value = round.to_string();
        let mut client = client(&proxy);
        client.command(&["PING"]).expect("an answer");
        proxy.lose_next_answer();
        assert_closed(client.command(&["SET", "port", &value]));
        assert_eq!(get(&server, "port"), Reply::bulk(&value));
        assert_eq!(proxy.passed().answers_lost, round + 1);
    }
    assert_eq!(client(&proxy).command(&["PING"]).expect("an answer"), Reply::status("PONG"));
}

#[test]
fn the_answer_to_a_word_is_lost_and_others_pass() {
    let (server, proxy) = lab();
    let (mut reader, mut writer) = (client(&proxy), client(&proxy));
    proxy.lose_answer_to("SET");
    assert_eq!(reader.command(&["GET", "port"]).expect("an answer"), Reply::Nil);
    assert_closed(writer.command(&["SET", "port", "1"]));
    assert_eq!(reader.command(&["GET", "port"]).expect("an answer"), Reply::bulk("1"));
    assert_eq!(get(&server, "port"), Reply::bulk("1"));
}

#[test]
fn what_was_sent_before_a_request_that_loses_its_answer_is_done_as_well() {
    let (server, proxy) = lab();
    let mut client = client(&proxy);
    server.pause().expect("it runs");
    client.send(&["SET", "early", "1"]).expect("the kernel takes it");
    let passed = |bytes| {
        wait_for("a request passed on", || match proxy.passed() {
            passed if passed.bytes_to_server >= bytes => ControlFlow::Break(()),
            passed => ControlFlow::Continue(format!("{passed:?}")),
        })
    };
    passed(1).expect("the server's kernel takes it");
    proxy.lose_answer_to("late");
    client.send(&["SET", "late", "1"]).expect("the kernel takes it");
    passed(60).expect("the server's kernel takes it");
    server.resume().expect("it is there");
    assert_closed(client.receive());
    assert_eq!((get(&server, "early"), get(&server, "late")), (Reply::bulk("1"), Reply::bulk("1")));
}

#[test]
fn a_client_sees_that_its_server_has_died_and_the_next_one_reaches_it_again() {
    let (server, proxy) = lab();
    let mut before = client(&proxy);
    before.command(&["PING"]).expect("an answer");
    server.kill();
    assert_closed(before.command(&["PING"]));
    assert_closed(client(&proxy).command(&["PING"]));
    server.restart().expect("it starts again");
    assert_eq!(client(&proxy).command(&["PING"]).expect("an answer"), Reply::status("PONG"));
}

#[test]
fn a_dropped_proxy_is_gone() {
    let (_server, proxy) = lab();
    let (address, mut before) = (proxy.address(), client(&proxy));
    before.command(&["PING"]).expect("an answer");
    drop(proxy);
    assert_closed(before.command(&["PING"]));
    assert!(Client::connect(address, PATIENCE).is_err());
}
