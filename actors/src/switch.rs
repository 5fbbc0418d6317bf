//! The switch supervisor: one switch, one session, its queue.
//!
//! It decides nothing: [`SessionState::apply`] does, and this actor runs the effects one after another, each awaited
//! before the next begins, and turns what comes of them into events. There is one session because the actor owns the
//! only one, and an effect takes it along and brings it back. What must survive is in the store before it matters, so
//! that a panic here loses nothing: the fleet shuts the socket and makes a fresh supervisor.
//!
//! It owns its switch, by a lease, only while there is work or an open session, and while this instance is the preferred
//! one for it. At a safe point after that it closes the session, gives the lease back, tells whoever is preferred, and ends.
//! Asked to stop, it begins nothing more: what is on its way to a switch is read back and settled, what isn't is left in the queue.

mod aftermath;
mod check;
mod choose;
mod effects;
mod first_contact;
mod managed;
mod opening;
mod settle;
mod standing;
mod step;
mod task;
mod transcripts;

use crate::domain::contact::Contact;
use crate::domain::failure::DriverFailure;
use crate::domain::ids::{PortName, SwitchId};
use crate::domain::record::Tag;
use crate::domain::save_pace::SavePace;
use crate::domain::session::{Errand, SessionEffect, SessionEvent, SessionState};
use crate::domain::time::UnixMillis;
use crate::domain::visit::{Visit, WorkItem};
use crate::outside::{Outside, Wakes};
use crate::ports::driver::SwitchSession;
use crate::ports::store::StoreUnavailable;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle, WrapFuture,
};
pub use aftermath::{Aftermath, AtWork};
use check::Survey;
use choose::{Choice, Freedom};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use task::{Duty, Task};
use tokio::sync::Notify;
use tokio::time::Instant;

/// There may be something to do: look.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wake;

/// Come to a safe point, close the session, give the lease back, and end.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopWork;

/// How long to wait before the store, which did not answer, is asked again.
const STORE_AGAIN: Duration = Duration::from_millis(500);

/// How long to wait before a switch is claimed again that another is about to hand over.
const CLAIM_AGAIN: Duration = Duration::from_millis(500);

/// Wakes that were sent to a supervisor and that it has not heard: who sent them finds out, when it has ended, whether one
/// got lost.
#[derive(Clone, Default)]
pub struct Unheard(Arc<AtomicUsize>);

