//! The effects of the session machine, one function each: what is taken along, what is asked, what is brought back.

use super::settle;
use super::step::{Hands, StepFailed, limited};
use super::task::Duty;
use super::{Came, News, SwitchSupervisor};
use crate::domain::failure::DriverFailure;
use crate::domain::ids::SwitchId;
use crate::domain::record::{Key, Record, SwitchStatus, Tag};
use crate::domain::session::{SessionEvent, SessionState, Visit, VisitOutcome};
use crate::fail_points::{FailPoint, reach};
use crate::outside::Outside;
use crate::ports::store::{Claimed, StoreUnavailable, Stored};
use actix::Context;
use std::sync::Arc;

/// The lease, the switch as the inventory has it, and whether it is quarantined; `None` when there is no such switch.
pub async fn take_up(
    outside: &Outside,
    id: &SwitchId,
) -> Result<Option<(Duty, Option<DriverFailure>)>, StoreUnavailable> {
    let keys = [Key::Switch(id.clone()), Key::SwitchStatus(id.clone())];
    let mut read = outside.store.read(&keys).await?.into_iter();
    let Some(Stored { record: Record::Switch(switch), .. }) = read.next().flatten() else {
        return Ok(None);
    };
    let quarantined = match read.next().flatten().map(|stored| stored.record) {
        Some(Record::SwitchStatus(SwitchStatus { quarantined, .. })) => quarantined,
        _ => None,
    };
    let tag = Tag::Switch(id.clone());
    let lease = match outside.store.claim_lease(&tag, outside.instance, None).await? {
        Claimed::Taken(lease) => lease,
        Claimed::Held { by } => return Err(StoreUnavailable(format!("{tag} is held by {by}"))),
    };
    Ok(Some((Duty { switch, lease }, quarantined)))
}

impl SwitchSupervisor {
    fn on_duty(&self) -> Duty {
        self.duty.clone().expect("effects come from the machine, which starts when the supervisor is on duty")
    }

    /// Opens the session, never before the last one's socket is closed.
    pub(super) fn open(&mut self, context: &mut Context<Self>) {
        let (outside, mut duty) = (Arc::clone(&self.outside), self.on_duty());
        let mut task = self.task.take();
        let jitter = self.outside.entropy.jitter();
        self.proven.clear();
        self.run(context, async move {
            let guard = outside.guard(&duty.switch.id);
            guard.shut_down().await;
            // The operator may have changed its address or its login meanwhile.
            if let Ok(read) = outside.store.read(&[Key::Switch(duty.switch.id.clone())]).await
                && let Some(Some(Stored { record: Record::Switch(switch), .. })) = read.into_iter().next()
            {
                duty.switch = switch;
            }
            // Queueing for a place is no fault of the switch: it doesn't count against the job.
            let place = outside.opening.acquire().await.expect("the semaphore is never closed");
            let mut unheard = 0;
            let millis = task.as_mut().map_or(&mut unheard, |task| &mut task.driver_millis);
            let opened = limited(&outside, millis, outside.driver.open(&duty.switch, &guard)).await;
            drop(place);
            let (session, event) = match opened {
                Ok(session) => (Some(session), SessionEvent::Opened),
                Err(failure) => {
                    tracing::warn!(switch = %duty.switch.id, class = ?failure.class, %failure, "no session");
                    (None, SessionEvent::Failed { failure, jitter })
                }
            };
            reach(FailPoint::SessionOpened);
            Came { session, task, news: News::Happened(event) }
        });
    }

    pub(super) fn close(&mut self, context: &mut Context<Self>) {
        let (outside, id) = (Arc::clone(&self.outside), self.id.clone());
        let (session, mut task) = (self.session.take(), self.task.take());
        self.proven.clear();
        self.run(context, async move {
            if let Some(mut session) = session {
                if let Some(task) = &mut task {
                    task.transcript.push_str(&session.take_transcript());
                }
                session.close().await;
            }
            outside.guard(&id).shut_down().await;
            Came { session: None, task, news: News::Done }
        });
    }

