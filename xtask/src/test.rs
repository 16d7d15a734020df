//! `cargo xtask test`: everything that CI runs.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::bench::{embedded, size};
use crate::chromium;
use crate::hardened;
use crate::miri;
use crate::modules;
use crate::panics;
use crate::qemu;
use crate::threads;
use crate::tools::{self, WASM, progress};

pub const WASI: &str = "wasm32-wasip1";
/// Bare metal without compare-and-swap.
pub const SMALLEST: &str = "thumbv6m-none-eabi";
const NO_STD: [&str; 4] =
    [SMALLEST, "thumbv7em-none-eabihf", "riscv32imac-unknown-none-elf", "wasm32v1-none"];

/// The packages that users depend on.
const LIBRARIES: &str =
    "-p lite-alloc-core -p lite-alloc-bump -p lite-alloc-segregated -p lite-alloc-freelist -p lite-alloc";
/// The packages that are not published.
const INTERNAL: &str = "--exclude lite-alloc-tests --exclude lite-alloc-conformance --exclude lite-alloc-bare \
    --exclude xtask --exclude lite-alloc-wasm-threads";
/// The folders of the packages with tests that run in wasm.
pub const WASM_TESTS: [&str; 5] =
    [".", "lite-alloc", "lite-alloc-bump", "lite-alloc-segregated", "lite-alloc-freelist"];

/// The tests inside of the crates that have some, as cargo is told.
pub const UNIT_TESTS: &str =
    "-p lite-alloc-core -p lite-alloc-bump -p lite-alloc-segregated -p lite-alloc-freelist --lib";

/// The `rust-version` of the libraries, as rustup calls it.
const OLDEST: &str = "1.85.0";

/// Bytes that an allocator may add, as `cargo xtask bench` measures them, to be lowered when the code shrinks: at opt-level z, to a module
/// that exports nothing but alloc and dealloc, and to one that exports realloc too; and at opt-level 3, to the demo's module, where a
/// change of how LLVM inlines takes ten thousand bytes.
const SIZE_BUDGETS: [(&str, [i64; 3]); 5] = [
    ("bump", [237, 424, 500]),
    ("segregated", [298, 507, -5500]),
    ("freelist", [858, 1010, -5000]),
    ("smallest", [441, 531, -5500]),
    ("large-heap", [1157, 1309, -4800]),
];
const SIZES: [&str; 3] = ["wasm", "wasm with realloc", "a large program in wasm"];
/// The same at opt-level z for a program for a Cortex-M0 that calls alloc and dealloc.
const FLASH_BUDGETS: [(&str, i64); 5] =
    [("bump", 296), ("segregated", 348), ("freelist", 608), ("smallest", 284), ("bounded", 688)];

type Step = fn(&mut Run) -> Result<()>;

const STEPS: [(&str, Step); 19] = [
    ("formatting", formatting),
    ("clippy", clippy),
    ("documentation", documentation),
    ("tests on the host", host),
    ("tests in Miri", miri::step),
    ("tests in wasm", wasm),
    ("tests in Chromium", chromium::tests),
    ("tests in WASI", wasi),
    ("tests of whole linear memories", conformance),
    ("misuse with the feature `hardened`", hardened::all),
    ("builds without std", no_std),
    ("programs on microcontrollers", qemu::programs),
    ("builds with nightly", nightly),
    ("threads in wasm", threads::wasm),
    ("threads under ThreadSanitizer", threads::host),
    ("the oldest compiler", oldest),
    ("packages", packages),
    ("no panics", panics::step),
    ("size budgets", sizes),
];

pub fn run(args: &[String]) -> Result<()> {
    ensure!(args.is_empty(), "`cargo xtask test` takes no arguments");
    let begin = Instant::now();
    let mut run = Run { path: install()?, passed: 0, skipped: Vec::new() };
    for (name, step) in STEPS {
        println!("\n==> {name}");
        step(&mut run).with_context(|| format!("the step `{name}` failed"))?;
    }
    println!("\n{} steps in {:.0} s.", STEPS.len(), begin.elapsed().as_secs_f64());
    for what in &run.skipped {
        println!("skipped: {what}");
    }
    println!("{} passed, 0 failed", run.passed);
    Ok(())
}

