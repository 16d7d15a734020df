//! Threads: in WebAssembly, workers of Node.js over one shared memory; on the host, under ThreadSanitizer.

use std::process::Command;

use anyhow::Result;

use crate::modules::OURS;
use crate::test::{Run, cargo_of, has_nightly_source};
use crate::tools::{self, WASM};

/// What the linker is told. tests/wasm/threads.mjs makes the memory, of as many pages.
const LINK: [&str; 8] = [
    "--shared-memory",
    "--import-memory",
    "--initial-memory=2097152",
    "--max-memory=1073741824",
    "--export=__wasm_init_tls",
    "--export=__tls_size",
    "--export=__tls_align",
    "--export=__stack_pointer",
];

/// Runs the programs of `tests/wasm-threads`.
pub fn wasm(run: &mut Run) -> Result<()> {
    if !has_nightly_source() {
        run.skip("threads in wasm: needs `rustup toolchain install nightly --component rust-src`");
        return Ok(());
    }
    let mut flags = "-C target-feature=+atomics,+bulk-memory,+mutable-globals".to_owned();
    for option in LINK {
        flags += &format!(" -C link-arg={option}");
    }
    let build = format!(
        "build -p lite-alloc-wasm-threads --examples --release --target {WASM} -Zbuild-std=std,panic_abort"
    );
    run.command(cargo_of("nightly", &build).env("RUSTFLAGS", flags))?;
    let modules = tools::target_dir().join(WASM).join("release/examples");
    let mut node = Command::new("node");
    node.arg("tests/wasm/threads.mjs");
    node.args(OURS.map(|allocator| modules.join(format!("threads_{}.wasm", allocator.key))));
    run.tests(&mut node)
}

/// The tests with threads under ThreadSanitizer, which sees data races that do no harm on this machine.
pub fn host(run: &mut Run) -> Result<()> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) || !has_nightly_source() {
        run.skip(
            "ThreadSanitizer: needs Linux on x86_64, and \
             `rustup toolchain install nightly --component rust-src`",
        );
        return Ok(());
    }
    let test = format!("test -p lite-alloc-tests --test threads -Zbuild-std --target {TARGET}");
    // In a folder of its own, for all packages are built with it.
    let dir = tools::target_dir().join("sanitizer");
    run.tests(cargo_of("nightly", &test).env("RUSTFLAGS", "-Zsanitizer=thread").env("CARGO_TARGET_DIR", dir))
}
