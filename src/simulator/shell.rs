//! A terminal line at work: echo, prompt, pager and questions, the time that a command takes, and the faults
//! that strike its lines.
//!
//! It decides nothing about the configuration: a line is given to the switch, and the reply acted out here.
//! While a command runs, what is typed ahead waits unread and unechoed, as on a device.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use russh::server::{Handle, Msg};
use russh::{Channel, ChannelMsg, Disconnect};

use super::command::{Line, Question, Reply};
use super::faults::{Stall, Strike};
use super::garble::garble;
use super::line_editor::{Echo, Keystroke, LineEditor};
use super::pager::{Page, Pager};
use super::switch::{Heard, SimulatedSwitch};

/// After `exit` closed the channel, until the client is told to disconnect.
const FAREWELL: Duration = Duration::from_millis(100);

/// After that, until the connection is cut: the terminal line must not stay taken.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Shell {
    switch: Arc<SimulatedSwitch>,
    channel: Channel<Msg>,
    handle: Handle,
    line: Line,
    editor: LineEditor,
    waiting_for: Input,
    /// Output not yet sent.
    out: Vec<u8>,
}

/// What the next key is for.
enum Input {
    Command,
    Answer(Question),
    Page(Pager),
    /// To go on from the greeting.
    AnyKey,
}

/// Why a shell ends.
enum End {
    /// The client said so, or went away.
    Left,
    /// The switch cut the connection.
    Cut,
}

impl Shell {
    pub fn new(switch: Arc<SimulatedSwitch>, session: u64, channel: Channel<Msg>, handle: Handle) -> Self {
        let is_privileged = switch.plan().enable_password.is_none();
        let personality = switch.plan().personality;
        Self {
            switch,
            channel,
            handle,
            line: Line::new(session, is_privileged),
            editor: LineEditor::new(personality.enter()),
            waiting_for: if personality.welcome().is_some() { Input::AnyKey } else { Input::Command },
            out: Vec::new(),
        }
    }

    pub async fn run(mut self) {
        match self.converse().await {
            Err(End::Left) | Ok(()) => self.hang_up().await,
            // Closing the channel would be a farewell, and a cut has none; the connection's end ends this task.
            Err(End::Cut) => pending().await,
        }
    }

    /// The channel is closed, and then the connection. A client that is told to disconnect throws away what it has
    /// not shown yet, so it first gets time to go by itself; the end of the connection ends this task.
    async fn hang_up(&mut self) {
        // The client may be gone already; then nobody needs a farewell.
        let _ = self.flush().await;
        let _ = self.channel.close().await;
        tokio::time::sleep(FAREWELL).await;
        let disconnect = self.handle.disconnect(Disconnect::ByApplication, String::new(), String::new());
        let _ = disconnect.await;
        tokio::time::sleep(PATIENCE).await;
        self.switch.cut(self.line.session);
    }

