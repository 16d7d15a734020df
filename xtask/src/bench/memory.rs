//! Linear memory that the real programs grow, over several inputs.
//!
//! Where free blocks lie when a large one is asked for is chance: a program that is a little longer, or does the same in another
//! order, may need a third more or less. A mean over several inputs shows what an allocator does.

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use serde_json::{Value, json};

use super::Plan;
use super::fuel::{self, Cost};
use super::workloads::{self, Family, Workload};
use crate::modules::{self, Allocator};
use crate::statistics::Ratios;
use crate::tools::{self, Wasmtime, progress};
use crate::{inputs, table};

/// How often a program does all its work, in one instance.
const ROUNDS: u32 = 3;

/// What an allocator takes: for each program, for each input.
type Costs = Vec<Vec<Cost>>;

pub fn run(plan: &Plan) -> Result<()> {
    let programs: Vec<&Workload> =
        plan.workloads.iter().copied().filter(|workload| workload.family == Family::Real).collect();
    if programs.is_empty() {
        return Ok(());
    }
    let wasmtime = tools::need_wasmtime()?;
    let inputs = inputs::prepare_others()?;
    let total = plan.allocators.len();
    let mut costs: Vec<Costs> = Vec::new();
    for (number, allocator) in plan.allocators.iter().enumerate() {
        let what = "building its module, and measuring memory";
        progress(&format!("{}: {what} ({} of {total})", allocator.name, number + 1));
        let module = modules::build(allocator, &workloads::FEATURES, plan.profile())?;
        let mut counted = count(plan, &wasmtime, &module, &programs, &inputs, costs.first())?;
        for (of_program, of_std) in counted.iter_mut().zip(costs.first().into_iter().flatten()) {
            for (cost, std) in of_program.iter_mut().zip(of_std) {
                cost.expect(std.checksum.as_ref());
            }
        }
        costs.push(counted);
    }
    report(plan, &programs, &costs);
    write(plan, &wasmtime, &programs, &costs)
}

/// Runs the programs with all inputs, two at a time. `std` is what std's default takes. Whoever has no patience left with a program for
/// one input has none for the others.
fn count(
    plan: &Plan,
    wasmtime: &Wasmtime,
    module: &Path,
    programs: &[&Workload],
    inputs: &[PathBuf],
    std: Option<&Costs>,
) -> Result<Costs> {
    let count = |place: usize| {
        let program = programs[place];
        let jobs: Vec<Value> = inputs
            .iter()
            .enumerate()
            .map(|(number, dir)| {
                let fuel = std.and_then(|std| std[place][number].fuel.as_ref().ok());
                json!({
                    "program": program.name,
                    "input": dir.join(program.input.unwrap_or(program.name)),
                    "rounds": ROUNDS,
                    "fuel": fuel.map_or(1 << 50, |fuel| fuel * plan.patience()),
                })
            })
            .collect();
        fuel::answers(wasmtime, module, &jobs)?.iter().map(Cost::read).collect::<Result<Vec<Cost>>>()
    };
    let (even, odd) = thread::scope(|scope| {
        let odd = scope.spawn(|| (1..programs.len()).step_by(2).map(count).collect::<Result<Costs>>());
        let even = (0..programs.len()).step_by(2).map(count).collect::<Result<Costs>>();
        (even, odd.join().expect("counting does not panic"))
    });
    let (mut even, mut odd) = (even?.into_iter(), odd?.into_iter());
    Ok((0..programs.len())
        .filter_map(|place| if place % 2 == 0 { even.next() } else { odd.next() })
        .collect())
}

fn ratios(costs: &[Cost], of_std: &[Cost]) -> Ratios {
    costs.iter().zip(of_std).map(|(cost, std)| fuel::memory_ratio(cost, std)).collect()
}

fn report(plan: &Plan, programs: &[&Workload], costs: &[Costs]) {
    println!("\nLinear memory grown by the real programs, as a ratio to std's default: geometric mean over");
    println!("{} inputs, and in brackets the worst\n", inputs::OTHERS);
    let mut rows = vec![vec!["allocator".to_owned()]];
    rows[0].extend(programs.iter().map(|program| program.name.to_owned()));
    rows[0].extend(["all".to_owned()]);
    for (allocator, of_allocator) in plan.allocators.iter().zip(costs) {
        let mut row = vec![allocator.name.to_owned()];
        let mut means = Vec::new();
        for (of_program, of_std) in of_allocator.iter().zip(&costs[0]) {
            let ratios = ratios(of_program, of_std);
            // An allocator that failed with one input has no mean, for it would be one over fewer inputs than that of others.
            let failed = of_program.iter().find_map(|cost| cost.fuel.as_ref().err());
            row.push(match failed {
                Some(error) => super::short(error, plan.patience()),
                None => format!("{} ({})", ratios.mean_text(3), ratios.worst_text(2)),
            });
            means.push(if failed.is_none() { ratios.mean() } else { None });
        }
        row.push(means.into_iter().collect::<Ratios>().mean_text(3));
        rows.push(row);
    }
    table::print(&rows);
}

fn write(plan: &Plan, wasmtime: &Wasmtime, programs: &[&Workload], costs: &[Costs]) -> Result<()> {
    let rustc = tools::rustc_version()?;
    let mut rows = vec![super::row([
        "allocator",
        "version",
        "program",
        "input",
        "rounds",
        "grown bytes",
        "grown ratio to std",
        "error",
        "rustc",
        "wasmtime",
    ])];
    for (allocator, of_allocator) in plan.allocators.iter().zip(costs) {
        let version = Allocator::version(allocator)?;
        for ((program, of_program), of_std) in programs.iter().zip(of_allocator).zip(&costs[0]) {
            for (number, (cost, std)) in of_program.iter().zip(of_std).enumerate() {
                rows.push(vec![
                    allocator.key.to_owned(),
                    version.clone(),
                    program.name.to_owned(),
                    number.to_string(),
                    ROUNDS.to_string(),
                    cost.grown.to_string(),
                    super::cell(fuel::memory_ratio(cost, std)),
                    cost.fuel.as_ref().err().cloned().unwrap_or_default(),
                    rustc.clone(),
                    wasmtime.version.clone(),
                ]);
            }
        }
    }
    plan.write("memory", &rows)
}
