//! What a single block is promised to be: aligned, its own, zeroed where asked, resized with its contents kept.
// These tests know to the byte what a heap takes.
#![cfg(not(feature = "hardened"))]

#[macro_use]
mod common;

use core::alloc::GlobalAlloc;

use common::rig::Rig;
use common::watch::Watch;
use common::{Checked, KIB, Kind, MIB, Memory, PAGE, free_pieces, get, is_filled, layout, much, total};
use lite_alloc_core::Heap;
use lite_alloc_core::address::GRANULE;

fn blocks_of_every_small_size_are_apart<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    const MOST: usize = much(300, 300, 60);
    for size in 1..=MOST {
        rig.get(size, 1)?;
    }
    // Free every other one, so that the second half is served from blocks that were used.
    for index in (0..MOST / 2).rev() {
        rig.dealloc(2 * index)?;
    }
    for size in (1..=MOST).step_by(3) {
        rig.get(size, 1)?;
    }
    rig.dealloc_all()
}
per_strategy!(blocks_of_every_small_size_are_apart);

/// lite-alloc 0.1.0, bump: a free block was reused whatever its alignment.
fn reused_block_has_the_alignment_asked_for<K: Kind>() -> Checked {
    let mut memory = Memory::new(8 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    // Live blocks between the free ones, so that those stay where they are, at every offset.
    for size in [16, 32, 64, 128, 200, 1000, 5000] {
        for _ in 0..5 {
            rig.get(size, 1)?;
            rig.get(size, 1)?;
            rig.dealloc(rig.live.len() - 2)?;
        }
    }
    for bits in 0..=16 {
        for size in [1, 16, 32, 64, 128, 200, 1000, 5000] {
            rig.get(size, 1 << bits)?;
        }
    }
    rig.dealloc_all()
}
per_strategy!(reused_block_has_the_alignment_asked_for);

fn over_aligned_block_is_reused<K: Kind>() -> Checked {
    for bits in 5..=16 {
        for size in [24, 128, 3000] {
            let mut memory = Memory::new(MIB);
            let watch = Watch::<true>::new(memory.bytes(), PAGE);
            let mut rig = Rig::<K>::new(&watch);
            rig.get(8, 1)?;
            rig.get(size, 1 << bits)?;
            rig.dealloc(1)?;
            let granted = watch.granted();
            for _ in 0..much(100, 100, 3) {
                rig.get(size, 1 << bits)?;
                rig.dealloc(1)?;
            }
            assert_eq!(watch.granted(), granted, "memory grew for {size} bytes at {}", 1 << bits);
        }
    }
    Ok(())
}
per_strategy!(over_aligned_block_is_reused);

/// Up to the largest that a layout can have. Few of them have an address in the memory; the rig checks that exactly
/// the others are refused, and that this changes nothing.
fn every_alignment_is_served_or_refused<K: Kind>() -> Checked {
    let mut memory = Memory::new(2 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    for bits in 0..usize::BITS - 1 {
        let served = rig.alloc(8, 1 << bits, false)?;
        assert!(served || bits > 16, "alignment {} is refused", 1usize << bits);
    }
    rig.get(8, 8)?;
    rig.dealloc_all()
}
per_strategy!(every_alignment_is_served_or_refused);

/// lite-alloc 0.1.0: sums of huge sizes wrapped. The rig checks that nothing changes.
fn huge_layouts_are_refused_and_change_nothing<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    for round in 0..3 {
        for bits in (0..usize::BITS - 1).step_by(much(1, 1, 10)) {
            let align = 1usize << bits;
            let most = isize::MAX as usize + 1 - align;
            let less = [0, 1, 7, 8, 9, 15, 16, 17, GRANULE, PAGE - 1, PAGE, PAGE + 1, most / 2];
            for less in less.into_iter().step_by(much(1, 1, 3)) {
                let size = most.saturating_sub(less);
                if size <= MIB {
                    continue;
                }
                for zeroed in [false, true] {
                    assert!(!rig.alloc(size, align, zeroed)?, "{size} bytes at {align} are served");
                }
                for index in 0..rig.live.len() {
                    if rig.live[index].layout.align() == align {
                        assert!(!rig.realloc(index, size)?, "{size} bytes at {align} are served");
                    }
                }
            }
        }
        // An empty heap first, then one whose top is at an odd place, then one with free blocks as well.
        for bits in 0..8 {
            rig.get(24 + 100 * bits, 1 << bits)?;
        }
        if round == 1 {
            rig.dealloc(3)?;
            rig.dealloc(0)?;
        }
    }
    rig.dealloc_all()
}
per_strategy!(huge_layouts_are_refused_and_change_nothing);

/// lite-alloc 0.1.0, bump: a block that grew ran into whatever had been allocated behind it.
fn realloc_does_not_overwrite_a_neighbour<K: Kind>() -> Checked {
    let mut memory = Memory::new(8 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    for size in [8, 16, 100, 128, 129, 1000, 40_000, 70_000] {
        let first = rig.get(size, 1)?;
        let second = rig.get(size, 1)?;
        // The rig checks all contents at each step.
        rig.realloc(first, 2 * size)?;
        rig.realloc(second, 3 * size)?;
        rig.realloc(second, size / 2)?;
        let third = rig.get(size, 1)?;
        rig.realloc(second, 2 * size)?;
        rig.realloc(third, size + 1)?;
    }
    rig.dealloc_all()
}
per_strategy!(realloc_does_not_overwrite_a_neighbour);

fn realloc_at_the_top_grows_and_shrinks_in_place<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    rig.get(40, 8)?;
    let top = rig.get(40, 8)?;
    let addr = rig.live[top].addr();
    // Across bins, across pages, by one byte and by a lot.
    for size in [41, 64, 65, 128, 129, 130, 1000, PAGE - 1, PAGE, PAGE + 1, 3 * PAGE, MIB] {
        assert!(rig.realloc(top, size)?);
        assert_eq!(rig.live[top].addr(), addr, "moved to grow to {size}");
    }
    assert_eq!(watch.granted(), MIB + PAGE, "memory grew by more than the block did");
    for size in [MIB - 1, PAGE, 1000, 129] {
        assert!(rig.realloc(top, size)?);
        assert_eq!(rig.live[top].addr(), addr, "moved to shrink to {size}");
    }
    Ok(())
}
per_strategy!(realloc_at_the_top_grows_and_shrinks_in_place: segregated, freelist);

/// A block that doubles does so in place, as long as what lies behind it was freed last of all of that size, or is fresh.
fn realloc_takes_in_the_free_block_behind<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    let first = rig.get(GRANULE, 1)?;
    let addr = rig.live[first].addr();
    let mut size = GRANULE;
    while size < PAGE {
        // By one byte, and then up to twice the size.
        for size in [size + 1, 2 * size] {
            assert!(rig.realloc(first, size)?);
            assert_eq!(rig.live[first].addr(), addr, "moved to grow to {size}");
        }
        size *= 2;
    }
    assert_eq!(watch.pages(), 1);
    // The second of four blocks in a row cannot take in the third, for they would not lie at a multiple of their size.
    rig.dealloc_all()?;
    for _ in 0..PAGE / 128 {
        rig.get(128, 1)?;
    }
    let number = |rig: &Rig<K>, addr| rig.live.iter().position(|block| block.addr() == addr).unwrap();
    let second = addr + 128;
    rig.dealloc(number(&rig, second + 128))?;
    let block = number(&rig, second);
    assert!(rig.realloc(block, 256)?);
    assert_ne!(rig.live[block].addr(), second);
    rig.dealloc_all()
}
per_strategy!(realloc_takes_in_the_free_block_behind: bump);

