//! The figures as a person reads them.

use super::figures::{Cpu, Figures, Memory, StoreUse};
use super::spread::Spread;
use std::fmt;

/// Shown.
pub struct Table<'f>(pub &'f Figures);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.latencies(f)?;
        self.work(f)?;
        cpu(&self.0.cpu, f)?;
        memory(&self.0.memory, f)?;
        store(&self.0.store, f)?;
        self.verdict(f)
    }
}

impl Table<'_> {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (settings, counts) = (&self.0.settings, &self.0.counts);
        writeln!(
            f,
            "{} on {}: {} switches x {} jobs, {}, a command {} +- {} ms, a save {} ms, faults {}",
            settings.service,
            settings.store,
            settings.switches,
            settings.jobs_per_switch,
            settings.arrival,
            settings.latency_ms,
            settings.spread_ms,
            settings.save_ms,
            settings.faults_share
        )?;
        row(f, "checkouts", &format!("{} accepted of {}", counts.accepted, counts.checkouts))?;
        row(f, "outcomes", &format!("{} completed, {} failed", counts.completed, counts.failed))?;
        row(f, "accepted a second", &format!("{:.1}", self.0.rates.accepted_per_s))?;
        row(f, "lines live a second", &format!("{:.1}", self.0.rates.live_ports_per_s))
    }

    fn latencies(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latency = &self.0.latency;
        writeln!(f, "\n  {:<14}{:>9}{:>11}{:>11}{:>11}{:>11}", "ms", "count", "p50", "p95", "p99", "max")?;
        for (name, spread) in [
            ("answer", latency.answer),
            ("queueing", latency.queueing),
            ("session open", latency.session_open),
            ("dialog", latency.dialog),
            ("save", latency.save),
            ("webhook", latency.webhook),
            ("whole way", latency.whole_way),
        ] {
            let Spread { count, p50_ms, p95_ms, p99_ms, max_ms } = spread;
            writeln!(f, "  {name:<14}{count:>9}{p50_ms:>11.1}{p95_ms:>11.1}{p99_ms:>11.1}{max_ms:>11.1}")?;
        }
        writeln!(f)
    }

    fn work(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counts, makespan) = (&self.0.counts, &self.0.makespan);
        let sessions =
            format!("{} opened, {:.1} jobs in each", counts.sessions_opened, counts.jobs_per_session);
        row(f, "sessions", &sessions)?;
        row(f, "saves", &format!("{}; {} ports not saved at the end", counts.saves, counts.unsaved_ports))?;
        let ratio = makespan.ratio.map_or(String::new(), |ratio| format!(", {ratio:.3} x"));
        let (took, ideal) = (makespan.makespan_ms / 1_000.0, makespan.ideal_ms / 1_000.0);
        row(f, "makespan", &format!("{took:.2} s; the busiest switch itself {ideal:.2} s{ratio}"))
    }

    fn verdict(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        let faults = &self.0.faults;
        if faults.is_empty() {
            return row(f, "exactly once", "yes: one outcome for each accepted checkout");
        }
        row(f, "exactly once", &format!("NO: {} faults", faults.len()))?;
        faults.iter().take(SHOWN).try_for_each(|fault| writeln!(f, "    {fault}"))
    }
}

fn cpu(cpu: &Cpu, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    row(f, "CPU a job", &format!("{:.2} ms of the service's own processes", cpu.service_ms_per_job))?;
    let share = |used: f64| format!("{:.0} %", 100.0 * used / (cpu.window_ms * cpu.cpus as f64).max(1.0));
    let redis = if cpu.redis_ms > 0.0 { format!(", Redis {}", share(cpu.redis_ms)) } else { String::new() };
    let shares = format!(
        "service {}{redis}, load {}, simulator {}, over {:.2} s",
        share(cpu.service_ms),
        share(cpu.load_ms),
        share(cpu.simulator_ms),
        cpu.window_ms / 1_000.0
    );
    row(f, &format!("CPU of {} CPUs", cpu.cpus), &shares)
}

fn memory(memory: &Memory, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
    let known = format!(
        "{:.1} MiB with one switch, {:.1} with all, {:.1} at most, {:.1} at the end",
        mib(memory.one_switch_bytes),
        mib(memory.all_switches_bytes),
        mib(memory.highest_bytes),
        mib(memory.end_bytes)
    );
    row(f, "memory", &known)?;
    if let Some(bytes) = memory.per_known_switch_bytes {
        row(f, "memory a switch", &format!("{bytes:.0} bytes, known and idle"))?;
    }
    if let Some(bytes) = memory.per_open_session_bytes {
        let kib = bytes / 1024.0;
        let sessions = memory.open_sessions_at_end;
        row(f, "memory a session", &format!("{kib:.1} KiB: all growth by the {sessions} open at the end"))?;
    }
    Ok(())
}

fn store(store: &StoreUse, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let commands =
        store.redis_commands_per_job.map_or(String::new(), |count| format!(", {count:.1} Redis commands"));
    row(f, "store a job", &format!("{:.1} KiB{commands}", store.bytes_per_job / 1024.0))
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "  {name:<20} {value}")
}
