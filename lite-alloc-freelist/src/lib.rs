//! `FreeListAllocator`: free blocks in bins by size, merged with their neighbours before memory grows.
//!
//! The paths that run often are short; the work that keeps memory small is put off and then done for all
//! free blocks at once:
//!
//! ```text
//!   alloc ──→ the bin of that size ──→ the frontier ──→ a larger bin ──→ sweep ──→ the source
//!                 pop                      bump           becomes the     sort,       grow
//!                                                          frontier       merge
//!   dealloc ──→ push
//! ```
//!
//! Programs mostly ask again for the sizes that they have just released. So most blocks go back and forth between the program and
//! a bin, for a push and a pop, and the block that was used last, which is still in the cache, is used next. What that leaves
//! scattered, the sweep puts together: it sorts the free blocks by address and merges those that touch. It runs
//!
//! - whenever no free block is large enough, before the source is asked for more;
//! - besides, once about a seventh of the memory has been freed, as soon as a bin has no block of the size that is asked for: before
//!   small blocks are cut from the frontier or from large ones, and lie about where larger ones could have been. Not so on bare
//!   metal: there memory cannot grow, and is put together when it has to be;
//! - with [`LargeHeapFreeListAllocator`], while blocks are freed, too.

#![no_std]

mod bins;
mod bounded;
mod class;
mod smallest;
mod sweep;

use core::alloc::Layout;
use core::hint::assert_unchecked;

use lite_alloc_core::address::{GRANULE, Region, mask_of, padding, round_up};
use lite_alloc_core::source::{DefaultSource, PageSource, Request};
use lite_alloc_core::{Frontier, INTACT, Strategy, keep_argument, visit_list};
pub use lite_alloc_core::{Heap, address, arena, source};

use bins::Bins;
pub use bounded::{Bounded, BoundedFreeListAllocator};
use class::BARE_METAL;
pub use smallest::{Smallest, SmallestFreeListAllocator};
use sweep::{sweep, sweep_and_judge};

/// The general-purpose allocator, for programs that run for long.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | O(1) from the bin or the frontier, O(bins) from a larger bin; O(free blocks) before memory grows, and (not on bare metal) each time about a seventh of it has been freed |
/// | `dealloc` | O(1) |
/// | `realloc` | O(1) in place at the frontier or when shrinking; else as `alloc`, and O(size) |
///
/// Memory grows only when no free block, merged with its free neighbours, is large enough; in wasm, from 5 MiB on by about an 80th of it more
/// than is needed. Blocks have no header: a block takes its size, rounded up to two words (8 bytes on 32-bit
/// targets).
///
/// Not for hard real time: a single `alloc` may have to sort all free blocks. On a Cortex-M4, most take about 40 instructions; the
/// worst in a heap of 16 KiB 11 000, and with 512 free blocks in 64 KiB 45 000. [`BoundedFreeListAllocator`] puts no work off.
///
/// For the least code, at the price of speed, there is [`SmallestFreeListAllocator`]; for large heaps, [`LargeHeapFreeListAllocator`].
pub type FreeListAllocator<S = DefaultSource> = Heap<FreeList, S>;

