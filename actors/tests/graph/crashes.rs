//! On an engine where a row goes commit by commit, the process is lost after every one of them.

use crate::world::*;
use futures_util::future::join_all;
use switchyard_actors::domain::ids::SubscriptionId;
use switchyard_actors::domain::inventory::Location;

/// Claim, two index entries, propose, confirm.
const DIRECT: usize = 5;
/// Claim, one index entry, propose, confirm.
const HOME_DROP: usize = 4;
/// Claim, index entry, propose, confirm, clean up.
const INSTALL: usize = 5;
/// After so many, the proposal is there.
const DIRECT_PROPOSED: usize = 4;
const INSTALL_PROPOSED: usize = 3;

const MINUTE: Duration = Duration::from_secs(60);

fn world() -> World {
    World::on(seeded(RecordingStore::default().rows_go_tag_by_tag()), GraphSettings::default())
}

/// Asks, and is lost when so many commits are done.
async fn lost_after<T>(world: &World, commits: usize, asked: impl Future<Output = T>) {
    world.store.lose_process_after(commits);
    let answer = tokio::time::timeout(Duration::from_secs(1), asked).await;
    assert!(answer.is_err(), "it was to be lost after {commits} commits");
}

fn jobs(world: &World) -> Vec<JobRecord> {
    let records = world.store.records().into_iter();
    records.filter_map(|record| if let Record::Job(job) = record { Some(job) } else { None }).collect()
}

fn holder(world: &World, n: u32) -> Option<SubscriptionId> {
    match world.store.record(&Key::Port(port(n))) {
        Some(Record::Port(port)) => port.holder,
        _ => None,
    }
}

fn applied(world: &World) -> usize {
    world.driver.calls().iter().filter(|call| *call == "sw apply").count()
}

/// All that must hold at the end, when one checkout was accepted and its port is `n`.
async fn one_job_ran(world: &World, subscription: SubscriptionId, n: u32) {
    world.until("live", |world| world.driver.running(&port(n)) == live()).await;
    world.until("told", |world| world.receiver.events().iter().any(|e| e == "subscription.activated")).await;
    tokio::time::sleep(MINUTE).await;
    let found = jobs(world);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(matches!(found[0].state, JobState::Completed { attempts: 1, .. }), "{found:?}");
    assert_eq!((found[0].subscription, holder(world, n)), (subscription, Some(subscription)));
    assert_eq!((applied(world), world.driver.most_open()), (1, 1));
    let told = |name: &str| world.receiver.events().iter().filter(|event| *event == name).count();
    assert_eq!((told("provisioning.completed"), told("subscription.activated")), (1, 1));
}

#[test]
fn a_repeat_of_a_lost_checkout_gets_one_job_wherever_it_was_lost() {
    for cut in 0..=DIRECT {
        paused(async move {
            let world = world();
            lost_after(&world, cut, world.handle.complete_checkout(request("order-1", 1))).await;
            let first = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
            let again = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
            assert_eq!((first.receipt, again.replayed), (again.receipt, true), "after {cut}");
            one_job_ran(&world, first.receipt.subscription(), 1).await;
        });
    }
}

#[test]
fn a_lost_checkout_that_nobody_comes_back_for_is_decided_or_holds_nothing() {
    for cut in 0..=DIRECT {
        paused(async move {
            let world = world();
            lost_after(&world, cut, world.handle.complete_checkout(request("order-1", 1))).await;
            tokio::time::sleep(MINUTE).await;
            let other = world.handle.complete_checkout(request("order-2", 1)).await;
            if cut >= DIRECT_PROPOSED {
                assert_eq!(other, Err(Refused::Denied(CheckoutDenied::LocationTaken)), "after {cut}");
                let subscription = jobs(&world)[0].subscription;
                one_job_ran(&world, subscription, 1).await;
            } else {
                assert_eq!(applied(&world), 0, "after {cut}");
                one_job_ran(&world, other.expect("it is free").receipt.subscription(), 1).await;
            }
        });
    }
}

#[test]
fn another_request_under_the_key_of_a_lost_one_finds_it_decided_or_not_there() {
    for cut in 0..=DIRECT {
        paused(async move {
            let world = world();
            lost_after(&world, cut, world.handle.complete_checkout(request("order-1", 1))).await;
            match world.handle.complete_checkout(request("order-1", 2)).await {
                Ok(accepted) => {
                    assert_eq!(cut, 0);
                    one_job_ran(&world, accepted.receipt.subscription(), 2).await;
                }
                Err(Refused::Denied(CheckoutDenied::KeyReused(first))) => {
                    assert!(cut > 0);
                    one_job_ran(&world, first.subscription(), 1).await;
                    assert_eq!(holder(&world, 2), None);
                }
                Err(other) => panic!("after {cut}: {other}"),
            }
        });
    }
}

