//! Exact counts: instructions executed (the fuel that wasmtime burns) and pages of memory grown.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::workloads::{self, Family, Workload};
use super::{GROUPS, Plan};
use crate::modules;
use crate::statistics::Ratios;
use crate::tools::{self, progress};
use crate::{inputs, table};

/// What one workload took with one allocator.
pub struct Cost {
    /// Instructions, or why there are none.
    pub fuel: Result<u64, String>,
    /// Bytes of memory grown.
    pub grown: u64,
    pub checksum: Option<String>,
    /// The most bytes that were live at once, as the workload asked for them.
    pub peak_live: Option<u64>,
}

impl Cost {
    /// What `bench/fuel.py` says of one job.
    pub fn read(answer: &Value) -> Result<Self> {
        let read = || {
            let fuel = match answer["error"].as_str() {
                Some(error) => Err(error.to_owned()),
                None => Ok(answer["fuel"].as_u64()?),
            };
            let checksum = answer["checksum"].as_str().map(String::from);
            Some(Self {
                fuel,
                grown: answer["grown"].as_u64()?,
                checksum,
                peak_live: answer["peak_live"].as_u64(),
            })
        };
        read().context("an incomplete answer")
    }

    /// Whoever has another checksum has failed.
    pub fn expect(&mut self, checksum: Option<&String>) {
        if self.fuel.is_ok() && self.checksum.as_ref() != checksum {
            self.fuel = Err("wrong checksum".into());
        }
    }
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
            let fuel = allowance(plan, std.map(|std| &std[place]));
            let input: Option<PathBuf> = workload.input.map(|input| inputs.join(input));
            json!({ "program": workload.name, "input": input, "rounds": rounds(plan, workload), "fuel": fuel })
        })
        .collect();
    answers(wasmtime, module, &jobs)?.iter().map(Cost::read).collect()
}

/// How much a workload may burn that takes `std` with std's default; without limit, nearly, if that is not known.
pub fn allowance(plan: &Plan, std: Option<&Cost>) -> u64 {
    match std.map(|std| &std.fuel) {
        Some(Ok(fuel)) => fuel * plan.patience(),
        _ => 1 << 50,
    }
}

