//! The commands of this repository. `cargo xtask` lists them.

mod bench;
mod chromium;
mod coverage;
mod demo;
mod fuzz;
mod hardened;
mod inputs;
mod miri;
mod modules;
mod mutants;
mod node;
mod panics;
mod qemu;
#[cfg(test)]
mod readme;
mod results;
mod statistics;
mod table;
mod test;
mod threads;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

commands:
  demo      run real programs in Node.js with each allocator, and compare (under five minutes)
  bench     measure our allocators and their peers; `cargo xtask bench --help` says more
  coverage  count what the tests on the host reach of the library crates
  fuzz      run the fuzz targets, half an hour each; `cargo xtask fuzz help` says more
  miri      run the tests in Miri, for hours; `cargo xtask test` does a small part of it
  mutants   change the library crates in hundreds of ways, for an hour or two, and see whether the tests notice
  test      everything that CI runs (installs what is missing)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let result = match command {
        "bench" => bench::run(rest),
        "coverage" => coverage::run(rest),
        "demo" => demo::run(rest),
        "fuzz" => fuzz::run(rest),
        "miri" => miri::run(rest),
        "mutants" => mutants::run(rest),
        "test" => test::run(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => Err(anyhow::anyhow!("there is no command `{unknown}`\n\n{USAGE}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
