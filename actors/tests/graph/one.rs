//! One instance: order, limits, restarts, and how often each port is called.

use crate::world::*;

#[test]
fn a_checkout_becomes_a_live_port_one_outcome_and_two_events() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        assert!(!accepted.replayed);
        world.until_events(2).await;
        assert_eq!(world.receiver.events(), ["provisioning.completed", "subscription.activated"]);
        assert_eq!(world.driver.running(&port(1)), live());
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Completed { attempts: 1, .. }), "{job:?}");
        world.until("saved", |world| world.driver.startup(&port(1)) == live()).await;
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!(world.driver.calls(), ["sw open", "sw read", "sw apply", "sw read", "sw save"]);
    });
}

#[test]
fn a_repeat_gets_the_first_ids_and_runs_nothing() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let first = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        let again = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        assert_eq!((again.receipt, again.replayed), (first.receipt, true));
        let other = world.handle.complete_checkout(request("order-1", 2)).await;
        assert_eq!(other, Err(Refused::Denied(CheckoutDenied::KeyReused(first.receipt))));
        world.until_events(2).await;
        assert_eq!(world.subscriptions().len(), 1);
    });
}

#[test]
fn of_many_who_want_one_port_one_gets_it_and_the_refused_leave_nothing() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let asked = (0..20).map(|n| {
            let handle = world.handle.clone();
            async move { handle.complete_checkout(request(&format!("order-{n}"), 3)).await }
        });
        let answers = futures_util::future::join_all(asked).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let taken = Err(Refused::Denied(CheckoutDenied::LocationTaken));
        assert_eq!(answers.iter().filter(|answer| **answer == taken).count(), 19);
        let keys =
            world.store.records().into_iter().filter(|record| matches!(record, Record::Checkout(_))).count();
        assert_eq!(keys, 1);
    });
}

#[test]
fn an_answer_that_the_store_lost_is_asked_for_again_and_nothing_is_done_twice() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.store.lose_next_answer();
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        assert!(!accepted.replayed);
        (0..3).for_each(|_| world.store.lose_next_request());
        let lost = world.handle.complete_checkout(request("order-2", 2)).await;
        // The supervisor may have used up some of the faults; whatever was answered, the repeat settles it.
        let again = world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted by now");
        if let Ok(first) = lost {
            assert_eq!(first.receipt, again.receipt);
        }
        world.until_events(4).await;
        assert_eq!(world.subscriptions().len(), 2);
    });
}

#[test]
fn a_lost_session_is_opened_again_after_a_back_off_and_the_job_goes_on() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Completed { attempts: 2, .. }), "{job:?}");
        assert_eq!(world.driver.running(&port(1)), live());
        assert_eq!(world.driver.most_open(), 1);
    });
}

#[test]
fn lines_that_were_all_done_before_the_drop_are_found_and_not_sent_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::ApplyAll(FailureClass::SessionLost));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        let applied = world.driver.calls().iter().filter(|call| *call == "sw apply").count();
        assert_eq!(applied, 1);
    });
}

#[test]
fn a_rejected_line_is_undone_and_fails_the_job_at_once() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let before = world.driver.running(&port(1));
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::CommandRejected));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["provisioning.failed"]);
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Failed { attempts: 1, .. }), "{job:?}");
        assert_eq!(world.driver.running(&port(1)), before);
        assert_eq!(world.port_record(1).holder, None);
        // The port is free again, and the same key still gets the same ids.
        world.handle.complete_checkout(request("order-2", 1)).await.expect("the port is free");
        let again = world.handle.complete_checkout(request("order-1", 1)).await.expect("known");
        assert_eq!(again.receipt, accepted.receipt);
    });
}

#[test]
fn swallowed_lines_are_found_by_the_read_back() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Swallow);
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Completed { attempts: 2, .. }), "{job:?}");
    });
}

#[test]
fn a_job_out_of_attempts_fails_and_its_port_is_repaired_until_it_is_as_before() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let before = world.driver.running(&port(1));
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        (0..4).for_each(|_| world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["provisioning.failed"]);
        world.until("as before", |world| world.driver.running(&port(1)) == before).await;
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!(world.port_record(1).holder, None);
    });
}

