//! What processes have used of the machine, as the kernel counts it: CPU time and memory of a process, or of a whole group.

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::Pid;
use std::iter::Sum;
use std::ops::{Add, Sub};
use std::time::Duration;

/// At one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// CPU time, also that of children that have ended and were waited for.
    pub cpu: Duration,
    /// Memory in RAM.
    pub resident_bytes: u64,
}

impl Usage {
    /// Of all processes of a group together.
    pub fn of_group(group: Pid) -> Self {
        let Ok(processes) = std::fs::read_dir("/proc") else { return Self::default() };
        let names = processes.flatten().map(|entry| entry.file_name());
        let numbers = names.filter_map(|name| name.to_str()?.parse::<u32>().ok());
        // One that ends meanwhile has no more to tell.
        let stats = numbers.filter_map(|number| std::fs::read_to_string(format!("/proc/{number}/stat")).ok());
        let stats = stats.filter_map(|text| Stat::parse(&text));
        stats.filter(|stat| stat.group == group.as_raw_nonzero().get()).map(|stat| stat.with_children()).sum()
    }

    /// Of this process alone, without those that it started.
    pub fn of_this_process() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
        stat.map(|stat| stat.alone()).unwrap_or_default()
    }

    /// Of one process.
    pub fn of_process(number: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok();
        stat.and_then(|text| Stat::parse(&text)).map(|stat| stat.alone()).unwrap_or_default()
    }
}

/// CPU time since `earlier`; memory is what it is now.
impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(earlier.cpu), ..self }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, resident_bytes: self.resident_bytes + other.resident_bytes }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}

/// A line of `/proc/PID/stat`, as proc(5) has it.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    group: i32,
    own_ticks: u64,
    children_ticks: u64,
    resident_pages: u64,
}

impl Stat {
    /// The second field is the program's name, in which anything may stand: what follows is counted from its end.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<_> = rest.split_whitespace().collect();
        // The first of them is field 3.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            group: fields.get(5 - 3)?.parse().ok()?,
            own_ticks: number(14)? + number(15)?,
            children_ticks: number(16)? + number(17)?,
            resident_pages: number(24)?,
        })
    }

    fn alone(&self) -> Usage {
        Usage { cpu: time(self.own_ticks), resident_bytes: self.resident_pages * page_size() as u64 }
    }

    fn with_children(&self) -> Usage {
        Usage { cpu: time(self.own_ticks + self.children_ticks), ..self.alone() }
    }
}

fn time(ticks: u64) -> Duration {
    #[allow(clippy::cast_precision_loss)] // a tick is a hundredth of a second
    Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_program_is_called() {
        let line = "4711 (a) b) 9) S 1 4700 4700 0 -1 4194560 1 2 3 4 150 50 20 10 20 0 9 0 100 9000 321 18446744073709551615";
        let stat = Stat { group: 4700, own_ticks: 200, children_ticks: 30, resident_pages: 321 };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(Stat::parse("4711 (cut"), None);
    }

    #[test]
    fn this_process_has_used_memory() {
        assert!(Usage::of_this_process().resident_bytes > 1024 * 1024);
        assert_eq!(
            Usage::of_process(std::process::id()).cpu.as_secs(),
            Usage::of_this_process().cpu.as_secs()
        );
    }

    #[test]
    fn cpu_time_is_counted_from_an_earlier_moment_and_memory_is_of_now() {
        let at = |seconds, resident_bytes| Usage { cpu: Duration::from_secs(seconds), resident_bytes };
        assert_eq!(at(9, 50) - at(4, 80), at(5, 50));
    }
}
