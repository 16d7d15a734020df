//! `SegregatedBumpAllocator`: four bins of small blocks, and a bump pointer.
//!
//! ```text
//!   bins    16 ─→ ┌ link ┬──┐ ─→ ┌ link ┬──┐
//!           32    └──────┴──┘    └──────┴──┘
//!           64 ─→ ┌ link ┬──────────────────────┐
//!          128    └──────┴──────────────────────┘
//! ```
//!
//! A request of up to 128 bytes is served from the bin of the next power of two: its first block if there is one, else fresh
//! memory. A block that is freed goes to the front of its bin. There is no loop on either path. Whatever is larger than 128 bytes comes from fresh memory,
//! and is not used again, unless it ends at the bump pointer when it is freed.

#![no_std]

use core::alloc::Layout;
use core::hint::assert_unchecked;

use lite_alloc_core::address::{COUNTS_ZEROS, GRANULE, Region, round_up};
use lite_alloc_core::source::{DefaultSource, PageSource};
use lite_alloc_core::{Frontier, INTACT, Strategy, keep_argument, visit_list};
pub use lite_alloc_core::{Heap, address, arena, source};

/// The allocator for many small objects: four bins with strictly O(1) allocation and release.
///
/// | operation | up to 128 bytes | above |
/// |---|---|---|
/// | `alloc` | O(1), no loop | O(1), fresh memory |
/// | `dealloc` | O(1), no loop | O(1), reused only at the bump pointer |
/// | `realloc` | in place within its bin or at the bump pointer, else O(128) | in place at the bump pointer or when shrinking, else O(size) |
///
/// For hard real time up to 128 bytes: the worst `alloc` that was measured on a Cortex-M4 takes 38 instructions, the worst `dealloc` 19
/// (`cargo xtask bench --only embedded`). Where memory comes as regions that are claimed, the `alloc` that goes on to the
/// next looks at each that waits.
///
/// Not for programs that keep on freeing and allocating blocks above 128 bytes: their memory grows without
/// bound. `FreeListAllocator` is for those.
pub type SegregatedBumpAllocator<S = DefaultSource> = Heap<SegregatedBump, S>;

/// The size of the smallest blocks, in bytes.
const SMALLEST: usize = 16;
/// The size of the largest blocks that have a bin, in bytes.
const LARGEST: usize = 128;
/// One bin for each power of two.
const BINS: usize = (LARGEST / SMALLEST).ilog2() as usize + 1;

/// The word of a free block that leads to the next one.
const LINK: usize = 0;

/// The algorithm of [`SegregatedBumpAllocator`].
pub struct SegregatedBump {
    /// The first free block of `LARGEST >> index` bytes; 0 if there is none. The last one's link is 0.
    bins: [usize; BINS],
    frontier: Frontier,
}

/// The bin of a size from 1 to [`LARGEST`], counted from the largest down.
#[inline(always)]
const fn bin_of(size: usize) -> usize {
    zeros(size).wrapping_sub(zeros(LARGEST))
}

/// The leading zeros of a size in units of `SMALLEST`: less by one with each power of two. A shift of `SMALLEST` to the right
/// round the end by so many is a shift to the left by the number of the power.
#[inline(always)]
const fn zeros(size: usize) -> usize {
    let units = (size - 1) / SMALLEST;
    if COUNTS_ZEROS { units.leading_zeros() as usize } else { looked_up(units) }
}

/// The leading zeros of a number below 8. For each of them, two bits of a constant hold how many bits the number has.
#[inline(always)]
const fn looked_up(units: usize) -> usize {
    usize::BITS as usize - (0b11_11_11_11_10_10_01_00 >> (2 * units) & 3)
}

/// The bytes that a block of `size` bytes has for itself. Large blocks are not rounded up, as the next one is aligned anyway.
#[inline(always)]
const fn capacity(size: usize) -> usize {
    if size > LARGEST { size } else { SMALLEST.rotate_right(zeros(size) as u32) }
}

