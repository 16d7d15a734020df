//! Exact counts: instructions executed (the fuel that wasmtime burns) and pages of memory grown.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::workloads::{self, Family, Workload};
use super::{Plan, geomean};
use crate::modules::{self, Allocator};
use crate::tools::{self, progress};
use crate::{inputs, table};

/// What one workload took with one allocator.
struct Cost {
    /// Instructions, or why there are none.
    fuel: Result<u64, String>,
    /// Bytes of memory grown.
    grown: u64,
    checksum: Option<String>,
    /// The most bytes that were live at once, as the workload asked for them.
    peak_live: Option<u64>,
}

pub fn run(plan: &Plan) -> Result<()> {
    let wasmtime = tools::need_wasmtime()?;
    let inputs = inputs::prepare()?;
    let total = plan.allocators.len();
    let build = |allocator| modules::build(allocator, &workloads::FEATURES, plan.profile());
    let count = &|module: &Path, std: Option<&[Cost]>| count(plan, &wasmtime, module, &inputs, std);

    progress(&format!("{}: building its module, and counting (1 of {total})", modules::STD.name));
    let std = count(&build(&modules::STD)?, None)?;
    // The others are counted while the next ones are being built. Counts are exact however busy the machine is.
    let mut costs = thread::scope(|scope| -> Result<Vec<Vec<Cost>>> {
        let mut counting = Vec::new();
        for (number, allocator) in plan.allocators.iter().enumerate().skip(1) {
            let what = "building its module, and counting";
            progress(&format!("{}: {what} ({} of {total})", allocator.name, number + 1));
            let module = build(allocator)?;
            counting.push(scope.spawn({
                let std = &std;
                move || count(&module, Some(std))
            }));
        }
        counting.into_iter().map(|counting| counting.join().expect("counting does not panic")).collect()
    })?;
    costs.insert(0, std);
    check(&mut costs);
    progress("Counting how much is live");
    let counted = count(&build(&modules::COUNTING)?, None)?;
    for of_allocator in &mut costs {
        for (cost, counted) in of_allocator.iter_mut().zip(&counted) {
            cost.peak_live = counted.peak_live;
        }
    }
    report(plan, &costs);
    write(plan, &wasmtime, &costs)
}

/// Runs all workloads with one module. `std` are the counts of std's default.
fn count(
    plan: &Plan,
    wasmtime: &tools::Wasmtime,
    module: &Path,
    inputs: &Path,
    std: Option<&[Cost]>,
) -> Result<Vec<Cost>> {
    let jobs: Vec<Value> = plan
        .workloads
        .iter()
        .enumerate()
        .map(|(place, workload)| {
            let fuel = match std.map(|std| &std[place].fuel) {
                Some(Ok(fuel)) => fuel * plan.patience(),
                _ => 1 << 50,
            };
            let input: Option<PathBuf> = workload.input.map(|input| inputs.join(input));
            json!({ "program": workload.name, "input": input, "rounds": rounds(plan, workload), "fuel": fuel })
        })
        .collect();
    let order = json!({ "module": module, "limit": modules::MEMORY_LIMIT, "jobs": jobs });
    let script = tools::root().join("bench/fuel.py");
    let answers = tools::output(
        Command::new(wasmtime.python).env("PYTHONPATH", &wasmtime.dir).arg(script).arg(order.to_string()),
    )?;
    answers.lines().map(|line| read(&serde_json::from_str(line)?).context("an incomplete answer")).collect()
}

fn rounds(plan: &Plan, workload: &Workload) -> u32 {
    match workload.family {
        Family::Real if plan.quick => 3,
        Family::Real => 20,
        Family::Small | Family::Micro => 3,
    }
}

fn read(answer: &Value) -> Option<Cost> {
    let fuel = match answer["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(answer["fuel"].as_u64()?),
    };
    let checksum = answer["checksum"].as_str().map(String::from);
    Some(Cost { fuel, grown: answer["grown"].as_u64()?, checksum, peak_live: answer["peak_live"].as_u64() })
}

