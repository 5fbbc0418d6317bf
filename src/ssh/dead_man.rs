//! Changes that the device takes back by itself unless they are confirmed in time.
//!
//! ```text
//!            looked, and what was left was taken back             armed
//!   Unknown ──────────────────────────────────────────▶ Settled ────────▶ Pending
//!                                                          ▲                 │
//!                                                          └─── confirmed ───┘
//! ```
//!
//! A session begins as Unknown: one before it may have died between its lines and their confirmation, and what it left would
//! be taken back minutes after it was read. So before a port is read, what is of ours and waits is taken back: nobody has
//! read it back, so nobody was told of it. Where the device can't tell what waits, it is confirmed instead, and then read;
//! every port of it is in the journal. While somebody else's change waits nothing is done at all: our commit would confirm it, or
//! his taking back undo ours.
//!
//! What can't be confirmed ends the session, whatever the reason: the next one finds out what is left. So a session that is
//! Pending is never kept for other work.

use super::judge::Judgement;
use super::platform::{DeadMan, Look, NAME, Platform, Waiting};
use super::scanner::Answer;
use super::session::{Session, shell_of};
use std::time::{Duration, Instant};
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};
use uuid::Uuid;

/// Where a session stands with what the device would take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// An earlier session may have left something.
    Unknown,
    /// What stands on the device stays.
    Settled,
    /// Taken back by the device, unless it is confirmed.
    Pending {
        /// The change's name.
        name: String,
        /// When it may be taken back: counted from before the device was told.
        until: Instant,
    },
}

/// A name for a change that no earlier one has.
pub fn new_name() -> String {
    let (random, _) = Uuid::new_v4().as_u64_pair();
    format!("{NAME}-{:08x}", random as u32)
}

impl Session {
    /// Whatever an earlier session left is taken back, once a session.
    pub(super) async fn settle(&mut self, platform: &Platform) -> Result<(), DriverFailure> {
        if self.standing != Standing::Unknown {
            return Ok(());
        }
        if let Some(dead_man) = &platform.dead_man {
            match &dead_man.look {
                Some(look) => self.take_back_what_was_left(platform, dead_man, look).await?,
                None => self.confirm_blindly(platform, dead_man).await?,
            }
        }
        self.standing = Standing::Settled;
        Ok(())
    }

    async fn take_back_what_was_left(
        &mut self,
        platform: &Platform,
        dead_man: &DeadMan,
        look: &Look,
    ) -> Result<(), DriverFailure> {
        let Waiting::Ours(names) = self.look(platform, look, &look.command).await? else { return Ok(()) };
        self.transcript
            .remark(&format!("left by an earlier session and not confirmed, so taken back: {names:?}"));
        if dead_man.in_configuration {
            self.enter(platform, &shell_of(platform).enter_configuration).await?;
        }
        let taken = self.take_back(platform, look, names).await;
        self.leave_configuration(platform).await?;
        taken.map_err(given_up)?;
        match self.look(platform, look, &look.command).await? {
            Waiting::Nothing => Ok(()),
            still @ (Waiting::Ours(_) | Waiting::Others(_)) => {
                let text = format!("{still:?} still waits to be confirmed although it was taken back");
                Err(DriverFailure::new(FailureClass::SessionLost, text))
            }
        }
    }

    /// Somebody may have confirmed it, or it ran out, between the look and the lock: then another one would be taken back.
    async fn take_back(
        &mut self,
        platform: &Platform,
        look: &Look,
        names: Vec<String>,
    ) -> Result<(), DriverFailure> {
        let names = match &look.command_in_configuration {
            None => names,
            Some(again) => match self.look(platform, look, again).await? {
                Waiting::Ours(names) => names,
                Waiting::Nothing | Waiting::Others(_) => Vec::new(),
            },
        };
        for name in names {
            for command in &look.take_back {
                let line = command.with(&name, self.settings.dead_man_minutes);
                let answer = self.command_within(platform, &line, self.settings.commit_ms).await?;
                if let Judgement::Bad { line: refusal, class } = platform.judge(&answer) {
                    return Err(self.refused(&line, &refusal, class));
                }
            }
        }
        Ok(())
    }

    /// What waits to be confirmed. Somebody else's is a lock: it goes away by itself.
    async fn look(&mut self, platform: &Platform, look: &Look, line: &str) -> Result<Waiting, DriverFailure> {
        let text = self.read_until(platform, line, |answer| look.must_match.is_match(&answer.text)).await?;
        match look.judge(&text) {
            Waiting::Others(line) => {
                let text = format!(
                    "somebody else's change waits to be confirmed, and ours would touch it: {line:?}"
                );
                Err(DriverFailure::new(FailureClass::ConfigurationLocked, self.transcript.redact(&text)))
            }
            waiting @ (Waiting::Nothing | Waiting::Ours(_)) => Ok(waiting),
        }
    }

    /// The device doesn't tell whether something waits, and what it says when nothing does is not known.
    async fn confirm_blindly(
        &mut self,
        platform: &Platform,
        dead_man: &DeadMan,
    ) -> Result<(), DriverFailure> {
        let line = dead_man.confirm.with(NAME, self.settings.dead_man_minutes);
        let answer = self.command_within(platform, &line, self.settings.commit_ms).await?;
        let is_whole = answer.is_whole && self.must_be_privileged(platform, &line).is_ok();
        if is_whole { Ok(()) } else { Err(self.unclear(&line, &answer)) }
    }

