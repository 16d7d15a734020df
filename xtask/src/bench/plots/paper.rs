//! What plots are made of: a picture with a title, axes, names that hide nothing, and a legend.

use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange, LogCoord, WithKeyPoints};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Place = (i32, i32);

/// Heights of text, as plotters counts them: a quarter more than the letters'.
const TITLE: i32 = 22;
pub const TEXT: i32 = 17;

/// Draws the point of an allocator.
pub fn mark(area: &Area, (x, y): Place, radius: i32, colour: RGBColor, failed: bool) -> Result<(), Failure> {
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

pub type Failure = DrawingAreaErrorKind<std::io::Error>;

/// An empty picture with a title: the whole, whose pixels count from its corner, and what is below the title.
pub fn canvas<'a>(file: &'a Path, size: (u32, u32), title: &str) -> Result<(Area<'a>, Area<'a>), Failure> {
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE)?;
    let below = root.titled(title, ("sans-serif", TITLE))?;
    Ok((root, below))
}

/// Text beside the plot, from top to bottom.
pub struct Legend<'a, 'b> {
    pub area: &'a Area<'b>,
    pub line: i32,
}

impl Legend<'_, '_> {
    pub fn gap(&mut self) {
        self.line += 12;
    }

    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text, 44)?;
        self.line += 22;
        Ok(())
    }

    pub fn mark(&mut self, radius: i32, colour: RGBColor, failed: bool, text: &str) -> Result<(), Failure> {
        self.line += (radius - 10).max(0);
        mark(self.area, (22, self.line), radius, colour, failed)?;
        self.text(text)?;
        self.line += (radius - 10).max(0);
        Ok(())
    }

    /// A piece of a curve, and what it is.
    pub fn line(&mut self, colour: RGBColor, width: u32, text: &str) -> Result<(), Failure> {
        let ends = vec![(8, self.line), (36, self.line)];
        self.area.draw(&PathElement::new(ends, colour.stroke_width(width)))?;
        self.text(text)
    }

    fn write(&self, text: &str, x: i32) -> Result<(), Failure> {
        let style = ("sans-serif", TEXT).into_font().color(&BLACK).pos(Pos::new(HPos::Left, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), (x, self.line), style))
    }
}

/// The part of a logarithmic axis that is shown.
pub struct Axis {
    pub from: f64,
    pub to: f64,
}

impl Axis {
    /// Around all the numbers, with room at either end: a share of the length between them.
    pub fn around(numbers: impl Iterator<Item = f64>, room: f64) -> Self {
        let (from, to) =
            numbers.fold((f64::MAX, f64::MIN_POSITIVE), |(from, to), n| (n.min(from), n.max(to)));
        // Even if all are the same.
        let factor = (to / from).powf(room).max(1.1);
        Self { from: from / factor, to: to * factor }
    }

    pub fn range(&self) -> WithKeyPoints<LogCoord<f64>> {
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
pub fn short(number: &f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rectangle {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
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
    pub fn nearest(self, (x, y): Place) -> Place {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }
}

/// Where the name of a point is written.
pub struct Label {
    pub place: Rectangle,
    /// Whether it is so far from its point that a line should lead there.
    pub away: bool,
}

/// Finds a place for each text near its point, so that it hides neither a point nor a line nor another text.
pub fn labels(
    texts: &[String],
    points: &[(Place, i32)],
    lines: &[Rectangle],
    bounds: Rectangle,
) -> Vec<Label> {
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
        let flat = Axis::around([20.0, 20.0].into_iter(), 0.1);
        assert!(flat.from < 19.0 && flat.to > 21.0 && !flat.marks().is_empty());
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