/// Has `bench/fuel.py` do jobs with a module.
pub fn answers(wasmtime: &tools::Wasmtime, module: &Path, jobs: &[Value]) -> Result<Vec<Value>> {
    let order = json!({ "module": module, "limit": modules::MEMORY_LIMIT, "jobs": jobs });
    let script = tools::root().join("bench/fuel.py");
    let answers = tools::output(
        Command::new(wasmtime.python).env("PYTHONPATH", &wasmtime.dir).arg(script).arg(order.to_string()),
    )?;
    answers.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// How often a program does all its work, in one instance. A few rounds do for instructions, and not for the memory that real programs need at
/// most: a vector may find no room between small blocks in one round and not in another.
pub fn rounds(plan: &Plan, workload: &Workload) -> u32 {
    match workload.family {
        Family::Real if plan.quick => 3,
        Family::Real => 20,
        Family::Small | Family::Micro => 3,
    }
}

/// Whoever has another checksum than std's default has failed.
pub fn check(costs: &mut [Vec<Cost>]) {
    let Some((std, others)) = costs.split_first_mut() else { return };
    for of_allocator in others {
        for (cost, std) in of_allocator.iter_mut().zip(std.iter()) {
            cost.expect(std.checksum.as_ref());
        }
    }
}

/// How many times the fuel of std's default; none if there is no such number.
fn fuel_ratio(cost: &Cost, std: &Cost) -> Option<f64> {
    Some(*cost.fuel.as_ref().ok()? as f64 / *std.fuel.as_ref().ok()? as f64)
}

/// How many times the memory of std's default. A page at least is counted for either.
pub fn memory_ratio(cost: &Cost, std: &Cost) -> Option<f64> {
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
        ["real", "small", "small+micro", "worst", "memory: real", "small", "small+micro", "worst"]
            .map(String::from),
    );
    for (allocator, of_allocator) in plan.allocators.iter().zip(costs) {
        let mut row = vec![allocator.name.to_owned()];
        for ratio in [fuel_ratio, memory_ratio] {
            let ratios = |families| ratios(plan, costs, of_allocator, families, ratio);
            row.extend(GROUPS.map(|(_, families)| ratios(families).mean_text(3)));
            row.push(ratios(&ALL).worst_text(3));
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
        rows.push(row);
        if !errors.is_empty() {
            failures.push(format!("  {}: {}", allocator.name, errors.join(", ")));
        }
    }
    table::print(&rows);
    if !failures.is_empty() {
        println!("\nFailed, and left out of the means and the worst:\n{}", failures.join("\n"));
    }
}

const ALL: [Family; 3] = [Family::Real, Family::Small, Family::Micro];

/// The ratios of an allocator for the workloads of some families.
fn ratios(
    plan: &Plan,
    costs: &[Vec<Cost>],
    of_allocator: &[Cost],
    families: &[Family],
    ratio: fn(&Cost, &Cost) -> Option<f64>,
) -> Ratios {
    let pairs = of_allocator.iter().zip(&costs[0]).zip(&plan.workloads);
    pairs
        .filter(|(_, workload)| families.contains(&workload.family))
        .map(|((cost, std), _)| ratio(cost, std))
        .collect()
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
    for (name, families) in GROUPS.into_iter().chain([("all", ALL.as_slice())]) {
        if plan.workloads.iter().any(|workload| families.contains(&workload.family)) {
            let mut row = vec![format!("{name}, geomean"), String::new()];
            let of_others = costs[1..].iter();
            row.extend(of_others.map(|other| ratios(plan, costs, other, families, ratio).mean_text(3)));
            rows.push(row);
        }
    }
    let mut row = vec!["worst".to_owned(), String::new()];
    row.extend(costs[1..].iter().map(|other| ratios(plan, costs, other, &ALL, ratio).worst_text(3)));
    rows.push(row);
    table::print(&rows);
}

fn write(plan: &Plan, wasmtime: &tools::Wasmtime, costs: &[Vec<Cost>]) -> Result<()> {
    let rustc = tools::rustc_version()?;
    let mut rows = vec![super::row([
        "allocator",
        "version",
        "workload",
        "family",
        "rounds",
        "instructions",
        "ratio to std",
        "grown bytes",
        "grown ratio to std",
        "peak live bytes",
        "error",
        "rustc",
        "wasmtime",
    ])];
    for (allocator, of_allocator) in plan.allocators.iter().zip(costs) {
        for ((workload, cost), std) in plan.workloads.iter().zip(of_allocator).zip(&costs[0]) {
            rows.push(vec![
                allocator.key.to_owned(),
                allocator.version()?,
                workload.name.to_owned(),
                workload.family.name().to_owned(),
                rounds(plan, workload).to_string(),
                cost.fuel.as_ref().map_or(String::new(), u64::to_string),
                super::cell(fuel_ratio(cost, std)),
                cost.grown.to_string(),
                super::cell(memory_ratio(cost, std)),
                cost.peak_live.map_or(String::new(), |bytes| bytes.to_string()),
                cost.fuel.as_ref().err().cloned().unwrap_or_default(),
                rustc.clone(),
                wasmtime.version.clone(),
            ]);
        }
    }
    plan.write("fuel", &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(fuel: u64, grown: u64) -> Cost {
        Cost { fuel: Ok(fuel), grown, checksum: Some("a".into()), peak_live: Some(1 << 17) }
    }

    #[test]
    fn ratios_to_std() {
        let std = cost(1000, 4 << 16);
        assert_eq!(fuel_ratio(&cost(1500, 0), &std), Some(1.5));
        assert_eq!(memory_ratio(&cost(0, 6 << 16), &std), Some(1.5));
        assert_eq!(efficiency(&cost(0, 4 << 16)), Some(0.5));
        // Nothing grown counts as a page.
        assert_eq!(memory_ratio(&cost(0, 0), &std), Some(0.25));
        assert_eq!(efficiency(&cost(0, 0)), Some(2.0));
    }

    #[test]
    fn a_failure_has_no_ratio() {
        let std = cost(1000, 1 << 16);
        let failed = || Cost { fuel: Err("timeout".into()), ..cost(0, 1 << 16) };
        assert_eq!((fuel_ratio(&failed(), &std), memory_ratio(&failed(), &std)), (None, None));
        assert_eq!(efficiency(&failed()), None);
        assert_eq!(fuel_ratio(&std, &failed()), None);
    }

    #[test]
    fn another_checksum_is_a_failure() {
        let wrong = Cost { checksum: Some("b".into()), ..cost(1, 0) };
        let mut costs = [vec![cost(1, 0), cost(1, 0)], vec![cost(1, 0), wrong]];
        check(&mut costs);
        assert_eq!(costs[1][0].fuel, Ok(1));
        assert_eq!(costs[1][1].fuel, Err("wrong checksum".into()));
    }
}
