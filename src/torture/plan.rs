//! The schedule of faults: a pure function of the seed and of how large the run is. The same seed gives the same plan.
//!
//! Each kind has a rate a minute. The run is cut into as many equal stretches as there are blows of the kind, and one falls
//! somewhere in each: a short run has its share of everything, and a long one no quiet half.

use super::blow::{Blow, InstanceBlow, ReceiverBlow, RedisBlow, SwitchBlow};
use super::options::{Engine, Options};
use crate::simulator::receiver::Answer;
use crate::simulator::{FallBack, Fault};
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use std::fmt;
use std::ops::Range;
use std::time::Duration;
use switchyard_actors::fail_points::FailPoint;

/// How many strike a minute. What a long run must show is two thirds of it: an instance that is down can't be struck.
const KILLS_IN_DIALOG: f64 = 7.0;
const KILLS: f64 = 3.0;
const FREEZES: f64 = 2.0;
const PANICS: f64 = 11.0;
const CLOCK_JUMPS: f64 = 1.0;
const REDIS_OUTAGES: f64 = 1.3;
const REDIS_SLOW: f64 = 0.5;
const REDIS_LOST_ANSWERS: f64 = 3.0;
const FULL_DISKS: f64 = 0.5;
const SWITCH_FAULTS: f64 = 52.0;
const RECEIVER_FAULTS: f64 = 50.0;

/// The longest that a clock is wrong by.
const CLOCK_MILLIS: Range<i64> = 60_000..3_600_000;

/// A blow, and when it falls.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// After the beginning.
    pub at: Duration,
    /// What.
    pub blow: Blow,
}

/// Every blow, in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan(pub Vec<Planned>);

impl Plan {
    /// The plan of a run.
    pub fn of(options: &Options) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(options.seed);
        let mut draft = Draft { rng, places: places(options.store), options, planned: Vec::new() };
        draft.spread(KILLS_IN_DIALOG, |draft| draft.instance(InstanceBlow::KillInDialog));
        draft.spread(KILLS, |draft| draft.instance(InstanceBlow::Kill));
        draft.spread(FREEZES, Draft::freeze);
        draft.spread(PANICS, Draft::panic);
        draft.spread(CLOCK_JUMPS, Draft::clock);
        match options.store {
            Engine::Embedded => draft.spread(FULL_DISKS, Draft::disk_full),
            Engine::Redis | Engine::Cluster => draft.redis(),
        }
        draft.spread(SWITCH_FAULTS, Draft::switch);
        draft.spread(RECEIVER_FAULTS, Draft::receiver);
        draft.planned.sort_by_key(|planned| planned.at);
        Self(draft.planned)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.0.iter();
        lines.try_for_each(|planned| writeln!(f, "{:9.3} s  {}", planned.at.as_secs_f64(), planned.blow))
    }
}

struct Draft<'o> {
    rng: ChaCha8Rng,
    /// Which an instance on this store passes.
    places: Vec<FailPoint>,
    options: &'o Options,
    planned: Vec<Planned>,
}

