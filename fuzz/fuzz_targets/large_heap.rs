//! Programs of any steps on a heap of this strategy, each step checked: see `tests/common/steps.rs`.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use common::steps::{FUZZ_MEMORY, run_bytes};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut memory = common::Memory::new(FUZZ_MEMORY);
    run_bytes::<common::LargeHeap>(&mut memory, bytes).unwrap();
});
