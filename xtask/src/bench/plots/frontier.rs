//! Size against instructions, with memory as the third mark.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::paper::{self, Axis, Failure, Legend, Place, Rectangle, TEXT};
use super::{LEGEND_WIDTH, WIDTH};
use crate::bench::all_allocators;
use crate::bench::workloads::Family;
use crate::modules::{self, Allocator};
use crate::results::Results;
use crate::statistics::Ratios;
use crate::table;

const OURS: RGBColor = RGBColor(0, 90, 181);
const PEERS: RGBColor = RGBColor(213, 94, 0);
const LIMIT: RGBColor = RGBColor(110, 110, 110);

/// What one allocator takes in one family of workloads.
pub struct Point {
    allocator: &'static Allocator,
    /// Bytes of code.
    bytes: f64,
    fuel: Ratios,
    memory: Ratios,
}

pub fn points(sizes: &Results, fuel: &Results, families: &[Family]) -> Result<Vec<Point>> {
    let families: Vec<&str> = families.iter().map(|family| family.name()).collect();
    let mut points = Vec::new();
    for allocator in all_allocators() {
        let mut bytes = None;
        for row in sizes.rows() {
            let of = [row.text("allocator")?, row.text("module")?, row.text("opt-level")?];
            if of == [allocator.key, "exports-realloc", "z"] {
                bytes = row.number("bytes added")?;
            }
        }
        let mut ratios = Vec::new();
        for row in fuel.rows() {
            if row.text("allocator")? == allocator.key && families.contains(&row.text("family")?) {
                ratios.push((row.number("ratio to std")?, row.number("grown ratio to std")?));
            }
        }
        if let (Some(bytes), false) = (bytes, ratios.is_empty()) {
            let (fuel, memory) = (ratios.iter().map(|ratio| ratio.0), ratios.iter().map(|ratio| ratio.1));
            points.push(Point { allocator, bytes, fuel: fuel.collect(), memory: memory.collect() });
        }
    }
    Ok(points)
}

/// Size against speed, with memory as the area of the point.
pub fn draw(file: &Path, title: &str, points: &[Point]) -> Result<(), Failure> {
    let title = format!("{title}: code size (bytes), instructions and memory (ratios to std's default)");
    let (root, below) = paper::canvas(file, (WIDTH, 640), &title)?;
    let (left, legend) = below.split_horizontally(WIDTH as i32 - LEGEND_WIDTH);
    // Those without a single success have no place.
    let placed: Vec<(&Point, f64, f64)> =
        points.iter().filter_map(|point| Some((point, point.fuel.mean()?, point.memory.mean()?))).collect();
    let xs = Axis::around(placed.iter().map(|(point, ..)| point.bytes), 0.1);
    let ys = Axis::around(placed.iter().map(|(_, fuel, _)| *fuel).chain([1.0]), 0.15);
    let mut chart = ChartBuilder::on(&left)
        .margin(8)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(xs.range(), ys.range())?;
    chart
        .configure_mesh()
        .x_desc(
            "bytes that alloc, dealloc and realloc add to a wasm module (opt-level z, after wasm-opt -Oz)",
        )
        .y_desc("instructions executed, as a ratio to std's default")
        .x_label_formatter(&|bytes| table::grouped(*bytes as u64))
        .y_label_formatter(&paper::short)
        .label_style(("sans-serif", TEXT))
        .light_line_style(TRANSPARENT)
        .draw()?;
    chart.draw_series(LineSeries::new([(xs.from, 1.0), (xs.to, 1.0)], BLACK.mix(0.4)))?;

    let places: Vec<(Place, i32)> = placed
        .iter()
        .map(|(point, fuel, memory)| (chart.backend_coord(&(point.bytes, *fuel)), radius(*memory)))
        .collect();
    // The largest first, so that it hides no other.
    let mut order: Vec<usize> = (0..placed.len()).collect();
    order.sort_by_key(|&number| -places[number].1);
    for number in order {
        let ((x, y), radius) = places[number];
        let (point, ..) = placed[number];
        paper::mark(&root, (x, y), radius, colour(point.allocator), point.fuel.failed() > 0)?;
    }
    let (columns, rows) = left.get_pixel_range();
    let bounds = Rectangle {
        left: columns.start + 74,
        top: rows.start + 8,
        right: columns.end - 6,
        bottom: rows.end - 58,
    };
    let y = chart.backend_coord(&(xs.from, 1.0)).1;
    let of_std = Rectangle { left: bounds.left, top: y - 1, right: bounds.right, bottom: y + 1 };
    let texts: Vec<String> = placed
        .iter()
        .map(|(point, ..)| match point.fuel.failed() {
            0 => point.allocator.name.to_owned(),
            failed => format!("{} ({failed} failed)", point.allocator.name),
        })
        .collect();
    for (number, label) in paper::labels(&texts, &places, &[of_std], bounds).into_iter().enumerate() {
        let colour = colour(placed[number].0.allocator);
        if label.away {
            root.draw(&PathElement::new(
                vec![places[number].0, label.place.nearest(places[number].0)],
                colour.mix(0.5),
            ))?;
        }
        let style = ("sans-serif", TEXT).into_font().color(&colour).pos(Pos::new(HPos::Left, VPos::Center));
        let place = (label.place.left, (label.place.top + label.place.bottom) / 2);
        root.draw(&Text::new(texts[number].clone(), place, style))?;
    }

    let mut legend = Legend { area: &legend, line: 40 };
    for (colour, text) in [(OURS, "ours"), (PEERS, "peers"), (LIMIT, "never frees")] {
        legend.mark(5, colour, false, text)?;
    }
    legend.mark(5, PEERS, true, "some workloads failed, and")?;
    legend.text("are left out of the means")?;
    legend.gap();
    legend.text("area: linear memory grown, as")?;
    legend.text("a ratio to std's default")?;
    for memory in [1.0, 4.0, 16.0] {
        legend.mark(radius(memory), BLACK, false, &format!("{memory}"))?;
    }
    legend.gap();
    legend.text("means are geometric;")?;
    legend.text("towards the lower left is better")?;
    let nowhere: Vec<&Point> = points.iter().filter(|point| point.fuel.mean().is_none()).collect();
    if !nowhere.is_empty() {
        legend.gap();
        legend.text("all workloads failed:")?;
        nowhere.iter().try_for_each(|point| legend.text(point.allocator.name))?;
    }
    root.present()?;
    Ok(())
}

fn colour(allocator: &Allocator) -> RGBColor {
    match allocator.key {
        "pure-bump" | "mini" => LIMIT,
        key if modules::ours().any(|ours| ours.key == key) => OURS,
        _ => PEERS,
    }
}

/// The radius of the point whose area stands for a ratio.
fn radius(ratio: f64) -> i32 {
    (5.0 * ratio.sqrt()).round() as i32
}
