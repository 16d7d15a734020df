//! What a strategy is: an algorithm that knows where its free blocks are.

use core::alloc::Layout;
use core::hint::assert_unchecked;

use crate::address::Region;
use crate::source::PageSource;

/// Whether free blocks certainly hold what their strategy has written there, so that it may tell LLVM what it knows of that. With the feature
/// `hardened`, it may not: that is there to find what a program writes to memory it has freed, which the strategy then reads.
pub const INTACT: bool = cfg!(not(feature = "hardened"));

/// Keeps the alignment an argument of a function that frees, though that has no use for it.
///
/// LLVM drops what is not used before it inlines, and a call with fewer arguments is cheaper, so it then copies more of the code around it:
/// in a program of 0.9 MB at opt-level 3, which frees in 2500 places, 10 KB. It costs an instruction for each call, and `wasm-opt` drops
/// the argument in the end. On other targets, nothing happens.
///
/// # Safety
///
/// It is an alignment: a power of two.
#[inline(always)]
pub unsafe fn keep_argument(align: usize) {
    if cfg!(target_family = "wasm") {
        // SAFETY: the caller's promise.
        unsafe { assert_unchecked(align.is_power_of_two()) }
    }
}

/// An allocation algorithm: the structure of its free blocks, and what it does with them.
///
/// A strategy works on `&mut self`, for one heap, over any source. Being one context's alone and being
/// a `GlobalAlloc` is the business of the [`Heap`](crate::Heap) around it. It deals in addresses,
/// with 0 for "none", and touches memory only through [`PageSource::at`] of the source, which is the
/// same in every call for one heap.
///
/// # Safety
///
/// `alloc` and `realloc` return 0, or the address of a block that is as long and as aligned as was asked,
/// lies in regions of the source, and overlaps no live block. When they return 0, whatever was
/// allocated, free, or to be had before still is. In a block that lies in memory which the source gave during the call, zeroed, `alloc` has written
/// to nothing but the first two words.
pub unsafe trait Strategy: Sized {
    /// No free blocks and no memory. All-zero, so that a heap in a `static` takes no space in the binary.
    const EMPTY: Self;

    /// Finds a block of `size` bytes at a multiple of `align`. In this order, as the compiler's own functions have them, nothing has to be
    /// moved on the way here.
    ///
    /// # Safety
    ///
    /// They make a valid layout, the size is not 0, and `source` is the one of all calls before.
    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize;

    /// Frees the block at `addr`.
    ///
    /// # Safety
    ///
    /// It is a live block of this heap, of that layout, and `source` is the one of all calls before.
    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout);

    /// Resizes the block at `addr`, in place if possible, and keeps its contents up to the lesser size.
    ///
    /// # Safety
    ///
    /// It is a live block of this heap, of that layout, and `source` is the one of all calls before. `new_size` is not 0
    /// and makes a valid layout with the alignment of `layout`.
    unsafe fn realloc<S: PageSource>(
        &mut self,
        source: &mut S,
        addr: usize,
        layout: Layout,
        new_size: usize,
    ) -> usize;

    /// Calls `visit` with every free piece of memory that the heap could still use, in no particular order. O(number of pieces).
    ///
    /// # Safety
    ///
    /// `source` is the one of all calls before.
    unsafe fn visit_free<S: PageSource>(&self, source: &S, visit: impl FnMut(Region));
}

/// Calls `visit` with the address of every block of a list of free blocks, whose first words lead on to the next one.
///
/// With the feature `hardened`, a program may have made a circle of it: then a block that is kept in mind for ever longer comes again (R. Brent,
/// An improved Monte Carlo factorization algorithm, 1980).
///
/// # Safety
///
/// `block` is a free block or 0, and so is whatever the links lead to.
pub unsafe fn visit_list<S: PageSource>(source: &S, mut block: usize, mut visit: impl FnMut(usize)) {
    let (mut mark, mut steps, mut limit) = (0, 0usize, 1);
    while block != 0 {
        if !INTACT {
            if block == mark {
                return source.damaged(block);
            }
            steps += 1;
            if steps == limit {
                (mark, limit) = (block, 2 * limit);
            }
        }
        visit(block);
        // SAFETY: the caller's promise.
        block = unsafe { *source.word(block, 0) };
    }
}
