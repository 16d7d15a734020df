//! What a heap does with memory as a whole: whose it is, how much it takes, what becomes of it when it is freed, and
//! how much work that is.
// These tests know to the byte what a heap takes.
#![cfg(not(feature = "hardened"))]

#[macro_use]
mod common;

use core::alloc::{GlobalAlloc, Layout};

use common::random::Random;
use common::rig::Rig;
use common::watch::Watch;
use common::{
    Checked, FreeList, KIB, Kind, MIB, Memory, PAGE, free_pieces, get, in_one_region, layout, much, test,
    total,
};
use lite_alloc_core::Heap;
use lite_alloc_core::address::GRANULE;

type Over<'a, K> = Heap<<K as Kind>::Strategy, &'a Watch<'a>>;

// Memory of somebody else.

/// The rig checks after every step that no block, no free piece and no write is in somebody else's pages.
fn foreign_growth_before_the_first_allocation_is_not_touched<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    watch.foreign_growth(3);
    let mut rig = Rig::<K>::new(&watch);
    for size in [1, 100, 1000, 100_000] {
        rig.get(size, 8)?;
    }
    assert_eq!(watch.foreign().len(), 1);
    rig.dealloc_all()
}
per_strategy!(foreign_growth_before_the_first_allocation_is_not_touched);

/// lite-alloc 0.1.0, mini-alloc and picoalloc hand such pages out.
fn foreign_growth_between_allocations_is_not_touched<K: Kind>() -> Checked {
    let mut memory = Memory::new(8 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    for round in 1..=much(10, 10, 2) {
        for size in [16, 100, 3000, 40_000, 70_000] {
            rig.get(size, 8)?;
            rig.alloc(size, 16, true)?;
            watch.foreign_growth(round % 3);
            // The block at the top, with somebody right behind its page, and one further down.
            let top = rig.live.len() - 1;
            rig.realloc(top, 2 * size)?;
            rig.realloc(top - 1, size + 1)?;
        }
        for _ in 0..4 {
            rig.dealloc(rig.live.len() / 2)?;
        }
    }
    assert!(watch.foreign().len() > much(10, 10, 8));
    rig.dealloc_all()
}
per_strategy!(foreign_growth_between_allocations_is_not_touched);

fn rest_before_a_foreign_page_is_still_used<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    rig.get(1000, 8)?;
    watch.foreign_growth(1);
    rig.get(PAGE, 8)?;
    let granted = watch.granted();
    rig.get(PAGE / 2, 8)?;
    assert_eq!(watch.granted(), granted, "the first page has room for that");
    rig.dealloc_all()
}
per_strategy!(rest_before_a_foreign_page_is_still_used: bump, freelist);

// How much memory is taken.

fn memory_grows_by_what_is_needed<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    assert_eq!(watch.pages(), 0, "a heap takes memory before it is asked for any");
    rig.get(1, 1)?;
    assert_eq!(watch.pages(), 1);
    rig.get(PAGE - 128, 1)?;
    assert_eq!(watch.pages(), 1, "what is left of a page was not used");
    rig.get(3 * PAGE, 1)?;
    assert_eq!(watch.pages(), 4, "what is left of a page was not counted in");
    rig.get(MIB, 1)?;
    assert_eq!(watch.pages(), 4 + MIB / PAGE);
    Ok(())
}
per_strategy!(memory_grows_by_what_is_needed: segregated, freelist);

/// A block of a power of two lies at a multiple of it. What that skips is used as well.
fn memory_grows_by_a_power_of_two_and_what_its_alignment_skips<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    // From an address with no lower bit than that of 16 pages on.
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    watch.foreign_growth_to_multiple(16 * PAGE);
    let before = watch.pages();
    let mut rig = Rig::<K>::new(&watch);
    assert_eq!(watch.pages(), before, "a heap takes memory before it is asked for any");
    for (size, pages) in [(1, 1), (PAGE / 2, 1), (3 * PAGE, 8), (PAGE, 8), (2 * PAGE, 8), (9 * PAGE, 32)] {
        rig.get(size, 1)?;
        assert_eq!(watch.pages() - before, pages, "after {size} bytes");
    }
    rig.get(8 * PAGE, 1)?;
    assert_eq!(watch.pages() - before, 32);
    Ok(())
}
per_strategy!(memory_grows_by_a_power_of_two_and_what_its_alignment_skips: bump);

