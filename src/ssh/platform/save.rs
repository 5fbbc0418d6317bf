//! The part of a platform file that says how the running configuration is saved.

use super::shell::QuestionFile;
use super::{Compiler, PlatformError, Question, Transport};
use regex::Regex;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SaveFile {
    command: String,
    #[serde(default)]
    questions: Vec<QuestionFile>,
    #[serde(default)]
    check: Option<String>,
    saved_if: String,
}

/// How the running configuration is saved.
#[derive(Debug)]
pub struct Save {
    /// The command.
    pub command: String,
    /// Questions that it may ask, and their answers.
    pub questions: Vec<Question>,
    /// Sent afterwards, where the save itself says nothing.
    pub check: Option<String>,
    /// What the output must have: that of the check, if there is one.
    pub saved_if: Regex,
}

impl Compiler<'_> {
    pub(super) fn save(&self, file: &SaveFile, transport: Transport) -> Result<Save, PlatformError> {
        if transport == Transport::Exec && !file.questions.is_empty() {
            return Err(self.faulty("save.questions", "nothing can be asked on \"exec\""));
        }
        let questions = file.questions.iter().map(|question| self.question("save.questions", question));
        Ok(Save {
            command: file.command.clone(),
            questions: questions.collect::<Result<_, PlatformError>>()?,
            check: file.check.clone(),
            saved_if: self.regex("save.saved_if", &file.saved_if)?,
        })
    }
}
