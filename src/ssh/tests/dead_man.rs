//! What the device takes back by itself: nothing that was told as done is ever taken back, and nothing that nobody has read
//! back is left standing.

use super::*;
use crate::simulator::PortConfig as SimulatedPort;
use switchyard_actors::ports::driver::PortLines;

/// Those whose changes are taken back unless they are confirmed.
const CAREFUL: [Personality; 3] = [Personality::Eos, Personality::Junos, Personality::Aoscx];

/// Whether it can be seen that a change waits; where not, what an earlier session left is confirmed and read.
fn is_told(personality: Personality) -> bool {
    personality != Personality::Aoscx
}

/// Those that edit a copy.
const CANDIDATES: [Personality; 2] = [Personality::Eos, Personality::Junos];

/// The line that arms it, and the one that confirms.
fn arming_and_confirming(personality: Personality) -> (&'static str, &'static str) {
    match personality {
        Personality::Ios | Personality::EdgeSwitch | Personality::AosS | Personality::RouterOs => {
            unreachable!("{personality:?} takes nothing back")
        }
        Personality::Eos => ("commit timer", " commit"),
        Personality::Junos => ("commit confirmed", "commit comment"),
        Personality::Aoscx => ("checkpoint auto 10", "checkpoint auto confirm"),
    }
}

impl Bench {
    async fn apply(&self, session: &mut Box<dyn SwitchSession>) -> Result<(), DriverFailure> {
        let before = session.read_port(&self.port()).await?;
        let lines = session.render(Intent::Provision, &self.port(), &want(None), &before)?;
        session.apply_to(&self.port(), &lines).await
    }

    pub fn running(&self) -> SimulatedPort {
        self.device().running(self.port().as_str()).expect("a port")
    }

    /// A session of another process: the device may take a while to see that the last one is gone.
    pub async fn reopened(&self) -> Box<dyn SwitchSession> {
        self.guard.shut_down().await;
        self.until_closed().await;
        self.opened().await
    }

    /// What is read is what stays: nothing waits to be confirmed.
    pub async fn must_stay(&self, session: &mut Box<dyn SwitchSession>, expected: &SimulatedPort) {
        session.read_port(&self.port()).await.expect("read");
        assert!(!self.device().has_pending_change(), "nothing waits when a port has been read");
        self.device().run_out();
        assert_eq!(self.running(), *expected);
    }
}

#[tokio::test]
async fn a_change_is_pending_until_it_is_confirmed_and_then_stays() {
    for personality in CAREFUL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let factory = bench.running();
        bench.apply(&mut session).await.expect("applied");
        assert!(session.takes_back() && bench.device().has_pending_change());
        assert_ne!(bench.running(), factory);
        session.confirm().await.expect("confirmed");
        assert!(!session.takes_back());
        session.probe().await.expect("the session is kept");
        let live = bench.running();
        bench.must_stay(&mut session, &live).await;
        bench.device().cut_sessions();
        drop(session);
        let mut session = bench.reopened().await;
        bench.must_stay(&mut session, &live).await;
        assert_eq!(bench.device().taken_back(), 0, "{personality:?}");
    }
}

/// Its own timer, and not an order: a minute of this device is a moment.
#[tokio::test]
async fn what_nobody_confirms_the_device_takes_back_and_it_is_never_taken_for_confirmed() {
    for personality in CAREFUL {
        // Where the time runs from before the first line, it would be up before the last.
        let minute = if is_told(personality) { Duration::from_micros(1) } else { Duration::from_secs(60) };
        let bench = Bench::new(personality, |plan| plan.minute = minute).await;
        let mut session = bench.opened().await;
        let factory = bench.running();
        bench.apply(&mut session).await.expect("applied");
        if !is_told(personality) {
            bench.device().run_out();
        }
        assert_eq!(bench.running(), factory);
        let failure = session.confirm().await.expect_err("too late");
        assert_eq!(failure.class, FailureClass::SessionLost, "{personality:?}: {failure}");
        let words = if is_told(personality) { "taken back" } else { "is not known" };
        assert!(failure.detail.contains(words), "{failure}");
        session.probe().await.expect_err("such a session is not kept");
    }
}

#[tokio::test]
async fn what_is_confirmed_after_its_minutes_is_not_believed() {
    for personality in CANDIDATES {
        let mut bench = Bench::new(personality, |_| ()).await;
        bench.driver.settings.dead_man_minutes = 0;
        let mut session = bench.opened().await;
        bench.apply(&mut session).await.expect("applied");
        let failure = session.confirm().await.expect_err("the time was up");
        assert!(failure.detail.contains("ssh.dead_man_minutes"), "{failure}");
    }
}

