//! A critical section around each call of an allocator that brings no lock of its own, as embedded-alloc does it.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;

/// An allocator that one context may use.
pub trait Bare {
    const NEW: Self;

    /// # Safety
    ///
    /// It is new, and the region is its own.
    unsafe fn init(&mut self, start: *mut u8, len: usize);

    fn alloc(&mut self, layout: Layout) -> *mut u8;

    /// # Safety
    ///
    /// It is a live block of that layout.
    unsafe fn dealloc(&mut self, ptr: *mut u8, layout: Layout);

    /// Resizes a block, if the allocator knows a better way than to allocate, copy and free.
    ///
    /// # Safety
    ///
    /// It is a live block of that layout; the new size makes a layout.
    unsafe fn realloc(&mut self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe {
            let moved = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(ptr, layout.size().min(new_size));
                self.dealloc(ptr, layout);
            }
            moved
        }
    }
}

pub struct Guarded<T>(UnsafeCell<T>);

impl<T: Bare> Guarded<T> {
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: nothing else runs in a critical section.
        critical_section::with(|_| work(unsafe { &mut *self.0.get() }))
    }
}

impl<T: Bare> crate::Allocator for Guarded<T> {
    const NEW: Self = Self(UnsafeCell::new(T::NEW));

    unsafe fn init(&self, start: *mut u8, len: usize) {
        // SAFETY: the caller's promise.
        self.with(|bare| unsafe { bare.init(start, len) })
    }
}

// SAFETY: what the allocator promises, one call at a time.
unsafe impl<T: Bare> GlobalAlloc for Guarded<T> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.with(|bare| bare.alloc(layout))
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        self.with(|bare| unsafe { bare.dealloc(ptr, layout) })
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        self.with(|bare| unsafe { bare.realloc(ptr, layout, new_size) })
    }
}
