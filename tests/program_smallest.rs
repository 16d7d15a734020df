//! A program on `SmallestFreeListAllocator` as the global allocator.

#[macro_use]
mod common;

program!(SmallestFreeListAllocator);
