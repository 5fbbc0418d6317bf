//! What was said on a switch's sessions, kept for whoever looks into a case: one text a job, and one for what had no job.
//!
//! A text is bounded in bytes, and the texts of a switch in number and age. They hold no secret: whoever spoke redacted it.

use super::ids::{JobId, PortName, PortRef, SwitchId};
use super::record::{Key, Record, Transcript};
use super::time::UnixMillis;
use super::visit::WorkItem;

/// As a member of [`super::record::Index::Transcripts`].
const SAVE: &str = "save";

/// What was spoken about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A job's port, over all its attempts.
    Job(JobId),
    /// A port that was repaired, or proven to stand, without a job.
    Port(PortName),
    /// The saves of the running configuration.
    Save,
}

impl Subject {
    /// That of a work item; a check only reads, and leaves no text.
    #[must_use]
    pub fn of(item: &WorkItem) -> Option<Self> {
        match item {
            WorkItem::Job(id) => Some(Self::Job(*id)),
            WorkItem::Port(name) => Some(Self::Port(name.clone())),
            WorkItem::Check => None,
        }
    }

    /// The member's text.
    #[must_use]
    pub fn to_member(&self) -> String {
        match self {
            Self::Job(id) => WorkItem::Job(*id).to_member(),
            Self::Port(name) => WorkItem::Port(name.clone()).to_member(),
            Self::Save => SAVE.to_owned(),
        }
    }

    /// Reads what [`Self::to_member`] wrote.
    #[must_use]
    pub fn from_member(member: &str) -> Option<Self> {
        if member == SAVE {
            return Some(Self::Save);
        }
        WorkItem::from_member(member).as_ref().and_then(Self::of)
    }

    /// Where the text is.
    #[must_use]
    pub fn key(&self, switch: &SwitchId) -> Key {
        match self {
            Self::Job(id) => Key::Transcript(switch.clone(), *id),
            Self::Port(port) => Key::PortTranscript(PortRef { switch: switch.clone(), port: port.clone() }),
            Self::Save => Key::SaveTranscript(switch.clone()),
        }
    }

    /// The text as it is stored.
    #[must_use]
    pub fn record(&self, text: String) -> Record {
        match self {
            Self::Job(job) => Record::Transcript(Transcript { job: *job, text }),
            Self::Port(_) | Self::Save => Record::Said(text),
        }
    }
}

/// The text in a record that holds one.
#[must_use]
pub fn text_of(record: Record) -> Option<String> {
    match record {
        Record::Transcript(Transcript { text, .. }) | Record::Said(text) => Some(text),
        _ => None,
    }
}

/// What was said earlier and now, at most `limit_bytes` of it: the oldest lines go first.
#[must_use]
pub fn joined(earlier: &str, said: &str, limit_bytes: usize) -> String {
    let mut text = format!("{earlier}{said}");
    let over = text.len().saturating_sub(limit_bytes);
    if over > 0 {
        let after = text.as_bytes()[over - 1..].iter().position(|byte| *byte == b'\n');
        text.drain(..after.map_or(text.len(), |at| over + at));
    }
    text
}

/// How many of the texts, oldest first by these moments, are kept no longer: those beyond the number, and those that are too old.
#[must_use]
pub fn outdated(written: &[UnixMillis], now: UnixMillis, keep: usize, keep_ms: u64) -> usize {
    let too_many = written.len().saturating_sub(keep);
    let too_old = written.iter().take_while(|at| now.millis_since(**at) > keep_ms).count();
    too_many.max(too_old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_back_from_its_member_and_has_a_place_of_its_own() {
        let switch = SwitchId::parse("s1").expect("a name");
        let port = PortName::parse("Gi1/0/7").expect("a name");
        let subjects = [Subject::Job(JobId(uuid::Uuid::from_u128(7))), Subject::Port(port), Subject::Save];
        let keys: std::collections::BTreeSet<_> = subjects.iter().map(|s| s.key(&switch)).collect();
        assert_eq!(keys.len(), 3);
        for subject in subjects {
            assert_eq!(Subject::from_member(&subject.to_member()), Some(subject.clone()));
            assert_eq!(text_of(subject.record("said".into())).as_deref(), Some("said"));
        }
        assert_eq!((Subject::from_member("check"), Subject::from_member("")), (None, None));
    }

    #[test]
    fn what_is_too_long_loses_whole_lines_from_its_beginning() {
        assert_eq!(joined("a\n", "b\n", 4), "a\nb\n");
        assert_eq!(joined("aaa\nbb\n", "c\n", 8), "bb\nc\n");
        assert_eq!(joined("aaa\nbb\n", "c\n", 5), "bb\nc\n");
        assert_eq!(joined("äöü\n", "ß\n", 4), "ß\n");
        assert_eq!(joined("", "one line that is longer", 5), "");
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_when_they_are_too_old() {
        let written = [10, 20, 30, 40].map(UnixMillis);
        assert_eq!(outdated(&written, UnixMillis(50), 4, 40), 0);
        assert_eq!(outdated(&written, UnixMillis(50), 3, 40), 1);
        assert_eq!(outdated(&written, UnixMillis(51), 4, 40), 1);
        assert_eq!(outdated(&written, UnixMillis(71), 3, 40), 3);
        // A clock that went back keeps what it has.
        assert_eq!(outdated(&written, UnixMillis(1), 4, 0), 0);
    }
}