impl Unheard {
    /// One was sent.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn heard(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether there are any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// What a supervisor shares with its fleet, which goes on when it panics.
#[derive(Clone, Default)]
pub struct Memory {
    /// Wakes that it has not heard.
    pub unheard: Unheard,
    /// What it is at work on.
    pub at_work: AtWork,
    /// What the panics of those before it have left to do.
    pub aftermath: Aftermath,
}

type Session = Option<Box<dyn SwitchSession>>;

/// What came of an effect.
enum News {
    /// What came of taking up duty.
    TakenUp(TakenUp),
    /// The lease was given back.
    GaveBack,
    /// The store was asked what is next, at this moment.
    Chosen(Choice, UnixMillis),
    /// Something for the machine.
    Happened(SessionEvent),
    /// What came of a step, for each part in turn that it was about.
    Stepped(Vec<(WorkItem, SessionEvent)>),
    /// Done, and there is nothing to decide.
    Done,
    /// Saved ports are on record as saved.
    Saved,
    /// The store did not answer; ask again later.
    StoreAway(StoreUnavailable),
    /// Someone else owns the switch.
    Fenced,
}

/// What came of taking up duty.
enum TakenUp {
    /// The switch, the lease, and whether it is quarantined.
    OnDuty(Duty, Option<DriverFailure>),
    /// It is not in the inventory.
    NoSuchSwitch,
    /// Another has it, and is about to hand it over, or to be found dead.
    HeldByAnother,
    /// Another is preferred for it by now.
    NotForUs,
}

/// What an effect brings back.
struct Came {
    session: Session,
    tasks: Vec<Task>,
    news: News,
}

/// The actor.
pub struct SwitchSupervisor {
    outside: Arc<Outside>,
    wakes: Arc<dyn Wakes>,
    id: SwitchId,
    duty: Option<Duty>,
    state: SessionState,
    session: Session,
    /// Those of the visit that is under way, in its order.
    tasks: Vec<Task>,
    saving: Vec<PortName>,
    save_pace: SavePace,
    proven: BTreeSet<PortName>,
    contact: Contact,
    survey: Option<Survey>,
    effects: VecDeque<SessionEffect>,
    busy: bool,
    woken: bool,
    memory: Memory,
    stopping: bool,
    /// Breaks off an opening that is under way, and whatever waits for its turn.
    stop_asked: Arc<Notify>,
    alarm: Option<SpawnHandle>,
    idle_since: Option<Instant>,
}

impl SwitchSupervisor {
    /// A new one, which knows nothing yet.
    #[must_use]
    pub fn new(outside: Arc<Outside>, wakes: Arc<dyn Wakes>, id: SwitchId, memory: Memory) -> Self {
        Self {
            outside,
            wakes,
            id,
            duty: None,
            state: SessionState::Idle,
            session: None,
            tasks: Vec::new(),
            saving: Vec::new(),
            save_pace: SavePace::default(),
            proven: BTreeSet::new(),
            contact: Contact::default(),
            survey: None,
            effects: VecDeque::new(),
            busy: false,
            woken: false,
            memory,
            stopping: false,
            stop_asked: Arc::default(),
            alarm: None,
            idle_since: None,
        }
    }

    fn run(&mut self, context: &mut Context<Self>, effect: impl Future<Output = Came> + 'static) {
        self.busy = true;
        context.spawn(effect.into_actor(self).map(|came, supervisor, context| {
            supervisor.busy = false;
            supervisor.session = came.session;
            supervisor.tasks = came.tasks;
            supervisor.learn(came.news, context);
            supervisor.pump(context);
        }));
    }

    /// Runs the next effect, if none is under way. Between two effects nothing else touches the session.
    fn pump(&mut self, context: &mut Context<Self>) {
        if self.busy {
            return;
        }
        if self.duty.is_none() {
            return self.off_duty(context);
        }
        match self.effects.pop_front() {
            Some(SessionEffect::Open | SessionEffect::RunStep)
                if self.stopping && self.state.can_be_broken_off() =>
            {
                self.happened(SessionEvent::BrokenOff);
                self.pump(context);
            }
            Some(effect) => self.perform(effect, context),
            None if self.must_leave() => self.leave(context),
            None if std::mem::take(&mut self.woken) => self.choose(context),
            None => {}
        }
    }

    fn tag(&self) -> Tag {
        Tag::Switch(self.id.clone())
    }

    /// Takes the switch up, or waits for it, or ends.
    fn off_duty(&mut self, context: &mut Context<Self>) {
        let ours = !self.stopping && self.outside.owns(&self.tag());
        if ours && std::mem::take(&mut self.woken) {
            self.take_up_duty(context);
        } else if !ours || self.alarm.is_none() {
            context.stop();
        }
    }

    /// Whether the switch is to be given up at this safe point.
    fn must_leave(&self) -> bool {
        let lapsed = self.duty.as_ref().is_some_and(|duty| !duty.holding.tenure.holds());
        self.stopping || lapsed || !self.outside.owns(&self.tag())
    }

    /// Notes what is in its hands now: opening, saving and closing are for the switch as a whole.
    fn note_work(&self, effect: &SessionEffect) {
        match effect {
            SessionEffect::RunStep => self.memory.at_work.on_all(self.at_hand()),
            SessionEffect::Settle(..)
            | SessionEffect::Open
            | SessionEffect::Close
            | SessionEffect::Save
            | SessionEffect::MarkSaved
            | SessionEffect::ChooseWork
            | SessionEffect::TellOperator => self.memory.at_work.on_nothing(),
        }
    }

