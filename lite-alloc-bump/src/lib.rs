//! `BumpFreeListAllocator`: free blocks of powers of two, in a list for each size, and nothing else.
//!
//! ```text
//!   bins   8 ─→ ┌ link ┬┐ ─→ ┌ link ┬┐
//!         16    └──────┴┘    └──────┴┘
//!         32 ─→ ┌ link ┬────────────┐
//!         64    └──────┴────────────┘
//!          …
//! ```
//!
//! Every block takes a power of two of bytes, and lies at a multiple of that. A request is served from the bin of its size, or else
//! from the next one that has a block, which is cut in halves until it is short enough. There is no bump pointer that would have to be
//! kept and looked after: a page from which one block of 8 bytes was cut is
//!
//! ```text
//!   0   8   16      32              64                              128
//!   ├───┼───┼───────┼───────────────┼───────────────────────────────┼── …
//!    live 8    16          32                      64                     and so on: one free block of each size
//! ```
//!
//! and the next small blocks come from the lowest of these, in rising order, as from a bump pointer: what is left of fresh
//! memory is written down in the bins as a number is in its binary digits.
//!
//! Nothing is merged, but for a block that grows into its other half, and yet memory does not grow without bound: a block is cut in
//! halves only when no free block of the size in need is left. So of each size there are hardly more than were live at once.

#![no_std]

use core::alloc::Layout;

use lite_alloc_core::address::{COUNTS_ZEROS, GRANULE, Region};
use lite_alloc_core::source::{DefaultSource, PageSource};
pub use lite_alloc_core::{Heap, address, arena, source};
use lite_alloc_core::{INTACT, Strategy, visit_list};

/// The allocator with the least code: blocks of powers of two, one free list for each size.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | O(1) if a block of that size was freed before, else O(log memory) |
/// | `dealloc` | O(1) |
/// | `realloc` | in place within its power of two, or to the next one if the memory behind it comes first in its bin; else O(size) |
///
/// A block takes the next power of two of its size, at least two words, and of its alignment: a third more than was
/// asked for, on average. It lies at a multiple of that, so that in a region of a power of two of bytes a block of half that certainly
/// fits; in 32-bit wasm, none is longer than 1 GiB. Free blocks are split but never merged, so memory that was cut small stays cut small.
///
/// For code that has to be small, and for short-lived work; a program that runs for long with little memory is better served by
/// `FreeListAllocator`.
pub type BumpFreeListAllocator<S = DefaultSource> = Heap<BumpFreeList, S>;

const GRANULE_BITS: usize = GRANULE.trailing_zeros() as usize;

/// One bin for each power of two from `GRANULE` on.
const BINS: usize = usize::BITS as usize - GRANULE_BITS;

/// The word of a free block that leads to the next one.
const LINK: usize = 0;

/// The algorithm of [`BumpFreeListAllocator`].
pub struct BumpFreeList {
    /// The first free block of `GRANULE << index` bytes; 0 if there is none. The last one's link is 0. Each lies at a multiple of its size.
    bins: [usize; BINS],
}

/// The bytes that a block takes: the least power of two that is no less than its size and its alignment.
///
/// At most half of the address space, as are a layout's size, rounded up to its alignment, and the alignment.
#[inline(always)]
const fn capacity(size: usize, align: usize) -> usize {
    let below = (size - 1) | (align - 1);
    if COUNTS_ZEROS { 1usize.rotate_right((below | (GRANULE - 1)).leading_zeros()) } else { doubled(below) }
}

/// The first of `GRANULE`, twice as much, and so on, that is more than `below`.
#[inline(always)]
const fn doubled(below: usize) -> usize {
    let mut power = GRANULE;
    while power <= below {
        power <<= 1;
    }
    power
}

/// The number of the lowest bit that is set.
#[inline(always)]
const fn lowest_bit(bits: usize) -> usize {
    if COUNTS_ZEROS { bits.trailing_zeros() as usize } else { searched(bits) }
}

