//! How the cost of an operation grows with the number of live blocks.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::Plan;
use super::fuel::{self, Cost};
use crate::modules::{self, Allocator};
use crate::table;
use crate::tools::{self, Wasmtime, progress};

/// Our three, the two peers of bounded cost that are used most, and how cheap the work would be if nothing was ever
/// freed.
const COMPARED: [&str; 6] = ["bump", "segregated", "freelist", "dlmalloc", "talc-dynamic", "pure-bump"];

/// Sizes: their name, the power of two that they are below, and who is left out.
const SIZES: [(&str, u32, Option<&str>); 2] =
    [("8 to 127 B", 7, None), ("8 to 511 B", 9, Some("segregated"))];

/// Numbers of live blocks: 1000, doubled to 1 024 000.
fn lives() -> impl Iterator<Item = u64> {
    (0..=10).map(|doublings| 1000 << doublings)
}

/// As many blocks are replaced: each one twice, so that what is done now and then is among it.
fn steps(live: u64) -> u64 {
    (2 * live).max(50_000)
}

/// Who takes more instructions for a replacement is stopped.
const PATIENCE: u64 = 20_000;

/// What the work with some number of live blocks took.
struct Point {
    live: u64,
    cost: Cost,
}

impl Point {
    /// Instructions for a replacement.
    fn each(&self) -> Option<f64> {
        Some(*self.cost.fuel.as_ref().ok()? as f64 / steps(self.live) as f64)
    }
}

pub fn run(plan: &Plan) -> Result<()> {
    let wasmtime = tools::need_wasmtime()?;
    let allocators: Vec<&Allocator> =
        plan.allocators.iter().copied().filter(|allocator| COMPARED.contains(&allocator.key)).collect();
    let mut built = Vec::new();
    for allocator in allocators {
        progress(&format!("{}: building its module", allocator.name));
        built.push((allocator, modules::build(allocator, &["steady"], plan.profile())?));
    }
    progress("Counting instructions with 1000 to 1 024 000 live blocks");
    let mut curves = Vec::new();
    for (sizes, power, left_out) in SIZES {
        let others = built.iter().filter(|(allocator, _)| Some(allocator.key) != left_out);
        let counted: Result<Vec<_>> = std::thread::scope(|scope| {
            let wasmtime = &wasmtime;
            let counting: Vec<_> = others
                .map(|(key, module)| (key, scope.spawn(move || count(wasmtime, module, power))))
                .collect();
            let join = |(allocator, counting): (&&'static Allocator, std::thread::ScopedJoinHandle<_>)| {
                let points: Result<Vec<Point>> = counting.join().expect("counting does not panic");
                Ok((*allocator, points?))
            };
            counting.into_iter().map(join).collect()
        });
        let mut counted = counted?;
        check(&mut counted);
        curves.push((sizes, counted));
    }
    report(&curves);
    write(plan, &wasmtime, &curves)
}

fn count(wasmtime: &Wasmtime, module: &Path, power: u32) -> Result<Vec<Point>> {
    let jobs: Vec<Value> = lives()
        .map(|live| {
            json!({ "program": "steady", "setup": [live, power], "steps": steps(live), "rounds": 1,
                "fuel": PATIENCE * steps(live) })
        })
        .collect();
    let answers = fuel::answers(wasmtime, module, &jobs)?;
    lives().zip(&answers).map(|(live, answer)| Ok(Point { live, cost: Cost::read(answer)? })).collect()
}

/// Whoever has another checksum than the first that has one has failed: it does not depend on the allocator.
fn check(curves: &mut [(&Allocator, Vec<Point>)]) {
    for (place, _) in lives().enumerate() {
        let right = curves.iter().find_map(|(_, points)| points[place].cost.checksum.clone());
        for (_, points) in curves.iter_mut() {
            points[place].cost.expect(right.as_ref());
        }
    }
}

type Curves = [(&'static str, Vec<(&'static Allocator, Vec<Point>)>)];

fn report(curves: &Curves) {
    println!(
        "\nInstructions for a replacement (alloc, dealloc, and the work around them) by the number of live blocks"
    );
    println!("(growth: from the first number to the last; the logarithm of the number doubles)");
    for (sizes, curves) in curves {
        println!("\n{sizes}\n");
        let mut rows = vec![vec!["allocator".to_owned()]];
        rows[0].extend(lives().map(table::grouped).chain(["growth".into()]));
        for (allocator, points) in curves {
            let mut row = vec![allocator.name.to_owned()];
            row.extend(points.iter().map(|point| match &point.cost.fuel {
                Ok(_) => point.each().map_or("-".into(), |each| format!("{each:.0}")),
                Err(error) => super::short(error, PATIENCE),
            }));
            row.push(growth(points).map_or("-".into(), |growth| format!("{growth:.2}")));
            rows.push(row);
        }
        table::print(&rows);
    }
    for (sizes, _, left_out) in SIZES {
        if let Some(left_out) = left_out {
            println!("\n({left_out} does not reuse blocks above 128 B, and so has no part in {sizes})");
        }
    }
}

/// How many times what it is with the fewest live blocks the cost is with the most.
fn growth(points: &[Point]) -> Option<f64> {
    Some(points.last()?.each()? / points.first()?.each()?)
}

fn write(plan: &Plan, wasmtime: &Wasmtime, curves: &Curves) -> Result<()> {
    let rustc = tools::rustc_version()?;
    let mut rows = vec![super::row([
        "sizes",
        "allocator",
        "version",
        "live blocks",
        "replacements",
        "instructions",
        "instructions each",
        "grown bytes",
        "error",
        "rustc",
        "wasmtime",
    ])];
    for (sizes, curves) in curves {
        for (allocator, points) in curves {
            for point in points {
                let cost = &point.cost;
                rows.push(vec![
                    sizes.to_string(),
                    allocator.key.to_owned(),
                    allocator.version()?,
                    point.live.to_string(),
                    steps(point.live).to_string(),
                    cost.fuel.as_ref().map_or(String::new(), u64::to_string),
                    point.each().map_or(String::new(), |each| format!("{each:.2}")),
                    cost.grown.to_string(),
                    cost.fuel.as_ref().err().cloned().unwrap_or_default(),
                    rustc.clone(),
                    wasmtime.version.clone(),
                ]);
            }
        }
    }
    plan.write("growth", &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(live: u64, fuel: u64) -> Point {
        Point { live, cost: Cost { fuel: Ok(fuel), grown: 0, checksum: Some("a".into()), peak_live: None } }
    }

    #[test]
    fn costs_are_for_one_replacement() {
        assert_eq!(steps(1000), 50_000);
        assert_eq!(steps(1_024_000), 2_048_000);
        let mut points = [point(1000, 5_000_000), point(1_024_000, 409_600_000)];
        assert_eq!(points[0].each(), Some(100.0));
        assert_eq!(growth(&points), Some(2.0));
        points[1].cost.fuel = Err("timeout".into());
        assert_eq!(growth(&points), None);
    }

    #[test]
    fn another_checksum_is_a_failure() {
        let points = || lives().map(|live| point(live, 1)).collect::<Vec<_>>();
        let mut curves = [(&modules::OURS[0], points()), (&modules::OURS[1], points())];
        curves[1].1[3].cost.checksum = Some("b".into());
        check(&mut curves);
        let failed: usize =
            curves.iter().flat_map(|(_, points)| points).filter(|point| point.cost.fuel.is_err()).count();
        assert_eq!(failed, 1);
        assert!(curves[1].1[3].cost.fuel.is_err());
    }
}