/// The bits that are zero in the address of a block, wherever the last one ended: at least those below [`GRANULE`], so that a
/// region may start at any of its multiples.
#[inline(always)]
const fn loose_mask(align: usize) -> usize {
    (align - 1) | (GRANULE - 1)
}

impl SegregatedBump {
    fn fresh<S: PageSource>(&mut self, source: &mut S, from: usize, size: usize, mask: usize) -> usize {
        let Some(cut) = self.frontier.cut(source, from, size, mask) else { return 0 };
        let mut leave = |(start, size)| {
            // A large block may end anywhere, and what is left of its last granule is no use.
            if size >= GRANULE {
                source.give_back(Region { start: round_up(start), end: start + size });
            }
        };
        // Not in a loop, for which LLVM would store both.
        leave(cut.rest);
        leave(cut.pad);
        cut.block
    }
}

// SAFETY: blocks are cut from the frontier; a bin holds blocks of its size that were cut
// before, and each leaves the bin when it is returned.
unsafe impl Strategy for SegregatedBump {
    const EMPTY: Self = Self { bins: [0; BINS], frontier: Frontier::EMPTY };

    #[inline(never)]
    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize {
        let (mut size, mask) = (size, loose_mask(align));
        if size <= LARGEST {
            // SAFETY: `bin_of` is below `BINS`, and the first word of a free block is the bin's. Blocks lie at multiples of `GRANULE`, which is
            // said for LLVM to leave out the look at alignments that are no larger.
            unsafe {
                let bin = self.bins.as_mut_ptr().add(bin_of(size));
                let block = *bin;
                assert_unchecked(block & (GRANULE - 1) == 0 || !INTACT);
                // What cannot be a block is left to `hardened` to find.
                let no_block = !INTACT && block & (GRANULE - 1) != 0;
                if (block & mask == 0 || no_block) && block != 0 {
                    *bin = *source.word(block, LINK);
                    return block;
                }
            }
            size = capacity(size);
        }
        self.fresh(source, self.frontier.top, size, mask)
    }

    #[inline(never)]
    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout) {
        // SAFETY: a layout's.
        unsafe { keep_argument(layout.align()) };
        let size = layout.size();
        if size <= LARGEST {
            // SAFETY: as in `alloc`; the block is the bin's from now on.
            unsafe {
                let bin = self.bins.as_mut_ptr().add(bin_of(size));
                *source.word(addr, LINK) = *bin;
                *bin = addr;
            }
        } else if addr + size == self.frontier.top {
            self.frontier.top = addr;
        }
    }

    #[inline(never)]
    unsafe fn realloc<S: PageSource>(
        &mut self,
        source: &mut S,
        addr: usize,
        layout: Layout,
        new_size: usize,
    ) -> usize {
        let (old, new) = (capacity(layout.size()), capacity(new_size));
        let mut moved = 0;
        if addr + old == self.frontier.top {
            moved = self.fresh(source, addr, new, loose_mask(layout.align()));
        } else if new == old || (new < old && old > LARGEST) {
            return addr;
        }
        if moved == 0 {
            // SAFETY: the caller vouches for the size and the source.
            moved = unsafe { self.alloc(source, new_size, layout.align()) };
        }
        if moved != 0 && moved != addr {
            // SAFETY: both are live blocks, so they do not overlap, and each is at least that long.
            unsafe {
                source.at(addr).copy_to_nonoverlapping(source.at(moved), layout.size().min(new_size));
                self.dealloc(source, addr, layout);
            }
        }
        moved
    }

    unsafe fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        let rest = self.frontier.rest();
        visit(Region { start: round_up(rest.start), end: rest.end });
        for (index, &first) in self.bins.iter().enumerate() {
            // SAFETY: the first word of a free block is the bin's.
            unsafe {
                visit_list(source, first, |start| {
                    visit(Region { start, end: start.wrapping_add(LARGEST >> index) })
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the two ways it goes depends on the target.
    #[test]
    fn zeros_looked_up_are_those_counted() {
        for units in 0..LARGEST / SMALLEST {
            assert_eq!(looked_up(units), units.leading_zeros() as usize, "{units} units");
        }
    }
}
