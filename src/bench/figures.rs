//! The figures of one run, with the units in their names: what `--json` writes, and what table and charts show.

use super::spread::Spread;
use serde::Serialize;

/// All of them.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    pub settings: Settings,
    pub counts: Counts,
    pub rates: Rates,
    pub latency: Latency,
    pub makespan: Makespan,
    pub cpu: Cpu,
    pub memory: Memory,
    pub store: StoreUse,
    /// From the first checkout on.
    pub over_time: Vec<Interval>,
    /// What did not hold, in words; empty for a run whose figures may be believed.
    pub faults: Vec<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Settings {
    pub service: String,
    pub store: &'static str,
    pub switches: usize,
    pub jobs_per_switch: u16,
    pub latency_ms: u64,
    pub spread_ms: u64,
    pub save_ms: u64,
    pub faults_share: f64,
    pub arrival: String,
    /// At once; none where checkouts come independently of answers.
    pub clients: Option<usize>,
    pub pause_ms: u64,
    pub visit_ports: Option<usize>,
    pub idle_ms: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Counts {
    pub checkouts: usize,
    pub accepted: usize,
    pub completed: usize,
    pub failed: usize,
    pub retries: u64,
    pub sessions_opened: usize,
    pub connections_without_a_session: usize,
    pub jobs_per_session: f64,
    pub saves: usize,
    pub unsaved_ports: usize,
}

/// Over the time from the first checkout to the last answer, or to the last outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Rates {
    pub accepted_per_s: f64,
    pub live_ports_per_s: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    pub answer: Spread,
    pub queueing: Spread,
    pub session_open: Spread,
    pub dialog: Spread,
    pub save: Spread,
    pub webhook: Spread,
    pub whole_way: Spread,
}

/// From the first checkout to the last outcome, beside what the busiest switch took itself.
#[derive(Debug, Clone, Serialize)]
pub struct Makespan {
    pub makespan_ms: f64,
    pub ideal_ms: f64,
    /// None where the devices take no time.
    pub ratio: Option<f64>,
}

/// From the first checkout to the last save.
#[derive(Debug, Clone, Serialize)]
pub struct Cpu {
    pub window_ms: f64,
    pub cpus: usize,
    pub service_ms_per_job: f64,
    pub service_ms: f64,
    pub redis_ms: f64,
    pub load_ms: f64,
    pub simulator_ms: f64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Memory {
    pub one_switch_bytes: u64,
    pub all_switches_bytes: u64,
    /// None where there are too few switches to tell.
    pub per_known_switch_bytes: Option<f64>,
    pub highest_bytes: u64,
    pub end_bytes: u64,
    pub open_sessions_at_end: usize,
    /// All that memory grew by over the run, by the sessions that were open at its end; none where they are too few to tell.
    pub per_open_session_bytes: Option<f64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct StoreUse {
    /// With those within scripts; none where there is no Redis.
    pub redis_commands_per_job: Option<f64>,
    /// Of the file, which grows by steps, or in Redis's memory.
    pub bytes_per_job: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interval {
    pub from_s: f64,
    pub lasting_s: f64,
    pub accepted_per_s: f64,
    pub live_ports_per_s: f64,
    pub answer: Spread,
    pub whole_way: Spread,
}
