//! One key's case: everything that was sent, answered and told under it, and what follows from that alone.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::event::{Event, Ids};
use super::history::{Answer, Attempt, Call, DeadLetter, EventName, Intent};
use super::moment::{Moment, Span};
use super::request::{Key, Wish};

/// What was seen under one key. Attempts, calls and events are in the order in which they began.
#[derive(Debug)]
pub(super) struct Case<'h> {
    pub key: Key,
    pub attempts: Vec<&'h Attempt>,
    pub calls: Vec<&'h Call>,
    pub events: Vec<Event<'h>>,
    pub dead: Vec<&'h DeadLetter>,
}

/// What was told of a job: the events' ids, by their names.
pub(super) type Told<'c> = BTreeMap<&'c EventName, BTreeSet<&'c str>>;

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Every attempt was refused, and nothing was ever told.
    NeverTaken,
    /// It may have been accepted, and nobody was told how it ended.
    Unsettled,
    /// A job completed; when this was first told, if that ever arrived.
    Completed { told: Option<Moment> },
    /// Every job that was told of failed.
    Failed,
}

impl<'h> Case<'h> {
    pub fn new(key: Key) -> Self {
        Self { key, attempts: Vec::new(), calls: Vec::new(), events: Vec::new(), dead: Vec::new() }
    }

    /// Each checkout that was answered, with its answer.
    pub fn answers(&self) -> impl Iterator<Item = (&'h Attempt, &'h Answer)> {
        self.attempts.iter().filter_map(|attempt| Some((*attempt, attempt.reply.answer()?)))
    }

    /// Each checkout that got a 2xx, the earliest answer first.
    pub fn acceptances(&self) -> Vec<(&'h Attempt, &'h Answer)> {
        let mut accepted: Vec<_> = self.answers().filter(|(_, answer)| answer.is_success()).collect();
        accepted.sort_by_key(|(_, answer)| answer.at);
        accepted
    }

