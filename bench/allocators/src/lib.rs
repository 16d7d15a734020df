//! The global allocator of a measured module, chosen by a feature.
#![no_std]

#[cfg(feature = "bump")]
#[global_allocator]
static ALLOCATOR: lite_alloc_bump::BumpFreeListAllocator = lite_alloc_bump::BumpFreeListAllocator::new();

#[cfg(feature = "segregated")]
#[global_allocator]
static ALLOCATOR: lite_alloc_segregated::SegregatedBumpAllocator =
    lite_alloc_segregated::SegregatedBumpAllocator::new();

#[cfg(feature = "freelist")]
#[global_allocator]
static ALLOCATOR: lite_alloc_freelist::FreeListAllocator = lite_alloc_freelist::FreeListAllocator::new();

#[cfg(feature = "imported")]
mod imported;
