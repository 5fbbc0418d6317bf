//! Every kind of device in every way that it can fail: the class, the words that an operator gets, and what is left.
//!
//! Where a device fails is found by its own lines: what a whole provisioning sends is asked of the device first, and then it
//! fails at each of them.

use super::access::Deaf;
use super::*;
use FailureClass::{
    AuthenticationRefused, CommandRejected, ConfigurationLocked, KeyExchangeFailed, NoFreeVty, PortUnknown,
    PromptNotSeen, SaveFailed, SessionLost, Unreachable,
};

const MAC: Option<&str> = Some("02:00:00:00:00:01");

/// Those on which each line is live at once, and stays. What the others take back has tests of its own.
const AT_ONCE: [Personality; 4] =
    [Personality::Ios, Personality::EdgeSwitch, Personality::AosS, Personality::RouterOs];

/// What a device calls things.
struct Words {
    /// Part of the first line of a session.
    opening: &'static str,
    /// How it is told that this line was never answered, and that the session ended at it.
    unanswered: &'static str,
    ended: &'static str,
    /// Part of the line that puts a port into VLAN 142.
    vlan: &'static str,
    /// How it says no to a line.
    refusal: &'static str,
    /// A port that it doesn't have.
    no_such_port: &'static str,
    /// How it says that its configuration is locked; `None` where nothing locks it.
    lock: Option<&'static str>,
    /// How it says that a save went wrong, and what it is asked after one.
    save_failed: &'static str,
}

const UNANSWERED: &str = "no prompt within the time limit; last seen";
const ENDED: &str = "the switch closed the session; last seen";

fn words_of(personality: Personality) -> Words {
    match personality {
        Personality::Ios => Words {
            opening: "terminal length",
            unanswered: UNANSWERED,
            ended: ENDED,
            vlan: "switchport access vlan 142",
            refusal: "% Invalid input detected at '^' marker.",
            no_such_port: "GigabitEthernet9/9/99",
            lock: Some("locked exclusively by user"),
            save_failed: "%Error opening nvram:/startup-config",
        },
        Personality::Eos => Words {
            opening: "terminal length",
            unanswered: UNANSWERED,
            ended: ENDED,
            vlan: "switchport access vlan 142",
            refusal: "% Invalid input",
            no_such_port: "Ethernet999",
            lock: Some("locked by another user"),
            save_failed: "% Error copying system:/running-config",
        },
        Personality::Junos => Words {
            opening: "set cli screen-length",
            unanswered: UNANSWERED,
            ended: ENDED,
            vlan: "vlan members 142",
            refusal: "error: statement creation failed",
            no_such_port: "ge-9/9/99",
            lock: Some("configuration database locked by"),
            save_failed: "",
        },
        Personality::Aoscx => Words {
            opening: "no page",
            unanswered: UNANSWERED,
            ended: ENDED,
            vlan: "vlan access 142",
            refusal: "Invalid input: vlan",
            no_such_port: "9/9/99",
            lock: Some("locked by another session"),
            save_failed: "Copying configuration: [Failed]",
        },
        Personality::EdgeSwitch => Words {
            opening: "terminal length",
            unanswered: UNANSWERED,
            ended: ENDED,
            vlan: "vlan pvid 142",
            refusal: "% Invalid input detected at '^' marker.",
            no_such_port: "0/99",
            lock: None,
            save_failed: "Configuration Not Saved!",
        },
        Personality::AosS => Words {
            opening: "no page",
            unanswered: UNANSWERED,
            ended: ENDED,
            vlan: "untagged 7",
            refusal: "Invalid input: untagged",
            no_such_port: "99",
            lock: None,
            save_failed: "Unable to write to flash.",
        },
        Personality::RouterOs => Words {
            opening: "platform=",
            unanswered: "was not done within ssh.command_ms = 1000",
            ended: "platform=",
            vlan: "pvid=142",
            refusal: "failure: not now",
            no_such_port: "ether99",
            lock: None,
            save_failed: "",
        },
    }
}

fn assert_told(failure: &DriverFailure, class: FailureClass, words: &[&str], what: &str) {
    assert_eq!(failure.class, class, "{what}: {failure}");
    for word in words {
        assert!(failure.detail.contains(word), "{what}: {word:?} is not in {failure}");
    }
    assert!(!failure.detail.contains(PASSWORD), "{what}: {failure}");
}

/// On the test's runtime, while nobody is connected: the one that listens.
const IDLE_TASKS: usize = 1;

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