fn formatting(run: &mut Run) -> Result<()> {
    run.command(&mut cargo("fmt --all --check"))?;
    run.command(&mut cargo("fmt --check --manifest-path examples/embedded/Cargo.toml"))?;
    run.command(&mut cargo("fmt --check --manifest-path bench/embedded/Cargo.toml"))?;
    run.command(&mut cargo("fmt --check --manifest-path fuzz/Cargo.toml"))
}

fn clippy(run: &mut Run) -> Result<()> {
    run.command(&mut cargo("clippy --workspace --all-targets -- -D warnings"))?;
    for target in [WASM, SMALLEST] {
        run.command(&mut cargo(&format!("clippy {LIBRARIES} --target {target} -- -D warnings")))?;
    }
    run.command(&mut cargo("clippy --all-targets --features hardened -- -D warnings"))?;
    for target in [WASM, SMALLEST] {
        let hardened = "-p lite-alloc --features hardened";
        run.command(&mut cargo(&format!("clippy {hardened} --target {target} -- -D warnings")))?;
    }
    let features = "-p lite-alloc-core --features allocator-api2,critical-section,stats";
    run.command(&mut cargo(&format!("clippy {features} --target {SMALLEST} -- -D warnings")))?;
    if silent("c++", &["--version"]).is_none() {
        run.skip("the fuzz targets: libFuzzer needs a C++ compiler");
        return Ok(());
    }
    run.command(&mut cargo("clippy --manifest-path fuzz/Cargo.toml -- -D warnings"))
}

fn documentation(run: &mut Run) -> Result<()> {
    let features = "--features lite-alloc/allocator-api2,lite-alloc/stats";
    let doc =
        |what: &str| run.command(cargo(&format!("doc --no-deps {what}")).env("RUSTDOCFLAGS", "-D warnings"));
    doc("--workspace")?;
    doc(&format!("--workspace {features}"))?;
    // What there is for some targets alone.
    for target in [WASM, SMALLEST] {
        doc(&format!("{LIBRARIES} {features} --target {target}"))?;
    }
    Ok(())
}

fn host(run: &mut Run) -> Result<()> {
    run.tests(&mut cargo("test --workspace"))
}

fn wasm(run: &mut Run) -> Result<()> {
    for dir in WASM_TESTS {
        let mut wasm_pack = Command::new("wasm-pack");
        wasm_pack.args(["test", "--node", "--mode", "no-install"]);
        run.tests(wasm_pack.arg(dir))?;
    }
    Ok(())
}

fn wasi(run: &mut Run) -> Result<()> {
    // What the crates have for wasm alone is tested there alone.
    for tests in ["", UNIT_TESTS] {
        let target = ["--target", WASI].into_iter().chain(tests.split_whitespace());
        run.tests(cargo("test --config").arg(wasi_runner()).args(target))?;
    }
    Ok(())
}

/// The setting of cargo that has programs for WASI run in Node.js.
pub fn wasi_runner() -> String {
    let script = tools::root().join("tests/wasm/wasi.mjs");
    // An array, so that there may be spaces in the path.
    let runner = serde_json::json!(["node", script]);
    format!("target.{WASI}.runner={runner}")
}

fn conformance(run: &mut Run) -> Result<()> {
    let modules = tools::target_dir().join(WASM);
    for (profile, dir) in [("dev", "debug"), ("release", "release")] {
        let build = format!("build -p lite-alloc-conformance --target {WASM} --profile {profile}");
        run.command(&mut cargo(&build))?;
        run.tests(Command::new("node").arg("tests/wasm/run.mjs").arg(modules.join(dir)))?;
    }
    // Node.js has the engine of Chromium; Bun has that of Safari.
    match tools::need_bun() {
        Ok(bun) => run.tests(Command::new(bun).arg("tests/wasm/run.mjs").arg(modules.join("release"))),
        Err(error) => {
            run.skip(&format!("linear memories in a second engine, JavaScriptCore: {error:#}"));
            Ok(())
        }
    }
}

fn no_std(run: &mut Run) -> Result<()> {
    for target in NO_STD {
        run.command(&mut cargo(&format!("build -p lite-alloc --target {target}")))?;
    }
    Ok(())
}

/// Whether the standard library can be built.
pub fn has_nightly_source() -> bool {
    silent("rustup", &["component", "list", "--toolchain", "nightly", "--installed"])
        .is_some_and(|components| components.contains("rust-src"))
}