/// lol_alloc 0.4.1: each refused request left memory 1023 pages larger. The rig checks that pages and free memory
/// are as before.
fn refused_requests_leave_memory_as_it_was<K: Kind>() -> Checked {
    const PAGES: usize = 8;
    // A test failed in Miri: where memory starts at a multiple of all there is, a block of powers of two takes all of it.
    for skipped in [0, 1] {
        let mut memory = Memory::new(4 * MIB);
        let watch = Watch::<true>::new(memory.bytes(), PAGE);
        watch.foreign_growth_to_multiple(PAGES * PAGE);
        watch.foreign_growth(skipped);
        watch.limit_to(PAGES);
        let mut rig = Rig::<K>::new(&watch);
        for round in 0..30 {
            for (size, align) in
                [(PAGES * PAGE + 1, 1), ((PAGES + 1) * PAGE, PAGE), (1 << 30, 16), (PAGES * PAGE - 1000, 8)]
            {
                let served = rig.alloc(size, align, round % 2 == 0)?;
                assert!(!served || (round == 0 && size < PAGES * PAGE), "{size} bytes at {align} are served");
            }
            rig.alloc(100 + round, 1 << (round % 8), false)?;
            if round % 4 == 3 {
                if rig.live.len() > 1 {
                    rig.dealloc(1)?;
                } else {
                    assert_eq!(total(&rig.free()), 0, "small blocks were refused, though memory is free");
                }
            }
        }
        rig.dealloc_all()?;
    }
    Ok(())
}
per_strategy!(refused_requests_leave_memory_as_it_was);

fn refusal_of_the_source_passes<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    for size in [10, PAGE, 2 * PAGE, 3 * PAGE] {
        watch.refuse(true);
        assert!(!rig.alloc(size, 1, false)?);
        watch.refuse(false);
        rig.get(size, 1)?;
    }
    rig.dealloc_all()
}
per_strategy!(refusal_of_the_source_passes);

/// lite-alloc 0.1.0, bump and segregated: pointers past the end. The rig checks where every block lies.
fn exhausted_memory_gives_null_and_nothing_past_the_end<K: Kind>() -> Checked {
    for pages in [0, 1, 2] {
        let mut memory = Memory::new(MIB);
        let watch = Watch::<true>::new(memory.bytes(), PAGE);
        watch.limit_to(pages);
        let mut rig = Rig::<K>::new(&watch);
        // Ever smaller, so that the last byte is reached.
        for size in [30_000, 1000, 300, 16] {
            let align = if size == 300 { 64 } else { 8 };
            while rig.alloc(size, align, size == 1000)? {}
            assert!(!rig.alloc(size, align, true)?);
            for index in (0..rig.live.len()).step_by(7) {
                rig.realloc(index, 40_000)?;
            }
        }
        let live: usize = rig.live.iter().map(|block| block.layout.size()).sum();
        assert!(live + PAGE / 4 > pages * PAGE, "only {live} bytes of {pages} pages were served");
        rig.dealloc_all()?;
    }
    Ok(())
}
per_strategy!(exhausted_memory_gives_null_and_nothing_past_the_end);

fn capped_memory_can_be_exhausted_again_after_it_is_freed<K: Kind>() -> Checked {
    let sizes = if cfg!(miri) { [128, 5000].as_slice() } else { &[8, 64, 100, 128, 1000, 5000] };
    for &size in sizes {
        if !K::KEEPS_ALL && size > common::LARGEST_BIN {
            continue;
        }
        let mut memory = Memory::new(MIB);
        let watch = Watch::<true>::new(memory.bytes(), PAGE);
        watch.limit_to(2);
        let heap = Over::<K>::with_source(&watch);
        let layout = layout(size, 8);
        let mut counts = Vec::new();
        for round in 0..4 {
            let mut blocks = Vec::new();
            loop {
                // SAFETY: the size is not 0.
                let ptr = unsafe { heap.alloc(layout) };
                if ptr.is_null() {
                    break;
                }
                // SAFETY: the block is that long.
                unsafe { ptr.write_bytes(round, size) };
                blocks.push(ptr);
            }
            counts.push(blocks.len());
            Random(u64::from(round)).shuffle(&mut blocks);
            for ptr in blocks {
                // SAFETY: it is live and has that layout.
                unsafe { heap.dealloc(ptr, layout) };
            }
        }
        let extent = K::extent(size);
        let fit = if K::EXTENDS { 2 * PAGE / extent } else { 2 * ((PAGE - K::kept(PAGE)) / extent) };
        assert_eq!(counts, [fit; 4], "blocks of {size} bytes in two pages, each round");
    }
    Ok(())
}
per_strategy!(capped_memory_can_be_exhausted_again_after_it_is_freed);

