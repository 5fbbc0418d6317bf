//! Whether a server keeps what it is told: a pure judgement over what it says of itself, at the start and after each
//! reconnect. A refusal names the line of the server's configuration that has to change.

use super::settings::Durability;

/// What one server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Which one, for the texts.
    pub address: String,
    /// `appendonly`; `None` where the server hides it.
    pub appendonly: Option<bool>,
    /// `appendfsync`.
    pub appendfsync: Option<String>,
    /// `no-appendfsync-on-rewrite`: whether nothing is synced while the file is written anew.
    pub unsynced_rewrites: Option<bool>,
    /// `maxmemory-policy`.
    pub maxmemory_policy: Option<String>,
    /// Its role in replication.
    pub role: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// As demanded.
    Enough,
    /// As demanded, but the operator should know.
    Weak(String),
    /// Not to be served on.
    Refused(String),
}

/// Judges one server.
pub fn judge(server: &ServerSettings, demanded: Durability, stated: Option<Durability>) -> Judgement {
    let address = &server.address;
    if server.role.as_deref().is_some_and(|role| role != "master") {
        return Judgement::Refused(format!(
            "{address} is a replica: store.redis.urls must lead to the primary (`REPLICAOF NO ONE` makes it one)"
        ));
    }
    match server.maxmemory_policy.as_deref() {
        Some("noeviction") => {}
        Some(policy) => {
            return Judgement::Refused(format!(
                "{address} may evict accepted orders: `maxmemory-policy {policy}` must be `maxmemory-policy noeviction`"
            ));
        }
        None if stated.is_some() => {}
        None => return hidden(address),
    }
    let Some(found) = found(server).or(stated) else { return hidden(address) };
    if found < demanded {
        return Judgement::Refused(too_weak(server, demanded, found));
    }
    match found {
        Durability::Always => Judgement::Enough,
        Durability::Everysec => Judgement::Weak(format!(
            "{address} syncs once a second: a power cut can lose the last second of accepted orders"
        )),
        Durability::Volatile => Judgement::Weak(format!(
            "{address} promises nothing of its disk: its end may lose every accepted order that isn't replicated"
        )),
    }
}

/// What the settings promise; `None` where they are hidden.
fn found(server: &ServerSettings) -> Option<Durability> {
    match (server.appendonly?, server.appendfsync.as_deref()?) {
        _ if server.unsynced_rewrites == Some(true) => Some(Durability::Volatile),
        (true, "always") => Some(Durability::Always),
        (true, "everysec") => Some(Durability::Everysec),
        _ => Some(Durability::Volatile),
    }
}

fn hidden(address: &str) -> Judgement {
    Judgement::Refused(format!(
        "{address} hides its settings (CONFIG GET is refused): state what it keeps with \
         store.redis.stated_durability = \"always\", \"everysec\" or \"volatile\", and see to noeviction yourself"
    ))
}

fn too_weak(server: &ServerSettings, demanded: Durability, found: Durability) -> String {
    let address = &server.address;
    let fsync = match demanded {
        Durability::Always => "always",
        Durability::Everysec | Durability::Volatile => "everysec",
    };
    let change = match server.appendonly {
        Some(false) => format!("`appendonly no` must be `appendonly yes`, with `appendfsync {fsync}`"),
        Some(true) if server.unsynced_rewrites == Some(true) => {
            "`no-appendfsync-on-rewrite yes` must be `no-appendfsync-on-rewrite no`".to_owned()
        }
        Some(true) => {
            let seen = server.appendfsync.as_deref().unwrap_or("?");
            format!("`appendfsync {seen}` must be `appendfsync {fsync}`")
        }
        None => format!("store.redis.stated_durability says {found:?}"),
    };
    format!(
        "{address} keeps less than store.redis.durability = {:?} demands: {change}",
        format!("{demanded:?}").to_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(appendonly: bool, appendfsync: &str) -> ServerSettings {
        ServerSettings {
            address: "db:6379".into(),
            appendonly: Some(appendonly),
            appendfsync: Some(appendfsync.into()),
            unsynced_rewrites: Some(false),
            maxmemory_policy: Some("noeviction".into()),
            role: Some("master".into()),
        }
    }

    fn refusal(server: &ServerSettings, demanded: Durability, stated: Option<Durability>) -> String {
        match judge(server, demanded, stated) {
            Judgement::Refused(why) => why,
            other => panic!("refused was expected, seen was {other:?}"),
        }
    }

    #[test]
    fn every_demand_meets_every_setting() {
        use Durability::{Always, Everysec, Volatile};
        let settings = [
            (true, "always", Always),
            (true, "everysec", Everysec),
            (true, "no", Volatile),
            (false, "always", Volatile),
        ];
        for demanded in [Always, Everysec, Volatile] {
            for (appendonly, fsync, promised) in settings {
                let judged = judge(&server(appendonly, fsync), demanded, None);
                let refused = matches!(judged, Judgement::Refused(_));
                assert_eq!(refused, promised < demanded, "{demanded:?} of {appendonly} {fsync}: {judged:?}");
                assert_eq!(judged == Judgement::Enough, promised == Always, "{judged:?}");
            }
        }
    }

    #[test]
    fn a_refusal_says_which_line_to_change() {
        let why = refusal(&server(true, "everysec"), Durability::Always, None);
        assert!(why.contains("`appendfsync everysec` must be `appendfsync always`"), "{why}");
        let why = refusal(&server(false, "everysec"), Durability::Always, None);
        assert!(why.contains("`appendonly no` must be `appendonly yes`"), "{why}");
        let lax = ServerSettings { unsynced_rewrites: Some(true), ..server(true, "always") };
        let why = refusal(&lax, Durability::Everysec, None);
        assert!(why.contains("`no-appendfsync-on-rewrite yes` must be"), "{why}");
    }

    #[test]
    fn an_evicting_server_is_refused_whatever_is_demanded() {
        for policy in ["allkeys-lru", "volatile-ttl", "allkeys-random"] {
            let evicting = ServerSettings { maxmemory_policy: Some(policy.into()), ..server(true, "always") };
            let why = refusal(&evicting, Durability::Volatile, Some(Durability::Always));
            assert!(why.contains("maxmemory-policy noeviction"), "{why}");
        }
    }

    #[test]
    fn a_replica_is_refused() {
        let replica = ServerSettings { role: Some("slave".into()), ..server(true, "always") };
        assert!(refusal(&replica, Durability::Volatile, None).contains("is a replica"));
    }

    #[test]
    fn hidden_settings_are_what_the_operator_states() {
        let hidden = ServerSettings {
            appendonly: None,
            appendfsync: None,
            maxmemory_policy: None,
            ..server(true, "")
        };
        assert!(refusal(&hidden, Durability::Volatile, None).contains("stated_durability"));
        assert_eq!(judge(&hidden, Durability::Always, Some(Durability::Always)), Judgement::Enough);
        let why = refusal(&hidden, Durability::Always, Some(Durability::Everysec));
        assert!(why.contains("stated_durability says Everysec"), "{why}");
    }
}
