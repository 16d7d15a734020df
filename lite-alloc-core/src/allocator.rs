//! Collections in a heap of their own: `Allocator` of the crate `allocator-api2`, which `hashbrown` and others take.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use allocator_api2::alloc::{AllocError, Allocator};

use crate::heap::Heap;
use crate::source::PageSource;
use crate::strategy::Strategy;

/// As a slice, what `alloc` returns for a layout of size 0 to be had from nowhere, and for any other if it is asked.
fn block(layout: Layout, alloc: impl FnOnce() -> *mut u8) -> Result<NonNull<[u8]>, AllocError> {
    let start = if layout.size() == 0 { ptr::without_provenance_mut(layout.align()) } else { alloc() };
    let start = NonNull::new(start).ok_or(AllocError)?;
    Ok(NonNull::slice_from_raw_parts(start, layout.size()))
}

/// Resizes in place where [`Heap`] would; moves if the alignment changes, too.
///
/// # Safety
///
/// As for [`Allocator::grow`] or [`Allocator::shrink`].
unsafe fn resize<A: Strategy, S: PageSource>(
    heap: &Heap<A, S>,
    start: NonNull<u8>,
    old: Layout,
    new: Layout,
) -> Result<NonNull<[u8]>, AllocError> {
    // SAFETY: the block is live, and has the layout `old`; `moved` is another, and at least as long as what is copied.
    unsafe {
        if old.align() == new.align() && old.size() != 0 && new.size() != 0 {
            return block(new, || heap.realloc(start.as_ptr(), old, new.size()));
        }
        let moved = heap.allocate(new)?;
        moved.cast().copy_from_nonoverlapping(start, old.size().min(new.size()));
        heap.deallocate(start, old);
        Ok(moved)
    }
}

// SAFETY: blocks are valid until they are freed, for their memory is never given back, or is borrowed for longer than the heap
// lives, which all copies of a reference borrow. Copies of a reference are the same heap.
unsafe impl<A: Strategy, S: PageSource> Allocator for &Heap<A, S> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: called only if the size is not 0.
        block(layout, || unsafe { self.alloc(layout) })
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: called only if the size is not 0.
        block(layout, || unsafe { self.alloc_zeroed(layout) })
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc(start.as_ptr(), layout) };
        }
    }

    unsafe fn grow(&self, start: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { resize(self, start, old, new) }
    }

    unsafe fn grow_zeroed(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise; the block has `new.size()` bytes, no fewer than the old one.
        unsafe {
            let grown = resize(self, start, old, new)?;
            grown.cast::<u8>().add(old.size()).write_bytes(0, new.size() - old.size());
            Ok(grown)
        }
    }

    unsafe fn shrink(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { resize(self, start, old, new) }
    }
}
