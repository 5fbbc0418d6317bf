//! What a subscription goes through, as each platform's file renders it: every step is a want, and each is read back.

use super::*;

fn portal() -> PortConfig {
    PortConfig { access_vlan: VlanId::try_from(999).ok(), down_kbps: None, up_kbps: None, ..want(None) }
}

fn faster(mac: Option<&str>) -> PortConfig {
    PortConfig { down_kbps: Some(250_000), up_kbps: Some(50_000), ..want(mac) }
}

#[tokio::test]
async fn a_port_is_lit_suspended_reactivated_given_another_plan_and_handed_to_the_captive_portal() {
    let mac = Some("02:00:00:00:00:01");
    let suspended = |plan: PortConfig| PortConfig { enabled: false, ..plan };
    let life = [
        want(mac),
        suspended(want(mac)),
        want(mac),
        faster(mac),
        suspended(faster(mac)),
        portal(),
        want(None),
    ];
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        for (step, wanted) in life.iter().enumerate() {
            let found = bench.provision(&mut session, wanted).await.expect("done");
            assert_eq!(wanted.differences(&found), [], "{personality:?}, step {step}");
        }
        session.close().await;
    }
}

#[tokio::test]
async fn each_step_of_a_life_is_undone() {
    let mac = Some("02:00:00:00:00:01");
    let suspended = PortConfig { enabled: false, ..want(mac) };
    for personality in Personality::ALL {
        let bench = Bench::new(personality, |_| ()).await;
        let mut session = bench.opened().await;
        for (before, wanted) in
            [(want(mac), suspended.clone()), (suspended.clone(), faster(mac)), (want(mac), portal())]
        {
            bench.provision(&mut session, &before).await.expect("done");
            let stood = session.read_port(&bench.port()).await.expect("read");
            bench.provision(&mut session, &wanted).await.expect("done");
            undo(&mut session, &bench.port(), &stood).await;
        }
        session.close().await;
    }
}
