//! What is drawn of the figures: of one run latency and throughput over its time, of several both over what was swept.

use super::figures::{Figures, Interval};
use super::spread::Spread;

/// A picture: panels below one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub title: String,
    pub panels: Vec<Panel>,
}

/// Curves over the same axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    pub x: Axis,
    pub y: Axis,
    pub curves: Vec<Curve>,
}

/// With its unit in its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    pub name: &'static str,
    pub scale: Scale,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// From 0.
    Linear,
    /// For what spans orders of magnitude.
    Logarithmic,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

const LATENCY: Axis = Axis { name: "latency (ms)", scale: Scale::Logarithmic };
const THROUGHPUT: Axis = Axis { name: "checkouts (1/s)", scale: Scale::Linear };

impl Chart {
    /// Of one run over its time, of several over what differs between them.
    pub fn of(runs: &[Figures]) -> Self {
        let panels = match runs {
            [run] => over_time(run),
            runs => over_sweep(runs),
        };
        let settings = &runs[0].settings;
        let devices = if varies(runs, |run| run.settings.switches) {
            format!("{} jobs a switch", settings.jobs_per_switch)
        } else {
            format!("{} switches, {} jobs each", settings.switches, settings.jobs_per_switch)
        };
        let title = format!(
            "{} on {}: {devices}, {} ms a command",
            settings.service, settings.store, settings.latency_ms
        );
        Self { title, panels }
    }
}

fn over_time(run: &Figures) -> Vec<Panel> {
    let x = Axis { name: "time (s)", scale: Scale::Linear };
    // In the middle of its interval. The last one is mostly a part of one.
    let whole = run.over_time.len().saturating_sub(1).max(1);
    let points = |value: &dyn Fn(&Interval) -> f64| -> Vec<(f64, f64)> {
        let intervals = run.over_time.iter().take(whole);
        intervals.map(|interval| (interval.from_s + interval.lasting_s / 2.0, value(interval))).collect()
    };
    let latency = [
        curve("answer, p50", points(&|interval| interval.answer.p50_ms)),
        curve("answer, p99", points(&|interval| interval.answer.p99_ms)),
        curve("200 to live, p50", points(&|interval| interval.whole_way.p50_ms)),
        curve("200 to live, p99", points(&|interval| interval.whole_way.p99_ms)),
    ];
    let throughput = vec![
        curve("accepted", points(&|interval| interval.accepted_per_s)),
        curve("live", points(&|interval| interval.live_ports_per_s)),
    ];
    vec![
        Panel { x, y: LATENCY, curves: latency.map(without_zeros).into() },
        Panel { x, y: THROUGHPUT, curves: throughput },
    ]
}

fn over_sweep(runs: &[Figures]) -> Vec<Panel> {
    let name = if varies(runs, |run| run.settings.switches) { "switches" } else { "clients at once" };
    let x = Axis { name, scale: Scale::Logarithmic };
    let points = |value: &dyn Fn(&Figures) -> f64| -> Vec<(f64, f64)> {
        runs.iter().map(|run| (swept(run, name), value(run))).collect()
    };
    let p99 = |spread: Spread| spread.p99_ms;
    let throughput = vec![
        curve("accepted", points(&|run| run.rates.accepted_per_s)),
        curve("live", points(&|run| run.rates.live_ports_per_s)),
    ];
    let latency = [
        curve("answer, p99", points(&|run| p99(run.latency.answer))),
        curve("session open, p99", points(&|run| p99(run.latency.session_open))),
        curve("dialog, p99", points(&|run| p99(run.latency.dialog))),
        curve("200 to live, p99", points(&|run| p99(run.latency.whole_way))),
    ];
    vec![
        Panel { x, y: THROUGHPUT, curves: throughput },
        Panel { x, y: LATENCY, curves: latency.map(without_zeros).into() },
    ]
}

fn swept(run: &Figures, name: &str) -> f64 {
    if name == "switches" { run.settings.switches as f64 } else { run.settings.clients.unwrap_or(1) as f64 }
}

fn varies(runs: &[Figures], what: impl Fn(&Figures) -> usize) -> bool {
    runs.iter().any(|run| what(run) != what(&runs[0]))
}

fn curve(name: &'static str, points: Vec<(f64, f64)>) -> Curve {
    Curve { name, points }
}

/// An interval in which nothing was measured has no place on a logarithmic axis.
fn without_zeros(mut curve: Curve) -> Curve {
    curve.points.retain(|(_, y)| *y > 0.0);
    curve
}

#[cfg(test)]
mod tests {
    use super::super::observed::tests::figures;
    use super::*;

    #[test]
    fn one_run_is_drawn_over_its_time_and_an_interval_without_a_measurement_has_no_point() {
        let chart = Chart::of(&[figures(&[])]);
        assert_eq!(chart.panels.iter().map(|panel| panel.x.name).collect::<Vec<_>>(), ["time (s)"; 2]);
        let [latency, throughput] = &chart.panels[..] else { panic!("two panels") };
        assert!(latency.curves.iter().flat_map(|curve| &curve.points).all(|(_, y)| *y > 0.0));
        assert_eq!(throughput.curves[0].name, "accepted");
    }

    #[test]
    fn several_runs_are_drawn_over_what_differs_between_them() {
        let clients = [figures(&["--arrival", "closed:1"]), figures(&["--arrival", "closed:8"])];
        let chart = Chart::of(&clients);
        let xs = |chart: &Chart| chart.panels[0].curves[0].points.iter().map(|(x, _)| *x).collect::<Vec<_>>();
        assert_eq!((chart.panels[0].x.name, xs(&chart)), ("clients at once", vec![1.0, 8.0]));
        let chart = Chart::of(&[figures(&["--switches", "10"]), figures(&["--switches", "30"])]);
        assert_eq!((chart.panels[0].x.name, xs(&chart)), ("switches", vec![10.0, 30.0]));
    }
}
