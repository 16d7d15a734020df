//! No allocator at all: the host would have to bring one.
//!
//! A module with this one is what the others' sizes are compared with: it has all the calls of an
//! allocator, and none of its code.

use core::alloc::{GlobalAlloc, Layout};

#[link(wasm_import_module = "allocator")]
unsafe extern "C" {
    fn alloc(size: usize, align: usize) -> *mut u8;
    fn alloc_zeroed(size: usize, align: usize) -> *mut u8;
    fn dealloc(ptr: *mut u8, size: usize, align: usize);
    fn realloc(ptr: *mut u8, size: usize, align: usize, new_size: usize) -> *mut u8;
}

pub struct Imported;

// SAFETY: the functions of the host are asked to be what `GlobalAlloc` asks for. They are only ever counted.
unsafe impl GlobalAlloc for Imported {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { alloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { alloc_zeroed(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(ptr, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { realloc(ptr, layout.size(), layout.align(), new_size) }
    }
}
