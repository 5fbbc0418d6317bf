//! What one accept says to Redis, listened to; and the same said again for another checkout.
//!
//! The commands of the baselines are not written by hand: they are the service's own, with every number, name and id
//! written over, so that they do the same work on the same amount of data.

use super::clients;
use super::order;
use super::service::Service;
use redis::{Cmd, Pipeline};
use std::ops::Range;
use std::time::Duration;
use switchyard::redis_lab::{Client, RedisServer, Reply};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(10);
/// Marks the end of what is listened to.
const END: &str = "the-end-of-the-recording";

/// The commands of the accept of `number`, in the order in which Redis ran them, without what a script did.
pub struct Recorded {
    pub number: usize,
    pub commands: Vec<Vec<Vec<u8>>>,
}

/// Listens to one accept, the inventory being cached.
pub async fn record(server: &RedisServer, service: &Service, numbers: Range<usize>) -> Recorded {
    let (first, number) = (numbers.start, numbers.end - 1);
    clients::run_singly(service.address(), first..number).await;
    let mut listener = Client::connect(server.address(), PATIENCE).expect("a connection");
    listener.command(&["MONITOR"]).expect("it listens");
    clients::run_singly(service.address(), number..number + 1).await;
    server.command(&["ECHO", END]).expect("an echo");
    let mut commands = Vec::new();
    loop {
        let Ok(Reply::Status(line)) = listener.receive() else { panic!("the recording broke off") };
        if line.contains(END) {
            return Recorded { number, commands };
        }
        commands.extend(command_of(&line));
    }
}

/// The words of a line like `1700000000.1 [0 127.0.0.1:4711] "GET" "key"`; nothing for what a script did, nor for what the
/// service says by itself now and then: a ping, and that it lives.
fn command_of(line: &str) -> Option<Vec<Vec<u8>>> {
    let (source, words) = line.split_once("] ")?;
    let words = unquoted(words.as_bytes());
    let by_itself = words.iter().any(|word| word == b"PING" || word == b"sy:instances");
    (!source.ends_with(" lua") && !by_itself).then_some(words)
}

fn unquoted(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut bytes = text.iter().copied();
    while bytes.by_ref().any(|byte| byte == b'"') {
        let mut word = Vec::new();
        while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
            word.push(if byte == b'\\' { escaped(&mut bytes) } else { byte });
        }
        words.push(word);
    }
    words
}

fn escaped(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    match bytes.next().expect("something is escaped") {
        b'x' => bytes.take(2).fold(0, |byte, digit| byte << 4 | hexadecimal(digit)),
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'a' => 7,
        b'b' => 8,
        other => other,
    }
}

fn hexadecimal(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    }
}

/// A recorded command with the places where its checkout's own texts stand.
#[derive(Clone)]
struct Form {
    words: Vec<Vec<u8>>,
    holes: Vec<Hole>,
}

#[derive(Clone)]
struct Hole {
    word: usize,
    at: usize,
    text: usize,
}

impl Form {
    fn of(words: &[Vec<u8>], texts: &[Vec<u8>]) -> Self {
        let mut holes = Vec::new();
        for (word, bytes) in words.iter().enumerate() {
            for (text, wanted) in texts.iter().enumerate() {
                let places = bytes.windows(wanted.len()).enumerate();
                let places = places.filter(|(_, window)| window == wanted);
                holes.extend(places.map(|(at, _)| Hole { word, at, text }));
            }
        }
        Self { words: words.to_vec(), holes }
    }

    fn holds(&self, text: usize) -> bool {
        self.holes.iter().any(|hole| hole.text == text)
    }

    fn filled(&self, texts: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut words = self.words.clone();
        for Hole { word, at, text } in &self.holes {
            words[*word][*at..*at + texts[*text].len()].copy_from_slice(&texts[*text]);
        }
        words
    }

    fn command(&self, texts: &[Vec<u8>]) -> Cmd {
        let words = self.filled(texts);
        let mut command = Cmd::new();
        words.iter().for_each(|word| {
            command.arg(word);
        });
        command
    }
}

