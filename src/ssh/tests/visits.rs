//! Many ports in one stay in the configuration mode, and many lines in one round trip.

use super::super::scanner::{Scanner, Seen};
use super::*;
use switchyard_actors::ports::driver::PortLines;

/// How far away a switch is in these tests.
const FAR: Duration = Duration::from_millis(60);

fn addressed(number: u16) -> PortConfig {
    want(Some(&format!("02-00-5E-10-00-{number:02x}")))
}

/// The lines of these ports, which were read first.
async fn rendered(bench: &Bench, session: &mut Box<dyn SwitchSession>, ports: &[PortName]) -> Vec<PortLines> {
    let mut all = Vec::new();
    for (number, port) in (1..).zip(ports) {
        let before = session.read_port(&bench.port_numbered(number)).await.expect("read");
        let lines = session.render(Intent::Provision, port, &addressed(number), &before).expect("lines");
        all.push(PortLines { port: port.clone(), lines });
    }
    all
}

/// Reads these ports, and sends them all lines at once.
async fn applied(
    bench: &Bench,
    session: &mut Box<dyn SwitchSession>,
    ports: &[PortName],
) -> Vec<Result<(), DriverFailure>> {
    let all = rendered(bench, session, ports).await;
    session.apply(&all).await
}

/// The last line that this port has alone.
fn own_line(all: &[PortLines], at: usize) -> &String {
    let is_own = |line: &&String| all.iter().filter(|port| port.lines.contains(line)).count() == 1;
    all[at].lines.iter().rfind(is_own).expect("its name is in one at least")
}

fn ports(bench: &Bench, count: u16) -> Vec<PortName> {
    (1..=count).map(|number| bench.port_numbered(number)).collect()
}

fn lines_received(bench: &Bench, line: &str) -> usize {
    bench.device().commands().iter().filter(|command| command.line == line).count()
}

async fn must_be_as_wanted(bench: &Bench, session: &mut Box<dyn SwitchSession>, number: u16) {
    let found = session.read_port(&bench.port_numbered(number)).await.expect("read");
    assert_eq!(addressed(number).differences(&found), [], "port {number}");
}

#[tokio::test]
async fn many_ports_are_configured_in_one_stay_and_each_says_what_was_said_about_it() {
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        drop(session.take_transcript());
        let ports = ports(&bench, 5);
        assert_eq!(applied(&bench, &mut session, &ports).await, vec![Ok(()); 5], "{personality:?}");
        if personality == Personality::Ios {
            assert_eq!((lines_received(&bench, "configure terminal"), lines_received(&bench, "end")), (1, 1));
            let third = session.take_transcript_of(&ports[2]);
            assert!(third.contains("0200.5e10.0003") && !third.contains("0200.5e10.0002"), "{third}");
        }
        for number in 1..=5 {
            must_be_as_wanted(&bench, &mut session, number).await;
        }
        session.confirm().await.expect("confirmed");
        session.close().await;
    }
}

#[tokio::test]
async fn on_every_device_one_port_of_three_that_is_refused_is_undone_alone_and_the_others_are_done() {
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let all = rendered(&bench, &mut session, &ports(&bench, 3)).await;
        let before = session.read_port(&all[1].port).await.expect("read");
        let text = lines_of(personality).refusal.to_owned();
        bench.device().order(Fault::Reject { pattern: own_line(&all, 1).clone(), text, times: 1 });
        let answers = session.apply(&all).await;
        let classes = answers.iter().map(|answer| answer.as_ref().err().map(|failure| failure.class));
        let refused = Some(FailureClass::CommandRejected);
        assert_eq!(classes.collect::<Vec<_>>(), [None, refused, None], "{personality:?}: {answers:?}");
        assert_eq!(bench.device().pending_faults(), 0, "{personality:?}");
        undo(&mut session, &all[1].port, &before).await;
        for number in [1, 3] {
            must_be_as_wanted(&bench, &mut session, number).await;
        }
        session.close().await;
    }
}

