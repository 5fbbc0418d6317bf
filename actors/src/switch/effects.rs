//! The effects of the session machine, one function each: what is taken along, what is asked, what is brought back.

use super::aftermath::Aftermath;
use super::opening::{Unopened, open_in_turn};
use super::settle::{self, Fenced};
use super::step::{Hands, StepFailed, limited};
use super::task::{Duty, Task, of};
use super::transcripts;
use super::{Came, News, STORE_AGAIN, SwitchSupervisor, TakenUp};
use crate::domain::failure::DriverFailure;
use crate::domain::ids::SwitchId;
use crate::domain::record::{Key, Record, SwitchStatus, Tag};
use crate::domain::session::{SessionEvent, SessionState};
use crate::domain::transcript::Subject;
use crate::domain::visit::{Step, StepResult, VisitOutcome, WorkItem};
use crate::fail_points::{FailPoint, reach};
use crate::membership::Claim;
use crate::outside::{Outside, Wakes};
use crate::ports::hints::Hint;
use crate::ports::store::{StoreUnavailable, Stored};
use crate::safeguards::{Safeguard, stands};
use actix::Context;
use std::sync::Arc;
use tokio::sync::{Notify, SemaphorePermit};

/// Claims the switch, reads it as the inventory has it, and puts on record what panics of earlier supervisors have left.
pub async fn take_up(
    outside: &Outside,
    wakes: &dyn Wakes,
    id: &SwitchId,
    aftermath: &Aftermath,
) -> Result<TakenUp, StoreUnavailable> {
    let keys = [Key::Switch(id.clone()), Key::SwitchStatus(id.clone())];
    let mut read = outside.store.read(&keys).await?.into_iter();
    let Some(Stored { record: Record::Switch(switch), .. }) = read.next().flatten() else {
        return Ok(TakenUp::NoSuchSwitch);
    };
    let quarantined = match read.next().flatten().map(|stored| stored.record) {
        Some(Record::SwitchStatus(SwitchStatus { quarantined, .. })) => quarantined,
        _ => None,
    };
    Ok(match outside.claim(&Tag::Switch(id.clone())).await? {
        Claim::Ours(holding) => {
            let duty = Duty { switch, lease: holding.lease, holding };
            match aftermath.settle(outside, &duty, wakes).await {
                Ok(quarantine) => TakenUp::OnDuty(duty, quarantine.or(quarantined)),
                Err(Fenced) => {
                    duty.holding.lost();
                    TakenUp::HeldByAnother
                }
            }
        }
        Claim::Others => TakenUp::HeldByAnother,
        Claim::NotForUs => TakenUp::NotForUs,
    })
}

/// A place among those that ask the store, or `None` when the stop is asked for first.
pub async fn turn_to_look<'a>(outside: &'a Outside, stop: &Notify) -> Option<SemaphorePermit<'a>> {
    tokio::select! {
        biased;
        () = stop.notified() => None,
        turn = outside.looking.acquire() => Some(turn.expect("the semaphore is never closed")),
    }
}

/// A session that came to nothing is told of like one that broke: by whoever is charged with it, or as part of a save.
async fn keep_what_was_said_in_vain(
    outside: &Outside,
    duty: &Duty,
    tasks: &mut [Task],
    said: &str,
    failure: &DriverFailure,
) {
    match tasks.first_mut() {
        Some(task) => task.transcript.push_str(said),
        None if said.is_empty() => {}
        None => {
            let said = format!("{said}# not saved: {failure}\n");
            transcripts::keep_alone(outside, duty, &Subject::Save, &said).await;
        }
    }
}

impl SwitchSupervisor {
    fn on_duty(&self) -> Duty {
        self.duty.clone().expect("effects come from the machine, which starts when the supervisor is on duty")
    }

    /// Opens the session, never before the last one's socket is closed.
    pub(super) fn open(&mut self, context: &mut Context<Self>) {
        let (outside, duty) = (Arc::clone(&self.outside), self.on_duty());
        let mut tasks = std::mem::take(&mut self.tasks);
        let (jitter, stop) = (self.outside.entropy.jitter(), Arc::clone(&self.stop_asked));
        self.proven.clear();
        self.run(context, async move {
            let guard = outside.guard(&duty.switch.id).under(duty.holding.tenure.clone());
            guard.shut_down().await;
            let (mut unheard, mut said) = (0, String::new());
            // It is the first one's, as its failure would be.
            let millis = tasks.first_mut().map_or(&mut unheard, |task| &mut task.driver_millis);
            let opened = tokio::select! {
                biased;
                () = stop.notified() => None,
                opened = open_in_turn(&outside, duty.clone(), &guard, millis, &mut said) => Some(opened),
            };
            let (session, news) = match opened {
                Some(Ok(session)) => (Some(session), News::Happened(SessionEvent::Opened)),
                // The close that comes next shuts the socket of a session that is half open.
                None | Some(Err(Unopened::HeldBack)) => (None, News::Happened(SessionEvent::BrokenOff)),
                Some(Err(Unopened::Failed(failure))) => {
                    tracing::warn!(switch = %duty.switch.id, class = ?failure.class, %failure, "no session");
                    keep_what_was_said_in_vain(&outside, &duty, &mut tasks, &said, &failure).await;
                    (None, News::Happened(SessionEvent::Failed { failure, over: None, jitter }))
                }
                Some(Err(Unopened::Fenced)) => (None, News::Fenced),
            };
            reach(FailPoint::SessionOpened);
            Came { session, tasks, news }
        });
    }