/// Whoever has another checksum than std's default has failed.
fn check(costs: &mut [Vec<Cost>]) {
    let Some((std, others)) = costs.split_first_mut() else { return };
    for of_allocator in others {
        for (cost, std) in of_allocator.iter_mut().zip(std.iter()) {
            if cost.fuel.is_ok() && cost.checksum != std.checksum {
                cost.fuel = Err("wrong checksum".into());
            }
        }
    }
}

/// How many times the fuel of std's default; none if there is no such number.
fn fuel_ratio(cost: &Cost, std: &Cost) -> Option<f64> {
    Some(*cost.fuel.as_ref().ok()? as f64 / *std.fuel.as_ref().ok()? as f64)
}

/// How many times the memory of std's default. A page at least is counted for either.
fn memory_ratio(cost: &Cost, std: &Cost) -> Option<f64> {
    cost.fuel.as_ref().ok()?;
    Some(cost.grown.max(1 << 16) as f64 / std.grown.max(1 << 16) as f64)
}

/// The share of the memory grown that was live when most was. Above 1 if the module had room before it grew.
fn efficiency(cost: &Cost) -> Option<f64> {
    cost.fuel.as_ref().ok()?;
    Some(cost.peak_live? as f64 / cost.grown.max(1 << 16) as f64)
}

fn report(plan: &Plan, costs: &[Vec<Cost>]) {
    if plan.allocators.len() > WIDTH {
        return summary(plan, costs);
    }
    println!("\nInstructions executed, as a ratio to std's default (geometric means below)\n");
    print(plan, costs, fuel_ratio, |std| std.fuel.as_ref().map_or("-".into(), |fuel| millions(*fuel)));
    println!("\nLinear memory grown, as a ratio to std's default\n");
    print(plan, costs, memory_ratio, |std| format!("{} MiB", table::mib(std.grown)));
    println!("\nMemory efficiency: the most bytes live at once, as a share of the memory grown\n");
    let of_std = |std: &Cost| efficiency(std).map_or("-".into(), |share| format!("{share:.3}"));
    print(plan, costs, |cost, _| efficiency(cost), of_std);
}

/// More allocators than this are no columns of a table any more.
const WIDTH: usize = 6;

/// A line for each allocator, with means only.
fn summary(plan: &Plan, costs: &[Vec<Cost>]) {
    println!("\nCompared with std's default: geometric means; worst is the worst of all workloads");
    println!("(each workload by itself: in the CSV file, or with --allocators)\n");
    let mut failures = Vec::new();
    let mut rows = vec![vec!["allocator".to_owned()]];
    rows[0].extend(
        ["real", "small", "small+micro", "worst", "memory: real", "small", "small+micro", "worst", "failed"]
            .map(String::from),
    );
    let groups: [&[Family]; 3] = [&[Family::Real], &[Family::Small], &[Family::Small, Family::Micro]];
    for (allocator, of_allocator) in plan.allocators.iter().zip(costs) {
        let mut row = vec![allocator.name.to_owned()];
        for ratio in [fuel_ratio, memory_ratio] {
            let ratios = |families: &[Family]| -> Vec<f64> {
                let pairs = of_allocator.iter().zip(&costs[0]).zip(&plan.workloads);
                pairs
                    .filter(|(_, workload)| families.contains(&workload.family))
                    .filter_map(|((cost, std), _)| ratio(cost, std))
                    .collect()
            };
            let text = |ratio: Option<f64>| ratio.map_or("-".into(), |ratio| format!("{ratio:.3}"));
            row.extend(groups.map(|families| text(geomean(ratios(families)))));
            let all = ratios(&[Family::Real, Family::Small, Family::Micro]);
            row.push(text(all.into_iter().reduce(f64::max)));
        }
        let errors: Vec<String> = of_allocator
            .iter()
            .zip(&plan.workloads)
            .filter_map(|(cost, workload)| {
                Some(format!(
                    "{} {}",
                    workload.name,
                    super::short(cost.fuel.as_ref().err()?, plan.patience())
                ))
            })
            .collect();
        row.push(if errors.is_empty() { "-".into() } else { errors.len().to_string() });
        rows.push(row);
        if !errors.is_empty() {
            failures.push(format!("  {}: {}", allocator.name, errors.join(", ")));
        }
    }
    table::print(&rows);
    if !failures.is_empty() {
        println!("\nFailed, and left out of the means:\n{}", failures.join("\n"));
    }
}

