//! Many repetitions in one instance: memory must not grow once a program has had what it needs.

use anyhow::{Result, bail};

use super::Plan;
use super::workloads::{self, Family};
use crate::modules;
use crate::node::{self, Outcome};
use crate::tools::{self, progress};
use crate::{inputs, table};

/// Those that are meant to run for long. Only of ours is it demanded.
const LASTING: [&str; 5] = ["std", "freelist", "dlmalloc", "talc-dynamic", "rlsf-small"];
const DEMANDED: &str = "freelist";

const ROUNDS: u32 = 200;
/// The rounds that memory is shown after. It must be the same after the last two.
const SHOWN: [usize; 4] = [1, 10, 100, ROUNDS as usize];

pub fn run(plan: &Plan) -> Result<()> {
    tools::need_node()?;
    let inputs = inputs::prepare()?;
    let allocators: Vec<_> =
        plan.allocators.iter().filter(|allocator| LASTING.contains(&allocator.key)).collect();
    let mut paths = Vec::new();
    for allocator in &allocators {
        progress(&format!("{}: building its module", allocator.name));
        paths.push(modules::build(allocator, &workloads::FEATURES, plan.profile())?);
    }
    progress(&format!("Running {ROUNDS} rounds of each workload"));
    let mut rows = vec![vec!["workload".to_owned(), "allocator".to_owned()]];
    rows[0].extend(SHOWN.map(|round| format!("MiB after {round}")));
    let mut lines = vec![format!(
        "workload,allocator,version,{}",
        SHOWN.map(|round| format!("bytes after {round}")).join(",")
    )];
    let mut grew = Vec::new();
    for workload in &plan.workloads {
        // The two that take by far the longest are left out when time is short.
        if plan.quick && (workload.family != Family::Real || ["json", "rust"].contains(&workload.name)) {
            continue;
        }
        let input = workload.input.map(|input| inputs.join(input));
        let outcomes = node::run(workload.name, input.as_deref(), &paths, ROUNDS, 50)?;
        for (allocator, outcome) in allocators.iter().zip(outcomes) {
            let mut row = vec![workload.name.to_owned(), allocator.name.to_owned()];
            let mut line = format!("{},{},{}", workload.name, allocator.key, allocator.version()?);
            match outcome {
                Outcome::Done { memories, .. } => {
                    let shown = SHOWN.map(|round| memories[round - 1]);
                    row.extend(shown.map(|bytes| format!("{:.2}", bytes as f64 / f64::from(1 << 20))));
                    line += &shown.map(|bytes| format!(",{bytes}")).concat();
                    if allocator.key == DEMANDED && shown[2] != shown[3] {
                        grew.push(workload.name);
                    }
                }
                Outcome::Failed { round, error, .. } => {
                    let error = format!("FAILED in round {round}: {error}");
                    line += &format!(",\"{}\"", error.replace('"', "'"));
                    row.push(error);
                    if allocator.key == DEMANDED {
                        grew.push(workload.name);
                    }
                }
            }
            rows.push(row);
            lines.push(line);
        }
    }
    println!("\nLinear memory after many repetitions in one instance\n");
    table::print(&rows);
    plan.write("soak", &lines)?;
    if !grew.is_empty() {
        bail!("memory still grew with {DEMANDED} after 100 rounds: {}", grew.join(", "));
    }
    Ok(())
}