#[test]
fn a_repair_that_was_cut_short_after_its_lines_were_on_record_is_begun_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let before = world.driver.running(&port(1));
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        (0..4).for_each(|_| world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable)));
        world.driver.order(&switch(), ScriptedFault::Panic);
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        world.until("as before", |world| world.driver.running(&port(1)) == before).await;
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        assert_eq!(world.receiver.events(), ["provisioning.failed"]);
    });
}

#[test]
fn a_paid_port_is_given_again_after_a_reboot_even_when_the_supervisor_dies_over_it() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SessionLost));
        world.driver.order(&switch(), ScriptedFault::Panic);
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until("asked to save", |world| world.driver.calls().contains(&"sw save".to_owned())).await;
        world.driver.reboot(&switch());
        world.until("live and saved", |world| world.driver.startup(&port(1)) == live()).await;
        assert_eq!(world.driver.running(&port(1)), live());
    });
}

#[test]
fn a_refused_login_quarantines_the_switch_keeps_its_queue_and_a_release_goes_on() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Open(FailureClass::AuthenticationRefused));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world
            .until("quarantined", |world| {
                let status = world.store.record(&Key::SwitchStatus(switch()));
                matches!(status, Some(Record::SwitchStatus(status)) if status.quarantined.is_some())
            })
            .await;
        world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted while quarantined");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(world.driver.calls(), ["sw open"]);
        world.graph.operator().release(&switch()).await.expect("on record");
        world.until_events(4).await;
    });
}

#[test]
fn a_job_that_waits_too_long_on_a_quarantined_switch_fails_with_its_reason() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Open(FailureClass::HostKeyChanged));
        let accepted = world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        tokio::time::sleep(Duration::from_secs(25 * 3_600)).await;
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["provisioning.failed"]);
        let job = world.job(accepted.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Failed { .. }), "{job:?}");
    });
}

#[test]
fn a_supervisor_that_panics_is_restarted_and_its_job_goes_on_from_the_store() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Panic);
        world.driver.order(&switch(), ScriptedFault::Panic);
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        assert_eq!(world.receiver.events(), ["provisioning.completed", "subscription.activated"]);
        assert_eq!(world.driver.most_open(), 1);
    });
}

#[test]
fn a_switch_that_rebooted_before_the_save_gets_exactly_that_port_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SessionLost));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(2).await;
        world.until("asked to save", |world| world.driver.calls().contains(&"sw save".to_owned())).await;
        world.driver.reboot(&switch());
        assert_ne!(world.driver.running(&port(1)), live());
        world.until("live and saved", |world| world.driver.startup(&port(1)) == live()).await;
        assert_eq!(world.driver.running(&port(1)), live());
        assert_eq!(world.receiver.events().len(), 2);
    });
}

#[test]
fn one_session_serves_the_whole_queue_and_closes_when_idle() {
    paused(async {
        let world = World::start(GraphSettings::default());
        for n in 0..10 {
            world.handle.complete_checkout(request(&format!("order-{n}"), n)).await.expect("accepted");
        }
        world.until_events(20).await;
        world.until("closed", |world| world.driver.calls().contains(&"sw close".to_owned())).await;
        let opened = world.driver.calls().iter().filter(|call| *call == "sw open").count();
        assert_eq!((opened, world.driver.most_open()), (1, 1));
    });
}

#[test]
fn a_home_drop_waits_for_its_install_and_the_same_install_twice_is_one_job() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let home_drop =
            CheckoutRequest { mode: DeliveryMode::HomeDrop { unit: UNIT }, ..request("order-1", 0) };
        let accepted = world.handle.complete_checkout(home_drop.clone()).await.expect("accepted");
        assert_eq!(accepted.receipt.job(), None);
        world.until_events(1).await;
        assert_eq!(world.receiver.events(), ["subscription.pending_install"]);
        let subscription = accepted.receipt.subscription();
        let confirm = |n| world.handle.confirm_install(PARTNER, subscription, location(n));
        let started = confirm(4).await.expect("installed");
        assert_eq!(confirm(4).await, Ok(started));
        let elsewhere = confirm(5).await;
        assert!(
            matches!(elsewhere, Err(Refused::Denied(InstallDenied::NotPendingInstall { .. }))),
            "{elsewhere:?}"
        );
        let stranger =
            world.handle.confirm_install(PartnerId(Uuid::from_u128(9)), subscription, location(4)).await;
        assert_eq!(stranger, Err(Refused::Denied(InstallDenied::SubscriptionNotFound)));
        world.until_events(3).await;
        assert_eq!(world.driver.running(&port(4)), live());
        assert_eq!(world.handle.complete_checkout(home_drop).await.expect("known").receipt, accepted.receipt);
    });
}

