//! Misuse of `FreeListAllocator`.

#[macro_use]
mod cases;

misuse!(FreeListAllocator, addresses: true);