/// Written when a change had a block at the top move to become shorter, and copied all of it.
fn realloc_at_the_top_stays_in_place_whatever_else_is_free<K: Kind>() -> Checked {
    let mut memory = Memory::new(2 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    let mut freed = Vec::new();
    for size in [4000, 4000, 4000, 200_000, 700_000] {
        let block = rig.get(size, 8)?;
        freed.push(rig.live[block].addr());
        rig.get(8, 8)?;
    }
    let number = |rig: &Rig<K>, addr| rig.live.iter().position(|block| block.addr() == addr).unwrap();
    // Holes where the block would fit once it is shorter, and the memory that it is cut from.
    for place in [0, 1, 2, 4] {
        rig.dealloc(number(&rig, freed[place]))?;
    }
    rig.get(24, 8)?;
    let top = rig.get(10_000, 8)?;
    let addr = rig.live[top].addr();
    // So much more that free blocks may be put together at any time.
    rig.dealloc(number(&rig, freed[3]))?;
    for size in [12_000, 20_000, 300_000, 4000] {
        let top = number(&rig, addr);
        assert!(rig.realloc(top, size)?);
        assert_eq!(rig.live[top].addr(), addr, "moved to become {size} long");
    }
    rig.dealloc_all()
}
per_strategy!(realloc_at_the_top_stays_in_place_whatever_else_is_free: freelist);

fn realloc_at_the_top_grows_back_in_place_after_it_shrank<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    let top = rig.get(1000, 8)?;
    let addr = rig.live[top].addr();
    for size in [200, 1000, 500, 2000] {
        assert!(rig.realloc(top, size)?);
        assert_eq!(rig.live[top].addr(), addr, "moved to become {size} long");
    }
    Ok(())
}
per_strategy!(realloc_at_the_top_grows_back_in_place_after_it_shrank: segregated);

