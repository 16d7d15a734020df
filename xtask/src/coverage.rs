//! `cargo xtask coverage`: how much of the library crates the tests on the host reach.

use anyhow::{Context, Result, ensure};

use crate::test::{cargo_install, cargo_of, path_with, silent};
use crate::tools;

/// The crates with code, as cargo is told.
const CRATES: &str = "-p lite-alloc-core -p lite-alloc-bump -p lite-alloc-segregated -p lite-alloc-freelist";

pub fn run(args: &[String]) -> Result<()> {
    ensure!(args.is_empty(), "`cargo xtask coverage` takes no arguments");
    // Only nightly counts branches.
    silent("rustup", &["component", "add", "llvm-tools", "--toolchain", "nightly"]).context(
        "this needs the toolchain nightly with the component llvm-tools, and rustup could not add it",
    )?;
    let path = path_with(cargo_install("cargo-llvm-cov", &["cargo-llvm-cov", "--locked"])?)?;
    // In a folder of its own, for all packages are built with counters.
    let dir = tools::target_dir().join("coverage");
    let prepare = |words: &str| {
        let mut cargo = cargo_of("nightly", words);
        cargo.current_dir(tools::root()).env("PATH", &path).env("CARGO_TARGET_DIR", &dir);
        cargo
    };
    let environment = tools::output(&mut prepare("llvm-cov show-env --sh --branch"))?;
    let counting = |words: &str| {
        let mut cargo = prepare(words);
        for line in environment.lines() {
            if let Some((name, value)) = line.trim_start_matches("export ").split_once('=') {
                cargo.env(name, value.trim_matches('\''));
            }
        }
        // Counters lie in a file at all times, for the programs of `tests/misuse` end in the middle of something.
        cargo.env("RUSTFLAGS", "-Cllvm-args=-runtime-counter-relocation");
        cargo.env("LLVM_PROFILE_FILE", dir.join("%p%c.profraw"));
        cargo
    };

    tools::run(&mut counting("llvm-cov clean --workspace --profraw-only"))?;
    // All but the tests that would take minutes.
    let usual = format!("test {CRATES} -p lite-alloc-tests --lib --tests -- --skip every_sequence");
    tools::run(&mut counting(&usual))?;
    tools::run(&mut counting("build --examples --features hardened"))?;
    tools::run(counting("test --tests --features hardened").env("PROPTEST_CASES", "60"))?;
    tools::run(&mut counting(&format!("llvm-cov report {CRATES} --branch --show-missing-lines")))
}
