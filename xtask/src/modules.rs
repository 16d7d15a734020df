//! Building the wasm modules: the same programs, each time with another allocator.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::tools;

/// An allocator that modules can be built with.
pub struct Allocator {
    /// What it is called on the command line and in results: the feature of `bench/allocators` that selects it, or
    /// "std".
    pub key: &'static str,
    /// What users know it by.
    pub name: &'static str,
    /// The package it comes from. std has none.
    pub package: Option<&'static str>,
}

const fn allocator(key: &'static str, name: &'static str, package: Option<&'static str>) -> Allocator {
    Allocator { key, name, package }
}

/// The allocator of the standard library.
pub const STD: Allocator = allocator("std", "std's default", None);

/// The three of this repository.
pub const OURS: [Allocator; 3] = [
    allocator("bump", "BumpFreeListAllocator", Some("lite-alloc-bump")),
    allocator("segregated", "SegregatedBumpAllocator", Some("lite-alloc-segregated")),
    allocator("freelist", "FreeListAllocator", Some("lite-alloc-freelist")),
];

/// A trade that the last of them offers: the least code for speed.
pub const SMALLEST: Allocator =
    allocator("smallest", "SmallestFreeListAllocator", Some("lite-alloc-freelist"));

/// The other: a little more code, for large heaps.
pub const LARGE_HEAP: Allocator =
    allocator("large-heap", "LargeHeapFreeListAllocator", Some("lite-alloc-freelist"));

/// All that are of this repository.
pub fn ours() -> impl Iterator<Item = &'static Allocator> {
    OURS.iter().chain([&SMALLEST, &LARGE_HEAP])
}

/// What else there is, in the versions that `bench/allocators` names.
pub const PEERS: [Allocator; 13] = [
    allocator("dlmalloc", "dlmalloc", Some("dlmalloc")),
    allocator("talc-dynamic", "talc, dynamic", Some("talc")),
    allocator("talc-claim", "talc, claim", Some("talc")),
    allocator("talc-no-realloc", "talc, claim, no realloc", Some("talc")),
    allocator("rlsf", "rlsf", Some("rlsf")),
    allocator("rlsf-small", "rlsf, small", Some("rlsf")),
    allocator("lol", "lol_alloc, free list", Some("lol_alloc")),
    allocator("wee", "wee_alloc", Some("wee_alloc")),
    allocator("mini", "mini-alloc (never frees)", Some("mini-alloc")),
    allocator("old-bump", "lite-alloc 0.1.0, bump", Some("lite-alloc")),
    allocator("old-segregated", "lite-alloc 0.1.0, segregated", Some("lite-alloc")),
    allocator("old-freelist", "lite-alloc 0.1.0, free list", Some("lite-alloc")),
    allocator("pure-bump", "bump, never frees (the limit)", Some("allocators")),
];

/// A stub in the place of an allocator: what the sizes of programs are compared with.
pub const STUB: Allocator = allocator("stub", "none (a stub)", Some("allocators"));

/// No allocator in the module: it would have to come from outside. What the demo compares with: unlike with a stub, the
/// module keeps all the code that frees.
pub const IMPORTED: Allocator = allocator("imported", "none (imported)", Some("allocators"));

/// An allocator that never has memory: what the sizes of modules that only export it are compared with.
pub const NULL: Allocator = allocator("null", "none", Some("allocators"));

/// std's default, counting what is live. That does not depend on the allocator.
pub const COUNTING: Allocator = allocator("counting", "std's default, with counters", Some("allocators"));

impl Allocator {
    /// What cargo is to be told, as part of a list of features.
    pub fn feature(&self) -> String {
        if self.key == STD.key { String::new() } else { format!(",allocator,allocators/{}", self.key) }
    }

    /// The version, as the lock file of `bench` has it.
    pub fn version(&self) -> Result<String> {
        let Some(package) = self.package else {
            return tools::rustc_version();
        };
        tools::locked_version(&tools::root().join("bench/Cargo.lock"), package)
    }
}

/// How the programs are compiled.
#[derive(Clone, Copy, PartialEq)]
pub enum Profile {
    /// All as one unit at some opt-level, which takes up to half a minute for each module.
    Lto(&'static str),
    /// Each package for itself at opt-level 3, which takes seconds.
    Fast,
}

impl Profile {
    pub fn name(self) -> String {
        match self {
            Self::Lto(level) => format!("wasm-{level}"),
            Self::Fast => "wasm-3-fast".into(),
        }
    }
}

/// Where the linear memory of a module ends: 1 GiB, so that a program that wants ever more fails soon and does not
/// bring down the machine.
pub const MEMORY_LIMIT: u64 = 1 << 30;

/// Builds the module with `programs` and returns where it lies.
pub fn build(allocator: &Allocator, programs: &[&str], profile: Profile) -> Result<PathBuf> {
    let features = programs.join(",") + &allocator.feature();
    let target_dir = tools::target_dir().join("bench");
    tools::run(
        cargo_build("programs", &profile.name(), &features)
            .env("RUSTFLAGS", format!("-C link-arg=--max-memory={MEMORY_LIMIT}"))
            // A random number that the scripting engine is built with.
            .env("CONST_RANDOM_SEED", "1"),
    )?;
    let modules = target_dir.join("modules").join(format!("{}-{}", profile.name(), programs.len()));
    fs::create_dir_all(&modules)?;
    let module = modules.join(format!("{}.wasm", allocator.key));
    fs::copy(target_dir.join(tools::WASM).join(profile.name()).join("programs.wasm"), &module)?;
    Ok(module)
}

/// The command that builds a package of `bench` to wasm.
pub fn cargo_build(package: &str, profile: &str, features: &str) -> Command {
    let mut cargo = tools::cargo();
    cargo
        .args(["build", "--package", package, "--profile", profile])
        .args(["--target", tools::WASM, "--features", features])
        .arg("--manifest-path")
        .arg(tools::root().join("bench").join(package).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(tools::target_dir().join("bench"));
    cargo
}
