//! The configuration: `config/default.toml` has every key with its value, a file of the operator's changes what it names.
//!
//! Unknown keys are refused, and so is a value that makes no sense: with the file, the key, the value seen, and what is
//! accepted. Nothing else in the service reads a file or the environment to find out how it should behave.

use crate::{http, ssh, store, webhook};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use switchyard_actors::settings::{
    CheckoutSettings, ClusterSettings, DeliverySettings, DriftSettings, GraphSettings, JobSettings,
    LoginSettings, RetentionSettings, SupervisionSettings,
};

/// What ships: every key, its value, and one comment.
pub const DEFAULT: &str = include_str!("../config/default.toml");

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP edge.
    pub http: http::Settings,
    /// The store.
    pub store: StoreConfig,
    /// Accepting checkouts.
    pub checkout: CheckoutSettings,
    /// Retrying jobs.
    pub job: JobSettings,
    /// Supervising switches.
    pub supervision: SupervisionSettings,
    /// Several instances on one store.
    pub cluster: ClusterSettings,
    /// Refused logins.
    pub logins: LoginSettings,
    /// Sessions with switches.
    pub ssh: ssh::Settings,
    /// Delivering webhooks.
    pub delivery: DeliverySettings,
    /// Forgetting what has ended.
    pub retention: RetentionSettings,
    /// Drift.
    pub drift: DriftSettings,
    /// Sending one webhook.
    pub webhook: webhook::Settings,
    /// Logging.
    pub log: crate::telemetry::Settings,
    /// Stopping.
    pub stop: StopConfig,
}

/// Which store, and where.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Which engine.
    pub engine: Engine,
    /// The file of the embedded store.
    pub path: PathBuf,
    /// Its limits.
    pub embedded: store::embedded::Settings,
    /// Redis, and how to talk to it.
    pub redis: store::redis::Settings,
}

/// Where everything that is accepted is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// In one file, for one instance.
    Embedded,
    /// In Redis, for any number of instances.
    Redis,
}

/// How the service stops.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopConfig {
    /// How long everything is still taken after `/readyz` has said that the service stops: whoever spreads requests over
    /// instances must have noticed by then.
    pub drain_ms: u64,
    /// How long switches that are at work, and webhooks that are on their way, may take to come to a safe point.
    pub patience_ms: u64,
}

/// The configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file says something that isn't accepted.
    #[error("{path}: {message}")]
    Refused {
        /// Which file.
        path: PathBuf,
        /// Line, key, value, and what is accepted.
        message: String,
    },
}

impl Config {
    /// The defaults, and what `file` changes of them.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file and the key.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        match file {
            None => Self::parse("", Path::new("config/default.toml")),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| ConfigError::Unreadable { path: path.into(), error })?;
                Self::parse(&text, path)
            }
        }
    }

    /// The defaults, and what `text` changes of them.
    ///
    /// # Errors
    /// [`ConfigError::Refused`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let refused = |message: String| ConfigError::Refused { path: path.into(), message };
        let mut whole = defaults();
        let changes: toml::Table = toml::from_str(text).map_err(|error| refused(error.to_string()))?;
        overlay(&mut whole, changes.clone(), "").map_err(refused)?;
        let config: Self = toml::Value::Table(whole)
            .try_into()
            .map_err(|error: toml::de::Error| refused(misfit(&changes, "").unwrap_or(error.to_string())))?;
        config.check().map_err(refused)?;
        Ok(config)
    }

    /// What types can't say.
    fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("checkout.max_in_flight", self.checkout.max_in_flight as u64),
            ("checkout.max_rounds", u64::from(self.checkout.max_rounds)),
            ("job.attempts", u64::from(self.job.attempts)),
            ("job.max_age_ms", self.job.max_age_ms),
            ("job.panics", u64::from(self.job.panics)),
            ("supervision.max_opening", self.supervision.max_opening as u64),
            ("supervision.max_looking", self.supervision.max_looking as u64),
            ("supervision.step_ms", self.supervision.step_ms),
            ("supervision.visit_ports", self.supervision.visit_ports as u64),
            ("supervision.sweep_ms", self.supervision.sweep_ms),
            ("supervision.repair_panics", u64::from(self.supervision.repair_panics)),
            ("delivery.attempts", u64::from(self.delivery.attempts)),
            ("delivery.max_in_flight", self.delivery.max_in_flight as u64),
            ("delivery.max_in_flight_per_partner", self.delivery.max_in_flight_per_partner as u64),
            ("delivery.sweep_ms", self.delivery.sweep_ms),
            ("delivery.panics", u64::from(self.delivery.panics)),
            ("retention.sweep_ms", self.retention.sweep_ms),
            ("drift.sweep_ms", self.drift.sweep_ms),
            ("drift.enrol_ms", self.drift.enrol_ms),
            ("drift.max_checks_per_sweep", self.drift.max_checks_per_sweep as u64),
            ("drift.attempts", u64::from(self.drift.attempts)),
            ("logins.first_pause_ms", self.logins.first_pause_ms),
            ("logins.longest_pause_ms", self.logins.longest_pause_ms),
        ];
        match at_least_one.iter().find(|(_, value)| *value == 0) {
            Some((key, _)) => Err(format!("{key} is 0: 1 or more is accepted")),
            None => self
                .cluster
                .check()
                .and_then(|()| self.graph().check_panics())
                .and_then(|()| self.check_dead_man())
                .and_then(|()| self.store.redis.check())
                .and_then(|()| self.ssh.check()),
        }
    }

    /// A commit must end within its step, and what it leaves must be read back and confirmed in time.
    fn check_dead_man(&self) -> Result<(), String> {
        let (minutes, commit_ms, step_ms) =
            (self.ssh.dead_man_minutes, self.ssh.commit_ms, self.supervision.step_ms);
        if !(1..=59).contains(&minutes) {
            return Err(format!("ssh.dead_man_minutes is {minutes}: 1 to 59 is accepted"));
        }
        if commit_ms == 0 || commit_ms >= step_ms {
            return Err(format!(
                "ssh.commit_ms is {commit_ms}: 1 or more is accepted, and less than supervision.step_ms = {step_ms}"
            ));
        }
        Ok(())
    }

    /// The part that the graph takes.
    #[must_use]
    pub fn graph(&self) -> GraphSettings {
        GraphSettings {
            checkout: self.checkout.clone(),
            job: self.job.clone(),
            supervision: self.supervision.clone(),
            delivery: self.delivery.clone(),
            retention: self.retention.clone(),
            drift: self.drift.clone(),
            cluster: self.cluster.clone(),
            logins: self.logins.clone(),
        }
    }
}

