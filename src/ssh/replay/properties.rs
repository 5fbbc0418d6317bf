//! What must hold of every recording, however it is cut and interrupted.

use super::super::{Platform, Platforms};
use super::mutation::{Dice, log_line, places_for_a_log_line, with};
use super::player::{Pieces, Played, Player, Verdict};
use super::recording::{Exchange, Expected, Recording, read_folder};
use std::cmp::Ordering;
use std::path::Path;
use std::time::{Duration, Instant};
use switchyard_actors::domain::failure::FailureClass;

/// How many random replays are made, if the tests are to take longer than their budget.
const REPLAYS: &str = "SWITCHYARD_REPLAYS";

/// What the random replays may take by default.
const BUDGET: Duration = Duration::from_secs(3);

fn platforms() -> Platforms {
    Platforms::load(None).expect("the built-in platforms")
}

/// Of those that ship, the ones of a shell: elsewhere there is no prompt to miss.
fn recordings(platforms: &Platforms) -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut recordings = read_folder(&folder).expect("those that ship");
    recordings.retain(|recording| platform_of(recording, platforms).shell.is_some());
    recordings
}

fn platform_of<'p>(recording: &Recording, platforms: &'p Platforms) -> &'p Platform {
    platforms.get(&recording.platform).expect("a built-in platform")
}

fn player<'p>(recording: &'p Recording, platform: &'p Platform) -> Player<'p> {
    let shell = platform.shell.as_ref().expect("a shell");
    Player { platform, shell, stem: &recording.stem, is_framed: recording.is_framed, is_alive: true }
}

/// Every exchange of every recording.
fn each(mut check: impl FnMut(&Player<'_>, &Exchange)) {
    let platforms = platforms();
    for recording in recordings(&platforms) {
        let player = player(&recording, platform_of(&recording, &platforms));
        recording.exchanges.iter().for_each(|exchange| check(&player, exchange));
    }
}

fn whole(bytes: &[u8]) -> Pieces {
    vec![bytes.to_vec()]
}

/// How many bytes the device says in each stretch.
fn stretches(player: &Player<'_>, exchange: &Exchange) -> Vec<Vec<u8>> {
    let mut stretches = Vec::new();
    player.play(exchange, |_, bytes| {
        stretches.push(bytes.to_vec());
        whole(bytes)
    });
    stretches
}

#[test]
fn every_recording_comes_to_the_verdict_that_it_names() {
    let mut exchanges = 0;
    each(|player, exchange| {
        exchanges += 1;
        let verdict = player.play(exchange, |_, bytes| whole(bytes)).verdict;
        assert_eq!(verdict, Verdict::Known(exchange.expected.clone()), "{}", exchange.name);
    });
    assert!(exchanges >= 40, "{exchanges}");
}

#[test]
fn a_byte_at_a_time_and_cut_in_two_anywhere_it_is_the_same_verdict() {
    each(|player, exchange| {
        let recorded = Verdict::Known(exchange.expected.clone());
        let slow = player.play(exchange, |_, bytes| bytes.iter().map(|byte| vec![*byte]).collect());
        assert_eq!(slow.verdict, recorded, "{}, byte by byte", exchange.name);
        for (number, stretch) in stretches(player, exchange).iter().enumerate() {
            for at in 0..=stretch.len() {
                let cut = player.play(exchange, |n, bytes| match n == number {
                    true => vec![bytes[..at].to_vec(), bytes[at..].to_vec()],
                    false => whole(bytes),
                });
                assert_eq!(cut.verdict, recorded, "{}, stretch {number} cut at {at}", exchange.name);
            }
        }
    });
}

/// One that a message came into is always left to the next one.
fn is_reading(expected: &Expected) -> bool {
    matches!(expected, Expected::Port(_) | Expected::Device(_) | Expected::AnotherDevice)
}

#[test]
fn a_log_line_anywhere_leaves_the_verdict_or_leaves_it_to_a_reading() {
    let (mut replays, mut same) = (0, 0);
    each(|player, exchange| {
        let Some(log) = log_line(&player.platform.output) else { return };
        for (number, stretch) in stretches(player, exchange).iter().enumerate() {
            for at in places_for_a_log_line(stretch, &player.platform.output) {
                let Played { verdict, .. } = player.play(exchange, |n, bytes| match n == number {
                    true => whole(&with(bytes, at, &log)),
                    false => whole(bytes),
                });
                assert!(
                    verdict.is_safe(&exchange.expected),
                    "{}: {verdict:?}, a log line in stretch {number} at {at}: {:?}",
                    exchange.name,
                    String::from_utf8_lossy(&with(stretch, at, b"<LOG>"))
                );
                if !is_reading(&exchange.expected) {
                    replays += 1;
                    same += usize::from(verdict == Verdict::Known(exchange.expected.clone()));
                }
            }
        }
    });
    assert!(same * 5 > replays * 2, "too little is still told apart: {same} of {replays}");
}

/// A drop after any byte, and so after every write of ours too.
#[test]
fn a_dialog_that_breaks_off_anywhere_is_lost_and_comes_to_no_verdict() {
    each(|player, exchange| {
        let recorded = Verdict::Known(exchange.expected.clone());
        let dead = Player { is_alive: false, ..*player };
        let stretches = stretches(player, exchange);
        for (number, stretch) in stretches.iter().enumerate() {
            for at in 0..stretch.len() {
                let Played { verdict, .. } = dead.play(exchange, |n, bytes| match n.cmp(&number) {
                    Ordering::Less => whole(bytes),
                    Ordering::Equal => whole(&bytes[..at]),
                    Ordering::Greater => Pieces::new(),
                });
                let is_right = verdict == Verdict::Lost || verdict == recorded;
                assert!(is_right, "{}: {verdict:?}, broken off in stretch {number} at {at}", exchange.name);
            }
        }
    });
}

/// By default for as long as the budget lets; by an environment variable as many as it says.
#[test]
fn no_random_replay_hangs_panics_or_comes_to_a_wrong_verdict() {
    let wanted = std::env::var(REPLAYS).ok().map(|text| text.parse::<u64>().expect("a number of replays"));
    let platforms = platforms();
    let recordings = recordings(&platforms);
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (platforms, recordings) = (&platforms, &recordings);
            scope.spawn(move || {
                let is_enough = |done: u64| match wanted {
                    Some(wanted) => done * threads + thread >= wanted,
                    None => began.elapsed() > BUDGET,
                };
                let mut done = 0;
                while !is_enough(done) {
                    replay(platforms, recordings, done * threads + thread);
                    done += 1;
                }
            });
        }
    });
}

