//! The least code that keeps the promise of this crate: one list of free blocks, in the order of their addresses.
//!
//! ```text
//!   head ─→ ┌ link, size ┬────┐ live ┌ link, size ┬──────────┐ live, live ┌ link, size ┬──┐
//!           └───┼────────┴────┘      └───┼────────┴──────────┘            └────────────┴──┘
//!               └────────────────────→   └──────────────────────────────→
//!                                        ↑
//!   rover ───────────────────────────────┘  a free block near the last place of interest
//! ```
//!
//! A request is served by the first block that it fits in, from its front: that keeps what is live at the bottom of memory. A block
//! that is freed is put where it belongs, and merged with what it touches. Both walk the list. Programs mostly free
//! blocks in the order in which they got them, so a release starts from the rover if that lies below.

use core::alloc::Layout;

use lite_alloc_core::address::{Region, mask_of, padding, round_up};
use lite_alloc_core::source::{DefaultSource, PageSource, Request};
use lite_alloc_core::{Heap, INTACT, Strategy, keep_argument};

use crate::{LINK, SIZE, lengthen, size_of_free, visit_blocks};

/// The trade for the least code: what [`FreeListAllocator`](crate::FreeListAllocator) promises, with a list instead of bins.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | O(free blocks) |
/// | `dealloc` | O(free blocks); O(1) where the free block below was the last that was touched |
/// | `realloc` | in place when shrinking; else as `alloc` and `dealloc`, and O(size) |
///
/// It takes about half the code, as little memory, and 12 bytes of state on 32-bit targets. For heaps with a few hundred free blocks at most: with
/// many thousands it is no use.
pub type SmallestFreeListAllocator<S = DefaultSource> = Heap<Smallest, S>;

/// The algorithm of [`SmallestFreeListAllocator`].
pub struct Smallest {
    /// Looks like a free block of size 0: the link to the lowest free block, and 0. Each free block is linked to the next higher one,
    /// the last one to 0. No two touch.
    head: [usize; 2],
    /// A free block, or 0.
    rover: usize,
}

impl Smallest {
    /// Puts a piece of memory into the list, merged with the free blocks that it touches; nothing happens if `size` is 0.
    ///
    /// # Safety
    ///
    /// The piece is free and in no list. `start` is a multiple of `GRANULE`, and the piece extends to the next such multiple past its
    /// end. `align` is an alignment.
    #[inline(never)]
    unsafe fn release<S: PageSource>(&mut self, source: &mut S, mut start: usize, size: usize, align: usize) {
        // SAFETY: the caller's promise.
        unsafe { keep_argument(align) };
        let mut size = round_up(size);
        if size == 0 {
            return;
        }
        // SAFETY: `prev` is the head, or leads to a free block; the first two words of a free block are the list's, and the piece is a
        // granule, two words, at the least.
        unsafe {
            let mut prev = (&raw mut self.head).cast::<usize>();
            let rover = self.rover;
            // Less one, 0 is more than any address, here and at the end of the list.
            if rover.wrapping_sub(1) < start {
                prev = source.word(rover, LINK);
            }
            let mut next;
            let mut last = 0;
            loop {
                next = *prev;
                if next.wrapping_sub(1) >= start || !rises(source, last, next) {
                    break;
                }
                (last, prev) = (next, source.word(next, LINK));
            }
            if start + size == next {
                size += size_of_free(source, next);
                next = *source.word(next, LINK);
            }
            // The head touches nothing: it does not lie in the heap's memory.
            let room = *prev.add(SIZE);
            if prev.addr().wrapping_add(room) == start {
                size += room;
                start = prev.addr();
            } else {
                *prev = start;
            }
            *source.word(start, LINK) = next;
            *source.word(start, SIZE) = size;
            self.rover = start;
        }
    }
}

/// Whether the list goes on to a higher block. If not, a program has written to memory it has freed, and it may lead round in a circle.
#[inline(always)]
fn rises<S: PageSource>(source: &S, last: usize, next: usize) -> bool {
    let rises = INTACT || next > last;
    if !rises {
        source.damaged(next);
    }
    rises
}

// SAFETY: a block is the front of a free block, less what its alignment skips, and leaves the list; what is left of that stays.
unsafe impl Strategy for Smallest {
    const EMPTY: Self = Self { head: [0; 2], rover: 0 };

    #[inline(never)]
    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize {
        let (size, mask) = (round_up(size), mask_of(align));
        let mut grown = false;
        // SAFETY: `prev` is the head, or leads to the free block `last`; the first two words of a free block are the list's.
        unsafe {
            'search: loop {
                let (mut last, mut prev) = (0usize, (&raw mut self.head).cast::<usize>());
                loop {
                    let block = *prev;
                    if block == 0 {
                        // What was just fetched would do. A hardened source shows no free block any more once memory was found damaged.
                        if !INTACT && grown {
                            return 0;
                        }
                        // The last free block may be made longer.
                        let mut end = last.wrapping_add(*prev.add(SIZE));
                        // As in `PageSource::fetch`, but to call one loop for both takes 27 bytes more of wasm.
                        loop {
                            let missing = (padding(last, mask) + size).wrapping_sub(end.wrapping_sub(last));
                            let Some(region) = source.grow(Request { end, missing, ahead: 0, size, mask })
                            else {
                                return 0;
                            };
                            if !region.is_empty() {
                                self.release(source, region.start, region.len(), align);
                                grown =
                                    region.start == end || padding(region.start, mask) + size <= region.len();
                                continue 'search;
                            }
                            // Nothing yet, at an end that can be named now.
                            last = region.end;
                            end = last;
                        }
                    }
                    if !rises(source, last, block) {
                        return 0;
                    }
                    let this = source.word(block, LINK);
                    let room = *this.add(SIZE);
                    let pad = padding(block, mask);
                    let need = pad + size;
                    if need <= room {
                        self.rover = last;
                        let mut next = *this;
                        let rest = room - need;
                        if rest != 0 {
                            let tail = block + need;
                            *source.word(tail, LINK) = next;
                            *source.word(tail, SIZE) = rest;
                            next = tail;
                        }
                        // What the alignment skips stays where it is in the list.
                        *this.add(SIZE) = pad;
                        *(if pad == 0 { prev } else { this }) = next;
                        return block + pad;
                    }
                    (last, prev) = (block, this);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout) {
        // SAFETY: a block is as long as its layout's size, rounded up.
        unsafe { self.release(source, addr, layout.size(), layout.align()) };
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
                self.release(source, addr + new, old - new, layout.align());
                return addr;
            }
            lengthen(self, source, addr, layout, new_size)
        }
    }

    unsafe fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        // SAFETY: a list of free blocks.
        unsafe { visit_blocks(source, self.head[LINK], &mut visit) };
    }
}
