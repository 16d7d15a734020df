//! One piece of memory and its free blocks.
//!
//! ```text
//!   unit 0      1                EDGES                 the first that a block may have
//!   ├──────────┬───────┬───┬────┼─────────────────────┼──────┬───────────┬──────┬──────┤
//!   │ the next │ bin 1 │ … │ 16 │ a bit each: …1 0 1… │ live │ free      │ live │ live │
//!   │ pool     │       │   │    │                     │      │           │      │      │
//!   └──────────┴───────┴───┴────┴─────────────────────┴──────┴───────────┴──────┴──────┘
//!                                                            ↑           ↑      ↑
//!                                                          edge        edge    none
//! ```
//!
//! An edge is where a free block starts or ends. Whoever frees memory, or takes it, turns the bits of both of its ends around. If that of
//! the start was set when it is freed, a free block ends there, and if that of the end was set, one starts there: they become one
//! block, and the edge between them is none any more. So free blocks that touch are merged at once, and live ones have no header.
//!
//! A free block is linked to those before and behind it in its bin, to be taken out wherever it stands, and has its size at both ends. It
//! may be no more than a unit:
//!
//! ```text
//!   ┌ next, prev ┬ size ┬─────┬──────┬ size ┐        ┌ next, prev ┬ size ┐
//! ```
//!
//! There is a bin for each doubling of the size, so that the first block of any bin but the own is long enough: "half fit" (T. Ogasawara,
//! An algorithm with constant execution time for dynamic storage allocation, 1995). That its own bin has one, too, is seen by a
//! search, before a request is given up.

use core::hint::assert_unchecked;

use lite_alloc_core::INTACT;
use lite_alloc_core::address::{COUNTS_ZEROS, GRANULE, Region, padding};
use lite_alloc_core::source::PageSource;

/// What places and sizes are counted in here, in bytes. With the feature `hardened`, they are multiples of two granules.
pub const UNIT: usize = if INTACT { GRANULE } else { 2 * GRANULE };

/// Half a word: a unit's number.
#[cfg(target_pointer_width = "64")]
type Half = u32;
#[cfg(not(target_pointer_width = "64"))]
type Half = u16;

/// How many units a pool may have: 512 KiB of them on 32-bit targets. All sizes are below that.
pub const MOST: usize = 1 << BINS;

/// One bin for each number of binary digits that a size may have. It is the unit of that number, and its `next` the first block.
const BINS: usize = Half::BITS as usize;

/// The first unit of the table of edges, and where a search for a bin that is not empty ends: its `next` is `END`.
const EDGES: usize = 1 + BINS;
/// No block: the number of a bin.
const END: usize = 1;

/// The bit of unit 0 in the first word of the table. Those of the next units are to the right of it, so the `next` of `EDGES` has only
/// bits of units that hold no blocks, and stays as it is.
const EDGE_0: u32 = 1 << if cfg!(target_endian = "little") { 15 } else { 31 };

/// The word of a unit with `next` and `prev`. What follows the last block of a bin is unit 0: that has a `prev` to be written to.
const LINKS: usize = 0;
/// The word of a unit with the size of a block; of unit 0, with the next pool.
const SIZE: usize = 1;

/// How many of so many units hold no blocks. The table has a bit for the start of each, and for the end of the last.
pub const fn overhead(units: usize) -> usize {
    EDGES + units / (8 * UNIT) + 1
}

/// The bin of a size, which is not 0; from `MOST` on, there is none.
fn bin_of(size: usize) -> usize {
    if COUNTS_ZEROS { (usize::BITS - size.leading_zeros()) as usize } else { digits(size) }
}

/// How many binary digits a number has.
#[inline(never)]
fn digits(mut number: usize) -> usize {
    let mut digits = 0;
    while number != 0 {
        number >>= 1;
        digits += 1;
    }
    digits
}