    /// What the step under way is about.
    fn at_hand(&self) -> Vec<WorkItem> {
        match &self.state {
            SessionState::Applying { visit, step } => visit.at_hand(*step),
            SessionState::Idle
            | SessionState::Connecting { .. }
            | SessionState::Ready
            | SessionState::Saving
            | SessionState::BackingOff { .. }
            | SessionState::Quarantined { .. } => unreachable!("steps belong to a visit"),
        }
    }

    fn perform(&mut self, effect: SessionEffect, context: &mut Context<Self>) {
        self.note_work(&effect);
        match effect {
            SessionEffect::Open => self.open(context),
            SessionEffect::Close => self.close(context),
            SessionEffect::RunStep => self.run_step(context),
            SessionEffect::Save => self.save(context),
            SessionEffect::Settle(item, outcome) => {
                let mut settled = vec![(item, outcome)];
                while let Some(SessionEffect::Settle(..)) = self.effects.front() {
                    let Some(SessionEffect::Settle(item, outcome)) = self.effects.pop_front() else { break };
                    settled.push((item, outcome));
                }
                self.memory.at_work.on_all(settled.iter().map(|(item, _)| item.clone()).collect());
                self.settle(settled, context);
            }
            SessionEffect::MarkSaved => self.mark_saved(context),
            SessionEffect::ChooseWork => {
                self.woken = true;
                self.pump(context);
            }
            SessionEffect::TellOperator => self.tell_operator(context),
        }
    }

    fn learn(&mut self, news: News, context: &mut Context<Self>) {
        match news {
            News::TakenUp(taken_up) => self.taken_up(taken_up, context),
            News::GaveBack => {
                self.duty = None;
                self.state = SessionState::Idle;
                if let Some(alarm) = self.alarm.take() {
                    context.cancel_future(alarm);
                }
            }
            News::Chosen(choice, at) => self.follow(choice, at, context),
            News::Happened(event) => self.happened(event),
            News::Stepped(events) => self.stepped(events),
            News::Done => {}
            News::Saved => {
                for port in std::mem::take(&mut self.saving) {
                    self.proven.remove(&port);
                }
            }
            News::StoreAway(error) => {
                tracing::debug!(switch = %self.id, %error, "the store is asked again later");
                self.set_alarm(STORE_AGAIN, context);
            }
            News::Fenced => {
                tracing::info!(switch = %self.id, "a later supervisor owns this switch; this one ends");
                if let Some(duty) = self.duty.take() {
                    duty.holding.lost();
                }
                self.session = None;
                context.stop();
            }
        }
    }

    fn taken_up(&mut self, taken_up: TakenUp, context: &mut Context<Self>) {
        match taken_up {
            TakenUp::OnDuty(duty, quarantined) => {
                self.duty = Some(duty);
                self.woken = true;
                if let Some(why) = quarantined {
                    self.state = SessionState::Quarantined { why };
                }
            }
            TakenUp::NoSuchSwitch => {
                tracing::warn!(switch = %self.id, "a switch with work is not in the inventory");
            }
            TakenUp::HeldByAnother => self.set_alarm(CLAIM_AGAIN, context),
            TakenUp::NotForUs => {}
        }
    }

    /// The machine knows steps about one part: what was done of several is told to it one by one. One that has come to
    /// its outcome over another's failure is out, and whatever was found of it counts no more.
    fn stepped(&mut self, events: Vec<(WorkItem, SessionEvent)>) {
        let mut of = None;
        for (item, event) in events {
            if let Some(first) = of {
                match &self.state {
                    SessionState::Applying { visit, step }
                        if *step == first && visit.in_turn(*step).next() == Some(&item) => {}
                    _ => return,
                }
                // It was done already.
                let next = self.effects.pop_back();
                debug_assert_eq!(next, Some(SessionEffect::RunStep));
            } else if let SessionState::Applying { step, .. } = &self.state {
                of = Some(*step);
            }
            self.happened(event);
        }
    }

