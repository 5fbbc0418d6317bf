//! How far a run is, on a terminal only.

use super::options::Options;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(200);

/// One line that changes.
pub struct Progress(ProgressBar);

impl Progress {
    /// Of a run.
    pub fn of(options: &Options) -> Self {
        let bar = ProgressBar::new(options.checkouts() as u64);
        let style = ProgressStyle::with_template("  {bar:40.cyan} {pos}/{len} lines live, {msg}, {elapsed}");
        let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// What it is at.
    pub fn says(&self, what: &'static str) {
        self.0.set_message(what);
    }

    /// How many checkouts were accepted, and how many came to an outcome.
    pub fn is_at(&self, accepted: usize, told: usize) {
        self.0.set_position(told as u64);
        self.0.set_message(format!("{accepted} accepted"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
