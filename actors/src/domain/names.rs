//! Reads back what [`Key`], [`Index`] and [`Tag`] are written as.
//!
//! Each text has one reading: whatever may hold a `/` (a port's name, a partner's own id) stands last in it. A text is
//! accepted only when what was read is written exactly like it, so that no two texts name the same thing.
//!
//! A subscription's record is under the tag of its switch or unit; under any other tag it has no name that can be read.

use super::ids::{
    EventId, JobId, PartnerId, PlanVersionId, PortName, PortRef, SubscriptionId, SwitchId, UnitId,
};
use super::inventory::ApiKeyHash;
use super::record::{Index, Key, Tag};
use super::request::CheckoutKey;
use super::text::{ExternalSubscriptionId, LocationHash};
use std::fmt::Display;
use std::str::FromStr;
use uuid::Uuid;

/// A text that names nothing of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the name of {what}")]
pub struct NotAName {
    what: &'static str,
    text: String,
}

fn exact<T: Display>(what: &'static str, text: &str, read: Option<T>) -> Result<T, NotAName> {
    let same = read.filter(|read| read.to_string() == text);
    same.ok_or_else(|| NotAName { what, text: text.to_owned() })
}

impl FromStr for Tag {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        exact("a tag", text, tag(text))
    }
}

impl FromStr for Key {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        exact("a record", text, key(text))
    }
}

impl FromStr for Index {
    type Err = NotAName;
    fn from_str(text: &str) -> Result<Self, NotAName> {
        exact("an index", text, index(text))
    }
}

fn uuid(text: &str) -> Option<Uuid> {
    text.parse().ok()
}

fn switch(text: &str) -> Option<SwitchId> {
    SwitchId::parse(text).ok()
}

fn partner(text: &str) -> Option<PartnerId> {
    uuid(text).map(PartnerId)
}

fn port(on: SwitchId, name: &str) -> Option<PortRef> {
    Some(PortRef { switch: on, port: PortName::parse(name).ok()? })
}

fn checkout(text: &str) -> Option<CheckoutKey> {
    let (by, external) = text.split_once('/')?;
    Some(CheckoutKey { partner: partner(by)?, external: ExternalSubscriptionId::parse(external).ok()? })
}

fn tag(text: &str) -> Option<Tag> {
    match text {
        "inventory" => return Some(Tag::Inventory),
        "retention" => return Some(Tag::Retention),
        "checks" => return Some(Tag::Checks),
        _ => {}
    }
    match text.split_once('/')? {
        ("switch", id) => switch(id).map(Tag::Switch),
        ("unit", id) => uuid(id).map(UnitId).map(Tag::Unit),
        ("partner", id) => partner(id).map(Tag::Partner),
        ("checkout", key) => checkout(key).map(Tag::Checkout),
        ("directory", id) => uuid(id).map(Tag::Directory),
        _ => None,
    }
}

fn key(text: &str) -> Option<Key> {
    match text.split_once('/')? {
        ("checkout", key) => checkout(key).map(Key::Checkout),
        ("directory", id) => uuid(id).map(Key::Directory),
        ("switch", rest) => {
            let (id, what) = rest.split_once('/')?;
            under_a_switch(switch(id)?, what)
        }
        ("unit", rest) => {
            let (id, what) = rest.split_once('/')?;
            subscription(Tag::Unit(UnitId(uuid(id)?)), what.strip_prefix("subscription/")?)
        }
        ("partner", rest) => {
            let (id, what) = rest.split_once('/')?;
            Some(Key::Delivery(partner(id)?, EventId(uuid(what.strip_prefix("delivery/")?)?)))
        }
        ("inventory", what) => in_the_inventory(what),
        _ => None,
    }
}

fn subscription(under: Tag, id: &str) -> Option<Key> {
    Some(Key::Subscription(under, SubscriptionId(uuid(id)?)))
}