/// The same for programs that drop tens of MiB at once, a document's tree, say, and then ask for as much again.
///
/// What such a drop leaves in the bins comes back size by size, from all over the memory: JSON documents of 1 to 3 MiB, another one each time, take
/// 1.6 to 1.9 times as long in V8 as with std's default. Here they take 1.13 times as long, for free memory is put together bit by bit while blocks
/// are freed and still lie in the cache, and there is one piece of it when the program asks again. That takes about 140 instructions for each block
/// that is dropped. Where those that follow each other lie far apart, as when a large `HashMap` of boxes is dropped, it would be for nothing, and is left to
/// `alloc`.
///
/// Besides, to put together what lies beyond the cache waits for three blocks at a time: where 20 000 blocks of all sizes up to 32 KiB
/// come and go, a program takes 13 to 18 percent less time. The price of both is about 300 bytes of code.
///
/// Not for heaps in an array or in claimed regions under wasm, which count as large at any size.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | as [`FreeListAllocator`]'s |
/// | `dealloc` | O(1); where memory extends over 16 MiB and more, besides, about each time that a MiB has been freed, and blocks that follow each other lie near each other, O(these blocks), and 4096 others at the most; O(free blocks) once, if there turn out to be more: then not again until `alloc` finds fewer |
/// | `realloc` | O(1) in place at the frontier or when shrinking; else as `alloc` and `dealloc`, and O(size) |
///
/// On bare metal, it is `FreeListAllocator`.
pub type LargeHeapFreeListAllocator<S = DefaultSource> = Heap<FreeList<true>, S>;

/// No block: it ends where no frontier starts.
const NONE: Region = Region { start: 0, end: 1 };

/// The word of a free block that leads to the next one.
const LINK: usize = 0;
/// The word of a free block with its size in bytes.
const SIZE: usize = 1;

/// How many blocks of a bin are looked at while a sweep may find a better one.
const WALK: usize = 16;

/// A frontier of so many bytes is kept for large blocks: the bins are asked first. Not on bare metal, where few heaps have so much.
const LARGE: usize = 256 * 1024;

/// Requests of so many bytes never wait for a sweep only because much has been freed: where all blocks are large, each would.
const SMALL: usize = 16 * 1024;

/// How far memory has to extend for it to be put together while blocks are freed: less is held by caches as it is.
const CACHED: usize = 16 << 20;

/// How many bytes are freed before that is done: as many as a cache next to the processor still holds.
const BATCH: isize = 1 << 20;

/// Blocks that lie no farther from each other may touch what else was freed in a batch.
const NEAR: usize = BATCH as usize;

/// A sweep that leaves more blocks found them too far apart, and the next one would have to sort them all again: none is done while blocks are
/// freed, until `alloc` has done one that leaves fewer.
const SCATTERED: usize = 4096;

/// Whether a heap keeps in mind where its memory lies, for a sweep to look at no digit that all addresses share. In wasm, that is not
/// far from 0, and the source knows where it ends.
const BOUNDS: bool = !cfg!(target_family = "wasm");

/// The size of a free block. With the feature `hardened`, a program that goes on writing to memory it has freed may have left any number
/// there: it is no more than what lies above the block then, so that the sum is an address, and a multiple of `GRANULE`, as classes expect.
///
/// # Safety
///
/// It is a free block, whose second word is `SIZE`.
#[inline(always)]
unsafe fn size_of_free<S: PageSource>(source: &S, block: usize) -> usize {
    // SAFETY: the caller's promise.
    let size = unsafe { *source.word(block, SIZE) };
    if INTACT { size } else { size.min(usize::MAX - block) & !(GRANULE - 1) }
}

/// Calls `visit` with every block of a list.
///
/// # Safety
///
/// `block` is a free block or 0, and so is whatever the links lead to: their first two words are `LINK` and `SIZE`.
unsafe fn visit_blocks<S: PageSource>(source: &S, block: usize, visit: &mut impl FnMut(Region)) {
    // SAFETY: the caller's promise.
    unsafe {
        visit_list(source, block, |start| visit(Region { start, end: start + size_of_free(source, start) }));
    }
}

/// Whether the next few blocks of a list lie near each other, as do those that were freed in about the order in which they were allocated.
///
/// # Safety
///
/// It is a list of free blocks.
unsafe fn follow_near<S: PageSource>(source: &S, mut block: usize) -> bool {
    for _ in 0..4 {
        // SAFETY: the caller's promise.
        let next = unsafe { *source.word(block, LINK) };
        // No farther off in either direction: `abs_diff` would take 13 bytes more of wasm.
        if next == 0 || next.wrapping_sub(block).wrapping_add(NEAR) > 2 * NEAR {
            return false;
        }
        block = next;
    }
    true
}

