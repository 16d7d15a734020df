//! `BumpFreeListAllocator`: a bump pointer and one list of free blocks in no order.
//!
//! ```text
//!   first ─→ ┌ link, size ┬────┐      ┌ link, size ┬──────────┐
//!            └───┼────────┴────┘  ┌─→ └────────────┴──────────┘
//!                └────────────────┘        ↑
//!   rover ─────────────────────────────────┘  the next search starts behind this one
//! ```
//!
//! A free block goes to the front of the list. A request looks at a few blocks from the rover on and takes the one that
//! fits best. It is cut from the tail, so that what is left stays in the list, only shorter. If none will do, the request is
//! served from fresh memory, and only then the rover moves on, past the blocks that were no use: every block gets its
//! turn, and no request walks a long list. Only when there is no fresh memory left, the whole list is searched.

#![no_std]

use core::alloc::Layout;

use lite_alloc_core::address::{Region, mask_of, round_up};
use lite_alloc_core::source::{DefaultSource, PageSource};
use lite_alloc_core::{Frontier, Heap, Strategy};

/// The allocator with the least code: a bump pointer, and free blocks in one unordered list.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | O(1): at most 8 free blocks are looked at; O(free blocks) when memory is exhausted |
/// | `dealloc` | O(1) |
/// | `realloc` | O(1) in place at the bump pointer or when shrinking; else O(size) |
///
/// While there is fresh memory, the worst `alloc` that was measured on a Cortex-M4 takes 151 instructions, the worst `dealloc` 18
/// (`cargo xtask bench --only embedded`). When there is none, each free block costs about 10 more.
///
/// Free blocks are split but never merged, so memory that was cut small stays cut small. For short-lived
/// work; a program that runs for long is better served by `FreeListAllocator`.
pub type BumpFreeListAllocator<S = DefaultSource> = Heap<BumpFreeList, S>;

/// How many free blocks a request looks at before it takes fresh memory.
const SEARCH: usize = 8;

/// More than is left of any free block: blocks are at most `isize::MAX` bytes long.
const ANY: usize = isize::MAX as usize + 1;

/// While there is fresh memory, blocks of this many bytes and more are not cut for requests of less than half their
/// size: nothing would ever put them together again.
const LARGE: usize = 64 * 1024;

/// The word of a free block that leads to the next one.
const LINK: usize = 0;
/// The word of a free block with its size in bytes.
const SIZE: usize = 1;

/// The algorithm of [`BumpFreeListAllocator`].
pub struct BumpFreeList {
    /// The first free block; 0 if there is none. The last one's link is 0.
    first: usize,
    /// A free block; 0 stands for the list's head. The next search looks at the block behind it. Searches take only blocks behind it,
    /// and when they come to the end, it is the head again, so it stays free.
    rover: usize,
    frontier: Frontier,
}

impl BumpFreeList {
    /// Puts a piece of memory at the front of the list; nothing happens if `size` is 0.
    ///
    /// # Safety
    ///
    /// The piece is free and in no list. `start` is a multiple of `GRANULE`, and the piece extends to the next such multiple past its end.
    #[inline(never)]
    unsafe fn push<S: PageSource>(&mut self, source: &mut S, start: usize, size: usize) {
        let size = round_up(size);
        if size == 0 {
            return;
        }
        // SAFETY: a piece that is not empty is a granule, two words, at the least.
        unsafe {
            *source.word(start, LINK) = self.first;
            *source.word(start, SIZE) = size;
        }
        self.first = start;
    }

