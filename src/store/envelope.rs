//! A record as both engines keep it: its version, and then the record in an envelope that names its schema, as JSON.
//!
//! A record of an older schema is brought up to date when it is read, and written anew with its next change; one of a
//! newer schema is refused, since this release can't know what it would lose of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchyard_actors::domain::ids::CommitId;
use switchyard_actors::domain::record::{Key, Record};
use switchyard_actors::ports::store::Stored;
use uuid::Uuid;

/// Brings a record's JSON from one schema to the next; `None` when it isn't of that schema.
type Step = fn(Value) -> Option<Value>;

/// The first leads from schema 1 to 2, the next from 2 to 3, and so on. A step is never changed once it was released:
/// what it reads is on somebody's disk.
const STEPS: &[Step] = &[counting_panics, switches_say_their_way, due_until_recorded];

/// Of a record's JSON, as this release writes it.
pub const RECORD_SCHEMA: u32 = 4;

/// What its JSON begins with then: told without reading it twice.
const HEAD: &[u8] = br#"{"schema":4,"record":"#;

const _: () =
    assert!(RECORD_SCHEMA as usize == STEPS.len() + 1, "each schema but the last has a step to the next");

/// Schema 2 counts the panics over jobs, ports and events, and knows of ports that were set aside.
fn counting_panics(mut record: Value) -> Option<Value> {
    let kind = record.get("type")?.as_str()?.to_owned();
    let is = record.get_mut("is")?;
    match kind.as_str() {
        "job" | "delivery" => {
            let state = is.get_mut("state")?.as_object_mut()?;
            if matches!(state.get("state")?.as_str()?, "queued" | "running" | "due" | "sending") {
                state.insert("panics".into(), 0.into());
            }
        }
        "port" => drop(is.as_object_mut()?.insert("panics".into(), 0.into())),
        "switch_status" => drop(is.as_object_mut()?.insert("set_aside".into(), Value::Array(Vec::new()))),
        _ => {}
    }
    Some(record)
}

/// A record's JSON can't be brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A later release wrote it, or none did.
    #[error("schema {found}; this release reads schemas 1 to {supported}")]
    Unsupported {
        /// Its schema.
        found: u32,
        /// The last that this release knows.
        supported: usize,
    },
    /// It says that it is of a schema, and isn't.
    #[error("schema {0}, and is not like it")]
    NotOfIt(u32),
}

/// Schema 3: a switch says which old algorithms it may be offered, and what it is reached through.
fn switches_say_their_way(mut record: Value) -> Option<Value> {
    if record.get("type")? == "switch" {
        let switch = record.get_mut("is")?.as_object_mut()?;
        switch.insert("allow_algorithms".to_owned(), Value::Array(Vec::new()));
        switch.insert("jump_host".to_owned(), Value::Null);
    }
    Some(record)
}

/// Schema 4: an event is due until what came of its attempt is on record. One that was being sent is due, and was all the time.
fn due_until_recorded(mut record: Value) -> Option<Value> {
    if record.get("type")? == "delivery" {
        let state = record.get_mut("is")?.get_mut("state")?.as_object_mut()?;
        if state.get("state")? == "sending" {
            state.remove("lease");
            state.insert("state".to_owned(), "due".into());
            state.insert("at".to_owned(), 0.into());
        }
    }
    Some(record)
}

/// Brings JSON of schema `from` to the one after the last step.
fn migrate(steps: &[Step], from: u32, value: Value) -> Result<Value, SchemaError> {
    let left = (from as usize).checked_sub(1).and_then(|done| steps.get(done..));
    let unsupported = SchemaError::Unsupported { found: from, supported: steps.len() + 1 };
    let mut schemas = from..;
    left.ok_or(unsupported)?.iter().try_fold(value, |value, step| {
        let schema = schemas.next().unwrap_or(from);
        step(value).ok_or(SchemaError::NotOfIt(schema))
    })
}

/// A record from its JSON of any schema that this release knows. The error has no word of the record.
pub fn record_of_schema(schema: u32, json: Value) -> Result<Record, SchemaError> {
    let json = migrate(STEPS, schema, json)?;
    serde_json::from_value(json).map_err(|_| SchemaError::NotOfIt(schema))
}

/// What the version takes at the head of a value.
pub const VERSION_BYTES: usize = 16;

#[derive(Serialize)]
struct Envelope<'r> {
    schema: u32,
    record: &'r Record,
}

#[derive(Deserialize)]
struct EnvelopeHead {
    schema: u32,
}

