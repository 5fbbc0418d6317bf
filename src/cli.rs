//! The command line: what can be asked of the binary. What each command does is elsewhere.

pub mod bench;

pub use bench::{Arrival, BenchArgs, BenchStore};

use bench::BenchAction;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use uuid::Uuid;

/// Turns a paid checkout into a live switch port: exactly once, over SSH, with a signed webhook.
#[derive(Debug, Parser)]
#[command(name = "switchyard", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration, inventory or\n\
    exported file.\n\n\
    Start here: switchyard demo";

const TORTURE: &str = "\
While it runs, instances of this binary are killed, frozen, made to panic and given wrong clocks; Redis is killed, cut off
and slowed, or the disk under the embedded store is full (a file system of its own, for which it must be root); switches
refuse, drop, stall, garble, reboot, lock and change their keys; receivers refuse, hang and answer badly; and some clients
misbehave. Then everything must drain, and the checker judges the nine invariants by what clients, switches and receivers saw.

The report names the seed, the faults by kind, each counted when it took effect, the checkouts, the verdicts, and for a
violation the shortest story of that job. With a violation logs and history stay, and their folder is printed. Ctrl-C
ends the faults early and judges all the same; a second one does not wait for the drain.

Exit codes: 0 nothing violated and everything drained, 1 not so, 2 wrong usage.

Examples:
  switchyard torture --seed 7 --minutes 2
  switchyard torture --seed 7 --minutes 30 --store redis --instances 3 --json report.json
  switchyard torture --seed 7 --minutes 2 --plan

It is in builds with the feature fail-points alone: cargo build --release --features fail-points";

const PLATFORM_TEST: &str = "\
A transcript is a text file that ends in .txt: `<` before what the device sent, `>` before what was typed, `=` before what the
exchange comes to. Those whose head names another platform are left out. Each exchange is played twice, its bytes at once and one
by one; what comes to something else is printed with its file and line, what was expected, what was judged, and of which words.
docs/platforms.md says how to write a platform file, and how to record a transcript.

Exit codes: 0 every exchange came to its verdict, 1 not so, 2 wrong usage, 78 the platform file or a transcript can't be used.

Example:
  switchyard platform test config/platforms/cisco_ios.toml --transcript tests/transcripts";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service.
    #[command(after_help = "Example: switchyard serve --config production.toml --inventory network.toml")]
    Serve(ServeArgs),
    /// Change what the operator owns and the partners sell.
    Inventory {
        /// What to do with it.
        #[command(subcommand)]
        action: InventoryAction,
    },
    /// Write the whole state of the store to a file, or make a store of one: a backup, and the way from one engine to
    /// the other.
    Store {
        /// What to do with it.
        #[command(subcommand)]
        action: StoreAction,
    },
    /// Check the configuration, the platform files and an inventory, and name everything that is wrong.
    CheckConfig(CheckArgs),
    /// Try a platform file, without a switch.
    Platform {
        /// What to do with it.
        #[command(subcommand)]
        action: PlatformAction,
    },
    /// List the switches: platform, address, open work, quarantine, drift that an operator must look at.
    Switches(StoreArgs),
    /// Compare a switch's managed ports with what they should be, and repair what differs within the limits.
    #[command(
        after_help = "Nothing is written when nothing differs, and ports that no subscription manages are not \
                            touched. `switchyard drift SWITCH` says what came of it."
    )]
    Check(CheckSwitchArgs),
    /// List what checks found: when, what differed, what was done.
    Drift(DriftArgs),
    /// Look into one switch.
    Switch {
        /// How.
        #[command(subcommand)]
        action: SwitchAction,
    },
    /// Release a switch from quarantine, and its ports that were set aside; its queue goes on.
    Release(ReleaseArgs),
    /// List events that could not be delivered.
    DeadLetters(StoreArgs),
    /// Run simulated switches, real SSH servers on loopback, until Ctrl-C or SIGTERM.
    Simulate(SimulateArgs),
    /// See it work: simulated switches, a webhook receiver and the service in one process.
    Demo(DemoArgs),
    /// Measure the service under a load of its own, as its partners and its switches see it.
    Bench {
        /// What is measured.
        #[command(subcommand)]
        action: BenchAction,
    },
    /// Torture the service: real processes, simulated switches and partners, faults drawn from a seed; then judge from outside.
    #[command(after_help = TORTURE)]
    Torture(TortureArgs),
    /// Make an API key for a partner: the key to hand over, and the hash for the inventory.
    ApiKey {
        /// For the sandbox.
        #[arg(long)]
        sandbox: bool,
    },
}

