//! What `BoundedFreeListAllocator` promises besides what all do: a bound on each call, free memory merged at once, and found.
#![cfg(not(feature = "hardened"))]

#[macro_use]
mod common;

use core::alloc::GlobalAlloc;

use common::random::Random;
use common::rig::Rig;
use common::watch::Watch;
use common::{
    Bounded, KIB, Kind, LARGEST_POOL, MIB, Memory, free_pieces, in_one_region, joined, layout, much, test,
    total,
};
use lite_alloc_core::Heap;
use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::{PageSource, Request};

type Over<'a> = Heap<<Bounded as Kind>::Strategy, &'a Watch<'a>>;

/// How many accesses to memory a call may take in one pool: each is a word, and an instruction or two. That of all the bins is not
/// seen here; there are 16 or 32.
const ALLOC: usize = 18;
const DEALLOC: usize = 19;

/// One region.
fn memory() -> (Memory, usize) {
    let bytes = much(4 * MIB, 4 * MIB, 64 * KIB);
    in_one_region::<Bounded>(bytes.min(LARGEST_POOL))
}

/// Counts the accesses of all calls of a long program, in a heap that is full of holes from the start.
#[test]
fn every_call_takes_a_few_accesses() {
    let (mut memory, bytes) = memory();
    let watch = Watch::<true>::new(memory.bytes(), bytes);
    let heap = Over::with_source(&watch);
    let mut random = Random(1);
    let mut live = Vec::new();
    let (mut worst_alloc, mut worst_dealloc) = (0, 0);
    let mut alloc = |live: &mut Vec<_>, size: usize| {
        let before = watch.touches();
        // SAFETY: the size is not 0.
        let ptr = unsafe { heap.alloc(layout(size, 1)) };
        let taken = watch.touches() - before;
        if ptr.is_null() {
            return false;
        }
        live.push((ptr, size));
        // Without a block of twice the size, it looks for one that is just long enough. The first call clears the table.
        let seen = taken <= ALLOC || live.len() == 1;
        let largest = || free_pieces(&heap).iter().map(|piece| piece.len()).max().unwrap_or(0);
        assert!(
            seen || largest() < 2 * Bounded::extent(size),
            "{taken} accesses for {size} bytes, where {} are free",
            largest()
        );
        worst_alloc = worst_alloc.max(if taken <= ALLOC { taken } else { 0 });
        true
    };
    let mut dealloc = |live: &mut Vec<_>, random: &mut Random| {
        let (ptr, size) = live.swap_remove(random.below(live.len()));
        let before = watch.touches();
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, layout(size, 1)) };
        worst_dealloc = worst_dealloc.max(watch.touches() - before);
    };
    while alloc(&mut live, random.size(KIB)) {}
    for _ in 0..live.len() / 2 {
        dealloc(&mut live, &mut random);
    }
    for _ in 0..much(100_000, 50_000, 500) {
        if random.below(2) == 0 && !live.is_empty() {
            dealloc(&mut live, &mut random);
        } else {
            alloc(&mut live, random.size(16 * KIB));
        }
    }
    assert!(worst_dealloc <= DEALLOC, "{worst_dealloc} accesses to free a block");
    // And these are no more than it takes.
    assert!(cfg!(miri) || [worst_alloc, worst_dealloc] == [ALLOC, DEALLOC], "{worst_alloc}, {worst_dealloc}");
}

/// A long list of blocks that are nearly as long as what is asked for, and one that is long enough: the list is not gone through.
#[test]
fn blocks_of_nearly_the_size_are_passed_over() {
    let (mut memory, bytes) = memory();
    let watch = Watch::<true>::new(memory.bytes(), bytes);
    let heap = Over::with_source(&watch);
    let blocks: Vec<_> =
        (0..much(6000, 3000, 100)).map(|_| common::get(&heap, layout(8 * GRANULE, 8))).collect();
    for &ptr in blocks.iter().step_by(2) {
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, layout(8 * GRANULE, 8)) };
    }
    for align in [8, KIB, 16 * KIB] {
        let before = watch.touches();
        common::get(&heap, layout(9 * GRANULE, align));
        let taken = watch.touches() - before;
        // What the alignment skips is freed.
        assert!(taken <= ALLOC + if align > 8 { DEALLOC + 16 } else { 0 }, "{taken} accesses at {align}");
    }
}

/// No two free blocks touch, at any time.
#[test]
fn free_memory_is_merged_at_once() {
    let (mut memory, bytes) = memory();
    let watch = Watch::<true>::new(memory.bytes(), bytes);
    let heap = Over::with_source(&watch);
    let mut random = Random(7);
    let mut live: Vec<(*mut u8, _)> = Vec::new();
    for step in 0..much(3000, 1000, 100) {
        let layout = layout(random.size(KIB), 1 << random.below(10));
        // SAFETY: blocks are freed and resized as they were allocated; the size is not 0.
        unsafe {
            match random.below(3) {
                0 if !live.is_empty() => {
                    let (ptr, layout) = live.swap_remove(random.below(live.len()));
                    heap.dealloc(ptr, layout);
                }
                1 if !live.is_empty() => {
                    let index = random.below(live.len());
                    let (ptr, old) = live[index];
                    let ptr = heap.realloc(ptr, old, layout.size());
                    assert!(!ptr.is_null());
                    live[index] = (ptr, common::layout(layout.size(), old.align()));
                }
                _ => live.push((common::get(&heap, layout), layout)),
            }
        }
        let free = free_pieces(&heap);
        assert_eq!(joined(&free), free, "step {step}");
    }
}

