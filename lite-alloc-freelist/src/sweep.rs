//! Putting free blocks together.

use core::hint::assert_unchecked;
use core::mem::swap;

use lite_alloc_core::INTACT;
use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::PageSource;

use crate::bins::{Bins, WORD};
use crate::class::{BARE_METAL, CLASSES};
use crate::{LINK, SCATTERED, State, size_of_free};

/// Bits of the address that one pass of the sort looks at.
///
/// Three passes do for 128 MiB in wasm, and for 32 KiB of RAM on bare metal, where the piles take 64 bytes.
const DIGIT_BITS: u32 = if BARE_METAL { 4 } else { 8 };
pub const DIGITS: usize = 1 << DIGIT_BITS;

/// Merges all free blocks that touch, and makes the highest one the frontier, for that is the one a source
/// may extend. The others go back to their bins. Returns how many they are.
///
/// O(free blocks). Where memory is large, each look at a block comes from beyond the cache: so nothing looks at
/// them more often than the digits of their addresses ask for.
#[inline(always)]
pub fn sweep<const LARGE_HEAP: bool, S: PageSource>(
    state: &mut State,
    bins: &mut Bins,
    source: &mut S,
) -> usize {
    let rest = state.rest();
    // SAFETY: the rest of the frontier is free and in no bin.
    unsafe { bins.push_out_of_line(source, rest.start, rest.len()) };
    let last = bins.sort::<LARGE_HEAP, S>(source, state);
    // The frontier slides up over the blocks and takes in what touches it. If there is nothing, it ends where the heap starts, for its end is to
    // say how large the heap is.
    let bottom = if BARE_METAL { 0 } else { state.depth().wrapping_neg() };
    let mut frontier = Region { start: bottom, end: bottom };
    let mut others = 0;
    let mut pile = 0;
    loop {
        // SAFETY: `last` lies in the piles, and so does `pile`, a multiple of `WORD`; the first two words of a free block are the
        // pile's. `push` writes to blocks below this one only.
        unsafe {
            let mut block = bins.piles.as_mut_ptr().byte_add(pile).replace(0);
            while block != 0 {
                // They rise, unless a program has written to memory it has freed.
                if !INTACT && block < frontier.end {
                    source.damaged(block);
                    break;
                }
                if block != frontier.end {
                    others += 1;
                    bins.push_out_of_line(source, frontier.start, frontier.len());
                    frontier.start = block;
                }
                frontier.end = block + size_of_free(source, block);
                block = *source.word(block, LINK);
            }
        }
        pile += WORD;
        if pile > last {
            break;
        }
    }
    if !BARE_METAL {
        // A seventh of memory. With a fifth, real programs that run for long take 1.03 of std's memory instead of 0.98: small blocks lie wherever the
        // last ones were freed, and leave no room for large ones. Not negative, for it is less than half of all addresses.
        state.credit = (state.extent(frontier.end) / 7) as isize;
        state.barren = usize::MAX;
    }
    state.frontier.top = frontier.start;
    state.frontier.end = frontier.end;
    others
}

/// The same for a heap that may be large: finds out whether what is left is scattered. Out of line, for it stands in more than one place.
#[inline(never)]
pub fn sweep_and_judge<S: PageSource>(state: &mut State, bins: &mut Bins, source: &mut S) {
    let others = sweep::<true, S>(state, bins, source);
    state.scattered.fill(others > SCATTERED);
}