/// The same, bit by bit.
#[inline(always)]
const fn searched(bits: usize) -> usize {
    let mut number = 0;
    while bits >> number & 1 == 0 {
        number += 1;
    }
    number
}

impl BumpFreeList {
    /// The bin of the blocks of `1 << number` bytes.
    #[inline(always)]
    fn bin(&mut self, number: usize) -> *mut usize {
        // SAFETY: all sizes and addresses are multiples of `GRANULE`, so `number` is one from `GRANULE_BITS` to `usize::BITS - 1`.
        unsafe { self.bins.as_mut_ptr().add(number - GRANULE_BITS) }
    }

    /// Puts a piece of memory into the bins, as blocks that each lie at a multiple of their size: as large ones as its ends allow.
    ///
    /// # Safety
    ///
    /// The piece is free and in no bin, and both ends are multiples of `GRANULE`.
    // A call at opt-level z, where it is called in several places. At s and 3, LLVM copies it: a small block takes a third less time.
    unsafe fn release<S: PageSource>(&mut self, source: &mut S, mut start: usize, mut end: usize) {
        while start != end {
            // The lowest bit of both ends is that of an end where a block of this size has to be.
            let number = lowest_bit(start | end);
            let mut block = start;
            // At the start, as long as the end has no lower bit: always so, where memory ends at a multiple of all that is cut from it.
            if S::EVEN || start >> number & 1 != 0 {
                start += 1 << number;
            } else {
                end -= 1 << number;
                block = end;
            }
            let bin = self.bin(number);
            // SAFETY: the block is a granule, two words, at the least, and the bin's from now on.
            unsafe {
                *source.word(block, LINK) = *bin;
                *bin = block;
            }
        }
    }
}

// SAFETY: a block is popped from a bin, which ends its being free; it lies at a multiple of its size, which is no less than its
// alignment. Bins hold disjoint pieces of the source's regions.
unsafe impl Strategy for BumpFreeList {
    const EMPTY: Self = Self { bins: [0; BINS] };

    #[inline(never)]
    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize {
        let size = capacity(size, align);
        let mut room = size;
        loop {
            let bin = self.bin(lowest_bit(room));
            // SAFETY: the first word of a free block is the bin's; the rest of the block is free, and in no bin any more.
            unsafe {
                let block = *bin;
                if block != 0 {
                    *bin = *source.word(block, LINK);
                    // What cannot be a block is left to `hardened` to find.
                    if INTACT || block & (room - 1) == 0 && block.wrapping_add(room) != 0 {
                        self.release(source, block + size, block + room);
                    }
                    return block;
                }
            }
            room <<= 1;
            if room == 0 {
                let Some(region) = source.fetch(size) else { return 0 };
                // SAFETY: the region is this heap's, and fresh.
                unsafe { self.release(source, region.start, region.end) };
                room = size;
            }
        }
    }

