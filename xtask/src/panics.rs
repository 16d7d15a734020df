//! That no panic, no formatting and no check of bounds is linked with the allocators.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::test::{Run, SMALLEST, cargo};
use crate::tools::{self, WASM};

/// How programs are built: as small as possible and as one unit, or as `cargo build --release` does.
const PROFILES: [(&str, bool); 2] = [("\"z\"", true), ("3", false)];

/// Parts of the names of functions, and of the texts, that come with a panic. `somebody_panicked` is what the handler of
/// `tests/bare` calls.
const TRACES: [&str; 7] =
    ["panic", "fmt", "bounds", "unwrap_failed", "expect_failed", "overflow", "alloc_error"];

/// Builds `tests/bare` and looks for those, in the names of functions as well as in data.
pub fn step(run: &mut Run) -> Result<()> {
    for target in [WASM, SMALLEST] {
        for (level, lto) in PROFILES {
            let mut cargo = cargo(&format!("rustc -p lite-alloc-bare --release --target {target}"));
            cargo.arg("--config").arg(format!("profile.release.opt-level={level}"));
            cargo.arg("--config").arg(format!("profile.release.lto={lto}"));
            if target == WASM {
                cargo.args(["--", "-C", "link-arg=--export=_start"]);
            }
            run.command(&mut cargo).context("it does not link if anything in it can panic")?;
            let suffix = if target == WASM { ".wasm" } else { "" };
            check(&tools::target_dir().join(target).join(format!("release/lite-alloc-bare{suffix}")))?;
            run.passed += 1;
        }
    }
    Ok(())
}

fn check(program: &Path) -> Result<()> {
    let bytes = fs::read(program).with_context(|| format!("no {}", program.display()))?;
    let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    // If names were stripped, there would be nothing to see.
    ensure!(has("FreeList"), "{} has no names of functions", program.display());
    for trace in TRACES {
        ensure!(!has(trace), "{} contains `{trace}`, so something in it can panic", program.display());
    }
    Ok(())
}
