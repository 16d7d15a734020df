//! What the allocators of `lite-alloc` share.
//!
//! ```text
//!   Heap<A, S>            a GlobalAlloc: the lock, pointers, clearing           heap.rs, lock.rs, usage.rs
//!     A: Strategy         which block to take; knows its free blocks            strategy.rs
//!       Frontier          the rest of the region that fresh blocks come from    frontier.rs
//!     S: PageSource       where regions come from                               source.rs
//!   Hardened<A>           around A with the feature `hardened`: finds misuse     hardened.rs
//!   allocator             collections in a heap of their own                    allocator.rs, with the feature `allocator-api2`
//!   address               all arithmetic on addresses and sizes                 address.rs
//! ```
//!
//! To use an allocator, depend on `lite-alloc` or on the crate of one strategy. To give one memory from elsewhere, implement
//! [`PageSource`](source::PageSource). To write a strategy of your own, implement [`Strategy`].

#![no_std]
// wasm64 exists on nightly only, and there `memory.grow` is behind this feature.
#![cfg_attr(target_arch = "wasm64", feature(simd_wasm64))]

#[cfg(target_pointer_width = "16")]
compile_error!("lite-alloc is for targets with addresses of 32 or 64 bits");

#[cfg(not(any(target_family = "wasm", target_os = "none")))]
extern crate std;

pub mod address;
#[cfg(feature = "allocator-api2")]
mod allocator;
mod frontier;
#[cfg(feature = "hardened")]
mod hardened;
mod heap;
mod lock;
pub mod source;
mod strategy;
mod usage;

pub use frontier::{Cut, Frontier};
pub use heap::Heap;
pub use strategy::{INTACT, Strategy, keep_argument, visit_list};