    // Large programs free in thousands of places, each of which would find the capacity; firmware does in few.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout) {
        // SAFETY: a block has that many bytes.
        unsafe { self.release(source, addr, addr + capacity(layout.size(), layout.align())) };
    }

    #[inline(never)]
    unsafe fn realloc<S: PageSource>(
        &mut self,
        source: &mut S,
        addr: usize,
        layout: Layout,
        new_size: usize,
    ) -> usize {
        let (old, new) = (capacity(layout.size(), layout.align()), capacity(new_size, layout.align()));
        if new == old {
            return addr;
        }
        // SAFETY: the block behind this one is free if it is the first in its bin; the tail that a shorter block leaves is free;
        // the rest is the caller's promise.
        unsafe {
            // The other half of a block of twice the size, if this is the lower one; if not, this is the block itself, which is in no bin.
            let other = addr | old;
            let bin = self.bin(lowest_bit(old));
            if *bin == other && new == 2 * old {
                *bin = *source.word(other, LINK);
                return addr;
            }
            // A shorter one moves as well: to cut a block in halves whenever one shrinks would leave ever more small ones.
            let mut moved = self.alloc(source, new_size, layout.align());
            if moved != 0 {
                source.at(addr).copy_to_nonoverlapping(source.at(moved), layout.size().min(new_size));
                self.release(source, addr, addr + old);
            } else if new < old {
                self.release(source, addr + new, addr + old);
                moved = addr;
            }
            moved
        }
    }

    unsafe fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        for (index, &first) in self.bins.iter().enumerate() {
            // SAFETY: the first word of a free block is the bin's.
            unsafe {
                visit_list(source, first, |start| {
                    visit(Region { start, end: start.wrapping_add(GRANULE << index) })
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::cell::UnsafeCell;

    use lite_alloc_core::source::Request;

    use super::*;

    const BYTES: usize = 4096;

    /// One region at a multiple of its size, granted once.
    #[repr(C, align(4096))]
    struct Page<const EVEN: bool> {
        bytes: UnsafeCell<[u8; BYTES]>,
        granted: bool,
    }

    // SAFETY: granted once, and the source is not moved.
    unsafe impl<const EVEN: bool> PageSource for Page<EVEN> {
        const ZEROED: bool = false;
        const EVEN: bool = EVEN;

        fn grow(&mut self, _request: Request) -> Option<Region> {
            let start = self.bytes.get().addr();
            (!core::mem::replace(&mut self.granted, true)).then_some(Region { start, end: start + BYTES })
        }

        fn at(&self, addr: usize) -> *mut u8 {
            self.bytes.get().cast::<u8>().with_addr(addr)
        }
    }

    /// Where a step's blocks lie in the page, and what is free then, summed up.
    fn run<const EVEN: bool>() -> [usize; 200] {
        let mut source = Page::<EVEN> { bytes: UnsafeCell::new([0; BYTES]), granted: false };
        let start = source.bytes.get().addr();
        let mut list = BumpFreeList::EMPTY;
        let mut blocks = [(0, Layout::new::<u8>()); 16];
        core::array::from_fn(|step| {
            let (block, layout) = &mut blocks[step * 7 % 16];
            let size = 1 + step * step * 31 % 400;
            // SAFETY: blocks are freed and resized as they were allocated.
            unsafe {
                if *block == 0 {
                    *layout = Layout::from_size_align(size, 1 << (step % 6)).unwrap();
                    *block = list.alloc(&mut source, size, layout.align());
                } else if step % 3 == 0 {
                    let moved = list.realloc(&mut source, *block, *layout, size);
                    if moved != 0 {
                        *layout = Layout::from_size_align(size, layout.align()).unwrap();
                        *block = moved;
                    }
                } else {
                    list.dealloc(&mut source, *block, *layout);
                    *block = 0;
                }
                let mut sum = block.saturating_sub(start);
                list.visit_free(&source, |piece| {
                    sum = sum.wrapping_mul(31) ^ (piece.start - start) ^ piece.len() << 16
                });
                sum
            }
        })
    }

    /// Which of the two ways `capacity` and `lowest_bit` go depends on the target.
    #[test]
    fn powers_doubled_and_bits_searched_are_those_counted() {
        for bit in 0..usize::BITS - 1 {
            let power = 1usize << bit;
            for below in [power - 1, power, power | power >> 1, power | 1] {
                assert_eq!(doubled(below), (below + 1).next_power_of_two().max(GRANULE), "more than {below}");
            }
            for bits in [power, power | power << 1, power.wrapping_neg()] {
                assert_eq!(searched(bits), bit as usize, "{bits:#x}");
            }
        }
    }

    /// A source whose regions end evenly takes a shorter way, which must lead to the same.
    #[test]
    fn even_ends_make_no_difference() {
        let (even, any) = (run::<true>(), run::<false>());
        assert_eq!(
            (0..even.len()).find(|&step| even[step] != any[step]),
            None,
            "the first step that differs"
        );
    }
}
