//! The local socket between the command line and a running service: one question a connection, one line of JSON each way.
//!
//! The socket stands beside the store's file, for its owner only: its mode says so from the moment after it is bound, and
//! whoever connects is asked of the kernel before anything is read from them. A service that finds one that answers is the second on that
//! store, and doesn't start; one that nobody answers on is left from a process that died, and is replaced.

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

/// Spoken by both sides; another one is refused.
const VERSION: u32 = 1;

/// Longest question and answer: a large inventory fits.
const LINE_LIMIT_BYTES: u64 = 256 << 20;

/// For a question to arrive, and for its answer to be taken.
const PATIENCE: Duration = Duration::from_secs(120);

/// For a whole state to be written: some gigabytes, onto a slow disk.
const EXPORT_PATIENCE: Duration = Duration::from_secs(3_600);

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Question {
    /// Apply this inventory.
    ApplyInventory {
        /// The file's name, for its faults.
        file: String,
        /// The file's text.
        text: String,
    },
    /// List the switches.
    ListSwitches,
    /// Release a switch from quarantine.
    Release {
        /// Its name.
        switch: String,
        /// Whether the host key that was trusted on first use is forgotten with it.
        #[serde(default)]
        forget_host_key: bool,
    },
    /// Check a switch's managed ports.
    Check {
        /// Its name.
        switch: String,
        /// Whether whatever differs is repaired, however much.
        repair: bool,
    },
    /// List what differed.
    ListDrift {
        /// Of this switch; of all when there is none.
        switch: Option<String>,
    },
    /// Print what was said on a switch's sessions.
    SwitchLog {
        /// Its name.
        switch: String,
        /// Of this job alone.
        job: Option<Uuid>,
        /// How many.
        last: usize,
    },
    /// List the dead letters.
    DeadLetters,
    /// Write the whole state of the store to a new file.
    ExportStore {
        /// The file, from the root.
        file: PathBuf,
    },
}

impl Question {
    /// How long its answer may take.
    fn patience(&self) -> Duration {
        match self {
            Self::ExportStore { .. } => EXPORT_PATIENCE,
            _ => PATIENCE,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    version: u32,
    #[serde(flatten)]
    question: Question,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Lines for a person.
    Done {
        /// The lines.
        lines: Vec<String>,
    },
    /// It could not be done.
    Refused {
        /// Why.
        why: String,
        /// Whether what was handed in is at fault.
        faulty_input: bool,
    },
}

/// Who answers.
#[async_trait]
pub trait Actions: Send + Sync + 'static {
    /// Answers a question.
    async fn answer(&self, question: Question) -> Answer;
}

/// Where the socket of a store is.
#[must_use]
pub fn socket_path(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".sock");
    path.into()
}

/// The listening side. Dropped, it takes its socket away.
pub struct ControlSocket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

impl ControlSocket {
    /// Listens beside the store.
    ///
    /// # Errors
    /// When another service answers there, or the socket can't be made.
    pub async fn listen(store: &Path, actions: Arc<dyn Actions>) -> anyhow::Result<Self> {
        let path = socket_path(store);
        if is_served(store).await {
            bail!("another service already runs on {}", store.display());
        }
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).with_context(|| path.display().to_string())?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .with_context(|| path.display().to_string())?;
        let task = actix_rt::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let actions = Arc::clone(&actions);
                actix_rt::spawn(async move {
                    if let Err(error) = converse(stream, &*actions).await {
                        tracing::warn!(%error, "a question on the local socket came to nothing");
                    }
                });
            }
        });
        Ok(Self { path, task })
    }

    /// Stops listening, and lets go of what answers.
    pub async fn close(mut self) {
        self.task.abort();
        // Aborted is what it is meant to be; until it says so, its future still holds what answers, and the store with it.
        let _ = (&mut self.task).await;
    }
}

/// Whether somebody may ask: the service's own user, and root.
fn may_ask(asker_uid: u32, own_uid: u32) -> bool {
    asker_uid == own_uid || asker_uid == 0
}

fn refuse_strangers(stream: &UnixStream) -> anyhow::Result<()> {
    let asker_uid = stream.peer_cred().context("the kernel doesn't say who asks")?.uid();
    if !may_ask(asker_uid, rustix::process::geteuid().as_raw()) {
        bail!("user {asker_uid} is neither the service's own nor root");
    }
    Ok(())
}