impl Bins {
    /// Takes all blocks out of their bins and leaves them in the piles, where they are sorted by address: the lowest is
    /// the first one of the first pile. Returns where the last pile lies that may have any: at so many bytes from the first, or fewer.
    ///
    /// A radix sort: for each digit of the address, from the lowest up, the blocks are dealt out by that digit,
    ///
    /// ```text
    ///   bins ──→ piles ──→ bins ──→ piles
    ///        down      up       down
    /// ```
    ///
    /// A block goes to the front of where it comes, so those of one digit are turned around each time: in the piles they rise, in the
    /// bins they fall. To go on from the front, the piles are taken from the first to the last, and the bins from the last to the
    /// first. That makes the number of passes odd.
    ///
    /// Bins and piles are counted in bytes. An address in granules, in bytes of such a count, is half of the address: so the first pass
    /// shifts by 1, and nothing else has to be shifted.
    ///
    /// In a large heap, the next block of a list is seldom in the cache, and nobody knows where it lies before the one in front of it has
    /// come. In the first pass, it does not matter in what order blocks are dealt out: so if the heap may be large, that walks along three
    /// lists in turn, and waits for three blocks at a time.
    #[inline(always)]
    fn sort<const LARGE_HEAP: bool, S: PageSource>(&mut self, source: &S, state: &State) -> usize {
        const { assert!(DIGITS <= CLASSES && GRANULE == 2 * WORD) };
        /// The last pile.
        const LAST: usize = (DIGITS - 1) * WORD;
        let depth = state.depth();
        let pile_of = |block: usize, shift| block.wrapping_add(depth) >> shift & LAST;
        // In wasm, to ask again takes less code than to remember.
        let most = || state.ceiling(source).wrapping_add(depth);
        let mut count = CLASSES * WORD;
        let (mut from, mut to) = (self.first.as_mut_ptr(), self.piles.as_mut_ptr());
        let mut shift = 1;
        // What turns counting down into counting up, or nothing.
        let mut up = 0;
        // SAFETY: `from` is the bins or the piles, and `to` the other; of the bins, all are looked at first, else, as of the
        // piles, `DIGITS`. Digits are below that. The first word of a free block is the list's. `shift` becomes more only while it
        // leaves more bits of an address than a digit has.
        unsafe {
            if LARGE_HEAP {
                let mut limit = Limit::new(most());
                let (mut block, mut second, mut third) = (0, 0, 0);
                // This leaves nothing in the bins, and the pass below finds it done.
                loop {
                    while block == 0 && count != 0 {
                        count -= WORD;
                        let bin = from.byte_add(count);
                        block = *bin;
                        if block != 0 {
                            *bin = 0;
                        }
                    }
                    if block != 0 {
                        let pile = to.byte_add(pile_of(block, shift));
                        block = if limit.reached(source, block) { 0 } else { deal(source, block, pile) };
                    } else if second | third == 0 {
                        break;
                    }
                    (block, second, third) = (second, third, block);
                }
            }
            loop {
                assert_unchecked(shift < usize::BITS);
                let mut limit = Limit::new(most());
                while count != 0 {
                    count -= WORD;
                    let bin = from.byte_add(count ^ up);
                    let mut block = *bin;
                    // A `while` instead of these two would take 15 bytes more of wasm.
                    if block != 0 {
                        *bin = 0;
                        loop {
                            if limit.reached(source, block) {
                                break;
                            }
                            block = deal(source, block, to.byte_add(pile_of(block, shift)));
                            if block == 0 {
                                break;
                            }
                        }
                    }
                }
                let last = most() >> shift;
                if last >= DIGITS * WORD {
                    shift += DIGIT_BITS;
                } else if up == 0 {
                    return last;
                }
                // If that was the last digit there is, one more pass by the same turns the blocks around.
                swap(&mut from, &mut to);
                count = DIGITS * WORD;
                up ^= LAST;
            }
        }
    }
}

/// Puts the first block of a list to the front of a pile. Returns the next one.
///
/// # Safety
///
/// It is a free block, and nothing else leads to it.
#[inline(always)]
unsafe fn deal<S: PageSource>(source: &S, block: usize, pile: *mut usize) -> usize {
    // SAFETY: the first word of a free block is the list's.
    unsafe {
        let link = source.word(block, LINK);
        let next = *link;
        *link = *pile;
        *pile = block;
        next
    }
}

/// How many more blocks a pass may meet. With the feature `hardened`, lists may lead round in a circle: none meets more than there can be.
struct Limit(usize);

impl Limit {
    /// Of a heap whose memory ends at `most`, counted from its start.
    #[inline(always)]
    fn new(most: usize) -> Self {
        Self(most / GRANULE)
    }

