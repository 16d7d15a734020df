//! Wall time in Node.js, in rounds that the allocators take turns in.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::workloads::{self, Family};
use super::{GROUPS, Plan};
use crate::modules;
use crate::node::{self, Outcome};
use crate::statistics::{self, Ratios};
use crate::tools::{self, progress};
use crate::{inputs, table};

/// How many allocators run side by side, std's default among them: each may take 1 GiB.
const GROUP: usize = 6;

/// An allocator is stopped when a second round takes this many times as long as with std's default.
const PATIENCE: u64 = 10;

/// The program that is measured on other documents in turn besides: one that gets the same again and again finds its memory as it left it, which
/// no service does.
const IN_TURN: &str = "json";

/// How often it gets each of them.
const ROUNDS_IN_TURN: u32 = 5;

/// What is measured.
struct Case {
    /// What it is called in results.
    name: String,
    /// What the module calls it.
    program: &'static str,
    /// That of the workload; none counts the documents in turn among its own.
    family: Option<Family>,
    inputs: Vec<PathBuf>,
    rounds: u32,
}

/// What one case took with one allocator.
struct Time {
    /// Milliseconds with std's default, which ran beside it.
    std: f64,
    /// How many times as long this allocator took, or why there is no such number.
    ratio: Result<f64, String>,
}

pub fn run(plan: &Plan) -> Result<()> {
    let node = tools::need_node()?;
    let rounds = if plan.quick { 5 } else { 25 };
    let cases = cases(plan, rounds)?;
    let mut paths = Vec::new();
    for allocator in &plan.allocators {
        progress(&format!("{}: building its module", allocator.name));
        paths.push(modules::build(allocator, &workloads::FEATURES, plan.profile())?);
    }
    let Some((std, others)) = paths.split_first() else { bail!("there are no allocators") };
    anyhow::ensure!(!others.is_empty(), "there is nothing to compare std's default with");

    progress(&format!("Measuring time in Node.js {node}, {rounds} rounds"));
    // For each case, the times of each allocator but std.
    let mut results: Vec<Vec<Time>> = Vec::new();
    for case in &cases {
        let mut times = Vec::new();
        for group in others.chunks(GROUP - 1) {
            let group = [std::slice::from_ref(std), group].concat();
            let outcomes = node::run(case.program, &case.inputs, &group, case.rounds, PATIENCE)?;
            let compared = compare(&outcomes).with_context(|| format!("{} with std's default", case.name))?;
            times.extend(compared);
        }
        results.push(times);
    }

    report(plan, &cases, &results, rounds, &node);
    write(plan, &cases, &results, &node)
}

fn cases(plan: &Plan, rounds: u32) -> Result<Vec<Case>> {
    let inputs = inputs::prepare()?;
    let mut cases = Vec::new();
    for workload in &plan.workloads {
        cases.push(Case {
            name: workload.name.to_owned(),
            program: workload.name,
            family: Some(workload.family),
            inputs: workload.input.map(|input| inputs.join(input)).into_iter().collect(),
            rounds,
        });
        if workload.name == IN_TURN {
            let others = inputs::prepare_others()?;
            cases.push(Case {
                name: format!("{IN_TURN}_in_turn"),
                program: IN_TURN,
                family: None,
                inputs: others.iter().map(|dir| dir.join(IN_TURN)).collect(),
                rounds: ROUNDS_IN_TURN * others.len() as u32,
            });
        }
    }
    Ok(cases)
}

/// The times of one group: the first is std's default, and not in the answer.
fn compare(outcomes: &[Outcome]) -> Result<Vec<Time>> {
    let std = match outcomes.first() {
        Some(Outcome::Done { median, checksum, .. }) => (*median, checksum),
        Some(Outcome::Failed { error, .. }) => bail!("failed: {error}"),
        None => bail!("did not run"),
    };
    let ratio = |outcome: &Outcome| match outcome {
        Outcome::Done { checksum, .. } if checksum != std.1 => Err("wrong checksum".into()),
        Outcome::Done { median, .. } => Ok(median / std.0),
        Outcome::Failed { error, .. } => Err(error.clone()),
    };
    Ok(outcomes[1..].iter().map(|outcome| Time { std: std.0, ratio: ratio(outcome) }).collect())
}

fn report(plan: &Plan, cases: &[Case], results: &[Vec<Time>], rounds: u32, node: &str) {
    println!("\nWall time in Node.js {node}, as a ratio to std's default (medians of {rounds} rounds)\n");
    let mut rows = vec![vec!["workload".to_owned()]];
    rows[0].extend(plan.allocators.iter().map(|allocator| allocator.key.to_owned()));
    for (case, times) in cases.iter().zip(results) {
        // It runs in each group.
        let of_std: Vec<f64> = times.iter().map(|time| time.std).collect();
        let of_std = statistics::median(&of_std).map_or("-".into(), |median| format!("{median:.1} ms"));
        let mut row = vec![case.name.clone(), of_std];
        row.extend(times.iter().map(|time| match &time.ratio {
            Ok(ratio) => format!("{ratio:.2}"),
            Err(error) => super::short(error, PATIENCE),
        }));
        rows.push(row);
    }
    for (name, families) in GROUPS {
        let mut row = vec![format!("{name}, geomean"), String::new()];
        for place in 0..plan.allocators.len() - 1 {
            let of_family = cases.iter().zip(results);
            let ratios: Ratios = of_family
                .filter(|(case, _)| case.family.is_some_and(|family| families.contains(&family)))
                .map(|(_, times)| times[place].ratio.as_ref().ok().copied())
                .collect();
            row.push(ratios.mean_text(2));
        }
        rows.push(row);
    }
    table::print(&rows);
}

fn write(plan: &Plan, cases: &[Case], results: &[Vec<Time>], node: &str) -> Result<()> {
    let rustc = tools::rustc_version()?;
    let mut rows = vec![super::row([
        "allocator",
        "version",
        "workload",
        "family",
        "rounds",
        "milliseconds of std beside it",
        "ratio to std",
        "error",
        "rustc",
        "node",
    ])];
    for (case, times) in cases.iter().zip(results) {
        for (allocator, time) in plan.allocators[1..].iter().zip(times) {
            rows.push(vec![
                allocator.key.to_owned(),
                allocator.version()?,
                case.name.clone(),
                case.family.map_or("in turn", Family::name).to_owned(),
                case.rounds.to_string(),
                format!("{:.3}", time.std),
                super::cell(time.ratio.as_ref().ok().copied()),
                time.ratio.as_ref().err().cloned().unwrap_or_default(),
                rustc.clone(),
                node.to_owned(),
            ]);
        }
    }
    plan.write("time", &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(median: f64, checksum: &str) -> Outcome {
        Outcome::Done { median, memories: Vec::new(), checksum: checksum.into() }
    }

    #[test]
    fn each_group_is_compared_with_its_own_std() -> Result<()> {
        let failed = Outcome::Failed { round: 1, error: "timeout".into(), memories: Vec::new() };
        let times = compare(&[done(20.0, "a"), done(10.0, "a"), done(1.0, "b"), failed])?;
        assert!(times.iter().all(|time| time.std == 20.0));
        let ratios: Vec<_> = times.into_iter().map(|time| time.ratio).collect();
        assert_eq!(ratios, [Ok(0.5), Err("wrong checksum".into()), Err("timeout".into())]);
        assert!(
            compare(&[Outcome::Failed { round: 1, error: "trap".into(), memories: Vec::new() }]).is_err()
        );
        Ok(())
    }
}