#[tokio::test]
async fn a_session_that_dies_before_it_confirms_leaves_nothing_that_the_next_one_reads_as_done() {
    for personality in CAREFUL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let factory = bench.running();
        bench.apply(&mut session).await.expect("applied");
        let applied = bench.running();
        bench.device().cut_sessions();
        drop(session);

        let mut session = bench.reopened().await;
        let left = if is_told(personality) { &factory } else { &applied };
        bench.must_stay(&mut session, left).await;
        assert_eq!(bench.device().taken_back(), 0, "it was taken back by us, and not by the time");
        let found = bench.provision(&mut session, &want(None)).await.expect("the same once more");
        assert_eq!(want(None).differences(&found), [], "{personality:?}");
        let live = bench.running();
        bench.must_stay(&mut session, &live).await;
    }
}

#[tokio::test]
async fn a_confirmation_that_breaks_off_leaves_what_the_next_session_reads() {
    for personality in CAREFUL {
        let (_, confirming) = arming_and_confirming(personality);
        let pattern = || confirming.to_owned();
        let mut faults = vec![
            (Fault::DropBeforeCommand { pattern: pattern(), times: 1 }, false),
            (Fault::DropAfterCommand { pattern: pattern(), times: 1 }, true),
            (Fault::Stall { pattern: pattern(), duration: None, times: 1 }, true),
            (Fault::SilentAccept { pattern: pattern(), times: 1 }, false),
            (
                Fault::Reject { pattern: pattern(), text: lines_of(personality).refusal.into(), times: 1 },
                false,
            ),
        ];
        if personality == Personality::Junos {
            // Only there one enters the configuration mode for it.
            faults.push((Fault::LockConfiguration { times: 1 }, false));
        }
        for (fault, stays) in faults {
            let mut bench = Bench::new(personality, |_| ()).await;
            bench.driver.settings.commit_ms = 1_000;
            let mut session = bench.opened().await;
            let factory = bench.running();
            bench.apply(&mut session).await.expect("applied");
            let applied = bench.running();
            bench.device().order(fault.clone());
            let failure = session.confirm().await.expect_err("as ordered");
            assert!(!failure.class.leaves_session_usable(), "{personality:?} {fault:?}: {failure}");
            session.probe().await.expect_err("such a session is not kept");
            session.save().await.expect_err("nor is anything saved that may be taken back");
            session.close().await;
            bench.device().clear_faults();

            let mut session = bench.reopened().await;
            let expected = if stays || !is_told(personality) { &applied } else { &factory };
            bench.must_stay(&mut session, expected).await;
        }
    }
}

#[tokio::test]
async fn a_commit_that_breaks_off_leaves_what_the_next_session_reads() {
    for personality in CANDIDATES {
        let (arming, _) = arming_and_confirming(personality);
        let pattern = || arming.to_owned();
        let faults = [
            Fault::DropBeforeCommand { pattern: pattern(), times: 1 },
            Fault::DropAfterCommand { pattern: pattern(), times: 1 },
            Fault::SilentAccept { pattern: pattern(), times: 1 },
        ];
        for fault in faults {
            let bench = Bench::new(personality, |_| ()).await;
            let mut session = bench.opened().await;
            let factory = bench.running();
            bench.device().order(fault.clone());
            let failure = bench.apply(&mut session).await.expect_err("as ordered");
            assert!(!failure.class.leaves_session_usable(), "{personality:?} {fault:?}: {failure}");
            session.close().await;
            let mut session = bench.reopened().await;
            bench.must_stay(&mut session, &factory).await;
        }
    }
}

#[tokio::test]
async fn nothing_is_done_while_somebody_elses_change_waits_to_be_confirmed() {
    for personality in CANDIDATES {
        let bench = Bench::new(personality, |_| ()).await;
        let other = bench.port_numbered(9);
        bench.device().change_by_hand_until_confirmed(other.as_str(), |port| port.enabled = false);
        let mut session = bench.opened().await;
        let failure = session.read_port(&bench.port()).await.expect_err("his change waits");
        assert_eq!(failure.class, FailureClass::ConfigurationLocked, "{personality:?}: {failure}");
        assert!(failure.detail.contains("somebody else's"), "{failure}");
        assert!(bench.device().has_pending_change(), "it is his to confirm");
        bench.device().run_out();
        bench.provision(&mut session, &want(None)).await.expect("now it goes");
    }
}

impl Bench {
    /// The lines that provision these ports, by their numbers.
    async fn lines(&self, session: &mut Box<dyn SwitchSession>, numbers: &[u16]) -> Vec<PortLines> {
        let mut all = Vec::new();
        for number in numbers {
            let port = self.port_numbered(*number);
            let before = session.read_port(&port).await.expect("read");
            let lines = session.render(Intent::Provision, &port, &want(None), &before).expect("lines");
            all.push(PortLines { port, lines });
        }
        all
    }

    fn vlans(&self, numbers: &[u16]) -> Vec<u16> {
        let vlan =
            |number: &u16| self.device().running(self.port_numbered(*number).as_str()).map(|p| p.access_vlan);
        numbers.iter().filter_map(vlan).collect()
    }
}