/// Leaving it and entering it again costs two lines more a port, and whatever is locked is given up in between.
#[tokio::test]
async fn the_configuration_mode_is_entered_once_for_all_ports_of_a_visit() {
    for personality in shells() {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let all = rendered(&bench, &mut session, &ports(&bench, 3)).await;
        let before = bench.device().commands().len();
        assert_eq!(session.apply(&all).await, vec![Ok(()); 3], "{personality:?}");
        let commands = bench.device().commands().split_off(before);
        // Beside those that are among the ports' own lines.
        let sent = |is_it: &dyn Fn(&str) -> bool| {
            let own = as_sent(personality, &all).filter(|line| is_it(line)).count();
            commands.iter().filter(|command| is_it(&command.line)).count() - own
        };
        let entering = lines_of(personality).enter;
        assert_eq!(sent(&|line| line.starts_with(entering)), 1, "{personality:?}");
        let platforms = shipped();
        let shell = platforms.get(personality.platform()).and_then(|platform| platform.shell.as_ref());
        for between in shell.and_then(|shell| shell.between_ports.as_ref()).into_iter().flatten() {
            assert_eq!(sent(&|line| line == between), 2, "{personality:?}: {between:?}");
        }
        for number in 1..=3 {
            must_be_as_wanted(&bench, &mut session, number).await;
        }
        session.close().await;
    }
}

/// Reads all these ports, as a visit does, and says how long that took.
async fn read_all(session: &mut Box<dyn SwitchSession>, ports: &[PortName]) -> (Vec<PortConfig>, Duration) {
    let began = Instant::now();
    let mut all = Vec::new();
    for group in ports.chunks(session.reads_at_once()) {
        session.expect_reads(group);
        for port in group {
            all.push(session.read_port(port).await.expect("read"));
        }
    }
    (all, began.elapsed())
}

#[tokio::test]
async fn ports_that_are_read_in_one_go_cost_a_round_trip_together_and_each_has_its_own_transcript() {
    let bench = Bench::new(Personality::Ios, |plan| plan.round_trip = FAR).await;
    let mut session = bench.opened().await;
    let ports = ports(&bench, 8);
    let all = rendered(&bench, &mut session, &ports).await;
    assert_eq!(session.apply(&all).await, vec![Ok(()); 8]);
    drop(session.take_transcript());
    let (found, took) = read_all(&mut session, &ports).await;
    for (number, found) in (1..).zip(&found) {
        assert_eq!(addressed(number).differences(found), [], "port {number}");
    }
    assert!(took < FAR * 8, "{took:?} for eight round trips of {FAR:?}");
    session.expect_reads(&ports);
    drop(session.take_transcript());
    session.read_port(&ports[2]).await.expect("read");
    let said = session.take_transcript();
    assert!(said.contains("0200.5e10.0003") && !said.contains("0200.5e10.0002"), "{said}");
    session.close().await;
}

#[tokio::test]
async fn what_was_read_ahead_counts_no_more_once_anything_was_sent() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    let ports = ports(&bench, 3);
    let all = rendered(&bench, &mut session, &ports).await;
    session.expect_reads(&ports);
    session.read_port(&ports[0]).await.expect("read");
    assert_eq!(session.apply(&all).await, vec![Ok(()); 3]);
    must_be_as_wanted(&bench, &mut session, 2).await;
    session.close().await;
}

#[tokio::test]
async fn what_was_read_ahead_counts_no_more_once_nothing_is_expected() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let (mut session, mut another) = (bench.opened().await, bench.open_under(&SessionGuard::default()).await);
    let another = another.as_mut().expect("a second session");
    let ports = ports(&bench, 3);
    let all = rendered(&bench, another, &ports).await;
    session.expect_reads(&ports);
    session.read_port(&ports[0]).await.expect("read");
    session.expect_reads(&[]);
    assert_eq!(another.apply(&all).await, vec![Ok(()); 3]);
    must_be_as_wanted(&bench, &mut session, 2).await;
    session.close().await;
}

#[tokio::test]
async fn a_port_that_is_not_there_and_one_whose_answer_is_garbled_cost_those_read_with_them_nothing() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    let mut ports = ports(&bench, 4);
    ports[1] = PortName::parse("GigabitEthernet1/0/99").expect("valid");
    bench.device().order(Fault::Garble { pattern: format!("interface {}", ports[2]), times: 1 });
    session.expect_reads(&ports);
    for (place, port) in ports.iter().enumerate() {
        let read = session.read_port(port).await;
        let class = read.err().map(|failure| failure.class);
        assert_eq!(class, (place == 1).then_some(FailureClass::PortUnknown), "{port}");
    }
    assert_eq!(bench.device().pending_faults(), 0);
    session.close().await;
}

#[tokio::test]
async fn a_session_that_lost_its_privilege_while_ports_are_read_says_so() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    let ports = ports(&bench, 4);
    let pattern = format!("interface {}", ports[2]);
    bench.device().order(Fault::FallBack { pattern, to: FallBack::User, times: 1 });
    session.expect_reads(&ports);
    let mut classes = Vec::new();
    for port in &ports[..3] {
        classes.push(session.read_port(port).await.err().map(|failure| failure.class));
    }
    assert_eq!(classes, [None, None, Some(FailureClass::SessionLost)]);
    session.close().await;
}

