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
//! | `sy:schema` | number | of this layout |
//!
//! `sy` is `store.redis.prefix`.

use switchyard_actors::domain::ids::{CommitId, PartnerId};
use switchyard_actors::domain::record::{Index, Key, Tag};

/// Of the layout above.
pub const SCHEMA: u64 = 1;

/// Where hints are published.
const HINTS: &str = "hints";

/// Makes the names.
#[derive(Debug, Clone)]
pub struct Names {
    prefix: String,
}

impl Names {
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    fn tagged(&self, kind: char, tag: &Tag, rest: &str) -> String {
        format!("{}:{kind}:{{{tag}}}{rest}", self.prefix)
    }

    pub fn record(&self, key: &Key) -> String {
        let (tag, name) = (key.tag(), key.to_string());
        // A record's name begins with its tag's.
        let rest = name.strip_prefix(&tag.to_string()).unwrap_or(&name).to_owned();
        self.tagged('r', &tag, &rest)
    }

    pub fn index(&self, index: &Index) -> String {
        self.tagged('i', &index.tag(), &index.to_string())
    }

    pub fn lease(&self, tag: &Tag) -> String {
        self.tagged('l', tag, "")
    }

    pub fn applied(&self, tag: &Tag, id: CommitId) -> String {
        self.tagged('c', tag, &id.0.simple().to_string())
    }

    pub fn sequence(&self, partner: PartnerId) -> String {
        self.tagged('s', &Tag::Partner(partner), "")
    }

    pub fn outbox(&self, tag: &Tag) -> String {
        self.tagged('o', tag, "")
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
}
