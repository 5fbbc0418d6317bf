//! What is asked of a device after the login and before anything else: whether it is who the inventory says, and whether
//! it has a terminal line left for people. And, when it is somebody else who may configure it, who that is.

use super::platform::{Identified, Identity, LineCount, Lines, Platform};
use super::reading::READS;
use super::session::Session;
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use switchyard_actors::domain::inventory::Switch;

fn wrong_device(text: String) -> DriverFailure {
    DriverFailure::new(FailureClass::WrongDevice, text)
}

/// The line of an answer that says most of who gave it: a mark under what it doesn't know, or a rule, says nothing.
fn first_words(answer: &str) -> &str {
    let says = |line: &&str| line.contains(char::is_alphanumeric);
    answer.lines().map(str::trim).find(says).unwrap_or_default()
}

impl Session {
    /// Asks it all, each with one command.
    ///
    /// # Errors
    /// [`DriverFailure`]: `WrongDevice`, `NoFreeVty`, or that of a broken session.
    pub async fn introduce(&mut self, switch: &Switch) -> Result<(), DriverFailure> {
        let platforms = self.platforms();
        let platform = self.find(&platforms);
        if let Some(identity) = &platform.identity {
            self.identify(platform, identity, switch).await?;
        } else if switch.serial.is_some() {
            return Err(untold(platform, switch));
        }
        match &platform.lines {
            Some(lines) if self.settings.spare_vty_lines > 0 => self.spare_lines(platform, lines).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Asks until an answer is whole and enough, a few times: line noise and log messages don't repeat themselves. What such an
    /// answer tells counts when the next one tells the same: half a serial number would be another device's. Nor is one that
    /// was interrupted a no.
    async fn ask<T: PartialEq>(
        &mut self,
        platform: &Platform,
        command: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Result<T, String>, DriverFailure> {
        let (mut no, mut doubtful, mut last) = (None, None, String::new());
        for _ in 0..READS {
            let answer = self.command(platform, command).await?;
            let is_clean = answer.is_whole && platform.output.is_clean(&answer.text);
            last = platform.output.without_logs(&answer.text);
            match read(&last).filter(|_| answer.is_whole) {
                Some(told) if is_clean || doubtful.as_ref() == Some(&told) => return Ok(Ok(told)),
                told => doubtful = told,
            }
            no = Some(last.clone()).filter(|_| is_clean);
        }
        match no {
            Some(text) => Ok(Err(text)),
            None => Err(self.unreadable(command, &last)),
        }
    }

    async fn identify(
        &mut self,
        platform: &Platform,
        identity: &Identity,
        switch: &Switch,
    ) -> Result<(), DriverFailure> {
        if switch.serial.is_some() && !identity.tells_serial() {
            return Err(untold(platform, switch));
        }
        let is_enough = |told: &Identified| switch.serial.is_none() || told.serial.is_some();
        let read = |text: &str| identity.read(text).filter(is_enough);
        let told = self.ask(platform, &identity.command, read).await?.map_err(|text| {
            let says = self.transcript.redact(first_words(&text));
            let asked = &identity.command;
            let what =
                if identity.read(&text).is_some() { "without a serial number" } else { "another device" };
            wrong_device(format!(
                "the inventory says {}, and the device says {says:?} to {asked:?}: {what}",
                platform.name
            ))
        })?;
        let shown = |part: &Option<String>| part.clone().unwrap_or_else(|| "not told".to_owned());
        let (model, serial) = (shown(&told.model), shown(&told.serial));
        self.transcript.remark(&format!("it is a {} (model {model}, serial number {serial})", platform.name));
        match &switch.serial {
            Some(expected) if Some(expected) != told.serial.as_ref() => Err(wrong_device(format!(
                "the device's serial number is {serial:?}, and the inventory says {expected:?}; if it was replaced, change serial there"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    async fn spare_lines(&mut self, platform: &Platform, lines: &Lines) -> Result<(), DriverFailure> {
        let Ok(count) = self.ask(platform, &lines.command, |text| lines.count(text)).await? else {
            // Nobody is kept out by an answer that can't be read.
            self.transcript.remark("how many lines are taken can't be read");
            return Ok(());
        };
        self.must_leave(&count)
    }

    fn must_leave(&mut self, count: &LineCount) -> Result<(), DriverFailure> {
        let spare = self.settings.spare_vty_lines;
        if count.free() >= spare {
            return Ok(());
        }
        let text = format!(
            "{}; ssh.spare_vty_lines = {spare} must be left for people, so the session is closed again",
            count.describe()
        );
        Err(DriverFailure::new(FailureClass::NoFreeVty, text))
    }

    /// A refusal of the configuration mode, with the name of who has it.
    pub async fn locked(
        &mut self,
        platform: &Platform,
        refused: DriverFailure,
        answer: &str,
    ) -> DriverFailure {
        let Some(lock) =
            platform.lock.as_ref().filter(|_| refused.class == FailureClass::ConfigurationLocked)
        else {
            return refused;
        };
        let asked = match &lock.command {
            // The refusal stands, whatever becomes of the question.
            Some(command) => self.command(platform, command).await.map(|told| told.text).unwrap_or_default(),
            None => String::new(),
        };
        match lock.holder(&[asked.as_str(), answer]) {
            Some(holder) => {
                let holder = self.transcript.redact(&holder);
                DriverFailure { detail: format!("{}; it is held by {holder}", refused.detail), ..refused }
            }
            None => refused,
        }
    }
}

fn untold(platform: &Platform, switch: &Switch) -> DriverFailure {
    let text = format!(
        "the inventory has a serial number for {}, and the platform {} can't tell one ([identity] serial)",
        switch.id, platform.name
    );
    DriverFailure::new(FailureClass::Misconfigured, text)
}