/// However many others were freed after it, and come first in a list.
fn block_that_was_freed_serves_the_same_request_in_capped_memory<K: Kind>() -> Checked {
    let large = if K::KEEPS_ALL { 20_000 } else { common::LARGEST_BIN };
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    watch.limit_to(1);
    let mut rig = Rig::<K>::new(&watch);
    rig.get(large, 8)?;
    // Live blocks in between, so that there is nothing to be merged.
    for size in [16, 24, 32, 48, 64] {
        for _ in 0..10 {
            rig.get(size, 8)?;
        }
    }
    for piece in rig.free() {
        rig.get(piece.len(), 1)?;
    }
    rig.dealloc(0)?;
    for index in (2..50).rev().step_by(2) {
        rig.dealloc(index)?;
    }
    assert!(rig.alloc(large, 8, false)?, "{large} bytes are refused; free is {:x?}", rig.free());
    rig.dealloc_all()
}
per_strategy!(block_that_was_freed_serves_the_same_request_in_capped_memory);

/// rlsf 0.2.3 does not serve one of half the memory.
fn one_block_of_the_whole_memory_fits_after_everything_is_freed<K: Kind>() -> Checked {
    let mut random = Random(5);
    for round in 0..much(10, 10, 2) {
        let (mut memory, page) = in_one_region::<K>(MIB);
        let watch = Watch::<true>::new(memory.bytes(), page);
        let mut rig = Rig::<K>::new(&watch);
        while rig.alloc(1 + random.below(30_000), 1 << random.below(10), false)? {}
        while !rig.live.is_empty() {
            rig.dealloc(random.below(rig.live.len()))?;
            if round % 2 == 0 && random.below(3) == 0 {
                rig.alloc(1 + random.below(10_000), 8, false)?;
            }
            if rig.live.len() < 3 {
                rig.dealloc_all()?;
            }
        }
        assert_eq!(watch.granted(), MIB);
        for whole in watch.usable::<K>() {
            let bytes = whole.len();
            assert!(rig.alloc(bytes, 1, round % 3 == 0)?, "{bytes} bytes are free, but not in one block");
        }
        rig.dealloc_all()?;
    }
    Ok(())
}
per_strategy!(one_block_of_the_whole_memory_fits_after_everything_is_freed: freelist, bounded);

/// A place that fits only because it happens to be aligned is found before a request is refused.
fn over_aligned_request_is_served_from_the_one_place_it_fits<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    watch.limit_to(3);
    let mut rig = Rig::<K>::new(&watch);
    // Three pages in full, two of whose blocks start at the start of a page.
    for size in [4, 60, 4, 60, 64] {
        rig.get(size * KIB, 8)?;
    }
    rig.dealloc(2)?;
    rig.dealloc(0)?;
    for _ in 0..2 {
        assert!(rig.alloc(2 * KIB, 4 * KIB, false)?, "refused, although there is {:x?}", rig.free());
    }
    rig.dealloc_all()
}
per_strategy!(over_aligned_request_is_served_from_the_one_place_it_fits: freelist);

// Capacity over time.

/// lite-alloc 0.1.0, bump: a large block reused for a small request was lost for good.
fn large_block_cut_for_small_ones_keeps_its_capacity<K: Kind>() -> Checked {
    for size in [16, 48, 1000] {
        let mut memory = Memory::new(MIB);
        let watch = Watch::<true>::new(memory.bytes(), PAGE);
        let mut rig = Rig::<K>::new(&watch);
        rig.get(PAGE, 8)?;
        rig.dealloc(0)?;
        let count = PAGE / K::extent(size);
        for _ in 0..count.min(much(1000, 200, 20)) {
            rig.get(size, 8)?;
        }
        assert_eq!(watch.pages(), 1, "memory grew although the block that is free has room");
        // And its rest is one piece still, or one of each power of two.
        let rest = total(&rig.free());
        if K::POWERS {
            let free = rig.free();
            assert_eq!(free.len(), rest.count_ones() as usize, "{free:x?}");
            for piece in free {
                rig.get(piece.len(), 8)?;
            }
        } else if rest >= 16 {
            rig.get(rest, 8)?;
        }
        assert_eq!(watch.pages(), 1, "the rest of the block is not all there");
    }
    Ok(())
}
per_strategy!(large_block_cut_for_small_ones_keeps_its_capacity: bump, freelist);

const ROUNDS: usize = much(100_000, 20_000, 100);

/// The blocks of `BumpFreeListAllocator` are never merged, so it needs one of each size.
fn rounds_of_large_small_large_do_not_grow_memory<K: Kind>() -> Checked {
    let bound = if K::COALESCES { 1 } else { 2 };
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    let (large, small) = (layout(60_000, 8), layout(16, 8));
    for round in 0..ROUNDS {
        // SAFETY: each block is freed once, with its layout.
        unsafe {
            let first = get(&heap, large);
            heap.dealloc(first, large);
            let second = get(&heap, small);
            heap.dealloc(second, small);
            let third = get(&heap, large);
            heap.dealloc(third, large);
        }
        assert!(watch.pages() <= bound, "{} pages in round {round}", watch.pages());
    }
    assert_eq!(total(&free_pieces(&heap)), watch.granted(), "bytes were lost");
    Ok(())
}
per_strategy!(rounds_of_large_small_large_do_not_grow_memory: bump, freelist);