/// What to do with a platform file.
#[derive(Debug, Subcommand)]
pub enum PlatformAction {
    /// Replay recorded sessions against it: each exchange must come to the verdict that its transcript names.
    #[command(after_help = PLATFORM_TEST)]
    Test(PlatformTestArgs),
}

/// For `platform test`.
#[derive(Debug, Args)]
pub struct PlatformTestArgs {
    /// The platform file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The folder with the transcripts.
    #[arg(long, value_name = "DIR")]
    pub transcript: PathBuf,
}

/// How to look into a switch.
#[derive(Debug, Subcommand)]
pub enum SwitchAction {
    /// Print what was said on its sessions: by job, for repairs without a job, and for saves. Lines of ours begin with >, remarks
    /// with #; no secret is in it.
    #[command(
        after_help = "Examples:\n  switchyard switch log access-sw-17 --last 3\n  switchyard switch log access-sw-17 \
                      --job 019ac3f2-5b7e-7d10-8a53-0b1f6c2d9e44\n\nHow long and how much is kept: [retention] in \
                      config/default.toml."
    )]
    Log(SwitchLogArgs),
}

/// For `switch log`.
#[derive(Debug, Args)]
pub struct SwitchLogArgs {
    /// The switch, by its name in the inventory.
    pub switch: String,
    /// Of this job alone.
    #[arg(long, value_name = "ID")]
    pub job: Option<Uuid>,
    /// How many, the last said last.
    #[arg(long, default_value_t = 10)]
    pub last: usize,
    /// The service's configuration: it names the store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What to do with the inventory.
#[derive(Debug, Subcommand)]
pub enum InventoryAction {
    /// Make the inventory say what the file says; print what changed. What the file doesn't name is left alone.
    #[command(
        after_help = "A file with one fault changes nothing. Beside a running service it is applied by the service."
    )]
    Apply(ApplyArgs),
}

/// What to do with the whole state of a store.
#[derive(Debug, Subcommand)]
pub enum StoreAction {
    /// Write the whole state to a new file, which holds the partners' secrets: only its owner may read it.
    #[command(
        after_help = "The embedded store is exported as of one moment, also beside a running service. Redis has no such \
                      moment: stop every instance first. A file that is there is never replaced; one that ends in \
                      .part is not whole."
    )]
    Export(StateFileArgs),
    /// Make a store of a file that an export wrote. Never changes a store that is there.
    #[command(
        after_help = "A file that was cut off or changed is refused before anything is written. An import into Redis that \
                      was cut off is not served on: import again, which first empties what was brought."
    )]
    Import(StateFileArgs),
}

/// For `store export` and `store import`.
#[derive(Debug, Args)]
pub struct StateFileArgs {
    /// The file with the whole state, as JSON lines.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The service's configuration: it names the store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// For `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// A file that changes defaults; config/default.toml has every key.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// An inventory to apply first.
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
}

/// For `check-config`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The inventory.
    #[arg(long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,
}

/// For commands that read the store, or ask the service that has it.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// The service's configuration: it names the store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// For `release`.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// The switch, by its name in the inventory.
    pub switch: String,
    /// Also forget the host key that it showed on first contact: after its hardware was replaced, say. The next key is
    /// judged as if the switch were new.
    #[arg(long)]
    pub forget_host_key: bool,
    /// The service's configuration: it names the store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// For `check`.
