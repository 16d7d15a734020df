//! The free blocks, in a bin for each class of sizes.

use lite_alloc_core::address::{Region, padding, round_up};
use lite_alloc_core::source::PageSource;

use crate::class::{CLASSES, class_of};
use crate::sweep::DIGITS;
use crate::{LINK, SIZE, size_of_free, visit_blocks};

/// The size of a bin or pile in bytes, and half a granule.
pub const WORD: usize = size_of::<usize>();

/// The free blocks of a heap.
pub struct Bins {
    /// For each class of sizes, the first free block; 0 if there is none. The last one's link is 0.
    pub first: [usize; CLASSES],
    /// Where a sweep sorts the free blocks; all 0 at any other time.
    pub piles: [usize; DIGITS],
}

impl Bins {
    /// No free blocks.
    pub const EMPTY: Self = Self { first: [0; CLASSES], piles: [0; DIGITS] };

    /// The address of the bin of `size`. No pointer, for that would not outlast a call that gets all bins. To find it once takes less code
    /// than to find it twice, above all where that takes a loop.
    #[inline(always)]
    pub fn of(&self, size: usize) -> usize {
        self.first.as_ptr().wrapping_add(class_of(size)).addr()
    }

    /// Puts a piece of memory into its bin; nothing happens if `size` is 0.
    ///
    /// # Safety
    ///
    /// The piece is free and in no bin. `start` is a multiple of `GRANULE`, and the piece extends to the next such
    /// multiple past its end.
    #[inline]
    pub unsafe fn push<S: PageSource>(&mut self, source: &mut S, start: usize, size: usize) {
        let size = round_up(size);
        if size == 0 {
            return;
        }
        // SAFETY: `class_of` is below `CLASSES`; a piece that is not empty is a granule, two words, at the least.
        unsafe {
            let bin = self.first.as_mut_ptr().add(class_of(size));
            *source.word(start, SIZE) = size;
            *source.word(start, LINK) = *bin;
            *bin = start;
        }
    }

    /// The same, out of line: for what is seldom done, and where code is dearer than time.
    ///
    /// # Safety
    ///
    /// As for `push`.
    #[inline(never)]
    pub unsafe fn push_out_of_line<S: PageSource>(&mut self, source: &mut S, start: usize, size: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.push(source, start, size) }
    }

    /// Takes the first block of the bin of `size`, which is at `bin`, if it is just right. Returns 0 if it is not.
    #[inline(always)]
    pub fn pop<S: PageSource>(&mut self, source: &mut S, bin: usize, size: usize, mask: usize) -> usize {
        // SAFETY: `bin` is a bin, and the first two words of a free block are the bin's.
        unsafe {
            let bin = self.first.as_mut_ptr().with_addr(bin);
            let block = *bin;
            if block != 0 && *source.word(block, SIZE) == size && block & mask == 0 {
                *bin = *source.word(block, LINK);
                return block;
            }
        }
        0
    }

    /// Takes a free block that `size` bytes with `mask` fit in out of its bin. Returns an empty region if there is none.
    ///
    /// `bin` is the address of the first bin that may have one, that of `size`. A bin holds blocks of similar size, some of which may
    /// not do: of each bin, `walk` blocks are looked at.
    #[inline(always)]
    pub fn find<S: PageSource>(
        &mut self,
        source: &mut S,
        bin: usize,
        size: usize,
        mask: usize,
        walk: usize,
    ) -> Region {
        let first = self.first.as_mut_ptr();
        // SAFETY: `bin` is a bin, and `end` past the last one; `link` is a bin or the first word of a free block.
        unsafe {
            let (mut bin, end) = (first.with_addr(bin), first.add(CLASSES));
            loop {
                let mut link = bin;
                let mut left = walk;
                while *link != 0 && left != 0 {
                    let start = *link;
                    let room = size_of_free(source, start);
                    if padding(start, mask) + size <= room {
                        *link = *source.word(start, LINK);
                        return Region { start, end: start + room };
                    }
                    link = source.word(start, LINK);
                    left -= 1;
                }
                bin = bin.add(1);
                if bin == end {
                    return Region { start: 0, end: 0 };
                }
            }
        }
    }

    /// Calls `visit` with every free block.
    ///
    /// # Safety
    ///
    /// All blocks are the source's.
    pub unsafe fn visit<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        for &first in &self.first {
            // SAFETY: a list of free blocks.
            unsafe { visit_blocks(source, first, &mut visit) };
        }
    }
}
