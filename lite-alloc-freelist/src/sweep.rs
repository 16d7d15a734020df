//! Putting free blocks together.

use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::PageSource;

use crate::class::CLASSES;
use crate::{FreeList, LINK, SETTLED, SIZE};

/// Bits of the address that one pass of the sort looks at.
const DIGIT_BITS: u32 = if CLASSES < 128 { 6 } else { 8 };
const DIGITS: usize = 1 << DIGIT_BITS;

impl FreeList {
    /// Merges all free blocks that touch, and makes the highest one the frontier, for that is the one a source
    /// may extend. The others go back to their bins.
    ///
    /// O(free blocks).
    #[inline(always)]
    pub(crate) fn sweep<S: PageSource>(&mut self, source: &mut S) {
        let rest = self.frontier.rest();
        // SAFETY: the rest of the frontier is free and in no bin.
        unsafe { self.push(source, rest.start, rest.len()) };
        let mut block = self.sort(source);
        let lowest = block;
        // The frontier slides up over the blocks and takes in what touches it.
        let mut frontier = Region { start: 0, end: 0 };
        while block != 0 {
            // SAFETY: the first two words of a free block are the list's. `push` writes to blocks below this one only.
            unsafe {
                let end = block + *source.word(block, SIZE);
                let next = *source.word(block, LINK);
                if block != frontier.end {
                    self.push(source, frontier.start, frontier.len());
                    frontier.start = block;
                }
                frontier.end = end;
                block = next;
            }
        }
        self.credit = ((frontier.end - lowest) / 2) as isize | SETTLED;
        if S::ZEROED {
            // Putting the rest of the frontier into a bin has written to its first granule.
            self.frontier.clean = if frontier.end == rest.end {
                self.frontier.clean.max(rest.start + GRANULE)
            } else {
                frontier.end
            };
        }
        self.frontier.top = frontier.start;
        self.frontier.end = frontier.end;
    }

    /// Takes all blocks out of their bins and returns a list of them, sorted by address, the lowest first.
    ///
    /// A radix sort: for each digit of the address, from the lowest up, the blocks are dealt out to bins by that
    /// digit, and gathered again from the highest bin down. A block that comes to a bin goes to its front, and one that comes to the
    /// list goes to the front of that: so blocks of one digit are turned around twice, and stay in order.
    #[inline(always)]
    fn sort<S: PageSource>(&mut self, source: &mut S) -> usize {
        const { assert!(DIGITS <= CLASSES) };
        let bins = self.bins.as_mut_ptr();
        let mut shift = GRANULE.trailing_zeros();
        let mut count = CLASSES;
        // The bits above the digits so far in which addresses differ; at first, there are no digits yet.
        let mut higher = 1;
        // SAFETY: bins are counted from `CLASSES` or `DIGITS` down, and digits are below `DIGITS`; the first word of a free block is
        // the list's.
        unsafe {
            loop {
                let mut list = 0;
                while count != 0 {
                    count -= 1;
                    let bin = bins.add(count);
                    while *bin != 0 {
                        let block = *bin;
                        *bin = source.word(block, LINK).replace(list);
                        list = block;
                    }
                }
                if higher == 0 {
                    return list;
                }
                // The high bits that all addresses of RAM share take no passes. In wasm, they are 0.
                let base = if cfg!(target_family = "wasm") { 0 } else { list };
                let mut bits = 0;
                while list != 0 {
                    let block = list;
                    bits |= block ^ base;
                    let bin = bins.add(block >> shift & (DIGITS - 1));
                    list = source.word(block, LINK).replace(*bin);
                    *bin = block;
                }
                count = DIGITS;
                higher = bits >> shift >> DIGIT_BITS;
                shift += DIGIT_BITS;
            }
        }
    }
}
