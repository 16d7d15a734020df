//! Address arithmetic with any numbers: see `tests/common/arithmetic.rs`.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| common::arithmetic::run_bytes(bytes).unwrap());