impl Draft<'_> {
    fn spread(&mut self, a_minute: f64, mut draw: impl FnMut(&mut Self) -> Blow) {
        let lasting = self.options.lasting();
        // At least one of each kind, and never so many that it doesn't fit.
        let count = (a_minute * lasting.as_secs_f64() / 60.0).ceil().max(1.0) as u32;
        for stretch in 0..count {
            let place = (f64::from(stretch) + self.rng.random_range(0.0..1.0)) / f64::from(count);
            let blow = draw(self);
            self.planned.push(Planned { at: lasting.mul_f64(place), blow });
        }
    }

    fn millis(&mut self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.rng.random_range(range))
    }

    fn instance(&mut self, how: InstanceBlow) -> Blow {
        Blow::Instance { which: self.rng.random_range(0..self.options.instances), how }
    }

    /// Half of them for less than the lease, half for longer.
    fn freeze(&mut self) -> Blow {
        let lasting = match self.rng.random_bool(0.5) {
            true => self.millis(100..800),
            false => self.millis(2_500..5_000),
        };
        self.instance(InstanceBlow::Freeze { lasting })
    }

    fn panic(&mut self) -> Blow {
        let at = *self.places.choose(&mut self.rng).expect("there are fail points");
        Blow::Actor { which: self.rng.random_range(0..self.options.instances), at }
    }

    fn clock(&mut self) -> Blow {
        let millis = self.rng.random_range(CLOCK_MILLIS);
        let millis = if self.rng.random_bool(0.5) { millis } else { -millis };
        self.instance(InstanceBlow::Clock { millis })
    }

    fn disk_full(&mut self) -> Blow {
        Blow::DiskFull { lasting: self.millis(500..3_000) }
    }

    fn redis(&mut self) {
        self.spread(REDIS_OUTAGES, |draft| {
            let how = match draft.rng.random_range(0..5) {
                0..3 => RedisBlow::Kill { down: draft.millis(0..2_000) },
                3 => RedisBlow::CutOff { lasting: draft.millis(300..3_000) },
                _ => RedisBlow::Hang { lasting: draft.millis(300..3_000) },
            };
            draft.node(how)
        });
        self.spread(REDIS_SLOW, |draft| {
            let (delay, lasting) = (draft.millis(5..40), draft.millis(2_000..6_000));
            draft.node(RedisBlow::Slow { delay, lasting })
        });
        self.spread(REDIS_LOST_ANSWERS, |draft| draft.node(RedisBlow::LoseAnswer));
    }

    fn node(&mut self, how: RedisBlow) -> Blow {
        Blow::Redis { node: self.rng.random_range(0..self.options.store.nodes()), how }
    }

    fn switch(&mut self) -> Blow {
        let which = self.rng.random_range(0..self.options.switches());
        Blow::Switch { which, how: self.switch_blow() }
    }

    fn switch_blow(&mut self) -> SwitchBlow {
        let (times, pattern) = (1, self.pattern());
        let (name, fault) = match self.rng.random_range(0..58) {
            0 => return SwitchBlow::ChangeHostKey,
            1..=3 => return SwitchBlow::Reboot { down: self.millis(0..1_500) },
            4..=6 => return SwitchBlow::CutSessions,
            // By password and by dialog: a client may try both.
            7 => ("refused a login", Fault::RejectAuthentication { times: 2 }),
            8 => ("refused a line", refusal(pattern)),
            9..=11 => ("refused a connection", Fault::RefuseConnections { times }),
            12..=14 => ("said nothing to a connection", Fault::SilentBanner { times }),
            15..=17 => ("dropped a login", Fault::DropAtAuthentication { times }),
            18..=22 => ("dropped after a line", Fault::DropAfterCommand { pattern, times }),
            23..=27 => ("dropped before a line", Fault::DropBeforeCommand { pattern, times }),
            28..=30 => {
                let duration = Some(self.millis(100..2_000));
                ("stalled", Fault::Stall { pattern, duration, times })
            }
            31..=32 => ("stalled for ever", Fault::Stall { pattern, duration: None, times }),
            33..=36 => ("garbled", Fault::Garble { pattern, times }),
            37..=38 => ("logged between the lines", syslog(pattern)),
            39..=41 => ("ignored a line", Fault::SilentAccept { pattern, times }),
            42..=44 => {
                let down_for = self.millis(0..1_500);
                ("rebooted at a line", Fault::RebootAt { pattern, times, down_for })
            }
            45..=46 => ("failed a save", failed_save()),
            47..=49 => ("was locked by another", Fault::LockConfiguration { times }),
            50..=52 => ("had no free line", Fault::NoFreeLine { times }),
            53..=55 => {
                ("fell back out of a mode", Fault::FallBack { pattern, to: FallBack::Privileged, times })
            }
            _ => ("fell back out of privilege", Fault::FallBack { pattern, to: FallBack::User, times }),
        };
        SwitchBlow::Order(name, fault)
    }

    /// In which lines it strikes: configuration most of all, and now and then the first that comes.
    fn pattern(&mut self) -> String {
        let patterns = ["switchport access vlan", "interface ", "police", "no shutdown", "show ", "end", ""];
        (*patterns.choose(&mut self.rng).expect("there are patterns")).to_owned()
    }

    fn receiver(&mut self) -> Blow {
        let how = match self.rng.random_range(0..20) {
            0..5 => ReceiverBlow::Answer(Answer::Status(500)),
            5..8 => ReceiverBlow::Answer(Answer::CloseWithoutAnswer),
            8..11 => ReceiverBlow::Refuse { lasting: self.millis(200..1_500) },
            // No endless body: where a refusal cuts a 2xx short, nobody can say whether it was an answer.
            11..15 => ReceiverBlow::Answer(Answer::Hang),
            15..17 => ReceiverBlow::Answer(Answer::Status(404)),
            17..19 => ReceiverBlow::Answer(Answer::Redirect("http://127.0.0.1:9/elsewhere".to_owned())),
            _ => ReceiverBlow::Answer(Answer::HugeBody),
        };
        Blow::Receiver { which: self.rng.random_range(0..super::partners::COUNT), how }
    }
}

