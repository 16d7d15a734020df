//! Many repetitions in one instance: memory must not grow once a program has had what it needs.

use std::path::PathBuf;
use std::slice;

use anyhow::{Result, bail};

use super::Plan;
use super::workloads::{self, Family};
use crate::modules;
use crate::node::{self, Outcome};
use crate::tools::{self, progress};
use crate::{inputs, table};

/// Our three, and the peers that neither leak nor take many times as long.
const SOAKED: [&str; 9] =
    ["std", "bump", "segregated", "freelist", "dlmalloc", "talc-dynamic", "talc-claim", "rlsf", "rlsf-small"];
/// The one that is demanded to last: its memory must not grow in the second half of the rounds.
const DEMANDED: &str = "freelist";

const ROUNDS: u32 = 200;
/// An allocator is stopped when a second round takes this many times as long as with std's default.
const PATIENCE: u64 = 50;
/// With short inputs, rounds are short too, and some of very many are interrupted for long.
const LONG_PATIENCE: u64 = 10_000;
/// In a long soak, std's default does one round in so many: it is there for comparison only.
const SHARE: u32 = 10;

pub fn run(plan: &Plan) -> Result<()> {
    let node = tools::need_node()?;
    let rustc = tools::rustc_version()?;
    let long = plan.rounds.is_some();
    let rounds = plan.rounds.unwrap_or(ROUNDS);
    // When time is short, so are the inputs.
    let short = plan.quick || long;
    let (length, inputs) = match (long, plan.quick) {
        (true, _) => ("tiny", inputs::prepare_tiny()?),
        (false, true) => ("short", inputs::prepare_short()?),
        (false, false) => ("whole", inputs::prepare()?),
    };
    let patience = if short { LONG_PATIENCE } else { PATIENCE };
    let soaked = if long { ["std", DEMANDED].as_slice() } else { &SOAKED };
    let allocators: Vec<_> =
        plan.allocators.iter().filter(|allocator| soaked.contains(&allocator.key)).collect();
    let mut paths = Vec::new();
    for allocator in &allocators {
        progress(&format!("{}: building its module", allocator.name));
        paths.push(modules::build(allocator, &workloads::FEATURES, plan.profile())?);
    }
    progress(&format!("Running {rounds} rounds of each workload"));
    let shown = shown(rounds as usize);
    let mut table = vec![super::row(["workload", "allocator", "ms each"])];
    table[0].extend(shown.iter().map(|round| format!("MiB after {round}")));
    let mut rows = vec![super::row([
        "workload",
        "inputs",
        "allocator",
        "version",
        "round",
        "bytes",
        "error",
        "rustc",
        "node",
    ])];
    let mut grew = Vec::new();
    for workload in &plan.workloads {
        if short && workload.family != Family::Real {
            continue;
        }
        // The script has an input only if that is to be short.
        let input = workload.input.or(short.then_some(workload.name)).map(|input| inputs.join(input));
        let work =
            |paths: &[PathBuf], rounds| node::run(workload.name, input.as_slice(), paths, rounds, patience);
        let outcomes = if long {
            let mut outcomes = Vec::new();
            for (allocator, path) in allocators.iter().zip(&paths) {
                let rounds = if allocator.key == DEMANDED { rounds } else { rounds.div_ceil(SHARE) };
                outcomes.extend(work(slice::from_ref(path), rounds)?);
            }
            outcomes
        } else {
            work(&paths, rounds)?
        };
        for (allocator, outcome) in allocators.iter().zip(outcomes) {
            let (memories, error, each) = match outcome {
                Outcome::Done { memories, median, .. } => (memories, None, format!("{median:.2}")),
                Outcome::Failed { round, error, memories } => (memories, Some((round, error)), String::new()),
            };
            let mut line = vec![workload.name.to_owned(), allocator.name.to_owned(), each];
            line.extend(shown.iter().map_while(|round| memories.get(round - 1)).map(|bytes| mib(*bytes)));
            if allocator.key == DEMANDED && (error.is_some() || grows(&memories)) {
                grew.push(workload.name);
            }
            for (round, bytes) in curve(&memories) {
                let error = error.as_ref().filter(|(failed, _)| *failed == round as u64);
                rows.push(vec![
                    workload.name.to_owned(),
                    length.to_owned(),
                    allocator.key.to_owned(),
                    allocator.version()?,
                    round.to_string(),
                    bytes.to_string(),
                    error.map_or(String::new(), |(_, error)| error.clone()),
                    rustc.clone(),
                    node.clone(),
                ]);
            }
            line.extend(error.map(|(round, error)| format!("FAILED in round {round}: {error}")));
            table.push(line);
        }
    }
    println!("\nLinear memory after many repetitions in one instance\n");
    table::print(&table);
    plan.write(if long { "long-soak" } else { "soak" }, &rows)?;
    if grew.is_empty() {
        return Ok(());
    }
    let grew = format!("memory still grew with {DEMANDED} after {} rounds: {}", rounds / 2, grew.join(", "));
    // So few rounds of so little work are no proof.
    if plan.quick && !long {
        println!("\n{grew}");
        return Ok(());
    }
    bail!(grew)
}

/// The rounds that the table shows.
fn shown(rounds: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(1), |round| Some(round * 10));
    powers.take_while(|&round| round < rounds).chain([rounds]).collect()
}

/// Whether there is more memory at the end than after half of the rounds.
fn grows(memories: &[u64]) -> bool {
    memories.last() > memories.get(memories.len().saturating_sub(1) / 2)
}

/// Rounds and the memory after them: the first, the last, and all in which memory grew.
fn curve(memories: &[u64]) -> Vec<(usize, u64)> {
    let all = memories.iter().enumerate();
    let kept = all
        .filter(|&(place, bytes)| place == 0 || place + 1 == memories.len() || *bytes != memories[place - 1]);
    kept.map(|(place, bytes)| (place + 1, *bytes)).collect()
}

fn mib(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_and_the_last_round_are_shown() {
        assert_eq!(shown(200), [1, 10, 100, 200]);
        assert_eq!(shown(1000), [1, 10, 100, 1000]);
        assert_eq!(shown(1), [1]);
    }

    #[test]
    fn memory_may_grow_in_the_first_half_only() {
        assert!(!grows(&[1, 2, 2, 2]));
        assert!(!grows(&[1, 2, 3, 3, 3]));
        assert!(grows(&[1, 2, 3, 3]));
        assert!(grows(&[1, 1, 1, 1, 1, 2]));
        assert!(!grows(&[1]));
        assert!(!grows(&[]));
    }

    #[test]
    fn a_curve_has_its_ends_and_steps() {
        assert_eq!(curve(&[5, 5, 7, 7, 7, 9, 9]), [(1, 5), (3, 7), (6, 9), (7, 9)]);
        assert_eq!(curve(&[5]), [(1, 5)]);
        assert_eq!(curve(&[]), []);
    }
}
