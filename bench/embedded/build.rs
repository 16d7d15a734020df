//! Hands the linker the memory maps.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let dir = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    for script in ["size.x", "memory.x"] {
        println!("cargo::rerun-if-changed={script}");
        fs::copy(script, dir.join(script)).unwrap_or_else(|error| panic!("no {script}: {error}"));
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-search={}", dir.display());
    println!("cargo::rustc-link-arg-bin=size=-Tsize.x");
    for bin in ["run", "json"] {
        println!("cargo::rustc-link-arg-bin={bin}=-Tlink.x");
    }
}
