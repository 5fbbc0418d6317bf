//! Many switches behind one listener.

use std::net::Ipv4Addr;

use futures_util::future::join_all;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::super::{Addressing, Personality, SimulatedFleet, SwitchPlan};
use super::DEADLINE;
use super::terminal::Terminal;

const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 200);

async fn on_addresses(count: usize) -> SimulatedFleet {
    let plans = (0..count).map(|n| SwitchPlan::new(format!("sw{n}"), Personality::Ios)).collect();
    let addressing = Addressing::LoopbackAddresses { first: FIRST, port: 0 };
    SimulatedFleet::start(addressing, plans).await.expect("a free port")
}

#[tokio::test]
async fn two_hundred_switches_on_one_listener_are_told_apart() {
    let fleet = on_addresses(200).await;
    let ports: std::collections::HashSet<_> = fleet.switches().iter().map(|s| s.address().port()).collect();
    assert_eq!(ports.len(), 1);
    let visits = fleet.switches().iter().map(|switch| async move {
        let name = switch.name();
        let mut terminal = Terminal::ready(switch.address(), &format!("{name}#")).await;
        terminal.run("conf t", &format!("{name}(config)#")).await;
        terminal.run("int Gi1/0/1", &format!("{name}(config-if)#")).await;
        terminal.run(&format!("description {name}"), &format!("{name}(config-if)#")).await;
    });
    join_all(visits).await;
    for switch in fleet.switches() {
        let port = switch.running("Gi1/0/1").expect("the port");
        assert_eq!(port.description.as_deref(), Some(switch.name()));
        assert_eq!(switch.counts().sessions_opened, 1);
    }
}

#[tokio::test]
async fn an_address_without_a_switch_is_closed_unread() {
    let fleet = on_addresses(1).await;
    let port = fleet.switches()[0].address().port();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("TCP is accepted");
    let mut byte = [0];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut byte)).await.expect("an end");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test]
async fn addresses_outside_loopback_are_no_fleet() {
    let addressing = Addressing::LoopbackAddresses { first: Ipv4Addr::new(127, 255, 255, 255), port: 0 };
    let plans = vec![SwitchPlan::new("a", Personality::Ios), SwitchPlan::new("b", Personality::Ios)];
    let refused = SimulatedFleet::start(addressing, plans).await.expect_err("128.0.0.0 is not ours");
    assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_stopped_fleet_cuts_its_sessions_and_frees_its_port() {
    let fleet = on_addresses(2).await;
    let switch = fleet.switch("sw1").expect("the second switch");
    let mut terminal = Terminal::ready(switch.address(), "sw1#").await;
    tokio::time::timeout(DEADLINE, fleet.stop()).await.expect("all sessions end");
    terminal.expect_closed().await;
    assert_eq!(switch.counts().sessions_open, 0);
    assert!(TcpStream::connect(switch.address()).await.is_err());
}