fn under_a_switch(id: SwitchId, what: &str) -> Option<Key> {
    match what {
        "status" => return Some(Key::SwitchStatus(id)),
        "host-key" => return Some(Key::FirstSeenHostKey(id)),
        "drift" => return Some(Key::Drift(id)),
        "save-transcript" => return Some(Key::SaveTranscript(id)),
        _ => {}
    }
    match what.split_once('/')? {
        ("subscription", of) => subscription(Tag::Switch(id), of),
        ("job", job) => Some(Key::Job(id, JobId(uuid(job)?))),
        ("transcript", job) => Some(Key::Transcript(id, JobId(uuid(job)?))),
        ("port", name) => port(id, name).map(Key::Port),
        ("port-transcript", name) => port(id, name).map(Key::PortTranscript),
        ("managed", name) => port(id, name).map(Key::Managed),
        _ => None,
    }
}

fn in_the_inventory(what: &str) -> Option<Key> {
    match what.split_once('/')? {
        ("partner", id) => partner(id).map(Key::Partner),
        ("api-key", hash) => ApiKeyHash::try_from(hash.to_owned()).ok().map(Key::ApiKey),
        ("plan", id) => uuid(id).map(PlanVersionId).map(Key::Plan),
        ("unit", id) => uuid(id).map(UnitId).map(Key::Unit),
        ("switch", id) => switch(id).map(Key::Switch),
        ("port", at) => {
            let (on, name) = at.split_once('/')?;
            port(switch(on)?, name).map(Key::InventoryPort)
        }
        ("location", hash) => LocationHash::parse(hash).ok().map(Key::Location),
        _ => None,
    }
}

