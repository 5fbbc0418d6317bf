//! Logging in, being refused, and the limit on terminal lines.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use russh::client;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::super::{Fault, Personality, SwitchPlan};
use super::terminal::{
    Terminal, Trusting, connect, connect_as, log_in, log_in_interactively, log_in_with_key,
};
use super::{DEADLINE, one, one_ios, until};

#[tokio::test]
async fn a_right_password_opens_and_a_wrong_one_does_not() {
    let (_fleet, switch) = one_ios().await;
    assert!(log_in(switch.address(), "admin", "admin").await.is_some());
    assert!(log_in(switch.address(), "admin", "wrong").await.is_none());
    assert!(log_in(switch.address(), "root", "admin").await.is_none());
    assert_eq!(switch.counts().logins_refused, 2);
}

#[tokio::test]
async fn a_password_can_be_asked_for_interactively() {
    let (_fleet, switch) = one_ios().await;
    let opened = log_in_interactively(switch.address(), "admin", "admin").await;
    assert_eq!(opened, (true, "Password: ".to_owned()));
    assert!(!log_in_interactively(switch.address(), "admin", "wrong").await.0);
}

#[tokio::test]
async fn only_the_authorized_key_opens() {
    let key = |seed: u8| PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]));
    let public = |seed: u8| PublicKey::from(key(seed).public_key().key_data().clone());
    let plan = SwitchPlan { authorized_key: Some(public(1)), ..SwitchPlan::new("sw1", Personality::Ios) };
    let (_fleet, switch) = one(plan).await;
    assert!(log_in_with_key(switch.address(), "admin", key(1)).await);
    assert!(!log_in_with_key(switch.address(), "admin", key(2)).await);
}

#[tokio::test]
async fn a_right_password_is_refused_on_order() {
    let (_fleet, switch) = one_ios().await;
    switch.order(Fault::RejectAuthentication { times: 1 });
    assert!(log_in(switch.address(), "admin", "admin").await.is_none());
    assert!(log_in(switch.address(), "admin", "admin").await.is_some());
}

async fn seen_host_key(address: SocketAddr) -> Option<String> {
    let seen = Arc::new(Mutex::new(None));
    connect_as(address, Trusting { seen: seen.clone() }).await.expect("a connection");
    seen.lock().expect("nobody panics with it").clone()
}

#[tokio::test]
async fn the_host_key_is_the_one_told_and_can_be_changed() {
    let (_fleet, switch) = one_ios().await;
    let before = switch.host_key();
    assert!(before.starts_with("ssh-ed25519 AAAA"));
    assert_eq!(seen_host_key(switch.address()).await, Some(before.clone()));
    switch.change_host_key();
    assert_ne!(switch.host_key(), before);
    assert_eq!(seen_host_key(switch.address()).await, Some(switch.host_key()));
}

#[tokio::test]
async fn with_every_line_taken_tcp_is_closed_before_the_identification() {
    let plan = SwitchPlan { vty_lines: 2, ..SwitchPlan::new("sw1", Personality::Ios) };
    let (_fleet, switch) = one(plan).await;
    let first = Terminal::ready(switch.address(), "sw1#").await;
    let _second = Terminal::ready(switch.address(), "sw1#").await;
    assert_eq!(first_bytes(switch.address()).await, "");
    drop(first);
    until(&switch, "a line is free again", |counts| counts.sessions_open == 1).await;
    Terminal::ready(switch.address(), "sw1#").await;
    assert_eq!(switch.counts().most_sessions_open, 2);
    assert_eq!(switch.counts().connections_refused, 1);
}

/// What the server says first, as text; empty if it only closes.
async fn first_bytes(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.expect("TCP is accepted");
    let mut bytes = [0; 64];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut bytes)).await.expect("words or an end");
    String::from_utf8_lossy(&bytes[..read.unwrap_or(0)]).into_owned()
}

#[tokio::test]
async fn each_personality_names_its_ssh_server() {
    let (_fleet, ios) = one_ios().await;
    assert_eq!(first_bytes(ios.address()).await, "SSH-2.0-Cisco-1.25\r\n");
    let (_fleet, eos) = one(SwitchPlan::new("leaf1", Personality::Eos)).await;
    assert_eq!(first_bytes(eos.address()).await, "SSH-2.0-OpenSSH_9.6\r\n");
}

#[tokio::test]
async fn refused_and_silent_connections_come_on_order() {
    let (_fleet, switch) = one_ios().await;
    switch.order(Fault::RefuseConnections { times: 1 });
    assert!(connect(switch.address()).await.is_err());
    switch.order(Fault::SilentBanner { times: 1 });
    let mut silent = TcpStream::connect(switch.address()).await.expect("TCP is accepted");
    until(&switch, "the silent session is open", |counts| counts.sessions_open == 1).await;
    let mut byte = [0];
    assert!(silent.try_read(&mut byte).is_err(), "nothing is said");
    switch.cut_sessions();
    assert!(silent.read(&mut byte).await.is_err(), "and then the connection is reset");
    assert!(log_in(switch.address(), "admin", "admin").await.is_some());
}

#[tokio::test]
async fn an_old_switch_and_a_client_of_today_have_no_algorithm_in_common() {
    let (_fleet, switch) = one_ios().await;
    switch.offer_only_old_algorithms();
    let refused = connect(switch.address()).await.err();
    assert!(matches!(refused, Some(russh::Error::NoCommonAlgo { .. })), "{refused:?}");
    let preferred = russh::Preferred {
        kex: vec![russh::kex::DH_G14_SHA1].into(),
        cipher: vec![russh::cipher::AES_128_CBC].into(),
        mac: vec![russh::mac::HMAC_SHA1].into(),
        ..russh::Preferred::default()
    };
    let config = client::Config { preferred, ..client::Config::default() };
    let opened = client::connect(Arc::new(config), switch.address(), Trusting::default()).await;
    assert!(opened.is_ok());
}

#[tokio::test]
async fn a_command_without_a_shell_and_a_second_shell_are_refused() {
    let (_fleet, switch) = one_ios().await;
    let handle = log_in(switch.address(), "admin", "admin").await.expect("a login");
    let mut channel = handle.channel_open_session().await.expect("a channel");
    channel.exec(true, "show version").await.expect("sent");
    let answer = tokio::time::timeout(DEADLINE, channel.wait()).await.expect("an answer");
    assert!(matches!(answer, Some(russh::ChannelMsg::Failure)), "{answer:?}");
    assert!(handle.channel_open_session().await.is_err());
}

#[tokio::test]
async fn sessions_are_remembered_with_when_they_were_opened_and_closed() {
    let (_fleet, switch) = one_ios().await;
    let first = Terminal::ready(switch.address(), "sw1#").await;
    drop(first);
    until(&switch, "the first is gone", |counts| counts.sessions_open == 0).await;
    let _second = Terminal::ready(switch.address(), "sw1#").await;
    let heard = switch.commands().last().expect("the line that turns paging off").at;
    let [first, second] = switch.sessions()[..] else { panic!("{:?}", switch.sessions()) };
    assert_eq!((first.number, second.number, second.closed), (1, 2, None));
    assert!(first.opened < first.closed.expect("an end") && first.closed <= Some(second.opened));
    switch.cut_sessions();
    let cut = switch.sessions()[1].closed.expect("cut is closed, whenever the client learns of it");
    assert!(second.opened < heard && heard <= cut);
}
