//! Putting free blocks together.

use core::mem::swap;

use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::PageSource;

use crate::class::{BARE_METAL, CLASSES};
use crate::{FreeList, LINK, SETTLED, SIZE};

/// Bits of the address that one pass of the sort looks at.
///
/// Three passes do for 128 MiB in wasm, and for 32 KiB of RAM on bare metal, where the piles take 64 bytes.
const DIGIT_BITS: u32 = if BARE_METAL { 4 } else { 8 };
pub const DIGITS: usize = 1 << DIGIT_BITS;

impl FreeList {
    /// Merges all free blocks that touch, and makes the highest one the frontier, for that is the one a source
    /// may extend. The others go back to their bins.
    ///
    /// O(free blocks). Where memory is large, each look at a block comes from beyond the cache: so nothing looks at
    /// them more often than the digits of their addresses ask for.
    #[inline(always)]
    pub(crate) fn sweep<S: PageSource>(&mut self, source: &mut S) {
        let rest = self.frontier.rest();
        // SAFETY: the rest of the frontier is free and in no bin.
        unsafe { self.push(source, rest.start, rest.len()) };
        self.sort(source, rest.start);
        let mut lowest = 0;
        // The frontier slides up over the blocks and takes in what touches it.
        let mut frontier = Region { start: 0, end: 0 };
        let mut digit = 0;
        loop {
            // SAFETY: `digit` is below `DIGITS`; the first two words of a free block are the pile's. `push` writes to blocks below
            // this one only.
            unsafe {
                let mut block = self.piles.as_mut_ptr().add(digit).replace(0);
                while block != 0 {
                    let end = block + *source.word(block, SIZE);
                    let next = *source.word(block, LINK);
                    if block != frontier.end {
                        if lowest == 0 {
                            lowest = block;
                        }
                        self.push(source, frontier.start, frontier.len());
                        frontier.start = block;
                    }
                    frontier.end = end;
                    block = next;
                }
            }
            digit += 1;
            if digit == DIGITS {
                break;
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

    /// Takes all blocks out of their bins and leaves them in the piles, where they are sorted by address: the lowest is
    /// the first one of the first pile.
    ///
    /// A radix sort: for each digit of the address, from the lowest up, the blocks are dealt out by that digit,
    ///
    /// ```text
    ///   bins ──→ piles ──→ bins ──→ piles
    ///        up        down     up
    /// ```
    ///
    /// from the first bin or pile to the last, each from its front. A block goes to the front of where it comes, so those of one digit
    /// are turned around each time: in the piles they rise, in the bins they fall, and there digits are counted from the
    /// highest down. That makes the number of passes odd.
    ///
    /// `base` is an address like those of the blocks. The high bits that all share take no passes.
    #[inline(always)]
    fn sort<S: PageSource>(&mut self, source: &mut S, base: usize) {
        const { assert!(DIGITS <= CLASSES) };
        // In wasm, the high bits are 0.
        let base = if cfg!(target_family = "wasm") { 0 } else { base };
        let (mut from, mut to) = (self.bins.as_mut_ptr(), self.piles.as_mut_ptr());
        let mut count = CLASSES;
        let mut shift = GRANULE.trailing_zeros();
        // All bits are set if this pass counts digits down.
        let mut down = 0;
        // SAFETY: `from` is the bins or the piles, and `to` the other; of the bins, `CLASSES` are looked at first, which is how many
        // there are, else `DIGITS`. Digits are below that. The first word of a free block is the list's.
        unsafe {
            loop {
                let mut differ = 0;
                let mut bin = from;
                loop {
                    while *bin != 0 {
                        let block = *bin;
                        differ |= block ^ base;
                        let pile = to.add((block >> shift ^ down) & (DIGITS - 1));
                        let link = source.word(block, LINK);
                        *bin = *link;
                        *link = *pile;
                        *pile = block;
                    }
                    bin = bin.add(1);
                    count -= 1;
                    if count == 0 {
                        break;
                    }
                }
                shift += DIGIT_BITS;
                if down == 0 && differ >> shift == 0 {
                    return;
                }
                swap(&mut from, &mut to);
                count = DIGITS;
                down = !down;
            }
        }
    }
}
