//! `BumpFreeListAllocator`: a bump pointer and one list of free blocks in no order.
//!
//! ```text
//!   first ─→ ┌ link, size ┬────┐      ┌ link, size ┬──────────┐
//!            └───┼────────┴────┘  ┌─→ └────────────┴──────────┘
//!                └────────────────┘        ↑
//!   rover ─────────────────────────────────┘  the next search starts behind this one
//! ```
//!
//! A free block goes to the front of the list. A request looks at a few blocks from the rover on,
//! takes the first that is long enough, and cuts what it needs from that block's tail, so that the
//! block stays in the list, only shorter. If none will do, the request is served from fresh
//! memory, and the next search goes on where this one stopped: every block gets its turn, and no request walks
//! a long list. Free blocks are never merged.

#![no_std]

use core::alloc::Layout;

use lite_alloc_core::address::{Region, round_up};
use lite_alloc_core::source::{DefaultSource, PageSource};
use lite_alloc_core::{Frontier, Heap, Strategy};

/// The allocator with the least code: a bump pointer, and free blocks in one unordered list.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | O(1): at most 8 free blocks are looked at |
/// | `dealloc` | O(1) |
/// | `realloc` | O(1) in place at the bump pointer or when shrinking; else O(size) |
///
/// Free blocks are split but never merged, so memory that was cut small stays cut small. For short-lived
/// work; a program that runs for long is better served by `FreeListAllocator`.
pub type BumpFreeListAllocator<S = DefaultSource> = Heap<BumpFreeList, S>;

/// How many free blocks a request looks at before it takes fresh memory.
const SEARCH: usize = 8;

/// The word of a free block that leads to the next one.
const LINK: usize = 0;
/// The word of a free block with its size in bytes.
const SIZE: usize = 1;

/// The algorithm of [`BumpFreeListAllocator`].
pub struct BumpFreeList {
    /// The first free block; 0 if there is none. The last one's link is 0.
    first: usize,
    /// A free block; 0 stands for the list's head. The next search looks at the block behind it.
    rover: usize,
    frontier: Frontier,
}

/// Puts a piece of memory at the front of the list; nothing happens if `size` is 0.
///
/// # Safety
///
/// The piece is free and in no list. `start` is a multiple of `GRANULE`, and the piece extends to the next such multiple past its end.
#[inline(never)]
unsafe fn push<S: PageSource>(first: &mut usize, source: &mut S, start: usize, size: usize) {
    let size = round_up(size);
    if size == 0 {
        return;
    }
    // SAFETY: a piece that is not empty is a granule, two words, at the least.
    unsafe {
        *source.word(start, LINK) = *first;
        *source.word(start, SIZE) = size;
    }
    *first = start;
}

impl BumpFreeList {
    /// Takes a block from the list. Returns 0 if none of those looked at will do.
    #[inline(always)]
    fn reuse<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize {
        // SAFETY: `rover` and what the links lead to are free blocks, so their first two words are the list's.
        unsafe {
            let mut link = match self.rover {
                0 => &raw mut self.first,
                rover => source.word(rover, LINK),
            };
            let mut tries = SEARCH;
            loop {
                let block = *link;
                if block == 0 {
                    self.rover = 0;
                    return 0;
                }
                // Blocks are at most `isize::MAX` long, so a block that is too short shows as a negative rest.
                let rest = (*source.word(block, SIZE)).wrapping_sub(size);
                let start = block.wrapping_add(rest);
                if rest as isize >= 0 && start & (align - 1) == 0 {
                    *source.word(block, SIZE) = rest;
                    if rest == 0 {
                        *link = *source.word(block, LINK);
                    }
                    return start;
                }
                link = source.word(block, LINK);
                tries -= 1;
                if tries == 0 {
                    self.rover = block;
                    return 0;
                }
            }
        }
    }
}

impl BumpFreeList {
    #[inline]
    fn fresh<S: PageSource>(&mut self, source: &mut S, from: usize, size: usize, align: usize) -> usize {
        let first = &mut self.first;
        self.frontier.cut(source, from, size, align, |source, start, size| {
            // SAFETY: the frontier has left that piece.
            unsafe { push(first, source, start, size) }
        })
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
    fn alloc<S: PageSource>(&mut self, source: &mut S, layout: Layout) -> usize {
        let (size, align) = (round_up(layout.size()), layout.align());
        let block = self.reuse(source, size, align);
        if block != 0 {
            return block;
        }
        self.fresh(source, self.frontier.top, size, align)
    }

    #[inline(always)]
    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout) {
        // SAFETY: a block is as long as its layout's size, rounded up.
        unsafe { push(&mut self.first, source, addr, layout.size()) };
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
            let last = addr + old == self.frontier.top;
            if new <= old {
                if last {
                    self.frontier.rewind(addr + new);
                } else {
                    push(&mut self.first, source, addr + new, old - new);
                }
                return addr;
            }
            let moved = if last {
                self.fresh(source, addr, new, layout.align())
            } else {
                self.alloc(source, Layout::from_size_align_unchecked(new_size, layout.align()))
            };
            if moved != 0 && moved != addr {
                source.at(addr).copy_to_nonoverlapping(source.at(moved), layout.size());
                push(&mut self.first, source, addr, old);
            }
            moved
        }
    }

    fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
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
