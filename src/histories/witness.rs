//! Puts what the devices remember, and what an operator could list, into a history.

use std::collections::BTreeSet;

use serde_json::Value;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::delivery::{DeliveryRecord, DeliveryState};
use switchyard_actors::domain::port::PortState as Kept;
use switchyard_actors::domain::record::{PortRecord, Record};

use super::device::{Device, factory};
use super::driver::Devices;
use crate::checker::history::{
    Command, DeadLetter, Ending, EventName, History, Place, Port, PortState, Session, Standing,
};
use crate::checker::request::Mac;

pub fn note_devices(history: &mut History, devices: &Devices) {
    history.ending = Ending::Drained;
    for (switch, device) in devices.all().iter() {
        note_device(history, switch.as_str(), device);
    }
}

fn note_device(history: &mut History, switch: &str, device: &Device) {
    for (number, span) in device.sessions.iter().enumerate() {
        let (switch, number) = (switch.to_owned(), number as u64);
        history.sessions.push(Session { switch, number, holder: None, span: *span });
    }
    history.commands.extend(device.heard.iter().map(|heard| Command {
        switch: switch.to_owned(),
        session: heard.session,
        at: heard.at,
        line: heard.line.clone(),
    }));
    for name in super::inventory::port_names() {
        let port = Port {
            before: Some(state(&factory())),
            running: device.running(&name).map(|config| state(&config)),
            startup: device.startup(&name).map(|config| state(&config)),
            standing: Standing::Unmarked,
        };
        history.ports.insert(Place { switch: switch.to_owned(), port: name }, port);
    }
}

fn state(config: &PortConfig) -> PortState {
    PortState {
        enabled: config.enabled,
        vlan: config.access_vlan.map_or(0, |vlan| vlan.get()),
        down_kbps: config.down_kbps,
        up_kbps: config.up_kbps,
        macs: config.mac.iter().filter_map(|mac| Mac::parse(&mac.to_string())).collect::<BTreeSet<_>>(),
    }
}

/// What an operator could list: dead letters, and ports that are being repaired.
pub fn note_records(history: &mut History, records: Vec<Record>) {
    for record in records {
        match record {
            Record::Delivery(delivery) => history.dead_letters.extend(dead_letter(&delivery)),
            Record::Port(PortRecord { at, state: Kept::Dirty { .. } | Kept::Applying { .. }, .. }) => {
                let place = Place { switch: at.switch.to_string(), port: at.port.to_string() };
                history.ports.entry(place).or_default().standing = Standing::Dirty;
            }
            _ => {}
        }
    }
}

fn dead_letter(delivery: &DeliveryRecord) -> Option<DeadLetter> {
    let DeliveryState::Dead { .. } = &delivery.state else { return None };
    let body: Value = serde_json::from_str(&delivery.event.body).expect("events are JSON");
    let id = |field| body.get(field)?.as_str()?.parse().ok();
    Some(DeadLetter {
        id: delivery.event.id.to_string(),
        event: EventName::parse(body["event"].as_str().expect("an event has its name")),
        subscription: id("subscription_id"),
        job: id("job_id"),
    })
}
