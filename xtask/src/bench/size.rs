//! Bytes that an allocator adds to a module, after wasm-opt.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Plan;
use crate::demo;
use crate::modules::{self, Allocator, Profile};
use crate::table;
use crate::tools::{self, progress};

/// A kind of module: its feature in `bench/size`, what it is, and the allocator that it is compared with.
const KINDS: [(&str, &str, &Allocator); 5] = [
    ("exports", "alloc, dealloc", &modules::NULL),
    ("exports-realloc", "and realloc", &modules::NULL),
    ("boxes", "boxes", &modules::STUB),
    ("program", "std program", &modules::STUB),
    (LARGE, "demo", &modules::IMPORTED),
];

/// The kind that is not of `bench/size`, but the module of `cargo xtask demo`: half a megabyte and more, with thousands of places that
/// allocate or free. What counts there is how much code LLVM makes of these.
const LARGE: &str = "demo";

const LEVELS: [&str; 3] = ["z", "s", "3"];

const WASM_OPT: [&str; 10] = [
    "-Oz",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
    "--enable-bulk-memory",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-multivalue",
    "--enable-reference-types",
];

pub fn run(plan: &Plan) -> Result<()> {
    let wasm_opt = tools::need_wasm_opt()?;
    // The large modules take ten minutes.
    let (levels, kinds) =
        if plan.quick { (&LEVELS[..1], &KINDS[..KINDS.len() - 1]) } else { (&LEVELS[..], &KINDS[..]) };
    let mut modules: HashMap<(&str, &str, &str), PathBuf> = HashMap::new();
    let bases = [&modules::NULL, &modules::STUB, &modules::IMPORTED];
    let all: Vec<&Allocator> = bases.into_iter().chain(plan.allocators.iter().copied()).collect();
    for (number, allocator) in all.iter().enumerate() {
        progress(&format!("{}: building its modules ({} of {})", allocator.name, number + 1, all.len()));
        for &level in levels {
            for &(kind, _, base) in kinds {
                if !bases.iter().any(|base| base.key == allocator.key) || allocator.key == base.key {
                    let module = build(&wasm_opt, allocator, kind, level)?;
                    modules.insert((allocator.key, kind, level), module);
                }
            }
        }
    }
    let paths: Vec<&Path> = modules.values().map(PathBuf::as_path).collect();
    let gzipped = gzipped(&paths)?;
    let sizes: HashMap<_, (i64, i64)> = modules
        .iter()
        .map(|(key, path)| {
            let raw = fs::metadata(path).with_context(|| format!("no {}", path.display()))?.len();
            Ok((*key, (raw as i64, gzipped[path.as_path()])))
        })
        .collect::<Result<_>>()?;

    let rustc = tools::rustc_version()?;
    let mut lines = vec![super::row([
        "allocator",
        "version",
        "module",
        "opt-level",
        "bytes",
        "bytes added",
        "gzip",
        "gzip added",
        "rustc",
        "binaryen (wasm-opt)",
    ])];
    for &level in levels {
        println!("\nBytes added at opt-level {level}, after wasm-opt (in brackets: gzipped)\n");
        let mut rows = vec![vec!["allocator".to_owned()]];
        rows[0].extend(kinds.iter().map(|(_, what, _)| (*what).to_owned()));
        for allocator in &plan.allocators {
            let mut row = vec![allocator.name.to_owned()];
            for &(kind, _, base) in kinds {
                let (raw, gzip) = sizes[&(allocator.key, kind, level)];
                let (base_raw, base_gzip) = sizes[&(base.key, kind, level)];
                row.push(format!("{} ({})", raw - base_raw, gzip - base_gzip));
                lines.push(vec![
                    allocator.key.to_owned(),
                    allocator.version()?,
                    kind.to_owned(),
                    level.to_owned(),
                    raw.to_string(),
                    (raw - base_raw).to_string(),
                    gzip.to_string(),
                    (gzip - base_gzip).to_string(),
                    rustc.clone(),
                    tools::BINARYEN.to_owned(),
                ]);
            }
            rows.push(row);
        }
        table::print(&rows);
    }
    plan.write("size", &lines)
}

/// Bytes that each allocator adds to modules of the first two kinds at opt-level z, and to a large one at 3.
pub fn budgeted(allocators: &[&Allocator]) -> Result<Vec<[i64; 3]>> {
    let wasm_opt = tools::need_wasm_opt()?;
    let [exports, with_realloc, .., large] = KINDS;
    let mut added = vec![[0; 3]; allocators.len()];
    for (number, ((kind, _, base), level)) in
        [(exports, "z"), (with_realloc, "z"), (large, "3")].into_iter().enumerate()
    {
        let bytes = |allocator| -> Result<i64> {
            Ok(fs::metadata(build(&wasm_opt, allocator, kind, level)?)?.len() as i64)
        };
        let of_base = bytes(base)?;
        for (added, allocator) in added.iter_mut().zip(allocators) {
            added[number] = bytes(allocator)? - of_base;
        }
    }
    Ok(added)
}

/// Builds one module and returns where it lies.
fn build(wasm_opt: &Path, allocator: &Allocator, kind: &str, level: &'static str) -> Result<PathBuf> {
    let target_dir = tools::target_dir().join("bench");
    let profile = Profile::Lto(level);
    let built = if kind == LARGE {
        modules::build(allocator, &demo::PROGRAMS.map(|(program, _)| program), profile)?
    } else {
        // std's default cannot be had without std.
        let std = if allocator.key == modules::STD.key { ",std" } else { "" };
        let features = format!("{kind}{std}{}", allocator.feature());
        tools::run(modules::cargo_build("size", &profile.name(), &features).arg("--quiet"))?;
        target_dir.join(tools::WASM).join(profile.name()).join("size.wasm")
    };
    let dir = target_dir.join("sized-modules");
    fs::create_dir_all(&dir)?;
    let module = dir.join(format!("{}-{kind}-{level}.wasm", allocator.key));
    tools::run(Command::new("node").arg(wasm_opt).args(WASM_OPT).arg(built).arg("-o").arg(&module))?;
    Ok(module)
}

/// The gzipped sizes of files, at level 9.
fn gzipped<'a>(paths: &[&'a Path]) -> Result<HashMap<&'a Path, i64>> {
    const SCRIPT: &str = "for (const path of process.argv.slice(1)) \
        console.log(require('zlib').gzipSync(require('fs').readFileSync(path), { level: 9 }).length)";
    let sizes = tools::output(Command::new("node").args(["-e", SCRIPT]).args(paths))?;
    let sizes: Vec<i64> = sizes.lines().map(str::parse).collect::<Result<_, _>>()?;
    Ok(paths.iter().copied().zip(sizes).collect())
}
