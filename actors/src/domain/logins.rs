//! Whether switches are logged into at all. When many refuse at once, the authentication service behind them is down: another
//! try would be refused too, and counted against the account.
//!
//! ```text
//!              Refused, by enough switches
//!   Trusted ──────────────────────────────▶ Paused ◀───────────────────────────┐
//!      ▲                                      │ Asked, once `until` is past     │ Refused: a longer pause
//!      │             LoggedIn, by the probe   ▼                                 │ Abandoned: another may at once
//!      └─────────────────────────────────── Probing ───────────────────────────┘
//! ```
//!
//! A refusal while logins are trusted isn't judged at once: for a window it waits whether other switches refuse too. If they
//! do, it was nobody's fault, and is tried again after the pause; if not, it was the switch's own. It takes as many switches as
//! the policy says, and no fewer than have logged in within the window: some wrong passwords in a fleet that is at work are no
//! outage. Who was refused before a pause, and is again after it, counts for no second one: else some wrong passwords
//! could bring one pause after another. Times are milliseconds of a clock that is never set.

use super::ids::SwitchId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who was refused may probe only this part of a pause later: the word of another tells more.
const OTHERS_FIRST: u64 = 4;

/// When logins are paused, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginPolicy {
    /// Switches that refuse within the window; 0 never pauses.
    pub refused_switches: usize,
    /// The window.
    pub window_millis: u64,
    /// The first pause; it doubles with each probe that is refused.
    pub first_pause_millis: u64,
    /// The longest.
    pub longest_pause_millis: u64,
}

impl LoginPolicy {
    fn pause_millis(&self, failed_probes: u32) -> u64 {
        let doubled = self.first_pause_millis.saturating_mul(1 << failed_probes.min(20));
        doubled.min(self.longest_pause_millis)
    }
}

/// What came of logins lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lately {
    refused: BTreeMap<SwitchId, u64>,
    logged_in: VecDeque<u64>,
    /// Refused before the last pause, and not logged into since; and until when that is remembered.
    suspects: BTreeSet<SwitchId>,
    suspected_until: u64,
    /// When the last pause began.
    paused_at: Option<u64>,
}

/// A pause, from its beginning to the probe that ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub since: u64,
    /// Probes that were refused.
    pub failed_probes: u32,
    /// Who refused.
    pub refused: BTreeSet<SwitchId>,
}

/// Whether logins are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logins {
    /// They are.
    Trusted(Lately),
    /// No session is opened.
    Paused {
        /// Since when, and why.
        pause: Pause,
        /// From then on one switch may try.
        until: u64,
    },
    /// One switch tries, the others wait.
    Probing {
        /// Since when, and why.
        pause: Pause,
        /// Which.
        probe: SwitchId,
    },
}

impl Default for Logins {
    fn default() -> Self {
        Self::Trusted(Lately::default())
    }
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginsEvent {
    /// A session with it is to be opened.
    Asked {
        /// Which.
        switch: SwitchId,
    },
    /// It let us in.
    LoggedIn {
        /// Which.
        switch: SwitchId,
    },
    /// It refused the login.
    Refused {
        /// Which.
        switch: SwitchId,
    },
    /// Whoever was refused has waited for what others meet.
    Waited {
        /// Which.
        switch: SwitchId,
        /// When it was refused.
        refused_at: u64,
    },
    /// The opening came to an end that says nothing about logins.
    Abandoned {
        /// Which.
        switch: SwitchId,
    },
}

/// What whoever asked, or told, is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginsEffect {
    /// Nothing.
    None,
    /// Open the session.
    LetThrough,
    /// Ask again at this moment, or when something changes.
    HoldBack {
        /// The moment.
        until: u64,
    },
    /// Wait for what others meet, up to this moment.
    AwaitOthers {
        /// The moment.
        until: u64,
    },
    /// The refusal was the switch's own.
    Blame,
    /// Tell the operator that logins are paused; then as [`Self::HoldBack`].
    TellPaused {
        /// When one switch may try.
        until: u64,
    },
    /// Tell the operator that a probe was refused; then as [`Self::HoldBack`].
    TellStillRefused {
        /// When one switch may try again.
        until: u64,
    },
    /// Tell the operator that the pause is over.
    TellResumed,
}