    pub(super) fn run_step(&mut self, context: &mut Context<Self>) {
        let SessionState::Applying { step, .. } = &self.state else {
            unreachable!("steps belong to a visit");
        };
        let (step, outside, duty) = (step.clone(), Arc::clone(&self.outside), self.on_duty());
        let (mut session, mut task) = (self.session.take(), self.task.take());
        let jitter = self.outside.entropy.jitter();
        self.run(context, async move {
            let open = session.as_mut().expect("a visit has its session");
            let about = task.as_mut().expect("a visit has its task");
            let mut hands = Hands { outside: &outside, duty: &duty, session: open.as_mut(), task: about };
            let news = match hands.run(&step).await {
                Ok(result) => News::Happened(SessionEvent::StepDone(result)),
                Err(StepFailed::Driver(failure)) => {
                    tracing::warn!(switch = %duty.switch.id, class = ?failure.class, %failure, ?step, "a step failed");
                    News::Happened(SessionEvent::Failed { failure, jitter })
                }
                Err(StepFailed::Fenced) => News::Fenced,
            };
            Came { session, task, news }
        });
    }

    pub(super) fn settle(&mut self, outcome: VisitOutcome, visit: &Visit, context: &mut Context<Self>) {
        let task = self.task.take().expect("a visit has its task");
        debug_assert_eq!(visit.work, std::slice::from_ref(&task.item), "one port a visit");
        if outcome == VisitOutcome::Verified || matches!(outcome, VisitOutcome::FailedRestored(_)) {
            self.proven.insert(task.port.at.port.clone());
        }
        let (outside, duty, wakes) = (Arc::clone(&self.outside), self.on_duty(), Arc::clone(&self.wakes));
        let mut session = self.session.take();
        self.run(context, async move {
            let mut transcript = task.transcript.clone();
            transcript.push_str(&session.as_mut().map(|s| s.take_transcript()).unwrap_or_default());
            let news = match settle::settle(&outside, &duty, &task, &outcome, transcript).await {
                Ok(settled) => {
                    if let Some(partner) = settled.announced {
                        wakes.partner(partner);
                    }
                    News::Done
                }
                Err(settle::Fenced) => News::Fenced,
            };
            Came { session, task: None, news }
        });
    }

    pub(super) fn save(&mut self, context: &mut Context<Self>) {
        let (outside, id) = (Arc::clone(&self.outside), self.id.clone());
        let mut session = self.session.take();
        let jitter = self.outside.entropy.jitter();
        self.run(context, async move {
            let open = session.as_mut().expect("a save has its session");
            let mut unheard = 0;
            let event = match limited(&outside, &mut unheard, open.save()).await {
                Ok(()) => SessionEvent::Saved,
                Err(failure) => {
                    tracing::warn!(switch = %id, class = ?failure.class, %failure, "a save failed and is tried again");
                    SessionEvent::Failed { failure, jitter }
                }
            };
            reach(FailPoint::ConfigurationSaved);
            Came { session, task: None, news: News::Happened(event) }
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
            Came { session, task: None, news }
        });
    }

    pub(super) fn tell_operator(&mut self, context: &mut Context<Self>) {
        let SessionState::Quarantined { why } = &self.state else {
            unreachable!("the operator is told of a quarantine");
        };
        tracing::error!(switch = %self.id, class = ?why.class, %why, "quarantined until it is released");
        self.put_quarantine_on_record(Some(why.clone()), News::Done, context);
    }

    pub(super) fn lift_quarantine(&mut self, context: &mut Context<Self>) {
        tracing::info!(switch = %self.id, "released from quarantine");
        self.put_quarantine_on_record(None, News::Happened(SessionEvent::Released), context);
    }

    fn put_quarantine_on_record(
        &mut self,
        why: Option<DriverFailure>,
        then: News,
        context: &mut Context<Self>,
    ) {
        let (outside, duty) = (Arc::clone(&self.outside), self.on_duty());
        self.run(context, async move {
            let marked = settle::mark_quarantine(&outside, &duty, why).await;
            let news = marked.map_or(News::Fenced, |()| then);
            Came { session: None, task: None, news }
        });
    }

    /// The safe point of a stop: the session is closed, and nothing is under way.
    pub(super) fn leave(&mut self, context: &mut Context<Self>) {
        if self.session.is_some() {
            self.close(context);
        } else {
            actix::ActorContext::stop(context);
        }
    }
}