#[tokio::test]
async fn many_ports_go_in_one_commit() {
    for personality in CANDIDATES {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let lines = bench.lines(&mut session, &[1, 2, 3]).await;
        assert_eq!(session.apply(&lines).await, [Ok(()), Ok(()), Ok(())]);
        session.confirm().await.expect("confirmed");
        assert_eq!(bench.vlans(&[1, 2, 3]), [142, 142, 142]);
        let (arming, _) = arming_and_confirming(personality);
        let commits =
            bench.device().commands().iter().filter(|command| command.line.contains(arming)).count();
        assert_eq!(commits, 1, "{personality:?}");
    }
}

/// By its line, by the commit that names it, and by a commit that names nobody.
#[tokio::test]
async fn one_ports_fault_stays_its_own_however_it_is_found() {
    for personality in CANDIDATES {
        let line = lines_of(personality);
        let (arming, _) = arming_and_confirming(personality);
        let reject =
            |pattern: &str, text: String, times| Fault::Reject { pattern: pattern.into(), text, times };
        for way in ["line", "named", "unnamed"] {
            let bench = Bench::new(personality, |_| ()).await;
            let mut session = bench.opened().await;
            let mut lines = bench.lines(&mut session, &[1, 2, 3]).await;
            match way {
                "line" => {
                    let own = format!("nonsense for {}", lines[1].port);
                    lines[1].lines.push(own);
                }
                "named" => {
                    let text = format!("[edit interfaces {}]\n  'x'\n{}", lines[1].port, line.refusal);
                    bench.device().order(reject(arming, text, 1));
                }
                // The three together, and then the first alone.
                _ => bench.device().order(reject(arming, line.refusal.into(), 2)),
            }
            let applied: Vec<_> = session.apply(&lines).await.iter().map(Result::is_ok).collect();
            let expected = if way == "unnamed" { [false, true, true] } else { [true, false, true] };
            assert_eq!(applied, expected, "{personality:?} {way}: {}", session.take_transcript());
            session.confirm().await.expect("confirmed");
            let vlans = expected.map(|is_done| if is_done { 142 } else { 1 });
            assert_eq!(bench.vlans(&[1, 2, 3]), vlans, "{personality:?} {way}");
            session.probe().await.expect("the session is kept");
        }
    }
}

#[tokio::test]
async fn a_refused_commit_leaves_the_copy_clean_and_unlocked() {
    for personality in CANDIDATES {
        let (arming, _) = arming_and_confirming(personality);
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let text = lines_of(personality).refusal.to_owned();
        bench.device().order(Fault::Reject { pattern: arming.into(), text, times: 1 });
        let failure = bench.apply(&mut session).await.expect_err("as ordered");
        assert_eq!(failure.class, FailureClass::CommandRejected, "{failure}");
        assert!(!session.takes_back());
        // What was refused doesn't come with what is committed next, by us or by another.
        let mut other = bench.open_under(&SessionGuard::default()).await.expect("another session");
        let lines = bench.lines(&mut other, &[3]).await;
        assert_eq!(other.apply(&lines).await, [Ok(())], "{}", other.take_transcript());
        other.confirm().await.expect("confirmed");
        assert_eq!(bench.vlans(&[3, 7]), [142, 1], "{personality:?}");
    }
}

#[tokio::test]
async fn whoever_holds_the_configuration_is_named() {
    let bench = Bench::new(Personality::Junos, |_| ()).await;
    let mut session = bench.opened().await;
    bench.device().order(Fault::LockConfiguration { times: 1 });
    let failure = bench.apply(&mut session).await.expect_err("as ordered");
    assert_eq!(failure.class, FailureClass::ConfigurationLocked, "{failure}");
    assert!(failure.detail.contains("noc terminal p1 (pid 32260)"), "{failure}");
    bench.provision(&mut session, &want(None)).await.expect("he has gone");
}

/// Ending a subscription, suspending, taking up again and another plan are all of them what is wanted of the port.
#[tokio::test]
async fn each_intent_is_done_and_read_back() {
    let mac = Some("02:00:00:00:00:01");
    let live = want(mac);
    let suspended = PortConfig { enabled: false, ..live.clone() };
    let faster = PortConfig { down_kbps: Some(250_000), up_kbps: Some(50_000), ..live.clone() };
    let portal = VlanId::try_from(999).ok();
    let ended = PortConfig { access_vlan: portal, down_kbps: None, up_kbps: None, mac: None, ..live.clone() };
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        for wanted in [&live, &suspended, &live, &faster, &ended, &suspended, &ended] {
            let found = bench.provision(&mut session, wanted).await.expect("done");
            assert_eq!(wanted.differences(&found), [], "{personality:?}: {}", session.take_transcript());
            let running = bench.running();
            let vlan = wanted.access_vlan.map_or(1, u16::from);
            assert_eq!((running.enabled, running.access_vlan), (wanted.enabled, vlan), "{personality:?}");
            assert_eq!(running.static_macs.len(), usize::from(wanted.mac.is_some()), "{personality:?}");
        }
    }
}
