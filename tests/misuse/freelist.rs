//! Misuse of `FreeListAllocator`.

#[macro_use]
mod cases;

misuse!(FreeListAllocator, by_address: true);