    /// What was accepted; of a case without a 2xx, what was asked and not refused, if that was always the same.
    pub fn wish(&self) -> Option<&'h Wish> {
        if let Some((attempt, _)) = self.acceptances().first() {
            return Some(&attempt.request.wish);
        }
        let refused = self.attempts.iter().all(|attempt| attempt.reply.is_refusal());
        let mut asked = self.attempts.iter().filter(|attempt| refused || !attempt.reply.is_refusal());
        let first = &asked.next()?.request.wish;
        asked.all(|attempt| attempt.request.wish == *first).then_some(first)
    }

    /// The token of its port: the request's, or the one that the technician named.
    pub fn location(&self) -> Option<String> {
        match self.wish()? {
            Wish::Direct { location, .. } => Some(location.clone()),
            Wish::HomeDrop { .. } => self.effective_calls().find_map(|call| match &call.intent {
                Intent::ConfirmInstall { location } => Some(location.to_ascii_lowercase()),
                _ => None,
            }),
        }
    }

    /// When its port was first asked for, and when the answer said yes. A home-drop's own yes is for no port: that is its install's.
    pub fn port_given(&self) -> Option<(Moment, Moment)> {
        let is_home_drop = matches!(self.wish()?, Wish::HomeDrop { .. });
        let installs = self.calls.iter().filter(|call| matches!(call.intent, Intent::ConfirmInstall { .. }));
        let installs: Vec<_> = installs.map(|call| (call.sent, &call.reply)).collect();
        let checkouts = self.attempts.iter().map(|attempt| (attempt.sent, &attempt.reply)).collect();
        let asked = if is_home_drop { installs } else { checkouts };
        let yes = asked.iter().filter_map(|(_, reply)| reply.answer()).filter(|answer| answer.is_success());
        Some((asked.iter().map(|(sent, _)| *sent).min()?, yes.map(|answer| answer.at).min()?))
    }

    /// The calls that may have had an effect.
    pub fn effective_calls(&self) -> impl Iterator<Item = &'h Call> {
        self.calls.iter().copied().filter(|call| !call.reply.is_refusal())
    }

    /// The answers to everything that was sent about the key.
    pub fn all_answers(&self) -> impl Iterator<Item = &'h Answer> {
        let to_calls = self.calls.iter().filter_map(|call| call.reply.answer());
        self.answers().map(|(_, answer)| answer).chain(to_calls)
    }

    /// Every subscription that was ever shown under the key.
    pub fn subscriptions(&self) -> BTreeSet<Uuid> {
        let answered = self.answers().filter_map(|(_, answer)| Ids::of(&answer.body).subscription);
        answered.chain(self.events.iter().map(|event| event.subscription)).collect()
    }

    /// Every provisioning job that was ever shown under the key.
    pub fn jobs(&self) -> BTreeSet<Uuid> {
        let answered = self.answers().filter_map(|(_, answer)| Ids::of(&answer.body).job);
        let told = self.events.iter().filter_map(|event| event.job);
        let called =
            self.calls.iter().filter(|call| is_provisioning(&call.intent)).filter_map(|call| job_of(call));
        let others: BTreeSet<_> = self
            .calls
            .iter()
            .filter(|call| !is_provisioning(&call.intent))
            .filter_map(|call| job_of(call))
            .collect();
        answered.chain(told).chain(called).filter(|job| !others.contains(job)).collect()
    }

    /// Whether the id is a subscription's or a job's that was shown under the key.
    pub fn has(&self, id: &Uuid) -> bool {
        self.jobs().contains(id) || self.subscriptions().contains(id)
    }

    /// How many jobs there may be: one, one more for each retry, and those of other calls whose answer nobody saw.
    pub fn allowed_jobs(&self) -> usize {
        let makes_one = |call: &&Call| match call.intent {
            Intent::Retry => true,
            Intent::ConfirmInstall { .. } => false,
            Intent::Cancel | Intent::Suspend | Intent::Reactivate | Intent::ChangePlan { .. } => {
                job_of(call).is_none()
            }
        };
        1 + self.effective_calls().filter(makes_one).count()
    }

    /// Whether no witness saw a sign that it was ever accepted.
    pub fn is_silent(&self) -> bool {
        self.events.is_empty() && self.dead.is_empty() && self.acceptances().is_empty()
    }

    /// The jobs that a 2xx promised.
    pub fn promised_jobs(&self) -> BTreeSet<Uuid> {
        let accepted = self.acceptances().into_iter().filter_map(|(_, answer)| Ids::of(&answer.body).job);
        let called =
            self.calls.iter().filter(|call| is_provisioning(&call.intent)).filter_map(|call| job_of(call));
        accepted.chain(called).collect()
    }

    /// By job, what was told of its outcome, whether it arrived or was given up. A dead letter that names no job is of the only
    /// one there is.
    pub fn outcomes(&self) -> BTreeMap<Uuid, Told<'_>> {
        let is_outcome = |name: &EventName| matches!(name, EventName::Completed | EventName::Failed);
        let promised = self.promised_jobs();
        let only_job = promised.first().filter(|_| promised.len() == 1).copied();
        let arrived: BTreeSet<&str> = self.events.iter().map(|event| event.id).collect();
        let unseen = self.dead.iter().filter(|letter| !arrived.contains(letter.id.as_str()));
        let dead =
            unseen.filter_map(|letter| Some((letter.job.or(only_job)?, &letter.event, letter.id.as_str())));
        let told = self.events.iter().filter_map(|event| Some((event.job?, &event.name, event.id)));
        let mut outcomes: BTreeMap<Uuid, Told<'_>> = BTreeMap::new();
        for (job, name, id) in told.chain(dead).filter(|(_, name, _)| is_outcome(name)) {
            outcomes.entry(job).or_default().entry(name).or_default().insert(id);
        }
        outcomes
    }

    /// The ids of the events of this name, whether they arrived or were given up.
    pub fn told(&self, name: &EventName) -> BTreeSet<&str> {
        let arrived = self.events.iter().filter(|event| event.name == *name).map(|event| event.id);
        let dead = self.dead.iter().filter(|letter| letter.event == *name);
        arrived.chain(dead.map(|letter| letter.id.as_str())).collect()
    }

    pub fn fate(&self) -> Fate {
        let outcomes = self.outcomes();
        if outcomes.values().any(|told| told.contains_key(&EventName::Completed)) {
            let first = self.events.iter().find(|event| event.name == EventName::Completed);
            return Fate::Completed { told: first.map(|event| event.delivery.at) };
        }
        let all_told = self.promised_jobs().iter().all(|job| outcomes.contains_key(job));
        let mut unclear =
            self.effective_calls().filter(|call| is_provisioning(&call.intent) && job_of(call).is_none());
        if self.events.is_empty() && self.attempts.iter().all(|attempt| attempt.reply.is_refusal()) {
            Fate::NeverTaken
        } else if !outcomes.is_empty() && all_told && unclear.next().is_none() {
            Fate::Failed
        } else {
            Fate::Unsettled
        }
    }

    /// When it may first have let go of its port because somebody asked for that.
    pub fn released(&self) -> Option<Moment> {
        let cancels = self.effective_calls().filter(|call| call.intent == Intent::Cancel);
        cancels.map(|call| call.sent).min()
    }

    /// From its first request up to the last thing that was heard of it.
    pub fn span(&self) -> Span {
        let sent = self.attempts.first().map(|attempt| attempt.sent);
        let told = self.events.iter().map(|event| event.delivery.at);
        let answered = self.answers().map(|(_, answer)| answer.at);
        let from = sent.or_else(|| told.clone().min()).unwrap_or(Moment(0));
        let until = told.chain(answered).max().unwrap_or(from);
        Span::new(from, until.next())
    }
}

/// Whether the call makes a job that ends in `provisioning.completed` or `.failed`.
pub(super) fn is_provisioning(intent: &Intent) -> bool {
    matches!(intent, Intent::Retry | Intent::ConfirmInstall { .. })
}

/// The job that a call's 2xx promised.
fn job_of(call: &Call) -> Option<Uuid> {
    call.reply.answer().filter(|answer| answer.is_success()).and_then(|answer| Ids::of(&answer.body).job)
}
