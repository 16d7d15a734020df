//! A program on `SegregatedBumpAllocator` as the global allocator.

#[macro_use]
mod common;

program!(SegregatedBumpAllocator);
