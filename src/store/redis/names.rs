//! What the engine calls its keys. Everything under one tag has that tag as its hash tag, and so lives on one node of a
//! cluster.
//!
//! | key | type | what |
//! |---|---|---|
//! | `sy:r:{tag}rest` | string | a record: version (16 bytes), then its envelope |
//! | `sy:i:{tag}index` | sorted set | an index |
//! | `sy:l:{tag}` | hash | `epoch`, and `holder` while there is one |
//! | `sy:c:{tag}id` | string, expires | a commit that was applied |
//! | `sy:s:{partner}` | number | the partner's last sequence number |
//! | `sy:o:{tag}` | list | events that are not in their partner's stream yet (cluster) |
//! | `sy:work`, `sy:due` | set | owners of indexes that may have members |
//! | `sy:outboxes` | sorted set | outboxes that may hold an event, by when (cluster) |
//! | `sy:instances` | hash | heartbeats |
//! | `sy:n:{name}` | number, expires | a count over a window of time |
//! | `sy:schema` | number | of this layout; `importing` and an id while a whole state comes in |
//!
//! `sy` is `store.redis.prefix`.

use std::fmt::{Display, Write as _};
use switchyard_actors::domain::ids::{CommitId, PartnerId};
use switchyard_actors::domain::record::{Index, Key, Tag};

/// Of the layout above.
pub const SCHEMA: u64 = 1;

/// What the schema's key begins with while a whole state is brought in.
pub const IMPORTING: &str = "importing";

/// What a key is the name of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Record(Key),
    Index(Index),
    Lease(Tag),
    Sequence(PartnerId),
    Outbox(Tag),
    /// What belongs to running processes, or follows from the rest.
    Passing,
}

/// Where hints are published.
const HINTS: &str = "hints";

/// Room for nearly every name, so that it is made in one piece.
const NAME_BYTES: usize = 128;

/// Makes the names.
#[derive(Debug, Clone)]
pub struct Names {
    prefix: String,
}

impl Names {
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Up to the end of the hash tag; and where the tag's text begins.
    fn tagged(&self, kind: char, tag: &Tag) -> (String, usize) {
        let mut name = String::with_capacity(NAME_BYTES);
        let written = write!(name, "{}:{kind}:{{", self.prefix);
        let begins = name.len();
        written.and_then(|()| write!(name, "{tag}}}")).expect("memory takes all that is written");
        (name, begins)
    }

    fn named(&self, kind: char, tag: &Tag, rest: impl Display) -> String {
        let (mut name, _) = self.tagged(kind, tag);
        write!(name, "{rest}").expect("memory takes all that is written");
        name
    }

    /// The pattern of every name.
    pub fn all(&self) -> String {
        // The prefix holds no character that means something in a pattern.
        format!("{}:*", self.prefix)
    }

    /// What a key is the name of; `None` when it is none of ours.
    pub fn read(&self, name: &str) -> Option<Named> {
        let rest = name.strip_prefix(&self.prefix)?.strip_prefix(':')?;
        if matches!(rest, "work" | "due" | "outboxes" | "instances" | "schema") {
            return Some(Named::Passing);
        }
        let (kind, tagged) = rest.split_once(":{")?;
        let whole_tag = || tagged.strip_suffix('}')?.parse().ok();
        // A partner's own id may hold a brace; whatever else a tag is made of doesn't.
        let (written, named) = match kind {
            "r" if tagged.starts_with("checkout/") => {
                let key = tagged.strip_suffix('}')?.parse().ok()?;
                (self.record(&key), Named::Record(key))
            }
            "r" => {
                let key = tagged.replacen('}', "", 1).parse().ok()?;
                (self.record(&key), Named::Record(key))
            }
            "i" => {
                let index = tagged.split_once('}')?.1.parse().ok()?;
                (self.index(&index), Named::Index(index))
            }
            "l" => {
                let tag = whole_tag()?;
                (self.lease(&tag), Named::Lease(tag))
            }
            "o" => {
                let tag = whole_tag()?;
                (self.outbox(&tag), Named::Outbox(tag))
            }
            "s" => {
                let Tag::Partner(partner) = whole_tag()? else { return None };
                (self.sequence(partner), Named::Sequence(partner))
            }
            "c" | "n" => return Some(Named::Passing),
            _ => return None,
        };
        (written == name).then_some(named)
    }

    pub fn record(&self, key: &Key) -> String {
        let (mut name, begins) = self.tagged('r', &key.tag());
        let ends = name.len();
        write!(name, "{key}").expect("memory takes all that is written");
        // A record's name begins with its tag's, which is there already.
        name.drain(ends..ends + (ends - 1 - begins));
        name
    }

    pub fn index(&self, index: &Index) -> String {
        self.named('i', &index.tag(), index)
    }

    pub fn lease(&self, tag: &Tag) -> String {
        self.named('l', tag, "")
    }

