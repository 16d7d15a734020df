//! Misuse of `BoundedFreeListAllocator`.

#[macro_use]
mod cases;

misuse!(BoundedFreeListAllocator, by_address: false);
