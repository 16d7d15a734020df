//! std's default, with counters of the bytes that are live and of the most that ever were.

extern crate std;

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::alloc::System;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The most bytes that were ever live at once, as the program asked for them.
#[unsafe(no_mangle)]
pub extern "C" fn peak_live() -> usize {
    PEAK.load(Relaxed)
}

pub struct Counting;

fn count(more: usize, less: usize) {
    let live = LIVE.load(Relaxed) + more - less;
    LIVE.store(live, Relaxed);
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: what std's default does.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count(new_size, layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}
