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
use crate::modules;
use crate::statistics::Ratios;
use crate::tools::{self, Wasmtime, progress};
use crate::{inputs, table};

pub fn run(plan: &Plan) -> Result<()> {
    let programs: Vec<&Workload> =
        plan.workloads.iter().copied().filter(|workload| workload.family == Family::Real).collect();
    if programs.is_empty() {
        return Ok(());
    }
    let wasmtime = tools::need_wasmtime()?;
    let inputs = inputs::prepare_others()?;
    let total = plan.allocators.len();
    // Of each allocator: for each program, for each input.
    let mut costs: Vec<Vec<Cost>> = Vec::new();
    for (number, allocator) in plan.allocators.iter().enumerate() {
        let what = "building its module, and measuring memory";
        progress(&format!("{}: {what} ({} of {total})", allocator.name, number + 1));
        let module = modules::build(allocator, &workloads::FEATURES, plan.profile())?;
        let std = costs.first().map(Vec::as_slice);
        costs.push(count(plan, &wasmtime, &module, &programs, &inputs, std)?);
    }
    fuel::check(&mut costs);
    report(plan, &programs, &costs);
    write(plan, &wasmtime, &programs, &costs)
}

/// Runs the programs with all inputs. `std` are the counts of std's default. Whoever has no patience left with a program for one input
/// has none for the others.
fn count(
    plan: &Plan,
    wasmtime: &Wasmtime,
    module: &Path,
    programs: &[&Workload],
    inputs: &[PathBuf],
    std: Option<&[Cost]>,
) -> Result<Vec<Cost>> {
    let count = |place: usize, program: &Workload| {
        let job = |(number, dir): (usize, &PathBuf)| {
            json!({
                "program": program.name,
                "input": dir.join(program.input.unwrap_or(program.name)),
                "rounds": fuel::rounds(plan, program),
                "fuel": fuel::allowance(plan, std.map(|std| &std[place * inputs.len() + number])),
            })
        };
        let jobs: Vec<Value> = inputs.iter().enumerate().map(job).collect();
        fuel::answers(wasmtime, module, &jobs)?.iter().map(Cost::read).collect::<Result<Vec<Cost>>>()
    };
    thread::scope(|scope| {
        let counting: Vec<_> = programs
            .iter()
            .enumerate()
            .map(|(place, program)| scope.spawn(move || count(place, program)))
            .collect();
        let counted = counting.into_iter().map(|counting| counting.join().expect("counting does not panic"));
        Ok(counted.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}

fn report(plan: &Plan, programs: &[&Workload], costs: &[Vec<Cost>]) {
    println!("\nLinear memory grown by the real programs, as a ratio to std's default: geometric mean over");
    println!("{} inputs, and in brackets the worst\n", inputs::OTHERS);
    let mut rows = vec![vec!["allocator".to_owned()]];
    rows[0].extend(programs.iter().map(|program| program.name.to_owned()));
    rows[0].extend(["all".to_owned()]);
    for (allocator, of_allocator) in plan.allocators.iter().zip(costs) {
        let mut row = vec![allocator.name.to_owned()];
        let mut means = Vec::new();
        let of_programs = of_allocator.chunks(inputs::OTHERS);
        for (of_program, of_std) in of_programs.zip(costs[0].chunks(inputs::OTHERS)) {
            let pairs = of_program.iter().zip(of_std);
            let ratios: Ratios = pairs.map(|(cost, std)| fuel::memory_ratio(cost, std)).collect();
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

fn write(plan: &Plan, wasmtime: &Wasmtime, programs: &[&Workload], costs: &[Vec<Cost>]) -> Result<()> {
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
        let jobs =
            programs.iter().flat_map(|program| (0..inputs::OTHERS).map(move |number| (program, number)));
        for (((program, number), cost), std) in jobs.zip(of_allocator).zip(&costs[0]) {
            rows.push(vec![
                allocator.key.to_owned(),
                allocator.version()?,
                program.name.to_owned(),
                number.to_string(),
                fuel::rounds(plan, program).to_string(),
                cost.grown.to_string(),
                super::cell(fuel::memory_ratio(cost, std)),
                cost.fuel.as_ref().err().cloned().unwrap_or_default(),
                rustc.clone(),
                wasmtime.version.clone(),
            ]);
        }
    }
    plan.write("memory", &rows)
}