fn realloc_at_the_top_frees_the_tail_of_a_block_that_shrinks<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    let top = rig.get(992, 8)?;
    let addr = rig.live[top].addr();
    assert!(rig.realloc(top, 208)?);
    assert_eq!(rig.live[top].addr(), addr);
    let tail = rig.get(784, 8)?;
    assert_eq!(rig.live[tail].addr(), addr + 208);
    rig.dealloc_all()
}
per_strategy!(realloc_at_the_top_frees_the_tail_of_a_block_that_shrinks: segregated, freelist, smallest);

fn realloc_within_what_the_block_occupies_stays_in_place<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    for size in [1, 16, 17, 33, 65, 100, 129, 1000] {
        let index = rig.get(size, 1)?;
        rig.get(8, 1)?;
        let addr = rig.live[index].addr();
        for new in [K::extent(size), size, K::extent(size), size] {
            assert!(rig.realloc(index, new)?);
            assert_eq!(rig.live[index].addr(), addr, "{size} bytes moved to become {new}");
        }
    }
    rig.dealloc_all()
}
per_strategy!(realloc_within_what_the_block_occupies_stays_in_place);

fn realloc_that_shrinks_gives_the_rest_back<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    // A page in two blocks, so that nothing else is free, and nothing more to be had.
    let index = rig.get(PAGE / 2, 1)?;
    rig.get(PAGE / 2 - K::kept(PAGE), 1)?;
    watch.refuse(true);
    let addr = rig.live[index].addr();
    assert!(rig.realloc(index, 1000)?);
    assert_eq!(rig.live[index].addr(), addr);
    if K::POWERS {
        for piece in rig.free() {
            rig.get(piece.len(), 1)?;
        }
    } else {
        rig.get(PAGE / 2 - K::extent(1000), 1)?;
    }
    assert_eq!(total(&rig.free()), 0);
    assert_eq!(watch.pages(), 1, "the rest was not used again");
    rig.dealloc_all()
}
per_strategy!(realloc_that_shrinks_gives_the_rest_back: bump, freelist, bounded);

/// The rig checks that the block is as it was.
fn realloc_that_is_refused_keeps_the_block<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    watch.limit_to(2);
    let mut rig = Rig::<K>::new(&watch);
    for size in [100, 1000, 30_000] {
        let below = rig.get(size, 8)?;
        let top = rig.get(size, 8)?;
        for index in [below, top] {
            assert!(!rig.realloc(index, 2 * PAGE)?);
            assert!(!rig.realloc(index, 100 * PAGE)?);
        }
    }
    rig.dealloc_all()
}
per_strategy!(realloc_that_is_refused_keeps_the_block);

