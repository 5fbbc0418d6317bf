//! Each way not to get a session, told apart in class and words; and who vouches for a host key.

use super::*;
use russh::MethodKind;
use std::io::{Read as _, Write as _};
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;

/// A peer that says `words` to whoever connects, and then holds on or hangs up.
fn peer(words: &'static str, hangs_up: bool) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.write_all(words.as_bytes()).expect("written");
        if !hangs_up {
            // Until the other side has had enough.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    port
}

/// A port that answers no more: its queue is full, and nobody takes from it.
pub(super) struct Deaf {
    pub port: u16,
    _listener: socket2::Socket,
    _queued: Vec<std::net::TcpStream>,
}

impl Deaf {
    pub fn new() -> Self {
        let listener =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        listener.bind(&std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        listener.listen(0).expect("it listens");
        let address = listener.local_addr().expect("its address").as_socket().expect("an IP address");
        let queue = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300)).ok();
        let queued = std::iter::from_fn(queue).collect();
        Self { port: address.port(), _listener: listener, _queued: queued }
    }
}

async fn refusal_of(words: &'static str, hangs_up: bool) -> DriverFailure {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.switch.ssh_port = peer(words, hangs_up);
    bench.driver.settings.key_exchange_ms = 300;
    bench.refusal().await
}

#[tokio::test]
async fn a_peer_that_never_identifies_itself_is_told_from_one_that_does_and_exchanges_no_keys() {
    let table = [
        ("", true, FailureClass::NoFreeVty, "said nothing, and then: "),
        ("", false, FailureClass::NoFreeVty, "said nothing, and then: there was no key exchange within"),
        ("Exceeded MaxStartups\r\n", true, FailureClass::NoFreeVty, "said \"Exceeded MaxStartups\""),
        (
            "SSH-2.0-Cisco-1.25\r\n",
            true,
            FailureClass::KeyExchangeFailed,
            "as \"SSH-2.0-Cisco-1.25\", and then",
        ),
        (
            "SSH-2.0-Cisco-1.25\r\n",
            false,
            FailureClass::KeyExchangeFailed,
            "as \"SSH-2.0-Cisco-1.25\", and then: there was no key exchange within ssh.key_exchange_ms",
        ),
    ];
    for (words, hangs_up, class, text) in table {
        let failure = refusal_of(words, hangs_up).await;
        assert_eq!(failure.class, class, "{words:?} {hangs_up}: {failure}");
        assert!(failure.detail.contains(text), "{words:?} {hangs_up}: {failure}");
        let was_waited_for = failure.detail.contains("there was no key exchange within");
        assert_eq!(was_waited_for, !hangs_up, "{words:?}: {failure}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_told_from_an_address_that_nothing_answers_at() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.switch.ssh_port = free_port();
    let refused = bench.refusal().await;
    assert_eq!(refused.class, FailureClass::Unreachable);
    assert!(refused.detail.contains("refused the connection"), "{refused}");
    let deaf = Deaf::new();
    bench.switch.ssh_port = deaf.port;
    bench.driver.settings.connect_ms = 300;
    let silent = bench.refusal().await;
    assert_eq!(silent.class, FailureClass::Unreachable);
    assert!(silent.detail.contains("did not accept a connection within ssh.connect_ms = 300"), "{silent}");
}

#[tokio::test]
async fn a_switch_with_old_algorithms_only_is_reached_when_its_record_names_them_and_no_other_is_offered_them()
 {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.device().offer_only_old_algorithms();
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::KeyExchangeFailed);
    for told in ["curve25519-sha256", "diffie-hellman-group14-sha1", "allow_algorithms"] {
        assert!(failure.detail.contains(told), "{told}: {failure}");
    }
    let all = ["diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha1"];
    let named =
        |names: &[&str]| names.iter().map(|name| LegacyAlgorithm::parse(name).expect("old")).collect();
    for left_out in 0..all.len() {
        let some: Vec<_> =
            all.iter().enumerate().filter(|(n, _)| *n != left_out).map(|(_, name)| *name).collect();
        bench.switch.allow_algorithms = named(&some);
        let failure = bench.refusal().await;
        assert_eq!(failure.class, FailureClass::KeyExchangeFailed, "{failure}");
        assert!(failure.detail.contains(all[left_out]), "names what is missing: {failure}");
    }
    bench.switch.allow_algorithms = named(&all);
    bench.opened().await.close().await;
}

#[tokio::test]
async fn a_switch_that_asks_interactively_gets_the_password_and_never_for_a_new_one() {
    let interactive = |plan: &mut SwitchPlan| plan.login_methods = vec![MethodKind::KeyboardInteractive];
    let bench = Bench::new(Personality::Ios, interactive).await;
    bench.opened().await.close().await;

    let bench = Bench::new(Personality::Ios, |plan| {
        interactive(plan);
        plan.login_prompt = "Password expired. New password: ";
    })
    .await;
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::AuthenticationRefused);
    assert!(failure.detail.contains("New password"), "{failure}");
    assert_eq!(bench.device().counts().logins_refused, 0, "nothing was typed");
}

#[tokio::test]
async fn a_refused_password_is_tried_once_and_what_the_switch_takes_is_told() {
    let bench = Bench::new(Personality::Ios, |plan| plan.password = "another".into()).await;
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::AuthenticationRefused);
    assert!(failure.detail.contains("\"admin\": tried [Password]"), "{failure}");
    assert_eq!(bench.device().counts().logins_refused, 1);

    let key_only = |plan: &mut SwitchPlan| plan.login_methods = vec![MethodKind::PublicKey];
    let bench = Bench::new(Personality::Ios, key_only).await;
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::AuthenticationRefused);
    assert!(failure.detail.contains("nothing that it takes is in the inventory"), "{failure}");
    assert_eq!(bench.device().counts().logins_refused, 0);
}

#[tokio::test]
async fn a_switch_that_asks_for_the_password_again_in_the_same_login_does_not_get_it_again() {
    let bench = Bench::new(Personality::Ios, |plan| {
        plan.login_methods = vec![MethodKind::KeyboardInteractive];
        plan.login_asks_again = true;
        plan.password = "another".into();
    })
    .await;
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::AuthenticationRefused);
    assert!(failure.detail.contains("asked for the password again"), "{failure}");
    assert_eq!(bench.device().counts().logins_refused, 1);
}

#[tokio::test]
async fn a_first_host_key_is_trusted_only_where_the_configuration_says_so_and_is_told() {
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    let pinned = bench.switch.host_key.take();
    assert_eq!(bench.refusal().await.class, FailureClass::HostKeyChanged);
    bench.driver.settings.trust_on_first_use = true;
    let session = bench.opened().await;
    assert_eq!(session.first_seen_host_key(), Some(bench.device().host_key()));
    session.close().await;

    bench.switch.host_key = pinned;
    let session = bench.opened().await;
    assert_eq!(session.first_seen_host_key(), None, "somebody vouches for it");
    session.close().await;
    bench.device().change_host_key();
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::HostKeyChanged);
    assert!(failure.detail.contains("SHA256:") && failure.detail.contains("--forget-host-key"), "{failure}");
}
