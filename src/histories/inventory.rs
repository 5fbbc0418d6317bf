//! What every history begins with: two partners with a plan each, switches with their ports, units; and what a plan's words stand
//! for in it.

use std::collections::BTreeMap;

use switchyard_actors::domain::config::VlanId;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId, PortName, PortRef, SwitchId, UnitId};
use switchyard_actors::domain::inventory::{Credentials, Location, Partner, PlanVersion, Switch, Unit};
use switchyard_actors::domain::record::{Key, Record};
use switchyard_actors::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
use switchyard_actors::domain::text::{ExternalSubscriptionId, LocationHash, MacAddress, Secret};
use switchyard_actors::testing::RecordingStore;
use uuid::Uuid;

use super::plan::{Checkout, PARTNERS, PORTS, Wish};
use crate::checker::history::{self, Place, WebhookSecret};
use crate::checker::moment::{Moment, Span};
use crate::checker::request::{Key as SeenKey, Mac, Request, Wish as SeenWish};

const DOWN_KBPS: u64 = 100_000;
const UP_KBPS: u64 = 20_000;
/// Of so many keys, one's wish is a home-drop.
const HOME_DROP_EVERY: usize = 4;
/// Of so many keys, one's wish has a MAC address.
const MAC_EVERY: usize = 3;
const UNITS: usize = 64;

pub fn partner(n: usize) -> Uuid {
    Uuid::from_u128(0xA0 + n as u128)
}

fn url(n: usize) -> String {
    format!("http://receiver-{n}")
}

/// Whose address it is.
pub fn partner_at(address: &str) -> (usize, Uuid) {
    let number = (0..PARTNERS).find(|n| url(*n) == address).expect("an address of this history");
    (number, partner(number))
}

fn secret(n: usize) -> String {
    format!("whsec-of-partner-{n}")
}

fn plan(n: usize) -> Uuid {
    Uuid::from_u128(0xB0 + n as u128)
}

fn vlan(n: usize) -> u16 {
    140 + u16::try_from(n).expect("there are two")
}

fn unit(n: usize) -> Uuid {
    Uuid::from_u128(0xC00 + n as u128)
}

pub fn switch(n: usize) -> SwitchId {
    SwitchId::parse(&format!("sw{n}")).expect("a name")
}

pub fn port_names() -> impl Iterator<Item = String> {
    (0..PORTS).map(|n| format!("p{n}"))
}

/// Ports are counted over all switches, so that neighbours are on different ones.
fn port_at(place: usize, switches: usize) -> PortRef {
    let port = PortName::parse(&format!("p{}", place / switches % PORTS)).expect("a name");
    PortRef { switch: switch(place % switches), port }
}

pub fn location(place: usize, switches: usize) -> LocationHash {
    LocationHash::parse(&format!("{:010x}", place % (switches * PORTS))).expect("ten digits")
}

/// Puts everything where an operator would have put it.
pub fn seed(store: &RecordingStore, switches: usize) {
    for n in 0..PARTNERS {
        let id = PartnerId(partner(n));
        let (webhook_secret, webhook_url) = (Secret::new(&secret(n)), url(n));
        let name = format!("partner {n}");
        let record = Partner { id, name: name.clone(), webhook_secret, webhook_url, api_key: None };
        store.seed(Key::Partner(id), Record::Partner(record));
        let version = PlanVersion {
            id: PlanVersionId(plan(n)),
            partner: id,
            name,
            vlan: VlanId::try_from(vlan(n)).expect("a VLAN"),
            down_kbps: DOWN_KBPS,
            up_kbps: UP_KBPS,
            active: true,
        };
        store.seed(Key::Plan(version.id), Record::Plan(version));
    }
    for n in 0..UNITS {
        let id = UnitId(unit(n));
        store.seed(Key::Unit(id), Record::Unit(Unit { id, name: format!("unit {n}") }));
    }
    (0..switches).for_each(|n| seed_switch(store, n));
    for place in 0..switches * PORTS {
        let hash = location(place, switches);
        let at = Location { hash: hash.clone(), port: port_at(place, switches), expires_at: None };
        store.seed(Key::Location(hash), Record::Location(at));
    }
}