/// Targets whose standard library has to be built along.
fn nightly(run: &mut Run) -> Result<()> {
    if !has_nightly_source() {
        run.skip(
            "wasm64, and wasm with threads: \
             needs `rustup toolchain install nightly --component rust-src`",
        );
        return Ok(());
    }
    let wasm64 = "build -p lite-alloc --target wasm64-unknown-unknown -Zbuild-std=core,alloc,std,panic_abort";
    run.command(&mut cargo_of("nightly", wasm64))?;
    let threads = format!("build -p lite-alloc --target {WASM} -Zbuild-std=std,panic_abort");
    let features = "-C target-feature=+atomics,+bulk-memory,+mutable-globals";
    run.command(cargo_of("nightly", &threads).env("RUSTFLAGS", features))?;
    // On AVR and MSP430, nothing was ever tried, and the numbers by which free blocks of a pool lead on would overlap their sizes.
    let narrow = "check -p lite-alloc-core --target msp430-none-elf -Zbuild-std=core";
    let refused = run.prepare(&mut cargo_of("nightly", narrow)).output()?;
    let message = String::from_utf8_lossy(&refused.stderr);
    ensure!(message.contains("error: lite-alloc is for targets"), "not refused in words:\n{message}");
    Ok(())
}

fn oldest(run: &mut Run) -> Result<()> {
    let works = || silent("rustup", &["run", OLDEST, "rustc", "--version"]).is_some();
    if !works() {
        let mut install = Command::new("rustup");
        let installed = run.command(install.args(["toolchain", "install", OLDEST, "--profile", "minimal"]));
        if installed.is_err() || !works() {
            run.skip(&format!("a check with Rust {OLDEST}: rustup could not install it"));
            return Ok(());
        }
    }
    run.command(&mut cargo_of(OLDEST, &format!("check {LIBRARIES}")))
}

fn packages(run: &mut Run) -> Result<()> {
    if !tools::root().join("README.md").exists() {
        run.skip("cargo package: the README.md that the packages contain is not there");
        return Ok(());
    }
    run.command(&mut cargo(&format!("package --workspace {INTERNAL} --allow-dirty --no-verify")))
}

fn sizes(run: &mut Run) -> Result<()> {
    let find = |(key, _)| {
        let allocator = modules::ours().find(|allocator| allocator.key == key);
        allocator.with_context(|| format!("there is no allocator {key}"))
    };
    let allocators = SIZE_BUDGETS.into_iter().map(find).collect::<Result<Vec<_>>>()?;
    let added = size::budgeted(&allocators)?;
    let mut sizes = Vec::new();
    for ((allocator, (_, budgets)), added) in allocators.into_iter().zip(SIZE_BUDGETS).zip(added) {
        let of_allocator = SIZES.into_iter().zip(added).zip(budgets);
        sizes.extend(of_allocator.map(|((what, bytes), budget)| (allocator.name, what, bytes, budget)));
    }
    for (key, budget) in FLASH_BUDGETS {
        let (name, bytes) = embedded::flash(key)?;
        sizes.push((name, "Cortex-M0", bytes as i64, budget));
    }
    let mut too_large = Vec::new();
    for (name, what, bytes, budget) in sizes {
        println!("{name}, {what}: {bytes} bytes of {budget}");
        if bytes > budget {
            too_large.push(format!("{name}, {what}, takes {bytes} bytes, more than {budget}"));
        }
        run.passed += 1;
    }
    ensure!(
        too_large.is_empty(),
        "{} (with rustc {}); see SIZE_BUDGETS in xtask/src/test.rs",
        too_large.join(", "),
        tools::rustc_version()?
    );
    Ok(())
}

/// What is known while the steps run.
pub struct Run {
    /// The PATH of all commands, with the tools that are installed here.
    path: OsString,
    pub passed: usize,
    skipped: Vec<String>,
}

impl Run {
    /// Shows a command and runs it in the root of the repository.
    pub fn command(&self, command: &mut Command) -> Result<()> {
        tools::run(self.prepare(command))
    }

