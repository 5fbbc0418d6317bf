//! Who a device says it is, whether it has a line left for people, and who holds its configuration: asked of simulated
//! switches, whose texts are their vendors'.

use super::*;

fn serial_in(failure: &DriverFailure) -> String {
    failure.detail.split('"').nth(1).expect("a quoted serial number").to_owned()
}

#[tokio::test]
async fn a_serial_number_is_compared_where_the_inventory_has_one_and_noted_in_the_transcript() {
    for personality in [Personality::Ios, Personality::Eos] {
        let mut bench = Bench::new(personality, |_| ()).await;
        bench.switch.serial = Some("another".into());
        let failure = bench.refusal().await;
        assert_eq!(failure.class, FailureClass::WrongDevice, "{failure}");
        assert!(failure.detail.contains("and the inventory says \"another\""), "{failure}");
        let serial = serial_in(&failure);
        assert!(serial.len() > 5, "{failure}");
        for expected in [Some(serial.clone()), None] {
            bench.switch.serial = expected;
            let mut session = bench.opened().await;
            let transcript = session.take_transcript();
            assert!(transcript.contains(&format!("serial number {serial})")), "{transcript}");
            session.close().await;
        }
        let sent = bench.device().commands();
        assert!(!sent.iter().any(|command| command.line.starts_with("conf")), "nothing was configured");
    }
}

#[tokio::test]
async fn a_device_of_another_vendor_is_refused_in_its_own_words() {
    for (personality, platform, says) in
        [(Personality::Eos, "cisco_ios", "Arista DCS"), (Personality::Ios, "arista_eos", "Cisco IOS")]
    {
        let mut bench = Bench::new(personality, |_| ()).await;
        bench.switch.platform = platform.into();
        let failure = bench.refusal().await;
        assert_eq!(failure.class, FailureClass::WrongDevice, "{failure}");
        let told = format!("the inventory says {platform}, and the device says \"{says}");
        assert!(failure.detail.contains(&told), "{failure}");
    }
}

#[tokio::test]
async fn a_serial_number_that_the_platform_can_not_tell_is_a_fault_of_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = include_str!("../../../config/platforms/cisco_ios.toml");
    let lines = text.lines().filter(|line| !line.starts_with("serial = "));
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    std::fs::write(folder.path().join("cisco_ios.toml"), text).expect("written");
    let mut bench = Bench::new(Personality::Ios, |_| ()).await;
    bench.driver = Driver::new(
        bench.driver.settings.clone(),
        Platforms::load(Some(folder.path())).expect("a platform without a serial number"),
    );
    bench.opened().await.close().await;
    bench.switch.serial = Some("FCW1".into());
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::Misconfigured, "{failure}");
    assert!(failure.detail.contains("[identity] serial"), "{failure}");
}

#[tokio::test]
async fn a_line_is_left_for_people_and_who_has_the_others_is_told() {
    let mut bench = Bench::new(Personality::Ios, |plan| plan.vty_lines = 4).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(bench.open_under(&SessionGuard::default()).await.expect("a session"));
    }
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::NoFreeVty, "{failure}");
    for told in ["4 of 4 lines are taken: this one, 3 from 127.0.0.1", "ssh.spare_vty_lines = 1"] {
        assert!(failure.detail.contains(told), "{failure}");
    }
    bench.driver.settings.spare_vty_lines = 0;
    bench.opened().await.close().await;
    bench.driver.settings.spare_vty_lines = 2;
    assert_eq!(bench.refusal().await.class, FailureClass::NoFreeVty);
    others.pop().expect("one of three").close().await;
    bench.refusal().await;
    others.pop().expect("one of two").close().await;
    bench.opened().await.close().await;
    others.pop().expect("the last").close().await;
}

#[tokio::test]
async fn the_holder_of_a_configuration_lock_is_named_by_the_device_or_else_by_its_refusal() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    let unheld = ["user \"unknown\"", "process \"88\"", "terminal \"0\""];
    let held = ["user \"admin\"", "process \"88\"", "terminal \"2\"", "type \"EXCLUSIVE\""];
    bench.device().order(Fault::LockConfiguration { times: 1 });
    for told in [&unheld[..], &held[..]] {
        let failure = bench.provision(&mut session, &want(None)).await.expect_err("locked");
        assert_eq!(failure.class, FailureClass::ConfigurationLocked, "{failure}");
        for part in told.iter().chain(&["it is held by", "Please try later"]) {
            assert!(failure.detail.contains(part), "{part}: {failure}");
        }
        bench.device().lock_at_the_console();
    }
    assert!(session.take_transcript().contains("show configuration lock"));
    session.probe().await.expect("the session still serves");
    session.close().await;
}