#[test]
fn another_request_gets_in_when_the_lost_ones_port_was_taken_by_another_order() {
    for cut in 1..DIRECT_PROPOSED {
        paused(async move {
            let world = world();
            lost_after(&world, cut, world.handle.complete_checkout(request("order-1", 1))).await;
            let other = world.handle.complete_checkout(request("order-2", 1)).await.expect("it is free");
            let lost = world.handle.complete_checkout(request("order-1", 1)).await;
            assert_eq!(lost, Err(Refused::Denied(CheckoutDenied::LocationTaken)));
            let elsewhere = world.handle.complete_checkout(request("order-1", 2)).await.expect("let go");
            world.until_events(4).await;
            tokio::time::sleep(MINUTE).await;
            let holders = (holder(&world, 1), holder(&world, 2));
            assert_eq!(holders, (Some(other.receipt.subscription()), Some(elsewhere.receipt.subscription())));
            assert_eq!((jobs(&world).len(), applied(&world)), (2, 2));
        });
    }
}

#[test]
fn a_proposal_whose_claim_was_let_go_is_dropped_and_its_port_is_free() {
    for quarantined in [false, true] {
        paused(async move {
            let world = world();
            if quarantined {
                world.driver.order(&switch(), ScriptedFault::Open(FailureClass::HostKeyChanged));
                world.handle.complete_checkout(request("order-0", 0)).await.expect("accepted");
                world.until("quarantined", |w| w.store.record(&Key::SwitchStatus(switch())).is_some()).await;
            }
            let before = jobs(&world).len();
            lost_after(&world, DIRECT_PROPOSED, world.handle.complete_checkout(request("order-1", 1))).await;
            assert!(holder(&world, 1).is_some());
            // The plan leaves the inventory: the claim can't be confirmed any more.
            let plan = world.store.record(&Key::Plan(PLAN)).expect("seeded");
            world.store.unseed(&Key::Plan(PLAN));
            let lost = world.handle.complete_checkout(request("order-1", 1)).await;
            assert_eq!(lost, Err(Refused::Denied(CheckoutDenied::PlanNotFound)));
            world.until("dropped", |world| jobs(world).len() == before && holder(world, 1).is_none()).await;
            world.store.seed(Key::Plan(PLAN), plan);
            world.handle.complete_checkout(request("order-1", 2)).await.expect("the key is free");
            world.handle.complete_checkout(request("order-2", 1)).await.expect("the port is free");
            if !quarantined {
                world.until_events(4).await;
                tokio::time::sleep(MINUTE).await;
                assert_eq!((jobs(&world).len(), applied(&world), world.receiver.events().len()), (2, 2, 4));
            }
        });
    }
}

#[test]
fn a_claim_whose_place_the_inventory_has_moved_is_let_go_and_not_proposed_a_second_time() {
    paused(async {
        let store = seeded_with(RecordingStore::default().rows_go_tag_by_tag(), 2);
        let world = World::on(store, GraphSettings::default());
        lost_after(&world, DIRECT_PROPOSED, world.handle.complete_checkout(request("order-1", 1))).await;
        let lost = jobs(&world)[0].id;
        let moved = Location { hash: location(1), port: port_of(&numbered(1), 5), expires_at: None };
        world.store.seed(Key::Location(location(1)), Record::Location(moved));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        assert_ne!(accepted.receipt.job(), Some(lost), "those ids lead to the other switch");
        world.until_events(2).await;
        tokio::time::sleep(MINUTE).await;
        let found: Vec<_> = jobs(&world).into_iter().map(|job| (Some(job.id), job.port)).collect();
        assert_eq!(found, [(accepted.receipt.job(), port_of(&numbered(1), 5))]);
        let calls = world.driver.calls();
        assert!(!calls.contains(&"sw0 apply".to_owned()), "{calls:?}");
    });
}

#[test]
fn a_repeat_that_reads_the_key_before_and_the_port_after_the_first_was_accepted_is_no_conflict() {
    paused(async {
        let world = world();
        world.store.slow_next_read_of(Key::Port(port(1)), Duration::from_secs(1));
        let ask = || world.handle.complete_checkout(request("order-1", 1));
        let first = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ask().await
        };
        let (repeat, first) = tokio::join!(ask(), first);
        let (repeat, first) = (repeat.expect("it is the same order"), first.expect("accepted"));
        assert_eq!((repeat.receipt, repeat.replayed), (first.receipt, true));
        one_job_ran(&world, first.receipt.subscription(), 1).await;
    });
}

#[test]
fn an_undecided_job_is_passed_over_and_the_next_one_runs() {
    paused(async {
        let world = world();
        lost_after(&world, DIRECT_PROPOSED, world.handle.complete_checkout(request("order-1", 1))).await;
        world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted");
        world.until("live", |world| world.driver.running(&port(2)) == live()).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(applied(&world), 1);
        // Its claim's time is over: the switch's owner decides it.
        world.until("live", |world| world.driver.running(&port(1)) == live()).await;
        world.until_events(4).await;
    });
}

