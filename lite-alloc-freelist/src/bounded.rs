//! The trade for a bound on each call: free memory is merged as it is freed, and found without a search.
//!
//! Each region that the source gives is a pool of its own. Pools are linked from the highest down; most programs have one.

mod pool;

use core::alloc::Layout;
use core::mem::replace;

use lite_alloc_core::address::{Region, mask_of, round_up};
use lite_alloc_core::source::{DefaultSource, PageSource, Request};
use lite_alloc_core::{Heap, INTACT, Strategy};

use crate::lengthen;
use pool::{MOST, Pool, UNIT, overhead};

/// The trade for a bound on each call: what [`FreeListAllocator`](crate::FreeListAllocator) promises of one region of memory, without putting
/// any work off. For interrupts, control loops, and whatever else has a deadline.
///
/// | operation | cost |
/// |---|---|
/// | `alloc` | O(1) where there is a free block of twice the size; else O(free blocks), before it is refused |
/// | `dealloc` | O(1) |
/// | `realloc` | in place when shrinking, or where enough is free right behind: O(1); else as `alloc` and `dealloc`, and O(size) |
///
/// On a Cortex-M4, in heaps of 16 and 64 KiB, the worst `alloc` that was measured takes 109 instructions, 3 more for each doubling of
/// that, and the worst `dealloc` 68, both 4 more with `critical-section`; in a program that anywhere asks for alignments above two words, 14
/// more for `alloc`, and 46 for such a request, which is O(1) where there is a free block of twice the size and the alignment together.
/// Where TLSF, known for such bounds, has no block that is certainly long enough, it returns null; here, there is a search then.
///
/// Each region keeps a bit for each two words of it for itself, and a few hundred bytes: on 32-bit targets, 400 bytes of 16 KiB. The first
/// `alloc` that needs the region clears them; one that has no more than that is no use. A region is fetched if a block fits in it wherever
/// that lies, and so for an alignment above two words only if there is room for as much besides.
///
/// All costs are for one region; with more, a call may look into each of them. On 32-bit targets, so many are 512 KiB, and no block is longer
/// than what the table leaves of that.
///
/// Not for memory that grows, as that of WebAssembly does: what was fetched at different times is never merged.
pub type BoundedFreeListAllocator<S = DefaultSource> = Heap<Bounded, S>;

/// The algorithm of [`BoundedFreeListAllocator`].
pub struct Bounded {
    /// The base of the highest pool; 0 if there is none. Each pool is linked to the next lower one, the last to 0.
    highest: usize,
}

/// How many units a size takes.
const fn units(size: usize) -> usize {
    round_up(size) / UNIT
}

impl Bounded {
    /// The pool of a block, and the unit that it starts at. O(pools).
    ///
    /// # Safety
    ///
    /// The block is this heap's.
    #[inline(always)]
    unsafe fn place<'a, S: PageSource>(&self, source: &'a S, addr: usize) -> (Pool<'a, S>, usize) {
        let mut pool = Pool { source, base: self.highest };
        while pool.base > addr {
            // SAFETY: the pool of a block is the highest one that starts below it, so there is another.
            pool.base = unsafe { *pool.next_pool() };
        }
        let unit = (addr - pool.base) / UNIT;
        (pool, unit)
    }

    /// Makes a pool of the next region of the source that a block fits in, or several of a long one. Returns whether there was one.
    #[inline(never)]
    fn grow<S: PageSource>(&mut self, source: &mut S, size: usize, mask: usize) -> bool {
        // That will do wherever the region lies, and besides it what the pool keeps for itself, which becomes more as the region does.
        let least = size + mask / UNIT;
        let mut all = 0;
        loop {
            let more = least + overhead(all);
            if more > MOST {
                return false;
            }
            if more == all {
                break;
            }
            all = more;
        }
        let bytes = all * UNIT;
        let mut request = Request { end: 0, missing: bytes, ahead: 0, size: bytes, mask: mask_of(UNIT) };
        loop {
            let Some(region) = source.grow(request) else { return false };
            let mut base = region.start;
            while base != region.end {
                let units = ((region.end - base) / UNIT).min(MOST);
                if units > overhead(units) {
                    let mut link = &raw mut self.highest;
                    // SAFETY: the units are the heap's, as the region is; pools are linked from the highest down.
                    unsafe {
                        while *link > base {
                            link = Pool { source: &*source, base: *link }.next_pool();
                        }
                        let next = replace(&mut *link, base);
                        Pool { source: &*source, base }.init(units, next);
                    }
                }
                base += units * UNIT;
            }
            if region.len() >= bytes {
                return true;
            }
            // Too little, or nothing yet, at an end that can be named now.
            request.end = region.end;
        }
    }
}

// SAFETY: a block is units that were free, of a pool; pools are disjoint parts of the source's regions.
unsafe impl Strategy for Bounded {
    const EMPTY: Self = Self { highest: 0 };

    #[inline(never)]
    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize {
        let (size, mask) = (units(size), mask_of(align));
        let (mut all, mut grown) = (false, false);
        loop {
            let mut pool = Pool { source: &*source, base: self.highest };
            while pool.base != 0 {
                // SAFETY: it is one of this heap's; the size is not 0.
                unsafe {
                    let addr = pool.take(size, mask, all);
                    if addr != 0 {
                        return addr;
                    }
                    pool.base = *pool.next_pool();
                }
            }
            // A hardened source shows no free block any more once memory was found damaged.
            if all && (!INTACT && grown || !self.grow(source, size, mask)) {
                return 0;
            }
            (all, grown) = (true, all);
        }
    }

    #[inline(always)]
    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout) {
        // SAFETY: the caller's promise; a block has so many units.
        unsafe {
            let (pool, start) = self.place(source, addr);
            pool.release(start, units(layout.size()));
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
        let (old, new) = (units(layout.size()), units(new_size));
        // SAFETY: the caller's promise; the tail that a shorter block leaves is nobody's. A block moves only to become longer, and to where
        // it does not overlap.
        unsafe {
            let (pool, start) = self.place(source, addr);
            if new < old {
                pool.release(start + new, old - new);
            }
            if new <= old || pool.extend(start + old, new - old) {
                return addr;
            }
            lengthen(self, source, addr, layout, new_size)
        }
    }

    unsafe fn visit_free<S: PageSource>(&self, source: &S, mut visit: impl FnMut(Region)) {
        let mut pool = Pool { source, base: self.highest };
        while pool.base != 0 {
            // SAFETY: it is one of this heap's.
            unsafe {
                pool.visit(&mut visit);
                pool.base = *pool.next_pool();
            }
        }
    }
}