/// How many lines at the head of a port's are for every port.
fn shared(personality: Personality, lines: &[String]) -> usize {
    let platforms = shipped();
    let shell = platforms.get(personality.platform()).and_then(|platform| platform.shell.as_ref());
    shell.map_or(0, |shell| shell.shared(lines).len())
}

/// The lines of ports that want the same, as they are sent in one stay.
fn as_sent(personality: Personality, all: &[PortLines]) -> impl Iterator<Item = &String> {
    let of = move |(place, port): (usize, &'_ PortLines)| {
        if place == 0 { 0 } else { shared(personality, &port.lines) }
    };
    all.iter().enumerate().flat_map(move |port| port.1.lines[of(port)..].iter())
}

#[tokio::test]
async fn what_every_port_of_a_stay_wants_is_sent_once_and_again_where_it_was_refused() {
    let with_policies = [Personality::Ios, Personality::Eos, Personality::Aoscx, Personality::EdgeSwitch];
    for (personality, is_refused) in with_policies.iter().flat_map(|one| [(*one, false), (*one, true)]) {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        let all = rendered(&bench, &mut session, &ports(&bench, 3)).await;
        let policy =
            all[0].lines.iter().find(|line| line.starts_with("policy")).expect("a speed is one").clone();
        if is_refused {
            let text = lines_of(personality).refusal.to_owned();
            bench.device().order(Fault::Reject { pattern: policy.clone(), text, times: 1 });
        }
        let answers = session.apply(&all).await;
        assert_eq!(answers[0].is_err(), is_refused, "{personality:?}: {answers:?}");
        assert_eq!(answers[1..], vec![Ok(()); 2], "{personality:?}");
        // With a candidate the next round begins anew; what was refused stands nowhere.
        let times = if is_refused { 2 } else { 1 };
        assert_eq!(lines_received(&bench, &policy), times, "{personality:?}: {policy}");
        for number in 2..=3 {
            must_be_as_wanted(&bench, &mut session, number).await;
        }
        session.close().await;
    }
}

#[tokio::test]
async fn a_port_that_refuses_a_line_is_refused_alone_and_the_others_lines_do_not_reach_it() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    bench.device().order(Fault::Reject {
        pattern: "port-security mac-address 0200.5e10.0002".into(),
        text: "Found duplicate mac-address 0200.5e10.0002.".into(),
        times: 1,
    });
    let answers = applied(&bench, &mut session, &ports(&bench, 4)).await;
    let refused = answers[1].clone().expect_err("it was refused");
    assert_eq!(refused.class, FailureClass::CommandRejected);
    assert!(refused.detail.contains("Found duplicate mac-address"), "{refused}");
    assert!([0, 2, 3].iter().all(|at| answers[*at] == Ok(())), "{answers:?}");
    for number in [1, 3, 4] {
        must_be_as_wanted(&bench, &mut session, number).await;
    }
    // Where it stood then nobody knows, so the mode was left and entered again.
    assert_eq!(lines_received(&bench, "configure terminal"), 2);
    let half = bench.device().running(bench.port_numbered(2).as_str()).expect("a port");
    assert!(half.static_macs.is_empty() && !half.port_security, "{half:?}");
}

#[tokio::test]
async fn a_line_that_is_refused_within_a_block_is_told_with_what_was_sent_behind_it() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    let text = "% Invalid input detected at '^' marker.".into();
    bench.device().order(Fault::Reject { pattern: "access vlan 142".into(), text, times: 1 });
    let answers = applied(&bench, &mut session, &ports(&bench, 1)).await;
    let refused = answers[0].clone().expect_err("it was refused");
    assert_eq!(refused.class, FailureClass::CommandRejected);
    assert!(refused.detail.contains("5 behind it sent with it, 2 behind it not sent"), "{refused}");
    let half = bench.device().running(bench.port().as_str()).expect("a port");
    assert!(!half.port_security, "{half:?}");
}

#[tokio::test]
async fn lines_of_a_port_that_is_not_there_do_not_reach_the_port_before_it() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    let mut ports = ports(&bench, 3);
    ports[1] = PortName::parse("GigabitEthernet1/0/99").expect("valid");
    let answers = applied(&bench, &mut session, &ports).await;
    assert!(answers[0].is_ok() && answers[1].is_err() && answers[2].is_ok(), "{answers:?}");
    must_be_as_wanted(&bench, &mut session, 1).await;
    must_be_as_wanted(&bench, &mut session, 3).await;
}

