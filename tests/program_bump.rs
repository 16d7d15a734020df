//! A program on `BumpFreeListAllocator` as the global allocator.

#[macro_use]
mod common;

program!(BumpFreeListAllocator);