impl Logins {
    /// The rule. Every event makes sense in every state: an opening may have begun under another.
    #[must_use]
    pub fn apply(self, event: LoginsEvent, now: u64, policy: &LoginPolicy) -> (Self, LoginsEffect) {
        use LoginsEffect as Do;
        use LoginsEvent as E;
        match (self, event) {
            (state, E::Asked { switch }) => state.asked(switch, now, policy),

            (Self::Trusted(lately), E::LoggedIn { switch }) => {
                (Self::Trusted(lately.logged_in(&switch, now, policy)), Do::None)
            }
            (Self::Trusted(lately), E::Refused { switch }) => lately.refused(switch, now, policy),
            (Self::Trusted(lately), E::Waited { switch: _, refused_at }) => {
                let effect = lately.waited(refused_at, now, policy);
                (Self::Trusted(lately), effect)
            }
            (state @ Self::Trusted(_), E::Abandoned { .. }) => (state, Do::None),

            (Self::Paused { mut pause, until }, E::Refused { switch }) => {
                pause.refused.insert(switch);
                (Self::Paused { pause, until }, Do::HoldBack { until })
            }
            (state @ Self::Paused { until, .. }, E::Waited { .. }) => (state, Do::HoldBack { until }),
            // An opening from before the pause: when the service answered it, isn't known.
            (state @ Self::Paused { .. }, E::LoggedIn { .. } | E::Abandoned { .. }) => (state, Do::None),

            (Self::Probing { pause, probe }, E::LoggedIn { switch }) if switch == probe => {
                (Self::Trusted(pause.ended_by(&probe, now, policy)), Do::TellResumed)
            }
            (Self::Probing { mut pause, probe }, E::Refused { switch }) if switch == probe => {
                pause.failed_probes = pause.failed_probes.saturating_add(1);
                pause.refused.insert(switch);
                let until = now + policy.pause_millis(pause.failed_probes);
                (Self::Paused { pause, until }, Do::TellStillRefused { until })
            }
            (Self::Probing { pause, probe }, E::Abandoned { switch }) if switch == probe => {
                (Self::Paused { pause, until: now }, Do::None)
            }
            (Self::Probing { mut pause, probe }, E::Refused { switch }) => {
                pause.refused.insert(switch);
                let until = now + policy.first_pause_millis;
                (Self::Probing { pause, probe }, Do::HoldBack { until })
            }
            (state @ Self::Probing { .. }, E::Waited { .. }) => {
                (state, Do::HoldBack { until: now + policy.first_pause_millis })
            }
            (state @ Self::Probing { .. }, E::LoggedIn { .. } | E::Abandoned { .. }) => (state, Do::None),
        }
    }

    fn asked(self, switch: SwitchId, now: u64, policy: &LoginPolicy) -> (Self, LoginsEffect) {
        if let Some(until) = self.holds_back_until(&switch, now, policy) {
            return (self, LoginsEffect::HoldBack { until });
        }
        match self {
            Self::Paused { pause, .. } => (Self::Probing { pause, probe: switch }, LoginsEffect::LetThrough),
            Self::Trusted(_) | Self::Probing { .. } => (self, LoginsEffect::LetThrough),
        }
    }

    /// When a switch may ask again; `None` when it would be let through now.
    #[must_use]
    pub fn holds_back_until(&self, switch: &SwitchId, now: u64, policy: &LoginPolicy) -> Option<u64> {
        match self {
            Self::Trusted(_) => None,
            Self::Probing { .. } => Some(now + policy.first_pause_millis),
            Self::Paused { pause, until } => {
                let is_refused = pause.refused.contains(switch);
                let turn = if is_refused { until + pause.handicap(policy) } else { *until };
                Some(turn).filter(|turn| now < *turn)
            }
        }
    }

