//! The programs of `tests/misuse`, once for each case: each has to be stopped with the message that it foretells.
//!
//! `cargo build --examples` makes them. Those for WASI run when `MISUSE_PROGRAMS` names their folder.
#![cfg(all(feature = "hardened", not(target_family = "wasm")))]

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs the program of a strategy with an argument, or none.
fn run(strategy: &str, case: Option<&str>) -> Output {
    let name = format!("misuse_{strategy}");
    let words: Vec<OsString> = match std::env::var_os("MISUSE_PROGRAMS") {
        Some(folder) => {
            let program = PathBuf::from(folder).join(name).with_extension("wasm");
            vec!["node".into(), "tests/wasm/wasi.mjs".into(), program.into()]
        }
        None => {
            let tests = std::env::current_exe().unwrap();
            let folder = tests.parent().unwrap().with_file_name("examples");
            vec![folder.join(name).with_extension(std::env::consts::EXE_EXTENSION).into()]
        }
    };
    // One that hangs would hang the tests.
    let mut command = Command::new("timeout");
    command.arg("60").args(words).args(case).env("RUST_BACKTRACE", "0");
    command.output().expect("there is a `timeout`")
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn every_case_is_stopped(strategy: &str) {
    let list = run(strategy, None);
    assert!(list.status.success() && !list.stdout.is_empty(), "{}", text(&list.stderr));
    for case in text(&list.stdout).lines() {
        let output = run(strategy, Some(case));
        let (printed, message) = (text(&output.stdout), text(&output.stderr));
        let expected = printed.lines().last().expect("a case expects something");
        let stopped = !output.status.success() && output.status.code() != Some(124);
        assert!(
            stopped && message.contains(expected) && message.contains("the hook is done"),
            "{case} ({}): expected\n{expected}\ninstead of\n{message}",
            output.status
        );
    }
}

#[test]
fn every_misuse_of_bounded_is_stopped() {
    every_case_is_stopped("bounded");
}

#[test]
fn every_misuse_of_bump_is_stopped() {
    every_case_is_stopped("bump");
}

#[test]
fn every_misuse_of_segregated_is_stopped() {
    every_case_is_stopped("segregated");
}

#[test]
fn every_misuse_of_freelist_is_stopped() {
    every_case_is_stopped("freelist");
}

#[test]
fn every_misuse_of_large_heap_is_stopped() {
    every_case_is_stopped("large_heap");
}

#[test]
fn every_misuse_of_smallest_is_stopped() {
    every_case_is_stopped("smallest");
}

/// Most damage is found; what is not has to do no harm.
#[test]
fn damage_at_random_is_found_or_does_no_harm() {
    // Each takes a process, and in WASI a Node.js.
    let seeds = if std::env::var_os("MISUSE_PROGRAMS").is_some() { 15 } else { 100 };
    for strategy in ["bump", "segregated", "freelist", "large_heap", "smallest", "bounded"] {
        let mut found = 0;
        for seed in 0..seeds {
            let output = run(strategy, Some(&seed.to_string()));
            let stopped = !output.status.success() && text(&output.stderr).contains("the hook is done");
            let silent = output.status.success() && text(&output.stdout).contains("nothing was found");
            assert!(stopped || silent, "{strategy} {seed} ({}): {}", output.status, text(&output.stderr));
            found += usize::from(stopped);
        }
        // All, as far as anybody saw.
        assert!(found >= seeds * 9 / 10, "{strategy}: {found} of {seeds} found");
    }
}
