//! Figures over rounds, and what they are held against.

use super::clients::Load;
use std::time::Duration;

/// Accepts a second, one value a round.
pub struct Figure {
    name: &'static str,
    load: Load,
    per_second: Vec<f64>,
}

impl Figure {
    pub fn of(name: &'static str, load: Load) -> Self {
        Self { name, load, per_second: Vec::new() }
    }

    #[allow(clippy::cast_precision_loss)] // thousands
    pub fn add(&mut self, took: Duration) {
        self.per_second.push(self.load.checkouts as f64 / took.as_secs_f64());
    }

    fn line(&self) -> String {
        format!(
            "{:<14} {:>3} connections  {:>8.0} /s  ({})",
            self.name,
            self.load.connections,
            median(&self.per_second),
            spread(&self.per_second, 0)
        )
    }
}

pub fn heading(text: &str) {
    println!("\n{text}");
}

/// A figure by itself.
pub fn alone(figure: &Figure) {
    println!("  {}", figure.line());
}

/// A figure, its baseline, and the ratio of each pair of rounds, which ran one after the other.
pub fn beside(figure: &Figure, baseline: &Figure, at_least: f64) {
    let ratios: Vec<_> = figure.per_second.iter().zip(&baseline.per_second).map(|(a, b)| a / b).collect();
    let ratio = median(&ratios);
    let verdict = if ratio >= at_least { "met" } else { "MISSED" };
    println!("  {}\n  {}", figure.line(), baseline.line());
    println!("    ratio {ratio:.2} ({}), at least {at_least} wanted: {verdict}", spread(&ratios, 2));
}

/// What else the machine does.
pub fn machine() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("{cores} cores, load average {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
}

pub fn median(values: &[f64]) -> f64 {
    sorted(values)[values.len() / 2]
}

fn spread(values: &[f64], digits: usize) -> String {
    let values = sorted(values);
    format!("{:.digits$} to {:.digits$}", values[0], values[values.len() - 1])
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}
