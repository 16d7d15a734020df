//! Misuse of `SegregatedBumpAllocator`.

#[macro_use]
mod cases;

misuse!(SegregatedBumpAllocator, by_address: true);
