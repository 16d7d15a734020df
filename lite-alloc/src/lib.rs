//! Allocators.
#![no_std]

/// The three strategies.
pub mod single_threaded {
    pub use lite_alloc_bump::BumpFreeListAllocator;
    pub use lite_alloc_freelist::FreeListAllocator;
    pub use lite_alloc_segregated::SegregatedBumpAllocator;
}
pub use lite_alloc_core::{Frontier, Heap, Strategy, source};
