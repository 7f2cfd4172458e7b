//! The charts: what a table does not show at a glance.

use crate::report::Report;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;
use std::path::Path;

/// A line in a chart.
pub(crate) struct Series {
    /// What it shows.
    pub(crate) name: String,
    /// Where it goes.
    pub(crate) points: Vec<(f64, f64)>,
}

const SIZE: (u32, u32) = (900, 480);

/// Rates beside what the machine could do, as bars from nothing to the limit.
pub(crate) fn throughput(report: &Report) -> anyhow::Result<()> {
    let bars: Vec<(String, f64)> = report.with(|figures| {
        let ratios = figures.iter().filter_map(|figure| {
            let ratio = figure.ratio()?;
            Some((figure.scenario.clone(), ratio))
        });
        ratios.collect()
    });
    if bars.is_empty() {
        return Ok(());
    }
    let path = report.folder().join("throughput.svg");
    let height = 90 + 34 * u32::try_from(bars.len())?;
    let area = SVGBackend::new(&path, (SIZE.0, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = bars.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max) * 1.05;
    let count = i32::try_from(bars.len())?;
    let mut chart = ChartBuilder::on(&area)
        .caption(
            "Rates, as a part of their limit in the same run",
            ("sans-serif", 20),
        )
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(260)
        .build_cartesian_2d(0.0..most, (0..count).into_segmented())?;
    let name = |place: &SegmentValue<i32>| match place {
        SegmentValue::Exact(place) | SegmentValue::CenterOf(place) => usize::try_from(*place)
            .ok()
            .and_then(|place| bars.get(place))
            .map_or_else(String::new, |(name, _)| name.clone()),
        SegmentValue::Last => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(bars.len())
        .y_label_formatter(&name)
        .draw()?;
    chart.draw_series((0..count).zip(&bars).map(|(place, (_, ratio))| {
        let corners = [
            (0.0, SegmentValue::Exact(place)),
            (*ratio, SegmentValue::Exact(place + 1)),
        ];
        let mut bar = Rectangle::new(corners, BLUE.mix(0.6).filled());
        bar.set_margin(5, 5, 0, 0);
        bar
    }))?;
    area.present()?;
    Ok(())
}

/// What the axes of a chart of lines say.
pub(crate) struct Axes<'a> {
    /// The heading.
    pub(crate) title: &'a str,
    /// What stands below.
    pub(crate) x: &'a str,
    /// What stands at the side.
    pub(crate) y: &'a str,
    /// Whether each step to the right is ten times as much.
    pub(crate) by_tens: bool,
}

/// Lines in one chart, in the file `name`.svg of the report's folder.
pub(crate) fn lines(
    report: &Report,
    name: &str,
    axes: &Axes,
    series: &[Series],
) -> anyhow::Result<()> {
    let points = || series.iter().flat_map(|one| &one.points);
    let most = |part: fn(&(f64, f64)) -> f64| points().map(part).fold(f64::MIN_POSITIVE, f64::max);
    let (right, top) = (most(|point| point.0), most(|point| point.1) * 1.1);
    let left = points().map(|point| point.0).fold(right, f64::min);
    let path = report.folder().join(format!("{name}.svg"));
    if axes.by_tens {
        draw(&path, axes, series, (left..right * 1.05).log_scale(), top)
    } else {
        draw(&path, axes, series, 0.0..right * 1.05, top)
    }
}

fn draw<X>(path: &Path, axes: &Axes, series: &[Series], x: X, top: f64) -> anyhow::Result<()>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(axes.title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(x, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc(axes.x)
        .y_desc(axes.y)
        .draw()?;
    for (place, one) in series.iter().enumerate() {
        let color = Palette99::pick(place);
        let style = ShapeStyle::from(&color).stroke_width(2);
        chart
            .draw_series(LineSeries::new(one.points.iter().copied(), style).point_size(3))?
            .label(&one.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