    /// The pause, if there is one.
    #[must_use]
    pub fn pause(&self) -> Option<&Pause> {
        match self {
            Self::Trusted(_) => None,
            Self::Paused { pause, .. } | Self::Probing { pause, .. } => Some(pause),
        }
    }
}

impl Lately {
    fn forget(&mut self, now: u64, policy: &LoginPolicy) {
        let is_past = |at: u64| at.saturating_add(policy.window_millis) < now;
        self.refused.retain(|_, at| !is_past(*at));
        while self.logged_in.front().is_some_and(|at| is_past(*at)) {
            self.logged_in.pop_front();
        }
        if self.suspected_until < now {
            self.suspects.clear();
        }
    }

    fn logged_in(mut self, switch: &SwitchId, now: u64, policy: &LoginPolicy) -> Self {
        self.forget(now, policy);
        self.refused.remove(switch);
        self.suspects.remove(switch);
        self.logged_in.push_back(now);
        self
    }

    fn refused(mut self, switch: SwitchId, now: u64, policy: &LoginPolicy) -> (Logins, LoginsEffect) {
        self.forget(now, policy);
        if policy.refused_switches == 0 {
            return (Logins::Trusted(self), LoginsEffect::Blame);
        }
        self.refused.insert(switch, now);
        let counted = self.refused.keys().filter(|switch| !self.suspects.contains(*switch)).count();
        if counted < policy.refused_switches || counted < self.logged_in.len() {
            let until = now + policy.window_millis;
            return (Logins::Trusted(self), LoginsEffect::AwaitOthers { until });
        }
        let refused = self.refused.into_keys().chain(self.suspects).collect();
        let pause = Pause { since: now, failed_probes: 0, refused };
        let until = now + policy.pause_millis(0);
        (Logins::Paused { pause, until }, LoginsEffect::TellPaused { until })
    }

    fn waited(&self, refused_at: u64, now: u64, policy: &LoginPolicy) -> LoginsEffect {
        let until = refused_at.saturating_add(policy.window_millis);
        match self.paused_at {
            Some(paused_at) if paused_at >= refused_at => LoginsEffect::LetThrough,
            _ if now < until => LoginsEffect::AwaitOthers { until },
            _ => LoginsEffect::Blame,
        }
    }
}

impl Pause {
    fn handicap(&self, policy: &LoginPolicy) -> u64 {
        policy.pause_millis(self.failed_probes) / OTHERS_FIRST
    }

