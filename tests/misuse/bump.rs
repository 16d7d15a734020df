//! Misuse of `BumpFreeListAllocator`.

#[macro_use]
mod cases;

misuse!(BumpFreeListAllocator, addresses: true);
