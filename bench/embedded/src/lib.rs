//! The allocator of a measured program, chosen by a feature, in a form that can be made anew.

#![no_std]

#[cfg(target_arch = "arm")]
use cortex_m as _;
#[cfg(target_arch = "riscv32")]
use riscv as _;

#[cfg_attr(
    any(
        feature = "bump",
        feature = "segregated",
        feature = "freelist",
        feature = "smallest",
        feature = "bounded"
    ),
    path = "ours.rs"
)]
mod chosen;
#[cfg(any(feature = "linked-list", feature = "rlsf-small", feature = "buddy", feature = "good-memory"))]
mod guarded;
pub mod machine;

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;

use chosen::Chosen;

/// An allocator over one region of memory.
trait Allocator: GlobalAlloc {
    const NEW: Self;

    /// # Safety
    ///
    /// It is new, and the region is its own.
    unsafe fn init(&self, start: *mut u8, len: usize);
}

/// The place of the allocator, which is no more than the allocator itself.
pub struct Slot(UnsafeCell<Chosen>);

// SAFETY: the programs have one context.
unsafe impl Sync for Slot {}

impl Slot {
    #[expect(clippy::new_without_default, reason = "it is for a static")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Chosen::NEW))
    }

    /// Gives the allocator its memory.
    ///
    /// # Safety
    ///
    /// The allocator is new, and nothing else uses that memory.
    pub unsafe fn init(&self, start: *mut u8, len: usize) {
        // SAFETY: the caller's promise; see `Sync`.
        unsafe { Allocator::init(&*self.0.get(), start, len) }
    }

    /// Makes the allocator anew.
    ///
    /// # Safety
    ///
    /// No block is live, and nothing else uses that memory.
    pub unsafe fn reset(&self, start: *mut u8, len: usize) {
        // SAFETY: as above. An allocator has nothing to drop but memory that is not its own.
        unsafe { self.0.get().write(Chosen::NEW) };
        // SAFETY: the caller's promise.
        unsafe { self.init(start, len) };
    }
}

// SAFETY: what the chosen allocator promises; see `Sync`.
unsafe impl GlobalAlloc for Slot {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { (*self.0.get()).alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { (*self.0.get()).dealloc(ptr, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { (*self.0.get()).realloc(ptr, layout, new_size) }
    }
}
