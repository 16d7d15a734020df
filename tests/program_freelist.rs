//! A program on `FreeListAllocator` as the global allocator.

#[macro_use]
mod common;

program!(FreeListAllocator);
