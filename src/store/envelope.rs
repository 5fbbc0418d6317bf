//! A record as both engines keep it: its version, and then the record in an envelope that names its schema, as JSON.
//!
//! A record of an older schema is brought up to date when it is read, and written anew with its next change; one of a
//! newer schema is refused, since this release can't know what it would lose of it.

use serde::{Deserialize, Serialize};
use switchyard_actors::domain::ids::CommitId;
use switchyard_actors::domain::record::{Key, Record};
use switchyard_actors::ports::store::Stored;
use uuid::Uuid;

/// Of a record's JSON, as this release writes it.
pub const RECORD_SCHEMA: u32 = 1;

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
struct OpenedEnvelope {
    record: Record,
}

/// The value of a record.
pub fn encode(version: CommitId, record: &Record) -> Vec<u8> {
    let mut value = version.0.as_bytes().to_vec();
    serde_json::to_writer(&mut value, &Envelope { schema: RECORD_SCHEMA, record })
        .expect("records hold texts, numbers and maps by text, which are always JSON");
    value
}

/// Reads what [`encode`] wrote. The error says what is wrong without a word of the record, which may hold a secret.
pub fn decode(key: &Key, value: &[u8]) -> Result<Stored, String> {
    let (version, json) = split(value).ok_or_else(|| format!("the record {key} is too short"))?;
    let unreadable = |error: serde_json::Error| {
        let (what, column) = (error.classify(), error.column());
        format!("the record {key} is not what it should be: {what:?} error at byte {column}")
    };
    let head: EnvelopeHead = serde_json::from_slice(json).map_err(unreadable)?;
    if head.schema != RECORD_SCHEMA {
        return Err(format!("the record {key} has schema {}; {RECORD_SCHEMA} is supported", head.schema));
    }
    let opened: OpenedEnvelope = serde_json::from_slice(json).map_err(unreadable)?;
    Ok(Stored { version, record: opened.record })
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
    use switchyard_actors::domain::claim::Receipt;
    use switchyard_actors::domain::ids::{JobId, SubscriptionId};
    use switchyard_actors::domain::request::Fingerprint;
    use switchyard_actors::domain::retention::Tombstone;

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
