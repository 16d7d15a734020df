//! The results as SVG, drawn from the CSV files alone.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange, LogCoord, WithKeyPoints};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{GROUPS, Plan, all_allocators};
use crate::csv::Results;
use crate::modules::{self, Allocator};
use crate::statistics::Ratios;
use crate::table;
use crate::tools::root;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Place = (i32, i32);

const OURS: RGBColor = RGBColor(0, 90, 181);
const PEERS: RGBColor = RGBColor(213, 94, 0);
const LIMIT: RGBColor = RGBColor(110, 110, 110);
const WIDTH: u32 = 1040;
const LEGEND_WIDTH: i32 = 290;
/// Heights of text, as plotters counts them: a quarter more than the letters'.
const TITLE: i32 = 22;
const TEXT: i32 = 17;

pub fn run(plan: &Plan) -> Result<()> {
    let mut drawn = Vec::new();
    for (name, families) in GROUPS {
        // The title of the family, and what the file is called.
        let (title, name) = match name {
            "real" => ("Real programs", "real"),
            "small" => ("Small objects (up to 128 bytes)", "small"),
            _ => ("Small objects and larger blocks", "micro"),
        };
        let (size, fuel) = (plan.results("size.csv"), plan.results("fuel.csv"));
        if size.exists() && fuel.exists() {
            let points =
                points(&Results::read(&size)?, &Results::read(&fuel)?, families.iter().map(|f| f.name()))?;
            if !points.is_empty() {
                let file = plan.results(&format!("{name}.svg"));
                frontier(&file, title, &points).map_err(|error| anyhow!("{}: {error}", file.display()))?;
                drawn.push(file);
            }
        }
    }
    ensure!(!drawn.is_empty(), "there are no results to draw yet: `size` and `fuel` come first");
    println!();
    for file in drawn {
        println!("drawn: {}", file.strip_prefix(root()).unwrap_or(&file).display());
    }
    Ok(())
}

/// What one allocator takes in one family of workloads.
struct Point {
    allocator: &'static Allocator,
    /// Bytes of code.
    bytes: f64,
    fuel: Ratios,
    memory: Ratios,
}

fn points<'a>(
    sizes: &Results,
    fuel: &Results,
    families: impl Iterator<Item = &'a str>,
) -> Result<Vec<Point>> {
    let families: Vec<&str> = families.collect();
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
fn frontier(file: &Path, title: &str, points: &[Point]) -> Result<(), Box<dyn std::error::Error>> {
    let title = format!("{title}: code size (bytes), instructions and memory (ratios to std's default)");
    let (root, below) = canvas(file, (WIDTH, 640), &title)?;
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
        .y_label_formatter(&short)
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
        mark(&root, (x, y), radius, colour(point.allocator), point.fuel.failed() > 0)?;
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
    for (number, label) in labels(&texts, &places, &[of_std], bounds).into_iter().enumerate() {
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
        key if modules::OURS.iter().any(|ours| ours.key == key) => OURS,
        _ => PEERS,
    }
}

/// The radius of the point whose area stands for a ratio.
fn radius(ratio: f64) -> i32 {
    (5.0 * ratio.sqrt()).round() as i32
}

/// Draws the point of an allocator.
fn mark(area: &Area, (x, y): Place, radius: i32, colour: RGBColor, failed: bool) -> Result<(), Failure> {
    let opacity = if failed { 0.08 } else { 0.4 };
    area.draw(&Circle::new((x, y), radius, colour.mix(opacity).filled()))?;
    area.draw(&Circle::new((x, y), radius, colour.stroke_width(if failed { 1 } else { 2 })))?;
    if failed {
        for slope in [-1, 1] {
            area.draw(&PathElement::new(
                vec![(x - 5, y - 5 * slope), (x + 5, y + 5 * slope)],
                colour.stroke_width(2),
            ))?;
        }
    }
    Ok(())
}

type Failure = DrawingAreaErrorKind<std::io::Error>;

/// An empty picture with a title: the whole, whose pixels count from its corner, and what is below the title.
fn canvas<'a>(file: &'a Path, size: (u32, u32), title: &str) -> Result<(Area<'a>, Area<'a>), Failure> {
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE)?;
    let below = root.titled(title, ("sans-serif", TITLE))?;
    Ok((root, below))
}

/// Text beside the plot, from top to bottom.
struct Legend<'a, 'b> {
    area: &'a Area<'b>,
    line: i32,
}

impl Legend<'_, '_> {
    fn gap(&mut self) {
        self.line += 12;
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text, 44)?;
        self.line += 22;
        Ok(())
    }

    fn mark(&mut self, radius: i32, colour: RGBColor, failed: bool, text: &str) -> Result<(), Failure> {
        self.line += (radius - 10).max(0);
        mark(self.area, (22, self.line), radius, colour, failed)?;
        self.text(text)?;
        self.line += (radius - 10).max(0);
        Ok(())
    }

    fn write(&self, text: &str, x: i32) -> Result<(), Failure> {
        let style = ("sans-serif", TEXT).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), (x, self.line), style))
    }
}

/// The part of a logarithmic axis that is shown.
struct Axis {
    from: f64,
    to: f64,
}

