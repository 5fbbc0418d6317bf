//! The driver against a real router's command line: real modes, prompts, echoes and refusals, a pager that is a program, a
//! session that is killed, and a file that may not be written.

use super::router::{INTERFACE, Router, Who, missing_tool, reason};
use super::{MAC, config, port, undo, verify_each};
use crate::harness::story;
use crate::real_switch::{has_tools, lab, say};
use switchyard_actors::domain::config::PortConfig;
use switchyard_actors::domain::failure::FailureClass;

fn router_or_reason() -> Option<Router> {
    if !has_tools("peers", missing_tool()) {
        return None;
    }
    let Some(reason) = reason().or_else(lab::no_namespaces) else { return Some(Router::build()) };
    say(&format!("peers proves nothing of FRRouting: {reason}"));
    None
}

#[test]
fn what_is_written_stands_in_the_kernel_is_read_back_and_is_undone_framed_by_comments() {
    let Some(router) = router_or_reason() else { return };
    story(async {
        let name = port(INTERFACE);
        let mut session = router.peer(Who::Operator).session().await;
        let before = session.read_port(&name).await.expect("read");
        assert!(before.enabled && router.is_up());
        let live = config(142, Some((100_000, 20_000)), Some(MAC));
        let dark = PortConfig { enabled: false, ..live.clone() };
        verify_each(&mut *session, &name, &[live.clone(), dark]).await;
        assert!(!router.is_up(), "dark in the kernel too");
        verify_each(&mut *session, &name, &[live]).await;
        assert!(router.is_up());
        undo(&mut *session, &name, &before).await;
        let transcript = session.take_transcript();
        assert!(!transcript.contains("takes no comments"), "{transcript}");
        session.close().await;
    });
}

#[test]
fn what_the_router_does_not_know_is_refused_by_its_class_and_the_session_goes_on() {
    let Some(router) = router_or_reason() else { return };
    story(async {
        let name = port(INTERFACE);
        let mut session = router.peer(Who::Operator).session().await;
        let unknown = session.read_port(&port("swp9")).await.expect_err("no such interface");
        assert_eq!(unknown.class, FailureClass::PortUnknown, "{unknown}");
        let lines = ["interface swp1", "switchport access vlan 142", "shutdown"].map(str::to_owned);
        let rejected = session.apply_to(&name, &lines).await.expect_err("a router has no VLANs");
        assert_eq!(rejected.class, FailureClass::CommandRejected, "{rejected}");
        assert!(rejected.detail.contains("line 2 of 3 was refused"), "{rejected}");
        assert!(session.read_port(&name).await.expect("read").enabled, "the third line was never sent");
        session.close().await;
    });
}

#[test]
fn a_save_is_done_for_who_may_and_is_a_failed_save_for_who_may_not() {
    let Some(router) = router_or_reason() else { return };
    story(async {
        let name = port(INTERFACE);
        let live = config(142, Some((100_000, 20_000)), None);
        let mut guest = router.peer(Who::Guest).session().await;
        verify_each(&mut *guest, &name, std::slice::from_ref(&live)).await;
        let refused = guest.save().await.expect_err("not the guest's to write");
        assert_eq!(refused.class, FailureClass::SaveFailed, "{refused}");
        assert!(refused.detail.contains("Permission denied"), "{refused}");
        assert_eq!(router.saved(), "");
        assert_eq!(live.differences(&guest.read_port(&name).await.expect("the session goes on")), []);
        guest.close().await;

        let mut operator = router.peer(Who::Operator).session().await;
        operator.save().await.unwrap_or_else(|failure| panic!("{failure}: {}", operator.take_transcript()));
        assert!(router.saved().contains("description vlan 142 down 100000 up 20000"), "{}", router.saved());
        operator.close().await;
    });
}

#[test]
fn a_killed_session_is_lost_and_the_next_one_finds_what_was_written() {
    let Some(router) = router_or_reason() else { return };
    story(async {
        let name = port(INTERFACE);
        let live = config(142, Some((100_000, 20_000)), None);
        let mut session = router.peer(Who::Operator).session().await;
        verify_each(&mut *session, &name, std::slice::from_ref(&live)).await;
        router.cut_session();
        let lost = session.read_port(&name).await.expect_err("killed");
        assert_eq!(lost.class, FailureClass::SessionLost, "{lost}");
        session.close().await;
        let mut next = router.peer(Who::Operator).session().await;
        assert_eq!(live.differences(&next.read_port(&name).await.expect("read")), []);
        next.close().await;
    });
}

#[test]
fn an_answer_that_comes_through_a_real_pager_is_read_whole() {
    let Some(router) = router_or_reason() else { return };
    story(async {
        let name = port(INTERFACE);
        let live = config(142, Some((100_000, 20_000)), Some(MAC));
        let mut operator = router.peer(Who::Operator).session().await;
        verify_each(&mut *operator, &name, std::slice::from_ref(&live)).await;
        let plainly = operator.read_port(&name).await.expect("read");
        operator.close().await;
        let mut reader = router.peer(Who::Reader).session().await;
        let read = reader.read_port(&name).await;
        let read = read.unwrap_or_else(|failure| panic!("{failure}: {}", reader.take_transcript()));
        assert_eq!(read, plainly);
        reader.close().await;
    });
}
