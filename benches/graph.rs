//! What the actor graph takes to pass a checkout on and its answer back, beside a bare channel to a task that asks the store the
//! same. The checkout is one that is refused: for an unknown place nothing is written, so what is seen is the way, not the disk.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use std::rc::Rc;
use std::sync::Arc;
use switchyard_actors::domain::config::VlanId;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId};
use switchyard_actors::domain::inventory::{Partner, PlanVersion};
use switchyard_actors::domain::record::{Key, Record};
use switchyard_actors::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
use switchyard_actors::domain::text::{ExternalSubscriptionId, LocationHash, Secret};
use switchyard_actors::graph::Graph;
use switchyard_actors::outside::Outside;
use switchyard_actors::ports::hints::NoHints;
use switchyard_actors::ports::store::Store;
use switchyard_actors::ports::webhook::WebhookSender;
use switchyard_actors::provisioning::Provisioning;
use switchyard_actors::settings::GraphSettings;
use switchyard_actors::testing::{FullJitter, PausedClock, RecordingStore, ScriptedDriver, ScriptedReceiver};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

const PARTNER: PartnerId = PartnerId(Uuid::from_u128(1));
const PLAN: PlanVersionId = PlanVersionId(Uuid::from_u128(2));
/// Questions at once, as from the edge's threads.
const AT_ONCE: usize = 64;

fn request() -> CheckoutRequest {
    CheckoutRequest {
        key: CheckoutKey {
            partner: PARTNER,
            external: ExternalSubscriptionId::parse("order-1").expect("valid"),
        },
        plan: PLAN,
        mode: DeliveryMode::Direct { location: LocationHash::parse("00000000aa").expect("valid") },
        mac: None,
    }
}

fn store() -> Arc<RecordingStore> {
    let store = RecordingStore::default();
    let partner = Partner {
        id: PARTNER,
        name: "Fiber".into(),
        webhook_secret: Secret::new("s3cret"),
        webhook_url: "http://receiver".into(),
        api_key: None,
    };
    let plan = PlanVersion {
        id: PLAN,
        partner: PARTNER,
        name: "100".into(),
        vlan: VlanId::try_from(142).expect("valid"),
        down_kbps: 100_000,
        up_kbps: 20_000,
        active: true,
    };
    store.seed(Key::Partner(PARTNER), Record::Partner(partner));
    store.seed(Key::Plan(PLAN), Record::Plan(plan));
    Arc::new(store)
}

fn graph(store: &Arc<RecordingStore>) -> Graph {
    let outside = Outside::new(
        Arc::clone(store) as _,
        Arc::new(NoHints::default()),
        Arc::new(ScriptedDriver::default()),
        Arc::new(PausedClock::default()),
        Arc::new(FullJitter),
        GraphSettings::default(),
    );
    Graph::start(Arc::new(outside), || Rc::new(ScriptedReceiver::default()) as Rc<dyn WebhookSender>)
}

/// A question for the bare task: the keys that the graph reads for this checkout, in as many reads.
type Question = (CheckoutRequest, oneshot::Sender<bool>);

/// On a thread of its own, as the graph's checkout actor is.
fn bare_channel(store: Arc<RecordingStore>) -> mpsc::Sender<Question> {
    let (ask, mut asked) = mpsc::channel::<Question>(AT_ONCE);
    std::thread::spawn(move || {
        actix_rt::System::new().block_on(async move {
            while let Some((request, answer)) = asked.recv().await {
                let store = Arc::clone(&store);
                actix_rt::spawn(async move {
                    let DeliveryMode::Direct { location } = &request.mode else { return };
                    let first = [Key::Checkout(request.key.clone()), Key::Plan(request.plan)];
                    let found = store.read(&first).await.expect("it is in memory");
                    let place =
                        store.read(&[Key::Location(location.clone())]).await.expect("it is in memory");
                    let _ = answer.send(found[1].is_some() && place[0].is_some());
                });
            }
        });
    });
    ask
}

async fn through_graph(handle: &Provisioning) {
    let refused = handle.complete_checkout(request()).await;
    assert!(refused.is_err(), "no such place");
}

async fn through_channel(ask: &mpsc::Sender<Question>) {
    let (answer, answered) = oneshot::channel();
    ask.send((request(), answer)).await.expect("the task lives");
    assert!(!answered.await.expect("it answers"), "no such place");
}

fn passing_on(c: &mut Criterion) {
    let system = actix_rt::System::new();
    let store = store();
    let graph = system.block_on(async { graph(&store) });
    let (handle, ask) = (graph.provisioning(), bare_channel(store));
    for at_once in [1, AT_ONCE] {
        let mut group = c.benchmark_group(format!("a question through the graph, {at_once} at once"));
        group.throughput(Throughput::Elements(at_once as u64));
        group.bench_function("baseline: a bare channel to a task", |b| {
            b.iter(|| system.block_on(join_all((0..at_once).map(|_| through_channel(&ask)))));
        });
        group.bench_function("the actor graph", |b| {
            b.iter(|| system.block_on(join_all((0..at_once).map(|_| through_graph(&handle)))));
        });
        group.finish();
    }
    system.block_on(graph.end());
}

criterion_group!(benches, passing_on);
criterion_main!(benches);
