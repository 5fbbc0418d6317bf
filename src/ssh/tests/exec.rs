//! A channel a command: what has no shell, and no prompt.

use super::*;

const OPENVSWITCH: &str = include_str!("../../../config/platforms/openvswitch.toml");

#[tokio::test]
async fn a_save_of_a_file_of_ones_own_is_done_where_its_answer_says_so() {
    for (says, is_saved) in [("saved", true), ("no space left", false)] {
        let mut bench = Bench::new(Personality::RouterOs, |_| ()).await;
        let save = format!("\n[save]\ncommand = ':put \"{says}\"'\nsaved_if = '^saved$'\n");
        with_platform(&mut bench, |text| text.to_owned() + &save);
        let mut session = bench.opened().await;
        let came = session.save().await;
        assert_eq!(came.is_ok(), is_saved, "{came:?}");
        if let Err(failure) = came {
            assert_eq!(failure.class, FailureClass::SaveFailed, "{failure}");
            assert!(failure.detail.contains(says), "{failure}");
        }
        let told = bench.device().commands().iter().any(|command| command.line.contains(says));
        assert!(told, "it was asked of the device");
        session.close().await;
    }
}

#[test]
fn nothing_can_be_asked_where_nobody_listens() {
    let save = "\n[save]\ncommand = 'x'\nsaved_if = 'y'\nquestions = [{ pattern = 'sure', answer = 'y' }]\n";
    let faulty = Platform::parse("own.toml", &(OPENVSWITCH.to_owned() + save)).expect_err("faulty");
    assert!(faulty.to_string().starts_with("own.toml: save.questions: "), "{faulty}");
}

#[test]
fn without_a_way_back_of_its_own_a_port_is_brought_back_as_it_is_provisioned() {
    let platform = Platform::parse("openvswitch.toml", OPENVSWITCH).expect("built in");
    let port = PortName::parse("p1").expect("valid");
    let (lit, bare) = (want(Some("02:00:00:00:00:01")), PortConfig::default());
    let lines = |intent| platform.lines(intent, &port, &lit, &bare).expect("lines");
    assert!(!lines(Intent::Restore).is_empty());
    assert_eq!(lines(Intent::Restore), lines(Intent::Provision));
}