fn seed_switch(store: &RecordingStore, n: usize) {
    let credentials = Credentials { username: "admin".into(), ..Credentials::default() };
    let entry = Switch {
        id: switch(n),
        host: "localhost".into(),
        ssh_port: 22,
        platform: "of a history".into(),
        credentials,
        host_key: None,
        host_name: None,
        serial: None,
        captive_portal_vlan: VlanId::try_from(1).expect("a VLAN"),
        allow_algorithms: Vec::new(),
        jump_host: None,
    };
    store.seed(Key::Switch(entry.id.clone()), Record::Switch(entry));
}

/// The same, as the checker is told.
pub fn describe(history: &mut history::History, switches: usize) {
    for n in 0..PARTNERS {
        let secret = history::Secret { name: format!("webhook secret {n}"), value: secret(n) };
        let secrets = vec![WebhookSecret { secret, valid: Span::since(Moment(0)) }];
        history.partners.push(history::Partner { id: partner(n), secrets });
        let (down_kbps, up_kbps) = (Some(DOWN_KBPS), Some(UP_KBPS));
        history.plans.push(history::Plan { id: plan(n), vlan: vlan(n), down_kbps, up_kbps });
    }
    history.locations = (0..switches * PORTS)
        .map(|n| {
            let at = port_at(n, switches);
            let place = Place { switch: at.switch.to_string(), port: at.port.to_string() };
            (location(n, switches).to_string(), place)
        })
        .collect::<BTreeMap<_, _>>();
}

/// Where a key's line ends, unless its partner wants another.
pub fn place_of(checkout: &Checkout) -> usize {
    checkout.key * PARTNERS + checkout.partner
}

pub fn is_home_drop(checkout: &Checkout) -> bool {
    checkout.key % HOME_DROP_EVERY == HOME_DROP_EVERY - 1
}

/// What the service is asked.
pub fn request(checkout: &Checkout, switches: usize) -> CheckoutRequest {
    let other = usize::from(checkout.wish == Wish::OtherPort);
    let place = place_of(checkout) + other;
    let mode = match is_home_drop(checkout) {
        true => DeliveryMode::HomeDrop { unit: UnitId(unit(place_of(checkout) + other * UNITS / 2)) },
        false => DeliveryMode::Direct { location: location(place, switches) },
    };
    let mac = match checkout.wish {
        Wish::OtherMac => Some(0xFF),
        Wish::Own | Wish::OtherPort | Wish::ForeignPlan => {
            checkout.key.is_multiple_of(MAC_EVERY).then_some(checkout.key)
        }
    };
    let of_plan = match checkout.wish {
        Wish::ForeignPlan => (checkout.partner + 1) % PARTNERS,
        Wish::Own | Wish::OtherPort | Wish::OtherMac => checkout.partner,
    };
    CheckoutRequest {
        key: CheckoutKey {
            partner: PartnerId(partner(checkout.partner)),
            external: ExternalSubscriptionId::parse(&format!("order-{}", checkout.key))
                .expect("a short text"),
        },
        plan: PlanVersionId(plan(of_plan)),
        mode,
        mac: mac.map(|n| MacAddress::parse(&format!("02:00:00:00:00:{n:02x}")).expect("a unicast address")),
    }
}

/// The same, as its client saw itself ask.
pub fn seen(request: &CheckoutRequest) -> Request {
    let key = SeenKey { partner: request.key.partner.0, external: request.key.external.as_str().to_owned() };
    let mac = request.mac.and_then(|mac| Mac::parse(&mac.to_string()));
    let plan = request.plan.0;
    let wish = match &request.mode {
        DeliveryMode::Direct { location } => SeenWish::Direct { plan, location: location.to_string(), mac },
        DeliveryMode::HomeDrop { unit } => SeenWish::HomeDrop { plan, unit: unit.0, mac },
    };
    Request { key, wish }
}
