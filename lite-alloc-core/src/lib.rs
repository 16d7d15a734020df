//! What the allocators of `lite-alloc` share.
#![no_std]

#[cfg(not(any(target_family = "wasm", target_os = "none")))]
extern crate std;

pub mod address;
mod frontier;
mod heap;
mod lock;
pub mod source;
mod strategy;

pub use frontier::Frontier;
pub use heap::Heap;
pub use strategy::Strategy;
