//! The feature `hardened`: correct programs run as ever, and misuse is stopped.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::modules;
use crate::test::{Run, WASI, cargo, wasi_runner};
use crate::tools;

/// The tests that ask for nothing that takes more memory with the feature.
const TESTS: &str = "test --features hardened --test model \
    --test program_bump --test program_segregated --test program_freelist";

pub fn all(run: &mut Run) -> Result<()> {
    run.tests(cargo(TESTS).args(["--test", "threads"]).env("PROPTEST_CASES", "60"))?;
    let wasi = format!("{TESTS} --target {WASI}");
    run.tests(cargo(&wasi).arg("--config").arg(wasi_runner()))?;

    let debug = |dir: &str| tools::target_dir().join(dir).join("debug/examples");
    run.command(&mut cargo("build --examples --features hardened"))?;
    misuse(run, &[], debug(""), std::env::consts::EXE_EXTENSION)?;
    run.command(&mut cargo(&format!("build --examples --features hardened --target {WASI}")))?;
    misuse(run, &["node", "tests/wasm/wasi.mjs"], debug(WASI), "wasm")
}

/// Runs the programs of `tests/misuse`, once for each case: each has to be stopped with the message that it foretells.
fn misuse(run: &mut Run, runner: &[&str], programs: PathBuf, extension: &str) -> Result<()> {
    for strategy in modules::OURS.map(|allocator| allocator.key) {
        let program = programs.join(format!("misuse_{strategy}")).with_extension(extension);
        let command = |case: &str| {
            let mut words = runner.iter().map(Into::into).chain([program.clone().into_os_string()]);
            let mut command = Command::new(words.next().expect("there is the program"));
            command.args(words).args((!case.is_empty()).then_some(case)).env("RUST_BACKTRACE", "0");
            // One that hangs would hang the tests.
            tools::within("60", &command)
        };
        let cases = tools::output(run.prepare(&mut command("")))?;
        ensure!(cases.lines().count() > 0, "there are no cases");
        for case in cases.lines() {
            let output = command(case).current_dir(tools::root()).output()?;
            let (printed, message) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let expected = printed.lines().last().context("the case expects nothing")?;
            let stopped = !output.status.success() && output.status.code() != Some(124);
            ensure!(
                stopped && message.contains(expected) && message.contains("the hook is done"),
                "{strategy}, {case} ({}): expected\n{expected}\ninstead of\n{message}",
                output.status
            );
            println!("{case} ... stopped");
            run.passed += 1;
        }
    }
    Ok(())
}
