//! What comes before a session: the driver's turn, and whether logins are tried at all. Refused ones are one switch's own fault,
//! or that of the authentication service behind all of them.

use crate::world::*;
use switchyard_actors::settings::{JobSettings, LoginSettings, SupervisionSettings};

const SWITCHES: u32 = 12;

const LOGINS: LoginSettings = LoginSettings {
    refused_switches: 3,
    window_ms: 30_000,
    first_pause_ms: 30_000,
    longest_pause_ms: 120_000,
};

fn start() -> World {
    let settings = GraphSettings { logins: LOGINS, ..GraphSettings::default() };
    World::on(seeded_with(RecordingStore::default(), SWITCHES), settings)
}

/// One checkout a switch.
async fn order_for_all(world: &World) -> Vec<JobId> {
    let mut jobs = Vec::new();
    for number in 0..SWITCHES {
        let accepted = world.handle.complete_checkout(request(&format!("order-{number}"), number * 10)).await;
        jobs.extend(accepted.expect("accepted").receipt.job());
    }
    jobs
}

fn openings(world: &World) -> usize {
    world.driver.calls().iter().filter(|call| call.ends_with(" open")).count()
}

fn quarantined(world: &World) -> Vec<SwitchId> {
    let is_out = |id: &SwitchId| {
        let status = world.store.record(&Key::SwitchStatus(id.clone()));
        matches!(status, Some(Record::SwitchStatus(status)) if status.quarantined.is_some())
    };
    (0..SWITCHES).map(numbered).filter(is_out).collect()
}

async fn until_completed(world: &World, jobs: &[JobId]) {
    let completed = |world: &World| {
        let states = (0..SWITCHES).zip(jobs).map(|(n, job)| job_in(&world.store, &numbered(n), *job).state);
        states.filter(|state| matches!(state, JobState::Completed { .. })).count()
    };
    world.until("completed", |world| completed(world) == jobs.len()).await;
}

#[test]
fn while_all_switches_refuse_one_at_a_time_tries_nobody_is_quarantined_and_then_all_go_on() {
    paused(async {
        let world = start();
        world.driver.refuse_logins(true);
        let jobs = order_for_all(&world).await;
        world.until("paused", |world| world.graph.operator().logins_paused().is_some()).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let stormed = openings(&world);
        assert!(stormed <= SWITCHES as usize, "each tried once at most: {stormed}");
        // Pauses of 30, 60, 120 and then always 120 seconds, and a quarter more since all have refused.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let probes = openings(&world) - stormed;
        assert!((22..=28).contains(&probes), "{probes} probes in an hour");
        assert_eq!(quarantined(&world), []);
        let told = world.graph.operator().logins_paused().expect("still").to_string();
        assert!(told.contains("12 switches refused") && told.contains("LOGINS PAUSED for 36"), "{told}");
        world.driver.refuse_logins(false);
        until_completed(&world, &jobs).await;
        assert_eq!(world.graph.operator().logins_paused(), None);
        for (number, job) in (0..SWITCHES).zip(&jobs) {
            let state = job_in(&world.store, &numbered(number), *job).state;
            assert!(matches!(state, JobState::Completed { attempts: 1, .. }), "not charged: {state:?}");
        }
    });
}

#[test]
fn a_wrong_password_of_one_switch_quarantines_that_one_after_the_window_and_the_others_go_on() {
    paused(async {
        let world = start();
        world.driver.order(&numbered(3), ScriptedFault::Open(FailureClass::AuthenticationRefused));
        order_for_all(&world).await;
        world.until_events(2 * (SWITCHES as usize - 1)).await;
        assert_eq!(quarantined(&world), [], "others may be refused yet");
        world.until("quarantined", |world| quarantined(world) == [numbered(3)]).await;
        assert_eq!(world.graph.operator().logins_paused(), None);
        assert_eq!(world.driver.calls().iter().filter(|call| *call == "sw3 open").count(), 1);
    });
}

