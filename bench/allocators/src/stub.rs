//! Next to nothing of an allocator, in a module that must not notice.
//!
//! With `null`, the compiler sees that no program can run and removes it. Here it can't see what `alloc`
//! returns, so the module keeps all that it does with its blocks.

use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use core::ptr::null_mut;

pub struct Stub;

// SAFETY: null is always a valid answer, and there is no block to free.
unsafe impl GlobalAlloc for Stub {
    #[inline(never)]
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        black_box(null_mut())
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    #[inline(never)]
    unsafe fn realloc(&self, ptr: *mut u8, _: Layout, _: usize) -> *mut u8 {
        black_box(ptr)
    }
}
