//! What each command of the command line does. Standard output is for answers, standard error for complaints.

#![allow(clippy::print_stdout, clippy::print_stderr)] // answering on the terminal is what this module is for

pub mod platform;
pub mod simulate;
pub mod store;

use crate::cli::{ApplyArgs, CheckArgs, CheckSwitchArgs, DriftArgs, ReleaseArgs, StoreArgs, SwitchLogArgs};
use crate::config::{Config, ConfigError, Engine};
use crate::control::{self, Answer, Question};
use crate::inventory::ApplyError;
use crate::operations::{drift, transcripts};
use crate::ssh::replay::TranscriptError;
use crate::ssh::{PlatformError, Platforms};
use crate::store::OpenStore;
use crate::{inventory, operations, startup};
use anyhow::{Context as _, bail};
use std::path::Path;
use std::process::ExitCode;
use switchyard_actors::domain::ids::JobId;
use switchyard_actors::domain::inventory::ApiKeyHash;
use uuid::Uuid;

/// sysexits.h calls it EX_CONFIG.
const WRONG_CONFIGURATION: u8 = 78;

/// What was handed in is at fault.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FaultyInput(String);

/// The exit code for an error.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    let faulty = error.chain().any(|cause| {
        cause.is::<ConfigError>()
            || cause.is::<PlatformError>()
            || cause.is::<TranscriptError>()
            || cause.is::<FaultyInput>()
            || matches!(cause.downcast_ref(), Some(ApplyError::Faulty(_)))
    });
    ExitCode::from(if faulty { WRONG_CONFIGURATION } else { 1 })
}

/// Says on standard error what went wrong.
pub fn complain(error: &anyhow::Error) {
    eprintln!("switchyard: {error:#}");
}

/// Asks the service that has the store, or opens the store when none runs.
async fn ask_or_open<F>(config: &Config, question: Question, alone: F) -> anyhow::Result<()>
where
    F: AsyncFnOnce(OpenStore) -> anyhow::Result<Vec<String>>,
{
    let asked = match config.store.engine {
        Engine::Embedded => control::ask(&config.store.path, question).await?,
        Engine::Redis => None,
    };
    let lines = match asked {
        Some(Answer::Done { lines }) => lines,
        Some(Answer::Refused { why, faulty_input: true }) => return Err(FaultyInput(why).into()),
        Some(Answer::Refused { why, faulty_input: false }) => bail!(why),
        None => alone(startup::open_store(config).await?).await?,
    };
    lines.iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// `inventory apply`.
///
/// # Errors
/// With every fault of the file, or that the store did not answer.
pub async fn apply_inventory(args: ApplyArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let text = std::fs::read_to_string(&args.file).with_context(|| args.file.display().to_string())?;
    let file = args.file.display().to_string();
    let platforms = Platforms::load(config.ssh.platforms.as_deref())?;
    let question = Question::ApplyInventory { file: file.clone(), text: text.clone() };
    ask_or_open(&config, question, async move |open| {
        let applied = operations::apply_inventory(&*open.store, &platforms, &file, &text).await?;
        Ok(operations::describe(&applied))
    })
    .await
}

/// `check-config`: everything that is wrong, not only the first of it.
///
/// # Errors
/// When anything is.
pub async fn check_config(args: &CheckArgs) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    let config = match Config::load(args.config.as_deref()) {
        Ok(config) => Some(config),
        Err(error) => {
            wrong.push(error.to_string());
            None
        }
    };
    let folder = config.as_ref().and_then(|config| config.ssh.platforms.clone());
    let (platforms, faults) = Platforms::check(folder.as_deref());
    wrong.extend(faults.iter().map(ToString::to_string));
    if let Some(path) = &args.inventory {
        wrong.extend(check_inventory(path, &platforms.names()));
    }
    if wrong.is_empty() {
        println!("the configuration is fine; platforms: {}", platforms.names().join(", "));
        return Ok(());
    }
    Err(FaultyInput(format!("{} wrong:\n{}", wrong.len(), wrong.join("\n"))).into())
}

fn check_inventory(path: &Path, platforms: &[&str]) -> Vec<String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return vec![format!("{}: {error}", path.display())],
    };
    let names: Vec<_> = platforms.iter().map(|name| (*name).to_owned()).collect();
    let around = inventory::Surroundings { platforms: &names, secrets: &inventory::ProcessSecrets };
    match inventory::parse(&path.display().to_string(), &text, &around) {
        Ok(_) => Vec::new(),
        Err(faults) => vec![faults.to_string()],
    }
}

/// `switches`.
///
/// # Errors
/// When the store can't be read.
pub async fn list_switches(args: StoreArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    ask_or_open(&config, Question::ListSwitches, async |open| operations::list_switches(&*open.store).await)
        .await
}

/// `dead-letters`.
///
/// # Errors
/// When the store can't be read.
pub async fn dead_letters(args: StoreArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    ask_or_open(&config, Question::DeadLetters, async |open| operations::dead_letters(&*open.store).await)
        .await
}

/// `release`.
///
/// # Errors
/// When there is no such switch, or the store did not answer.
pub async fn release(args: ReleaseArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let forget_host_key = args.forget_host_key;
    let question = Question::Release { switch: args.switch.clone(), forget_host_key };
    let host_key = operations::host_key_on_record(forget_host_key);
    ask_or_open(&config, question, async move |open| {
        operations::release_offline(&*open.store, &args.switch, host_key).await
    })
    .await
}

/// `check`.
///
/// # Errors
/// When there is no such switch, or the store did not answer.
pub async fn check(args: CheckSwitchArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let question = Question::Check { switch: args.switch.clone(), repair: args.repair };
    ask_or_open(&config, question, async move |open| {
        drift::order_beside(&*open.store, &*open.hints, &args.switch, drift::consent(args.repair)).await
    })
    .await
}

/// `drift`.
///
/// # Errors
/// When there is no such switch, or the store can't be read.
pub async fn list_drift(args: DriftArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let question = Question::ListDrift { switch: args.switch.clone() };
    ask_or_open(&config, question, async move |open| drift::list(&*open.store, args.switch.as_deref()).await)
        .await
}

/// `switch log`.
///
/// # Errors
/// When there is no such switch or job, or the store can't be read.
pub async fn switch_log(args: SwitchLogArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    let SwitchLogArgs { switch, job, last, .. } = args;
    let question = Question::SwitchLog { switch: switch.clone(), job, last };
    ask_or_open(&config, question, async move |open| {
        transcripts::list(&*open.store, &switch, job.map(JobId), last).await
    })
    .await
}

/// `api-key`.
pub fn new_api_key(sandbox: bool) {
    let prefix = if sandbox { "sy_sb_" } else { "sy_live_" };
    let key = format!("{prefix}{}", Uuid::new_v4().simple());
    println!("key            {key}\napi_key_sha256 {}", ApiKeyHash::of(&key));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_counts_the_faults_of_an_inventory_and_only_an_apply_says_that_nothing_was_applied() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "[[partnr]]\n[[unti]]\n").expect("a file");
        let checked = check_inventory(file.path(), &["cisco_ios"]).concat();
        assert!(checked.ends_with("2 faults"), "{checked}");
        let names = ["cisco_ios".to_owned()];
        let around = inventory::Surroundings { platforms: &names, secrets: &inventory::ProcessSecrets };
        let faults = inventory::parse("i.toml", "[[partnr]]\n", &around).expect_err("faulty");
        let applied = ApplyError::from(faults).to_string();
        assert!(
            applied.starts_with("i.toml:1: ") && applied.ends_with("1 fault; nothing was applied"),
            "{applied}"
        );
    }
}
