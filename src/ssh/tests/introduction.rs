//! Who a device says it is, whether it has a line left for people, and who holds its configuration: asked of simulated
//! switches, whose texts are their vendors'.

use super::*;
use crate::ssh::platform::Platform;

fn serial_in(failure: &DriverFailure) -> String {
    failure.detail.split('"').nth(1).expect("a quoted serial number").to_owned()
}

impl Bench {
    fn platform(&self) -> &Platform {
        self.driver.platforms.get(&self.switch.platform).expect("it ships")
    }

    /// The last line that the device heard.
    fn last_line(&self) -> String {
        self.device().commands().last().expect("a line").line.clone()
    }
}

/// What a device calls itself; AOS-S tells its model in no answer that tells its serial number.
fn model_of(personality: Personality) -> &'static str {
    match personality {
        Personality::Ios => "C9300-48T",
        Personality::Eos => "DCS-7050TX-48-R",
        Personality::Junos => "EX3400-48T",
        Personality::Aoscx => "JL664A 6300M 24G 4SFP56 Swch",
        Personality::EdgeSwitch => "ES-48-Lite",
        Personality::AosS => "not told",
        Personality::RouterOs => "CRS328-24P-4S+RM",
    }
}

#[tokio::test]
async fn a_serial_number_is_compared_where_the_inventory_has_one_and_noted_in_the_transcript() {
    for personality in Personality::ALL {
        let mut bench = Bench::new(personality, |_| ()).await;
        bench.switch.serial = Some("another".into());
        let failure = bench.refusal().await;
        assert_eq!(failure.class, FailureClass::WrongDevice, "{failure}");
        assert!(failure.detail.contains("and the inventory says \"another\""), "{failure}");
        let asked = &bench.platform().identity.as_ref().expect("each tells who it is").command;
        assert_eq!(bench.last_line(), *asked, "nothing is sent to another device");
        let serial = serial_in(&failure);
        assert!(serial.len() > 5, "{failure}");
        for expected in [Some(serial.clone()), None] {
            bench.switch.serial = expected;
            let mut session = bench.opened().await;
            let transcript = session.take_transcript();
            let told = format!("(model {}, serial number {serial})", model_of(personality));
            assert!(transcript.contains(&told), "{personality:?}: {transcript}");
            session.close().await;
        }
    }
}

/// Those whose prompts and Enter are alike enough that a login comes through, and what the device then says.
const MISTAKEN: [(Personality, &str, &str); 11] = [
    (Personality::Ios, "arista_eos", "Cisco IOS"),
    (Personality::Ios, "dell_powerconnect", "Cisco IOS"),
    (Personality::Ios, "aruba_aoscx", "% Invalid input detected"),
    (Personality::Ios, "aruba_aoss", "% Invalid input detected"),
    (Personality::Eos, "cisco_ios", "Arista DCS"),
    (Personality::Eos, "dell_powerconnect", "Arista DCS"),
    (Personality::Eos, "aruba_aoscx", "% Invalid input"),
    (Personality::Eos, "aruba_aoss", "% Invalid input"),
    (Personality::Aoscx, "aruba_aoss", "Hostname"),
    (Personality::RouterOs, "openvswitch", "bad command name"),
    (Personality::RouterOs, "linux_bridge", "bad command name"),
];

impl Bench {
    /// The device is driven as what it isn't: whatever it is taken for, it is asked and never told.
    async fn must_be_refused_as(mut self, platform: &str) {
        let personality = self.personality;
        self.switch.platform = platform.to_owned();
        let failure = self.refusal().await;
        let is_this = |(of, to, _): &&(Personality, &str, &str)| *of == personality && *to == platform;
        let (class, told) = match MISTAKEN.iter().find(is_this) {
            Some((_, _, says)) => (
                FailureClass::WrongDevice,
                format!("the inventory says {platform}, and the device says \"{says}"),
            ),
            None => (FailureClass::PromptNotSeen, String::new()),
        };
        assert_eq!(failure.class, class, "{personality:?} as {platform}: {failure}");
        assert!(failure.detail.contains(&told), "{personality:?} as {platform}: {failure}");
        let platform = self.platform();
        let opening = platform.shell.as_ref().map_or(Vec::new(), |shell| shell.opening.clone());
        let asked = &platform.identity.as_ref().expect("each tells who it is").command;
        for command in self.device().commands() {
            assert!(command.line == *asked || opening.contains(&command.line), "{command:?}");
        }
    }
}

#[tokio::test]
async fn a_device_of_another_vendor_is_refused_in_its_own_words_or_never_comes_to_a_prompt() {
    let names: Vec<String> = shipped().names().into_iter().map(str::to_owned).collect();
    let mut tried = Vec::new();
    for personality in Personality::ALL {
        for platform in names.clone().into_iter().filter(|name| name != personality.platform()) {
            let bench = Bench::new(personality, |_| ()).await;
            tried.push(tokio::spawn(async move { bench.must_be_refused_as(&platform).await }));
        }
    }
    assert_eq!(tried.len(), Personality::ALL.len() * (names.len() - 1));
    for one in tried {
        one.await.expect("as it must be");
    }
}

