//! Changes that the device takes back unless they are confirmed, struck at any line: the port ends as it was or as wanted, and
//! what is not confirmed was told to nobody.

use super::*;
use crate::simulator::PortConfig as SimulatedPort;
use std::collections::BTreeSet;

/// A provisioning, a stage at a time: each sends lines of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Read,
    Apply,
    ReadBack,
    Confirm,
}

const STAGES: [Stage; 5] = [Stage::Open, Stage::Read, Stage::Apply, Stage::ReadBack, Stage::Confirm];

fn wanted() -> PortConfig {
    want(Some("02:00:00:00:00:01"))
}

/// A bench with what came of the stages so far.
struct Story {
    bench: Bench,
    session: Option<Box<dyn SwitchSession>>,
    before: PortConfig,
}

impl Story {
    async fn begin(personality: Personality) -> Self {
        Self::within(personality, 1_000).await
    }

    /// With so little time for a command.
    async fn within(personality: Personality, millis: u64) -> Self {
        let mut bench = Bench::new(personality, |_| ()).await;
        let settings = &mut bench.driver.settings;
        (settings.command_ms, settings.commit_ms, settings.settle_ms) = (millis, millis, millis / 3);
        Self { bench, session: None, before: PortConfig::default() }
    }

    async fn play(&mut self, stage: Stage) -> Result<(), DriverFailure> {
        let port = self.bench.port();
        let Some(session) = &mut self.session else {
            self.session = Some(self.bench.open().await?);
            return Ok(());
        };
        match stage {
            Stage::Open => unreachable!("it is the first, and played once"),
            Stage::Read => self.before = session.read_port(&port).await?,
            Stage::Apply => {
                let lines = session.render(Intent::Provision, &port, &wanted(), &self.before)?;
                session.apply_to(&port, &lines).await?;
            }
            Stage::ReadBack => {
                let differences = wanted().differences(&session.read_port(&port).await?);
                assert_eq!(differences, [], "nothing was struck yet");
            }
            Stage::Confirm => session.confirm().await?,
        }
        Ok(())
    }

    async fn play_before(&mut self, stage: Stage) {
        for earlier in STAGES.into_iter().take_while(|earlier| *earlier != stage) {
            self.play(earlier).await.expect("nothing is wrong yet");
        }
    }

    /// What is left is read by the next session, and stays; then the same is done once more.
    async fn must_be_settled_by_the_next(
        mut self,
        factory: &SimulatedPort,
        whole: &SimulatedPort,
        what: &str,
    ) {
        drop(self.session.take());
        self.bench.device().clear_faults();
        let mut next = self.bench.reopened().await;
        next.read_port(&self.bench.port()).await.expect(what);
        let left = self.bench.running();
        self.bench.must_stay(&mut next, &left).await;
        let is_one = [factory, whole].contains(&&left);
        // Where the device can't say what waits, a part is confirmed: it is read, and taken for neither.
        assert!(is_one || self.bench.personality == Personality::Aoscx, "{what}: {left:?}");
        let found = self.bench.provision(&mut next, &wanted()).await.expect(what);
        assert_eq!(wanted().differences(&found), [], "{what}");
        self.bench.must_stay(&mut next, whole).await;
    }
}

/// The lines of a stage, without the names that we give to changes.
async fn lines_of_stage(story: &mut Story, stage: Stage) -> BTreeSet<String> {
    let before = story.bench.device().commands().len();
    story.play(stage).await.expect("nothing is wrong yet");
    let commands = story.bench.device().commands();
    commands[before..].iter().map(|command| without_name(&command.line)).collect()
}

fn without_name(line: &str) -> String {
    let Some((front, rest)) = line.split_once("switchyard-") else { return line.to_owned() };
    let behind = rest.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    if behind.contains(char::is_alphabetic) { behind.to_owned() } else { front.to_owned() }
}

fn faults_at(line: &str) -> [Fault; 4] {
    let (pattern, times) = (|| line.to_owned(), 1);
    [
        Fault::DropBeforeCommand { pattern: pattern(), times },
        Fault::DropAfterCommand { pattern: pattern(), times },
        Fault::RebootAt { pattern: pattern(), times, down_for: Duration::ZERO },
        Fault::Stall { pattern: pattern(), duration: None, times },
    ]
}

async fn struck_at_any_line(personality: Personality) {
    let mut story = Story::begin(personality).await;
    let factory = story.bench.running();
    let mut all = Vec::new();
    for stage in STAGES {
        all.push((stage, lines_of_stage(&mut story, stage).await));
    }
    let whole = story.bench.running();
    for (stage, lines) in &all {
        for fault in lines.iter().flat_map(|line| faults_at(line)) {
            let what = format!("{personality:?}, {stage:?}, {fault:?}");
            let mut story = match fault {
                Fault::Stall { .. } => Story::within(personality, 150).await,
                _ => Story::begin(personality).await,
            };
            story.play_before(*stage).await;
            story.bench.device().order(fault);
            let failure = story.play(*stage).await.expect_err(&what);
            assert!(!failure.class.leaves_session_usable(), "{what}: {failure}");
            assert_eq!(story.bench.device().pending_faults(), 0, "{what}");
            story.must_be_settled_by_the_next(&factory, &whole, &what).await;
        }
    }
}

#[tokio::test]
async fn an_eos_change_that_is_struck_at_any_line_is_whole_or_not_there_and_was_told_to_nobody() {
    struck_at_any_line(Personality::Eos).await;
}

#[tokio::test]
async fn a_junos_change_that_is_struck_at_any_line_is_whole_or_not_there_and_was_told_to_nobody() {
    struck_at_any_line(Personality::Junos).await;
}

#[tokio::test]
async fn an_aoscx_change_that_is_struck_at_any_line_is_finished_by_the_next_and_was_told_to_nobody() {
    struck_at_any_line(Personality::Aoscx).await;
}
