//! The feature `hardened`: correct programs run as ever, and misuse is stopped.

use anyhow::Result;

use crate::test::{Run, WASI, cargo, wasi_runner};
use crate::tools;

/// The tests that ask for nothing that takes more memory with the feature.
const TESTS: &str = "test --features hardened --test hardened --test model \
    --test program_bump --test program_segregated --test program_freelist --test program_smallest \
    --test program_large_heap --test program_bounded";
const MISUSE: &str = "test --features hardened --test misuse";

pub fn all(run: &mut Run) -> Result<()> {
    run.tests(cargo(TESTS).args(["--test", "threads"]).env("PROPTEST_CASES", "60"))?;
    run.tests(&mut cargo("test -p lite-alloc-core -p lite-alloc-freelist --lib --features hardened"))?;
    let wasi = format!("{TESTS} --target {WASI}");
    run.tests(cargo(&wasi).arg("--config").arg(wasi_runner()))?;

    let build = "build --examples --features hardened";
    run.command(&mut cargo(build))?;
    run.tests(&mut cargo(MISUSE))?;
    run.command(&mut cargo(&format!("{build} --target {WASI}")))?;
    let programs = tools::target_dir().join(WASI).join("debug/examples");
    run.tests(cargo(MISUSE).env("MISUSE_PROGRAMS", programs))
}