/// A block grows into what is free behind it, and takes no more of that than it needs.
#[test]
fn realloc_takes_in_the_free_memory_behind() {
    let (mut memory, bytes) = memory();
    let watch = Watch::<true>::new(memory.bytes(), bytes);
    let mut rig = Rig::<Bounded>::new(&watch);
    for size in [100, 300, 100] {
        rig.get(size, 1).unwrap();
    }
    let addr = rig.live[0].addr();
    let room = Bounded::extent(100) + Bounded::extent(300);
    rig.dealloc(1).unwrap();
    for size in [101, 200, 201, room - 1, room] {
        assert!(rig.realloc(0, size).unwrap());
        assert_eq!(rig.live[0].addr(), addr, "moved to grow to {size}");
    }
    let free = total(&rig.free());
    assert!(rig.realloc(0, room + 1).unwrap());
    assert_ne!(rig.live[0].addr(), addr, "it overlaps the one behind");
    assert_eq!(total(&rig.free()), free - Bounded::extent(room + 1) + room);
    rig.dealloc_all().unwrap();
}

/// In memory that comes zeroed, a block that takes all of it is not cleared; what is kept at both ends of a free one is.
#[test]
fn block_of_a_whole_pool_is_zero() {
    let (mut memory, bytes) = memory();
    let watch = Watch::<true>::new(memory.bytes(), bytes);
    let mut rig = Rig::<Bounded>::new(&watch);
    let whole = bytes - Bounded::kept(bytes);
    assert!(rig.alloc(whole, 1, true).unwrap(), "{whole} bytes in a region of {bytes}");
    assert!(rig.free().is_empty());
    rig.dealloc_all().unwrap();
}

/// Gives a little first, wherever it is asked for memory, and then what is missing from there on.
struct Trickle {
    start: *mut u8,
    first: usize,
    given: usize,
}

// SAFETY: regions follow each other in memory that outlives the source, from which the pointers are.
unsafe impl PageSource for Trickle {
    const ZEROED: bool = false;

    fn grow(&mut self, request: Request) -> Option<Region> {
        let start = self.start.addr() + self.given;
        self.given += if self.given == 0 {
            self.first
        } else {
            assert_eq!(request.end, start, "the source expects to be asked for what follows");
            request.missing
        };
        Some(Region { start, end: self.start.addr() + self.given })
    }

    fn at(&self, addr: usize) -> *mut u8 {
        self.start.with_addr(addr)
    }
}

/// What a source gives before it gives enough is a pool as well, unless it has no room for blocks.
#[test]
fn region_that_is_too_small_is_not_lost() {
    for granules in (1..80).step_by(much(1, 1, 13)) {
        let memory = Memory::new(64 * KIB);
        // SAFETY: the memory is that long.
        unsafe { memory.start().write_bytes(0xA5, 64 * KIB) };
        let first = granules * GRANULE;
        let trickle = Trickle { start: memory.start(), first, given: 0 };
        let heap = Heap::<<Bounded as Kind>::Strategy, _>::with_source(trickle);
        let large = layout(KIB * GRANULE, 8);
        let ptr = common::get(&heap, large);
        assert!(ptr.addr() > memory.start().addr() + first);
        let room = first - Bounded::kept(first);
        let free = free_pieces(&heap);
        assert_eq!(total(&free), room, "a region of {first} bytes");
        if room != 0 {
            let small = common::get(&heap, layout(room, 8));
            assert_eq!(small.addr(), memory.start().addr() + Bounded::kept(first));
            // SAFETY: it is live and has that layout.
            unsafe { heap.dealloc(small, layout(room, 8)) };
        }
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, large) };
        assert_eq!(free_pieces(&heap).len(), 1 + usize::from(room != 0));
    }
}

/// That fills a pool of as many units as there are numbers for. A longer one is refused before the source is asked for it.
#[test]
#[cfg(target_pointer_width = "32")]
fn largest_block_of_all() {
    let bytes = MIB;
    let mut memory = Memory::aligned(bytes, bytes);
    let watch = Watch::<true>::new(memory.bytes(), common::PAGE);
    let heap = Over::with_source(&watch);
    let most = LARGEST_POOL - Bounded::kept(LARGEST_POOL);
    // SAFETY: the sizes are not 0.
    unsafe {
        for size in [most + 1, LARGEST_POOL - 1, LARGEST_POOL, LARGEST_POOL + 1, isize::MAX as usize] {
            assert!(heap.alloc(layout(size, 1)).is_null(), "{size} bytes");
        }
        assert!(heap.alloc(layout(most, 2 * GRANULE)).is_null());
        assert_eq!(watch.granted(), 0);
        let ptr = common::get(&heap, layout(most, GRANULE));
        ptr.write_bytes(1, most);
        assert_eq!((watch.granted(), free_pieces(&heap).len()), (LARGEST_POOL, 0));
        heap.dealloc(ptr, layout(most, GRANULE));
        assert_eq!(free_pieces(&heap)[0].len(), most);
    }
}

/// On 32-bit targets, a long region becomes several pools. No memory is lost, and blocks go back to where they came from.
#[test]
fn long_regions_are_used_in_full() {
    let bytes = 2 * MIB;
    let mut memory = Memory::aligned(bytes, bytes);
    let watch = Watch::<true>::new(memory.bytes(), bytes);
    let mut rig = Rig::<Bounded>::new(&watch);
    let mut random = Random(3);
    let most = much(200 * KIB, 100 * KIB, 400 * KIB);
    while rig.alloc(random.size(most) + 50 * KIB, 8, false).unwrap() {}
    assert!(rig.live.len() > 4);
    while !rig.live.is_empty() {
        rig.dealloc(random.below(rig.live.len())).unwrap();
    }
    assert_eq!(rig.free(), watch.usable::<Bounded>());
}