    pub(super) fn close(&mut self, context: &mut Context<Self>) {
        let (outside, id) = (Arc::clone(&self.outside), self.id.clone());
        let (session, mut tasks) = (self.session.take(), std::mem::take(&mut self.tasks));
        self.proven.clear();
        self.run(context, async move {
            if let Some(mut session) = session {
                if let Some(task) = tasks.first_mut() {
                    task.transcript.push_str(&session.take_transcript());
                }
                session.close().await;
            }
            outside.guard(&id).shut_down().await;
            Came { session: None, tasks, news: News::Done }
        });
    }

    pub(super) fn run_step(&mut self, context: &mut Context<Self>) {
        let SessionState::Applying { visit, step } = &self.state else {
            unreachable!("steps belong to a visit");
        };
        let step = *step;
        let open = self.session.as_ref().expect("a visit has its session");
        let items = match step {
            Step::ReadBefore | Step::ReadBack => {
                visit.in_turn(step).take(open.reads_at_once()).cloned().collect()
            }
            Step::Probe | Step::Check | Step::Apply | Step::Restore | Step::Confirm => visit.at_hand(step),
        };
        let (outside, duty) = (Arc::clone(&self.outside), self.on_duty());
        let (mut session, mut tasks) = (self.session.take(), std::mem::take(&mut self.tasks));
        let (jitter, at_work) = (self.outside.entropy.jitter(), self.memory.at_work.clone());
        self.run(context, async move {
            let open = session.as_mut().expect("a visit has its session").as_mut();
            let about = of(&mut tasks, &items);
            let mut hands = Hands { outside: &outside, duty: &duty, session: open, tasks: about, at_work: &at_work };
            let ran = hands.run(step).await;
            hands.keep_transcripts();
            let mut events = Vec::with_capacity(ran.len());
            for (item, stepped) in ran {
                let event = match stepped {
                    Ok(result) => SessionEvent::StepDone(result),
                    Err(StepFailed::Driver { failure, over }) => {
                        tracing::warn!(switch = %duty.switch.id, class = ?failure.class, %failure, ?step, "a step failed");
                        SessionEvent::Failed { failure, over, jitter }
                    }
                    Err(StepFailed::Overtaken) => SessionEvent::StepDone(StepResult::Overtaken),
                    Err(StepFailed::Fenced) => return Came { session, tasks, news: News::Fenced },
                };
                events.push((item, event));
            }
            Came { session, tasks, news: News::Stepped(events) }
        });
    }

    /// Puts on record what parts of the visit came to, those together that came to it together.
    pub(super) fn settle(&mut self, settled: Vec<(WorkItem, VisitOutcome)>, context: &mut Context<Self>) {
        let mut parts = Vec::with_capacity(settled.len());
        for (item, outcome) in settled {
            let at = self.tasks.iter().position(|task| task.item == item);
            let task = self.tasks.remove(at.expect("each part of a visit has its task"));
            if task.item == WorkItem::Check {
                return self.note_finding(&task, &outcome, context);
            }
            if outcome == VisitOutcome::Verified || matches!(outcome, VisitOutcome::FailedRestored(_)) {
                self.proven.insert(task.port.at.port.clone());
            }
            if !matches!(outcome, VisitOutcome::BrokenOff | VisitOutcome::PutOff(_)) {
                self.memory.aftermath.clear(&item);
            }
            parts.push((task, outcome));
        }
        let (outside, duty, wakes) = (Arc::clone(&self.outside), self.on_duty(), Arc::clone(&self.wakes));
        let (session, tasks) = (self.session.take(), std::mem::take(&mut self.tasks));
        let at_work = self.memory.at_work.clone();
        self.run(context, async move {
            let news = match settle::settle(&outside, &duty, &parts).await {
                Ok(announced) => {
                    if parts
                        .iter()
                        .any(|(task, outcome)| *outcome == VisitOutcome::Verified && task.job.is_some())
                    {
                        at_work.progressed();
                    }
                    announced.into_iter().for_each(|partner| wakes.partner(partner));
                    News::Done
                }
                Err(settle::Fenced) => News::Fenced,
            };
            Came { session, tasks, news }
        });
    }