#[tokio::test]
async fn a_lock_that_another_holds_fails_every_port_and_a_session_that_breaks_all_behind_it() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    bench.device().order(Fault::LockConfiguration { times: 1 });
    let classes = |answers: Vec<Result<(), DriverFailure>>| {
        answers.into_iter().map(|answer| answer.err().map(|failure| failure.class)).collect::<Vec<_>>()
    };
    let locked = classes(applied(&bench, &mut session, &ports(&bench, 3)).await);
    assert_eq!(locked, [Some(FailureClass::ConfigurationLocked); 3]);
    bench.device().order(Fault::DropBeforeCommand { pattern: "0200.5e10.0002".into(), times: 1 });
    let lost = classes(applied(&bench, &mut session, &ports(&bench, 3)).await);
    assert_eq!(lost, [None, Some(FailureClass::SessionLost), Some(FailureClass::SessionLost)]);
}

#[tokio::test]
async fn lines_that_may_be_sent_together_cost_a_round_trip_a_block_and_not_one_a_line() {
    let bench = Bench::new(Personality::Ios, |plan| plan.round_trip = FAR).await;
    let mut session = bench.opened().await;
    let before = session.read_port(&bench.port()).await.expect("read");
    let lines = session.render(Intent::Provision, &bench.port(), &addressed(1), &before).expect("lines");
    let began = Instant::now();
    session.apply_to(&bench.port(), &lines).await.expect("applied");
    let round_trips = began.elapsed().div_duration_f64(FAR);
    // Entering and leaving, and a third of what the lines would cost one by one; it can't be less than the blocks.
    let most = 2.0 + 0.6 * lines.len() as f64;
    assert!(round_trips < most, "{round_trips:.1} round trips for {} lines", lines.len());
    assert!(round_trips > 2.0, "the switch is far away");
}

#[tokio::test]
async fn a_session_that_falls_out_of_its_mode_within_a_block_has_said_nothing_about_any_line() {
    let bench = Bench::new(Personality::Ios, |_| ()).await;
    let mut session = bench.opened().await;
    let fall_back = Fault::FallBack { pattern: "access vlan".into(), to: FallBack::Privileged, times: 1 };
    bench.device().order(fall_back);
    let answers = applied(&bench, &mut session, &ports(&bench, 1)).await;
    let failure = answers[0].clone().expect_err("it fell out");
    assert_eq!(failure.class, FailureClass::SessionLost, "{failure}");
}

#[test]
fn answers_of_a_block_are_the_same_however_its_bytes_come_and_none_is_whole_before_its_comment() {
    let platforms = Platforms::load(None).expect("the built-in platforms");
    let shell = platforms.get("cisco_ios").and_then(|platform| platform.shell.as_ref()).expect("it has one");
    let lines = [("switchport access vlan 142", "! a1"), ("bogus", "! a2"), ("no shutdown", "! a3")];
    let said = "switchport access vlan 142\r\n% Access VLAN does not exist. Creating vlan 142\r\n\
                sw(config-if)#! a1\r\nsw(config-if)#bogus\r\n              ^\r\n% Invalid input detected at '^' marker.\r\n\r\n\
                sw(config-if)#! a2\r\nsw(config-if)#no shutdown\r\nsw(config-if)#! a3\r\nsw(config-if)#";
    let heard = |parts: &[&str]| {
        let mut scanner = Scanner::new(10_000);
        let lines = lines.iter().map(|(line, comment)| ((*line).to_owned(), (*comment).to_owned()));
        scanner.begin_block(lines.collect());
        parts.iter().for_each(|part| scanner.feed(part.as_bytes()));
        (scanner.look(shell, &[]), scanner.block_answers(shell))
    };
    let (seen, whole) = heard(&[said]);
    assert_eq!(seen, Seen::Prompt);
    let texts: Vec<_> = whole.iter().map(|(answer, _)| answer.text.trim()).collect();
    let refused = "^\n% Invalid input detected at '^' marker.";
    assert_eq!(texts, ["% Access VLAN does not exist. Creating vlan 142", refused, ""]);
    assert!(
        whole.iter().all(|(answer, prompt)| answer.is_whole && prompt.as_deref() == Some("sw(config-if)#"))
    );
    for at in 0..said.len() {
        let (first, rest) = said.split_at(at);
        assert_eq!(heard(&[first, rest]), (Seen::Prompt, whole.clone()), "split at {at}");
        let (seen, cut) = heard(&[first]);
        assert_ne!(seen, Seen::Prompt, "cut at {at}");
        let sure = cut.iter().zip(&whole).filter(|((answer, _), _)| answer.is_whole);
        sure.for_each(|(found, expected)| assert_eq!(found, expected, "cut at {at}"));
    }
}