/// Found by a soak, in regular expressions: a block that shrank was cut, and nothing put it together again.
fn shrinking_again_and_again_does_not_grow_memory<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    for _ in 0..much(100, 100, 10) {
        let block = rig.get(PAGE, 8)?;
        assert!(rig.realloc(block, 100)?);
        rig.dealloc(block)?;
    }
    assert!(watch.pages() <= 2, "{} pages for one", watch.pages());
    Ok(())
}
per_strategy!(shrinking_again_and_again_does_not_grow_memory: bump, freelist);

/// lite-alloc 0.1.0, free list: memory grew without bound in steady traffic.
fn steady_traffic_does_not_grow_memory_without_bound<K: Kind>() -> Checked {
    let largest = if K::KEEPS_ALL { 2000 } else { common::LARGEST_BIN };
    let steps = much(200_000, 60_000, 2000);
    let mut memory = Memory::new(32 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    let mut random = Random(9);
    let mut live: Vec<(*mut u8, Layout)> = Vec::new();
    let (mut bytes, mut most) = (0, 0);
    for step in 0..steps {
        if live.len() < 300 || (live.len() < 700 && random.below(2) == 0) {
            let layout = layout(1 + random.below(largest), 8);
            live.push((get(&heap, layout), layout));
            bytes += K::extent(layout.size());
        } else {
            let (ptr, layout) = live.swap_remove(random.below(live.len()));
            bytes -= K::extent(layout.size());
            // SAFETY: it is live and has that layout.
            unsafe { heap.dealloc(ptr, layout) };
        }
        most = most.max(bytes);
        let granted = watch.granted();
        assert!(granted <= 2 * most + PAGE, "step {step}: {granted} bytes taken for {most} at most");
    }
    Ok(())
}
per_strategy!(steady_traffic_does_not_grow_memory_without_bound);

/// wee_alloc 0.4.5: two vectors that double to 1 MiB in turn exhausted the memory in 78 rounds.
fn vectors_doubling_in_turn_do_not_exhaust_memory<K: Kind>() -> Checked {
    let (mut memory, page) = in_one_region::<K>(12 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), page);
    let heap = Over::<K>::with_source(&watch);
    for round in 0..much(1000, 300, 3) {
        let mut vectors = [(get(&heap, layout(16, 8)), 16), (get(&heap, layout(16, 8)), 16)];
        while vectors[1].1 < MIB.min(K::LARGEST) {
            for (ptr, size) in &mut vectors {
                // SAFETY: it is live and has that layout; the block is that long.
                unsafe {
                    ptr.write(round as u8);
                    *ptr = heap.realloc(*ptr, layout(*size, 8), 2 * *size);
                    *size *= 2;
                    assert!(!ptr.is_null(), "round {round}: {size} bytes are refused");
                    assert_eq!(ptr.read(), round as u8);
                }
            }
        }
        for (ptr, size) in vectors {
            // SAFETY: it is live and has that layout.
            unsafe { heap.dealloc(ptr, layout(size, 8)) };
        }
    }
    Ok(())
}
per_strategy!(vectors_doubling_in_turn_do_not_exhaust_memory: bump, freelist, bounded);

// Coalescing.

/// talc 5.1.1 with its claim source, and rlsf small: blocks of two growths never merge.
fn blocks_of_two_growths_merge<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    rig.get(PAGE, 8)?;
    rig.get(PAGE, 8)?;
    assert_eq!(watch.pages(), 2);
    rig.dealloc_all()?;
    rig.get(2 * PAGE, 8)?;
    assert_eq!(watch.pages(), 2, "two pages are free, and two blocks were not merged");
    rig.dealloc_all()?;
    rig.get(3 * PAGE, 8)?;
    assert!(watch.pages() < 5, "what is free at the end of memory was not counted in");
    Ok(())
}
per_strategy!(blocks_of_two_growths_merge: freelist);

