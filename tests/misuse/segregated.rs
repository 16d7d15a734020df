//! Misuse of `SegregatedBumpAllocator`.

#[macro_use]
mod cases;

misuse!(SegregatedBumpAllocator, addresses: true);
