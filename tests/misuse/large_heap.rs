//! Misuse of `LargeHeapFreeListAllocator`.

#[macro_use]
mod cases;

misuse!(LargeHeapFreeListAllocator, by_address: true);