#[derive(Deserialize)]
struct OpenedEnvelope<R> {
    record: R,
}

/// The value of a record.
pub fn encode(version: CommitId, record: &Record) -> Vec<u8> {
    let mut value = Vec::new();
    encode_into(&mut value, version, record);
    value
}

/// Appends the value of a record.
pub fn encode_into(to: &mut Vec<u8>, version: CommitId, record: &Record) {
    to.extend_from_slice(version.0.as_bytes());
    serde_json::to_writer(to, &Envelope { schema: RECORD_SCHEMA, record })
        .expect("records hold texts, numbers and maps by text, which are always JSON");
}

/// Reads what [`encode`] wrote. The error says what is wrong without a word of the record, which may hold a secret.
pub fn decode(key: &Key, value: &[u8]) -> Result<Stored, String> {
    let (version, json) = split(value).ok_or_else(|| format!("the record {key} is too short"))?;
    let unreadable = |error: serde_json::Error| {
        let (what, column) = (error.classify(), error.column());
        format!("the record {key} is not what it should be: {what:?} error at byte {column}")
    };
    let record = if json.starts_with(HEAD) {
        serde_json::from_slice::<OpenedEnvelope<Record>>(json).map_err(unreadable)?.record
    } else {
        let head: EnvelopeHead = serde_json::from_slice(json).map_err(unreadable)?;
        let opened: OpenedEnvelope<Value> = serde_json::from_slice(json).map_err(unreadable)?;
        record_of_schema(head.schema, opened.record).map_err(|why| format!("the record {key} has {why}"))?
    };
    Ok(Stored { version, record })
}

/// The version at the head of a value.
pub fn version(value: &[u8]) -> Option<CommitId> {
    split(value).map(|(version, _)| version)
}