/// Moves a block to where there is room for `new_size` bytes, more than it has. 0, and it stays, if there is none.
///
/// # Safety
///
/// As for [`Strategy::realloc`].
#[inline(always)]
unsafe fn lengthen<S: PageSource>(
    strategy: &mut impl Strategy,
    source: &mut S,
    addr: usize,
    layout: Layout,
    new_size: usize,
) -> usize {
    // SAFETY: the caller's promise; two live blocks do not overlap.
    unsafe {
        let moved = strategy.alloc(source, new_size, layout.align());
        if moved != 0 {
            source.at(addr).copy_to_nonoverlapping(source.at(moved), layout.size());
            strategy.dealloc(source, addr, layout);
        }
        moved
    }
}

/// The algorithm of [`FreeListAllocator`], and, if `LARGE_HEAP`, of [`LargeHeapFreeListAllocator`].
///
/// In two parts, for in wasm, LLVM is to know the address of one and not that of the other: what `push` gets is then a constant, and
/// need not be handed over.
// In this order, for Cortex-M0 has no short instruction for a field that lies behind the bins.
#[repr(C)]
pub struct FreeList<const LARGE_HEAP: bool = false> {
    state: State,
    bins: Bins,
}

/// All that a heap knows but its free blocks.
#[repr(C)]
struct State {
    frontier: Frontier,
    /// With `BOUNDS`, nothing of the heap lies at or above this: the ends of its regions, combined with `or`, which takes less code than
    /// to compare, and is no less than each.
    ceiling: usize,
    /// With `BOUNDS`, how far below the end of the address space the heap starts: the greatest of the negated starts of its regions.
    /// Exact, for it says how large the heap is. Else 0.
    depth: usize,
    /// The address of the bin that the last search began with; no bin's if there was a sweep since. If the frontier is a large one, that
    /// search has found no smaller block for it: the bins from there on need not be searched again. No more than a hint, for a heap may be
    /// moved. Not on bare metal.
    barren: usize,
    /// How many more bytes may be freed before the next sweep, about: in `alloc` once it is less than 0, and, if the heap may be large, while blocks
    /// are freed once it is less than `-BATCH`. Not on bare metal.
    credit: isize,
    /// If the heap may be large, whether the last sweep left more than `SCATTERED`. On bare metal, it takes no memory.
    scattered: [bool; !BARE_METAL as usize],
}

impl State {
    /// What is left of the frontier.
    #[inline(always)]
    fn rest(&self) -> Region {
        let rest = self.frontier.rest();
        // SAFETY: it starts at a multiple of `GRANULE`. Where nothing is ever resized, LLVM leaves out what is for that.
        unsafe { assert_unchecked(rest.start != NONE.end || !INTACT) }
        rest
    }

    /// Takes note of where a region lies.
    #[inline(always)]
    fn reach(&mut self, region: Region) {
        if BOUNDS {
            self.ceiling |= region.end;
            self.depth = self.depth.max(region.start.wrapping_neg());
        }
    }

    /// No block of the heap starts above this.
    #[inline(always)]
    fn ceiling<S: PageSource>(&self, source: &S) -> usize {
        if BOUNDS { self.ceiling } else { source.last() }
    }

    /// `depth`, where it counts.
    #[inline(always)]
    fn depth(&self) -> usize {
        if BOUNDS { self.depth } else { 0 }
    }

    /// How many bytes the heap has up to `end`, with what lies between its regions.
    #[inline(always)]
    fn extent(&self, end: usize) -> usize {
        end.wrapping_add(self.depth())
    }

