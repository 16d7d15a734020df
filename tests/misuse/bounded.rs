//! Misuse of `BoundedFreeListAllocator`.

#[macro_use]
mod cases;

misuse!(BoundedFreeListAllocator, addresses: false);