/// A slow first writer, 100 ms between its commits, and whoever comes at any moment of that, with so long between theirs.
async fn meets_a_slow_one<T: 'static>(
    world: &World,
    (after, each): (Duration, Duration),
    slow: impl Future<Output = T>,
    late: impl Future<Output = T>,
) -> (T, T) {
    world.store.slow_next_row(Duration::from_millis(100));
    world.store.slow_next_row(each);
    let late = async {
        tokio::time::sleep(after).await;
        late.await
    };
    tokio::join!(slow, late)
}

fn moments() -> impl Iterator<Item = (Duration, Duration)> {
    let ms = Duration::from_millis;
    (1..14).flat_map(move |half| [0, 30, 70].map(|each| (ms(half * 50 - 10), ms(each))))
}

#[test]
fn a_repeat_while_the_first_is_slow_gets_the_same_and_so_does_the_first() {
    for moment in moments() {
        paused(async move {
            let world = world();
            let ask = || world.handle.complete_checkout(request("order-1", 1));
            let (slow, late) = meets_a_slow_one(&world, moment, ask(), ask()).await;
            let (slow, late) = (slow.expect("accepted"), late.expect("accepted"));
            assert_eq!(slow.receipt, late.receipt, "after {moment:?}");
            one_job_ran(&world, slow.receipt.subscription(), 1).await;
        });
    }
}

#[test]
fn an_install_elsewhere_while_the_first_is_slow_is_a_conflict_and_a_repeat_gets_the_same() {
    for (moment, place) in moments().flat_map(|moment| [(moment, 4), (moment, 5)]) {
        paused(async move {
            let world = world();
            let accepted = world.handle.complete_checkout(home_drop()).await.expect("accepted");
            let subscription = accepted.receipt.subscription();
            let ask = |n| world.handle.confirm_install(PARTNER, subscription, location(n));
            let (slow, late) = meets_a_slow_one(&world, moment, ask(4), ask(place)).await;
            let started: Vec<_> = [&slow, &late].into_iter().flatten().collect();
            match place {
                4 => assert_eq!(started, [started[0]; 2], "{slow:?} {late:?} after {moment:?}"),
                _ => assert_eq!(started.len(), 1, "{slow:?} {late:?} after {moment:?}"),
            }
            let port = if slow.is_ok() { 4 } else { place };
            one_job_ran(&world, subscription, port).await;
            assert_eq!(jobs(&world)[0].id, started[0].job);
            assert_eq!(holder(&world, 9 - port), None);
        });
    }
}

fn home_drop() -> CheckoutRequest {
    CheckoutRequest { mode: DeliveryMode::HomeDrop { unit: UNIT }, ..request("order-1", 0) }
}

#[test]
fn a_repeat_of_a_lost_home_drop_gets_one_subscription_and_one_event() {
    for cut in 0..=HOME_DROP {
        paused(async move {
            let world = world();
            lost_after(&world, cut, world.handle.complete_checkout(home_drop())).await;
            let first = world.handle.complete_checkout(home_drop()).await.expect("accepted");
            let again = world.handle.complete_checkout(home_drop()).await.expect("accepted");
            assert_eq!((first.receipt, again.replayed), (again.receipt, true), "after {cut}");
            tokio::time::sleep(MINUTE).await;
            assert_eq!(world.receiver.events(), ["subscription.pending_install"], "after {cut}");
            assert_eq!(world.subscriptions().len(), 1);
            let subscription = first.receipt.subscription();
            world.handle.confirm_install(PARTNER, subscription, location(4)).await.expect("installed");
            one_job_ran(&world, subscription, 4).await;
        });
    }
}

/// A home-drop whose install on port 4 was lost.
async fn lost_install(cut: usize) -> (World, SubscriptionId) {
    let world = world();
    let accepted = world.handle.complete_checkout(home_drop()).await.expect("accepted");
    let subscription = accepted.receipt.subscription();
    lost_after(&world, cut, world.handle.confirm_install(PARTNER, subscription, location(4))).await;
    (world, subscription)
}

#[test]
fn a_repeat_of_a_lost_install_gets_one_job_wherever_it_was_lost() {
    for cut in 0..=INSTALL {
        paused(async move {
            let (world, subscription) = lost_install(cut).await;
            let first = world.handle.confirm_install(PARTNER, subscription, location(4)).await;
            let first = first.expect("started");
            let again = world.handle.confirm_install(PARTNER, subscription, location(4)).await;
            assert_eq!(again, Ok(first), "after {cut}");
            one_job_ran(&world, subscription, 4).await;
            assert_eq!(jobs(&world)[0].id, first.job);
            let known = world.handle.complete_checkout(home_drop()).await.expect("known");
            assert_eq!(known.receipt.subscription(), subscription);
        });
    }
}

