//! `cargo xtask miri`: the tests in Miri, which sees every access to memory that Rust's rules forbid.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::test::{Run, UNIT_TESTS, cargo_of, silent};
use crate::tools::progress;

pub const USAGE: &str = "\
usage: cargo xtask miri [number of seeds, 2 if not given] [first seed, 0 if not given]

Runs the tests in Miri, under Stacked Borrows and under Tree Borrows, for a 64-bit and a 32-bit target: all of them with
seed 0, which takes more than an hour, and those that are different with each seed with the others, a few minutes each. A
seed decides when threads switch, what random programs do, and where memory lies. `cargo xtask test` does a small part.";

const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "i686-unknown-linux-gnu"];

/// The rules for references, and the flag for them.
const RULES: [(&str, &str); 2] = [("Stacked Borrows", ""), ("Tree Borrows", "-Zmiri-tree-borrows")];

/// Sources that hand out pointers of their own, and so need no address to be turned into one.
const STRICT: &str = "-Zmiri-strict-provenance";
/// The system's chunks and claimed regions expose theirs: nothing else is left of a pointer that a user hands over for
/// good. Chunks are never given back.
const EXPOSED: &str = "-Zmiri-permissive-provenance -Zmiri-ignore-leaks";

/// Tests and how they may treat addresses. What uses both kinds of sources is told apart by name.
///
/// Not among them: programs whose `#[global_allocator]` is ours. A `Box` that a function was given is nobody else's until
/// the function returns, and yet the function may free it, and the allocator then writes to it. Of the system's
/// allocator Miri knows that the block ends there; with one in Rust, it calls any such program undefined. Nor the corpus of
/// the fuzzer, which is some hundreds of programs like those of `model`.
const TESTS: [(&str, &str); 7] = [
    (STRICT, UNIT_TESTS),
    (STRICT, "-p lite-alloc-tests --test exhaustive --test model --test memory --test bounded"),
    (STRICT, "-p lite-alloc-tests --test blocks -- --skip statics_of_all_types"),
    (EXPOSED, "-p lite-alloc-tests --test blocks -- statics_of_all_types"),
    (EXPOSED, "-p lite-alloc-tests --test sources --test threads"),
    (
        STRICT,
        "-p lite-alloc-core -p lite-alloc-freelist -p lite-alloc-tests --features hardened --lib --test model",
    ),
    (EXPOSED, "-p lite-alloc-tests --features hardened --test hardened"),
];

/// Of these, what a seed makes another test of: random programs, and threads.
const SEEDED: [(&str, &str); 2] =
    [(STRICT, "-p lite-alloc-tests --test model"), (EXPOSED, "-p lite-alloc-tests --test threads")];

/// What takes about a minute, and has some of each: target, rules, and tests.
const BOUNDED: [(&str, &str, &str); 2] = [
    (TARGETS[0], RULES[0].1, "-p lite-alloc-tests --test exhaustive"),
    (TARGETS[1], RULES[1].1, "-p lite-alloc-tests --test exhaustive riddled"),
];

pub fn run(args: &[String]) -> Result<()> {
    let numbers: Vec<u16> = args.iter().map(|arg| arg.parse()).collect::<Result<_, _>>().context(USAGE)?;
    let (number, first) = match numbers[..] {
        [] => (2, 0),
        [number] => (number, 0),
        [number, first] => (number, first),
        _ => bail!("{USAGE}"),
    };
    ensure!(number != 0, USAGE);
    ensure!(ready(), "there is no Miri, and rustup could not install it for the toolchain nightly");
    let begin = Instant::now();
    // An interpreter has one thread, however many there are in the program: both targets at once.
    thread::scope(|scope| {
        let of_targets =
            TARGETS.map(|target| scope.spawn(move || run_for(target, number.into(), first.into())));
        of_targets.into_iter().try_for_each(|of_target| of_target.join().expect("nothing panics there"))
    })?;
    println!("\nMiri found nothing in {:.0} s.", begin.elapsed().as_secs_f64());
    Ok(())
}

fn run_for(target: &str, seeds: u32, first: u32) -> Result<()> {
    for seed in first..first + seeds {
        let all: &[(&str, &str)] = if seed == 0 { &TESTS } else { &SEEDED };
        for (rules, flag) in RULES {
            for (provenance, tests) in all {
                let what = format!("{rules}, {target}, seed {seed}: {tests}");
                progress(&what);
                let mut miri = miri(target, &format!("{flag} {provenance} -Zmiri-seed={seed}"), tests);
                // In one piece, so that what the other target prints is not in between.
                let output =
                    miri.env("LITE_ALLOC_SEED", seed.to_string()).stderr(Stdio::inherit()).output()?;
                println!("{what}\n{}", String::from_utf8_lossy(&output.stdout));
                ensure!(output.status.success(), "{what} failed");
            }
        }
    }
    Ok(())
}

/// The step of `cargo xtask test`.
pub fn step(run: &mut Run) -> Result<()> {
    if !ready() {
        run.skip("tests in Miri: needs `rustup toolchain install nightly --component miri,rust-src`");
        return Ok(());
    }
    for (target, flag, tests) in BOUNDED {
        run.tests(&mut miri(target, &format!("{flag} {STRICT}"), tests))?;
    }
    Ok(())
}

/// Whether Miri is there, or could be installed.
fn ready() -> bool {
    let works = || silent("rustup", &["run", "nightly", "cargo", "miri", "--version"]).is_some();
    works() || {
        progress("Installing Miri");
        let add = ["component", "add", "miri", "rust-src", "--toolchain", "nightly"];
        silent("rustup", &add).is_some() && works()
    }
}

fn miri(target: &str, flags: &str, tests: &str) -> Command {
    let mut cargo = cargo_of("nightly", &format!("miri test --target {target} {tests}"));
    // So that the settings of random tests arrive there.
    cargo.env("MIRIFLAGS", format!("-Zmiri-disable-isolation {flags}"));
    cargo
}
