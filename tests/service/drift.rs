//! Ports that somebody else changed, on real switches' terms: found on demand, and when a switch that went away is back;
//! repaired within the limit; and what no subscription manages is never touched, nor so much as named.

use crate::harness::*;
use serde_json::json;
use switchyard::operations::drift::order_beside;
use switchyard::redis_lab::{self, RedisServer};
use switchyard::simulator::{PortConfig, SimulatedSwitch};
use switchyard_actors::domain::drift::Consent;
use switchyard_actors::domain::ids::{CommitId, PortName, PortRef, SwitchId};
use switchyard_actors::domain::record::{Index, Key, Tag};
use switchyard_actors::ports::hints::NoHints;
use switchyard_actors::ports::store::{Commit, Durability, Order, Store, Write};

/// Ports that are sold; the rest are nobody's.
const SOLD: u16 = 3;
const NOBODYS: u16 = 6;

/// One service as a process, on one of the stores, with ports live and saved on an IOS and an EOS switch.
struct World {
    outside: Outside,
    service: Process,
    client: Client,
    /// How somebody has set up the port that is nobody's, by switch.
    strange: Vec<PortConfig>,
    _redis: Option<RedisServer>,
}

fn strange(outside: &Outside, switch: usize) -> PortConfig {
    let name = outside.port_name(switch, NOBODYS);
    let mut config = outside.fleet.switches()[switch].running(&name).expect("there");
    config.access_vlan = 77;
    config.description = Some("uplink of the lift".into());
    config
}

impl World {
    async fn on_a_file(more: &str) -> Self {
        Self::start(more, None).await
    }

    async fn on_redis(more: &str) -> Self {
        let server = RedisServer::start(redis_lab::Settings::default()).expect("a Redis of its own");
        Self::start(more, Some(server)).await
    }

    async fn start(more: &str, redis: Option<RedisServer>) -> Self {
        let outside = Outside::start(SMALL).await;
        let engine = redis.as_ref().map_or_else(String::new, |redis| crate::redis::on_redis(&redis.url()));
        let more = format!("[log]\nfilter = \"warn\"\n{engine}{more}");
        let service = Process::start_with(&outside, free_address(), &[], &more).await;
        let client = Client::new(service.address);
        let strange = (0..2).map(|switch| strange(&outside, switch)).collect();
        let world = Self { outside, service, client, strange, _redis: redis };
        for switch in 0..2 {
            // Somebody has set them up for something else.
            let name = world.outside.port_name(switch, NOBODYS);
            world.switch(switch).configure(&name, world.strange[switch].clone());
            for port in 0..SOLD {
                world.order(switch, port).await;
            }
        }
        let outside = &world.outside;
        let all_saved = |o: &Outside| (0..SOLD).all(|port| (0..2).all(|n| o.is_live_and_saved(n, port)));
        outside.until("all live and saved", all_saved).await;
        world.until_at_rest().await;
        world
    }