    /// Nothing of a check is on record before its end.
    fn note_finding(&mut self, task: &Task, outcome: &VisitOutcome, context: &mut Context<Self>) {
        // It belongs to no job, and must not be taken for the next one's.
        drop(self.session.as_mut().map(|session| session.take_transcript()));
        if let Some(survey) = &mut self.survey {
            survey.note(task, outcome);
        }
        self.pump(context);
    }

    pub(super) fn save(&mut self, context: &mut Context<Self>) {
        let (outside, duty) = (Arc::clone(&self.outside), self.on_duty());
        let mut session = self.session.take();
        let jitter = self.outside.entropy.jitter();
        self.run(context, async move {
            let open = session.as_mut().expect("a save has its session");
            let mut unheard = 0;
            let saved = async { if stands(Safeguard::SavedAfterApply) { open.save().await } else { Ok(()) } };
            let (event, remark) = match limited(&outside, &duty, &mut unheard, saved).await {
                Ok(()) => (SessionEvent::Saved, "# saved\n".to_owned()),
                Err(failure) => {
                    tracing::warn!(switch = %duty.switch.id, class = ?failure.class, %failure, "a save failed and is tried again");
                    let remark = format!("# not saved: {failure}\n");
                    (SessionEvent::Failed { failure, over: None, jitter }, remark)
                }
            };
            reach(FailPoint::ConfigurationSaved);
            let dialog = open.take_transcript();
            // Where every change is persistent, nothing is said.
            if !dialog.is_empty() {
                transcripts::keep_alone(&outside, &duty, &Subject::Save, &format!("{dialog}{remark}")).await;
            }
            Came { session, tasks: Vec::new(), news: News::Happened(event) }
        });
    }

    pub(super) fn mark_saved(&mut self, context: &mut Context<Self>) {
        let (outside, duty, ports) = (Arc::clone(&self.outside), self.on_duty(), self.saving.clone());
        let session = self.session.take();
        self.run(context, async move {
            let news = match settle::mark_saved(&outside, &duty, &ports).await {
                Ok(()) => News::Saved,
                Err(settle::Fenced) => News::Fenced,
            };
            Came { session, tasks: Vec::new(), news }
        });
    }

    pub(super) fn tell_operator(&mut self, context: &mut Context<Self>) {
        let SessionState::Quarantined { why } = &self.state else {
            unreachable!("the operator is told of a quarantine");
        };
        tracing::error!(switch = %self.id, class = ?why.class, %why, "quarantined until it is released");
        let (outside, duty, why) = (Arc::clone(&self.outside), self.on_duty(), why.clone());
        self.run(context, async move {
            let marked = settle::mark_quarantined(&outside, &duty, why).await;
            let news = marked.map_or(News::Fenced, |()| News::Done);
            Came { session: None, tasks: Vec::new(), news }
        });
    }

    /// The safe point at which the switch is given up: nothing is under way. First the session, then the lease.
    pub(super) fn leave(&mut self, context: &mut Context<Self>) {
        self.memory.at_work.on_nothing();
        if self.session.is_some() {
            self.close(context);
        } else {
            self.give_back(context);
        }
    }

    pub(super) fn give_back(&mut self, context: &mut Context<Self>) {
        self.memory.at_work.on_nothing();
        let (outside, duty) = (Arc::clone(&self.outside), self.on_duty());
        let (stopping, for_another) = (self.stopping, self.must_leave());
        self.run(context, async move {
            if !for_another && let Err(error) = transcripts::clean_up(&outside, &duty).await {
                tracing::debug!(switch = %duty.switch.id, %error, "old transcripts wait for the next time");
            }
            let news = match outside.give_back(&duty.tag(), &duty.holding).await {
                // A living holder is never displaced: it is tried until it is done. A stopping one isn't waited for.
                Err(error) if !stopping => {
                    // Whoever must leave is back here at once: without a wait it would ask as fast as it is refused.
                    tokio::time::sleep(STORE_AGAIN).await;
                    News::StoreAway(error)
                }
                Ok(()) | Err(_) => {
                    if for_another {
                        outside.hints.publish(Hint::Switch(duty.switch.id));
                    }
                    News::GaveBack
                }
            };
            Came { session: None, tasks: Vec::new(), news }
        });
    }
}
