//! The service that is measured, ours or another one, as a process on a store of its own.

use super::network::Inventories;
use super::options::Options;
use super::program::Program;
use super::store::Store;
use super::usage::Usage;
use crate::redis_lab::Port;
use anyhow::{Context as _, bail, ensure};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use toml::{Table, Value};

/// Between two questions whether it is ready.
const LOOK: Duration = Duration::from_millis(50);
/// A large store is checked whole when it is opened, and a large inventory applied.
const START: Duration = Duration::from_secs(600);
/// For the answer to "are you ready".
const READY: Duration = Duration::from_secs(2);

/// It runs, and is ready.
#[derive(Debug)]
pub struct Service {
    // Before its store: it ends first.
    program: Program,
    port: Port,
    /// Its store.
    pub store: Store,
    /// What it had in memory while it knew one switch, and now that it knows all.
    pub known: Known,
}

/// Memory before there was any work.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// With one switch.
    pub one_bytes: u64,
    /// With all.
    pub all_bytes: u64,
}

impl Service {
    /// Starts it twice: with one switch, to see what the others cost, and with all.
    ///
    /// # Errors
    /// When it can't be started, or is never ready.
    pub async fn start(options: &Options, inventories: &Inventories, folder: &Path) -> anyhow::Result<Self> {
        let one = Self::start_with(options, &inventories.one, &folder.join("one")).await?;
        let one_bytes = one.usage().resident_bytes;
        one.stop().await?;
        let mut all = Self::start_with(options, &inventories.all, &folder.join("all")).await?;
        all.known = Known { one_bytes, all_bytes: all.usage().resident_bytes };
        Ok(all)
    }

    async fn start_with(options: &Options, inventory: &Path, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).context("the service's folder")?;
        let store = Store::start(options.store, folder)?;
        let port = Port::reserve()?;
        let url = store.url();
        let command = match &options.service {
            Some(program) => other(program, port.address(), inventory, url.as_deref()),
            None => ours(options, port.address(), inventory, url.as_deref(), folder)?,
        };
        let program = Program::start(options.service_name(), command, folder.join("service.log"))?;
        let mut service = Self { program, port, store, known: Known { one_bytes: 0, all_bytes: 0 } };
        service.until_ready().await?;
        Ok(service)
    }

    async fn until_ready(&mut self) -> anyhow::Result<()> {
        let http = awc::Client::builder().timeout(READY).finish();
        let deadline = Instant::now() + START;
        loop {
            let answer = http.get(format!("http://{}/readyz", self.address())).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            self.program.must_run()?;
            ensure!(Instant::now() < deadline, "the service is not ready within {START:?}");
            sleep(LOOK).await;
        }
    }

    /// Fails when it has ended by itself.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.program.must_run()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// What its processes have used.
    pub fn usage(&self) -> Usage {
        self.program.usage()
    }

    /// Ends it, and then its store.
    ///
    /// # Errors
    /// When it doesn't end well.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.program.stop().await
    }
}

fn with_switch_password(mut command: Command) -> Command {
    command.env("SIMULATED_PASSWORD", "admin");
    command
}

fn other(program: &Path, listen: SocketAddr, inventory: &Path, redis: Option<&str>) -> Command {
    let mut command = Command::new(program);
    command.arg("--listen").arg(listen.to_string()).arg("--inventory").arg(inventory);
    command.arg("--redis").arg(redis.unwrap_or_default());
    with_switch_password(command)
}

/// The inventory is applied by a process that ends: what the service has in memory is then what it needs.
fn ours(
    options: &Options,
    listen: SocketAddr,
    inventory: &Path,
    redis: Option<&str>,
    folder: &Path,
) -> anyhow::Result<Command> {
    let config = folder.join("switchyard.toml");
    let table = configuration(options, listen, redis, folder)?;
    std::fs::write(&config, toml::to_string(&table)?).context("the service's configuration")?;
    let mut command = Command::new(std::env::current_exe().context("this binary")?);
    command.args(["inventory", "apply"]).arg(inventory).arg("--config").arg(&config);
    let applied = with_switch_password(command).output().context("inventory apply")?;
    if !applied.status.success() {
        bail!("inventory apply: {}", String::from_utf8_lossy(&applied.stderr));
    }
    let mut command = Command::new(std::env::current_exe().context("this binary")?);
    command.arg("serve").arg("--config").arg(&config);
    Ok(with_switch_password(command))
}

