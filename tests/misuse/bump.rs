//! Misuse of `BumpFreeListAllocator`.

#[macro_use]
mod cases;

misuse!(BumpFreeListAllocator, by_address: true);