    fn happened(&mut self, event: SessionEvent) {
        self.happened_at(event, self.outside.clock.now());
    }

    fn happened_at(&mut self, event: SessionEvent, now: UnixMillis) {
        self.contact = self.contact.after(&event);
        if self.contact == Contact::Lost
            && let Some(survey) = &mut self.survey
        {
            survey.start_over();
        }
        self.save_pace = self.save_pace.after(&self.state, &event, now, &self.outside.settings.save_policy());
        match self.state.clone().apply(event, now, &self.outside.settings.job.policy()) {
            Ok((state, effects)) => {
                tracing::debug!(switch = %self.id, from = self.state.name(), to = state.name(), "session");
                self.state = state;
                self.effects.extend(effects);
            }
            Err(denied) => {
                panic!("the supervisor of {} gave its machine an impossible event: {denied}", self.id)
            }
        }
    }

    fn take_up_duty(&mut self, context: &mut Context<Self>) {
        let (outside, id) = (Arc::clone(&self.outside), self.id.clone());
        let (wakes, aftermath) = (Arc::clone(&self.wakes), self.memory.aftermath.clone());
        let stop = Arc::clone(&self.stop_asked);
        self.run(context, async move {
            let news = match effects::turn_to_look(&outside, &stop).await {
                None => News::Done,
                Some(_turn) => match effects::take_up(&outside, &*wakes, &id, &aftermath).await {
                    Ok(taken_up) => News::TakenUp(taken_up),
                    Err(error) => News::StoreAway(error),
                },
            };
            Came { session: None, tasks: Vec::new(), news }
        });
    }

    fn choose(&mut self, context: &mut Context<Self>) {
        if let Some(alarm) = self.alarm.take() {
            context.cancel_future(alarm);
        }
        let now = self.outside.clock.now();
        let (may_begin, as_of) = match &self.state {
            SessionState::Idle | SessionState::Ready => (true, now),
            // The clock may have gone back by more than any wait: then the wait is over all the same.
            SessionState::BackingOff { until, .. } => (now >= self.outside.due(*until, now), now.max(*until)),
            SessionState::Quarantined { .. } => (false, now),
            // Whoever is at work asks again at the end.
            SessionState::Connecting { .. } | SessionState::Applying { .. } | SessionState::Saving => return,
        };
        let quarantined = matches!(self.state, SessionState::Quarantined { .. });
        let waits_until = self.save_pace.waits_until(now).map(|until| self.outside.due(until, now));
        let no_save_before = waits_until.filter(|until| now < *until);
        let freedom = Freedom {
            may_begin,
            quarantined,
            proven: self.proven.clone(),
            no_save_before,
            contact: self.contact,
            survey: self.survey.clone(),
            alone: self.memory.aftermath.suspects(),
        };
        let (outside, duty, session) = (Arc::clone(&self.outside), self.duty.clone(), self.session.take());
        let (at_work, stop) = (self.memory.at_work.clone(), Arc::clone(&self.stop_asked));
        self.run(context, async move {
            let duty = duty.expect("only a supervisor on duty chooses");
            let news = match effects::turn_to_look(&outside, &stop).await {
                None => News::Done,
                Some(_turn) => match choose::choose(&outside, &duty, &freedom, &at_work).await {
                    Ok(choice) => News::Chosen(choice, as_of),
                    Err(error) => News::StoreAway(error),
                },
            };
            Came { session, tasks: Vec::new(), news }
        });
    }

