//! Connecting: TLS, login, the judgement over the server's settings, the layout's schema, and the scripts.

use super::durability::{Judgement, ServerSettings, judge};
use super::link::Connections;
use super::names::{IMPORTING, Names, SCHEMA};
use super::pool::Pool;
use super::scripts::{Script, Scripts};
use super::settings::{Durability, Settings};
use redis::aio::ConnectionLike;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, IntoConnectionInfo, RedisError,
    TlsCertificates, Value, from_redis_value,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use switchyard_actors::domain::text::Secret;
use tokio::time::timeout;

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// It must not be served on: somebody has to change something.
    #[error("{0}")]
    Refused(String),
    /// It could not be reached, this time.
    #[error("{0}")]
    Failed(String),
}

impl From<RedisError> for ConnectError {
    fn from(error: RedisError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Connects and judges.
pub async fn connect(
    settings: &Settings,
    password: Option<&Secret>,
    names: &Names,
) -> Result<(Connections, Scripts), ConnectError> {
    let limit = Duration::from_millis(settings.connect_ms);
    let late = |_| ConnectError::Failed(format!("no connection within {} ms", limit.as_millis()));
    timeout(limit, async {
        let connections = judged(settings, password).await?;
        check_schema(&connections, names).await?;
        let scripts = load_scripts(&connections).await?;
        Ok((connections, scripts))
    })
    .await
    .map_err(late)?
}

/// Connects to servers that keep what they are told.
pub async fn judged(settings: &Settings, password: Option<&Secret>) -> Result<Connections, ConnectError> {
    let connections = open(settings, password).await?;
    judge_servers(&connections, settings).await?;
    Ok(connections)
}

async fn open(settings: &Settings, password: Option<&Secret>) -> Result<Connections, ConnectError> {
    if settings.cluster {
        return open_cluster(settings, password).await;
    }
    let client = client(settings.urls[0].reveal(), settings, password)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(Duration::from_millis(settings.connect_ms)))
        // Ours is around every request.
        .set_response_timeout(None)
        .set_pipeline_buffer_size(settings.max_in_flight);
    Ok(Connections::Single(Arc::new(Pool::open(client, config, settings.connections).await?)))
}

async fn open_cluster(settings: &Settings, password: Option<&Secret>) -> Result<Connections, ConnectError> {
    let infos = settings.urls.iter().map(|url| info(url.reveal(), settings, password));
    let infos = infos.collect::<Result<Vec<_>, _>>()?;
    let mut builder = ClusterClientBuilder::new(infos)
        .retries(0)
        .connection_timeout(Duration::from_millis(settings.connect_ms))
        .response_timeout(Duration::from_millis(settings.command_ms))
        .tcp_settings(TcpSettings::default().set_nodelay(true));
    if let Some(certificates) = certificates(settings)? {
        builder = builder.certs(certificates);
    }
    Ok(Connections::Cluster(builder.build()?.get_async_connection().await?))
}

/// A client of one server.
pub fn client(url: &str, settings: &Settings, password: Option<&Secret>) -> Result<Client, ConnectError> {
    let info = info(url, settings, password)?;
    let client = match certificates(settings)? {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    };
    client.map_err(|error| ConnectError::Refused(format!("store.redis.urls: {error}")))
}

/// The address, with the login that the settings name.
fn info(url: &str, settings: &Settings, password: Option<&Secret>) -> Result<ConnectionInfo, ConnectError> {
    let faulty = |error: RedisError| ConnectError::Refused(format!("store.redis.urls: {error}"));
    let info = url.into_connection_info().map_err(faulty)?;
    let mut login = info.redis_settings().clone().set_lib_name("switchyard", env!("CARGO_PKG_VERSION"));
    if !settings.username.is_empty() {
        login = login.set_username(&settings.username);
    }
    if let Some(password) = password {
        login = login.set_password(password.reveal());
    }
    Ok(info.set_redis_settings(login).set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

fn certificates(settings: &Settings) -> Result<Option<TlsCertificates>, ConnectError> {
    if settings.ca_file.is_empty() {
        return Ok(None);
    }
    let unreadable = |error: std::io::Error| {
        ConnectError::Refused(format!("store.redis.ca_file {}: {error}", settings.ca_file))
    };
    let root_cert = std::fs::read(&settings.ca_file).map_err(unreadable)?;
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(root_cert) }))
}

/// A command to every primary; answers by address.
pub async fn ask_primaries(
    connections: &Connections,
    cmd: &Cmd,
) -> Result<HashMap<String, Value>, RedisError> {
    match connections {
        Connections::Single(pool) => {
            let value = pool.first().req_packed_command(cmd).await?;
            Ok(HashMap::from([("redis".to_owned(), value)]))
        }
        Connections::Cluster(cluster) => {
            let to_all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
            from_redis_value(cluster.clone().route_command(cmd.clone(), to_all).await?)
                .map_err(RedisError::from)
        }
    }
}