fn index(text: &str) -> Option<Index> {
    match text {
        "switches" => return Some(Index::Switches),
        "partners" => return Some(Index::Partners),
        "ended" => return Some(Index::Ended),
        "checks" => return Some(Index::Checks),
        _ => {}
    }
    match text.split_once('/')? {
        ("work", id) => switch(id).map(Index::Work),
        ("managed", id) => switch(id).map(Index::Managed),
        ("transcripts", id) => switch(id).map(Index::Transcripts),
        ("due", id) => partner(id).map(Index::Due),
        ("dead", id) => partner(id).map(Index::Dead),
        ("plans", id) => partner(id).map(Index::Plans),
        ("ports", id) => switch(id).map(Index::Ports),
        ("locations", id) => switch(id).map(Index::Locations),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn some_uuid()(number in any::<u128>()) -> Uuid { Uuid::from_u128(number) }
    }

    fn some_switch() -> impl Strategy<Value = SwitchId> {
        "[A-Za-z0-9._][A-Za-z0-9._-]{0,63}".prop_map(|name| SwitchId::parse(&name).expect("accepted"))
    }

    fn some_port() -> impl Strategy<Value = PortRef> {
        // Also names that look like the rest of another key.
        let name = prop_oneof!["[A-Za-z0-9./:_][A-Za-z0-9./:_-]{0,63}", Just("a/port/b".to_owned())];
        (some_switch(), name).prop_map(|(switch, name)| port(switch, &name).expect("accepted"))
    }

    fn some_checkout() -> impl Strategy<Value = CheckoutKey> {
        let external = prop_oneof!["\\PC{1,40}", "[/{}a-c]{1,9}", Just("x/subscription/y".to_owned())];
        (some_uuid(), external).prop_map(|(by, external)| CheckoutKey {
            partner: PartnerId(by),
            external: ExternalSubscriptionId::parse(&external).expect("accepted"),
        })
    }

    fn some_tag() -> impl Strategy<Value = Tag> {
        prop_oneof![
            some_switch().prop_map(Tag::Switch),
            some_uuid().prop_map(|id| Tag::Unit(UnitId(id))),
            some_uuid().prop_map(|id| Tag::Partner(PartnerId(id))),
            some_checkout().prop_map(Tag::Checkout),
            some_uuid().prop_map(Tag::Directory),
            Just(Tag::Inventory),
            Just(Tag::Retention),
            Just(Tag::Checks),
        ]
    }

    fn some_key() -> impl Strategy<Value = Key> {
        let one = (some_switch(), some_port(), some_uuid(), some_uuid(), some_checkout());
        (0..21, one).prop_map(|(kind, (switch, port, a, b, checkout))| match kind {
            0 => Key::Checkout(checkout),
            1 => Key::Subscription(Tag::Switch(switch), SubscriptionId(a)),
            2 => Key::Subscription(Tag::Unit(UnitId(b)), SubscriptionId(a)),
            3 => Key::Job(switch, JobId(a)),
            4 => Key::Port(port),
            5 => Key::SwitchStatus(switch),
            6 => Key::Transcript(switch, JobId(a)),
            7 => Key::Delivery(PartnerId(a), EventId(b)),
            8 => Key::Directory(a),
            9 => Key::Partner(PartnerId(a)),
            10 => Key::ApiKey(ApiKeyHash::of(&a.to_string())),
            11 => Key::Plan(PlanVersionId(a)),
            12 => Key::Unit(UnitId(a)),
            13 => Key::Switch(switch),
            14 => Key::InventoryPort(port),
            15 => Key::Managed(port),
            16 => Key::Drift(switch),
            17 => Key::FirstSeenHostKey(switch),
            18 => Key::PortTranscript(port),
            19 => Key::SaveTranscript(switch),
            _ => Key::Location(
                LocationHash::parse(&a.simple().to_string()[..10]).expect("ten hexadecimal characters"),
            ),
        })
    }

    fn some_index() -> impl Strategy<Value = Index> {
        prop_oneof![
            some_switch().prop_map(Index::Work),
            some_switch().prop_map(Index::Managed),
            some_switch().prop_map(Index::Transcripts),
            some_uuid().prop_map(|id| Index::Due(PartnerId(id))),
            some_uuid().prop_map(|id| Index::Dead(PartnerId(id))),
            Just(Index::Switches),
            Just(Index::Partners),
            Just(Index::Ended),
            Just(Index::Checks),
            some_uuid().prop_map(|id| Index::Plans(PartnerId(id))),
            some_switch().prop_map(Index::Ports),
            some_switch().prop_map(Index::Locations),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(key in some_key(), index in some_index(), tag in some_tag()) {
            prop_assert_eq!(key.to_string().parse(), Ok(key));
            prop_assert_eq!(index.to_string().parse(), Ok(index));
            prop_assert_eq!(tag.to_string().parse(), Ok(tag));
        }

        #[test]
        fn whatever_is_read_is_written_like_that(text in "[a-z0-9/-]{0,60}") {
            let written = |read: Result<String, NotAName>| read.map_or(true, |written| written == text);
            prop_assert!(written(text.parse::<Key>().map(|key| key.to_string())));
            prop_assert!(written(text.parse::<Index>().map(|index| index.to_string())));
            prop_assert!(written(text.parse::<Tag>().map(|tag| tag.to_string())));
        }

        #[test]
        fn a_name_that_was_cut_or_went_on_is_another_or_none(key in some_key(), cut in 1..30usize) {
            let text = key.to_string();
            let kept: String = text.chars().take(text.chars().count().saturating_sub(cut)).collect();
            prop_assert_ne!(kept.parse::<Key>(), Ok(key.clone()));
            prop_assert_ne!(format!("{text}/").parse::<Key>(), Ok(key));
        }
    }

    #[test]
    fn garbage_names_nothing() {
        let id = "00000000-0000-0000-0000-0000000000a1";
        let texts = [
            "".to_owned(),
            "/".into(),
            "switch".into(),
            "switch/".into(),
            "switch/a b/status".into(),
            "switch/s/status/".into(),
            "switch/s/job/".into(),
            format!("switch/s/job/{}", id.to_uppercase()),
            format!("switch/s/job/{{{id}}}"),
            format!("directory/{}", id.replace('-', "")),
            format!("checkout/{id}/"),
            format!("checkout/{id}/a\u{7}"),
            format!("partner/{id}/subscription/{id}"),
            "inventory/location/ABCDEF0123".into(),
            "inventory/other/x".into(),
        ];
        for text in texts {
            assert!(text.parse::<Key>().is_err(), "{text:?}");
            let other = (text.parse::<Index>(), text.parse::<Tag>());
            assert!(matches!(other, (Err(_), Err(_))), "{text:?}: {other:?}");
        }
        assert_eq!(
            "x/y".parse::<Index>().expect_err("nothing").to_string(),
            "\"x/y\" is not the name of an index"
        );
    }
}