fn millions(number: u64) -> String {
    format!("{:.1} M", number as f64 / 1e6)
}

fn print(
    plan: &Plan,
    costs: &[Vec<Cost>],
    ratio: fn(&Cost, &Cost) -> Option<f64>,
    absolute: fn(&Cost) -> String,
) {
    let mut rows = vec![vec!["workload".to_owned()]];
    rows[0].extend(plan.allocators.iter().map(|allocator| allocator.key.to_owned()));
    for (place, workload) in plan.workloads.iter().enumerate() {
        let std = &costs[0][place];
        let mut row = vec![workload.name.to_owned(), absolute(std)];
        for of_allocator in &costs[1..] {
            let cost = &of_allocator[place];
            row.push(match (ratio(cost, std), &cost.fuel) {
                (Some(ratio), _) => format!("{ratio:.3}"),
                (None, Err(error)) => super::short(error, plan.patience()),
                (None, Ok(_)) => "-".into(),
            });
        }
        rows.push(row);
    }
    let families: [(&str, &[Family]); 4] = [
        ("real, geomean", &[Family::Real]),
        ("small, geomean", &[Family::Small]),
        ("small and micro, geomean", &[Family::Small, Family::Micro]),
        ("all, geomean", &[Family::Real, Family::Small, Family::Micro]),
    ];
    for (name, families) in families {
        let places: Vec<usize> = (0..plan.workloads.len())
            .filter(|&place| families.contains(&plan.workloads[place].family))
            .collect();
        if places.is_empty() {
            continue;
        }
        let mut row = vec![name.to_owned(), String::new()];
        for of_allocator in &costs[1..] {
            let ratios: Vec<f64> =
                places.iter().filter_map(|&place| ratio(&of_allocator[place], &costs[0][place])).collect();
            let failed = places.len() - ratios.len();
            let mean = geomean(ratios).map_or("-".into(), |mean| format!("{mean:.3}"));
            row.push(if failed == 0 { mean } else { format!("({failed} failed) {mean}") });
        }
        rows.push(row);
    }
    table::print(&rows);
}

fn write(plan: &Plan, wasmtime: &tools::Wasmtime, costs: &[Vec<Cost>]) -> Result<()> {
    let mut lines = vec![
        "allocator,version,workload,family,rounds,instructions,ratio to std,grown bytes,grown ratio to std,peak live bytes,error,\
         wasmtime"
            .to_owned(),
    ];
    for (allocator, of_allocator) in plan.allocators.iter().zip(costs) {
        for ((workload, cost), std) in plan.workloads.iter().zip(of_allocator).zip(&costs[0]) {
            lines.push(line(plan, allocator, workload, cost, std)? + "," + &wasmtime.version);
        }
    }
    plan.write("fuel", &lines)
}

fn line(plan: &Plan, allocator: &Allocator, workload: &Workload, cost: &Cost, std: &Cost) -> Result<String> {
    let ratio = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.4}"));
    let cells = [
        allocator.key.to_owned(),
        allocator.version()?,
        workload.name.to_owned(),
        workload.family.name().to_owned(),
        rounds(plan, workload).to_string(),
        cost.fuel.as_ref().map_or(String::new(), u64::to_string),
        ratio(fuel_ratio(cost, std)),
        cost.grown.to_string(),
        ratio(memory_ratio(cost, std)),
        cost.peak_live.map_or(String::new(), |bytes| bytes.to_string()),
        cost.fuel.as_ref().err().map_or(String::new(), |error| format!("\"{}\"", error.replace('"', "'"))),
    ];
    Ok(cells.join(","))
}