    /// What was free to begin when it was chosen is begun as of then: the wall clock may have gone back meanwhile.
    fn follow(&mut self, choice: Choice, at: UnixMillis, context: &mut Context<Self>) {
        match choice {
            Choice::Visit(tasks) => {
                self.idle_since = None;
                let visit = Visit::new(tasks.iter().map(|task| task.item.clone()));
                self.tasks = tasks;
                self.happened_at(SessionEvent::Begun(Errand::Visit(visit)), at);
            }
            Choice::Save(ports) => {
                self.saving = ports;
                self.happened_at(SessionEvent::Begun(Errand::Save), at);
            }
            Choice::Check(survey) => {
                self.survey = Some(survey);
                self.woken = true;
            }
            Choice::Checked => {
                (self.survey, self.contact) = (None, self.contact.checked());
                self.woken = true;
            }
            Choice::Wait(until) => self.wait(until, context),
            Choice::Rest => self.rest(context),
            Choice::Released => {
                tracing::info!(switch = %self.id, "released from quarantine");
                self.memory.at_work.progressed();
                self.happened(SessionEvent::Released);
            }
            Choice::Fenced => self.learn(News::Fenced, context),
        }
    }

    /// There is nothing to do at all: an open session waits for its idle limit; without one, nothing is owned.
    fn rest(&mut self, context: &mut Context<Self>) {
        let now = self.outside.clock.now();
        match &self.state {
            SessionState::Ready => self.wait(None, context),
            SessionState::BackingOff { until, .. } if now < self.outside.due(*until, now) => {
                self.wait(None, context);
            }
            SessionState::Idle | SessionState::BackingOff { .. } | SessionState::Quarantined { .. } => {
                self.give_back(context);
            }
            SessionState::Connecting { .. } | SessionState::Applying { .. } | SessionState::Saving => {
                unreachable!("nothing is chosen while something is under way")
            }
        }
    }

    /// Until the next due work, the end of the back-off, or the idle limit of an open session: whichever is first.
    fn wait(&mut self, until: Option<UnixMillis>, context: &mut Context<Self>) {
        let now = self.outside.clock.now();
        let due = until.map(|at| Duration::from_millis(at.millis_since(now).max(1)));
        let own = match &self.state {
            SessionState::Ready => {
                let limit = Duration::from_millis(self.outside.settings.supervision.idle_ms);
                let idle = self.idle_since.get_or_insert_with(Instant::now).elapsed();
                if idle >= limit {
                    self.idle_since = None;
                    return self.happened(SessionEvent::IdleElapsed);
                }
                Some(limit - idle)
            }
            SessionState::BackingOff { until, .. } => {
                let left = self.outside.due(*until, now).millis_since(now);
                // One that is over keeps nothing waiting.
                (left > 0).then(|| Duration::from_millis(left))
            }
            SessionState::Idle
            | SessionState::Connecting { .. }
            | SessionState::Applying { .. }
            | SessionState::Saving
            | SessionState::Quarantined { .. } => None,
        };
        if let Some(wait) = [due, own].into_iter().flatten().min() {
            self.set_alarm(wait, context);
        }
    }

    fn set_alarm(&mut self, wait: Duration, context: &mut Context<Self>) {
        if let Some(earlier) = self.alarm.take() {
            context.cancel_future(earlier);
        }
        self.alarm = Some(context.run_later(wait, |supervisor, context| {
            supervisor.alarm = None;
            supervisor.woken = true;
            supervisor.pump(context);
        }));
    }
}

impl Actor for SwitchSupervisor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        self.woken = true;
        self.pump(context);
    }
}

impl Handler<Wake> for SwitchSupervisor {
    type Result = ();

    fn handle(&mut self, _: Wake, context: &mut Self::Context) {
        self.memory.unheard.heard();
        self.woken = true;
        self.pump(context);
    }
}

impl Handler<StopWork> for SwitchSupervisor {
    type Result = ();

    fn handle(&mut self, _: StopWork, context: &mut Self::Context) {
        self.stopping = true;
        self.stop_asked.notify_one();
        self.pump(context);
    }
}