/// What the operator set, and over it what a bench needs.
fn configuration(
    options: &Options,
    listen: SocketAddr,
    redis: Option<&str>,
    folder: &Path,
) -> anyhow::Result<Table> {
    let mut config = operators(options.config.as_deref())?;
    let mut set = |section: &[&str], key: &str, value: Value| -> anyhow::Result<()> {
        let mut table = &mut config;
        for name in section {
            let inner = table.entry(*name).or_insert_with(|| Table::new().into());
            table =
                inner.as_table_mut().with_context(|| format!("{name} in the configuration is no table"))?;
        }
        table.insert(key.to_owned(), value);
        Ok(())
    };
    set(&["http"], "listen", listen.to_string().into())?;
    // One address sends all, and the receiver is on this machine.
    set(&["http", "rate_limit"], "checkout_per_minute", 100_000_000.into())?;
    set(&["webhook"], "allow_private_addresses", true.into())?;
    // No daily check falls into a run of some seconds.
    set(&["drift"], "check_ms", 0.into())?;
    set(&["stop"], "drain_ms", 0.into())?;
    set(&["log"], "filter", "warn".into())?;
    set(&["store"], "engine", options.store.name().into())?;
    set(&["store"], "path", folder.join("switchyard.redb").display().to_string().into())?;
    if let Some(url) = redis {
        set(&["store", "redis"], "urls", vec![url].into())?;
    }
    if let Some(ports) = options.visit_ports {
        set(&["supervision"], "visit_ports", i64::try_from(ports)?.into())?;
    }
    if let Some(idle) = options.idle_ms {
        set(&["supervision"], "idle_ms", i64::try_from(idle)?.into())?;
    }
    Ok(config)
}

fn operators(file: Option<&Path>) -> anyhow::Result<Table> {
    let Some(file) = file else { return Ok(Table::new()) };
    let name = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(name)?;
    toml::from_str(&text).with_context(name)
}

#[cfg(test)]
mod tests {
    use super::super::options::tests::asked;
    use super::*;
    use crate::config::{Config, Engine};
    use std::path::PathBuf;

    fn configured(arguments: &[&str], redis: Option<&str>) -> Config {
        let runs = asked(arguments).expect("it makes sense");
        let listen = "127.0.0.1:1".parse().expect("an address");
        let table = configuration(&runs[0], listen, redis, Path::new("/run")).expect("a configuration");
        let text = toml::to_string(&table).expect("TOML");
        Config::parse(&text, Path::new("c.toml")).expect("a configuration")
    }

    #[test]
    fn the_service_is_set_up_as_the_command_line_says() {
        let config = configured(&["--visit-ports", "1", "--idle-ms", "0"], None);
        assert_eq!(config.store.path, PathBuf::from("/run/switchyard.redb"));
        assert_eq!((config.supervision.visit_ports, config.supervision.idle_ms), (1, 0));
        let config = configured(&["--store", "redis"], Some("redis://127.0.0.1:2"));
        assert_eq!(config.store.engine, Engine::Redis);
    }

    #[test]
    fn what_the_operator_set_stays_but_for_what_a_bench_needs() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let text = "[http]\nlisten = \"10.0.0.1:80\"\nworkers = 3\n[supervision]\nidle_ms = 5\n";
        std::fs::write(file.path(), text).expect("a file");
        let config = configured(&["--config", file.path().to_str().expect("UTF-8")], None);
        assert_eq!((config.http.workers, config.supervision.idle_ms), (3, 5));
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:1");
    }
}
