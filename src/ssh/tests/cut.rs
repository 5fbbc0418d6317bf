//! Connects that are cut anywhere between the first byte and the prompt, by the peer, by our deadlines, and by whoever has no
//! more time for them: what is left afterwards is counted.

use super::cutter::{Cutter, Elsewhere, Ending};
use super::*;
use std::collections::BTreeSet;
use switchyard_actors::domain::legacy_algorithm::LegacyAlgorithm;
use tokio::sync::watch;

/// Places at which a session's opening is cut, spread over all its bytes.
const PLACES: usize = 32;

/// Who ends it.
#[derive(Debug, Clone, Copy)]
enum CutBy {
    Peer,
    Deadline,
    Caller,
}

pub struct Range {
    pub driver: Driver,
    pub switch: Switch,
    pub guard: SessionGuard,
    pub cutter: Cutter,
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

impl Range {
    /// In front of a switch, with a driver whose deadlines are short.
    async fn before(elsewhere: &Elsewhere) -> Self {
        let cutter = Cutter::before(elsewhere.address);
        let bench = Bench::new(Personality::Ios, |_| ()).await;
        let mut switch = bench.switch.clone();
        switch.ssh_port = cutter.address().port();
        switch.host_key = Some(elsewhere.host_key.clone());
        let settings = hasty(bench.driver.settings.clone());
        bench.fleet.stop().await;
        let driver = Driver::new(settings, Platforms::load(None).expect("the built-in platforms"));
        Self { driver, switch, guard: SessionGuard::default(), cutter }
    }

    /// Until no task of this test's runtime, no socket to the cutter, and no permit of the guard is left.
    async fn until_nothing_is_left(&self, of: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let tasks = tasks() + self.driver.lane.get().map_or(0, |lane| lane.tasks());
            let left = (tasks, self.cutter.sockets_to(), self.guard.is_open());
            if left == (0, 0, false) {
                return;
            }
            assert!(Instant::now() < deadline, "{of}: tasks, sockets, permit: {left:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Until there is nothing left to read, and nothing more comes.
    async fn until_all_is_read(&self, mut stalls: watch::Receiver<usize>) {
        stalls.changed().await.expect("the cutter lives");
        while !self.cutter.is_all_read() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Uncut. Where the machine is slow the hasty limits cut it, too; that it opens at all is waited for.
    async fn opened(&self) -> Box<dyn SwitchSession> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.driver.open(&self.switch, &self.guard, &mut String::new()).await {
                Ok(session) => return session,
                Err(failure) => assert!(Instant::now() < deadline, "uncut, it opens: {failure}"),
            }
            self.until_nothing_is_left("not opened in time").await;
        }
    }

    /// Cuts at each of `places` in each way; the classes of the failures.
    pub async fn cut_everywhere(&self, places: usize) -> BTreeSet<FailureClass> {
        let session = self.opened().await;
        let whole = self.cutter.passed();
        session.close().await;
        self.until_nothing_is_left("uncut").await;
        let mut classes = BTreeSet::new();
        for place in 0..places {
            let bytes = place * whole / places;
            for cut in [CutBy::Peer, CutBy::Deadline, CutBy::Caller] {
                let failure = self.open_cut(bytes, cut).await;
                classes.extend(failure.map(|failure| failure.class));
                self.until_nothing_is_left(&format!("{cut:?} after {bytes} of {whole}")).await;
            }
        }
        classes
    }

    async fn open_cut(&self, bytes: usize, cut: CutBy) -> Option<DriverFailure> {
        let ending = match cut {
            CutBy::Peer => Ending::Close,
            CutBy::Deadline | CutBy::Caller => Ending::Stall,
        };
        self.cutter.cut_after(bytes, ending);
        let stalls = self.cutter.stalls();
        let mut said = String::new();
        let opening = self.driver.open(&self.switch, &self.guard, &mut said);
        let failure = match cut {
            CutBy::Peer | CutBy::Deadline => Some(opening.await.err().expect("it was cut")),
            // It may be faster to notice than the caller is to see that it has all there is.
            CutBy::Caller => tokio::select! {
                biased;
                () = self.until_all_is_read(stalls) => None,
                opened = opening => Some(opened.err().expect("it was cut")),
            },
        };
        if let Some(failure) = &failure {
            assert!(!failure.detail.contains(PASSWORD), "{failure}");
        }
        failure
    }
}

pub fn hasty(settings: Settings) -> Settings {
    Settings { key_exchange_ms: 200, authentication_ms: 200, channel_ms: 200, command_ms: 200, ..settings }
}

#[tokio::test]
async fn a_connect_that_is_cut_at_any_byte_by_anyone_leaves_no_task_and_no_socket() {
    let elsewhere = Elsewhere::switch(PASSWORD, |_| ());
    let range = Range::before(&elsewhere).await;
    must_have_met_every_phase(&range.cut_everywhere(PLACES).await);
    assert!(range.driver.lane.get().is_none(), "no old key exchange, no lane");
}

#[tokio::test]
async fn nor_does_one_on_the_lane_of_old_key_exchange() {
    let elsewhere = Elsewhere::switch(PASSWORD, SimulatedSwitch::offer_only_old_algorithms);
    let mut range = Range::before(&elsewhere).await;
    let old = ["diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha1"];
    range.switch.allow_algorithms =
        old.iter().map(|name| LegacyAlgorithm::parse(name).expect("old")).collect();
    // Its own arithmetic, and the switch's, are in the way of a hasty deadline.
    range.driver.settings.key_exchange_ms = 1_000;
    must_have_met_every_phase(&range.cut_everywhere(PLACES / 2).await);
    assert!(range.driver.lane.get().is_some(), "it ran on the lane");
}

fn must_have_met_every_phase(classes: &BTreeSet<FailureClass>) {
    for class in [FailureClass::NoFreeVty, FailureClass::KeyExchangeFailed, FailureClass::SessionLost] {
        assert!(classes.contains(&class), "every phase was cut: {classes:?}");
    }
}
