//! What instances write about the faults ordered of them: a panic is counted by its last words, as they come.

use super::blow::{Victim, actor_at};
use super::world::{Phase, World};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

const LOOK: Duration = Duration::from_millis(100);
const LAST_WORDS: &str = "ordered to panic at ";

/// A log that is read as it grows.
struct Tail {
    file: PathBuf,
    read: u64,
    /// The beginning of a line whose end isn't written yet.
    rest: Vec<u8>,
}

impl Tail {
    fn of(file: &Path) -> Self {
        Self { file: file.to_owned(), read: 0, rest: Vec::new() }
    }

    fn new_text(&mut self) -> io::Result<String> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.read))?;
        self.read += file.read_to_end(&mut self.rest)? as u64;
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let whole: Vec<_> = self.rest.drain(..end).collect();
        Ok(String::from_utf8_lossy(&whole).into_owned())
    }
}

/// How often an actor panicked at each place.
#[derive(Debug, Default)]
pub struct Panics(BTreeMap<String, u64>);

impl Panics {
    /// How often at this one.
    pub fn at(&self, place: &str) -> u64 {
        self.0.get(place).copied().unwrap_or(0)
    }

    /// Takes in what a log says, and gives the places.
    fn hear<'t>(&mut self, text: &'t str) -> Vec<&'t str> {
        let last_words = text.lines().filter_map(|line| line.split_once(LAST_WORDS));
        let places: Vec<_> = last_words.map(|(_, place)| place.trim()).collect();
        places.iter().for_each(|place| *self.0.entry((*place).to_owned()).or_default() += 1);
        places
    }
}

/// Counts panics until the instances are stopped.
pub async fn watch(world: Rc<World>) {
    let mut tails: Vec<_> = world.instances.iter().map(|instance| Tail::of(instance.log())).collect();
    while !world.is(Phase::Stopping) {
        for tail in &mut tails {
            // A log that can't be read now is read from the same place the next time.
            let text = tail.new_text().unwrap_or_default();
            for place in world.panics.borrow_mut().hear(&text) {
                world.tally.borrow_mut().count(Victim::Actor, actor_at(place));
            }
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_panic_is_known_by_its_last_words() {
        let log = "INFO listening\nthread 'main' panicked at src/x.rs:1:1:\nordered to panic at job.chosen\n\
                   ordered to panic at delivery.sent\nordered to panic at job.chosen\n";
        let mut panics = Panics::default();
        assert_eq!(panics.hear(log), ["job.chosen", "delivery.sent", "job.chosen"]);
        assert_eq!((panics.at("job.chosen"), panics.at("lines.sent")), (2, 0));
    }

    #[test]
    fn a_line_is_read_once_and_whole() {
        let mut log = tempfile::NamedTempFile::new().expect("a file");
        let mut tail = Tail::of(log.path());
        write!(log, "one\ntw").expect("written");
        assert_eq!(tail.new_text().expect("read"), "one\n");
        writeln!(log, "o").expect("written");
        assert_eq!(tail.new_text().expect("read"), "two\n");
        assert_eq!(tail.new_text().expect("read"), "");
    }
}