    async fn order(&self, switch: usize, port: u16) {
        let location = self.outside.location(switch, port);
        let mut body = direct(&format!("order-{switch}-{port}"), &location);
        if port == 1 {
            body["mac_address"] = json!(format!("02:00:5e:10:00:{switch:02x}"));
        }
        let answer = self.client.checkout(&body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn switch(&self, switch: usize) -> std::sync::Arc<SimulatedSwitch> {
        self.outside.fleet.switch(&switch_name(switch)).expect("there")
    }

    /// Somebody puts a port into another VLAN.
    fn change_by_hand(&self, switch: usize, port: u16) {
        let name = self.outside.port_name(switch, port);
        self.switch(switch).change_by_hand(&name, |config| config.access_vlan = 7);
    }

    fn said(&self, arguments: &[&str]) -> String {
        said(&self.service, arguments)
    }

    async fn until_said(&self, arguments: &[&str], holds: impl Fn(&str) -> bool) -> String {
        until_said(&self.service, arguments, holds).await
    }

    /// No work for any switch, as the operator sees it.
    async fn until_at_rest(&self) {
        let is_at_rest = |said: &str| {
            said.lines().skip(1).all(|line| line.split_whitespace().nth(3).is_some_and(|work| work == "0"))
        };
        self.until_said(&["switches"], is_at_rest).await;
    }

    /// Asks for a check of both switches, and waits until they are answered; what is on record of each.
    async fn check(&self, more: &[&str]) -> [String; 2] {
        for switch in 0..2 {
            self.said(&[&["check", &switch_name(switch)], more].concat());
        }
        let is_answered = |said: &str| !said.contains("never") && !said.contains("another check");
        self.until_said(&["drift"], is_answered).await;
        [0, 1].map(|switch| self.said(&["drift", &switch_name(switch)]))
    }

    fn commands(&self, switch: usize) -> Vec<String> {
        self.switch(switch).commands().into_iter().map(|command| command.line).collect()
    }

    /// The whole log of both switches, and the port itself.
    fn what_is_nobodys_was_never_touched(&self) {
        for switch in 0..2 {
            let managed: Vec<_> =
                (0..SOLD).map(|port| self.outside.port_name(switch, port).to_lowercase()).collect();
            for line in self.commands(switch).iter().map(|line| line.to_lowercase()) {
                let named = line.split_whitespace().skip_while(|word| !word.starts_with("interface")).nth(1);
                assert!(named.is_none_or(|port| managed.iter().any(|name| name == port)), "{line}");
            }
            let name = self.outside.port_name(switch, NOBODYS);
            assert_eq!(self.switch(switch).running(&name).as_ref(), Some(&self.strange[switch]));
            assert_eq!(self.switch(switch).startup(&name).as_ref(), Some(&self.strange[switch]));
        }
    }

    fn wrote_nothing_since(&self, before: &[usize; 2]) {
        for (switch, before) in before.iter().enumerate() {
            let since = &self.commands(switch)[*before..];
            let is_a_write = |line: &&String| line.starts_with("configure") || line.starts_with("write");
            assert!(!since.iter().any(|line| is_a_write(&line)), "{since:?}");
            assert!(since.iter().any(|line| line.starts_with("show running-config interface")), "{since:?}");
        }
    }
}

async fn found_and_repaired(world: &World) {
    let before = [0, 1].map(|switch| world.commands(switch).len());
    for said in world.check(&[]).await {
        assert!(said.contains("as wanted") && said.lines().count() == 1, "{said}");
    }
    world.wrote_nothing_since(&before);

    world.change_by_hand(0, 0);
    world.change_by_hand(1, 0);
    world.switch(1).change_by_hand(&world.outside.port_name(1, 1), |config| config.enabled = false);
    let [ios, eos] = world.check(&[]).await;
    let moved = "access VLAN is 7, wanted 142  [to be repaired]";
    assert!(ios.contains("1 differed, 1 to be repaired") && ios.contains(moved), "{ios}");
    assert!(eos.contains("2 differed, 2 to be repaired") && eos.contains(moved), "{eos}");
    let all_saved = |o: &Outside| (0..SOLD).all(|port| (0..2).all(|n| o.is_live_and_saved(n, port)));
    world.outside.until("repaired and saved", all_saved).await;
    world
        .until_said(&["drift", &switch_name(1)], |said| said.matches(" was repaired at ").count() == 2)
        .await;
    world.what_is_nobodys_was_never_touched();
    assert_eq!((world.outside.most_sessions(0), world.outside.most_sessions(1)), (1, 1));
    let told: usize = world.outside.event_counts().values().sum();
    assert_eq!(told, 2 * 2 * usize::from(SOLD), "no partner is told of a repair");
}

#[test]
fn a_change_by_hand_is_found_on_demand_and_repaired_and_what_is_nobodys_is_not_touched() {
    story(async { found_and_repaired(&World::on_a_file("").await).await });
}

#[test]
fn so_it_is_on_redis_where_the_command_line_asks_through_the_store() {
    story(async { found_and_repaired(&World::on_redis("").await).await });
}

#[test]
fn a_repair_makes_a_port_just_what_its_order_had_made_it() {
    story(async {
        let world = World::on_a_file("").await;
        let name = |switch| world.outside.port_name(switch, 1);
        let texts = || [0, 1].map(|switch| world.switch(switch).running_text(&name(switch)));
        let before = texts();
        for switch in 0..2 {
            world.switch(switch).change_by_hand(&name(switch), |config| {
                config.enabled = false;
                config.access_vlan = 7;
                config.static_macs.clear();
                config.port_security = false;
                config.service_policy_in = None;
                config.shape_kbps = None;
                config.violation = None;
            });
        }
        world.check(&[]).await;
        world.outside.until("repaired", |o| (0..2).all(|switch| o.is_live_and_saved(switch, 1))).await;
        assert_eq!(texts(), before);
    });
}

#[test]
fn a_switch_that_comes_back_with_an_older_start_up_configuration_is_repaired_after_the_next_order() {
    story(async {
        let world = World::on_a_file("").await;
        for switch in 0..2 {
            let device = world.switch(switch);
            (0..2).for_each(|port| device.forget_startup(&world.outside.port_name(switch, port)));
            device.reboot();
            assert_ne!(world.outside.running_vlan(switch, 0), Some(VLAN));
            world.order(switch, SOLD).await;
        }
        let all_saved = |o: &Outside| (0..=SOLD).all(|port| (0..2).all(|n| o.is_live_and_saved(n, port)));
        world.outside.until("repaired and saved", all_saved).await;
    });
}

#[test]
fn where_more_ports_differ_than_the_limit_nothing_is_written_until_an_operator_says_repair() {
    story(async {
        let world = World::on_a_file("[drift]\nmax_repairs = 1\n").await;
        (0..2).for_each(|port| (0..2).for_each(|switch| world.change_by_hand(switch, port)));
        let before = [0, 1].map(|switch| world.commands(switch).len());
        for said in world.check(&[]).await {
            assert!(said.contains("HELD BACK: 2 differ, none was written to"), "{said}");
        }
        world.until_at_rest().await;
        world.wrote_nothing_since(&before);
        let listed = world.said(&["switches"]);
        assert_eq!(listed.matches("drift HELD BACK: 2 differ").count(), 2, "{listed}");

        for said in world.check(&["--repair"]).await {
            assert!(said.contains("2 differed, 2 to be repaired"), "{said}");
        }
        let both = |o: &Outside| (0..2).all(|port| (0..2).all(|switch| o.is_live_and_saved(switch, port)));
        world.outside.until("repaired", both).await;
        assert!(!world.said(&["switches"]).contains("HELD BACK"));
    });
}

#[test]
fn a_process_that_dies_in_the_middle_of_a_repair_leaves_it_to_the_next() {
    story(async {
        for point in ["lines.journaled", "lines.sent", "port.verified"] {
            let mut world = World::on_a_file("").await;
            world.service.terminate();
            world.service.wait_until_ended().await;
            let address = free_address();
            let kill = [("SWITCHYARD_KILL_AT", point)];
            let mut doomed = Process::start_with(&world.outside, address, &kill, "").await;
            world.change_by_hand(0, 1);
            said(&doomed, &["check", &switch_name(0)]);
            doomed.wait_until_ended().await;
            world.outside.until_no_session_is_open(2).await;
            world.service = Process::start_with(&world.outside, address, &[], "").await;
            world.outside.until("repaired", |o| o.is_live_and_saved(0, 1)).await;
            let was_repaired = |said: &str| said.contains(" was repaired at ");
            world.until_said(&["drift", &switch_name(0)], was_repaired).await;
            world.what_is_nobodys_was_never_touched();
        }
    });
}

/// As a release left it that knew of no upkeep.
async fn forget_upkeep(store: &dyn Store, switch: &SwitchId, ports: &[PortName]) {
    let forget = ports.iter().flat_map(|port| {
        let at = PortRef { switch: switch.clone(), port: port.clone() };
        let (index, member) = (Index::Managed(switch.clone()), port.to_string());
        [Write::Delete(Key::Managed(at)), Write::Exclude { index, member }]
    });
    let commit = Commit {
        id: CommitId(uuid::Uuid::new_v4()),
        tag: Tag::Switch(switch.clone()),
        lease: None,
        expect: Vec::new(),
        writes: forget.collect(),
        events: Vec::new(),
        durability: Durability::Durable,
        order: Order::InTurn,
    };
    store.commit(vec![commit]).await.expect("applied");
}

#[test]
fn a_port_that_was_live_before_there_was_upkeep_is_repaired_as_its_order_had_made_it() {
    story(async {
        let outside = Outside::start(SMALL).await;
        let service = serve(&outside, "").await;
        let (client, store) = (Client::new(service.address()), service.store());
        let mut body = direct("order-1", &outside.location(0, 1));
        body["mac_address"] = json!("02:00:5e:10:00:01");
        assert_eq!(client.checkout(&body).await.status, 200);
        outside.until("live and saved", |o| o.is_live_and_saved(0, 1)).await;
        until_at_rest(&*store).await;
        let (device, name) = (outside.fleet.switch(&switch_name(0)).expect("there"), outside.port_name(0, 1));
        let before = device.running_text(&name);
        let port = PortName::parse(&name).expect("a name");
        forget_upkeep(&*store, &SwitchId::parse(&switch_name(0)).expect("a name"), &[port]).await;
        device.forget_startup(&name);
        device.reboot();

        let (hints, consent) = (NoHints::default(), Consent::WithinLimits);
        order_beside(&*store, &hints, &switch_name(0), consent).await.expect("asked for");
        outside.until("repaired", |o| o.is_live_and_saved(0, 1)).await;
        assert_eq!(device.running_text(&name), before);
        drop(store);
        service.stop().await;
    });
}
