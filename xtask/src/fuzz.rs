//! `cargo xtask fuzz`: programs and numbers that libFuzzer thinks of.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::test::{cargo_install, cargo_of, path_with};
use crate::tools::{self, progress};

const USAGE: &str = "\
usage: cargo xtask fuzz [seconds for each target, 1800 if not given] [target]

Runs the fuzz targets, one after the other, beginning with the inputs in fuzz/corpus. What reaches code that those
do not reach is added there, to be committed; `cargo test` runs all of them. Needs the toolchain nightly.";

const TARGETS: [&str; 7] = ["address", "bounded", "bump", "freelist", "large_heap", "segregated", "smallest"];

/// A byte and 400 steps, which is where a program ends.
const MAX_LEN: &str = "-max_len=1601";

pub fn run(args: &[String]) -> Result<()> {
    let (seconds, targets) = match args {
        [] => (1800, &TARGETS[..]),
        [seconds, rest @ ..] => {
            let (Ok(seconds), [] | [_]) = (seconds.parse::<u32>(), rest) else { bail!("{USAGE}") };
            let Some(target) = rest.first() else { return fuzz(seconds, &TARGETS) };
            let Some(at) = TARGETS.iter().position(|name| name == target) else { bail!("{USAGE}") };
            (seconds, &TARGETS[at..=at])
        }
    };
    fuzz(seconds, targets)
}

fn fuzz(seconds: u32, targets: &[&str]) -> Result<()> {
    let path = path_with(cargo_install("cargo-fuzz", &["cargo-fuzz", "--locked"])?)?;
    for target in targets {
        // All that is found stays in the target directory, and comes handy next time.
        let all = tools::target_dir().join("fuzz/corpus").join(target);
        let kept = tools::root().join("fuzz/corpus").join(target);
        fs::create_dir_all(&all)?;
        fs::create_dir_all(&kept)?;
        progress(&format!("Fuzzing {target} for {seconds} s"));
        let time = format!("-max_total_time={seconds}");
        tools::run(&mut fuzzer(&path, target, [&all, &kept], &[MAX_LEN, &time, "-print_final_stats=1"]))?;
        // By lines that are reached, and not by how often, so that it stays small.
        tools::run(&mut fuzzer(&path, target, [&kept, &all], &["-merge=1", "-use_counters=0"]))?;
    }
    Ok(())
}

/// libFuzzer on two corpora, the first of which it adds to.
fn fuzzer(path: &OsString, target: &str, corpora: [&Path; 2], options: &[&str]) -> Command {
    let mut cargo = cargo_of("nightly", "fuzz run");
    cargo.arg(target).args(corpora).arg("--").args(options);
    cargo
        .current_dir(tools::root())
        .env("PATH", path)
        .env("CARGO_TARGET_DIR", tools::target_dir().join("fuzz"));
    cargo
}
