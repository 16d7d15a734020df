//! The programs of `examples/embedded`, on the microcontrollers that QEMU imitates.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::tools::{self, progress};

/// The targets, and the QEMU that runs their programs.
const MACHINES: [(&str, &str); 3] = [
    ("thumbv7em-none-eabihf", "qemu-system-arm"),
    ("thumbv6m-none-eabi", "qemu-system-arm"),
    ("riscv32imac-unknown-none-elf", "qemu-system-riscv32"),
];
const STRATEGIES: [&str; 3] = ["", ",bump", ",segregated"];
const PROGRAMS: [&str; 5] = ["arena", "linker_symbols", "interrupts", "out_of_memory", "json"];

/// What there is to install, where packages are Debian's.
const PACKAGES: [&str; 2] = ["qemu-system-arm", "qemu-system-misc"];

/// Whether QEMU is there, or could be installed.
pub fn ready() -> bool {
    let works = || MACHINES.iter().all(|(_, qemu)| succeeds(Command::new(qemu).arg("--version")));
    if works() {
        return true;
    }
    progress("Installing QEMU");
    succeeds(Command::new("apt-get").arg("update"))
        && succeeds(Command::new("apt-get").args(["install", "-y", "--no-install-recommends"]).args(PACKAGES))
        && works()
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs each program with each strategy on each machine; all print the same. Returns how many ran.
pub fn run() -> Result<usize> {
    let dir = tools::root().join("examples/embedded");
    let mut ran = 0;
    for (target, _) in MACHINES {
        tools::need_target(target)?;
        for strategy in STRATEGIES {
            let features = format!("critical-section{strategy}");
            for program in PROGRAMS {
                let mut cargo = tools::cargo();
                cargo.args(["run", "--quiet", "--release", "--target", target]);
                cargo.args(["--features", &features, "--bin", program]);
                // A program that hangs would hang the tests.
                let mut command = Command::new("timeout");
                command.arg("300").arg(cargo.get_program()).args(cargo.get_args()).current_dir(&dir);
                let output = command.output().context("`timeout` does not start")?;
                let printed = String::from_utf8_lossy(&output.stdout);
                let expected = fs::read_to_string(dir.join("expected").join(program).with_extension("txt"))?;
                ensure!(
                    output.status.success() && printed == expected,
                    "{program} on {target} with the features {features} ({}) printed\n{printed}{}\ninstead of\n{expected}",
                    output.status,
                    String::from_utf8_lossy(&output.stderr),
                );
                println!("{program} on {target}, {features}: as expected");
                ran += 1;
            }
        }
    }
    Ok(ran)
}