    async fn converse(&mut self) -> Result<(), End> {
        self.out.extend_from_slice(self.switch.plan().personality.greeting().as_bytes());
        if matches!(self.waiting_for, Input::Command) {
            self.prompt();
        }
        self.flush().await?;
        while let Some(message) = self.channel.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    for byte in data.iter() {
                        self.press(*byte).await?;
                    }
                    self.flush().await?;
                }
                ChannelMsg::Eof | ChannelMsg::Close => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }

    async fn press(&mut self, byte: u8) -> Result<(), End> {
        if byte == b'\n' && self.switch.plan().personality.ignores_line_feed() {
            return Ok(());
        }
        let echo = match &mut self.waiting_for {
            Input::Page(pager) => {
                let page = pager.press(byte);
                self.turn(page);
                return Ok(());
            }
            Input::AnyKey => {
                self.welcome();
                return Ok(());
            }
            Input::Answer(question) if question.takes_a_key() => return self.take_key(byte).await,
            Input::Answer(question) => question.echo(),
            Input::Command => Echo::Shown,
        };
        match self.editor.press(byte, echo, &mut self.out) {
            None => Ok(()),
            Some(Keystroke::Line(text)) => self.take(&text).await,
            Some(Keystroke::Interrupt) => {
                self.waiting_for = Input::Command;
                self.prompt();
                Ok(())
            }
            Some(Keystroke::End(text)) => {
                if !text.trim().is_empty() {
                    self.take(&text).await?;
                }
                self.leave_configuration().await
            }
        }
    }

    fn welcome(&mut self) {
        let said = self.switch.plan().personality.welcome().unwrap_or_default();
        self.out.extend_from_slice(said.as_bytes());
        self.waiting_for = Input::Command;
        self.prompt();
    }

    /// The key is echoed, and is all of the answer.
    async fn take_key(&mut self, key: u8) -> Result<(), End> {
        let key = char::from(key);
        self.say(&format!("{key}\n"));
        self.take(&key.to_string()).await
    }

    async fn leave_configuration(&mut self) -> Result<(), End> {
        match self.line.mode.is_configuration() {
            true => self.take("end").await,
            false => {
                self.prompt();
                Ok(())
            }
        }
    }

    async fn take(&mut self, text: &str) -> Result<(), End> {
        self.flush().await?;
        match std::mem::replace(&mut self.waiting_for, Input::Command) {
            Input::Answer(question) => {
                let reply = self.switch.answer(&mut self.line, question, text);
                self.act(reply).await
            }
            Input::Command | Input::Page(_) | Input::AnyKey => {
                let heard = self.switch.hear(&mut self.line, text).ok_or(End::Cut)?;
                self.follow(heard).await
            }
        }
    }

    /// Acts out a line's faults, in the order in which a device would meet them, and its reply.
    async fn follow(&mut self, heard: Heard) -> Result<(), End> {
        let Heard { reply, strike, latency } = heard;
        if !comes_to_its_answer(&self.switch, self.line.session, &strike, latency).await {
            return Err(End::Cut);
        }
        if strike.drop_after {
            if matches!(reply, Reply::Save { .. }) {
                self.save("").await?;
            }
            return self.cut();
        }
        if let Some(message) = strike.syslog {
            self.say(&format!("{message}\n"));
        }
        match (strike.garble, reply) {
            (true, Reply::Text(text)) => self.say_garbled(&text),
            (true, Reply::Silence) => self.say_garbled(""),
            (_, reply) => return self.act(reply).await,
        }
        Ok(())
    }

    async fn act(&mut self, reply: Reply) -> Result<(), End> {
        match reply {
            Reply::Silence => self.prompt(),
            Reply::Text(text) => {
                let mut pager =
                    Pager::new(&text, self.line.length, self.switch.plan().personality.pager_mark());
                let page = pager.first();
                self.waiting_for = Input::Page(pager);
                self.turn(page);
            }
            Reply::Ask { prompt, question } => {
                self.say(&prompt);
                self.waiting_for = Input::Answer(question);
            }
            Reply::Save { said } => {
                let outcome = self.save(said).await?;
                self.say(&outcome);
                self.prompt();
            }
            Reply::Reboot => {
                self.switch.reboot();
                return Err(End::Cut);
            }
            Reply::Leave => return Err(End::Left),
        }
        Ok(())
    }

    /// Says `said` once the save is under way, and gives what the device says at its end.
    async fn save(&mut self, said: &str) -> Result<String, End> {
        let begun = self.switch.begin_save();
        self.say(said);
        self.flush().await?;
        let boots = match begun {
            Ok(boots) => boots,
            Err(refusal) => return Ok(refusal),
        };
        let saving = Saving { switch: &self.switch, boots: Some(boots) };
        tokio::time::sleep(self.switch.plan().save_latency).await;
        saving.finish().ok_or(End::Cut)
    }

    fn turn(&mut self, page: Page) {
        match page {
            Page::More(text) => self.out.extend_from_slice(text.as_bytes()),
            Page::Last(text) => {
                self.out.extend_from_slice(text.as_bytes());
                self.waiting_for = Input::Command;
                self.prompt();
            }
        }
    }

    fn cut(&self) -> Result<(), End> {
        self.switch.cut(self.line.session);
        Err(End::Cut)
    }

    fn say(&mut self, text: &str) {
        self.out.extend_from_slice(text.replace('\n', "\r\n").as_bytes());
    }

    fn say_garbled(&mut self, text: &str) {
        let seed = self.switch.counts().commands.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.out.extend(garble(text.replace('\n', "\r\n").as_bytes(), seed));
        self.prompt();
    }

    fn prompt(&mut self) {
        let prompt = self.switch.prompt(&self.line);
        let drawn = self.switch.plan().personality.drawn(&prompt);
        self.out.extend_from_slice(drawn.as_bytes());
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.channel.data_bytes(std::mem::take(&mut self.out)).await.map_err(|_| End::Left)
    }
}

/// Acts out what strikes a line before it is answered; `false` when that was the end of the connection.
pub(super) async fn comes_to_its_answer(
    switch: &SimulatedSwitch,
    session: u64,
    strike: &Strike,
    latency: Duration,
) -> bool {
    if strike.drop_before {
        switch.cut(session);
        return false;
    }
    if let Some(down) = strike.reboot {
        switch.reboot_for(down);
        return false;
    }
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match strike.stall {
        Some(Stall::For(time)) => tokio::time::sleep(time).await,
        Some(Stall::Forever) => pending().await,
        None => {}
    }
    true
}

/// A save runs to its end even if the session that asked for it dies: the flash is written by the device.
struct Saving<'s> {
    switch: &'s SimulatedSwitch,
    boots: Option<u64>,
}

impl Saving<'_> {
    fn finish(mut self) -> Option<String> {
        self.switch.finish_save(self.boots.take()?)
    }
}

impl Drop for Saving<'_> {
    fn drop(&mut self) {
        if let Some(boots) = self.boots.take() {
            self.switch.finish_save(boots);
        }
    }
}