    /// The same state. In wasm, where the address of a static takes five bytes of code, it is found at run time, so that what is done
    /// with several of its fields names them by their offsets from a local, which takes two.
    #[inline(always)]
    fn at_run_time(&mut self) -> &mut Self {
        #[cfg(not(target_arch = "wasm32"))]
        return self;
        #[cfg(target_arch = "wasm32")]
        {
            // There are 2^16 pages at most, of 64 KiB, so this is zero, but LLVM does not know that. A sum with it would not do: LLVM adds the offset
            // of a field to the address of the static first.
            let nothing = core::arch::wasm32::memory_size::<0>() >> 17;
            let addr = core::ptr::from_mut(self).expose_provenance() | nothing;
            // SAFETY: this is `self`, which is not used as long as this is.
            unsafe { &mut *core::ptr::with_exposed_provenance_mut(addr) }
        }
    }
}

impl<const LARGE_HEAP: bool> FreeList<LARGE_HEAP> {
    /// Frees a piece of memory, which may be empty.
    ///
    /// # Safety
    ///
    /// As for `Bins::push`. `align` is an alignment.
    #[inline(always)]
    unsafe fn release<S: PageSource>(&mut self, source: &mut S, start: usize, size: usize, align: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if BARE_METAL {
                self.bins.push_out_of_line(source, start, size);
            } else {
                self.release_and_count(source, start, size, align);
            }
        }
    }

    /// The same where freed memory is counted. Out of line, for a program frees in very many places.
    ///
    /// # Safety
    ///
    /// As for `release`.
    #[inline(never)]
    unsafe fn release_and_count<S: PageSource>(
        &mut self,
        source: &mut S,
        start: usize,
        size: usize,
        align: usize,
    ) {
        // Should it wrap around, the next sweep comes later; but it does come before memory grows.
        let credit = self.state.credit.wrapping_sub(size as isize);
        self.state.credit = credit;
        // SAFETY: the caller's promise.
        unsafe {
            keep_argument(align);
            self.bins.push(source, start, size);
        }
        if LARGE_HEAP && credit < -BATCH {
            self.sweep_if_large(source, start, size);
        }
    }

    /// Sweeps a large heap. Not when the block that was freed last, of `size` bytes, is a large one, for these soon make a batch: with
    /// the next small one.
    #[cold]
    fn sweep_if_large<S: PageSource>(&mut self, source: &mut S, block: usize, size: usize) {
        let Self { state, bins } = self;
        // Of no bytes, it is no block.
        if (1..SMALL).contains(&size) {
            if !state.scattered.contains(&true)
                && state.extent(state.ceiling(source)) / CACHED != 0
                // SAFETY: it was put into its bin just now.
                && unsafe { follow_near(source, block) }
            {
                sweep_and_judge(state, bins, source);
            }
            state.credit = -1;
        }
    }

    /// Finds a block of `size` bytes, a multiple of `GRANULE`: the first of its bin, or what `cut` finds. It may start where `own` does, a
    /// live block or `NONE`, if that ends where the frontier starts. Returns 0 if there is no room and no more memory.
    fn take<S: PageSource>(&mut self, source: &mut S, own: Region, size: usize, align: usize) -> usize {
        let Self { state, bins } = self;
        let mask = mask_of(align);
        let bin = bins.of(size);
        if state.rest().start != own.end {
            let block = bins.pop(source, bin, size, mask);
            if block != 0 {
                return block;
            }
        }
        self.cut(source, own, bin, size, mask)
    }

    /// The same from the frontier, a larger block, or fresh memory, where `bin` is the bin of that size and `mask` that of the alignment.
    // Not that cold, but at opt-level 3, LLVM would make one function of this and what is short before it. At opt-level z, it does, as that
    // takes less.
    #[cold]
    fn cut<S: PageSource>(
        &mut self,
        source: &mut S,
        own: Region,
        bin: usize,
        size: usize,
        mask: usize,
    ) -> usize {
        let Self { state, bins } = self;
        let at_frontier = state.rest().start == own.end;
        let state = state.at_run_time();
        // A block that ends at the frontier stays there, which a sweep might move. Without branches, which LLVM would draw consequences from,
        // 21 bytes of them.
        let mut due = !BARE_METAL && !at_frontier & (state.credit < 0) & (size < SMALL);
        let mut swept = false;
        loop {
            // The sweep stands in one place, whatever it is for, as it is inlined there, unless blocks that are freed need it too. On bare metal,
            // that is further down.
            if !BARE_METAL && due {
                if LARGE_HEAP {
                    sweep_and_judge(state, bins, source);
                } else {
                    sweep::<false, S>(state, bins, source);
                }
                (due, swept) = (false, true);
            }
            let rest = state.rest();
            let here = rest.start == own.end;
            let base = if here { own.start } else { rest.start };
            let pad = padding(base, mask);
            let need = pad + size;
            let room = rest.end - base;
            let fits = need <= room;
            // A large frontier is for large blocks: the bins come first, unless they were searched already. A block that ends there
            // stays.
            if fits && (BARE_METAL || (room < LARGE) | here || bin >= state.barren) {
                state.frontier.top = base + need;
                if pad != 0 {
                    // SAFETY: the frontier has left what the alignment skips.
                    unsafe { bins.push_out_of_line(source, base, pad) };
                }
                return base + pad;
            }
            if !BARE_METAL {
                state.barren = bin;
            }
            let mut region = bins.find(source, bin, size, mask, if swept { usize::MAX } else { WALK });
            if region.start == 0 {
                if fits {
                    continue;
                }
                if !swept {
                    if BARE_METAL {
                        sweep::<false, S>(state, bins, source);
                        swept = true;
                    } else {
                        due = true;
                    }
                    continue;
                }
                // No two free blocks touch, and the frontier is the highest. Each growth costs a sweep. So where memory is large, it
                // grows by about an 80th of it more than is needed; but not on bare metal, where sources hand out all they have.
                let ahead = if BARE_METAL { 0 } else { state.extent(rest.end) / 80 };
                // Of what is needed from `base` on, the frontier has what lies below its end.
                let missing = base.wrapping_add(need).wrapping_sub(rest.end);
                let Some(grown) = source.grow(Request { end: rest.end, missing, ahead, size, mask }) else {
                    return 0;
                };
                region = grown;
                state.reach(region);
            }
            state.frontier.end = region.end;
            if region.start != rest.end {
                state.frontier.top = region.start;
                // SAFETY: the frontier has left its old region.
                unsafe { bins.push_out_of_line(source, rest.start, rest.len()) };
            }
        }
    }
}

