//! Commits as the commit script takes them: keys, and then one list of arguments that says which key is used for what.

use super::names::Names;
use super::scripts::ScriptInput;
use crate::store::envelope::{RECORD_SCHEMA, encode, encode_into};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::Write as _;
use switchyard_actors::domain::delivery::DeliveryRecord;
use switchyard_actors::domain::event::Event;
use switchyard_actors::domain::ids::{CommitId, LeaseEpoch};
use switchyard_actors::domain::record::{Index, Key, Record};
use switchyard_actors::ports::store::{Commit, CommitError, Denial, Write};

/// Where a commit's events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Into their partner's stream, in the same step.
    Deliver,
    /// Into the outbox of the commit's tag, from where they are relayed.
    Outbox,
}

/// An event in an outbox.
#[derive(Serialize, Deserialize)]
pub struct OutboxEntry {
    schema: u32,
    /// The event.
    pub event: Event,
}

/// One call of the commit script.
pub struct Program<'n> {
    names: &'n Names,
    input: ScriptInput,
    expected: HashMap<usize, Key>,
}

impl<'n> Program<'n> {
    /// For a row that is applied in one step.
    pub fn new(names: &'n Names, row: &[Commit], events: Events, applied_ms: u64) -> Self {
        let mut program = Self { names, input: ScriptInput::default(), expected: HashMap::new() };
        program.number(applied_ms);
        program.number(row.len() as u64);
        row.iter().for_each(|commit| program.commit(commit, events));
        program
    }

    /// What the script is given.
    pub fn input(&self) -> &ScriptInput {
        &self.input
    }

    /// What the script's answer means; `first` is the place of its first commit in the whole row.
    pub fn outcome(&self, answer: &[String], first: usize) -> Result<(), CommitError> {
        let unknown = || CommitError::Unknown(format!("redis gave an answer that is none: {answer:?}"));
        let [place, what, which] = answer else { return Err(unknown()) };
        let (place, which): (usize, u64) = place.parse().ok().zip(which.parse().ok()).ok_or_else(unknown)?;
        let why = match what.as_str() {
            "applied" => return Ok(()),
            "fenced" => Denial::Fenced { current: LeaseEpoch(which) },
            "stale" => {
                let place = usize::try_from(which).map_err(|_| unknown())?;
                Denial::Stale(self.expected.get(&place).cloned().ok_or_else(unknown)?)
            }
            _ => return Err(unknown()),
        };
        Err(CommitError::Denied { index: first + place - 1, why })
    }

    fn commit(&mut self, commit: &Commit, events: Events) {
        self.arg(commit.id.0.as_bytes());
        self.key(self.names.applied(&commit.tag, commit.id));
        match commit.lease {
            Some(lease) => {
                self.number(lease.0);
                self.key(self.names.lease(&commit.tag));
            }
            None => self.arg(b""),
        }
        self.number(commit.expect.len() as u64);
        for expected in &commit.expect {
            let place = self.key(self.names.record(&expected.key));
            self.expected.insert(place, expected.key.clone());
            let version = expected.version.map(|version| version.0.into_bytes());
            self.arg(version.as_ref().map_or(&[][..], <[u8; 16]>::as_slice));
        }
        self.number(commit.writes.len() as u64);
        commit.writes.iter().for_each(|write| self.write(commit.id, write));
        self.number(commit.events.len() as u64);
        commit.events.iter().for_each(|event| match events {
            Events::Deliver => self.deliver(commit.id, event),
            Events::Outbox => self.put_in_outbox(commit, event),
        });
    }

    fn write(&mut self, id: CommitId, write: &Write) {
        match write {
            Write::Put(key, record) => {
                self.arg(b"put");
                self.key(self.names.record(key));
                self.input.arg_by(|args| encode_into(args, id, record));
            }
            Write::Delete(key) => {
                self.arg(b"delete");
                self.key(self.names.record(key));
            }
            Write::Include { index, member, score } => {
                self.arg(b"include");
                self.key(self.names.index(index));
                self.arg(member.as_bytes());
                self.number(*score);
            }
            Write::Exclude { index, member } => {
                self.arg(b"exclude");
                self.key(self.names.index(index));
                self.arg(member.as_bytes());
            }
        }
    }

    /// The delivery's record around the place of its sequence number, which the script alone knows.
    fn deliver(&mut self, version: CommitId, event: &Event) {
        let (head, tail) = around_sequence(version, event);
        self.arg(b"deliver");
        self.key(self.names.record(&Key::Delivery(event.partner, event.id)));
        self.key(self.names.sequence(event.partner));
        self.key(self.names.index(&Index::Due(event.partner)));
        self.arg(event.id.to_string().as_bytes());
        self.number(event.at.0);
        self.arg(&head);
        self.arg(&tail);
    }

    fn put_in_outbox(&mut self, commit: &Commit, event: &Event) {
        let entry = OutboxEntry { schema: RECORD_SCHEMA, event: event.clone() };
        self.arg(b"outbox");
        self.key(self.names.outbox(&commit.tag));
        self.input.arg_by(|args| {
            serde_json::to_writer(args, &entry).expect("an event is texts and numbers, always JSON");
        });
    }

    fn key(&mut self, name: String) -> usize {
        let place = self.input.place_of(name);
        self.number(place as u64);
        place
    }

    fn number(&mut self, number: u64) {
        self.input.arg_by(|args| write!(args, "{number}").expect("memory takes all that is written"));
    }

    fn arg(&mut self, arg: &[u8]) {
        self.input.arg(arg);
    }
}

/// A number that stands for the one that the script will put there: no partner gets as far.
const ANY_SEQUENCE: u64 = u64::MAX;

fn around_sequence(version: CommitId, event: &Event) -> (Vec<u8>, Vec<u8>) {
    let record = Record::Delivery(DeliveryRecord::new(event.clone(), ANY_SEQUENCE));
    let whole = encode(version, &record);
    // A quote inside of a text is escaped in JSON, so this can be the field alone.
    let field = br#""sequence":"#;
    let digits = ANY_SEQUENCE.to_string();
    let found = whole
        .windows(field.len() + digits.len())
        .position(|window| window.starts_with(field) && window.ends_with(digits.as_bytes()));
    let from = found.expect("a delivery's record has its sequence") + field.len();
    (whole[..from].to_vec(), whole[from + digits.len()..].to_vec())
}
