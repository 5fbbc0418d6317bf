use crate::redis_lab::{Account, AppendOnly, Client, Encryption, LabError, RedisServer, Reply, Settings};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn started(settings: Settings) -> RedisServer {
    RedisServer::start(settings).unwrap_or_else(|error| panic!("{error}"))
}

fn client(server: &RedisServer) -> Client {
    Client::connect(server.address(), PATIENCE).expect("it listens")
}

#[test]
fn an_answered_write_survives_a_kill() {
    let server = started(Settings::default());
    let set = client(&server).command(&["SET", "port", "ge-0/0/1"]).expect("an answer");
    assert_eq!(set, Reply::status("OK"));
    let first = server.pid();
    server.kill();
    assert_eq!(server.pid(), None);
    assert!(Client::connect(server.address(), PATIENCE).is_err());

    server.restart().expect("it starts again");
    assert_ne!(server.pid(), first);
    assert_eq!(client(&server).command(&["GET", "port"]).expect("an answer"), Reply::bulk("ge-0/0/1"));
}

#[test]
fn a_server_without_a_file_forgets() {
    let server = started(Settings { append_only: AppendOnly::Off, ..Settings::default() });
    server.command(&["SET", "port", "ge-0/0/1"]).expect("an answer");
    server.restart().expect("it starts again");
    assert_eq!(server.command(&["GET", "port"]).expect("an answer"), Reply::Nil);
}

#[test]
fn a_paused_server_leaves_when_it_is_stopped() {
    let server = started(Settings::default());
    server.command(&["SET", "port", "ge-0/0/1"]).expect("an answer");
    server.pause().expect("it runs");
    server.stop_gracefully().expect("it leaves");
    assert!(server.log_end().contains("bye bye"), "{}", server.log_end());
    server.stop_gracefully().expect("it has left");
    server.restart().expect("it starts again");
    assert_eq!(server.command(&["GET", "port"]).expect("an answer"), Reply::bulk("ge-0/0/1"));
}

#[test]
fn a_server_whose_port_was_taken_says_so() {
    let server = started(Settings::default());
    server.kill();
    let _taken = TcpListener::bind(server.address()).expect("nobody listens");
    let error = server.restart().expect_err("the port is taken");
    assert!(
        matches!(&error, LabError::Ended { said, .. } if said.contains("Address already in use")),
        "{error}"
    );
}

#[test]
fn two_servers_at_once_are_two() {
    let (one, other) = (started(Settings::default()), started(Settings::default()));
    assert_ne!(one.port(), other.port());
    one.command(&["SET", "port", "ge-0/0/1"]).expect("an answer");
    assert_eq!(client(&other).command(&["GET", "port"]).expect("an answer"), Reply::Nil);
}

#[test]
fn a_paused_server_answers_after_it_is_resumed() {
    let server = started(Settings::default());
    server.pause().expect("it runs");
    let mut hasty =
        Client::connect(server.address(), Duration::from_millis(200)).expect("the kernel takes it");
    assert!(hasty.command(&["PING"]).is_err());
    let mut patient = client(&server);
    patient.send(&["PING"]).expect("the kernel takes it");
    server.resume().expect("it is there");
    assert_eq!(patient.receive().expect("an answer"), Reply::status("PONG"));
}

#[test]
fn a_dropped_server_is_gone() {
    let server = started(Settings::default());
    let (address, folder) = (server.address(), server.folder().to_owned());
    drop(server);
    assert!(Client::connect(address, PATIENCE).is_err());
    assert!(!folder.exists());
}

#[test]
fn settings_reach_the_server_and_extra_ones_win() {
    let extra = vec![("maxmemory-policy".to_owned(), "allkeys-lru".to_owned())];
    let server = started(Settings { append_only: AppendOnly::SyncEverySecond, extra, ..Settings::default() });
    for (key, value) in [("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru"), ("save", "")] {
        let reply = server.command(&["CONFIG", "GET", key]).expect("an answer");
        assert_eq!(reply, Reply::Array(vec![Reply::bulk(key), Reply::bulk(value)]));
    }
}

#[test]
fn only_who_has_the_account_gets_in() {
    let secret = "b1tterOrange";
    let user = Account::User { name: "switchyard".to_owned(), password: secret.to_owned() };
    for (account, login) in [
        (Account::Password(secret.to_owned()), vec!["AUTH", secret]),
        (user, vec!["AUTH", "switchyard", secret]),
    ] {
        let server = started(Settings { account, ..Settings::default() });
        let mut client = client(&server);
        let refused = client.command(&["PING"]).expect("an answer").to_string();
        assert!(refused.starts_with("NOAUTH"), "{refused}");
        assert_eq!(client.command(&login).expect("an answer"), Reply::status("OK"));
        assert!(server.url().contains(&format!(":{secret}@127.0.0.1:{}", server.port())), "{}", server.url());
        assert!(!format!("{server:?}").contains(secret));
    }
}

#[test]
fn over_tls_a_client_that_trusts_the_authority_gets_an_answer() {
    let server = started(Settings { encryption: Encryption::Tls, ..Settings::default() });
    let authority = server.authority().expect("it has one");
    let mut command = Command::new("redis-cli");
    command.args(["-p", &server.port().to_string(), "--tls", "--cacert"]).arg(authority).arg("PING");
    let output = command.output().expect("redis-cli is installed by tests/run");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "PONG\n");
    assert!(server.url().starts_with("rediss://127.0.0.1:"), "{}", server.url());
    assert!(client(&server).command(&["PING"]).is_err(), "the port speaks TLS alone");
}

#[test]
fn a_server_that_ends_at_once_says_why() {
    let extra = vec![("maxmemory-policy".to_owned(), "whatever".to_owned())];
    let error = RedisServer::start(Settings { extra, ..Settings::default() }).expect_err("no such policy");
    assert!(matches!(error, LabError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("maxmemory-policy"), "{error}");
}
