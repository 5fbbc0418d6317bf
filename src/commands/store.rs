//! `store export` and `store import`.

use super::{FaultyInput, ask_or_open};
use crate::cli::StateFileArgs;
use crate::config::{Config, Engine};
use crate::control::{self, Question};
use crate::store::backup::{self, BackupError};
use crate::store::embedded::EmbeddedIntake;
use crate::store::redis::RedisIntake;
use crate::{operations, startup};
use anyhow::{Context as _, bail};

/// `store export`: by the service that has the store, where one has it for itself.
///
/// # Errors
/// When it can't be read as of one moment, or the file can't be written.
pub async fn export(args: StateFileArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    // The service may run in another directory.
    let file = std::path::absolute(&args.file).with_context(|| args.file.display().to_string())?;
    let path = &config.store.path;
    if config.store.engine == Engine::Embedded && !path.try_exists().unwrap_or(true) {
        return Err(FaultyInput(format!("there is no store at {} (store.path)", path.display())).into());
    }
    let question = Question::ExportStore { file: file.clone() };
    ask_or_open(&config, question, async move |open| operations::export_store(open.whole, file).await).await
}

/// `store import`: into a store that isn't there yet.
///
/// # Errors
/// When the file isn't whole, there is a store already, or it can't be written.
pub async fn import(args: StateFileArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let (file, path) = (&args.file, &config.store.path);
    let moved = match config.store.engine {
        Engine::Embedded => {
            if control::is_served(path).await {
                bail!("a service runs on the store {}: stop it first", path.display());
            }
            let begin = async || EmbeddedIntake::begin(path, &config.store.embedded);
            backup::import(file, begin).await
        }
        Engine::Redis => {
            let password = startup::redis_password(&config.store.redis)?;
            backup::import(file, async || RedisIntake::begin(&config.store.redis, password).await).await
        }
    };
    println!("imported {} from {}", moved.map_err(of_the_file)?, file.display());
    Ok(())
}

/// What was handed in is at fault, and not the store.
fn of_the_file(error: BackupError) -> anyhow::Error {
    match error {
        BackupError::File(backup::FileError::Faulty { .. }) => FaultyInput(error.to_string()).into(),
        other => other.into(),
    }
}