impl Bench {
    /// Nothing of a session is left: no socket, no task, and no line taken on the device.
    async fn until_nothing_is_left(&self, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let left = (self.guard.is_open(), tasks(), self.device().counts().sessions_open);
            if left == (false, IDLE_TASKS, 0) {
                return;
            }
            assert!(Instant::now() < deadline, "{what}: socket, tasks, lines taken: {left:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// A whole provisioning in a session of its own, which is closed whatever came of it.
    async fn visit(&self, wanted: &PortConfig) -> Result<PortConfig, DriverFailure> {
        let mut session = self.open().await?;
        let found = self.provision(&mut session, wanted).await;
        session.close().await;
        found
    }

    /// The lines that a whole provisioning sends, in their order, from the login's first to the last of the read-back.
    async fn whole_visit(&self) -> Vec<String> {
        let found = self.visit(&want(MAC)).await.expect("nothing is wrong yet");
        assert_eq!(want(MAC).differences(&found), []);
        let commands = self.device().commands().into_iter().map(|command| command.line);
        commands.collect()
    }
}

#[tokio::test]
async fn each_way_not_to_get_in_has_its_class_and_words_on_every_device_and_leaves_nothing() {
    for personality in Personality::ALL {
        let mut bench = Bench::new(personality, |_| ()).await;
        let name = words_of(personality);
        let opening = || name.opening.to_owned();
        let faults = vec![
            (Fault::RefuseConnections { times: 1 }, NoFreeVty, vec!["said nothing, and then: "]),
            (Fault::NoFreeLine { times: 1 }, NoFreeVty, vec!["said nothing", "every VTY line is taken"]),
            (Fault::SilentBanner { times: 1 }, NoFreeVty, vec!["no key exchange within ssh.key_exchange_ms"]),
            (
                Fault::RejectAuthentication { times: 1 },
                AuthenticationRefused,
                vec!["\"admin\": tried [Password"],
            ),
            (Fault::DropAtAuthentication { times: 1 }, SessionLost, vec![]),
            (
                Fault::Stall { pattern: opening(), duration: None, times: 1 },
                PromptNotSeen,
                vec![name.unanswered, name.opening],
            ),
            (Fault::DropBeforeCommand { pattern: opening(), times: 1 }, SessionLost, vec![name.ended]),
        ];
        bench.driver.settings.key_exchange_ms = 300;
        for (fault, class, words) in faults {
            let what = format!("{personality:?}, {fault:?}");
            bench.device().order(fault);
            let failure = bench.open().await.err().expect("as ordered");
            assert_told(&failure, class, &words, &what);
            bench.until_nothing_is_left(&what).await;
        }
        bench.driver.settings.key_exchange_ms = 2_000;
        bench.device().offer_only_old_algorithms();
        let failure = bench.open().await.err().expect("nothing in common");
        let both = ["ours are", "curve25519-sha256", "the switch's are", "diffie-hellman-group14-sha1"];
        assert_told(&failure, KeyExchangeFailed, &both, &format!("{personality:?}, old algorithms"));
        bench.until_nothing_is_left("old algorithms").await;
        (bench.switch.ssh_port, bench.driver.settings.connect_ms) = (free_port(), 300);
        let failure = bench.open().await.err().expect("nothing listens");
        assert_told(&failure, Unreachable, &["refused the connection: nothing listens there"], "refused");
        let deaf = Deaf::new();
        bench.switch.ssh_port = deaf.port;
        let failure = bench.open().await.err().expect("nothing answers");
        assert_told(&failure, Unreachable, &["did not accept a connection within ssh.connect_ms"], "deaf");
        bench.until_nothing_is_left("unreachable").await;
    }
}

/// Before and behind each line of a whole visit the session drops or the switch reboots: that is a lost session whatever the
/// line was, nothing is left of it, and the next session brings the port to where it should be.
#[tokio::test]
async fn a_session_that_ends_at_any_line_is_lost_and_the_next_one_finds_out_what_became_of_the_port() {
    for personality in AT_ONCE {
        let bench = Bench::new(personality, |_| ()).await;
        let lines = bench.whole_visit().await;
        bench.until_nothing_is_left("the whole visit").await;
        let name = bench.port();
        for line in &lines {
            let (pattern, times, down_for) = (|| line.clone(), 1, Duration::ZERO);
            for fault in [
                Fault::DropBeforeCommand { pattern: pattern(), times },
                Fault::DropAfterCommand { pattern: pattern(), times },
                Fault::RebootAt { pattern: pattern(), times, down_for },
            ] {
                let what = format!("{personality:?}, {fault:?}");
                bench.device().forget_running(name.as_str());
                bench.device().order(fault);
                let failure = bench.visit(&want(MAC)).await.expect_err(&what);
                assert_told(&failure, SessionLost, &[], &what);
                bench.until_nothing_is_left(&what).await;
                assert_eq!(bench.device().pending_faults(), 0, "{what}");
                let found = bench.visit(&want(MAC)).await.expect(&what);
                assert_eq!(want(MAC).differences(&found), [], "{what}");
            }
        }
    }
}

#[tokio::test]
async fn each_refusal_has_its_class_and_words_on_every_device_and_the_session_serves_on() {
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let name = words_of(personality);
        let mut session = bench.opened().await;
        if let Some(lock) = name.lock {
            bench.device().order(Fault::LockConfiguration { times: 1 });
            let failure = bench.provision(&mut session, &want(None)).await.expect_err("locked");
            assert_told(&failure, ConfigurationLocked, &[lock], &format!("{personality:?}, locked"));
        }
        let before = session.read_port(&bench.port()).await.expect("read");
        let lines = session.render(Intent::Provision, &bench.port(), &want(MAC), &before).expect("lines");
        for line in &lines {
            let what = format!("{personality:?}, {line:?}");
            let text = name.refusal.to_owned();
            bench.device().order(Fault::Reject { pattern: line.clone(), text, times: 1 });
            let failure = session.apply_to(&bench.port(), &lines).await.expect_err(&what);
            let quoted = format!("{line:?}");
            let quoted = quoted.trim_matches('"');
            assert_told(&failure, CommandRejected, &[name.refusal, quoted], &what);
            bench.device().forget_running(bench.port().as_str());
        }
        let unknown = PortName::parse(name.no_such_port).expect("a name");
        let failure = session.read_port(&unknown).await.expect_err("no such port");
        assert_told(&failure, PortUnknown, &[name.no_such_port], &format!("{personality:?}, no such port"));
        bench.device().order(Fault::SilentAccept { pattern: name.vlan.into(), times: 1 });
        let found = bench.provision(&mut session, &want(MAC)).await.expect("nobody said no");
        let differences = want(MAC).differences(&found);
        assert_told(
            &DriverFailure::differs(&differences),
            FailureClass::ReadBackDiffers,
            &["access VLAN"],
            "swallowed",
        );
        bench.provision(&mut session, &want(MAC)).await.expect("the session serves on");
        if !SAVING.contains(&personality) {
            continue;
        }
        bench.device().order(Fault::FailSave { text: name.save_failed.into(), times: 1 });
        let failure = session.save().await.expect_err("as ordered");
        assert_told(&failure, SaveFailed, &[name.save_failed], &format!("{personality:?}, save"));
        session.save().await.expect("the next one works");
        session.close().await;
        bench.until_nothing_is_left("refusals").await;
    }
}

#[tokio::test]
async fn a_device_that_falls_silent_behind_any_line_is_given_up_with_what_was_seen_last() {
    for personality in AT_ONCE {
        let mut bench = Bench::new(personality, |_| ()).await;
        bench.driver.settings.command_ms = 150;
        bench.driver.settings.settle_ms = 50;
        let lines = bench.whole_visit().await;
        for line in &lines {
            let what = format!("{personality:?}, {line:?}");
            bench.device().order(Fault::Stall { pattern: line.clone(), duration: None, times: 1 });
            let failure = bench.visit(&want(MAC)).await.expect_err(&what);
            let told = match personality {
                Personality::RouterOs => "was not done within ssh.command_ms = 150",
                _ => "no prompt within the time limit; last seen",
            };
            assert_told(&failure, PromptNotSeen, &[told], &what);
            bench.until_nothing_is_left(&what).await;
            bench.device().clear_faults();
            bench.device().forget_running(bench.port().as_str());
        }
    }
}

/// Each in its vendor's grammar, behind the line that puts the port into its VLAN.
#[tokio::test]
async fn a_log_message_is_read_past_on_devices_that_take_no_comments_too() {
    let table = [
        (
            Personality::EdgeSwitch,
            "<14> Jan  1 00:00:00 192.168.1.2-1 TRAPMGR[1]: traputil.c(721) 42 %% Link Up: 0/9",
        ),
        (Personality::AosS, "I 01/01/90 00:00:00 00076 ports: port 9 is now on-line"),
    ];
    for (personality, line) in table {
        let bench = Bench::new(personality, |_| ()).await;
        let pattern = words_of(personality).vlan.to_owned();
        bench.device().order(Fault::Syslog { pattern, line: line.to_owned(), times: 1 });
        let mut session = bench.opened().await;
        let found = bench.provision(&mut session, &want(MAC)).await.expect("read past");
        assert_eq!(want(MAC).differences(&found), [], "{personality:?}");
        assert!(!session.take_transcript().contains("unclear"), "{personality:?}");
    }
}
