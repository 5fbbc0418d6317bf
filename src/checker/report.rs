//! What the checker says in the end: for each invariant a verdict, for each finding the story of its job. For people and for
//! machines; the two say the same.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::seen::Seen;
use super::story::Story;

/// What always holds. The numbers are those of the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    /// 1
    OneJobForOneKey,
    /// 2
    AcceptedIsOnRecord,
    /// 3
    OneOutcome,
    /// 4
    EveryEventArrives,
    /// 5
    OneAtWorkOnASwitch,
    /// 6
    PortAsTold,
    /// 7
    OneHolderOfAPort,
    /// 8
    NoSecretSeen,
    /// 9
    PartnersApart,
}

impl Invariant {
    /// Every one, in the order of the numbers.
    pub const ALL: [Self; 9] = [
        Self::OneJobForOneKey,
        Self::AcceptedIsOnRecord,
        Self::OneOutcome,
        Self::EveryEventArrives,
        Self::OneAtWorkOnASwitch,
        Self::PortAsTold,
        Self::OneHolderOfAPort,
        Self::NoSecretSeen,
        Self::PartnersApart,
    ];

    /// 1 to 9.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8 + 1
    }

    /// What holds.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::OneJobForOneKey => "one key: one subscription, one job, one answer",
            Self::AcceptedIsOnRecord => "what was accepted is found again",
            Self::OneOutcome => "a job has one outcome",
            Self::EveryEventArrives => "every event arrives signed, or is a dead letter",
            Self::OneAtWorkOnASwitch => "one session at work on a switch",
            Self::PortAsTold => "a port is as its partner was told",
            Self::OneHolderOfAPort => "a port has one holder",
            Self::NoSecretSeen => "no secret is seen",
            Self::PartnersApart => "no partner sees another's ids",
        }
    }
}

/// The verdict on an invariant.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// Nothing against it was seen.
    Held {
        /// How many of what was looked at.
        looked_at: BTreeMap<&'static str, usize>,
    },
    /// It did not hold.
    Violated {
        /// How many of what was looked at.
        looked_at: BTreeMap<&'static str, usize>,
        /// The first of them, with their stories.
        findings: Vec<Finding>,
        /// How many more there are.
        untold: usize,
    },
    /// The witnesses did not see enough.
    NotJudged {
        /// What is missing.
        why: String,
    },
}

/// One thing that must not be.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What.
    pub what: String,
    /// How it came to that.
    pub story: Story,
}

/// An invariant, and its verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    /// The number.
    pub number: u8,
    /// Which.
    pub invariant: Invariant,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// All nine.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// How much was seen.
    pub seen: Seen,
    /// In the order of the numbers.
    pub judgements: Vec<Judgement>,
}

impl Report {
    /// The verdict on one invariant.
    ///
    /// # Panics
    /// Never: a report is made with all nine.
    #[must_use]
    pub fn verdict(&self, invariant: Invariant) -> &Verdict {
        let judgement = self.judgements.iter().find(|judgement| judgement.invariant == invariant);
        &judgement.expect("a report is made with all nine").verdict
    }

    /// Those that did not hold.
    #[must_use]
    pub fn violated(&self) -> Vec<Invariant> {
        self.which(|verdict| matches!(verdict, Verdict::Violated { .. }))
    }

    /// Those that nothing can be said of.
    #[must_use]
    pub fn not_judged(&self) -> Vec<Invariant> {
        self.which(|verdict| matches!(verdict, Verdict::NotJudged { .. }))
    }

    fn which(&self, is_it: impl Fn(&Verdict) -> bool) -> Vec<Invariant> {
        let judgements = self.judgements.iter().filter(|judgement| is_it(&judgement.verdict));
        judgements.map(|judgement| judgement.invariant).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seen.fmt(formatter)?;
        for judgement in &self.judgements {
            judgement.fmt(formatter)?;
        }
        let (violated, not_judged) = (self.violated().len(), self.not_judged().len());
        let held = self.judgements.len() - violated - not_judged;
        writeln!(formatter, "{held} held, {violated} violated, {not_judged} not judged")
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.verdict {
            Verdict::Held { .. } => "held",
            Verdict::Violated { .. } => "VIOLATED",
            Verdict::NotJudged { .. } => "not judged",
        };
        write!(formatter, "{} {word:<11}{:<48}", self.number, self.invariant.sentence())?;
        match &self.verdict {
            Verdict::Held { looked_at } => writeln!(formatter, "{}", Counts(looked_at)),
            Verdict::NotJudged { why } => writeln!(formatter, "{why}"),
            Verdict::Violated { looked_at, findings, untold } => {
                writeln!(formatter, "{}", Counts(looked_at))?;
                findings.iter().try_for_each(|finding| write!(formatter, "{finding}"))?;
                if *untold > 0 { writeln!(formatter, "  ... and {untold} more") } else { Ok(()) }
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "  - {}\n{}", self.what, self.story)
    }
}

/// `20 keys, 43 answers`
struct Counts<'r>(&'r BTreeMap<&'static str, usize>);

impl fmt::Display for Counts<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.0.iter().map(|(what, count)| format!("{count} {what}")).collect();
        formatter.write_str(&counts.join(", "))
    }
}
