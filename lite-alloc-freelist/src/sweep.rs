//! Putting free blocks together.

use lite_alloc_core::Frontier;
use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::PageSource;

use crate::class::CLASSES;
use crate::{FreeList, LINK, SETTLED, SIZE};

/// Bits of the address that one pass of the sort looks at.
const DIGIT_BITS: u32 = 5;
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
        let list = self.empty_bins(source);
        let mut block = self.sort(source, list);
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
        // Putting the rest of the frontier into a bin has written to its first granule.
        let clean = if frontier.end == rest.end {
            self.frontier.clean.max(rest.start + GRANULE)
        } else {
            frontier.end
        };
        self.frontier = Frontier { top: frontier.start, end: frontier.end, clean };
    }

    /// Takes all blocks out of their bins and returns the first of a list of them.
    #[inline(always)]
    fn empty_bins<S: PageSource>(&mut self, source: &mut S) -> usize {
        let mut list = 0;
        for bin in &mut self.bins {
            let mut block = core::mem::take(bin);
            while block != 0 {
                // SAFETY: the first word of a free block is the list's.
                let next = unsafe { source.word(block, LINK).replace(list) };
                list = block;
                block = next;
            }
        }
        list
    }

    /// Sorts a list of blocks by address, the lowest first, and returns its first.
    ///
    /// A radix sort: for each digit of the address, from the lowest up, the list is dealt out by digit and put
    /// together again. The bins, which are empty meanwhile, hold the first and the last block of each digit's list.
    #[inline(always)]
    fn sort<S: PageSource>(&mut self, source: &mut S, mut list: usize) -> usize {
        const { assert!(2 * DIGITS <= CLASSES) };
        let firsts = self.bins.as_mut_ptr();
        let mut shift = GRANULE.trailing_zeros();
        // SAFETY: digits are below `DIGITS`, so both arrays lie in the bins; the first word of a free block is the list's.
        unsafe {
            let lasts = firsts.add(DIGITS);
            // The high bits that all addresses of RAM share take no passes. In wasm, they are 0.
            let base = if cfg!(target_family = "wasm") { 0 } else { list };
            loop {
                // All bits that differ.
                let mut bits = 0;
                while list != 0 {
                    let block = list;
                    bits |= block ^ base;
                    list = *source.word(block, LINK);
                    let digit = block >> shift & (DIGITS - 1);
                    let last = *lasts.add(digit);
                    let link = if last == 0 { firsts.add(digit) } else { source.word(last, LINK) };
                    *link = block;
                    *lasts.add(digit) = block;
                }
                let mut digit = DIGITS;
                while digit != 0 {
                    digit -= 1;
                    let last = core::mem::take(&mut *lasts.add(digit));
                    if last != 0 {
                        *source.word(last, LINK) = list;
                        list = core::mem::take(&mut *firsts.add(digit));
                    }
                }
                if bits >> shift >> DIGIT_BITS == 0 {
                    return list;
                }
                shift += DIGIT_BITS;
            }
        }
    }
}