/// Frees `blocks` of equal size in the order given, and expects all memory back as one block.
fn coalesces(order: impl Fn(&mut Vec<usize>)) {
    for size in [GRANULE, 48, 500, 4000, PAGE].into_iter().skip(much(0, 0, 2)) {
        let mut memory = Memory::new(16 * PAGE);
        let watch = Watch::<true>::new(memory.bytes(), PAGE);
        let heap = Over::<FreeList>::with_source(&watch);
        let layout = layout(size, 8);
        let mut blocks: Vec<_> = (0..4 * PAGE / FreeList::extent(size)).map(|_| get(&heap, layout)).collect();
        blocks.sort_unstable();
        let mut indices: Vec<_> = (0..blocks.len()).collect();
        order(&mut indices);
        for index in indices {
            // SAFETY: it is live, has that layout, and no index comes twice.
            unsafe { heap.dealloc(blocks[index], layout) };
        }
        assert_eq!(watch.pages(), 4);
        let whole = get(&heap, common::layout(4 * PAGE, 8));
        assert_eq!(watch.pages(), 4, "memory grew, so blocks of {size} bytes were not merged");
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(whole, common::layout(4 * PAGE, 8)) };
    }
}

#[test]
fn blocks_freed_forward_coalesce() {
    coalesces(|_| {});
}

#[test]
fn blocks_freed_backward_coalesce() {
    coalesces(|order| order.reverse());
}

#[test]
fn blocks_freed_evens_then_odds_coalesce() {
    coalesces(|order| order.sort_by_key(|index| index % 2));
}

#[test]
fn blocks_freed_in_random_order_coalesce() {
    for seed in 0..much(5, 5, 1) as u64 {
        coalesces(|order| Random(seed).shuffle(order));
    }
}

/// Wherever they lie, whatever lives around them, in whichever order they were freed. Memory must not grow.
fn two_adjacent_free_blocks_serve_their_sum<K: Kind>() -> Checked {
    for (size, other) in [(16, 16), (100, 30), (1000, 3000), (PAGE / 2, PAGE / 4)] {
        for at in (0..5).step_by(much(1, 1, 3)) {
            for backward in [false, true] {
                let (mut memory, page) = in_one_region::<K>(MIB);
                let watch = Watch::<true>::new(memory.bytes(), page);
                let mut rig = Rig::<K>::new(&watch);
                for _ in 0..3 {
                    rig.get(size, 8)?;
                    rig.get(other, 8)?;
                }
                // Nothing else is free.
                let rest = total(&rig.free());
                if rest > 0 {
                    rig.get(rest, 8)?;
                }
                let mut addrs = [rig.live[at].addr(), rig.live[at + 1].addr()];
                if backward {
                    addrs.reverse();
                }
                for addr in addrs {
                    let index = rig.live.iter().position(|block| block.addr() == addr);
                    rig.dealloc(index.unwrap())?;
                }
                let pages = watch.pages();
                rig.get(K::extent(size) + K::extent(other), 8)?;
                assert_eq!(watch.pages(), pages);
                assert_eq!(rig.live.last().unwrap().addr(), addrs[0].min(addrs[1]));
                rig.dealloc_all()?;
            }
        }
    }
    Ok(())
}
per_strategy!(two_adjacent_free_blocks_serve_their_sum: freelist, bounded);

// Work.

/// A heap with `count` free blocks of `size` bytes, no two of which touch, and the blocks between them.
fn riddled<'a, K: Kind>(watch: &'a Watch<'a>, count: usize, size: usize) -> (Over<'a, K>, Vec<*mut u8>) {
    let heap = Over::<K>::with_source(watch);
    let blocks: Vec<_> = (0..2 * count).map(|_| get(&heap, layout(size, 8))).collect();
    for &ptr in blocks.iter().step_by(2) {
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, layout(size, 8)) };
    }
    assert!(free_pieces(&heap).len() >= count);
    (heap, blocks.into_iter().skip(1).step_by(2).collect())
}

const MANY: usize = much(100_000, 100_000, 500);

/// How many accesses to memory an operation may take, on average over all since the heap was made.
const AFFORDABLE: usize = 100;

/// lol_alloc: O(N). Counted in accesses to memory, so a slow machine does not matter. None of these requests fits
/// in any of the free blocks, which is the worst case for a search. Only where blocks are merged may a single
/// request take long, and not all of them.
fn long_free_list_does_not_slow_down_allocation<K: Kind>() -> Checked {
    const REQUESTS: usize = much(20_000, 20_000, 100);
    let (mut memory, page) = in_one_region::<K>(16 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), page);
    let (heap, _) = riddled::<K>(&watch, MANY, 32);
    for index in 0..REQUESTS {
        let before = watch.touches();
        get(&heap, layout(48 + index % 5 * 16, 8));
        // At once, for a search that goes through all of them would take for ever.
        let touches = watch.touches() - before;
        assert!(touches <= 50 || K::COALESCES, "{touches} accesses for one allocation");
        assert!(
            watch.touches() <= AFFORDABLE * (3 * MANY + REQUESTS),
            "{} accesses after allocation {index} with {MANY} free blocks",
            watch.touches()
        );
    }
    Ok(())
}
per_strategy!(long_free_list_does_not_slow_down_allocation: bump, segregated, freelist, bounded);

