//! An allocator that never has memory: what the sizes of modules that only export it are compared with.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;

pub struct Null;

// SAFETY: null is always a valid answer, and there is no block to free.
unsafe impl GlobalAlloc for Null {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, _: *mut u8, _: Layout, _: usize) -> *mut u8 {
        null_mut()
    }
}