/// The rig writes to every block, and checks every byte of those that must be zero.
fn alloc_zeroed_is_zero_where_blocks_have_been<K: Kind>() -> Checked {
    fn run<K: Kind, const ZEROED: bool>(fill: u8) -> Checked {
        let mut memory = Memory::new(8 * MIB);
        let watch = Watch::<ZEROED>::new(memory.bytes(), PAGE);
        watch.fill(fill);
        let mut rig = Rig::<K, ZEROED>::new(&watch);
        for size in [1, 16, 24, 100, 128, 129, 1000, 40_000, 100_000].into_iter().take(much(9, 9, 7)) {
            for _ in 0..much(3, 3, 1) {
                let index = rig.get(size, 1)?;
                rig.dealloc(index)?;
                // As long, longer so that it reaches beyond what was used, and shorter.
                for size in [size, 2 * size, 3 * size + 5, size.div_ceil(2)] {
                    assert!(rig.alloc(size, 1, true)?);
                    rig.dealloc(rig.live.len() - 1)?;
                    assert!(rig.alloc(size, 64, true)?);
                    let top = rig.live.len() - 1;
                    // Shrunk at the top: what it leaves behind is dirty.
                    rig.realloc(top, size.div_ceil(3))?;
                    assert!(rig.alloc(size + 9, 1, true)?);
                }
                rig.dealloc(rig.live.len() / 2)?;
            }
        }
        rig.dealloc_all()?;
        for size in [10, 1000, 100_000] {
            assert!(rig.alloc(size, 1, true)?);
        }
        Ok(())
    }
    run::<K, true>(0)?;
    run::<K, false>(0xA5)
}
per_strategy!(alloc_zeroed_is_zero_where_blocks_have_been);

const FRESH: u8 = 0x5A;

/// A heap over memory that is fresh, for all the heap is told, but not zero.
fn fresh_memory<K: Kind>(test: impl Fn(&Watch<'_>, &Heap<K::Strategy, &Watch<'_>>) -> Checked) -> Checked {
    let mut memory = Memory::new(2 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    watch.fill(FRESH);
    test(&watch, &Heap::with_source(&watch))
}

/// Allocates a block of zeros and returns how many of its bytes were made so.
fn cleared(heap: &impl GlobalAlloc, size: usize, align: usize) -> usize {
    // SAFETY: the size is not 0, and whatever is in the block was initialised by the source.
    let bytes = unsafe {
        let ptr = heap.alloc_zeroed(layout(size, align));
        assert!(!ptr.is_null());
        core::slice::from_raw_parts(ptr, size)
    };
    // Nearly always so, and Miri takes a minute to count.
    if is_filled(bytes, FRESH) { 0 } else { bytes.iter().filter(|&&byte| byte != FRESH).count() }
}

/// But for the words of the free block that it may have been for a moment.
fn alloc_zeroed_does_not_clear_memory_fetched_for_it<K: Kind>() -> Checked {
    fresh_memory::<K>(|watch, heap| {
        for (size, align) in [(100, 1), (10_000, 2 * PAGE), (2 * PAGE, 8), (3 * PAGE + 1, 1)] {
            // So that the next one cannot be cut from what is free.
            for piece in free_pieces(heap) {
                get(heap, layout(piece.len(), 1));
            }
            let cleared = cleared(heap, size, align);
            assert!(cleared <= GRANULE, "{cleared} bytes of {size} at {align} were cleared");
            watch.foreign_growth(1);
        }
        Ok(())
    })
}
per_strategy!(alloc_zeroed_does_not_clear_memory_fetched_for_it);

fn alloc_zeroed_clears_only_what_was_there_before<K: Kind>() -> Checked {
    fresh_memory::<K>(|watch, heap| {
        get(heap, layout(1000, 8));
        let rest = free_pieces(heap)[0].len();
        assert_eq!(cleared(heap, PAGE, 8), rest, "the rest of the first page is all that may have been used");
        assert_eq!(watch.pages(), 2);
        Ok(())
    })
}
per_strategy!(alloc_zeroed_clears_only_what_was_there_before: segregated, freelist);

/// Found by mutants: FreeList might take fresh memory for it.
fn realloc_that_moves_takes_a_free_block_of_that_size<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Heap::<K::Strategy, _>::with_source(&watch);
    let [small, large, end] = [layout(32, 1), layout(128, 1), layout(16, 1)];
    let (block, _, free, _) = (get(&heap, small), get(&heap, end), get(&heap, large), get(&heap, end));
    // SAFETY: blocks are freed and resized as they were allocated.
    unsafe {
        heap.dealloc(free, large);
        assert_eq!(heap.realloc(block, small, 128), free);
    }
    Ok(())
}
per_strategy!(realloc_that_moves_takes_a_free_block_of_that_size);

