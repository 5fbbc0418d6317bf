//! Plans at random, and smaller ones that still fail. What a seed stands for is a function of the seed alone.

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use switchyard_actors::domain::failure::FailureClass as Class;

use super::plan::*;

/// Keys of one partner: fewer than there are checkouts, so that they repeat.
const KEYS: usize = 14;
/// When the last checkout comes, and the last fault begins.
const LAST_MS: u64 = 14_000;
/// Never drawn in practice; but what may be left out, can be left out of a smaller plan.
const KEPT: f64 = 0.999_999;
/// Smaller plans that are tried, until the smallest is taken as found.
const SHRINKING_STEPS: usize = 4_000;

/// The plan of a seed.
pub fn plan_of(seed: u64) -> Plan {
    tree_of(seed).current()
}

/// The smallest plan on the way down from a seed's that still fails.
pub fn shrink(seed: u64, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut tree = tree_of(seed);
    let mut smallest = tree.current();
    let mut goes_on = tree.simplify();
    for _ in 0..SHRINKING_STEPS {
        if !goes_on {
            break;
        }
        let plan = tree.current();
        goes_on = if fails(&plan) {
            smallest = plan;
            tree.simplify()
        } else {
            tree.complicate()
        };
    }
    smallest
}

fn tree_of(seed: u64) -> impl ValueTree<Value = Plan> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    plans(seed).new_tree(&mut runner).expect("nothing is filtered out")
}

fn plans(seed: u64) -> impl Strategy<Value = Plan> {
    let world = (prop_oneof![3 => Just(1_usize), 2 => Just(2), 1 => Just(3)], any::<bool>(), weighted(0.2));
    let checkouts = vec(option::weighted(KEPT, checkout()), 21..25);
    let faults = vec(option::weighted(KEPT, fault()), 10..16);
    (world, 3_usize..=4, checkouts, faults).prop_map(move |(world, switches, checkouts, faults)| {
        let (instances, tag_by_tag, hints_lost) = world;
        let (checkouts, faults) =
            (checkouts.into_iter().flatten().collect(), faults.into_iter().flatten().collect());
        Plan { seed, instances, tag_by_tag, hints_lost, switches, checkouts, faults }
    })
}

fn checkout() -> impl Strategy<Value = Checkout> {
    let wish = prop_oneof![
        12 => Just(Wish::Own),
        2 => Just(Wish::OtherPort),
        1 => Just(Wish::OtherMac),
        1 => Just(Wish::ForeignPlan),
    ];
    // Many at the same moment: what races, races there.
    let at_ms = prop_oneof![2 => 0..LAST_MS, 1 => (0..LAST_MS / 2_000).prop_map(|n| n * 2_000)];
    let drawn = (at_ms, 0..PARTNERS, 0..KEYS, wish, 0..3_usize);
    drawn.prop_map(|(at_ms, partner, key, wish, instance)| Checkout { at_ms, partner, key, wish, instance })
}

fn fault() -> impl Strategy<Value = Fault> {
    let what = prop_oneof![
        10 => (0..4_usize, switch_fault(), 1..6_usize)
            .prop_map(|(switch, fault, times)| What::Switch { switch, fault, times }),
        1 => (0..4_usize, 0..5_000_u64).prop_map(|(switch, down_ms)| What::Reboot { switch, down_ms }),
        3 => (0..3_usize, store_fault(), 1..5_usize)
            .prop_map(|(instance, fault, times)| What::Store { instance, fault, times }),
        1 => (option::of(0..3_usize), 100..9_000_u64).prop_map(|(instance, ms)| What::StoreAway { instance, ms }),
        1 => (0..3_usize, 0..6_000_u64).prop_map(|(instance, down_ms)| What::Crash { instance, down_ms }),
        3 => (0..3_usize, 0..30_usize, reached(), 0..6_000_u64).prop_map(|(instance, after, reached, down_ms)| {
            What::CrashAtCommit { instance, after, reached, down_ms }
        }),
        4 => (0..3_usize, freeze_when(), thaw())
            .prop_map(|(instance, when, until)| What::Freeze { instance, when, until }),
        2 => (0..PARTNERS, bad_answer(), 1..4_usize)
            .prop_map(|(partner, answer, times)| What::Receiver { partner, answer, times }),
        1 => (0..3_usize, -20_000..60_000_i64).prop_map(|(instance, jump_ms)| What::Clock { instance, jump_ms }),
    ];
    (0..LAST_MS, what).prop_map(|(at_ms, what)| Fault { at_ms, what })
}

fn switch_fault() -> impl Strategy<Value = SwitchFault> {
    let open = vec![
        Class::Unreachable,
        Class::NoFreeVty,
        Class::KeyExchangeFailed,
        Class::AuthenticationRefused,
        Class::HostKeyChanged,
    ];
    let read = vec![Class::SessionLost, Class::PromptNotSeen, Class::PortUnknown];
    let apply =
        vec![Class::SessionLost, Class::CommandRejected, Class::PromptNotSeen, Class::ConfigurationLocked];
    let save = vec![Class::SaveFailed, Class::SessionLost];
    prop_oneof![
        2 => select(open).prop_map(SwitchFault::Open),
        1 => Just(SwitchFault::Probe),
        2 => select(read).prop_map(SwitchFault::Read),
        4 => (0..5_usize, select(apply)).prop_map(|(lines, class)| SwitchFault::Apply(lines, class)),
        1 => Just(SwitchFault::Swallow),
        1 => select(save).prop_map(SwitchFault::Save),
        2 => call().prop_map(SwitchFault::Panic),
        1 => call().prop_map(SwitchFault::Hang),
    ]
}

fn call() -> impl Strategy<Value = CallOf> {
    select(vec![CallOf::Open, CallOf::Read, CallOf::Apply, CallOf::Save])
}

fn store_fault() -> impl Strategy<Value = StoreFault> {
    select(vec![StoreFault::LostRequest, StoreFault::LostAnswer, StoreFault::Slow])
}

fn reached() -> impl Strategy<Value = Reached> {
    select(vec![Reached::Sent, Reached::Applied, Reached::AppliedLater])
}

fn freeze_when() -> impl Strategy<Value = FreezeWhen> {
    prop_oneof![Just(FreezeWhen::AtOnce), (0..30_usize).prop_map(FreezeWhen::InCommit)]
}

fn thaw() -> impl Strategy<Value = Thaw> {
    prop_oneof![(500..9_000_u64).prop_map(Thaw::After), (1..24_u64).prop_map(Thaw::Overtaken)]
}

fn bad_answer() -> impl Strategy<Value = BadAnswer> {
    select(vec![
        BadAnswer::Status(500),
        BadAnswer::Status(404),
        BadAnswer::Nothing,
        BadAnswer::Slow,
        BadAnswer::Panic,
    ])
}
