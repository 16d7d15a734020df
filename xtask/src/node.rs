//! Running modules in Node.js.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::statistics::median;
use crate::{modules, tools};

/// The error of a program whose allocator could not give it the memory it asked for.
pub const OUT_OF_MEMORY: &str = "out of memory";

/// How one program fared with one allocator.
pub enum Outcome {
    /// It did all rounds.
    Done {
        /// The median time of a round, in milliseconds; with several inputs, the mean of the medians of each.
        median: f64,
        /// Linear memory after each round, in bytes.
        memories: Vec<u64>,
        checksum: String,
    },
    /// It stopped with an error in a round.
    Failed {
        round: u64,
        error: String,
        /// Linear memory after each round, the failed one included, in bytes.
        memories: Vec<u64>,
    },
}

/// Runs a program with each of the modules: one instance each, and in each round all of them in turn, on one of the inputs after the other.
pub fn run(
    program: &str,
    inputs: &[PathBuf],
    paths: &[PathBuf],
    rounds: u32,
    patience: u64,
) -> Result<Vec<Outcome>> {
    let job = json!({ "program": program, "inputs": inputs, "modules": paths, "rounds": rounds, "patience": patience,
        "limit": modules::MEMORY_LIMIT });
    let answer =
        tools::output(Command::new("node").arg(tools::root().join("bench/run.mjs")).arg(job.to_string()))?;
    let answer: Value = serde_json::from_str(&answer)?;
    let outcomes = answer.as_array().context("the runner gives a list")?;
    outcomes
        .iter()
        .map(|outcome| read(outcome, inputs.len().max(1)).context("the runner's answer is incomplete"))
        .collect()
}

fn read(outcome: &Value, inputs: usize) -> Option<Outcome> {
    let times: Vec<f64> = outcome["times"].as_array()?.iter().filter_map(Value::as_f64).collect();
    let memories: Vec<u64> = outcome["memories"].as_array()?.iter().filter_map(Value::as_u64).collect();
    Some(match outcome["error"].as_str() {
        Some(error) => {
            Outcome::Failed { round: outcome["round"].as_u64()?, error: error.to_owned(), memories }
        }
        None => Outcome::Done {
            median: mean_of_medians(&times, inputs)?,
            memories,
            checksum: outcome["checksum"].as_str()?.to_owned(),
        },
    })
}

/// Where each input had every so manieth round.
fn mean_of_medians(times: &[f64], inputs: usize) -> Option<f64> {
    let of_input = |input: usize| {
        let times: Vec<f64> = times.iter().skip(input).step_by(inputs).copied().collect();
        median(&times)
    };
    let sum: f64 = (0..inputs).map(of_input).sum::<Option<f64>>()?;
    Some(sum / inputs as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_count_alike() {
        assert_eq!(mean_of_medians(&[1.0, 5.0, 3.0], 1), Some(3.0));
        assert_eq!(mean_of_medians(&[1.0, 10.0, 2.0, 20.0, 3.0, 90.0], 2), Some(11.0));
        assert_eq!(mean_of_medians(&[1.0], 2), None, "an input without a round has no median");
    }
}