fn long_free_list_does_not_slow_down_release<K: Kind>() -> Checked {
    let (mut memory, page) = in_one_region::<K>(16 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), page);
    let (heap, _) = riddled::<K>(&watch, MANY, 32);
    let blocks: Vec<_> = (0..1000).map(|_| get(&heap, layout(32, 8))).collect();
    for ptr in blocks {
        let touches = watch.touches();
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, layout(32, 8)) };
        let touches = watch.touches() - touches;
        assert!(touches <= 50, "{touches} accesses for one release");
    }
    Ok(())
}
per_strategy!(long_free_list_does_not_slow_down_release);

/// Each of these requests makes memory grow, with 10^5 free blocks that none can use. Where blocks are merged, they are looked at first,
/// a few times each.
fn long_free_list_does_not_slow_down_growth<K: Kind>() -> Checked {
    const REQUESTS: usize = much(100, 100, 10);
    let mut memory = Memory::new(32 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let (heap, _) = riddled::<K>(&watch, MANY, 32);
    for _ in 0..REQUESTS {
        let touches = watch.touches();
        get(&heap, layout(PAGE, 8));
        let touches = watch.touches() - touches;
        let affordable = if K::COALESCES { 12 * MANY } else { 50 };
        assert!(touches <= affordable, "{touches} accesses for one growth with {MANY} free blocks");
    }
    Ok(())
}
per_strategy!(long_free_list_does_not_slow_down_growth);

/// Written when it went unnoticed that a heap put its free blocks together at every request.
fn free_blocks_are_seldom_put_together<K: Kind>() -> Checked {
    const COUNT: usize = much(2000, 2000, 100);
    let mut memory = Memory::new(8 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let (heap, live) = riddled::<K>(&watch, COUNT, KIB);
    // Half of the memory was freed, so that comes first.
    get(&heap, layout(8, 8));
    let touches = watch.touches();
    // Another tenth.
    let traffic = live.into_iter().take(COUNT / 5).map(|ptr| {
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, layout(KIB, 8)) };
        // No block of that size was freed.
        get(&heap, layout(40, 8))
    });
    let requests = traffic.count();
    let touches = watch.touches() - touches;
    assert!(touches <= 20 * requests, "{touches} accesses for {requests} requests");
    Ok(())
}
per_strategy!(free_blocks_are_seldom_put_together: freelist);

/// Allocates small blocks until they take `bytes`, and hands them out in order.
fn many_blocks(heap: &impl GlobalAlloc, bytes: usize, sizes: &[usize]) -> Vec<(*mut u8, Layout)> {
    let mut left = bytes;
    let mut blocks = Vec::new();
    for &size in sizes.iter().cycle().take_while(|&&size| {
        left = left.saturating_sub(size);
        left > 0
    }) {
        blocks.push((get(heap, layout(size, 8)), layout(size, 8)));
    }
    blocks
}

/// Frees blocks, and nothing else. Returns how many accesses to memory that took for each.
fn drop_all(heap: &impl GlobalAlloc, watch: &Watch, blocks: &[(*mut u8, Layout)]) -> usize {
    let touches = watch.touches();
    for &(ptr, layout) in blocks {
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, layout) };
    }
    (watch.touches() - touches) / blocks.len()
}

/// Documents of a few MiB that were parsed one after the other took two and a half times as long as with std's allocator: what
/// the tree of one had left in the bins, the next got from all over the memory.
fn what_a_large_heap_drops_is_put_together<K: Kind>() -> Checked {
    const SIZES: [&[usize]; 2] = if cfg!(miri) {
        [&[10_000, 16_000], &[1 << 18, 10_000]]
    } else {
        [&[40, 16, 304, 24, 8, 72], &[1 << 16, 4000, 4000]]
    };
    for sizes in SIZES {
        let mut memory = Memory::new(24 * MIB);
        let watch = Watch::<true>::new(memory.bytes(), PAGE);
        let heap = Over::<K>::with_source(&watch);
        let blocks = many_blocks(&heap, 22 * MIB, sizes);
        let touches = drop_all(&heap, &watch, &blocks);
        // What has been freed since the last sweep, a MiB and a block at the most, is not yet merged.
        let pieces = free_pieces(&heap);
        assert!(pieces.len() < blocks.len() / 14, "{} pieces of {} blocks", pieces.len(), blocks.len());
        assert!(pieces.iter().any(|piece| piece.len() > 20 * MIB));
        // Two to free a block, and four to sort it once.
        assert!(touches <= 10, "{touches} accesses for each block");
    }
    Ok(())
}
per_strategy!(what_a_large_heap_drops_is_put_together: large_heap);

