//! Building the wasm modules: the same programs, each time with another allocator.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::tools;

/// An allocator that modules can be built with.
pub struct Allocator {
    /// What users know it by.
    pub name: &'static str,
    /// The feature of `bench/allocators` that selects it; none for std's default.
    pub feature: Option<&'static str>,
}

/// The allocator of the standard library.
pub const STD: Allocator = Allocator { name: "std's default", feature: None };

/// The three of this repository.
pub const OURS: [Allocator; 3] = [
    Allocator { name: "BumpFreeListAllocator", feature: Some("bump") },
    Allocator { name: "SegregatedBumpAllocator", feature: Some("segregated") },
    Allocator { name: "FreeListAllocator", feature: Some("freelist") },
];

/// No allocator in the module: what the others' sizes are compared with.
pub const IMPORTED: Allocator = Allocator { name: "imported", feature: Some("imported") };

/// Where the linear memory of a module ends: 1 GiB, so that a program that wants ever more fails soon and does not
/// bring down the machine.
pub const MEMORY_LIMIT: u64 = 1 << 30;

/// Builds the module with `programs` and returns where it lies.
pub fn build(allocator: &Allocator, programs: &[&str]) -> Result<PathBuf> {
    let mut features = programs.join(",");
    if let Some(feature) = allocator.feature {
        features += ",allocators/";
        features += feature;
    }
    let target_dir = tools::target_dir().join("bench");
    let flags = format!("-C link-arg=--max-memory={MEMORY_LIMIT}");
    tools::run(
        tools::cargo()
            .args(["build", "--locked", "--package", "programs", "--profile", "wasm-3"])
            .args(["--target", tools::WASM, "--features", &features])
            .arg("--manifest-path")
            .arg(tools::root().join("bench/programs/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target_dir)
            .env("RUSTFLAGS", flags),
    )?;
    let modules = target_dir.join("modules");
    fs::create_dir_all(&modules)?;
    let module = modules.join(format!("{}.wasm", allocator.feature.unwrap_or("std")));
    fs::copy(target_dir.join(tools::WASM).join("wasm-3/programs.wasm"), &module)?;
    Ok(module)
}