#[test]
fn a_wrong_password_during_an_outage_quarantines_that_one_when_the_outage_is_over() {
    paused(async {
        let world = start();
        world.driver.refuse_logins(true);
        order_for_all(&world).await;
        world.until("paused", |world| world.graph.operator().logins_paused().is_some()).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.driver.refuse_logins(false);
        let wrong = ScriptedFault::Open(FailureClass::AuthenticationRefused);
        // Once as a probe, perhaps, and once more when the others are let in.
        for number in [0, 1, 2, 3, 0, 1, 2, 3] {
            world.driver.order(&numbered(number), wrong.clone());
        }
        let all = [0, 1, 2, 3].map(numbered);
        world.until("quarantined", |world| quarantined(world) == all).await;
        world.until_events(2 * (SWITCHES as usize - 4)).await;
        for (number, id) in all.iter().enumerate() {
            let tries = world.driver.calls().iter().filter(|call| **call == format!("{id} open")).count();
            assert!(tries <= 3, "sw{number} was tried {tries} times");
        }
    });
}

#[test]
fn jobs_grow_too_old_and_a_stop_comes_to_rest_while_logins_are_paused() {
    paused(async {
        let job = JobSettings { max_age_ms: 3_600_000, ..JobSettings::default() };
        let settings = GraphSettings { logins: LOGINS, job, ..GraphSettings::default() };
        let world = World::on(seeded_with(RecordingStore::default(), SWITCHES), settings);
        world.driver.refuse_logins(true);
        order_for_all(&world).await;
        world.until("paused", |world| world.graph.operator().logins_paused().is_some()).await;
        let later = world.handle.complete_checkout(request("later", 1)).await.expect("accepted");
        tokio::time::sleep(Duration::from_secs(2 * 3_600)).await;
        let job = job_in(&world.store, &numbered(0), later.receipt.job().expect("direct"));
        assert!(matches!(job.state, JobState::Failed { .. }), "{job:?}");
        let began = tokio::time::Instant::now();
        world.graph.stop(Duration::from_secs(20)).await;
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    });
}

#[test]
fn who_waits_for_the_drivers_turn_holds_no_place_and_is_not_charged() {
    paused(async {
        let supervision = SupervisionSettings { max_opening: 1, ..SupervisionSettings::default() };
        let settings = GraphSettings { supervision, ..GraphSettings::default() };
        let world = World::on(seeded_with(RecordingStore::default(), SWITCHES), settings);
        world.driver.keep_waiting(&numbered(0), true);
        let jobs = order_for_all(&world).await;
        world.until_events(2 * (SWITCHES as usize - 1)).await;
        // Longer than all attempts and back-offs of a job may take, and than a step may.
        tokio::time::sleep(Duration::from_secs(1_200)).await;
        world.driver.keep_waiting(&numbered(0), false);
        until_completed(&world, &jobs).await;
        let state = job_in(&world.store, &numbered(0), jobs[0]).state;
        assert!(matches!(state, JobState::Completed { attempts: 1, .. }), "{state:?}");
    });
}

#[test]
fn who_is_logged_in_holds_no_place_however_long_its_switch_takes_then() {
    paused(async {
        let slow_opening_ms = 3_600_000;
        let supervision =
            SupervisionSettings { max_opening: 1, slow_opening_ms, ..SupervisionSettings::default() };
        let settings = GraphSettings { supervision, ..GraphSettings::default() };
        let world = World::on(seeded_with(RecordingStore::default(), SWITCHES), settings);
        let set_up = ScriptedFault::SetUpSlowly(Duration::from_secs(60));
        (1..SWITCHES).for_each(|n| world.driver.order(&numbered(n), set_up.clone()));
        let began = tokio::time::Instant::now();
        let jobs = order_for_all(&world).await;
        until_completed(&world, &jobs).await;
        assert!(began.elapsed() < Duration::from_secs(100), "one after another: {:?}", began.elapsed());
    });
}

#[test]
fn a_switch_that_is_silent_while_it_is_opened_keeps_its_place_from_nobody_for_long() {
    paused(async {
        let supervision = SupervisionSettings { max_opening: 1, ..SupervisionSettings::default() };
        let settings = GraphSettings { supervision, ..GraphSettings::default() };
        let world = World::on(seeded_with(RecordingStore::default(), SWITCHES), settings);
        let silence = Duration::from_secs(50);
        world.driver.order(&numbered(0), ScriptedFault::OpenSlowly(silence));
        let began = tokio::time::Instant::now();
        let jobs = order_for_all(&world).await;
        world.until_events(2 * (SWITCHES as usize - 1)).await;
        assert!(began.elapsed() < silence / 2, "they waited for it: {:?}", began.elapsed());
        until_completed(&world, &jobs).await;
        assert!(began.elapsed() >= silence, "it was silent");
    });
}