    /// Whether `block` is one too many.
    #[inline(always)]
    fn reached<S: PageSource>(&mut self, source: &S, block: usize) -> bool {
        if INTACT {
            return false;
        }
        if self.0 == 0 {
            source.damaged(block);
            return true;
        }
        self.0 -= 1;
        false
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use core::cell::UnsafeCell;
    use std::vec::Vec;

    use lite_alloc_core::Strategy;
    use lite_alloc_core::source::Request;

    use super::*;
    use crate::FreeList;

    const FIRST_BIT: u32 = 8;
    const WINDOWS: usize = (usize::BITS - FIRST_BIT) as usize;
    /// Granules that a window has.
    const GRANULES: usize = 3;

    /// A little memory at each power of two, as far apart as addresses can be. It lies elsewhere in truth.
    struct Windows(UnsafeCell<[[usize; 2 * GRANULES]; WINDOWS]>);

    fn window(number: usize) -> usize {
        1 << (FIRST_BIT + number as u32)
    }

    // SAFETY: grants nothing. Each address in a window has a place of its own in the array.
    unsafe impl PageSource for Windows {
        const ZEROED: bool = false;

        fn grow(&mut self, _request: Request) -> Option<Region> {
            None
        }

        fn at(&self, addr: usize) -> *mut u8 {
            let number = addr.ilog2() - FIRST_BIT;
            self.0
                .get()
                .cast::<u8>()
                .wrapping_add(number as usize * GRANULES * GRANULE + addr - window(number as usize))
        }
    }

    /// Written when it was seen, and not by a test, that the last pass of the sort shifted by more bits than an address has:
    /// in wasm, from 128 MiB of memory on.
    #[test]
    fn blocks_are_merged_wherever_they_lie() {
        merged::<false>();
        merged::<true>();
    }

    fn merged<const LARGE_HEAP: bool>() {
        for windows in [1, 2, WINDOWS / 2, WINDOWS - 1, WINDOWS] {
            let mut source = Windows(UnsafeCell::new([[0; 2 * GRANULES]; WINDOWS]));
            let FreeList { mut state, mut bins } = FreeList::<LARGE_HEAP>::EMPTY;
            // All granules, as a hand of cards that was shuffled: 67 is prime, and so takes each once.
            let cards = GRANULES * windows;
            for card in (0..cards).map(|card| card * 67 % cards) {
                let start = window(card / GRANULES) + card % GRANULES * GRANULE;
                // SAFETY: a piece of a window that is in no bin.
                unsafe { bins.push(&mut source, start, GRANULE) };
            }
            state.reach(Region { start: window(0), end: window(windows - 1) + GRANULES * GRANULE });
            sweep::<LARGE_HEAP, _>(&mut state, &mut bins, &mut source);
            let mut found = Vec::new();
            // SAFETY: the bins are that source's.
            unsafe {
                FreeList::<LARGE_HEAP>::visit_free(&FreeList { state, bins }, &source, |piece| {
                    found.push((piece.start, piece.len()))
                })
            };
            assert_eq!(found[0].0, window(windows - 1), "the frontier is the highest");
            found.sort();
            let whole: Vec<_> = (0..windows).map(|number| (window(number), GRANULES * GRANULE)).collect();
            assert_eq!(found, whole, "{windows} windows");
        }
    }

    /// A test failed once in a hundred runs: where a heap lies on both sides of a high power of two, counted from the end of the address
    /// space, it was taken for as large as that.
    #[test]
    #[cfg(not(target_family = "wasm"))]
    fn the_size_of_a_heap_does_not_depend_on_where_it_lies() {
        for bit in FIRST_BIT + 8..usize::BITS - 1 {
            let FreeList { mut state, .. } = <FreeList>::EMPTY;
            let lowest = (1usize << bit).wrapping_neg();
            for start in [lowest, lowest + 64] {
                state.reach(Region { start, end: start + 64 });
            }
            assert_eq!(state.depth(), 1 << bit);
        }
    }
}
