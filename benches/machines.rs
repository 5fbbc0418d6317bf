//! What the state machines cost: each from its first state to its last, as a job goes that meets no failure, beside what can't be
//! done without: the same number of steps through a bare enum that carries as much.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::delivery::{DeliveryEvent, DeliveryPolicy, DeliveryState};
use switchyard_actors::domain::ids::{JobId, LeaseEpoch};
use switchyard_actors::domain::job::{JobEvent, JobState, RetryPolicy};
use switchyard_actors::domain::port::{PortEvent, PortState};
use switchyard_actors::domain::session::{Errand, SessionEvent, SessionState};
use switchyard_actors::domain::time::UnixMillis;
use switchyard_actors::domain::visit::{Sending, StepResult, Visit, WorkItem};
use uuid::Uuid;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const RETRY: RetryPolicy = RetryPolicy {
    attempts: 5,
    first_back_off_millis: 1_000,
    longest_back_off_millis: 30_000,
    in_all_millis: 600_000,
    panics: 3,
};
const DELIVERY: DeliveryPolicy =
    DeliveryPolicy { attempts: 3, first_wait_millis: 2_000, longest_wait_millis: 30_000, panics: 3 };
/// The most that one visit takes along by default.
const PORTS: usize = 32;

/// As large as a job's state, and nothing is asked of it.
enum Bare {
    Queued([u64; 4]),
    Running([u64; 4]),
    Completed(u64),
}

impl Bare {
    fn step(self) -> Self {
        match self {
            Self::Queued(carried) => Self::Running(carried),
            Self::Running(carried) => Self::Completed(carried[0]),
            Self::Completed(at) => Self::Completed(at),
        }
    }
}

fn job() -> JobState {
    let started = JobEvent::Started { lease: LeaseEpoch(7) };
    let (running, _) = JobState::new(NOW).apply(started, NOW, &RETRY).expect("queued");
    running.apply(JobEvent::Verified, NOW, &RETRY).expect("running").0
}

fn delivery() -> DeliveryState {
    let due = DeliveryState::Due { attempt: 1, panics: 0, at: NOW };
    let tried = due.apply(DeliveryEvent::Failed, NOW, &DELIVERY).expect("due");
    tried.apply(DeliveryEvent::Acknowledged, NOW, &DELIVERY).expect("due again")
}

fn port(before: &PortConfig, lines: &[String]) -> PortState {
    let begun = PortEvent::Begun { before: before.clone(), lines: lines.to_vec() };
    let applying = PortState::Clean.apply(begun, NOW).expect("clean");
    let verified = applying.apply(PortEvent::Verified { want: before.clone() }, NOW).expect("applying");
    verified.apply(PortEvent::Saved, NOW).expect("unsaved")
}

/// A visit of the ports, on a session that is open, from its choice until it is ready again.
fn session(work: &[WorkItem], found: &PortConfig) -> SessionState {
    let step = |state: SessionState, event| state.apply(event, NOW, &RETRY).expect("it makes sense").0;
    let done = |state, result| step(state, SessionEvent::StepDone(result));
    let mut state =
        step(SessionState::Ready, SessionEvent::Begun(Errand::Visit(Visit::new(work.iter().cloned()))));
    state = done(state, StepResult::Alive);
    for _ in work {
        state = done(state, StepResult::Differs(found.clone()));
    }
    let each = vec![Sending::Sent; work.len()];
    state = done(state, StepResult::Applied { each, takes_back: false });
    for _ in work {
        state = done(state, StepResult::AsWanted);
    }
    assert_eq!(state, SessionState::Ready);
    state
}

fn machines(c: &mut Criterion) {
    let before = PortConfig::default();
    let lines: Vec<_> = (0..16).map(|n| format!(" switchport line {n}")).collect();
    let one = [WorkItem::Job(JobId(Uuid::from_u128(1)))];
    let many: Vec<_> = (0..PORTS).map(|n| WorkItem::Job(JobId(Uuid::from_u128(n as u128)))).collect();
    let mut group = c.benchmark_group("machines");
    group.bench_function("baseline: two steps of a bare enum", |b| {
        b.iter(|| black_box(Bare::Queued(black_box([1; 4]))).step().step());
    });
    group.bench_function("job, queued to completed", |b| b.iter(job));
    group.bench_function("delivery, due to delivered", |b| b.iter(delivery));
    group.bench_function("port, clean to saved", |b| b.iter(|| port(black_box(&before), black_box(&lines))));
    group.bench_function("session, a visit of one port", |b| b.iter(|| session(black_box(&one), &before)));
    group.bench_function(format!("session, a visit of {PORTS} ports"), |b| {
        b.iter(|| session(black_box(&many), &before));
    });
    group.finish();
}

criterion_group!(benches, machines);
criterion_main!(benches);
