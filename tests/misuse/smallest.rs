//! Misuse of `SmallestFreeListAllocator`.

#[macro_use]
mod cases;

misuse!(SmallestFreeListAllocator, by_address: true);
