//! The programs of `examples/embedded`, on the microcontrollers that QEMU imitates.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::test::{Run, apt_install, silent};
use crate::tools::{self, progress};

/// The targets, and the QEMU that runs their programs.
const MACHINES: [(&str, &str); 3] = [
    ("thumbv7em-none-eabihf", "qemu-system-arm"),
    ("thumbv6m-none-eabi", "qemu-system-arm"),
    ("riscv32imac-unknown-none-elf", "qemu-system-riscv32"),
];
const STRATEGIES: [&str; 4] = ["", ",bump", ",segregated", ",bounded"];
/// Where interrupt handlers allocate, heaps need critical sections; where not, they may have them.
const CRITICAL_SECTION: [(&str, &[&str]); 2] = [
    ("critical-section", &["arena", "linker_symbols", "interrupts", "out_of_memory", "json"]),
    ("", &["arena", "linker_symbols", "out_of_memory", "json"]),
];

/// What there is to install, where packages are Debian's.
const PACKAGES: [&str; 2] = ["qemu-system-arm", "qemu-system-misc"];

/// Builds each program with each strategy for each machine, with critical sections and without, and runs it; all print the same.
pub fn programs(run: &mut Run) -> Result<()> {
    if !ready() {
        run.skip("the programs in examples/embedded: needs qemu-system-arm and qemu-system-riscv32");
        return Ok(());
    }
    for (target, _) in MACHINES {
        for (critical_section, programs) in CRITICAL_SECTION {
            for strategy in STRATEGIES {
                let features = format!("{critical_section}{strategy}");
                run.command(cargo("clippy", target, &features).args(["--", "-D", "warnings"]))?;
                run.command(&mut cargo("build", target, &features))?;
                for program in programs {
                    let mut cargo = cargo("run", target, &features);
                    check(run, program, cargo.args(["--quiet", "--bin", program]))?;
                }
            }
        }
    }
    Ok(())
}

/// Whether QEMU is there, or could be installed.
pub fn ready() -> bool {
    let works = || MACHINES.iter().all(|(_, qemu)| silent(qemu, &["--version"]).is_some());
    works() || {
        progress("Installing QEMU");
        apt_install(&PACKAGES) && works()
    }
}

/// A command of cargo for the examples, whose configuration it does not find by itself from the root.
fn cargo(verb: &str, target: &str, features: &str) -> Command {
    let dir = tools::root().join("examples/embedded");
    let mut cargo = tools::cargo();
    cargo.arg(verb).args(["--release", "--target", target, "--features", features]);
    cargo.arg("--config").arg(dir.join(".cargo/config.toml"));
    cargo.arg("--manifest-path").arg(dir.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(tools::target_dir().join("embedded"));
    cargo
}

/// Runs a program, and compares what it prints with `examples/embedded/expected`.
fn check(run: &mut Run, program: &str, command: &Command) -> Result<()> {
    // A program that hangs would hang the tests.
    let mut command = tools::within("60", command);
    let output = run.prepare(&mut command).output().context("it does not start; is there a `timeout`?")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let expected = tools::root().join("examples/embedded/expected").join(program).with_extension("txt");
    let expected = fs::read_to_string(expected)?;
    ensure!(
        output.status.success() && printed == expected,
        "it printed ({})\n{printed}{}\ninstead of\n{expected}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    run.passed += 1;
    Ok(())
}
