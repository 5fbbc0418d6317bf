//! Logging: events to standard error, as text for people or as JSON for machines. No secret can get here: the types that
//! hold one don't show it.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How.
    pub format: Format,
    /// What, as `info,switchyard::ssh=debug`.
    pub filter: String,
}

/// Logging can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter can't be read.
    #[error("log.filter is {filter:?}: {error}")]
    Filter {
        /// As given.
        filter: String,
        /// Why not.
        error: tracing_subscriber::filter::ParseError,
    },
    /// It was set up before.
    #[error("logging was set up before: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sets up logging for the process.
///
/// # Errors
/// [`TelemetryError`].
pub fn start(settings: &Settings) -> Result<(), TelemetryError> {
    let parsed = EnvFilter::try_new(&settings.filter);
    let filter = parsed.map_err(|error| TelemetryError::Filter { filter: settings.filter.clone(), error })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.format {
        Format::Text => {
            subscriber.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).finish().try_init()?
        }
        Format::Json => subscriber.json().finish().try_init()?,
    }
    Ok(())
}