#[test]
fn a_lost_install_that_nobody_comes_back_for_is_decided_or_holds_nothing() {
    for cut in 0..=INSTALL {
        paused(async move {
            let (world, subscription) = lost_install(cut).await;
            tokio::time::sleep(MINUTE).await;
            if cut >= INSTALL_PROPOSED {
                one_job_ran(&world, subscription, 4).await;
                let known = world.handle.confirm_install(PARTNER, subscription, location(4)).await;
                assert_eq!(known.expect("started").job, jobs(&world)[0].id, "after {cut}");
            } else {
                assert_eq!((jobs(&world).len(), holder(&world, 4)), (0, None), "after {cut}");
            }
        });
    }
}

#[test]
fn an_install_elsewhere_after_a_lost_one_is_a_conflict_or_the_only_one() {
    for cut in 0..=INSTALL {
        paused(async move {
            let (world, subscription) = lost_install(cut).await;
            match world.handle.confirm_install(PARTNER, subscription, location(5)).await {
                Ok(_) => {
                    assert_eq!(cut, 0);
                    one_job_ran(&world, subscription, 5).await;
                }
                Err(Refused::Denied(InstallDenied::NotPendingInstall { .. })) => {
                    assert!(cut > 0);
                    one_job_ran(&world, subscription, 4).await;
                    assert_eq!(holder(&world, 5), None);
                }
                Err(other) => panic!("after {cut}: {other}"),
            }
        });
    }
}

#[test]
fn an_install_elsewhere_is_possible_when_the_lost_ones_port_was_taken() {
    for cut in 1..INSTALL_PROPOSED {
        paused(async move {
            let (world, subscription) = lost_install(cut).await;
            let other = world.handle.complete_checkout(request("order-2", 4)).await.expect("it is free");
            let taken = world.handle.confirm_install(PARTNER, subscription, location(4)).await;
            assert_eq!(taken, Err(Refused::Denied(InstallDenied::LocationTaken)), "after {cut}");
            world.handle.confirm_install(PARTNER, subscription, location(5)).await.expect("started");
            world.until_events(5).await;
            tokio::time::sleep(MINUTE).await;
            let holders = (holder(&world, 4), holder(&world, 5));
            assert_eq!(holders, (Some(other.receipt.subscription()), Some(subscription)));
            assert_eq!((jobs(&world).len(), applied(&world)), (2, 2));
        });
    }
}

#[test]
fn many_repeats_at_once_are_one_job_also_when_others_come_in_between_the_commits() {
    paused(async {
        let world = world();
        let asked = (0..20).map(|_| world.handle.complete_checkout(request("order-1", 1)));
        let answers = join_all(asked).await;
        let receipts: Vec<_> =
            answers.iter().map(|answer| answer.as_ref().expect("accepted").receipt).collect();
        assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:?}");
        one_job_ran(&world, receipts[0].subscription(), 1).await;
    });
}

#[test]
fn of_many_orders_for_one_port_one_gets_it_also_when_others_come_in_between_the_commits() {
    paused(async {
        let world = world();
        let names: Vec<_> = (0..20).map(|n| format!("order-{n}")).collect();
        let asked = names.iter().map(|name| world.handle.complete_checkout(request(name, 1)));
        let answers = join_all(asked).await;
        let accepted: Vec<_> = answers.iter().flatten().collect();
        assert_eq!(accepted.len(), 1, "{answers:?}");
        let taken = Err(Refused::Denied(CheckoutDenied::LocationTaken));
        assert_eq!(answers.iter().filter(|answer| **answer == taken).count(), 19);
        one_job_ran(&world, accepted[0].receipt.subscription(), 1).await;
        let keys = world.store.records().into_iter().filter(|record| matches!(record, Record::Checkout(_)));
        assert_eq!(keys.count(), 1);
    });
}

#[test]
fn many_installs_at_once_on_different_ports_are_one_job() {
    paused(async {
        let world = world();
        let accepted = world.handle.complete_checkout(home_drop()).await.expect("accepted");
        let subscription = accepted.receipt.subscription();
        let asked = (0..10).map(|n| world.handle.confirm_install(PARTNER, subscription, location(n)));
        let started: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        assert_eq!(started.len(), 1, "{started:?}");
        world.until("done", |world| applied(world) == 1).await;
        tokio::time::sleep(MINUTE).await;
        assert_eq!(jobs(&world).len(), 1);
        let held: Vec<_> = (0..10).filter(|n| holder(&world, *n).is_some()).collect();
        assert_eq!((held.len(), applied(&world)), (1, 1));
    });
}
