//! The allocators of this repository, over a region that is claimed.

#[cfg(feature = "bump")]
pub type Chosen = lite_alloc_bump::BumpFreeListAllocator;
#[cfg(feature = "freelist")]
pub type Chosen = lite_alloc_freelist::FreeListAllocator;
#[cfg(feature = "smallest")]
pub type Chosen = lite_alloc_freelist::SmallestFreeListAllocator;
#[cfg(feature = "bounded")]
pub type Chosen = lite_alloc_freelist::BoundedFreeListAllocator;
#[cfg(feature = "segregated")]
pub type Chosen = lite_alloc_segregated::SegregatedBumpAllocator;

impl crate::Allocator for Chosen {
    const NEW: Self = Self::new();

    unsafe fn init(&self, start: *mut u8, len: usize) {
        // SAFETY: the caller's promise, and the program has one context.
        let _ = unsafe { self.claim(start, len) };
    }
}