#[test]
fn a_mac_is_part_of_what_must_be_read_back() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let mac = MacAddress::parse("02:00:00:00:00:01").ok();
        world
            .handle
            .complete_checkout(CheckoutRequest { mac, ..request("order-1", 1) })
            .await
            .expect("accepted");
        world.until_events(2).await;
        assert_eq!(world.driver.running(&port(1)), PortConfig { mac, ..live() });
    });
}

#[test]
fn a_repair_that_fails_waits_before_it_is_tried_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SaveFailed));
        (0..3).for_each(|_| world.driver.order(&switch(), ScriptedFault::Read(FailureClass::PortUnknown)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        // The faults are ordered, so the reads of the visit itself go well, and those of the proof after the save fail.
        world.until("saved", |world| world.driver.startup(&port(1)) == live()).await;
        let proofs = world.driver.calls().iter().filter(|call| *call == "sw read").count();
        assert!(proofs <= 2 + 3 + 1, "{:?}", world.driver.calls());
    });
}

#[test]
fn a_save_that_always_fails_is_tried_less_and_less_often_and_keeps_no_job_waiting() {
    paused(async {
        let world = World::start(GraphSettings::default());
        (0..1_000).for_each(|_| world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SaveFailed)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        let saves = |world: &World| world.driver.calls().iter().filter(|call| *call == "sw save").count();
        tokio::time::sleep(Duration::from_secs(600)).await;
        // 1 + 2 + 4 + 8 + 16 + 32 seconds, and then a minute each.
        assert!((10..=16).contains(&saves(&world)), "{} saves", saves(&world));
        let before = tokio::time::Instant::now();
        world.handle.complete_checkout(request("order-2", 2)).await.expect("accepted");
        world.until_events(4).await;
        assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
        assert_eq!(world.driver.running(&port(2)), live());
    });
}

#[test]
fn a_save_that_failed_is_made_good_once_the_switch_can_save_again() {
    paused(async {
        let world = World::start(GraphSettings::default());
        (0..8).for_each(|_| world.driver.order(&switch(), ScriptedFault::Save(FailureClass::SaveFailed)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until("saved", |world| world.driver.startup(&port(1)) == live()).await;
        world.until("clean", |world| world.port_record(1).state == PortState::Clean).await;
        let saves = world.driver.calls().iter().filter(|call| *call == "sw save").count();
        assert_eq!(saves, 9);
    });
}

#[test]
fn a_checkout_that_takes_a_port_during_its_repair_is_served_by_the_same_supervisor_on_the_same_session() {
    paused(async {
        let world = World::start(GraphSettings::default());
        let count = |world: &World, call: &str| world.driver.calls().iter().filter(|c| *c == call).count();
        world.driver.order(&switch(), ScriptedFault::ApplyHalf(FailureClass::SessionLost));
        (0..4).for_each(|_| world.driver.order(&switch(), ScriptedFault::Open(FailureClass::Unreachable)));
        world.handle.complete_checkout(request("order-1", 1)).await.expect("accepted");
        world.until_events(1).await;
        assert!(matches!(world.port_record(1).state, PortState::Dirty { .. }), "{:?}", world.port_record(1));
        let is_reading = |world: &World| world.driver.calls().last().is_some_and(|call| call == "sw read");
        world.until("reading the dirty port", is_reading).await;
        let before = (count(&world, "sw open"), count(&world, "sw apply"));
        world.handle.complete_checkout(request("order-2", 1)).await.expect("the port is free");
        world.until_events(3).await;
        assert_eq!(world.driver.running(&port(1)), live());
        // The repair sent nothing; the job did, once.
        assert_eq!((count(&world, "sw open"), count(&world, "sw apply")), (before.0, before.1 + 1));
        assert!(world.port_record(1).holder.is_some());
    });
}