    fn ended_by(self, probe: &SwitchId, now: u64, policy: &LoginPolicy) -> Lately {
        let mut suspects = self.refused;
        suspects.remove(probe);
        Lately {
            suspects,
            suspected_until: now + policy.longest_pause_millis,
            paused_at: Some(self.since),
            logged_in: VecDeque::from([now]),
            refused: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: LoginPolicy = LoginPolicy {
        refused_switches: 3,
        window_millis: 1_000,
        first_pause_millis: 400,
        longest_pause_millis: 1_600,
    };
    const NOW: u64 = 50_000;

    fn id(n: u32) -> SwitchId {
        SwitchId::parse(&format!("s{n}")).expect("valid")
    }

    fn asked(n: u32) -> LoginsEvent {
        LoginsEvent::Asked { switch: id(n) }
    }

    fn logged_in(n: u32) -> LoginsEvent {
        LoginsEvent::LoggedIn { switch: id(n) }
    }

    fn refused(n: u32) -> LoginsEvent {
        LoginsEvent::Refused { switch: id(n) }
    }

    fn waited(n: u32, refused_at: u64) -> LoginsEvent {
        LoginsEvent::Waited { switch: id(n), refused_at }
    }

    fn abandoned(n: u32) -> LoginsEvent {
        LoginsEvent::Abandoned { switch: id(n) }
    }

    /// What comes of events one after another, all now.
    fn after(events: &[LoginsEvent]) -> (Logins, LoginsEffect) {
        let begin = (Logins::default(), LoginsEffect::None);
        events.iter().fold(begin, |(state, _), event| state.apply(event.clone(), NOW, &POLICY))
    }

    fn pause() -> Pause {
        Pause { since: NOW, failed_probes: 0, refused: [id(1), id(2), id(3)].into() }
    }

    fn shown((state, effect): &(Logins, LoginsEffect)) -> String {
        let state = match state {
            Logins::Trusted(_) => 'T',
            Logins::Paused { .. } => 'P',
            Logins::Probing { .. } => '?',
        };
        let effect = match effect {
            LoginsEffect::None => '-',
            LoginsEffect::LetThrough => 'l',
            LoginsEffect::HoldBack { .. } => 'h',
            LoginsEffect::AwaitOthers { .. } => 'a',
            LoginsEffect::Blame => 'b',
            LoginsEffect::TellPaused { .. } => 'p',
            LoginsEffect::TellStillRefused { .. } => 's',
            LoginsEffect::TellResumed => 'r',
        };
        format!("{state}{effect}")
    }

    #[test]
    fn every_state_meets_every_event_as_drawn() {
        let two = Lately { refused: [(id(1), NOW), (id(2), NOW)].into(), ..Lately::default() };
        let resumed = Lately { paused_at: Some(NOW - 10), ..Lately::default() };
        let busy = Lately { logged_in: [NOW; 4].into(), ..two.clone() };
        let states = [
            Logins::default(),
            Logins::Trusted(two),
            Logins::Trusted(busy),
            Logins::Trusted(resumed),
            Logins::Paused { pause: pause(), until: NOW + 1 },
            Logins::Paused { pause: pause(), until: NOW },
            Logins::Probing { pause: pause(), probe: id(3) },
        ];
        let events = [
            asked(3),
            asked(7),
            logged_in(3),
            logged_in(7),
            refused(3),
            refused(7),
            waited(3, NOW - 10),
            waited(3, NOW - 1_000),
            abandoned(3),
            abandoned(7),
        ];
        let drawn = [
            "Tl Tl T- T- Ta Ta Ta Tb T- T-",
            "Tl Tl T- T- Pp Pp Ta Tb T- T-",
            "Tl Tl T- T- Ta Ta Ta Tb T- T-",
            "Tl Tl T- T- Ta Ta Tl Tl T- T-",
            "Ph Ph P- P- Ph Ph Ph Ph P- P-",
            "Ph ?l P- P- Ph Ph Ph Ph P- P-",
            "?h ?h Tr ?- Ps ?h ?h ?h P- ?-",
        ];
        for (state, row) in states.iter().zip(drawn) {
            let met: Vec<_> =
                events.iter().map(|event| shown(&state.clone().apply(event.clone(), NOW, &POLICY))).collect();
            assert_eq!(met.join(" "), row, "{state:?}");
        }
    }

    #[test]
    fn refusals_count_within_the_window_once_a_switch_and_not_after_its_login() {
        assert_eq!(shown(&after(&[refused(1), refused(2), refused(3)])), "Pp");
        assert_eq!(shown(&after(&[refused(1), refused(1), refused(1)])), "Ta");
        assert_eq!(shown(&after(&[refused(1), refused(2), logged_in(1), refused(3)])), "Ta");
        let (state, _) = after(&[refused(1), refused(2)]);
        assert_eq!(shown(&state.clone().apply(refused(3), NOW + 1_000, &POLICY)), "Pp");
        assert_eq!(shown(&state.apply(refused(3), NOW + 1_001, &POLICY)), "Ta");
    }

    #[test]
    fn some_wrong_passwords_in_a_fleet_that_is_at_work_are_no_outage() {
        let busy: Vec<_> = (10..14).map(logged_in).chain([refused(1), refused(2), refused(3)]).collect();
        assert_eq!(shown(&after(&busy)), "Ta");
        let outage: Vec<_> = busy.into_iter().chain([refused(4)]).collect();
        assert_eq!(shown(&after(&outage)), "Pp");
    }

    #[test]
    fn each_refused_probe_doubles_the_pause_up_to_the_longest_and_the_refused_wait_for_others() {
        let (mut state, _) = after(&[refused(1), refused(2), refused(3)]);
        let (mut now, mut pauses) = (NOW, Vec::new());
        for probe in [7, 8, 9, 10] {
            let Logins::Paused { until, .. } = &state else { panic!("{state:?}") };
            pauses.push(until - now);
            now = *until;
            let (same, effect) = state.apply(asked(1), now, &POLICY);
            assert_eq!(effect, LoginsEffect::HoldBack { until: now + pauses.last().expect("one") / 4 });
            let (probing, effect) = same.apply(asked(probe), now, &POLICY);
            assert_eq!(effect, LoginsEffect::LetThrough);
            state = probing.apply(refused(probe), now, &POLICY).0;
        }
        assert_eq!(pauses, [400, 800, 1_600, 1_600]);
    }

    #[test]
    fn who_refuses_again_after_a_pause_brings_no_second_one_and_is_forgotten_in_time() {
        let outage = [refused(1), refused(2), refused(3)];
        let (state, _) = after(&outage);
        let probed = state.apply(asked(7), NOW + 400, &POLICY).0.apply(logged_in(7), NOW + 400, &POLICY);
        assert_eq!(shown(&probed), "Tr");
        let mut again = (probed.0, LoginsEffect::None);
        for event in outage {
            again = again.0.apply(event, NOW + 400, &POLICY);
            assert_eq!(shown(&again), "Ta");
        }
        assert_eq!(shown(&again.0.clone().apply(waited(1, NOW + 400), NOW + 1_400, &POLICY)), "Tb");
        let later = NOW + 400 + 1_601;
        let forgotten = [refused(1), refused(2), refused(3)]
            .into_iter()
            .fold(again, |(state, _), event| state.apply(event, later, &POLICY));
        assert_eq!(shown(&forgotten), "Pp");
    }

    #[test]
    fn a_policy_of_no_switches_never_pauses() {
        let never = LoginPolicy { refused_switches: 0, ..POLICY };
        for n in 0..10 {
            assert_eq!(Logins::default().apply(refused(n), NOW, &never).1, LoginsEffect::Blame);
        }
    }

    fn event(kind: u32, n: u32, now: u64, ago: u64) -> LoginsEvent {
        match kind {
            0 => asked(n),
            1 => logged_in(n),
            2 => refused(n),
            3 => waited(n, now - ago),
            _ => abandoned(n),
        }
    }

    proptest! {
        /// The model is who was let through during a pause, and has not come back.
        #[test]
        fn during_a_pause_one_switch_tries_at_a_time_and_nobody_is_blamed(
            walk in proptest::collection::vec((0..5u32, 0..6u32, 0..3_000u64, 0..300u64), 1..200)
        ) {
            let (mut state, mut now, mut trying) = (Logins::default(), NOW, None::<SwitchId>);
            for (kind, n, ago, passes) in walk {
                now += passes;
                let event = event(kind, n, now, ago);
                let was_paused = state.pause().is_some();
                let (next, effect) = state.apply(event.clone(), now, &POLICY);
                match &event {
                    LoginsEvent::Asked { switch } if was_paused && effect == LoginsEffect::LetThrough => {
                        prop_assert_eq!(&trying, &None, "two at once");
                        trying = Some(switch.clone());
                    }
                    LoginsEvent::LoggedIn { switch }
                    | LoginsEvent::Refused { switch }
                    | LoginsEvent::Abandoned { switch } if trying.as_ref() == Some(switch) => trying = None,
                    LoginsEvent::Asked { .. } | LoginsEvent::LoggedIn { .. } | LoginsEvent::Refused { .. }
                    | LoginsEvent::Abandoned { .. } | LoginsEvent::Waited { .. } => {}
                }
                prop_assert!(!(was_paused && effect == LoginsEffect::Blame));
                prop_assert_eq!(matches!(&next, Logins::Probing { .. }), trying.is_some());
                if let LoginsEffect::HoldBack { until } | LoginsEffect::AwaitOthers { until } = effect {
                    prop_assert!(until <= now + 2 * POLICY.longest_pause_millis);
                }
                state = next;
            }
        }
    }
}