    pub fn applied(&self, tag: &Tag, id: CommitId) -> String {
        self.named('c', tag, id.0.simple())
    }

    pub fn sequence(&self, partner: PartnerId) -> String {
        self.named('s', &Tag::Partner(partner), "")
    }

    pub fn outbox(&self, tag: &Tag) -> String {
        self.named('o', tag, "")
    }

    pub fn outboxes(&self) -> String {
        format!("{}:outboxes", self.prefix)
    }

    pub fn instances(&self) -> String {
        format!("{}:instances", self.prefix)
    }

    pub fn schema(&self) -> String {
        format!("{}:schema", self.prefix)
    }

    /// The name is the hash tag: both commands of a count go to one node.
    pub fn count(&self, name: &str) -> String {
        format!("{}:n:{{{name}}}", self.prefix)
    }

    pub fn hints(&self) -> String {
        format!("{}:{HINTS}", self.prefix)
    }

    /// The set of owners whose index of this kind may have members, and the owner of this one.
    pub fn registry(&self, index: &Index) -> Option<(String, String)> {
        match index {
            Index::Work(switch) => Some((self.with_work(), switch.to_string())),
            Index::Due(partner) => Some((self.with_due(), partner.to_string())),
            _ => None,
        }
    }

    pub fn with_work(&self) -> String {
        format!("{}:work", self.prefix)
    }

    pub fn with_due(&self) -> String {
        format!("{}:due", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchyard_actors::domain::ids::{PartnerId, PortName, PortRef, SwitchId};
    use switchyard_actors::domain::request::CheckoutKey;
    use switchyard_actors::domain::text::ExternalSubscriptionId;
    use uuid::Uuid;

    #[test]
    fn all_of_one_tag_has_one_hash_tag() {
        let names = Names::new("sy");
        let switch = SwitchId::parse("s1").expect("a name");
        let port = PortRef { switch: switch.clone(), port: PortName::parse("Gi1/0/7").expect("a name") };
        assert_eq!(names.record(&Key::Port(port)), "sy:r:{switch/s1}/port/Gi1/0/7");
        assert_eq!(names.index(&Index::Work(switch.clone())), "sy:i:{switch/s1}work/s1");
        assert_eq!(names.lease(&Tag::Switch(switch)), "sy:l:{switch/s1}");
    }

    #[test]
    fn a_brace_in_a_partners_own_id_changes_nothing() {
        let names = Names::new("sy");
        let key = |external| {
            let external = ExternalSubscriptionId::parse(external).expect("accepted");
            Key::Checkout(CheckoutKey { partner: PartnerId(Uuid::nil()), external })
        };
        let (one, other) = (names.record(&key("a}b")), names.record(&key("a}c")));
        assert_ne!(one, other);
        assert!(one.starts_with("sy:r:{checkout/"), "{one}");
        assert_ne!(names.record(&key("}")), names.record(&key("}}")));
    }

    #[test]
    fn what_is_named_is_read_back() {
        let names = Names::new("sy");
        let (id, switch) = (Uuid::from_u128(7), SwitchId::parse("s1").expect("a name"));
        let external = |text| ExternalSubscriptionId::parse(text).expect("accepted");
        let checkout = |text| CheckoutKey { partner: PartnerId(id), external: external(text) };
        let port = PortRef { switch: switch.clone(), port: PortName::parse("Gi1/0/7").expect("a name") };
        let of_checkouts = ["a", "}", "a}b", "{a}/b}", ":{"].map(|text| Key::Checkout(checkout(text)));
        for key in [Key::Port(port.clone()), Key::InventoryPort(port), Key::Directory(id)]
            .into_iter()
            .chain(of_checkouts)
        {
            let tag = key.tag();
            assert_eq!(names.read(&names.lease(&tag)), Some(Named::Lease(tag.clone())));
            assert_eq!(names.read(&names.outbox(&tag)), Some(Named::Outbox(tag)));
            assert_eq!(names.read(&names.record(&key)), Some(Named::Record(key)));
        }
        for index in [Index::Work(switch), Index::Dead(PartnerId(id)), Index::Switches] {
            assert_eq!(names.read(&names.index(&index)), Some(Named::Index(index)));
        }
        assert_eq!(names.read(&names.sequence(PartnerId(id))), Some(Named::Sequence(PartnerId(id))));
        let passing =
            [names.schema(), names.instances(), names.with_work(), names.with_due(), names.outboxes()];
        let passing =
            passing.into_iter().chain([names.count("x"), names.applied(&Tag::Inventory, CommitId(id))]);
        passing.for_each(|name| assert_eq!(names.read(&name), Some(Named::Passing), "{name}"));
        for name in [
            "other:schema",
            "sy:else",
            "sy:r:{x}",
            "sy:x:{inventory}",
            "sy:i:{inventory}work/s1",
            "sy:s:{inventory}",
        ] {
            assert_eq!(names.read(name), None, "{name}");
        }
    }
}
