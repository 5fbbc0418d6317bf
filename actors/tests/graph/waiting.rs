//! What waiting costs: a supervisor that has nothing due asks for nothing.

use crate::world::*;

#[test]
fn a_repair_that_waits_longer_than_the_back_off_is_waited_for_once() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        // The job's other attempts, and the first repair of what it left.
        (0..5).for_each(|_| world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        let opened = |world: &World| world.driver.calls().iter().filter(|call| *call == "sw open").count();
        world.until("repaired in vain", |world| opened(world) == 6).await;
        // Longer than the longest back-off, and shorter than a repair waits.
        tokio::time::sleep(Duration::from_secs(35)).await;
        let (reads, opens) = (world.store.reads(), opened(&world));
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(opened(&world), opens, "nothing was due");
        // Sweeps look at what is waited for, every ten seconds.
        assert!(world.store.reads() - reads < 100, "{} reads in 20 s", world.store.reads() - reads);
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
    });
}