/// A map of two million vectors took five times as long to drop: the first sweep found a fifth of the heap, sorted it, and merged nothing.
#[cfg(not(miri))]
fn what_a_large_heap_drops_in_any_order_is_left_alone<K: Kind>() -> Checked {
    let mut memory = Memory::new(64 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    drop_all(&heap, &watch, &many_blocks(&heap, 60 * MIB, &[512]));
    // As this finds all memory in one piece, the next sweep of `alloc` is far off.
    let mut blocks = many_blocks(&heap, 60 * MIB, &[504]);
    Random(3).shuffle(&mut blocks);
    let touches = watch.touches();
    drop_all(&heap, &watch, &blocks);
    let touches = watch.touches() - touches;
    assert!(free_pieces(&heap).len() >= blocks.len());
    // Two to free a block, and a few for each MiB.
    assert!(touches <= 2 * blocks.len() + 1000, "{touches} accesses for {} blocks", blocks.len());
    Ok(())
}
#[cfg(not(miri))]
per_strategy!(what_a_large_heap_drops_in_any_order_is_left_alone: freelist, large_heap);

/// Where that merges next to nothing, it must not be tried again and again, nor keep `alloc` from merging what can be merged by then. Found by
/// review: one way not to do the former did the latter.
#[cfg(not(miri))]
fn what_cannot_be_put_together_is_left_to_alloc<K: Kind>() -> Checked {
    let mut memory = Memory::new(64 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    let blocks = many_blocks(&heap, 60 * MIB, &[512]);
    let halves = [0, 1].map(|first| blocks.iter().copied().skip(first).step_by(2).collect::<Vec<_>>());
    for half in halves {
        let touches = drop_all(&heap, &watch, &half);
        assert!(free_pieces(&heap).len() >= half.len());
        // Two to free a block, and four to sort it once.
        assert!(touches <= 6, "{touches} accesses for each block");
    }
    get(&heap, layout(8, 8));
    assert!(free_pieces(&heap).len() <= 2);
    Ok(())
}
#[cfg(not(miri))]
per_strategy!(what_cannot_be_put_together_is_left_to_alloc: freelist, large_heap);

/// Found by review: a sweep that merged nothing emptied the bin that a program lived on, so `alloc` swept, too, and both again and again.
#[cfg(not(miri))]
fn what_cannot_be_put_together_does_not_slow_down_others<K: Kind>() -> Checked {
    const PAIRS: usize = 60_000;
    let mut memory = Memory::new(64 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let (heap, _) = riddled::<K>(&watch, 60 * KIB, 512);
    let touches = watch.touches();
    for _ in 0..PAIRS {
        drop_all(&heap, &watch, &[(get(&heap, layout(1000, 8)), layout(1000, 8))]);
    }
    let touches = (watch.touches() - touches) / PAIRS;
    assert!(touches <= 15, "{touches} accesses for each pair");
    Ok(())
}
#[cfg(not(miri))]
per_strategy!(what_cannot_be_put_together_does_not_slow_down_others: freelist, large_heap);

/// A cache holds it as it is, and what was freed last is used next. In wasm, memory is as large as that of all that the tests are run with.
#[cfg(not(target_family = "wasm"))]
fn what_a_small_heap_drops_is_left_alone<K: Kind>() -> Checked {
    const BLOCK: usize = much(64, 64, 8 * KIB);
    let mut memory = Memory::aligned(8 * MIB, 16 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    let blocks = many_blocks(&heap, 7 * MIB, &[BLOCK]);
    let touches = drop_all(&heap, &watch, &blocks);
    assert!(free_pieces(&heap).len() >= blocks.len());
    assert!(touches <= 3, "{touches} accesses for each block");
    Ok(())
}
#[cfg(not(target_family = "wasm"))]
per_strategy!(what_a_small_heap_drops_is_left_alone: freelist, large_heap);

/// Where memory is large, it grows by a little more than is needed, but not if that is what the source refuses.
fn large_memory_grows_ahead<K: Kind>() -> Checked {
    let mut memory = Memory::new(24 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    let small = layout(64, 8);
    let first = get(&heap, small);
    get(&heap, layout(20 * MIB, 8));
    let last = layout(free_pieces(&heap)[0].len(), 1);
    // SAFETY: both are live and have these layouts.
    unsafe {
        heap.dealloc(get(&heap, last), last);
        heap.dealloc(first, small);
    }
    let granted = watch.granted();
    get(&heap, layout(last.size() + 1, 1));
    // A page is needed. Of 20 MiB, an 80th is four more, also in wasm, where addresses are counted from 0.
    assert_eq!((watch.granted() - granted) / PAGE, 5);

    // All that there is: nothing is left to grow ahead by.
    let rest = free_pieces(&heap).pop().unwrap();
    get(&heap, layout(rest.len() + watch.left() * PAGE, 1));
    assert_eq!(watch.left(), 0);
    Ok(())
}
per_strategy!(large_memory_grows_ahead: freelist);

/// Free blocks that are nearly as long as what is asked for share a bin with those that are long enough. The search looks at a
/// few of them, and then elsewhere.
fn free_blocks_of_nearly_the_size_do_not_slow_down_allocation<K: Kind>() -> Checked {
    let (mut memory, page) = in_one_region::<K>(16 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), page);
    let (heap, _) = riddled::<K>(&watch, 2000, KIB);
    let large = layout(MIB.min(K::LARGEST), 8);
    let ptr = get(&heap, large);
    // SAFETY: it is live and has that layout.
    unsafe { heap.dealloc(ptr, large) };
    // So much has been freed that free blocks may be put together first.
    get(&heap, layout(8, 8));
    for _ in 0..50 {
        let before = watch.touches();
        get(&heap, layout(KIB + 48, 8));
        let touches = watch.touches() - before;
        assert!(touches <= 100, "{touches} accesses for one allocation");
    }
    Ok(())
}
per_strategy!(free_blocks_of_nearly_the_size_do_not_slow_down_allocation: bump, freelist, bounded);

/// Before memory grows, though, all of them are looked at: the only one that is long enough comes last.
fn last_block_of_a_bin_is_found_before_memory_grows<K: Kind>() -> Checked {
    let (mut memory, page) = in_one_region::<K>(MIB);
    let watch = Watch::<true>::new(memory.bytes(), page);
    let heap = Over::<K>::with_source(&watch);
    let wanted = layout(KIB + 48, 8);
    let sizes = core::iter::once(wanted).chain(core::iter::repeat_n(layout(KIB, 8), 50));
    // Every other block stays.
    let blocks: Vec<_> = sizes.map(|layout| (get(&heap, layout), layout, get(&heap, layout))).collect();
    for rest in free_pieces(&heap) {
        get(&heap, layout(rest.len(), 1));
    }
    for &(ptr, layout, _) in &blocks {
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(ptr, layout) };
    }
    let granted = watch.granted();
    assert_eq!(get(&heap, wanted), blocks[0].0);
    assert_eq!(watch.granted(), granted, "memory grew");
    Ok(())
}
per_strategy!(last_block_of_a_bin_is_found_before_memory_grows: freelist, bounded);

/// Once much has been freed, free blocks are put together before a small one is cut from where a large one could have been.
fn much_that_was_freed_is_put_together_before_more_is_cut<K: Kind>() -> Checked {
    let mut memory = Memory::new(2 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    let sizes = [40, 40, 8, MIB];
    let blocks = sizes.map(|size| get(&heap, layout(size, 8)));
    for index in [0, 1, 3] {
        // SAFETY: it is live and has that layout.
        unsafe { heap.dealloc(blocks[index], layout(sizes[index], 8)) };
    }
    assert_eq!(get(&heap, layout(80, 8)), blocks[0]);
    // The large one is whole.
    let granted = watch.granted();
    assert_eq!(get(&heap, layout(MIB, 8)), blocks[3]);
    assert_eq!(watch.granted(), granted, "memory grew");
    Ok(())
}
per_strategy!(much_that_was_freed_is_put_together_before_more_is_cut: freelist);

/// The block that was freed last is still in the cache: the next request of its size gets it.
fn block_that_was_just_freed_is_the_next_of_its_size<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Over::<K>::with_source(&watch);
    for size in [1, 16, 40, 100, 128] {
        let layout = layout(size, 8);
        let blocks: Vec<_> = (0..10).map(|_| get(&heap, layout)).collect();
        for index in [3, 8, 0] {
            // SAFETY: it is live and has that layout; what is got in its place is not freed here.
            unsafe { heap.dealloc(blocks[index], layout) };
            assert_eq!(get(&heap, layout), blocks[index], "after block {index} of {size} bytes was freed");
        }
    }
    Ok(())
}
per_strategy!(block_that_was_just_freed_is_the_next_of_its_size);

#[test]
fn pages_may_be_of_any_size() {
    // The size of a page is the source's business: nothing in a heap counts on 64 KiB.
    for page in [GRANULE, KIB, 4 * KIB] {
        let mut memory = Memory::new(PAGE);
        let watch = Watch::<true>::new(memory.bytes(), page);
        let mut rig = Rig::<FreeList>::new(&watch);
        for size in [1, GRANULE, 100, KIB, 5 * KIB] {
            rig.get(size, 8).unwrap();
        }
        rig.dealloc_all().unwrap();
    }
}