impl Axis {
    /// Around all the numbers, with room at either end: a share of the length between them.
    fn around(numbers: impl Iterator<Item = f64>, room: f64) -> Self {
        let (from, to) =
            numbers.fold((f64::MAX, f64::MIN_POSITIVE), |(from, to), n| (n.min(from), n.max(to)));
        let factor = (to / from).powf(room);
        Self { from: from / factor, to: to * factor }
    }

    fn range(&self) -> WithKeyPoints<LogCoord<f64>> {
        (self.from..self.to).log_scale().with_key_points(self.marks())
    }

    /// The numbers written at the axis: as round as possible, but some.
    fn marks(&self) -> Vec<f64> {
        const STEPS: [&[f64]; 4] = [
            &[1.0],
            &[1.0, 2.0, 5.0],
            &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
            &[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.5],
        ];
        let decades = self.from.log10().floor() as i32..=self.to.log10().ceil() as i32;
        let marks = |steps: &[f64]| -> Vec<f64> {
            let all =
                decades.clone().flat_map(|decade| steps.iter().map(move |step| step * 10f64.powi(decade)));
            all.filter(|mark| (self.from..=self.to).contains(mark)).collect()
        };
        let mut all = STEPS.into_iter().map(marks).collect::<Vec<_>>().into_iter();
        let finest = marks(STEPS[3]);
        all.find(|marks| marks.len() >= 4).unwrap_or(finest)
    }
}

/// A number without what floating point adds to it.
fn short(number: &f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rectangle {
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Rectangle {
    /// The area that it shares with another one.
    fn shared(self, other: Self) -> i32 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0) * height.max(0)
    }

    fn area(self) -> i32 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    /// Its place that is nearest to another one.
    fn nearest(self, (x, y): Place) -> Place {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }
}

/// Where the name of a point is written.
struct Label {
    place: Rectangle,
    /// Whether it is so far from its point that a line should lead there.
    away: bool,
}

/// Finds a place for each text near its point, so that it hides neither a point nor a line nor another text.
fn labels(texts: &[String], points: &[(Place, i32)], lines: &[Rectangle], bounds: Rectangle) -> Vec<Label> {
    // A text may lie upon the rim of a large point, but not upon its middle.
    let mut taken: Vec<Rectangle> = points
        .iter()
        .map(|&((x, y), radius)| {
            let radius = radius.min(9);
            Rectangle { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius }
        })
        .collect();
    taken.extend(lines);
    let mut labels = Vec::new();
    for (text, &((x, y), radius)) in texts.iter().zip(points) {
        let (width, height) = (text.chars().count() as i32 * TEXT * 9 / 20, TEXT);
        let mut best: Option<(i32, Label)> = None;
        for ring in 0..12 {
            // Beside the point, then further and further away, in all directions.
            let distance = radius.min(60) + 4 + 12 * ring;
            for (right, down) in [(1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1)] {
                let (x, y) = (x + right * distance, y + down * distance);
                let left = x + (right - 1) * width / 2;
                let top = y + (down - 1) * height / 2;
                let place = Rectangle { left, top, right: left + width, bottom: top + height };
                let outside = place.area() - place.shared(bounds);
                let hidden = taken.iter().map(|taken| taken.shared(place)).sum::<i32>() + outside;
                if best.as_ref().is_none_or(|(least, _)| hidden < *least) {
                    best = Some((hidden, Label { place, away: ring > 0 }));
                }
            }
        }
        let (_, label) = best.expect("there are places");
        taken.push(label.place);
        labels.push(label);
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_marks() {
        assert_eq!(Axis { from: 800.0, to: 2e6 }.marks(), [1e3, 1e4, 1e5, 1e6]);
        assert_eq!(Axis { from: 90.0, to: 11_000.0 }.marks(), [100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4]);
        assert!(Axis { from: 0.86, to: 1.2 }.marks().len() >= 4);
        let around = Axis::around([4.0, 2.0, 8.0].into_iter(), 0.5);
        assert_eq!((around.from, around.to), (1.0, 16.0));
        assert_eq!(["1", "0.95", "20"], [1.0, 0.95, 20.0].map(|number| short(&number)));
    }

    #[test]
    fn labels_hide_nothing() {
        let bounds = Rectangle { left: 0, top: 0, right: 400, bottom: 300 };
        let points = [((200, 150), 6), ((204, 152), 6), ((210, 150), 20), ((390, 10), 6)];
        let texts = ["first", "second", "third (2 failed)", "in the corner"].map(String::from);
        let labels = labels(&texts, &points, &[], bounds);
        for (number, label) in labels.iter().enumerate() {
            assert_eq!(label.place.shared(bounds), label.place.area(), "label {number} is cut");
            for other in &labels[number + 1..] {
                assert_eq!(label.place.shared(other.place), 0, "label {number} hides another");
            }
            for &((x, y), _) in &points {
                let dot = Rectangle { left: x - 1, top: y - 1, right: x + 1, bottom: y + 1 };
                assert_eq!(label.place.shared(dot), 0, "label {number} hides a point");
            }
        }
    }
}
