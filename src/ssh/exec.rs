//! One command on a channel of its own, with its exit status: for switches whose shell is a real one.

use super::connection::HostKeyCheck;
use super::transcript::Transcript;
use russh::ChannelMsg;
use russh::client::Handle;
use std::time::Duration;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use tokio::time::timeout;

/// What a command came to.
pub struct Ran {
    output: Vec<u8>,
    status: Option<u32>,
    /// Whether there was more than is kept.
    pub is_cut: bool,
}

impl Ran {
    /// The output; a failure is a line of its own, which every platform file of this transport knows as bad.
    #[must_use]
    pub fn into_judged_text(self) -> String {
        let mut text = String::from_utf8_lossy(&self.output).replace("\r\n", "\n");
        match self.status {
            Some(0) => {}
            Some(status) => text.push_str(&format!("\nexit status {status}\n")),
            None => text.push_str("\nno exit status\n"),
        }
        text
    }
}

/// How long a command may take, and which key says so.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Of `[ssh]`.
    pub key: &'static str,
    /// Its value.
    pub time: Duration,
}

/// Runs a command, and keeps so many bytes of its output.
///
/// # Errors
/// [`DriverFailure`].
pub async fn run(
    handle: &Handle<HostKeyCheck>,
    line: &str,
    limit: Limit,
    output_limit_bytes: usize,
    transcript: &mut Transcript,
) -> Result<Ran, DriverFailure> {
    transcript.sent(line);
    let lost =
        |error: russh::Error| DriverFailure::new(FailureClass::SessionLost, format!("{line:?}: {error}"));
    let whole = async {
        let mut channel = handle.channel_open_session().await.map_err(lost)?;
        channel.exec(true, line).await.map_err(lost)?;
        let mut ran = Ran { output: Vec::new(), status: None, is_cut: false };
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } => {
                    let room = output_limit_bytes.saturating_sub(ran.output.len());
                    ran.is_cut |= data.len() > room;
                    ran.output.extend_from_slice(&data[..data.len().min(room)]);
                }
                ChannelMsg::ExitStatus { exit_status } => ran.status = Some(exit_status),
                _ => {}
            }
        }
        if ran.status.is_none() && handle.is_closed() {
            return Err(DriverFailure::new(
                FailureClass::SessionLost,
                format!("the session ended during {line:?}"),
            ));
        }
        Ok(ran)
    };
    let ran = timeout(limit.time, whole).await.map_err(|_| {
        let text = format!("{line:?} was not done within ssh.{} = {}", limit.key, limit.time.as_millis());
        DriverFailure::new(FailureClass::PromptNotSeen, text)
    })??;
    transcript.received(&String::from_utf8_lossy(&ran.output));
    Ok(ran)
}
