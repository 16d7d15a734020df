//! Curves, one for each allocator: panels of them, with one legend.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use super::paper::{self, Axis, Failure, Legend, TEXT};
use super::{LEGEND_WIDTH, WIDTH};
use crate::bench::all_allocators;
use crate::modules::Allocator;
use crate::results::Results;

/// What the picture and its axes are called.
pub struct Titles {
    title: &'static str,
    x: &'static str,
    y: &'static str,
    /// What else is to be known.
    notes: &'static [&'static str],
}

pub const GROWTH: Titles = Titles {
    title: "Instructions for a replacement (one alloc, one dealloc) as the number of live blocks grows",
    x: "live blocks",
    y: "instructions for a replacement",
    notes: &[
        "SegregatedBumpAllocator does not",
        "reuse blocks above 128 B, and so",
        "has no curve for mixed sizes",
    ],
};

pub const SOAK: Titles = Titles {
    title: "Linear memory (MiB) of one instance that repeats a workload",
    x: "rounds",
    y: "linear memory, MiB",
    notes: &[],
};

pub const LONG_SOAK: Titles = Titles {
    title: "Linear memory (MiB) of one instance that repeats a program on a tiny input",
    x: "rounds",
    y: "linear memory, MiB",
    notes: &["std's default does a tenth", "of the rounds, for comparison"],
};

pub struct Panel {
    name: String,
    curves: Vec<Curve>,
}

struct Curve {
    allocator: &'static Allocator,
    points: Vec<(f64, f64)>,
    failed: bool,
}

pub type Reader = fn(&Results) -> Result<Vec<Panel>>;

pub fn growth(results: &Results) -> Result<Vec<Panel>> {
    let mut panels = Vec::new();
    for row in results.rows() {
        let curve = curve(&mut panels, &format!("blocks of {}", row.text("sizes")?), row.text("allocator")?);
        match (curve, row.number("live blocks")?, row.number("instructions each")?) {
            (Some(curve), Some(live), Some(each)) => curve.points.push((live, each)),
            (Some(curve), ..) => curve.failed = true,
            (None, ..) => {}
        }
    }
    Ok(panels)
}

pub fn soak(results: &Results) -> Result<Vec<Panel>> {
    let mut panels = Vec::new();
    for row in results.rows() {
        let curve = curve(&mut panels, row.text("workload")?, row.text("allocator")?);
        if let (Some(curve), Some(round), Some(bytes)) = (curve, row.number("round")?, row.number("bytes")?) {
            let mib = bytes / f64::from(1 << 20);
            // The memory is what it was until the round before.
            if let Some(&(last, before)) = curve.points.last() {
                if round - last > 1.0 && mib != before {
                    curve.points.push((round - 1.0, before));
                }
            }
            curve.points.push((round, mib));
            curve.failed |= !row.text("error")?.is_empty();
        }
    }
    Ok(panels)
}

/// The curve of an allocator in the panel of that name. None for an allocator that is no longer known.
fn curve<'a>(panels: &'a mut Vec<Panel>, name: &str, key: &str) -> Option<&'a mut Curve> {
    let allocator = all_allocators().find(|allocator| allocator.key == key)?;
    let place = panels.iter().position(|panel| panel.name == name).unwrap_or_else(|| {
        panels.push(Panel { name: name.to_owned(), curves: Vec::new() });
        panels.len() - 1
    });
    let curves = &mut panels[place].curves;
    let place = curves.iter().position(|curve| curve.allocator.key == key).unwrap_or_else(|| {
        curves.push(Curve { allocator, points: Vec::new(), failed: false });
        curves.len() - 1
    });
    Some(&mut curves[place])
}

