//! A program on `LargeHeapFreeListAllocator` as the global allocator.

#[macro_use]
mod common;

program!(LargeHeapFreeListAllocator);
