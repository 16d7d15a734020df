//! Finding, installing and calling the programs that the commands need.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The target that everything here is measured on.
pub const WASM: &str = "wasm32-unknown-unknown";

/// The root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository")
}

/// Where built things go: `target`, or where the environment says.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// The cargo that runs us, in a clean environment: flags and settings of the caller's must not change what is
/// measured.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let changes_code = name.ends_with("RUSTFLAGS") || name.starts_with("CARGO_PROFILE_");
        if changes_code || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&*name);
        }
    }
    cargo
}

/// The same command, stopped after so many seconds.
pub fn within(seconds: &str, command: &Command) -> Command {
    let mut limited = Command::new("timeout");
    limited.arg(seconds);
    inside(limited, command)
}

/// A command that is given another one as its last arguments, to run it.
pub fn inside(mut outer: Command, command: &Command) -> Command {
    outer.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Says what is being done, on the terminal but not among the results.
pub fn progress(what: &str) {
    eprintln!("==> {what}");
}

/// Runs a command to its end. It fails if the command does.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", name(command));
    }
    Ok(())
}

/// Runs a command to its end and returns what it prints.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} failed ({})", name(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no text", name(command)))
}

fn name(command: &Command) -> String {
    let mut name = command.get_program().to_string_lossy().into_owned();
    if let Some(first) = command.get_args().next() {
        name = format!("{name} {}", first.to_string_lossy());
    }
    name
}

/// Makes sure that the compiler has the standard library of `target`.
pub fn need_target(target: &str) -> Result<()> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let library = output(Command::new(rustc).args(["--print", "target-libdir", "--target", target]))?;
    if Path::new(library.trim()).is_dir() {
        return Ok(());
    }
    progress(&format!("Adding the target {target}"));
    run(Command::new("rustup").args(["target", "add", target])).with_context(|| {
        format!(
            "the Rust compiler lacks the target {target}, and rustup could not add it; \
             install Rust with rustup (https://rustup.rs), or add the target the way you installed Rust"
        )
    })
}

/// Makes sure that Node.js is there, and returns its version.
pub fn need_node() -> Result<String> {
    let answer = Command::new("node").arg("--version").output();
    let version = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).trim().to_owned());
    let major = version
        .as_ref()
        .ok()
        .and_then(|version| version.strip_prefix('v')?.split('.').next()?.parse::<u32>().ok());
    match major {
        Some(18..) => Ok(version?),
        _ => bail!(
            "this needs Node.js 18 or later as `node` on the PATH, to run the wasm modules in; found {}. \
             Get it from https://nodejs.org, or with `apt install nodejs`, `brew install node`, or \
             `winget install OpenJS.NodeJS`",
            version.as_deref().unwrap_or("none")
        ),
    }
}

/// The version of the compiler.
pub fn rustc_version() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = output(Command::new(rustc).arg("--version"))?;
    Ok(version.split_whitespace().nth(1).unwrap_or("unknown").to_owned())
}

/// The version of a package in a lock file.
pub fn locked_version(lock_file: &Path, package: &str) -> Result<String> {
    let lock = std::fs::read_to_string(lock_file)?;
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    Ok(version.with_context(|| format!("{} has no {package}", lock_file.display()))?.to_owned())
}

/// Where tools are installed that only this repository uses.
pub fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

/// The wasm engine that counts instructions, as a package of Python.
pub struct Wasmtime {
    pub python: &'static str,
    /// Where the package lies.
    pub dir: PathBuf,
    pub version: String,
}

const WASMTIME: &str = "50.0.1";

/// Makes sure that wasmtime is there.
pub fn need_wasmtime() -> Result<Wasmtime> {
    let works = |python: &&str| {
        let answer = Command::new(python).args(["-m", "pip", "--version"]).output();
        answer.is_ok_and(|answer| answer.status.success())
    };
    let python = ["python3", "python"].into_iter().find(works).context(
        "this needs Python 3 with pip, to install the wasm engine that counts instructions; get it from \
         https://www.python.org, or with `apt install python3-pip`",
    )?;
    let dir = tools_dir().join(format!("wasmtime-{WASMTIME}"));
    if !dir.is_dir() {
        progress(&format!("Installing wasmtime {WASMTIME}"));
        // Under its final name only when it is whole.
        let unfinished = tools_dir().join("wasmtime-unfinished");
        let package = format!("wasmtime=={WASMTIME}");
        run(Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--root-user-action", "ignore", "--upgrade", "--target"])
            .args([unfinished.as_os_str(), package.as_ref()]))?;
        std::fs::rename(unfinished, &dir)?;
    }
    Ok(Wasmtime { python, dir, version: WASMTIME.to_owned() })
}

const BUN: &str = "1.4.5";

/// Makes sure that Bun is there, which runs JavaScript and wasm in JavaScriptCore, and returns where it lies.
pub fn need_bun() -> Result<PathBuf> {
    let dir = tools_dir().join(format!("bun-{BUN}"));
    let bun = dir.join("node_modules/bun/bin/bun.exe");
    if !bun.is_file() {
        progress(&format!("Installing Bun {BUN}"));
        npm_install(&dir, &format!("bun@{BUN}"))?;
    }
    Ok(bun)
}

/// The package that wasm-opt comes in; its major version is that of wasm-opt.
pub const BINARYEN: &str = "132.0.0";

/// Makes sure that wasm-opt is there, and returns where it lies. It runs in Node.js.
pub fn need_wasm_opt() -> Result<PathBuf> {
    need_node()?;
    let dir = tools_dir().join(format!("binaryen-{BINARYEN}"));
    let wasm_opt = dir.join("node_modules/binaryen/bin/wasm-opt");
    if !wasm_opt.is_file() {
        progress(&format!("Installing binaryen {BINARYEN}, for wasm-opt"));
        npm_install(&dir, &format!("binaryen@{BINARYEN}"))?;
    }
    Ok(wasm_opt)
}

fn npm_install(dir: &Path, package: &str) -> Result<()> {
    let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
    run(Command::new(npm)
        .args(["install", "--no-fund", "--no-audit", "--loglevel", "error", "--prefix"])
        .args([dir.as_os_str(), package.as_ref()]))
    .context("this needs npm, which comes with Node.js (or with `apt install npm`)")
}
