//! One command on a channel of its own: what a device that has no modes is asked and told by a program.
//!
//! It acts out a line's faults and its reply as the shell does, without echo, prompt and pager, and ends without an exit
//! status, which RouterOS doesn't give.

use std::future::pending;
use std::sync::Arc;

use russh::Channel;
use russh::server::Msg;

use super::command::{Line, Reply};
use super::garble::garble;
use super::shell::comes_to_its_answer;
use super::switch::{Heard, SimulatedSwitch};

/// Whoever runs it ends it with the connection: a session that was cut hears no more, not even a farewell.
pub(super) async fn run(switch: Arc<SimulatedSwitch>, session: u64, channel: Channel<Msg>, line: String) {
    let mut at = Line::new(session, true);
    let Some(heard) = switch.hear(&mut at, &line) else { return pending().await };
    let Some(output) = follow(&switch, session, heard).await else { return pending().await };
    // The client may be gone; then nobody needs the answer.
    let _ = channel.data_bytes(output).await;
    let _ = channel.eof().await;
    let _ = channel.close().await;
}

/// The output, after all that strikes the line; `None` when the connection was cut.
async fn follow(switch: &SimulatedSwitch, session: u64, heard: Heard) -> Option<Vec<u8>> {
    let Heard { reply, strike, latency } = heard;
    if !comes_to_its_answer(switch, session, &strike, latency).await {
        return None;
    }
    if strike.drop_after {
        switch.cut(session);
        return None;
    }
    let mut text = strike.syslog.map(|line| format!("{line}\n")).unwrap_or_default();
    text.push_str(&said(reply));
    let bytes = text.replace('\n', "\r\n").into_bytes();
    let seed = switch.counts().commands;
    Some(if strike.garble { garble(&bytes, seed) } else { bytes })
}

/// Nothing that asks, saves or leaves comes on such a channel.
fn said(reply: Reply) -> String {
    match reply {
        Reply::Text(text) => text,
        Reply::Silence | Reply::Ask { .. } | Reply::Save { .. } | Reply::Reboot | Reply::Leave => {
            String::new()
        }
    }
}