fn split(value: &[u8]) -> Option<(CommitId, &[u8])> {
    let (version, json) = value.split_first_chunk::<VERSION_BYTES>()?;
    Some((CommitId(Uuid::from_bytes(*version)), json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use switchyard_actors::domain::claim::Receipt;
    use switchyard_actors::domain::delivery::DeliveryState;
    use switchyard_actors::domain::ids::{JobId, LeaseEpoch, PortName, PortRef, SubscriptionId, SwitchId};
    use switchyard_actors::domain::job::JobState;
    use switchyard_actors::domain::record::{PortRecord, SwitchStatus};
    use switchyard_actors::domain::request::Fingerprint;
    use switchyard_actors::domain::retention::Tombstone;
    use switchyard_actors::domain::time::UnixMillis;

    fn renamed(mut value: Value) -> Option<Value> {
        let speed = value.as_object_mut()?.remove("speed")?;
        value["kbps"] = speed;
        Some(value)
    }

    fn by_direction(value: Value) -> Option<Value> {
        let kbps = value.get("kbps")?.as_u64()?;
        Some(json!({ "down": kbps, "up": kbps }))
    }

    const MADE_UP: &[Step] = &[renamed, by_direction];

    #[test]
    fn an_older_one_takes_every_step_from_where_it_is() {
        let last = json!({ "down": 7, "up": 7 });
        assert_eq!(migrate(MADE_UP, 1, json!({ "speed": 7 })), Ok(last.clone()));
        assert_eq!(migrate(MADE_UP, 2, json!({ "kbps": 7 })), Ok(last.clone()));
        assert_eq!(migrate(MADE_UP, 3, last.clone()), Ok(last));
    }

    #[test]
    fn what_is_not_of_the_schema_that_it_names_is_refused_by_that_schema() {
        assert_eq!(migrate(MADE_UP, 1, json!({ "kbps": 7 })), Err(SchemaError::NotOfIt(1)));
        assert_eq!(migrate(MADE_UP, 1, json!({ "speed": "x" })), Err(SchemaError::NotOfIt(2)));
    }

    #[test]
    fn a_later_one_and_one_that_never_was_are_refused_by_both_numbers() {
        for found in [0, 4, u32::MAX] {
            let refused = Err(SchemaError::Unsupported { found, supported: 3 });
            assert_eq!(migrate(MADE_UP, found, Value::Null), refused);
        }
        let key = Key::SwitchStatus(SwitchId::parse("s").expect("a name"));
        let value = [&[0; VERSION_BYTES][..], br#"{"schema":9,"record":"secret"}"#].concat();
        assert_eq!(
            decode(&key, &value),
            Err("the record switch/s/status has schema 9; this release reads schemas 1 to 4".into())
        );
    }

    fn of_schema_1(kind: &str, is: Value) -> Record {
        record_of_schema(1, json!({ "type": kind, "is": is })).expect("as the first release wrote it")
    }

    #[test]
    fn a_job_of_schema_1_goes_on_and_counts_no_panics_yet() {
        let of = |state: Value| {
            let (id, port) = (Uuid::nil(), json!({ "switch": "s", "port": "p" }));
            let key = json!({ "partner": id, "external": "order-1" });
            let plan = json!({ "vlan": 7, "down_kbps": 1, "up_kbps": 1, "mac": null });
            let job = json!({
                "id": id, "kind": "provision", "subscription": id, "key": key, "port": port, "plan": plan,
                "state": state, "created_at": 5, "started_at": null,
            });
            let Record::Job(job) = of_schema_1("job", job) else { panic!("no job") };
            job.state
        };
        let running = of(json!({ "state": "running", "failed_attempts": 1, "spent_millis": 5, "lease": 3 }));
        let lease = LeaseEpoch(3);
        assert_eq!(running, JobState::Running { failed_attempts: 1, spent_millis: 5, panics: 0, lease });
        let queued =
            of(json!({ "state": "queued", "failed_attempts": 0, "spent_millis": 0, "not_before": 5 }));
        assert_eq!(queued, JobState::new(UnixMillis(5)));
        let completed = of(json!({ "state": "completed", "at": 9, "attempts": 1 }));
        assert_eq!(completed, JobState::Completed { at: UnixMillis(9), attempts: 1 });
    }

    #[test]
    fn an_event_a_port_and_a_switch_of_schema_1_count_no_panics_yet() {
        let id = Uuid::nil();
        let event = json!({ "id": id, "partner": id, "at": 5, "body": "{}" });
        let state = json!({ "state": "sending", "attempt": 2, "lease": 3 });
        let delivery = json!({ "event": event, "sequence": 1, "state": state, "attempts": [] });
        let Record::Delivery(delivery) = of_schema_1("delivery", delivery) else { panic!("no delivery") };
        assert_eq!(delivery.state, DeliveryState::Due { attempt: 2, panics: 0, at: UnixMillis(0) });

        let (switch, port) = (SwitchId::parse("s").expect("a name"), PortName::parse("p").expect("a name"));
        let at = PortRef { switch: switch.clone(), port };
        let clean = json!({ "at": at, "holder": null, "state": { "state": "clean" } });
        assert_eq!(of_schema_1("port", clean), Record::Port(PortRecord::new(at)));
        let status = json!({ "switch": "s", "quarantined": null, "since": 5 });
        let in_service = SwitchStatus::in_service(switch, UnixMillis(5));
        assert_eq!(of_schema_1("switch_status", status), Record::SwitchStatus(in_service));
    }

    #[test]
    fn a_switch_of_an_older_schema_is_offered_nothing_old_and_reached_directly() {
        let first = json!({
            "id": "sw", "host": "10.0.0.7", "ssh_port": 22, "platform": "cisco_ios",
            "credentials": { "username": "ops", "password": "env:SW" },
            "host_key": null, "host_name": null, "captive_portal_vlan": 900,
        });
        let Record::Switch(switch) = of_schema_1("switch", first) else { panic!("no switch") };
        assert!(switch.allow_algorithms.is_empty() && switch.jump_host.is_none(), "{switch:?}");
        assert_eq!(switch.credentials.username, "ops");
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let switch = SwitchId::parse("s").expect("a name");
        let status = SwitchStatus::in_service(switch.clone(), UnixMillis(5));
        let (version, record) = (CommitId(Uuid::from_u128(7)), Record::SwitchStatus(status));
        let encoded = encode(version, &record);
        assert!(encoded[VERSION_BYTES..].starts_with(HEAD), "read in one pass");
        assert_eq!(decode(&Key::SwitchStatus(switch), &encoded), Ok(Stored { version, record }));
    }

    #[test]
    fn a_tombstone_which_stays_for_good_takes_273_bytes() {
        let fingerprint = Fingerprint::try_from("ab".repeat(32)).expect("32 bytes");
        let receipt = Receipt::Direct {
            job: JobId(Uuid::from_u128(u128::MAX)),
            subscription: SubscriptionId(Uuid::from_u128(u128::MAX)),
        };
        let record = Record::Tombstone(Tombstone { fingerprint, receipt });
        assert_eq!(encode(CommitId(Uuid::nil()), &record).len(), 273);
    }
}
