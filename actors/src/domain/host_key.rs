//! Whose word is taken for a switch's host key: the inventory's, or else what the switch showed on first contact. A key that
//! is on record is never replaced here; only an operator's word forgets it.

use super::ids::SwitchId;
use super::inventory::Switch;
use super::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// The host key that a switch showed when nobody knew one for it yet, and that was trusted then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSeenHostKey {
    /// The switch.
    pub switch: SwitchId,
    /// As `ssh-ed25519 AAAA...`, without a comment.
    pub key: String,
    /// When it was put on record.
    pub since: UnixMillis,
}

impl Switch {
    /// The switch with the host key that it must show: the inventory's, where it pins one, or else the one on record.
    #[must_use]
    pub fn known_by(self, on_record: Option<&FirstSeenHostKey>) -> Self {
        let host_key = self.host_key.or_else(|| on_record.map(|seen| seen.key.clone()));
        Self { host_key, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::config::VlanId;
    use crate::domain::inventory::Credentials;

    fn switch(host_key: Option<&str>) -> Switch {
        let username = "admin".to_owned();
        Switch {
            id: SwitchId::parse("sw").expect("a name"),
            host: "10.0.0.7".into(),
            ssh_port: 22,
            platform: "cisco_ios".into(),
            credentials: Credentials { username, ..Credentials::default() },
            host_key: host_key.map(str::to_owned),
            host_name: None,
            serial: None,
            captive_portal_vlan: VlanId::try_from(900).expect("a VLAN"),
            allow_algorithms: Vec::new(),
            jump_host: None,
        }
    }

    #[test]
    fn the_inventory_is_believed_before_the_record_and_the_record_before_nobody() {
        let seen = FirstSeenHostKey { switch: switch(None).id, key: "seen".into(), since: UnixMillis(1) };
        let table = [
            (Some("pinned"), Some(&seen), Some("pinned")),
            (Some("pinned"), None, Some("pinned")),
            (None, Some(&seen), Some("seen")),
            (None, None, None),
        ];
        for (pinned, on_record, expected) in table {
            assert_eq!(switch(pinned).known_by(on_record).host_key.as_deref(), expected);
        }
    }
}
