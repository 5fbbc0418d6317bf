//! A chart as a picture, with a font of its own: nothing is asked of the machine that it is drawn on.

use super::chart::{Chart, Panel, Scale};
use anyhow::{Context as _, anyhow};
use epaint_default_fonts::UBUNTU_LIGHT;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::register_font;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::Path;

const WIDTH: u32 = 1_200;
const PANEL_HEIGHT: u32 = 440;
const TITLE_HEIGHT: u32 = 60;
const LEGEND_WIDTH: u32 = 200;
const FONT: &str = "sans-serif";
/// Told apart also by who sees few colours.
const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn<'a> = Result<(), Box<dyn Error + Send + Sync + 'a>>;

/// Draws it into a PNG.
///
/// # Errors
/// When it can't be written.
pub fn write(chart: &Chart, file: &Path) -> anyhow::Result<()> {
    let height = TITLE_HEIGHT + PANEL_HEIGHT * u32::try_from(chart.panels.len())?;
    let mut pixels = vec![0; (WIDTH * height * 3) as usize];
    draw(chart, &mut pixels, height).map_err(|error| anyhow!("drawing: {error}"))?;
    save(&pixels, height, file).with_context(|| file.display().to_string())
}

fn save(pixels: &[u8], height: u32, file: &Path) -> anyhow::Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(file)?), WIDTH, height);
    encoder.set_color(png::ColorType::Rgb);
    Ok(encoder.write_header()?.write_image_data(pixels)?)
}

fn draw<'a>(chart: &Chart, pixels: &'a mut [u8], height: u32) -> Drawn<'a> {
    register_font(FONT, FontStyle::Normal, UBUNTU_LIGHT).map_err(|_| "the font is none")?;
    let root = BitMapBackend::with_buffer(pixels, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let below = root.margin(12, 0, 0, 0).titled(&chart.title, (FONT, 26))?;
    for (area, panel) in below.split_evenly((chart.panels.len(), 1)).iter().zip(&chart.panels) {
        draw_panel(area, panel)?;
    }
    root.present()?;
    Ok(())
}

/// The legend has a place of its own, where no curve is.
fn draw_panel<'a>(area: &Area<'a>, panel: &Panel) -> Drawn<'a> {
    let (plot, legend) = area.split_horizontally(WIDTH - LEGEND_WIDTH);
    draw_legend(&legend, panel)?;
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let y = range(panel.y.scale, points().map(|(_, y)| *y));
    let x = range(panel.x.scale, points().map(|(x, _)| *x));
    match (panel.x.scale, panel.y.scale) {
        (Scale::Linear, Scale::Linear) => draw_over(&plot, panel, x, y),
        (Scale::Linear, Scale::Logarithmic) => draw_over(&plot, panel, x, y.log_scale()),
        (Scale::Logarithmic, scale) => {
            let mut ticks: Vec<_> = points().map(|(x, _)| *x).collect();
            ticks.sort_by(f64::total_cmp);
            ticks.dedup();
            let x = x.log_scale().with_key_points(ticks);
            match scale {
                Scale::Linear => draw_over(&plot, panel, x, y),
                Scale::Logarithmic => draw_over(&plot, panel, x, y.log_scale()),
            }
        }
    }
}

fn draw_legend<'a>(area: &Area<'a>, panel: &Panel) -> Drawn<'a> {
    for ((curve, colour), y) in panel.curves.iter().zip(COLOURS).zip((20..).step_by(28)) {
        area.draw(&Rectangle::new([(0, y + 8), (24, y + 11)], colour.filled()))?;
        area.draw(&Text::new(curve.name, (34, y), (FONT, 18)))?;
    }
    Ok(())
}

fn draw_over<'a, X, Y>(area: &Area<'a>, panel: &Panel, x: X, y: Y) -> Drawn<'a>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut builder = ChartBuilder::on(area);
    builder.margin(12).margin_right(30).x_label_area_size(50).y_label_area_size(75);
    let mut chart = builder.build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(panel.x.name).y_desc(panel.y.name).axis_desc_style((FONT, 19)).label_style((FONT, 17));
    mesh.x_label_formatter(&|x| label(*x)).y_label_formatter(&|y| label(*y));
    mesh.light_line_style(WHITE).bold_line_style(RGBColor(220, 220, 220)).draw()?;
    for (curve, colour) in panel.curves.iter().zip(COLOURS) {
        chart.draw_series(LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2)))?;
        chart.draw_series(curve.points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    Ok(())
}

/// With some room above; a logarithmic axis also begins below its least.
fn range(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let (least, most) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    match scale {
        _ if most <= 0.0 => 0.1..1.0,
        Scale::Linear => 0.0..most * 1.1,
        Scale::Logarithmic => least / 1.5..most * 1.5,
    }
}

/// Ticks are a power of ten apart, or a few in one: two decimals tell them apart.
fn label(value: f64) -> String {
    if value >= 100.0 {
        return format!("{value:.0}");
    }
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::chart::{Axis, Curve};
    use super::*;

    #[test]
    fn a_tick_is_named_without_what_a_float_adds() {
        let labels = [0.6 + 1e-13, 0.0, 20.0, 0.25, 1_500.0, 99.999].map(label);
        assert_eq!(labels, ["0.6", "0", "20", "0.25", "1500", "100"]);
    }

    #[test]
    fn every_pair_of_scales_becomes_a_picture_also_where_nothing_was_measured() {
        let folder = tempfile::tempdir().expect("a folder");
        for (number, points) in
            [vec![(1.0, 5.0), (64.0, 900.0)], vec![(1.0, 1.0)], Vec::new()].iter().enumerate()
        {
            let axis = |scale| Axis { name: "n (ms)", scale };
            let scales = [Scale::Linear, Scale::Logarithmic];
            let pairs = scales.into_iter().flat_map(|x| scales.map(|y| (axis(x), axis(y))));
            let curves = vec![Curve { name: "curve", points: points.clone() }];
            let panels = pairs.map(|(x, y)| Panel { x, y, curves: curves.clone() }).collect();
            let file = folder.path().join(format!("{number}.png"));
            write(&Chart { title: "title".into(), panels }, &file).expect("a picture");
            let decoder = png::Decoder::new(std::io::BufReader::new(File::open(&file).expect("the file")));
            assert_eq!(
                decoder.read_info().expect("a PNG").info().size(),
                (WIDTH, TITLE_HEIGHT + 4 * PANEL_HEIGHT)
            );
        }
    }
}