/// Is anybody there?
pub async fn ping(connections: &Connections) -> Result<(), RedisError> {
    let cmd = redis::cmd("PING");
    match connections {
        Connections::Single(pool) => {
            pool.first().req_packed_command(&cmd).await?.extract_error()?;
        }
        Connections::Cluster(_) => {
            ask_primaries(connections, &cmd).await?;
        }
    }
    Ok(())
}

/// Makes the scripts known to every primary.
pub async fn load_scripts(connections: &Connections) -> Result<Scripts, RedisError> {
    let mut digests: [String; Script::ALL.len()] = Default::default();
    for script in Script::ALL {
        let load = redis::cmd("SCRIPT").arg("LOAD").arg(script.source()).to_owned();
        let answers = ask_primaries(connections, &load).await?;
        let digest = answers.into_values().next().unwrap_or(Value::Nil).extract_error()?;
        digests[script as usize] = from_redis_value(digest)?;
    }
    Ok(Scripts(digests))
}

async fn judge_servers(connections: &Connections, settings: &Settings) -> Result<(), ConnectError> {
    let stated = settings.stated().map_err(ConnectError::Refused)?;
    for server in servers(connections).await? {
        match judge(&server, settings.durability, stated) {
            Judgement::Enough => {}
            Judgement::Weak(why) if settings.durability <= Durability::Everysec => {
                tracing::warn!(why, "redis keeps less than `always`");
            }
            Judgement::Weak(why) => tracing::warn!(why, "redis"),
            Judgement::Refused(why) => return Err(ConnectError::Refused(why)),
        }
    }
    Ok(())
}

async fn servers(connections: &Connections) -> Result<Vec<ServerSettings>, RedisError> {
    let mut roles = ask_primaries(connections, &redis::cmd("ROLE")).await?;
    let mut found = HashMap::new();
    for name in ["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy"] {
        // A server that hides its settings answers with an error, and no other kind of error does harm here.
        let answers = ask_primaries(connections, redis::cmd("CONFIG").arg("GET").arg(name)).await;
        for (address, value) in answers.unwrap_or_default() {
            let pairs: HashMap<String, String> = parsed(value).unwrap_or_default();
            found.entry(address).or_insert_with(HashMap::new).extend(pairs);
        }
    }
    let server = |(address, role): (String, Value)| {
        let mut config = found.remove(&address).unwrap_or_default();
        ServerSettings {
            role: role_of(role),
            appendonly: config.remove("appendonly").map(|value| value == "yes"),
            appendfsync: config.remove("appendfsync"),
            unsynced_rewrites: config.remove("no-appendfsync-on-rewrite").map(|value| value == "yes"),
            maxmemory_policy: config.remove("maxmemory-policy"),
            address,
        }
    };
    Ok(roles.drain().map(server).collect())
}

fn parsed<T: FromRedisValue>(value: Value) -> Option<T> {
    from_redis_value(value.extract_error().ok()?).ok()
}

/// The first word of `ROLE`.
fn role_of(value: Value) -> Option<String> {
    let Value::Array(parts) = value.extract_error().ok()? else { return None };
    from_redis_value(parts.into_iter().next()?).ok()
}

/// Writes the layout's schema where there is none, and refuses another one.
async fn check_schema(connections: &Connections, names: &Names) -> Result<(), ConnectError> {
    let key = names.schema();
    let set = redis::cmd("SET").arg(&key).arg(SCHEMA).arg("NX").to_owned();
    let get = redis::cmd("GET").arg(&key).to_owned();
    let run = async |cmd: &Cmd| match connections {
        Connections::Single(pool) => pool.first().req_packed_command(cmd).await?.extract_error(),
        Connections::Cluster(cluster) => cluster.clone().req_packed_command(cmd).await?.extract_error(),
    };
    run(&set).await?;
    let found: Option<String> = from_redis_value(run(&get).await?).map_err(RedisError::from)?;
    if found.as_ref().is_some_and(|found| *found == SCHEMA.to_string()) {
        return Ok(());
    }
    if found.as_ref().is_some_and(|found| found.starts_with(IMPORTING)) {
        return Err(ConnectError::Refused(format!(
            "the keys under {:?} are part of an import that is running, or was cut off: `switchyard store import FILE` \
             does it again, and first empties what was brought",
            names.prefix()
        )));
    }
    let found = found.unwrap_or_else(|| "none".to_owned());
    Err(ConnectError::Refused(format!(
        "the keys under {key:?} have schema {found}; this release reads schema {SCHEMA}"
    )))
}