#[derive(Debug, Args)]
pub struct CheckSwitchArgs {
    /// The switch, by its name in the inventory.
    pub switch: String,
    /// Repair whatever differs, however many ports it is, and however often they were repaired before.
    #[arg(long)]
    pub repair: bool,
    /// The service's configuration: it names the store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// For `drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// The switch, by its name in the inventory; without it, all of them.
    pub switch: Option<String>,
    /// The service's configuration: it names the store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// For `inventory apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The inventory.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The service's configuration: it names the store.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Which vendor simulated switches play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Play {
    /// Cisco IOS.
    Ios,
    /// Arista EOS.
    Eos,
    /// Juniper Junos.
    Junos,
    /// HPE Aruba AOS-CX.
    Aoscx,
    /// Ubiquiti EdgeSwitch.
    Edgeswitch,
    /// HPE Aruba AOS-S.
    Aoss,
    /// MikroTik RouterOS.
    Routeros,
    /// IOS and EOS in turn.
    Mixed,
    /// Each of them in turn.
    All,
}

/// How simulated switches answer.
#[derive(Debug, Clone, Copy, Args)]
pub struct TemperArgs {
    /// How long each command takes a switch, in milliseconds.
    #[arg(long, default_value_t = 20)]
    pub latency_ms: u64,
    /// By how much more or less each takes, in milliseconds, evenly spread.
    #[arg(long, default_value_t = 0)]
    pub spread_ms: u64,
    /// How long a save takes, in milliseconds.
    #[arg(long, default_value_t = 1000)]
    pub save_ms: u64,
    /// The share of the sessions that are cut in the middle, from 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    pub faults: f64,
}

/// For `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// How many.
    #[arg(long, default_value_t = 20)]
    pub switches: usize,
    /// Ports of each.
    #[arg(long, default_value_t = 24)]
    pub ports: u16,
    /// Which vendor.
    #[arg(long, value_enum, default_value = "mixed")]
    pub personality: Play,
    /// Address of the first; the others follow it.
    #[arg(long, default_value = "127.1.0.1")]
    pub first: Ipv4Addr,
    /// TCP port of all; 0 is a free one.
    #[arg(long, default_value_t = 2222)]
    pub port: u16,
    /// How its switches answer.
    #[command(flatten)]
    pub temper: TemperArgs,
    /// Where to write at the end, as JSON lines, when each session, each line that names a port, and each save was.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Where to write the `[[switch]]` tables of an inventory.
    #[arg(long, value_name = "FILE")]
    pub inventory_out: Option<PathBuf>,
}

/// For `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many checkouts.
    #[arg(long, default_value_t = 100)]
    pub checkouts: usize,
    /// How many switches.
    #[arg(long, default_value_t = 20)]
    pub switches: usize,
    /// Leave everything running at the end, and print a curl line.
    #[arg(long)]
    pub serve: bool,
    /// Figures and verdicts as JSON.
    #[arg(long, conflicts_with = "serve")]
    pub json: bool,
}

/// Which store is tortured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TorturedStore {
    /// The file of one instance.
    Embedded,
    /// One Redis server, behind a wire that can be cut.
    Redis,
    /// A Redis Cluster of three.
    Cluster,
}

/// For `torture`.
#[derive(Debug, Args)]
pub struct TortureArgs {
    /// What faults and clients are drawn from: the same number is the same schedule.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How long faults strike, in minutes; draining comes on top.
    #[arg(long, default_value_t = 2.0)]
    pub minutes: f64,
    /// Which store.
    #[arg(long, value_enum, default_value = "embedded")]
    pub store: TorturedStore,
    /// How many instances; without it 1 on the embedded store, which serves no more, and 3 on Redis.
    #[arg(long)]
    pub instances: Option<usize>,
    /// Checkouts a second.
    #[arg(long, default_value_t = 24.0)]
    pub rate: f64,
    /// How many switches; without it as many as the checkouts need, since each that completes keeps its port.
    #[arg(long)]
    pub switches: Option<usize>,
    /// Print the schedule of faults, and do nothing.
    #[arg(long)]
    pub plan: bool,
    /// Write the report to this file as JSON, too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Keep the instances' logs and the history in this folder, which must be empty or new.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
