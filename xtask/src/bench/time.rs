//! Wall time in Node.js, in rounds that the allocators take turns in.

use anyhow::Result;

use super::workloads::{self, Family};
use super::{Plan, geomean};
use crate::modules;
use crate::node::{self, Outcome};
use crate::tools::{self, progress};
use crate::{inputs, table};

/// How many allocators run side by side, std's default among them: each may take 1 GiB.
const GROUP: usize = 6;

/// An allocator is stopped when a round takes this many times as long as with std's default. One round may be slow for
/// no fault of its own: fresh memory is dear, and so is a busy machine.
const PATIENCE: u64 = 50;

pub fn run(plan: &Plan) -> Result<()> {
    let node = tools::need_node()?;
    let inputs = inputs::prepare()?;
    let mut paths = Vec::new();
    for allocator in &plan.allocators {
        progress(&format!("{}: building its module", allocator.name));
        paths.push(modules::build(allocator, &workloads::FEATURES, plan.profile())?);
    }

    let rounds = if plan.quick { 5 } else { 25 };
    progress(&format!("Measuring time in Node.js {node}, {rounds} rounds"));
    // For each workload, a cell for each allocator but std: a ratio, or an error.
    let mut results: Vec<(f64, Vec<Result<f64, String>>)> = Vec::new();
    for workload in &plan.workloads {
        let input = workload.input.map(|input| inputs.join(input));
        let mut of_std = f64::NAN;
        let mut ratios = Vec::new();
        let groups: Vec<Vec<_>> = match paths.len() {
            1 => vec![paths.clone()],
            _ => paths[1..].chunks(GROUP - 1).map(|others| [&paths[..1], others].concat()).collect(),
        };
        for group in groups {
            let outcomes = node::run(workload.name, input.as_deref(), &group, rounds, PATIENCE)?;
            let mut medians = outcomes.into_iter();
            if let Some(Outcome::Done { median, checksum, .. }) = medians.next() {
                of_std = median;
                ratios.extend(medians.map(|outcome| match outcome {
                    Outcome::Done { checksum: other, .. } if other != checksum => {
                        Err("wrong checksum".into())
                    }
                    Outcome::Done { median, .. } => Ok(median / of_std),
                    Outcome::Failed { error, .. } => Err(error),
                }));
            } else {
                anyhow::bail!("{} fails with std's default", workload.name);
            }
        }
        results.push((of_std, ratios));
    }

    println!("\nWall time in Node.js {node}, as a ratio to std's default (medians of {rounds} rounds)\n");
    let mut rows = vec![vec!["workload".to_owned()]];
    rows[0].extend(plan.allocators.iter().map(|allocator| allocator.key.to_owned()));
    let mut lines =
        vec!["allocator,version,workload,family,rounds,milliseconds of std,ratio to std,error,node".into()];
    for (workload, (of_std, ratios)) in plan.workloads.iter().zip(&results) {
        let mut row = vec![workload.name.to_owned(), format!("{of_std:.1} ms")];
        for (allocator, ratio) in plan.allocators[1..].iter().zip(ratios) {
            row.push(
                ratio
                    .as_ref()
                    .map_or_else(|error| super::short(error, PATIENCE), |ratio| format!("{ratio:.2}")),
            );
            lines.push(format!(
                "{},{},{},{},{rounds},{of_std:.3},{},{},{node}",
                allocator.key,
                allocator.version()?,
                workload.name,
                workload.family.name(),
                ratio.as_ref().map_or(String::new(), |ratio| format!("{ratio:.4}")),
                ratio
                    .as_ref()
                    .err()
                    .map_or(String::new(), |error| format!("\"{}\"", error.replace('"', "'"))),
            ));
        }
        rows.push(row);
    }
    let families: [(&str, &[Family]); 3] = [
        ("real, geomean", &[Family::Real]),
        ("small, geomean", &[Family::Small]),
        ("small and micro, geomean", &[Family::Small, Family::Micro]),
    ];
    for (name, families) in families {
        let mut row = vec![name.to_owned(), String::new()];
        for place in 0..plan.allocators.len() - 1 {
            let cells: Vec<_> = plan
                .workloads
                .iter()
                .zip(&results)
                .filter(|(workload, _)| families.contains(&workload.family))
                .map(|(_, (_, ratios))| &ratios[place])
                .collect();
            let failed = cells.iter().filter(|cell| cell.is_err()).count();
            let mean = geomean(cells.into_iter().flatten().copied());
            let mean = mean.map_or("-".into(), |mean| format!("{mean:.2}"));
            row.push(if failed == 0 { mean } else { format!("({failed} failed) {mean}") });
        }
        rows.push(row);
    }
    table::print(&rows);
    plan.write("time", &lines)
}