fn replay(platforms: &Platforms, recordings: &[Recording], seed: u64) {
    let mut dice = Dice::new(seed + 1);
    let recording = &recordings[dice.below(recordings.len())];
    let exchange = &recording.exchanges[dice.below(recording.exchanges.len())];
    // One in eight breaks off: what comes after the break never comes.
    let breaks_in = (dice.below(8) == 0).then(|| dice.below(3));
    let player =
        Player { is_alive: breaks_in.is_none(), ..player(recording, platform_of(recording, platforms)) };
    let Played { verdict, .. } = player.play(exchange, |stretch, bytes| match breaks_in {
        Some(last) if stretch > last => Pieces::new(),
        Some(last) if stretch == last => {
            let end = dice.below(bytes.len() + 1);
            dice.tamper(&bytes[..end], &player.platform.output)
        }
        Some(_) | None => dice.tamper(bytes, &player.platform.output),
    });
    assert!(
        verdict.is_safe(&exchange.expected),
        "replay {seed} of {}: {verdict:?} instead of {:?}",
        exchange.name,
        exchange.expected
    );
}

#[test]
fn a_verdict_that_says_the_opposite_is_not_safe() {
    let bad = Expected::Bad(FailureClass::CommandRejected);
    assert!(
        !Verdict::Known(Expected::Fine).is_safe(&bad)
            && !Verdict::Known(bad.clone()).is_safe(&Expected::Fine)
    );
    assert!(!Verdict::Known(Expected::Saved).is_safe(&Expected::NotSaved));
    assert!(Verdict::Lost.is_safe(&bad) && Verdict::Known(Expected::Unclear).is_safe(&bad));
}