/// The calls of an accept, to be made for any number.
#[derive(Clone)]
pub struct Template {
    count: Pipeline,
    look: Form,
    port: Form,
    commit: Form,
    ids: usize,
}

/// An accept's calls in their order.
pub struct Calls {
    pub count: Pipeline,
    pub look: Cmd,
    pub port: Cmd,
    pub commit: Cmd,
}

impl Template {
    /// From a recorded accept with nothing but the four round trips.
    pub fn of(recorded: &Recorded) -> Self {
        let names: Vec<_> =
            recorded.commands.iter().map(|words| String::from_utf8_lossy(&words[0])).collect();
        assert_eq!(
            names,
            ["INCR", "PEXPIRE", "MGET", "MGET", "EVALSHA"],
            "an accept makes other calls by now"
        );
        let [count, keep, look, port, commit] = &recorded.commands[..] else {
            unreachable!("as was asserted")
        };
        let ids = ids_in(commit);
        let texts = texts(recorded.number, &ids);
        let form = |words: &Vec<Vec<u8>>| Form::of(words, &texts);
        let mut pipeline = redis::pipe();
        for words in [count, keep] {
            pipeline.add_command(Form::of(words, &[]).command(&[]));
        }
        let (look, port, commit) = (form(look), form(port), form(commit));
        let is_held = |text| [&look, &port, &commit].into_iter().any(|form| form.holds(text));
        assert!((0..4).all(is_held), "a name of the checkout is not in its calls");
        Self { count: pipeline, look, port, commit, ids: ids.len() }
    }

    /// The calls for the checkout of this number.
    pub fn calls(&self, number: usize) -> (Calls, [Uuid; 2]) {
        let ids = self.ids_of(number);
        let texts = texts(number, &ids);
        let calls = Calls {
            count: self.count.clone(),
            look: self.look.command(&texts),
            port: self.port.command(&texts),
            commit: self.commit.command(&texts),
        };
        (calls, [ids[0], ids[1]])
    }

    /// The call of the commit script alone, as it goes over the wire.
    pub fn commit(&self, number: usize) -> Vec<u8> {
        self.commit.command(&texts(number, &self.ids_of(number))).get_packed_command()
    }

    fn ids_of(&self, number: usize) -> Vec<Uuid> {
        // Nothing but distinct: whoever draws them well is not what is measured here.
        (0..self.ids).map(|which| Uuid::from_u128((which as u128 + 1) << 96 | number as u128)).collect()
    }
}

/// Of the job and the subscription, which have entries in the directory, and of the commits, which have markers.
fn ids_in(commit: &[Vec<u8>]) -> Vec<Uuid> {
    let keys = || commit.iter().filter_map(|word| std::str::from_utf8(word).ok());
    let last = |key: &str, length: usize| {
        key.len().checked_sub(length).and_then(|from| Uuid::try_parse(key.get(from..)?).ok())
    };
    let directory = keys().filter(|key| key.starts_with("sy:r:{directory")).filter_map(|key| {
        let id = key.trim_end_matches('}');
        last(id, 36)
    });
    let markers = keys().filter(|key| key.starts_with("sy:c:")).filter_map(|key| last(key, 32));
    let ids: Vec<_> = directory.chain(markers).collect();
    assert_eq!(ids.len(), 7, "a job, a subscription and five commits are expected");
    ids
}

/// What stands in the calls of this number and no other, in an order that is the same for all.
fn texts(number: usize, ids: &[Uuid]) -> Vec<Vec<u8>> {
    let names =
        [order::location(number), order::port(number), order::switch(number), order::external(number)];
    let mut texts: Vec<_> = names.into_iter().map(String::into_bytes).collect();
    for id in ids {
        texts.push(id.hyphenated().to_string().into_bytes());
        texts.push(id.simple().to_string().into_bytes());
        texts.push(id.as_bytes().to_vec());
    }
    texts
}
