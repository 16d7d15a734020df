//! Running modules in Node.js.

use std::path::{Path, PathBuf};
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
        /// The median time of a round, in milliseconds.
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

/// Runs a program with each of the modules: one instance each, and in each round all of them in turn.
pub fn run(
    program: &str,
    input: Option<&Path>,
    paths: &[PathBuf],
    rounds: u32,
    patience: u64,
) -> Result<Vec<Outcome>> {
    let job = json!({ "program": program, "input": input, "modules": paths, "rounds": rounds, "patience": patience,
        "limit": modules::MEMORY_LIMIT });
    let answer =
        tools::output(Command::new("node").arg(tools::root().join("bench/run.mjs")).arg(job.to_string()))?;
    let answer: Value = serde_json::from_str(&answer)?;
    let outcomes = answer.as_array().context("the runner gives a list")?;
    outcomes.iter().map(|outcome| read(outcome).context("the runner's answer is incomplete")).collect()
}

fn read(outcome: &Value) -> Option<Outcome> {
    let times: Vec<f64> = outcome["times"].as_array()?.iter().filter_map(Value::as_f64).collect();
    let memories: Vec<u64> = outcome["memories"].as_array()?.iter().filter_map(Value::as_u64).collect();
    Some(match outcome["error"].as_str() {
        Some(error) => {
            Outcome::Failed { round: outcome["round"].as_u64()?, error: error.to_owned(), memories }
        }
        None => Outcome::Done {
            median: median(&times)?,
            memories,
            checksum: outcome["checksum"].as_str()?.to_owned(),
        },
    })
}