pub fn draw(file: &Path, titles: &Titles, panels: &[Panel]) -> Result<(), Failure> {
    let columns = if panels.len() > 4 { 3 } else { panels.len().min(2) };
    let rows = panels.len().div_ceil(columns.max(1));
    let height = if rows == 1 { 460 } else { 30 + 260 * rows as u32 };
    let (root, below) = paper::canvas(file, (WIDTH, height), titles.title)?;
    let (left, legend) = below.split_horizontally(WIDTH as i32 - LEGEND_WIDTH);
    for (panel, area) in panels.iter().zip(left.split_evenly((rows, columns))) {
        draw_panel(&area, titles, panel)?;
    }

    let mut legend = Legend { area: &legend, line: 40 };
    for allocator in all_allocators() {
        let all = panels.iter().flat_map(|panel| &panel.curves);
        let own: Vec<&Curve> = all.filter(|curve| curve.allocator.key == allocator.key).collect();
        if !own.is_empty() {
            let (colour, width) = pen(allocator);
            legend.line(colour, width, allocator.name)?;
        }
    }
    legend.gap();
    if panels.iter().flat_map(|panel| &panel.curves).any(|curve| curve.failed) {
        legend.mark(1, BLACK, true, "failed here")?;
    }
    titles.notes.iter().try_for_each(|note| legend.text(note))?;
    root.present()?;
    Ok(())
}

fn draw_panel(area: &paper::Area, titles: &Titles, panel: &Panel) -> Result<(), Failure> {
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let xs = Axis::around(points().map(|point| point.0), 0.02);
    let ys = Axis::around(points().map(|point| point.1), 0.1);
    let mut chart = ChartBuilder::on(area)
        .margin(8)
        .caption(&panel.name, ("sans-serif", TEXT + 2))
        .x_label_area_size(40)
        .y_label_area_size(58)
        .build_cartesian_2d(xs.range(), ys.range())?;
    chart
        .configure_mesh()
        .x_desc(titles.x)
        .y_desc(titles.y)
        .x_label_formatter(&thousands)
        .y_label_formatter(&paper::short)
        .label_style(("sans-serif", TEXT - 2))
        .light_line_style(TRANSPARENT)
        .draw()?;
    // Ours are drawn last, and thinner, so that none is hidden by another of the same height.
    let mut curves: Vec<&Curve> = panel.curves.iter().collect();
    curves.sort_by_key(|curve| std::cmp::Reverse(pen(curve.allocator).1));
    for curve in curves {
        let (colour, width) = pen(curve.allocator);
        chart.draw_series(LineSeries::new(curve.points.iter().copied(), colour.stroke_width(width)))?;
        if let (true, Some(&end)) = (curve.failed, curve.points.last()) {
            chart.draw_series([Cross::new(end, 6, colour.stroke_width(2))])?;
        }
    }
    Ok(())
}

/// A number of rounds or blocks, short enough that six panels have room for it: 1, 10k, 1M.
fn thousands(number: &f64) -> String {
    match *number {
        few if few < 1e3 => paper::short(&few),
        many if many < 1e6 => paper::short(&(many / 1e3)) + "k",
        many => paper::short(&(many / 1e6)) + "M",
    }
}

/// The colour and the width of an allocator's curve.
fn pen(allocator: &Allocator) -> (RGBColor, u32) {
    match allocator.key {
        "bump" => (RGBColor(0, 90, 181), 2),
        "segregated" => (RGBColor(0, 140, 80), 2),
        "freelist" => (RGBColor(210, 0, 60), 2),
        "std" => (RGBColor(200, 200, 200), 9),
        "dlmalloc" => (RGBColor(240, 180, 0), 6),
        "talc-dynamic" => (RGBColor(120, 190, 235), 5),
        "talc-claim" => (RGBColor(60, 120, 160), 4),
        "rlsf" => (RGBColor(140, 90, 60), 4),
        "rlsf-small" => (RGBColor(204, 121, 167), 4),
        _ => (RGBColor(130, 130, 130), 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_up_in_steps() -> Result<()> {
        let text = "workload,allocator,round,bytes,error\n\
                    json,std,1,1048576,\n\
                    json,std,5,2097152,\n\
                    json,gone,1,1,\n\
                    json,std,6,3145728,out of memory\n";
        let panels = soak(&Results::from_text(text)?)?;
        assert_eq!((panels.len(), panels[0].curves.len()), (1, 1));
        let curve = &panels[0].curves[0];
        assert_eq!(curve.points, [(1.0, 1.0), (4.0, 1.0), (5.0, 2.0), (6.0, 3.0)]);
        assert!(curve.failed);
        Ok(())
    }

    #[test]
    fn long_numbers_are_short() {
        assert_eq!(
            [1.0, 200.0, 1000.0, 1e5, 1e6].map(|number| thousands(&number)),
            ["1", "200", "1k", "100k", "1M"]
        );
    }
}