    /// Cuts a block from that of the `tries` free blocks from the rover on which it fits best, and which it leaves less
    /// than `most` bytes of.
    #[inline(always)]
    fn reuse<S: PageSource>(
        &mut self,
        source: &mut S,
        size: usize,
        mask: usize,
        most: usize,
        mut tries: usize,
    ) -> Option<usize> {
        // SAFETY: `rover` and what the links lead to are free blocks, so their first two words are the list's.
        unsafe {
            let rover = self.rover;
            let mut link = if rover == 0 { &raw mut self.first } else { source.word(rover, LINK) };
            let mut best = core::ptr::null_mut();
            let mut least = most;
            let mut block;
            loop {
                block = *link;
                if block == 0 {
                    break;
                }
                // If the block is too short, this wraps and is more than any block has.
                let rest = (*source.word(block, SIZE)).wrapping_sub(size);
                if rest < least && (block + rest) & mask == 0 {
                    (best, least) = (link, rest);
                }
                link = source.word(block, LINK);
                tries -= 1;
                if tries == 0 {
                    break;
                }
            }
            if best.is_null() {
                // The blocks up to here are looked at again when all others have been.
                self.rover = block;
                return None;
            }
            let block = *best;
            *source.word(block, SIZE) = least;
            if least == 0 {
                *best = *source.word(block, LINK);
            }
            Some(block + least)
        }
    }

    #[inline]
    fn fresh<S: PageSource>(&mut self, source: &mut S, from: usize, size: usize, mask: usize) -> usize {
        let Some(cut) = self.frontier.cut(source, from, size, mask) else { return 0 };
        // SAFETY: the frontier has left these pieces.
        unsafe {
            self.push(source, cut.rest.0, cut.rest.1);
            self.push(source, cut.pad.0, cut.pad.1);
        }
        cut.block
    }
}

// SAFETY: blocks are cut from the frontier, or from free blocks, which are disjoint pieces that were
// once cut from it; an address that is returned has left the list or the frontier.
unsafe impl Strategy for BumpFreeList {
    const EMPTY: Self = Self { first: 0, rover: 0, frontier: Frontier::EMPTY };

    #[inline(always)]
    fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    #[inline(never)]
    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, layout: Layout) -> usize {
        let (size, mask) = (round_up(layout.size()), mask_of(layout.align()));
        let (mut most, mut tries) = (size.max(LARGE), SEARCH);
        loop {
            if let Some(block) = self.reuse(source, size, mask, most, tries) {
                return block;
            }
            let block = self.fresh(source, self.frontier.top, size, mask);
            // In this form, that `most` is `ANY` takes the least code to tell.
            if block != 0 || (most as isize) < 0 {
                return block;
            }
            // The source has no more: any free block is welcome now, wherever it is.
            (most, tries) = (ANY, usize::MAX);
            self.rover = 0;
        }
    }

    #[inline(always)]
    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout) {
        // SAFETY: a block is as long as its layout's size, rounded up.
        unsafe { self.push(source, addr, layout.size()) };
    }

    #[inline(never)]
    unsafe fn realloc<S: PageSource>(
        &mut self,
        source: &mut S,
        addr: usize,
        layout: Layout,
        new_size: usize,
    ) -> usize {
        let (old, new) = (round_up(layout.size()), round_up(new_size));
        // SAFETY: the tail that a shorter block leaves is free; the rest is the caller's promise.
        unsafe {
            let mut moved = 0;
            if self.frontier.reopen::<S>(addr + old) {
                moved = self.fresh(source, addr, new, mask_of(layout.align()));
            } else if new <= old {
                self.push(source, addr + new, old - new);
                return addr;
            }
            if moved == 0 {
                moved = self.alloc(source, Layout::from_size_align_unchecked(new_size, layout.align()));
            }
            if moved != 0 && moved != addr {
                source.at(addr).copy_to_nonoverlapping(source.at(moved), layout.size());
                self.push(source, addr, old);
            }
            moved
        }
    }

    unsafe fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        visit(self.frontier.rest());
        let mut block = self.first;
        while block != 0 {
            // SAFETY: the first two words of a free block are the list's.
            unsafe {
                visit(Region { start: block, end: block + *source.word(block, SIZE) });
                block = *source.word(block, LINK);
            }
        }
    }
}