/// Nobody beats on a store that serves one instance.
fn places(store: Engine) -> Vec<FailPoint> {
    let is_passed = |at: &FailPoint| store != Engine::Embedded || *at != FailPoint::MembershipBeaten;
    FailPoint::ALL.iter().copied().filter(is_passed).collect()
}

fn refusal(pattern: String) -> Fault {
    Fault::Reject { pattern, text: "% Invalid input detected at '^' marker.".to_owned(), times: 1 }
}

fn syslog(pattern: String) -> Fault {
    let line = "%LINK-3-UPDOWN: Interface Vlan1, changed state to up".to_owned();
    Fault::Syslog { pattern, line, times: 1 }
}

fn failed_save() -> Fault {
    Fault::FailSave {
        text: "%Error opening nvram:/startup-config (Device or resource busy)".to_owned(),
        times: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(plan: &Plan, is_it: impl Fn(&Blow) -> bool) -> usize {
        plan.0.iter().filter(|planned| is_it(&planned.blow)).count()
    }

    #[test]
    fn a_seed_has_one_plan_and_another_seed_another() {
        let of = |seed| Plan::of(&Options { seed, ..Options::for_tests(Engine::Redis, 2.0) });
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn half_an_hour_has_more_than_what_a_long_run_must_show() {
        let plan = Plan::of(&Options::for_tests(Engine::Redis, 30.0));
        let kills = |blow: &Blow| {
            matches!(blow, Blow::Instance { how: InstanceBlow::Kill | InstanceBlow::KillInDialog, .. })
        };
        let panics = |blow: &Blow| matches!(blow, Blow::Actor { .. });
        let outages = |blow: &Blow| {
            use RedisBlow::{CutOff, Hang, Kill};
            matches!(blow, Blow::Redis { how: Kill { .. } | CutOff { .. } | Hang { .. }, .. })
        };
        assert!(count(&plan, kills) >= 300);
        assert!(count(&plan, panics) >= 300);
        assert!(count(&plan, outages) >= 30);
        assert!(count(&plan, |blow| matches!(blow, Blow::Switch { .. })) >= 1_500);
        assert!(count(&plan, |blow| matches!(blow, Blow::Receiver { .. })) >= 1_500);
    }

    #[test]
    fn a_plan_is_in_order_within_the_run_and_aims_at_who_is_there() {
        let options = Options::for_tests(Engine::Embedded, 0.5);
        let plan = Plan::of(&options);
        assert!(plan.0.is_sorted_by_key(|planned| planned.at));
        for Planned { at, blow } in &plan.0 {
            assert!(*at < options.lasting());
            match blow {
                Blow::Instance { which, .. } | Blow::Actor { which, .. } => {
                    assert!(*which < options.instances)
                }
                Blow::Switch { which, .. } => assert!(*which < options.switches()),
                Blow::Receiver { which, .. } => assert!(*which < super::super::partners::COUNT),
                Blow::DiskFull { .. } => {}
                Blow::Redis { .. } => panic!("there is no Redis"),
            }
        }
        assert!(count(&plan, |blow| matches!(blow, Blow::DiskFull { .. })) >= 1);
    }

    #[test]
    fn no_half_of_a_run_is_quiet() {
        let options = Options::for_tests(Engine::Redis, 2.0);
        let plan = Plan::of(&options);
        let early = plan.0.iter().filter(|planned| planned.at < options.lasting() / 2).count();
        let share = early as f64 / plan.0.len() as f64;
        assert!((0.45..0.55).contains(&share), "{share}");
    }
}
