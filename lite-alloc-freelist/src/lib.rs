//! `FreeListAllocator`: free blocks in bins by size, merged with their neighbours before memory grows.
//!
//! The paths that run often are short; the work that keeps memory small is put off until memory would have
//! to grow, and then done for all blocks at once:
//!
//! ```text
//!   alloc ─→ the bin of that size ─→ the frontier ─→ a larger bin ─→ sweep ─→ the source
//!              pop                    bump            becomes the      sort and    grow
//!                                                     frontier         merge
//!   dealloc ─→ push
//! ```
//!
//! Programs mostly ask again for the sizes they have just released, so most blocks go
//! back and forth between the program and a bin, at the cost of a push and a pop, and the block that was used
//! last, which is still in the cache, is used next. What this leaves scattered, [`sweep`](FreeList::sweep) puts together.

#![no_std]

mod class;
mod sweep;

use core::alloc::Layout;

use lite_alloc_core::address::{GRANULE, Region, padding, round_up};
use lite_alloc_core::source::{DefaultSource, PageSource, Request};
use lite_alloc_core::{Frontier, Heap, Strategy, move_block};

use class::{CLASSES, class_of};

/// The general-purpose allocator, for programs that run for long.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | O(1) from the bin or the frontier; O(free blocks) when memory would grow otherwise |
/// | `dealloc` | O(1) |
/// | `realloc` | O(1) in place at the frontier or when shrinking; else as `alloc`, and O(size) |
///
/// Memory grows only when no free block, merged with its free neighbours, is large enough.
pub type FreeListAllocator<S = DefaultSource> = Heap<FreeList, S>;

/// The word of a free block that leads to the next one.
const LINK: usize = 0;
/// The word of a free block with its size in bytes.
const SIZE: usize = 1;

/// How many blocks of a bin are looked at while there are other ways to serve a request.
const WALK: usize = 16;

/// The algorithm of [`FreeListAllocator`].
pub struct FreeList {
    /// For each class of sizes, the first free block; 0 if there is none. The last one's link is 0.
    bins: [usize; CLASSES],
    frontier: Frontier,
    /// No block that was cut from the frontier's region or a later one reaches past the higher of this and `top`.
    clean: usize,
}

impl FreeList {
    /// Puts a piece of memory into its bin; nothing happens if `size` is 0.
    ///
    /// # Safety
    ///
    /// The piece is free and in no bin. `start` is a multiple of `GRANULE`, and the piece extends to the next such
    /// multiple past its end.
    #[inline(never)]
    unsafe fn push<S: PageSource>(&mut self, source: &mut S, start: usize, size: usize) {
        let size = round_up(size);
        if size == 0 {
            return;
        }
        // SAFETY: `class_of` is below `CLASSES`; a piece that is not empty is a granule, two words, at the least.
        unsafe {
            let bin = self.bins.as_mut_ptr().add(class_of(size));
            *source.word(start, LINK) = *bin;
            *source.word(start, SIZE) = size;
            *bin = start;
        }
    }

    /// Goes on cutting blocks from `region`, memory that has been used before.
    #[inline(always)]
    fn switch(&mut self, region: Region) {
        self.frontier = Frontier { top: region.start, end: region.end };
        self.clean = region.end;
    }

    /// Takes a free block of at least `size` bytes out of its bin. Returns an empty region if there is none.
    ///
    /// A bin holds blocks of similar size, some of which may be too short: of each bin, `walk` blocks are looked at.
    #[inline(always)]
    fn find<S: PageSource>(&mut self, source: &mut S, size: usize, walk: usize) -> Region {
        // SAFETY: `class_of` is below `CLASSES`; `link` is a bin or the first word of a free block.
        unsafe {
            let mut bin = self.bins.as_mut_ptr().add(class_of(size));
            let end = self.bins.as_mut_ptr().add(CLASSES);
            while bin != end {
                let mut link = bin;
                let mut left = walk;
                while *link != 0 && left != 0 {
                    let start = *link;
                    let room = *source.word(start, SIZE);
                    if size <= room {
                        *link = *source.word(start, LINK);
                        return Region { start, end: start + room };
                    }
                    link = source.word(start, LINK);
                    left -= 1;
                }
                bin = bin.add(1);
            }
        }
        Region { start: 0, end: 0 }
    }
}

// SAFETY: blocks are cut from the frontier or taken from a bin; bins hold disjoint pieces that the frontier or a
// block once was, and merged pieces that touch.
unsafe impl Strategy for FreeList {
    const EMPTY: Self = Self { bins: [0; CLASSES], frontier: Frontier::EMPTY, clean: 0 };

    #[inline(always)]
    fn top(&self) -> usize {
        self.frontier.top
    }

    #[inline(always)]
    fn clean(&self) -> usize {
        self.clean
    }

    #[inline(never)]
    fn alloc<S: PageSource>(&mut self, source: &mut S, layout: Layout) -> usize {
        let (size, align) = (round_up(layout.size()), layout.align());
        // SAFETY: `class_of` is below `CLASSES`, and the first two words of a free block are the bin's.
        unsafe {
            let bin = self.bins.as_mut_ptr().add(class_of(size));
            let block = *bin;
            if block != 0 && *source.word(block, SIZE) == size && block & (align - 1) == 0 {
                *bin = *source.word(block, LINK);
                return block;
            }
        }
        let mut walk = WALK;
        let mut spare = 0;
        loop {
            let Region { start: top, end } = self.frontier.rest();
            let pad = padding(top, align);
            let need = pad + size;
            let room = end - top;
            if need <= room {
                self.frontier.top = top + need;
                // SAFETY: the frontier has left what the alignment skips.
                unsafe { self.push(source, top, pad) };
                return top + pad;
            }
            let found = self.find(source, size + ((align - 1) & !(GRANULE - 1)), walk);
            if found.start != 0 {
                self.switch(found);
                // SAFETY: the frontier has left its old region.
                unsafe { self.push(source, top, room) };
            } else if walk == WALK {
                spare = self.sweep(source) * GRANULE;
                walk = usize::MAX;
            } else {
                let missing = (need - room).saturating_add(spare);
                match source.grow(Request { end, missing, size, align }) {
                    Some(region) => {
                        if region.start != end {
                            self.frontier.top = region.start;
                            // SAFETY: the frontier has left its old region.
                            unsafe { self.push(source, top, room) };
                        }
                        self.frontier.end = region.end;
                    }
                    None if spare == 0 => return 0,
                    None => spare = 0,
                }
            }
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
            if new <= old {
                self.push(source, addr + new, old - new);
                return addr;
            }
            if addr + old == self.frontier.top && self.frontier.lengthen(source, new - old) {
                return addr;
            }
            move_block(self, source, addr, layout, new_size)
        }
    }

    fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        visit(self.frontier.rest());
        for &first in &self.bins {
            let mut block = first;
            while block != 0 {
                // SAFETY: the first two words of a free block are the bin's.
                unsafe {
                    visit(Region { start: block, end: block + *source.word(block, SIZE) });
                    block = *source.word(block, LINK);
                }
            }
        }
    }
}