// SAFETY: blocks are cut from the frontier or taken from a bin; bins hold disjoint pieces that the frontier or a
// block once was, and merged pieces that touch.
unsafe impl<const LARGE_HEAP: bool> Strategy for FreeList<LARGE_HEAP> {
    const EMPTY: Self = Self {
        state: State {
            frontier: Frontier::EMPTY,
            ceiling: 0,
            depth: 0,
            barren: 0,
            credit: 0,
            scattered: [false; !BARE_METAL as usize],
        },
        bins: Bins::EMPTY,
    };

    #[inline(never)]
    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize {
        self.take(source, NONE, round_up(size), align)
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
        // SAFETY: the caller's promise; what is released is nobody's then. A block moves only to become longer, and to where it
        // does not overlap.
        unsafe {
            if new <= old {
                self.release(source, addr + new, old - new, layout.align());
                return addr;
            }
            let block = self.take(source, Region { start: addr, end: addr + old }, new, layout.align());
            if block != 0 && block != addr {
                source.at(addr).copy_to_nonoverlapping(source.at(block), layout.size());
                self.release(source, addr, old, layout.align());
            }
            block
        }
    }

    unsafe fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        visit(self.state.rest());
        // SAFETY: the caller's promise.
        unsafe { self.bins.visit(source, visit) };
    }
}
