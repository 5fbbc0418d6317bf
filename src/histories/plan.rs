//! A plan: who asks for what and when, and what goes wrong and when. A value: the same plan is the same history, byte by byte.

use std::fmt;

use switchyard_actors::domain::failure::FailureClass;

pub const PARTNERS: usize = 2;
pub const PORTS: usize = 6;

/// All that is decided before a history begins. Times are milliseconds from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Of ids, and of how long each call takes.
    pub seed: u64,
    /// Processes on the one store.
    pub instances: usize,
    /// Whether the store applies a row commit by commit.
    pub tag_by_tag: bool,
    /// Whether instances can't hear one another.
    pub hints_lost: bool,
    pub switches: usize,
    pub checkouts: Vec<Checkout>,
    pub faults: Vec<Fault>,
}

/// A client's checkout: repeated until it is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    pub at_ms: u64,
    pub partner: usize,
    /// Of few, so that keys repeat.
    pub key: usize,
    pub wish: Wish,
    /// Which instance is asked first.
    pub instance: usize,
}

/// What is wanted under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// What its key always wants: of some keys a home-drop, which is installed later.
    Own,
    /// Another port.
    OtherPort,
    /// Another MAC address.
    OtherMac,
    /// The other partner's plan.
    ForeignPlan,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub at_ms: u64,
    pub what: What,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The switch's next so many calls that fit.
    Switch { switch: usize, fault: SwitchFault, times: usize },
    /// The switch loses what was not saved.
    Reboot { switch: usize, down_ms: u64 },
    /// An instance's next so many calls of the store.
    Store { instance: usize, fault: StoreFault, times: usize },
    /// The store is away for one instance, or for all.
    StoreAway { instance: Option<usize>, ms: u64 },
    /// The process is gone at once, and started again.
    Crash { instance: usize, down_ms: u64 },
    /// The process is gone at its next commits but so many.
    CrashAtCommit { instance: usize, after: usize, reached: Reached, down_ms: u64 },
    /// The process stands still, and goes on.
    Freeze { instance: usize, when: FreezeWhen, until: Thaw },
    /// A partner's receiver, for so many deliveries.
    Receiver { partner: usize, answer: BadAnswer, times: usize },
    /// An instance's wall clock jumps.
    Clock { instance: usize, jump_ms: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchFault {
    Open(FailureClass),
    Probe,
    Read(FailureClass),
    /// So many lines are done, then this.
    Apply(usize, FailureClass),
    /// The lines are taken, and not done.
    Swallow,
    Save(FailureClass),
    /// The actor's own code panics in this call.
    Panic(CallOf),
    /// This call never comes back.
    Hang(CallOf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOf {
    Open,
    Read,
    Apply,
    Save,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    LostRequest,
    LostAnswer,
    /// It takes a second and more.
    Slow,
}

/// When a process is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezeWhen {
    AtOnce,
    /// With its next commit but so many on its way.
    InCommit(usize),
}

/// When a process that was stopped goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thaw {
    After(u64),
    /// When its successors have sent so many lines, or when it is clear that there are none.
    Overtaken(u64),
}

/// How far a commit had come when its process was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    Sent,
    Applied,
    /// It is applied when another may have taken over.
    AppliedLater,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAnswer {
    Status(u16),
    Nothing,
    /// A yes, long after.
    Slow,
    /// The sender's own code panics.
    Panic,
}

/// Every kind of fault, as faults are counted.
pub const KINDS: [&str; 23] = [
    "switch: no session",
    "switch: probe unanswered",
    "switch: read fails",
    "switch: some lines done",
    "switch: lines swallowed",
    "switch: one of many ports fails",
    "switch: save fails",
    "switch: hangs",
    "supervisor: panic",
    "reboot",
    "store: request lost",
    "store: answer lost",
    "store: slow",
    "store: away",
    "process: killed",
    "process: killed in a commit",
    "process: frozen",
    "receiver: refuses",
    "receiver: server error",
    "receiver: no answer",
    "receiver: slow",
    "webhook actor: panic",
    "wall clock jumps",
];

impl SwitchFault {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Open(_) => "switch: no session",
            Self::Probe => "switch: probe unanswered",
            Self::Read(_) => "switch: read fails",
            Self::Apply(..) => "switch: some lines done",
            Self::Swallow => "switch: lines swallowed",
            Self::Save(_) => "switch: save fails",
            Self::Panic(_) => "supervisor: panic",
            Self::Hang(_) => "switch: hangs",
        }
    }
}

impl BadAnswer {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Status(400..=499) => "receiver: refuses",
            Self::Status(_) => "receiver: server error",
            Self::Nothing => "receiver: no answer",
            Self::Slow => "receiver: slow",
            Self::Panic => "webhook actor: panic",
        }
    }
}

/// One line for each thing that happens, in the order of the times.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, instances, tag_by_tag, hints_lost, switches, .. } = self;
        let rows = if *tag_by_tag { "commit by commit" } else { "as one" };
        let hints = if *hints_lost { ", hints lost" } else { "" };
        writeln!(f, "{instances} instances, {switches} switches, rows {rows}{hints}, delays of seed {seed}")?;
        let asked = self.checkouts.iter().map(|checkout| (checkout.at_ms, checkout.to_string()));
        let faults = self.faults.iter().map(|fault| (fault.at_ms, format!("fault: {:?}", fault.what)));
        let mut lines: Vec<_> = asked.chain(faults).collect();
        lines.sort();
        lines.iter().try_for_each(|(at, line)| writeln!(f, "{at:>6} ms  {line}"))
    }
}

impl fmt::Display for Checkout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partner, key, wish, instance, .. } = self;
        write!(f, "checkout: partner {partner}, order-{key}, {wish:?}, at instance {instance}")
    }
}
