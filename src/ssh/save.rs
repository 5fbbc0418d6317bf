//! Saving the running configuration as the start-up configuration. What isn't said to be saved isn't: neither silence nor words
//! that nobody knows are taken for it.

use super::exec::Limit;
use super::platform::{Platform, Save};
use super::scanner::Answer;
use super::session::{Session, Wire, millis, shell_of};
use switchyard_actors::domain::failure::{DriverFailure, FailureClass};

impl Session {
    /// Where a platform has nothing to save, nothing is sent.
    pub(super) async fn save_running(&mut self, platform: &Platform) -> Result<(), DriverFailure> {
        self.must_be_settled()?;
        self.settle(platform).await?;
        let Some(save) = &platform.save else { return Ok(()) };
        let answer = self.ask_to_save(platform, save).await?;
        self.must_be_privileged(platform, &save.command)?;
        let mut said = answer.text;
        if let Some(check) = &save.check {
            let checked = self.command(platform, check).await?;
            self.must_be_privileged(platform, check)?;
            if save.saved_if.is_match(&checked.text) {
                return Ok(());
            }
            said.push_str(&checked.text);
        } else if save.saved_if.is_match(&said) {
            return Ok(());
        }
        Err(self.refused(&save.command, said.trim(), FailureClass::SaveFailed))
    }

    async fn ask_to_save(&mut self, platform: &Platform, save: &Save) -> Result<Answer, DriverFailure> {
        let time = millis(self.settings.save_ms);
        match &mut self.wire {
            Wire::Shell(dialog) => {
                let shell = shell_of(platform);
                dialog.converse(shell, &save.command, &save.questions, time, &mut self.transcript).await
            }
            Wire::Exec => self.run(&save.command, Limit { key: "save_ms", time }).await,
        }
    }
}