    /// Before lines are sent: nothing of an earlier change may wait, and the device takes back what comes now.
    pub(super) async fn prepare(&mut self, platform: &Platform) -> Result<(), DriverFailure> {
        self.settle(platform).await?;
        self.make_stand(platform).await?;
        self.arm(platform).await
    }

    /// Arms it, where no commit does.
    pub(super) async fn arm(&mut self, platform: &Platform) -> Result<(), DriverFailure> {
        let Some((arm, armed_if)) = platform.dead_man.as_ref().and_then(|dead_man| dead_man.arm.as_ref())
        else {
            return Ok(());
        };
        let name = new_name();
        let line = arm.with(&name, self.settings.dead_man_minutes);
        let pending = self.pending(name);
        let answer = self.command(platform, &line).await?;
        if let Some((refusal, class)) = platform.output.refusal(&answer.text).filter(|_| answer.is_whole) {
            return Err(self.refused(&line, &refusal, class));
        }
        if !armed_if.is_match(&answer.text) {
            return Err(self.unclear(&line, &answer));
        }
        self.standing = pending;
        Ok(())
    }

    /// Pending from now on, if the device is told now.
    pub(super) fn pending(&self, name: String) -> Standing {
        let wait = Duration::from_secs(self.settings.dead_man_minutes * 60);
        Standing::Pending { name, until: Instant::now() + wait }
    }

    /// What was applied stands from now on. A failure always ends the session.
    pub(super) async fn make_stand(&mut self, platform: &Platform) -> Result<(), DriverFailure> {
        let Standing::Pending { name, until } = self.standing.clone() else { return Ok(()) };
        let dead_man =
            platform.dead_man.as_ref().expect("what is pending was armed by the platform's dead-man");
        if Instant::now() >= until {
            return Err(given_up(too_late(self.settings.dead_man_minutes)));
        }
        self.must_wait(platform, dead_man, &name, true).await.map_err(given_up)?;
        self.confirm_now(platform, dead_man, &name).await.map_err(given_up)?;
        self.must_wait(platform, dead_man, &name, false).await.map_err(given_up)?;
        if Instant::now() >= until {
            return Err(given_up(too_late(self.settings.dead_man_minutes)));
        }
        self.standing = Standing::Settled;
        Ok(())
    }

    async fn confirm_now(
        &mut self,
        platform: &Platform,
        dead_man: &DeadMan,
        name: &str,
    ) -> Result<(), DriverFailure> {
        if dead_man.in_configuration {
            self.enter(platform, &shell_of(platform).enter_configuration).await?;
        }
        let line = dead_man.confirm.with(name, self.settings.dead_man_minutes);
        let answer = self.command_within(platform, &line, self.settings.commit_ms).await?;
        if let Some((refusal, class)) = platform.output.refusal(&answer.text).filter(|_| answer.is_whole) {
            return Err(self.refused(&line, &refusal, class));
        }
        let is_said = dead_man.confirmed_if.as_ref().is_none_or(|pattern| pattern.is_match(&answer.text));
        if !is_said || !answer.is_whole {
            return Err(self.unclear(&line, &answer));
        }
        self.leave_configuration(platform).await
    }

    /// Whether the device says of the change that it waits. One that it has taken back is confirmed without a word
    /// of complaint, and no longer stands.
    async fn must_wait(
        &mut self,
        platform: &Platform,
        dead_man: &DeadMan,
        name: &str,
        expected: bool,
    ) -> Result<(), DriverFailure> {
        let Some(look) = &dead_man.look else { return Ok(()) };
        let waiting = self.look(platform, look, &look.command).await?;
        let waits = matches!(&waiting, Waiting::Ours(names) if names.iter().any(|ours| ours == name));
        if waits == expected {
            return Ok(());
        }
        let found = if waits { "still waits to be confirmed" } else { "no longer waits: it was taken back" };
        Err(DriverFailure::new(FailureClass::SessionLost, format!("the change {name} {found}")))
    }

    /// A session that is kept must not have anything pending: what it reads would not stay.
    pub(super) fn must_be_settled(&self) -> Result<(), DriverFailure> {
        match &self.standing {
            Standing::Unknown | Standing::Settled => Ok(()),
            Standing::Pending { name, .. } => {
                let text = format!("the change {name} was not confirmed, and the device takes it back");
                Err(DriverFailure::new(FailureClass::SessionLost, text))
            }
        }
    }

    pub(super) fn unclear(&self, line: &str, answer: &Answer) -> DriverFailure {
        let text = format!("what {line:?} did is not known: the switch answered {:?}", answer.text.trim());
        DriverFailure::new(FailureClass::SessionLost, self.transcript.redact(&text))
    }
}

fn too_late(minutes: u64) -> DriverFailure {
    let text = format!("it was not confirmed within ssh.dead_man_minutes = {minutes}");
    DriverFailure::new(FailureClass::SessionLost, text)
}

/// The session must not be used any more, whatever it was that failed: the next one settles what is left.
fn given_up(failure: DriverFailure) -> DriverFailure {
    if !failure.class.leaves_session_usable() {
        return failure;
    }
    let text =
        format!("what was applied is not sure to stand, so the session is given up: {}", failure.detail);
    DriverFailure::new(FailureClass::SessionLost, text)
}