/// A pool, in memory of `source`.
///
/// All functions but `init` are for pools that were initialised, over the source of all calls before, and for units that are the pool's.
pub struct Pool<'a, S> {
    pub source: &'a S,
    /// The address of unit 0, a multiple of `UNIT`.
    pub base: usize,
}

impl<S: PageSource> Pool<'_, S> {
    /// Makes a pool of memory: all of it is free.
    ///
    /// # Safety
    ///
    /// So many units are this heap's and hold nothing; they are more than their `overhead` and `MOST` at most. `next_pool` is a pool or 0.
    pub unsafe fn init(&self, units: usize, next_pool: usize) {
        let start = overhead(units);
        // SAFETY: the caller's promise. Volatile, or LLVM would call `memset`, which firmware may have no other use for.
        unsafe {
            for at in (0..start * UNIT).step_by(size_of::<usize>()) {
                self.source.at(self.base + at).cast::<usize>().write_volatile(0);
            }
            *self.next_pool() = next_pool;
            *self.next(EDGES) = END as Half;
            if !INTACT {
                *self.size(1) = units;
            }
            self.release(start, units - start);
        }
    }

    /// The base of the next pool, or 0.
    ///
    /// # Safety
    ///
    /// See [`Pool`].
    pub unsafe fn next_pool(&self) -> *mut usize {
        // SAFETY: unit 0 holds no block.
        unsafe { self.word(0, SIZE) }
    }

    /// A word of a unit that is free, or holds no blocks.
    ///
    /// # Safety
    ///
    /// See [`Pool`]. With the feature `hardened`, any unit will do.
    #[inline(always)]
    unsafe fn word(&self, unit: usize, index: usize) -> *mut usize {
        let addr = self.base.wrapping_add(unit.wrapping_mul(UNIT));
        // SAFETY: the caller's promise. A hardened source is asked for words of blocks only.
        unsafe {
            if INTACT || unit > EDGES {
                self.source.word(addr, index)
            } else {
                self.source.at(addr).cast::<usize>().add(index)
            }
        }
    }

    /// # Safety
    ///
    /// As for `word`.
    #[inline(always)]
    unsafe fn size(&self, unit: usize) -> *mut usize {
        // SAFETY: the caller's promise.
        unsafe { self.word(unit, SIZE) }
    }

    /// # Safety
    ///
    /// As for `word`.
    #[inline(always)]
    unsafe fn next(&self, unit: usize) -> *mut Half {
        // SAFETY: the caller's promise.
        unsafe { self.word(unit, LINKS).cast() }
    }

    /// # Safety
    ///
    /// As for `word`.
    #[inline(always)]
    unsafe fn prev(&self, unit: usize) -> *mut Half {
        // SAFETY: the caller's promise; a word has two halves.
        unsafe { self.next(unit).add(1) }
    }

    /// Where the bit is of the edge that the start of a unit may be, or the end of the last one: in which word, and which one.
    ///
    /// # Safety
    ///
    /// See [`Pool`].
    #[inline(always)]
    unsafe fn edge(&self, unit: usize) -> (*mut u32, u32) {
        // SAFETY: the table has a bit for each.
        let word = unsafe { self.source.at(self.base + EDGES * UNIT).cast::<u32>().add(unit / 32) };
        // Cortex-M rotates to the right by any number in one instruction.
        (word, EDGE_0.rotate_right(unit as u32))
    }

    /// Whether there is an edge.
    ///
    /// # Safety
    ///
    /// As for `edge`.
    #[inline(always)]
    unsafe fn is_edge(&self, unit: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            let (word, bit) = self.edge(unit);
            *word & bit != 0
        }
    }

    /// Turns the bit of an edge around, and returns whether it was set.
    ///
    /// # Safety
    ///
    /// As for `edge`. With the feature `hardened`, any unit will do.
    unsafe fn turn(&self, unit: usize) -> bool {
        // SAFETY: the caller's promise.
        unsafe {
            if !INTACT && unit > *self.size(1) {
                return false;
            }
            let (word, bit) = self.edge(unit);
            let old = *word;
            *word = old ^ bit;
            old & bit != 0
        }
    }

    /// Where the free block starts that ends at `end`: for the feature `hardened`, which watches all of a block but its first two words, so
    /// that there is no size at its end. O(size).
    ///
    /// # Safety
    ///
    /// See [`Pool`]. A free block ends there.
    unsafe fn edge_before(&self, mut end: usize) -> usize {
        loop {
            end -= 1;
            // SAFETY: no further back than to the start of the block.
            if unsafe { self.is_edge(end) } {
                return end;
            }
        }
    }

    /// Puts a free block into its bin.
    ///
    /// # Safety
    ///
    /// Its units are free and in no bin. `size` is not 0.
    unsafe fn push(&self, block: usize, size: usize) {
        // What was written to freed memory may be any size.
        let bin = if INTACT { bin_of(size) } else { bin_of(size).min(BINS) };
        // SAFETY: the caller's promise; what comes first in a bin is a free block or 0.
        unsafe {
            *self.size(block) = size;
            if INTACT {
                *self.size(block + size - 1) = size;
            }
            let next = *self.next(bin);
            *self.next(block) = next;
            *self.prev(block) = bin as Half;
            *self.prev(next as usize) = block as Half;
            *self.next(bin) = block as Half;
        }
    }

    /// Takes a block out of its bin.
    ///
    /// # Safety
    ///
    /// It is in a bin.
    unsafe fn unlink(&self, block: usize) {
        // SAFETY: the caller's promise; it lies between free blocks, or the bin and unit 0.
        unsafe {
            let (next, prev) = (*self.next(block), *self.prev(block));
            if !INTACT
                && (self.after(block) != next as usize || !self.leads(*self.next(prev as usize), block))
            {
                return;
            }
            *self.next(prev as usize) = next;
            *self.prev(next as usize) = prev;
        }
    }

    /// The block after this one in its bin, or 0. With the feature `hardened`, 0 as well if that does not lead back here.
    ///
    /// # Safety
    ///
    /// As for `unlink`.
    #[inline(always)]
    unsafe fn after(&self, block: usize) -> usize {
        // SAFETY: the caller's promise.
        unsafe {
            let next = *self.next(block) as usize;
            if INTACT || next == 0 || self.leads(*self.prev(next), block) { next } else { 0 }
        }
    }

    /// Whether a link leads to a block or a bin. If not, a program has written to memory it has freed.
    fn leads(&self, link: Half, to: usize) -> bool {
        let leads = link as usize == to;
        if !leads {
            self.source.damaged(self.base.wrapping_add(link as usize * UNIT));
        }
        leads
    }

    /// The first block of a bin, or 0. With the feature `hardened`, 0 as well if that does not lead back here.
    ///
    /// # Safety
    ///
    /// See [`Pool`]. It is a bin.
    unsafe fn first(&self, bin: usize) -> usize {
        // SAFETY: the caller's promise.
        unsafe {
            let first = *self.next(bin) as usize;
            if INTACT || first == 0 || self.leads(*self.prev(first), bin) { first } else { 0 }
        }
    }

    /// Frees memory, and merges it with what is free before and behind it. O(1).
    ///
    /// # Safety
    ///
    /// Nobody uses these units. `size` is not 0.
    #[inline(never)]
    pub unsafe fn release(&self, mut start: usize, size: usize) {
        let mut end = start + size;
        // SAFETY: the caller's promise. What lies between was not free, so an edge at its end is one of a free block beyond.
        unsafe {
            if self.turn(start) {
                start = if INTACT { start - *self.size(start - 1) } else { self.edge_before(start) };
                self.unlink(start);
            }
            if self.turn(end) {
                self.unlink(end);
                end = end.wrapping_add(*self.size(end));
            }
            self.push(start, end.wrapping_sub(start));
        }
    }

    /// Takes `size` units of a free block, `pad` units from its start. O(1).
    ///
    /// # Safety
    ///
    /// It is in a bin, and has so many. `size` is not 0.
    #[inline(always)]
    unsafe fn cut(&self, block: usize, pad: usize, size: usize) {
        // SAFETY: the caller's promise; what is left is free and in no bin.
        unsafe {
            let rest = *self.size(block) - pad - size;
            let end = block + pad + size;
            self.unlink(block);
            self.turn(block);
            self.turn(end);
            if pad != 0 {
                // That is seldom: taken with the rest, and freed again.
                self.release(block, pad);
            }
            if rest != 0 {
                self.push(end, rest);
            } else if S::ZEROED {
                // In fresh memory, only the first two words may have been written to.
                *self.size(end - 1) = 0;
            }
        }
    }

    /// Takes `size` units from a multiple of an alignment on, and returns their address; 0 if there are none. Looks at the first block of
    /// each bin: O(1); if `all` are wanted, at the others, too: O(free blocks).
    ///
    /// # Safety
    ///
    /// See [`Pool`]. `size` is not 0.
    #[inline(always)]
    pub unsafe fn take(&self, size: usize, mask: usize, all: bool) -> usize {
        // SAFETY: the bins end at `EDGES`; what is in a bin is a free block, and no block lies at 0.
        unsafe {
            // For the feature `hardened` alone: without a pointer besides, `alloc` takes 8 instructions more.
            let mut number = bin_of(size).min(EDGES);
            let mut bin = self.next(number);
            loop {
                let mut block = *bin as usize;
                bin = bin.byte_add(UNIT);
                number += 1;
                // First, for most bins are empty.
                if block == 0 {
                    continue;
                }
                if block == END {
                    return 0;
                }
                if !INTACT {
                    block = self.first(number - 1);
                }
                while block != 0 {
                    let pad = padding(self.base + block * UNIT, mask) / UNIT;
                    if pad + size <= *self.size(block) {
                        self.cut(block, pad, size);
                        let addr = self.base + (block + pad) * UNIT;
                        assert_unchecked(addr != 0 || !INTACT);
                        return addr;
                    }
                    block = if all { self.after(block) } else { 0 };
                }
            }
        }
    }

    /// Takes the `size` units behind a live block, if they are free, and returns whether they were. O(1).
    ///
    /// # Safety
    ///
    /// `end` is that of a live block. `size` is not 0.
    pub unsafe fn extend(&self, end: usize, size: usize) -> bool {
        // SAFETY: the caller's promise; where a live block ends, an edge is the start of a free one.
        unsafe {
            let fits = self.is_edge(end) && size <= *self.size(end);
            if fits {
                self.cut(end, 0, size);
            }
            fits
        }
    }

    /// Calls `visit` with every free block.
    ///
    /// # Safety
    ///
    /// See [`Pool`].
    pub unsafe fn visit(&self, visit: &mut impl FnMut(Region)) {
        for bin in 1..=BINS {
            // SAFETY: what is in a bin is a free block.
            unsafe {
                let mut block = self.first(bin);
                while block != 0 {
                    let start = self.base + block * UNIT;
                    visit(Region { start, end: start.wrapping_add((*self.size(block)).wrapping_mul(UNIT)) });
                    block = self.after(block);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the two ways `bin_of` goes depends on the target.
    #[test]
    fn digits_are_those_counted() {
        for bit in 0..BINS {
            let power = 1usize << bit;
            for size in [power, power | power >> 1, 2 * power - 1] {
                assert_eq!([bin_of(size), digits(size)], [bit + 1; 2], "size {size}");
            }
        }
        assert_eq!(bin_of(MOST - 1), BINS);
    }

    /// A search for a bin ends at the first half of the table, whose bits have to be those of units that hold no blocks.
    #[test]
    fn bits_of_blocks_lie_behind_the_last_bin() {
        let first_half: u32 = match (size_of::<Half>(), cfg!(target_endian = "little")) {
            (2, true) => 0xFFFF,
            (2, false) => 0xFFFF_0000,
            _ => u32::MAX,
        };
        for unit in EDGES as u32..32 {
            assert_eq!(EDGE_0.rotate_right(unit) & first_half, 0, "unit {unit}");
        }
        for units in [1, 63, 64, 65, 1000, MOST] {
            assert!(overhead(units) > EDGES && (overhead(units) - EDGES) * 8 * UNIT > units, "{units} units");
        }
    }
}

/// What becomes of a pool when links were written to: nothing that the source does not hear of.
#[cfg(all(test, feature = "hardened"))]
mod damage {
    use core::cell::{Cell, UnsafeCell};

    use lite_alloc_core::source::Request;

    use super::*;

    const UNITS: usize = 100;

    #[repr(C, align(64))]
    struct Memory {
        units: UnsafeCell<[[usize; 4]; UNITS]>,
        reports: Cell<usize>,
        nowhere: UnsafeCell<[usize; 2]>,
    }

    // SAFETY: grants nothing.
    unsafe impl PageSource for Memory {
        const ZEROED: bool = false;

        fn grow(&mut self, _request: Request) -> Option<Region> {
            None
        }

        fn at(&self, addr: usize) -> *mut u8 {
            self.units.get().cast::<u8>().with_addr(addr)
        }

        fn damaged(&self, _addr: usize) {
            self.reports.set(self.reports.get() + 1);
        }

        /// As a hardened heap's source: what is no unit is reported.
        unsafe fn word(&self, addr: usize, index: usize) -> *mut usize {
            let offset = addr.wrapping_sub(self.units.get().addr());
            if offset % UNIT != 0 || offset >= UNITS * UNIT {
                self.reports.set(self.reports.get() + 1);
                return self.nowhere.get().cast::<usize>().wrapping_add(index);
            }
            self.at(addr).cast::<usize>().wrapping_add(index)
        }
    }

    /// Found by review: a block that led to itself was searched for ever, and one that led to the end of the bins made a search go on past
    /// the memory.
    #[test]
    fn searches_end_wherever_links_lead() {
        // All of them take minutes in Miri.
        for link in (0..2 * UNITS as Half).step_by(if cfg!(miri) { 7 } else { 1 }) {
            // Both may lead to the block itself: a circle of one.
            for (halves, number) in [(0..1, 5), (1..2, 5), (0..2, 5), (0..1, 7), (1..2, 7), (0..2, 7)] {
                let memory = Memory {
                    units: UnsafeCell::new([[0; 4]; UNITS]),
                    reports: Cell::new(0),
                    nowhere: UnsafeCell::new([0; 2]),
                };
                let pool = Pool { source: &memory, base: memory.units.get().addr() };
                // SAFETY: the units are the pool's; links that lead elsewhere are what this is about.
                let genuine = unsafe {
                    pool.init(UNITS, 0);
                    // Free blocks of two units, between live ones.
                    let take = |size| (pool.take(size, 0, true) - pool.base) / UNIT;
                    let blocks = [(); 8].map(|()| (take(2), take(1)));
                    blocks.iter().for_each(|&(block, _)| pool.release(block, 2));
                    let links = |half| pool.next(blocks[number].0).add(half);
                    let genuine = halves.clone().all(|half| *links(half) == link);
                    halves.clone().for_each(|half| *links(half) = link);
                    // They are all too short, and then all of them are merged with what lies between.
                    while pool.take(3, 0, true) != 0 {}
                    let mut count = 0;
                    pool.visit(&mut |_| count += 1);
                    assert!(count <= 8 && *pool.next(EDGES) == END as Half);
                    blocks.iter().for_each(|&(_, between)| pool.release(between, 1));
                    pool.visit(&mut |_| ());
                    assert_eq!(*pool.next(EDGES), END as Half);
                    genuine
                };
                assert_eq!(memory.reports.get() == 0, genuine, "{link} in {halves:?} of block {number}");
            }
        }
    }
}