#[tokio::test]
async fn what_answers_as_no_device_of_its_platform_does_is_refused_on_every_platform() {
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let pattern = bench.platform().identity.as_ref().expect("each tells who it is").command.clone();
        let text = "----\nAcme OS 4.2\nSerial Number: 1\n".to_owned();
        bench.device().order(Fault::Reject { pattern, text, times: 3 });
        let failure = bench.refusal().await;
        assert_eq!(failure.class, FailureClass::WrongDevice, "{personality:?}: {failure}");
        assert!(failure.detail.contains("the device says \"Acme OS 4.2\""), "{personality:?}: {failure}");
        bench.opened().await.close().await;
    }
}

/// An AOS-CX whose answer is cut in two by a message: one half of the serial number is told, or none of all that.
const HALVES: [(&str, FailureClass); 2] = [
    (
        "ArubaOS-CX Version : FL.10.10.1010\nChassis Serial Nbr : SG0\n%LINK-5-CHANGED: 1/1/9 is up\n",
        FailureClass::WrongDevice,
    ),
    ("Chassis Serial Nbr : SG0\n%LINK-5-CHANGED: 1/1/9 is up\n", FailureClass::PromptNotSeen),
];

#[tokio::test]
async fn half_a_serial_number_is_another_only_when_it_is_told_twice_and_half_an_answer_is_no_other_device() {
    let mut bench = Bench::new(Personality::Aoscx, |_| ()).await;
    bench.switch.serial = Some("another".into());
    let serial = serial_in(&bench.refusal().await);
    assert!(!serial.is_empty() && !serial.starts_with("SG0\n"), "{serial}");
    bench.switch.serial = Some(serial);
    for (text, class) in HALVES {
        let told = |times| Fault::Reject { pattern: "show system".into(), text: text.to_owned(), times };
        bench.device().order(told(1));
        bench.opened().await.close().await;
        bench.until_closed().await;
        assert_eq!(bench.device().pending_faults(), 0);
        bench.device().order(told(3));
        assert_eq!(bench.refusal().await.class, class, "{text}");
        bench.device().clear_faults();
    }
}

#[tokio::test]
async fn a_device_that_tells_no_serial_number_is_refused_only_where_the_inventory_has_one() {
    let mut bench = Bench::new(Personality::RouterOs, |_| ()).await;
    let pattern = "serial-number";
    let text = "platform=MikroTik\nno such item";
    let told = || Fault::Reject { pattern: pattern.into(), text: text.into(), times: 3 };
    bench.device().order(told());
    let mut session = bench.opened().await;
    let transcript = session.take_transcript();
    assert!(transcript.contains("(model not told, serial number not told)"), "{transcript}");
    session.close().await;
    bench.device().clear_faults();
    bench.device().order(told());
    bench.switch.serial = Some("HEX00000001".into());
    let failure = bench.refusal().await;
    assert_eq!(failure.class, FailureClass::WrongDevice, "{failure}");
    assert!(failure.detail.ends_with("without a serial number"), "{failure}");
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

/// Those that tell how many lines they have, and how they tell who has four of four when ours is the fourth.
const COUNTING: [(Personality, &str); 3] = [
    (Personality::Ios, "this one, 3 from 127.0.0.1"),
    (Personality::AosS, "4 from 127.0.0.1"),
    (Personality::EdgeSwitch, "this one among them"),
];

#[tokio::test]
async fn a_line_is_left_for_people_and_who_has_the_others_is_told() {
    for (personality, holders) in COUNTING {
        let mut bench = Bench::new(personality, |plan| plan.vty_lines = 4).await;
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(bench.open_under(&SessionGuard::default()).await.expect("a session"));
        }
        let failure = bench.refusal().await;
        assert_eq!(failure.class, FailureClass::NoFreeVty, "{failure}");
        let told = format!("4 of 4 lines are taken: {holders}; ssh.spare_vty_lines = 1");
        assert!(failure.detail.contains(&told), "{personality:?}: {failure}");
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
}

/// Those that name who holds the configuration: how somebody who is ordered is told, and who is at the console.
const NAMING: [(Personality, &[&str], &[&str]); 2] = [
    (
        Personality::Ios,
        &["user \"unknown\"", "process \"88\"", "terminal \"0\"", "Please try later"],
        &["user \"admin\"", "process \"88\"", "terminal \"2\"", "type \"EXCLUSIVE\"", "Please try later"],
    ),
    (
        Personality::Junos,
        &[
            "user \"noc\", terminal \"p1\", process \"32260\", since \"2024-05-06 11:04:06 UTC\", idle \"00:04:48\"",
            "configuration database locked",
        ],
        &["user \"admin\", terminal \"p0\", process \"4000\", since \"2024-05-06 11:04:06 UTC\""],
    ),
];

#[tokio::test]
async fn the_holder_of_a_configuration_lock_is_named_by_the_device_or_else_by_its_refusal() {
    for (personality, ordered, at_the_console) in NAMING {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        bench.device().order(Fault::LockConfiguration { times: 1 });
        for told in [ordered, at_the_console] {
            let failure = bench.provision(&mut session, &want(None)).await.expect_err("locked");
            assert_eq!(failure.class, FailureClass::ConfigurationLocked, "{failure}");
            for part in told.iter().chain(&["it is held by"]) {
                assert!(failure.detail.contains(part), "{personality:?}: {part}: {failure}");
            }
            bench.device().lock_at_the_console();
        }
        let transcript = session.take_transcript();
        let command = bench.platform().lock.as_ref().expect("it names the holder").command.as_ref();
        assert!(command.is_none_or(|command| transcript.contains(command)), "{transcript}");
        session.probe().await.expect("the session still serves");
        session.close().await;
    }
}
