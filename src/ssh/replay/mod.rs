//! Recorded dialogs, replayed against a platform file without a device: each exchange must come to the verdict that its
//! transcript names, whether its bytes arrive at once or one by one.
//!
//! In tests they are also cut, interrupted and broken off everywhere: then they must come to that verdict, or to one that
//! leaves it to the read-back; never to a wrong one.

#[cfg(test)]
mod mutation;
mod player;
#[cfg(test)]
mod properties;
mod recording;

pub use player::{Played, Verdict};
pub use recording::{Exchange, Expected, Recording, Said, TranscriptError};

use super::platform::Platform;
use player::{Pieces, Player, play_exec};
use recording::read_folder;
use std::fmt;
use std::path::Path;

/// How the device's words arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    AtOnce,
    ByteByByte,
}

/// An exchange that came to something else than its transcript says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otherwise {
    /// The transcript.
    pub file: String,
    /// Where its verdict stands, the first line being 1.
    pub line: usize,
    /// The line that was typed.
    pub typed: String,
    /// What the transcript says.
    pub expected: Expected,
    /// What it came to.
    pub judged: Verdict,
    /// What was judged.
    pub seen: String,
    arrival: Arrival,
}

impl fmt::Display for Otherwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, typed, expected, judged, seen, arrival } = self;
        let arrival = match arrival {
            Arrival::AtOnce => "",
            Arrival::ByteByByte => ", its bytes arriving one by one",
        };
        write!(
            f,
            "{file}:{line}: {typed:?}: expected {expected}, judged {judged}{arrival}; what was judged: {seen:?}"
        )
    }
}

/// What came of a folder of transcripts.
#[derive(Debug)]
pub struct Replayed {
    /// How many transcripts were of the platform.
    pub transcripts: usize,
    /// How many exchanges they have.
    pub exchanges: usize,
    /// How many transcripts are of other platforms, and were left out.
    pub of_others: usize,
    /// What came to something else.
    pub otherwise: Vec<Otherwise>,
}

/// Replays the folder's transcripts that are of this platform.
///
/// # Errors
/// [`TranscriptError`].
pub fn replay(platform: &Platform, folder: &Path) -> Result<Replayed, TranscriptError> {
    let recordings = read_folder(folder)?;
    let all = recordings.len();
    let mut others: Vec<_> = recordings.iter().map(|recording| recording.platform.clone()).collect();
    let own: Vec<_> =
        recordings.into_iter().filter(|recording| recording.platform == platform.name).collect();
    if own.is_empty() {
        others.sort();
        others.dedup();
        let (folder, platform) = (folder.to_owned(), platform.name.clone());
        return Err(TranscriptError::NoneOfPlatform { folder, platform, others });
    }
    let mut otherwise = Vec::new();
    for recording in &own {
        must_fit(platform, recording)?;
        otherwise
            .extend(recording.exchanges.iter().filter_map(|exchange| check(platform, recording, exchange)));
    }
    let exchanges = own.iter().map(|recording| recording.exchanges.len()).sum();
    Ok(Replayed { transcripts: own.len(), exchanges, of_others: all - own.len(), otherwise })
}

/// A device that took comments can't be played to a file that has none.
fn must_fit(platform: &Platform, recording: &Recording) -> Result<(), TranscriptError> {
    let has_comment = platform.shell.as_ref().is_some_and(|shell| shell.comment.is_some());
    if has_comment || !recording.is_framed {
        return Ok(());
    }
    let why = format!("its comments were taken, and {:?} has no shell.comment to type", platform.name);
    Err(TranscriptError::Faulty { file: recording.file.clone(), line: 1, why })
}

fn check(platform: &Platform, recording: &Recording, exchange: &Exchange) -> Option<Otherwise> {
    [Arrival::AtOnce, Arrival::ByteByByte].into_iter().find_map(|arrival| {
        let played = play(platform, recording, exchange, arrival);
        (played.verdict != Verdict::Known(exchange.expected.clone())).then(|| Otherwise {
            file: recording.file.clone(),
            line: exchange.line,
            typed: exchange.typed.clone(),
            expected: exchange.expected.clone(),
            judged: played.verdict,
            seen: played.seen,
            arrival,
        })
    })
}

fn play(platform: &Platform, recording: &Recording, exchange: &Exchange, arrival: Arrival) -> Played {
    let Some(shell) = &platform.shell else { return play_exec(platform, exchange) };
    let is_framed = recording.is_framed;
    let player = Player { platform, shell, stem: &recording.stem, is_framed, is_alive: true };
    player.play(exchange, |_, bytes| arriving(bytes, arrival))
}

fn arriving(bytes: &[u8], arrival: Arrival) -> Pieces {
    match arrival {
        Arrival::AtOnce => vec![bytes.to_vec()],
        Arrival::ByteByByte => bytes.iter().map(|byte| vec![*byte]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Platforms;
    use super::*;

    /// Those without a shell too, which have no prompt to be cut before.
    #[test]
    fn each_platform_that_ships_has_transcripts_and_each_comes_to_its_verdicts() {
        let platforms = Platforms::load(None).expect("the built-in platforms");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
        for name in platforms.names() {
            let platform = platforms.get(name).expect("one of its names");
            let replayed = replay(platform, &folder).unwrap_or_else(|error| panic!("{error}"));
            let otherwise: Vec<_> = replayed.otherwise.iter().map(ToString::to_string).collect();
            assert!(otherwise.is_empty(), "{otherwise:#?}");
        }
    }
}