/// lite-alloc 0.1.0, bump: two statics shared their state. Here two heaps draw on one source, so each is also
/// "somebody else" for the other.
fn two_heaps_of_one_type_are_independent<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heaps = [Heap::<K::Strategy, _>::with_source(&watch), Heap::with_source(&watch)];
    let mut blocks = Vec::new();
    for step in 0..600 {
        let (owner, size) = (step % 2, 1 + step * 37 % 3000);
        let ptr = get(&heaps[owner], layout(size, 1 << (step % 7)));
        // SAFETY: the block is that long.
        unsafe { ptr.write_bytes(step as u8, size) };
        blocks.push((owner, ptr, layout(size, 1 << (step % 7)), step as u8));
        if step % 3 == 2 {
            let (owner, ptr, layout, byte) = blocks.swap_remove(step * 31 % blocks.len());
            // SAFETY: the block is live, and of that heap.
            unsafe {
                assert!(
                    is_filled(core::slice::from_raw_parts(ptr, layout.size()), byte),
                    "a block was overwritten"
                );
                heaps[owner].dealloc(ptr, layout);
            }
        }
    }
    let free = heaps.each_ref().map(common::free_pieces);
    for piece in &free[0] {
        assert!(
            free[1].iter().all(|other| piece.end <= other.start || other.end <= piece.start),
            "both heaps have {piece:x?}"
        );
    }
    for (owner, ptr, layout, byte) in blocks {
        // SAFETY: the block is live, and of that heap.
        unsafe {
            assert!(
                is_filled(core::slice::from_raw_parts(ptr, layout.size()), byte),
                "a block was overwritten"
            );
            heaps[owner].dealloc(ptr, layout);
        }
    }
    Ok(())
}
per_strategy!(two_heaps_of_one_type_are_independent);

/// Two of each, in statics, over the target's own source.
#[common::test]
fn statics_of_all_types_live_side_by_side() {
    use lite_alloc::single_threaded::{BumpFreeListAllocator, FreeListAllocator, SegregatedBumpAllocator};
    static BUMP: [BumpFreeListAllocator; 2] = [const { BumpFreeListAllocator::new() }; 2];
    static SEGREGATED: [SegregatedBumpAllocator; 2] = [const { SegregatedBumpAllocator::new() }; 2];
    static FREELIST: [FreeListAllocator; 2] = [const { FreeListAllocator::new() }; 2];
    let heaps: [&dyn GlobalAlloc; 6] =
        [&BUMP[0], &SEGREGATED[0], &FREELIST[0], &BUMP[1], &SEGREGATED[1], &FREELIST[1]];
    let mut blocks = Vec::new();
    for step in 0..3000 {
        let (owner, layout) = (step % 6, layout(1 + step * 41 % (2 * KIB), 8));
        // SAFETY: the size is not 0, and the block is that long; blocks go back to where they came from.
        unsafe {
            let ptr = heaps[owner].alloc(layout);
            assert!(!ptr.is_null());
            ptr.write_bytes(step as u8, layout.size());
            blocks.push((owner, ptr, layout, step as u8));
            if step % 2 == 1 {
                let (owner, ptr, layout, byte) = blocks.swap_remove(step * 31 % blocks.len());
                assert!(is_filled(core::slice::from_raw_parts(ptr, layout.size()), byte));
                heaps[owner].dealloc(ptr, layout);
            }
        }
    }
    for (owner, ptr, layout, byte) in blocks {
        // SAFETY: the block is live, and of that heap.
        unsafe {
            assert!(
                is_filled(core::slice::from_raw_parts(ptr, layout.size()), byte),
                "a block was overwritten"
            );
            heaps[owner].dealloc(ptr, layout);
        }
    }
}

/// Miri found under Stacked Borrows that the pointer to the bins was made anew while the search still used the old one.
fn larger_bins_are_searched_by_the_rules_of_aliasing<K: Kind>() -> Checked {
    let mut memory = Memory::new(PAGE);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let mut rig = Rig::<K>::new(&watch);
    rig.get(1000, 8)?;
    // The rest of the page, so that only the first block can be cut.
    for piece in rig.free() {
        rig.get(piece.len(), 1)?;
    }
    rig.dealloc(0)?;
    rig.get(100, 8)?;
    rig.dealloc_all()
}
per_strategy!(larger_bins_are_searched_by_the_rules_of_aliasing: bump, freelist, smallest, bounded);