fn defaults() -> toml::Table {
    toml::from_str(DEFAULT).expect("the shipped defaults are TOML")
}

/// The first change that doesn't fit alone: its key, the value seen, why not, and what is accepted.
fn misfit(changes: &toml::Table, above: &str) -> Option<String> {
    changes.iter().find_map(|(key, change)| {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if let toml::Value::Table(inner) = change {
            return misfit(inner, &path);
        }
        let error = toml::Value::Table(with_one_change(&path, change)).try_into::<Config>().err()?;
        let accepted = default_line(&path);
        let why = error.message().trim_end();
        Some(format!("{path} is {change}: {why}; accepted is a value as in config/default.toml, {accepted}"))
    })
}

fn with_one_change(path: &str, value: &toml::Value) -> toml::Table {
    let change = path.rsplit('.').fold(value.clone(), |inner, key| {
        toml::Value::Table(toml::Table::from_iter([(key.to_owned(), inner)]))
    });
    let mut whole = defaults();
    if let toml::Value::Table(change) = change {
        overlay(&mut whole, change, "").expect("it was laid over the defaults before");
    }
    whole
}

/// A key's line in the shipped defaults, with its comment.
fn default_line(path: &str) -> String {
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    let header = format!("[{table}]");
    let within = DEFAULT.lines().skip_while(|line| !line.starts_with(&header));
    let line = within.into_iter().find(|line| line.split(" = ").next() == Some(key));
    line.unwrap_or(path).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Puts the changes over the defaults; a key that the defaults don't have is a mistake, and is named whole.
fn overlay(whole: &mut toml::Table, changes: toml::Table, above: &str) -> Result<(), String> {
    for (key, change) in changes {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match (whole.get_mut(&key), change) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(change)) => overlay(inner, change, &path)?,
            (Some(toml::Value::Table(_)), change) => {
                return Err(format!("{path} is {change}: a table is accepted, [{path}]"));
            }
            (Some(value), change) if value.same_type(&change) => *value = change,
            (Some(value), change) => {
                return Err(format!("{path} is {change}: accepted is {} like {value}", value.type_str()));
            }
            (None, _) => return Err(format!("{path} is not a key; config/default.toml has all of them")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Config::parse(text, Path::new("my.toml")).expect_err("faulty").to_string()
    }

    #[test]
    fn the_shipped_defaults_are_whole_and_equal_those_of_the_code() {
        let config = Config::load(None).expect("the defaults");
        assert_eq!(format!("{:?}", config.job), format!("{:?}", JobSettings::default()));
        assert_eq!(format!("{:?}", config.checkout), format!("{:?}", CheckoutSettings::default()));
        assert_eq!(format!("{:?}", config.supervision), format!("{:?}", SupervisionSettings::default()));
        assert_eq!(format!("{:?}", config.cluster), format!("{:?}", ClusterSettings::default()));
        assert_eq!(format!("{:?}", config.delivery), format!("{:?}", DeliverySettings::default()));
        assert_eq!(format!("{:?}", config.retention), format!("{:?}", RetentionSettings::default()));
        assert_eq!(format!("{:?}", config.drift), format!("{:?}", DriftSettings::default()));
        assert_eq!(format!("{:?}", config.logins), format!("{:?}", LoginSettings::default()));
        assert_eq!(format!("{:?}", config.http), format!("{:?}", http::Settings::default()));
        assert_eq!(format!("{:?}", config.ssh), format!("{:?}", ssh::Settings::default()));
        assert_eq!(format!("{:?}", config.webhook), format!("{:?}", webhook::Settings::default()));
        assert_eq!(
            format!("{:?}", config.store.embedded),
            format!("{:?}", store::embedded::Settings::default())
        );
        assert_eq!(format!("{:?}", config.store.redis), format!("{:?}", store::redis::Settings::default()));
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let config = Config::parse("[job]\nattempts = 7\n", Path::new("my.toml")).expect("fine");
        assert_eq!((config.job.attempts, config.job.max_age_ms), (7, 86_400_000));
    }

    #[test]
    fn a_fault_names_the_file_the_key_the_value_and_what_is_accepted() {
        assert_eq!(
            fault("[job]\nattemps = 7"),
            "my.toml: job.attemps is not a key; config/default.toml has all of them"
        );
        assert_eq!(fault("[job]\nattempts = 0"), "my.toml: job.attempts is 0: 1 or more is accepted");
        assert_eq!(fault("job = 3"), "my.toml: job is 3: a table is accepted, [job]");
        assert_eq!(
            fault("[job]\nattempts = \"five\""),
            "my.toml: job.attempts is \"five\": accepted is integer like 5"
        );
        assert_eq!(
            fault("[cluster]\nbeat_ms = 3001"),
            "my.toml: cluster.beat_ms is 3001: from 1 to 3000 is accepted, a third of cluster.lease_ms without \
             cluster.margin_ms"
        );
        assert_eq!(
            fault("[supervision]\nquarantine_panics = 8"),
            "my.toml: supervision.quarantine_panics is 8: more than job.panics and supervision.repair_panics together, and \
             one more for each where supervision.visit_ports isn't 1, is accepted, 8, or one job would quarantine its switch"
        );
        assert_eq!(
            fault("[ssh]\nlegacy_cpu_percent = 0"),
            "my.toml: ssh.legacy_cpu_percent is 0: from 1 to 100 is accepted"
        );
        assert_eq!(
            fault("[ssh]\nlegacy_nice = -5"),
            "my.toml: ssh.legacy_nice is -5: from 0 to 19 is accepted"
        );
        assert!(fault("[cluster]\nmargin_ms = 10000").contains("cluster.margin_ms is 10000"));
        assert!(fault("[job").starts_with("my.toml: TOML parse error at line 1"), "{}", fault("[job"));
    }

    #[test]
    fn a_value_that_its_type_refuses_is_named_with_its_key_and_what_is_accepted() {
        let table = [
            ("http", "listen", "\"nonsense\"", "where the partner API is"),
            ("http", "trusted_proxies", "[\"x\"]", "as [\"10.0.0.0/8\"]"),
            ("store", "engine", "\"postgres\"", "expected `embedded` or `redis`"),
            ("store.redis", "durability", "\"sometimes\"", "`volatile`, `everysec`, `always`"),
            ("log", "format", "\"xml\"", "`text` or `json`"),
            (
                "job",
                "attempts",
                "-1",
                "expected u32; accepted is a value as in config/default.toml, attempts = 5 #",
            ),
            ("http.rate_limit", "max_keys", "-7", "callers counted at once"),
        ];
        for (section, key, value, accepted) in table {
            // What is right beside it is not taken for the culprit.
            let text = format!("[stop]\npatience_ms = 7\n[{section}]\n{key} = {value}\n");
            let fault = fault(&text);
            let begins = format!("my.toml: {section}.{key} is {value}: ");
            assert!(fault.starts_with(&begins) && fault.contains(accepted), "{fault}");
        }
    }

    #[test]
    fn every_key_has_its_line_in_the_shipped_defaults() {
        fn keys(table: &toml::Table, above: &str) -> Vec<String> {
            let path = |key: &str| if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") };
            let of = |(key, value): (&String, &toml::Value)| match value {
                toml::Value::Table(inner) => keys(inner, &path(key)),
                _ => vec![path(key)],
            };
            table.iter().flat_map(of).collect()
        }
        for key in keys(&defaults(), "") {
            let name = key.rsplit('.').next().unwrap_or_default();
            assert!(default_line(&key).starts_with(&format!("{name} = ")), "{key}: {}", default_line(&key));
        }
    }
}
