//! Hands the linker the memory map of the machine that the target stands for.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let target = env::var("TARGET").expect("cargo sets it");
    let map = format!("memory/{target}.x");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={map}");
    let dir = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::copy(&map, dir.join("memory.x")).unwrap_or_else(|error| panic!("there is no {map}: {error}"));
    println!("cargo::rustc-link-search={}", dir.display());
    if target.starts_with("riscv") {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
