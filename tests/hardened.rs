//! What the feature `hardened` must not break in correct programs, where it does things of its own.
#![cfg(feature = "hardened")]

#[macro_use]
mod common;

use core::alloc::GlobalAlloc;
use core::cell::Cell;

use common::{Checked, KIB, Kind, Memory, PAGE, UNIT, asked, filling, get, is_filled, largest, layout};
use lite_alloc_core::Heap;
use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::{ClaimedRegions, PageSource, Request};

/// What is too long for a layout once there is room around it.
fn blocks_that_cannot_be_are_refused<K: Kind>() -> Checked {
    let heap = Heap::<K::Strategy>::new();
    let longest = isize::MAX as usize;
    for size in [longest, longest - GRANULE] {
        // SAFETY: the size is not 0.
        assert!(unsafe { heap.alloc(layout(size, 1)) }.is_null(), "{size} bytes");
    }
    get(&heap, layout(1000, 8));
    Ok(())
}
per_strategy!(blocks_that_cannot_be_are_refused);

/// Blocks that fill up two banks to the last byte: what a heap leaves of the one comes back to it.
fn rest_of_a_bank_is_used_after_the_heap_has_moved_on<K: Kind>() -> Checked {
    let memory = Memory::new(PAGE);
    let heap = Heap::<K::Strategy, _>::with_source(ClaimedRegions::new());
    const BANK: usize = 16 * KIB;
    for bank in [0, 2 * BANK] {
        // SAFETY: inside the memory, which nobody else uses, and which outlives the heap.
        assert_eq!(unsafe { heap.claim(memory.start().add(bank), BANK) }, Ok(BANK));
    }
    for size in filling::<K>(BANK) {
        get(&heap, layout(largest(size), 8));
    }
    // SAFETY: the size is not 0.
    assert!(unsafe { heap.alloc(layout(1, 1)).is_null() });
    Ok(())
}
// Segregated hands it back to the source, which would keep words in there that nobody watches: it is forgotten.
per_strategy!(rest_of_a_bank_is_used_after_the_heap_has_moved_on: bump, freelist, smallest, bounded);

/// A source that first says where its memory begins, which is no address that a block may have, and then gives what is
/// missing, to the granule.
struct Sip<'a> {
    next: usize,
    /// What was missing at first.
    missing: &'a Cell<usize>,
}

// SAFETY: regions follow each other in memory that outlives the source, and is exposed; the first one is empty.
unsafe impl PageSource for Sip<'_> {
    const ZEROED: bool = false;

    fn grow(&mut self, request: Request) -> Option<Region> {
        let start = self.next;
        if request.end != start {
            return Some(Region { start, end: start });
        }
        if self.missing.get() == 0 {
            self.missing.set(request.missing);
        }
        self.next += request.missing.next_multiple_of(GRANULE);
        Some(Region { start, end: self.next })
    }
}

fn sources_that_name_their_end_first_are_asked_for_enough<K: Kind>() -> Checked {
    for (size, align) in [(1, 1), (500, 8), (24, 4 * GRANULE), (3000, 64 * GRANULE)] {
        let memory = Memory::new(PAGE);
        // What comes first is somebody else's.
        let foreign = memory.start();
        // SAFETY: inside the memory.
        unsafe { foreign.write_bytes(0x5A, GRANULE) };
        let start = foreign.expose_provenance() + GRANULE;
        let missing = Cell::new(0);
        let heap = Heap::<K::Strategy, _>::with_source(Sip { next: start, missing: &missing });
        let ptr = get(&heap, layout(size, align));
        let (block, multiple) = K::place(asked(layout(size, align)).0);
        let wanted = if K::EXTENDS {
            start.next_multiple_of(multiple) - start + block
        } else {
            // A whole pool, in which a block of that alignment fits in any case.
            let pools = (1..).map(|units| units * UNIT);
            let fits = |&bytes: &usize| K::fits(Region { start: 0, end: bytes }, block, multiple);
            start.next_multiple_of(UNIT) - start + pools.into_iter().find(fits).unwrap()
        };
        assert_eq!(missing.get(), wanted);
        // SAFETY: the block is that long, and it is not used from here on.
        unsafe {
            ptr.write_bytes(1, size);
            heap.dealloc(ptr, layout(size, align));
            assert!(
                is_filled(core::slice::from_raw_parts(foreign, GRANULE), 0x5A),
                "the heap left its region"
            );
        }
    }
    Ok(())
}
per_strategy!(sources_that_name_their_end_first_are_asked_for_enough);

/// A source that gives what comes next, whatever is asked for.
struct Next<'a>(core::slice::Iter<'a, Region>);

// SAFETY: regions lie apart, in memory that outlives the source, and is exposed. What is too small is followed by what is not.
unsafe impl PageSource for Next<'_> {
    const ZEROED: bool = false;

    fn grow(&mut self, _request: Request) -> Option<Region> {
        self.0.next().copied()
    }
}

/// As where another thread grows memory first. Found by review: with the feature, Smallest did not ask again.
fn too_little_memory_elsewhere_is_not_the_end<K: Kind>() -> Checked {
    let memory = Memory::aligned(8 * PAGE, 4 * PAGE);
    let start = memory.start().expose_provenance();
    let piece = |at, len| Region { start: start + at, end: start + at + len };
    let regions = [piece(0, 4 * KIB), piece(PAGE, 4 * KIB), piece(4 * PAGE, 4 * PAGE)];
    let heap = Heap::<K::Strategy, _>::with_source(Next(regions.iter()));
    get(&heap, layout(100, 8));
    get(&heap, layout(20_000, 8));
    Ok(())
}
per_strategy!(too_little_memory_elsewhere_is_not_the_end);

/// Found by review: free blocks were looked at as they are, in a call that holds the lock.
fn damaged_lists_can_be_looked_at<K: Kind>() -> Checked {
    let memory = Memory::new(PAGE);
    let start = memory.start().expose_provenance();
    // Whether it leads to itself, to no multiple, or to the end of the address space.
    for link in [None, Some(0x41), Some(usize::MAX & !63)] {
        let region = [Region { start, end: start + PAGE }];
        let heap = Heap::<K::Strategy, _>::with_source(Next(region.iter()));
        let blocks = [(); 6].map(|()| get(&heap, layout(24, 8)));
        for &ptr in blocks.iter().step_by(2) {
            // SAFETY: the block is live, and has that layout.
            unsafe { heap.dealloc(ptr, layout(24, 8)) };
        }
        let at = blocks[2].wrapping_sub(UNIT);
        // SAFETY: misuse, in memory of the heap, which is not used any more.
        unsafe { at.cast::<usize>().write(link.unwrap_or(at.addr())) };
        let mut count = 0;
        // SAFETY: nothing is allocated.
        unsafe { heap.visit_free(|_| count += 1) };
        assert!(count < 100, "{count} pieces are free");
    }
    Ok(())
}
per_strategy!(damaged_lists_can_be_looked_at);
