//! What the fuzzer found worth keeping, and every input that once made a test of it fail.
#![cfg(not(feature = "hardened"))]
#![cfg(not(target_family = "wasm"))]

#[macro_use]
mod common;

use std::path::Path;

use common::steps::{FUZZ_MEMORY, run_bytes};
use common::{
    Bounded, Bump, Checked, FreeList, Kind, LargeHeap, Memory, Segregated, Smallest, arithmetic, much,
};
use proptest::test_runner::TestCaseError;

/// Runs `test` on the inputs of a fuzz target.
fn replay(target: &str, mut test: impl FnMut(&[u8]) -> Checked) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs: Vec<_> = dir.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort_unstable();
    assert!(inputs.len() > 5, "the corpus in {} is gone", dir.display());
    for input in inputs.iter().take(much(usize::MAX, 0, 2)) {
        let failed = |error: TestCaseError| panic!("{}: {error}", input.display());
        test(&std::fs::read(input).unwrap()).unwrap_or_else(failed);
    }
}

fn programs<K: Kind>(target: &str) {
    let mut memory = Memory::new(FUZZ_MEMORY);
    replay(target, |bytes| run_bytes::<K>(&mut memory, bytes));
}

#[test]
fn programs_of_the_fuzzer_on_bump() {
    programs::<Bump>("bump");
}

#[test]
fn programs_of_the_fuzzer_on_segregated() {
    programs::<Segregated>("segregated");
}

#[test]
fn programs_of_the_fuzzer_on_freelist() {
    programs::<FreeList>("freelist");
}

#[test]
fn programs_of_the_fuzzer_on_large_heap() {
    programs::<LargeHeap>("large_heap");
}

#[test]
fn programs_of_the_fuzzer_on_smallest() {
    programs::<Smallest>("smallest");
}

#[test]
fn programs_of_the_fuzzer_on_bounded() {
    programs::<Bounded>("bounded");
}

#[test]
fn numbers_of_the_fuzzer() {
    replay("address", arithmetic::run_bytes);
}
