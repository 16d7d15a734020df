//! Putting free blocks together.

use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::PageSource;

use crate::class::CLASSES;
use crate::{FreeList, LINK, SIZE, push};

impl FreeList {
    /// Merges all free blocks that touch. The highest one becomes the frontier, where a source goes on; the others go back to their bins,
    /// in such an order that the lowest of each bin comes first.
    ///
    /// O(free blocks): a radix sort by address, one bit at a time, on the links alone.
    pub(crate) fn sweep<S: PageSource>(&mut self, source: &mut S) {
        let rest = self.frontier.rest();
        // SAFETY: the rest of the frontier is free and in no bin.
        unsafe { push(&mut self.bins, source, rest.start, rest.len()) };
        let all = self.empty_bins(source);
        let mut block = self.sort_descending(source, all);
        let mut first = true;
        while block != 0 {
            // SAFETY: the first two words of a free block are the list's.
            unsafe {
                let end = block + *source.word(block, SIZE);
                let mut start = block;
                block = *source.word(start, LINK);
                while block != 0 && block + *source.word(block, SIZE) == start {
                    start = block;
                    block = *source.word(start, LINK);
                }
                if first {
                    self.switch(Region { start, end });
                    first = false;
                } else {
                    push(&mut self.bins, source, start, end - start);
                }
            }
        }
    }

    /// Takes all blocks out of their bins and returns the first of a list of them.
    fn empty_bins<S: PageSource>(&mut self, source: &mut S) -> usize {
        let mut list = 0;
        for bin in &mut self.bins {
            let mut link: *mut usize = bin;
            // SAFETY: `link` is the bin or the first word of a free block.
            unsafe {
                while *link != 0 {
                    link = source.word(*link, LINK);
                }
                *link = list;
            }
            list = core::mem::take(bin);
        }
        list
    }

    /// Sorts a list of blocks by address, the highest first, and returns its first.
    ///
    /// For each bit of the address, from the lowest up, the list is dealt out into those that have the bit and those
    /// that have not, both in the order in which they come. The bins are empty meanwhile, and two of them lead
    /// to the two lists.
    fn sort_descending<S: PageSource>(&mut self, source: &mut S, mut list: usize) -> usize {
        const { assert!(CLASSES >= 2) };
        let heads = self.bins.as_mut_ptr();
        for bit in GRANULE.trailing_zeros()..usize::BITS {
            // SAFETY: there are two bins at least; the tails are one of them, or the first word of a free block.
            unsafe {
                let (high, low) = (heads, heads.add(1));
                let (mut high_tail, mut low_tail) = (high, low);
                while list != 0 {
                    let tail = if list >> bit & 1 != 0 { &mut high_tail } else { &mut low_tail };
                    **tail = list;
                    *tail = source.word(list, LINK);
                    list = **tail;
                }
                *low_tail = 0;
                *high_tail = *low;
                list = *high;
            }
        }
        self.bins[0] = 0;
        self.bins[1] = 0;
        list
    }
}