    /// The same, and counts the tests that pass. There must be some.
    pub fn tests(&mut self, command: &mut Command) -> Result<()> {
        let mut child = self.prepare(command).stdout(Stdio::piped()).spawn().context("it does not start")?;
        let mut passed = 0;
        for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
            let line = line?;
            println!("{line}");
            passed += passed_tests(&line).unwrap_or(0);
        }
        let status = child.wait()?;
        ensure!(status.success(), "tests failed ({status})");
        ensure!(passed > 0, "no tests ran");
        self.passed += passed;
        Ok(())
    }

    pub fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        println!("\n$ {}", shown(command));
        command.current_dir(tools::root()).env("PATH", &self.path)
    }

    pub fn skip(&mut self, what: &str) {
        println!("skipped: {what}");
        self.skipped.push(what.to_owned());
    }
}

/// The number in a line such as `test result: ok. 12 passed; 0 failed`.
fn passed_tests(line: &str) -> Option<usize> {
    let (_, rest) = line.split_once("test result: ok. ")?;
    rest.split_once(" passed")?.0.parse().ok()
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={:?}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let program = Path::new(command.get_program()).file_stem().into_iter();
    let words = program.chain(command.get_args()).map(|word| {
        let word = word.to_string_lossy();
        if word.contains([' ', '"']) { format!("'{word}'") } else { word.into_owned() }
    });
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

/// A command of cargo, from words that contain no spaces.
pub fn cargo(words: &str) -> Command {
    let mut cargo = tools::cargo();
    cargo.args(words.split_whitespace());
    cargo
}

/// The same with the cargo of another toolchain.
pub fn cargo_of(toolchain: &str, words: &str) -> Command {
    let mut rustup = Command::new("rustup");
    rustup.args(["run", toolchain, "cargo"]).args(words.split_whitespace());
    // They would be ours.
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS"] {
        rustup.env_remove(name);
    }
    rustup
}

/// What a command prints, if there is such a command and it succeeds.
pub fn silent(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let answer = Command::new(program).args(args).output().ok()?;
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned())
}

/// Installs packages of Debian's. Whether that worked.
pub fn apt_install(packages: &[&str]) -> bool {
    let install = [["install", "-y", "--no-install-recommends"].as_slice(), packages].concat();
    silent("apt-get", &["update"]).is_some() && silent("apt-get", &install).is_some()
}

/// Installs what the steps need and is not there. Returns the PATH on which it is.
fn install() -> Result<OsString> {
    tools::need_node()?;
    for target in [WASM, WASI].iter().chain(&NO_STD) {
        tools::need_target(target)?;
    }
    for (component, command) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if silent("cargo", &[command, "--version"]).is_none() {
            progress(&format!("Adding the component {component}"));
            tools::run(Command::new("rustup").args(["component", "add", component]))?;
        }
    }

    let mut path: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    path.extend(cargo_home().map(|home| home.join("bin")));
    if find(&path, "wasm-pack").is_none() {
        path.insert(0, cargo_install("wasm-pack", &["wasm-pack", "--locked"])?);
    }
    // It must be exactly the version of the library.
    let version = tools::locked_version(&tools::root().join("Cargo.lock"), "wasm-bindgen")?;
    let found = find(&path, "wasm-bindgen").and_then(|found| silent(&found, &["--version"]));
    if found.as_deref().map(str::trim) != Some(&format!("wasm-bindgen {version}")) {
        let what = ["wasm-bindgen-cli", "--version", &version];
        path.insert(0, cargo_install(&format!("wasm-bindgen-{version}"), &what)?);
    }
    Ok(env::join_paths(path)?)
}

fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")))
}

/// Where a program lies.
fn find(path: &[PathBuf], program: &str) -> Option<PathBuf> {
    path.iter()
        .map(|dir| dir.join(program).with_extension(env::consts::EXE_EXTENSION))
        .find(|file| file.is_file())
}

/// The PATH, with a folder in front.
pub fn path_with(dir: PathBuf) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths([dir].into_iter().chain(env::split_paths(&path)))?)
}

/// Installs a tool for this repository only, unless that was done before. Returns the folder of its programs.
pub fn cargo_install(name: &str, what: &[&str]) -> Result<PathBuf> {
    let dir = tools::tools_dir().join(name);
    if !dir.join("bin").is_dir() {
        progress(&format!("Installing {name}"));
        tools::run(tools::cargo().arg("install").args(what).arg("--root").arg(&dir))?;
    }
    Ok(dir.join("bin"))
}
