//! `cargo xtask mutants`: changes to the library crates that some test on the host must notice.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::test::{cargo_install, path_with};
use crate::tools::{self, progress};

const USAGE: &str = "\
usage: cargo xtask mutants [crates; if none is given, all that have code]

Has cargo-mutants change the crates in about a hundred ways each, one at a time, and run the tests on the host. Prints
the changes that no test notices; more about each lies in target/mutants. Takes about 10 s for each change.";

const CORE: &str = "lite-alloc-core";
const CRATES: [&str; 4] = [CORE, "lite-alloc-bump", "lite-alloc-segregated", "lite-alloc-freelist"];
/// Where the tests are that all crates share.
const TESTS: &str = "lite-alloc-tests";

/// All tests but those that take a minute.
const SELECTION: [&str; 5] = ["--lib", "--tests", "--", "--skip", "every_sequence"];

/// The files of the feature `hardened`: without it, they are not compiled, and with it, few of the other tests are.
const HARDENED: &str = "lite-alloc-core/src/hardened{.rs,/**}";

/// Seconds that the tests may take. They take about 10, and some changes make them hang.
const PATIENCE: &str = "60";
/// Some changes make a test allocate for ever: KiB of addresses that a process may have.
const LIMIT: &str = "ulimit -v 8000000 && exec \"$@\"";

pub fn run(args: &[String]) -> Result<()> {
    ensure!(args.iter().all(|arg| CRATES.contains(&arg.as_str())), "{USAGE}");
    let wanted = |name: &&str| args.is_empty() || args.iter().any(|arg| arg == name);
    let mut missed = String::new();
    for name in CRATES.into_iter().filter(wanted) {
        missed += &change(name, name, ["--exclude", HARDENED], None)?;
        if name == CORE {
            let feature = format!("--features={TESTS}/hardened");
            missed += &change(name, "hardened", ["--file", HARDENED], Some(&feature))?;
        }
    }
    println!("\nchanges that no test noticed:\n{}", if missed.is_empty() { "none" } else { missed.trim() });
    Ok(())
}

/// Changes some files of a package, runs its tests and the shared ones, and returns a list of what these miss.
fn change(package: &str, name: &str, files: [&str; 2], features: Option<&str>) -> Result<String> {
    let path = path_with(cargo_install("cargo-mutants", &["cargo-mutants", "--locked"])?)?;
    let out = tools::target_dir().join("mutants").join(name);
    fs::create_dir_all(&out)?;
    let prepare = |command: &Command| {
        let mut shell = Command::new("sh");
        shell.args(["-c", LIMIT, "sh"]);
        let mut shell = tools::inside(shell, command);
        // Without debug information, tests are built in half the time.
        shell.current_dir(tools::root()).env("PATH", &path).env("CARGO_PROFILE_DEV_DEBUG", "0");
        if features.is_some() {
            // Each takes twice as long then.
            shell.env("PROPTEST_CASES", "60");
        }
        shell
    };

    progress(&format!("Testing without a change: {name}"));
    // First everything is built, for some tests call the examples.
    for selection in [["--no-run"].as_slice(), &SELECTION] {
        let mut cargo = tools::cargo();
        cargo.args(["test", "--package", package, "--package", TESTS]).args(features).args(selection);
        tools::run(&mut prepare(&cargo)).context("tests fail without any change")?;
    }

    progress(&format!("Changing {name}"));
    let mut cargo = tools::cargo();
    cargo.args(["mutants", "--no-shuffle", "--jobs", "1", "--baseline", "skip", "--timeout", PATIENCE]);
    cargo.args(["--package", package]).args(files).args(features);
    cargo.args(["--test-package", package, "--test-package", TESTS]);
    cargo.arg("--output").arg(&out).arg("--").args(SELECTION);
    let status = prepare(&cargo).status().context("there is no `sh`")?;
    // What it says when tests missed changes, and when some did not end.
    ensure!(matches!(status.code(), Some(0 | 2 | 3)), "cargo mutants failed ({status})");
    Ok(fs::read_to_string(out.join("mutants.out/missed.txt"))?)
}
