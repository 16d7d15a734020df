//! A program on `BoundedFreeListAllocator` as the global allocator.

#[macro_use]
mod common;

program!(BoundedFreeListAllocator);
