//! Fills a store as acceptance does: through the graph's own door, on a store whose switches nobody gets to work on.

use super::no_leases::NoLeases;
use super::world::{PARTNER, PLAN, World};
use futures_util::stream::{self, StreamExt};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use switchyard::config::Config;
use switchyard::machine::{SystemClock, SystemEntropy};
use switchyard::operations::apply_inventory;
use switchyard::ssh::{Driver, Platforms};
use switchyard::startup::open_store;
use switchyard::webhook::SenderFactory;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId};
use switchyard_actors::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
use switchyard_actors::domain::text::{ExternalSubscriptionId, LocationHash};
use switchyard_actors::graph::Graph;
use switchyard_actors::outside::Outside;
use switchyard_actors::ports::webhook::WebhookSender;

/// Checkouts under way at once: enough for the store's group commit.
const AT_ONCE: usize = 1_024;

/// The inventory, and a checkout for each of its places.
pub async fn fill(config: &str, world: &World, jobs: usize) {
    let config = Config::parse(config, Path::new("bench.toml")).expect("a configuration");
    let open = open_store(&config).await.expect("a store");
    let platforms = Platforms::load(None).expect("the platforms");
    apply_inventory(&*open.store, &platforms, "bench", &world.inventory_text()).await.expect("applied");
    let outside = Outside::new(
        Arc::new(NoLeases(Arc::clone(&open.store))),
        Arc::clone(&open.hints),
        Arc::new(Driver::new(config.ssh.clone(), platforms)),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        config.graph(),
    );
    let senders = SenderFactory::new(config.webhook.clone());
    let graph = Graph::start(Arc::new(outside), move || Rc::new(senders.sender()) as Rc<dyn WebhookSender>);
    let door = graph.provisioning();
    let accepted = stream::iter(0..jobs).map(|number| {
        let door = door.clone();
        async move { door.complete_checkout(order(number)).await.expect("accepted") }
    });
    accepted.buffer_unordered(AT_ONCE).for_each(async |_| ()).await;
    graph.stop(Duration::from_millis(1)).await;
}

fn order(number: usize) -> CheckoutRequest {
    let external = ExternalSubscriptionId::parse(&format!("order-{number}")).expect("valid");
    let location = LocationHash::parse(&World::location(number)).expect("valid");
    CheckoutRequest {
        key: CheckoutKey { partner: PartnerId(PARTNER.parse().expect("a UUID")), external },
        plan: PlanVersionId(PLAN.parse().expect("a UUID")),
        mode: DeliveryMode::Direct { location },
        mac: None,
    }
}