async fn converse(stream: UnixStream, actions: &dyn Actions) -> anyhow::Result<()> {
    refuse_strangers(&stream)?;
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reading.take(LINE_LIMIT_BYTES));
    timeout(PATIENCE, reader.read_line(&mut line)).await.context("no question came")??;
    let answer = match serde_json::from_str::<Asked>(&line) {
        Ok(Asked { version: VERSION, question }) => actions.answer(question).await,
        Ok(Asked { version, .. }) => {
            let why = format!("the service speaks version {VERSION} of the local socket, not {version}");
            Answer::Refused { why, faulty_input: false }
        }
        Err(error) => Answer::Refused { why: format!("not a question: {error}"), faulty_input: false },
    };
    let mut text = serde_json::to_string(&answer)?;
    text.push('\n');
    timeout(PATIENCE, writing.write_all(text.as_bytes())).await.context("the answer was not taken")??;
    Ok(())
}

/// Whether a service has the store.
pub async fn is_served(store: &Path) -> bool {
    UnixStream::connect(socket_path(store)).await.is_ok()
}

/// Asks the service that has the store; `None` when none runs.
///
/// # Errors
/// When it doesn't answer.
pub async fn ask(store: &Path, question: Question) -> anyhow::Result<Option<Answer>> {
    let path = socket_path(store);
    let Ok(stream) = UnixStream::connect(&path).await else { return Ok(None) };
    let (reading, mut writing) = stream.into_split();
    let patience = question.patience();
    let mut text = serde_json::to_string(&Asked { version: VERSION, question })?;
    text.push('\n');
    writing.write_all(text.as_bytes()).await.context("the service doesn't take the question")?;
    let mut line = String::new();
    let mut reader = BufReader::new(reading.take(LINE_LIMIT_BYTES));
    timeout(patience, reader.read_line(&mut line)).await.context("the service doesn't answer")??;
    Ok(Some(serde_json::from_str(&line).context("the service's answer")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    #[async_trait]
    impl Actions for Echo {
        async fn answer(&self, question: Question) -> Answer {
            Answer::Done { lines: vec![format!("{question:?}")] }
        }
    }

    fn in_system(story: impl Future<Output = ()>) {
        actix_rt::System::new().block_on(story);
    }

    #[test]
    fn a_question_is_answered_and_a_second_service_is_told() {
        in_system(async {
            let folder = tempfile::tempdir().expect("a folder");
            let store = folder.path().join("s.redb");
            assert_eq!(ask(&store, Question::ListSwitches).await.expect("no service"), None);
            let socket = ControlSocket::listen(&store, Arc::new(Echo)).await.expect("listens");
            let answer = ask(&store, Question::DeadLetters).await.expect("an answer");
            assert_eq!(answer, Some(Answer::Done { lines: vec!["DeadLetters".into()] }));
            let second = ControlSocket::listen(&store, Arc::new(Echo)).await.err().expect("refused");
            assert!(second.to_string().contains("another service already runs"), "{second}");
            let mode = std::fs::metadata(socket_path(&store)).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            drop(socket);
            assert!(!socket_path(&store).exists());
        });
    }

    #[test]
    fn the_services_own_user_and_root_may_ask_and_nobody_else() {
        let table =
            [(1000, 1000, true), (0, 1000, true), (0, 0, true), (1001, 1000, false), (1000, 0, false)];
        for (asker_uid, own_uid, expected) in table {
            assert_eq!(may_ask(asker_uid, own_uid), expected, "{asker_uid} asks {own_uid}");
        }
    }

    #[test]
    fn a_socket_that_a_dead_process_left_is_replaced() {
        in_system(async {
            let folder = tempfile::tempdir().expect("a folder");
            let store = folder.path().join("s.redb");
            drop(std::os::unix::net::UnixListener::bind(socket_path(&store)).expect("bound"));
            let _socket = ControlSocket::listen(&store, Arc::new(Echo)).await.expect("replaced");
            assert!(ask(&store, Question::ListSwitches).await.expect("an answer").is_some());
        });
    }
}
