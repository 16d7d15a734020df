//! Where memory comes from: each source gives what it has, once, and bad input is refused without a panic.
// These tests know to the byte what a heap takes.
#![cfg(not(feature = "hardened"))]

#[macro_use]
mod common;

use core::alloc::GlobalAlloc;
use core::ptr;

use common::arithmetic::{check_cut, check_rounding, check_usable};
use common::{
    Checked, KIB, Kind, MIB, Memory, PAGE, filling, free_pieces, get, is_filled, layout, property, test,
    total,
};
use lite_alloc_core::Heap;
use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::testing::TestPages;
use lite_alloc_core::source::{Arena, ClaimError, ClaimedRegions, DefaultSource, PageSource, Request};
use proptest::prelude::*;

// Addresses.

/// Any number, the extremes among them.
fn numbers() -> impl Strategy<Value = usize> {
    prop_oneof![
        any::<usize>(),
        0usize..100,
        (0usize..100).prop_map(|less| usize::MAX - less),
        (0..usize::BITS, 0usize..3)
            .prop_map(|(bit, more)| (1usize << bit).wrapping_sub(1).wrapping_add(more)),
    ]
}

#[test]
fn address_arithmetic_agrees_with_wider_integers() {
    property(5000, &(numbers(), 0..usize::BITS), |(addr, bit)| check_rounding(addr, bit));
}

#[test]
fn usable_region_lies_inside_what_was_given() {
    property(5000, &(numbers(), numbers()), |(start, len)| check_usable(start, len));
}

/// In address spaces that nobody has: regions that end at the very top, blocks of any size and alignment.
#[test]
fn blocks_are_cut_without_overflow() {
    let regions = (numbers(), numbers(), numbers(), numbers(), any::<bool>());
    property(5000, &(regions, numbers(), 0..usize::BITS - 1), |(regions, size, bit)| {
        let (start, len, other, more, touches) = regions;
        let rest = Region::usable(start, len);
        let other = if touches { rest.end } else { other };
        let size = size >> (1 + bit / 2);
        let layout = core::alloc::Layout::from_size_align(size, 1 << bit);
        layout.map_or(Ok(()), |layout| check_cut(rest, Region::usable(other, more), layout))
    });
}

// A static array.

/// Takes blocks of a granule until there are no more.
fn drain<K: Kind, S: PageSource>(heap: &Heap<K::Strategy, S>) -> usize {
    let layout = layout(16, 8);
    let mut count = 0;
    // SAFETY: the size is not 0; the block is that long.
    unsafe {
        loop {
            let ptr = heap.alloc(layout);
            if ptr.is_null() {
                return count * 16;
            }
            ptr.write_bytes(0xFF, 16);
            count += 1;
        }
    }
}

fn arena_gives_all_its_bytes_to_one_heap<K: Kind>() -> Checked {
    // A generic function has one static for all its types, so each kind gets its own by leaking.
    let arena: &'static Arena<{ 16 * KIB + 5 }> = Box::leak(Box::new(Arena::new()));
    let first = Heap::<K::Strategy, _>::with_source(arena);
    let second = Heap::<K::Strategy, _>::with_source(arena);
    let ptr = get(&first, layout(1000, 64));
    // SAFETY: the size is not 0.
    unsafe {
        assert!(second.alloc(layout(16, 8)).is_null(), "two heaps have one array");
        first.dealloc(ptr, layout(1000, 64));
    }
    assert!(total(&free_pieces(&second)) == 0);
    let got = drain::<K, _>(&first);
    assert!(got >= 16 * KIB - K::kept(16 * KIB) - 64, "{got} bytes of {}", 16 * KIB);
    assert_eq!(drain::<K, _>(&second), 0);
    Ok(())
}
per_strategy!(arena_gives_all_its_bytes_to_one_heap);

fn arena_that_is_too_small_is_refused_and_kept<K: Kind>() -> Checked {
    let (none, one): (&'static Arena<0>, &'static Arena<1>) =
        (Box::leak(Box::new(Arena::new())), Box::leak(Box::new(Arena::new())));
    assert_eq!(drain::<K, _>(&Heap::<K::Strategy, _>::with_source(none)), 0);
    assert_eq!(drain::<K, _>(&Heap::<K::Strategy, _>::with_source(one)), 0);
    let arena: &'static Arena<1024> = Box::leak(Box::new(Arena::new()));
    let heap = Heap::<K::Strategy, _>::with_source(arena);
    // SAFETY: the sizes are not 0.
    unsafe {
        assert!(heap.alloc(layout(1025, 1)).is_null());
        assert!(heap.alloc(layout(isize::MAX as usize, 1)).is_null());
        assert!(heap.alloc(layout(1, 1 << (usize::BITS - 2))).is_null());
    }
    // What was refused has not used the array up. It need not lie at a multiple of its size.
    get(&heap, layout(if K::POWERS { 512 } else { 1024 - K::kept(1024) }, 1));
    Ok(())
}
per_strategy!(arena_that_is_too_small_is_refused_and_kept);

#[test]
fn arena_in_a_static_serves_a_heap_in_a_static() {
    use lite_alloc::single_threaded::FreeListAllocator;
    static ARENA: Arena<4096> = Arena::new();
    static HEAP: FreeListAllocator<&Arena<4096>> = FreeListAllocator::with_source(&ARENA);
    // It need not lie at a multiple of more.
    let all = layout(4096, GRANULE);
    let ptr = get(&HEAP, all);
    // SAFETY: the block is live, that long, and has that layout.
    unsafe {
        ptr.write_bytes(1, 4096);
        HEAP.dealloc(ptr, all);
        let ptr = HEAP.alloc_zeroed(all);
        assert!(is_filled(core::slice::from_raw_parts(ptr, 4096), 0));
        HEAP.dealloc(ptr, all);
    }
}

#[test]
fn declared_arena_serves_one_heap_and_takes_no_space_in_it() {
    use lite_alloc::single_threaded::FreeListAllocator;
    lite_alloc::arena!(Memory: [u8; 4096]);
    static HEAPS: [FreeListAllocator<Memory>; 2] =
        [FreeListAllocator::with_source(Memory), FreeListAllocator::with_source(Memory)];
    assert_eq!(size_of::<Memory>(), 0);
    assert_eq!((HEAPS[0].free(), HEAPS[1].free()), (4096, 4096), "the array waits for either");
    let whole = get(&HEAPS[0], layout(4096, 8));
    // SAFETY: it is live and that long.
    assert!(is_filled(unsafe { core::slice::from_raw_parts(whole, 4096) }, 0));
    // SAFETY: the size is not 0.
    assert!(unsafe { HEAPS[0].alloc(layout(1, 1)).is_null() && HEAPS[1].alloc(layout(1, 1)).is_null() });
    // SAFETY: it is live and has that layout.
    unsafe { HEAPS[0].dealloc(whole, layout(4096, 8)) };
    assert_eq!(get(&HEAPS[0], layout(4096, 8)), whole);
    assert_eq!((HEAPS[0].free(), HEAPS[1].free()), (0, 0));
}

// Regions claimed at run time.

type Claimed<K> = Heap<<K as Kind>::Strategy, ClaimedRegions>;

/// A heap without memory, and RAM to give it, filled with a canary.
struct Board<K: Kind> {
    heap: Claimed<K>,
    ram: Memory,
}

const CANARY: u8 = 0xC5;

impl<K: Kind> Board<K> {
    fn new(bytes: usize) -> Self {
        let mut ram = Memory::new(bytes);
        let bytes = ram.bytes();
        // SAFETY: as many bytes as there are.
        unsafe { bytes.as_mut_ptr().write_bytes(CANARY, bytes.len()) };
        Self { heap: Heap::with_source(ClaimedRegions::new()), ram }
    }

    /// Claims `len` bytes from `start` on, counted from the start of the RAM.
    fn claim(&mut self, start: usize, len: usize) -> Result<usize, ClaimError> {
        // SAFETY: inside the RAM, which nobody else uses; a claim of the same again is what must be refused.
        unsafe { self.heap.claim(self.ram.start().add(start), len) }
    }

    /// Whether `len` bytes from `start` on are as they were.
    fn is_untouched(&mut self, start: usize, len: usize) -> bool {
        // SAFETY: inside the RAM, which was filled when it was made. Not by way of a reference to all of it, which
        // would end what the heap may do with its part.
        is_filled(unsafe { core::slice::from_raw_parts(self.ram.start().add(start), len) }, CANARY)
    }
}

fn heap_without_a_region_is_empty<K: Kind>() -> Checked {
    let board = Board::<K>::new(PAGE);
    assert_eq!(drain::<K, _>(&board.heap), 0);
    // SAFETY: the sizes are not 0.
    unsafe {
        assert!(board.heap.alloc_zeroed(layout(1, 1)).is_null());
        assert!(board.heap.alloc(layout(isize::MAX as usize, 1)).is_null());
    }
    Ok(())
}
per_strategy!(heap_without_a_region_is_empty);

/// embedded-alloc and linked_list_allocator panic here.
fn empty_and_tiny_regions_are_nothing<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    // SAFETY: nothing is handed over.
    unsafe {
        assert_eq!(board.heap.claim(ptr::null_mut(), 0), Ok(0));
        assert_eq!(board.heap.claim(ptr::dangling_mut(), 0), Ok(0));
    }
    for at in 0..GRANULE {
        assert_eq!(board.claim(100 * GRANULE + at, 0), Ok(0));
        for len in 1..GRANULE {
            assert_eq!(board.claim(100 * GRANULE, len), Ok(0), "{len} bytes");
        }
        // Even as much as two granules less one has no whole granule inside if it starts badly.
        if at > 0 {
            assert_eq!(board.claim(100 * GRANULE + at, 2 * GRANULE - 1 - at), Ok(0));
        }
    }
    assert_eq!(drain::<K, _>(&board.heap), 0);
    assert!(board.is_untouched(0, PAGE));
    // None of that counts as claimed.
    assert_eq!(board.claim(0, PAGE), Ok(PAGE));
    Ok(())
}
per_strategy!(empty_and_tiny_regions_are_nothing);

fn unaligned_region_is_trimmed_and_its_surroundings_are_untouched<K: Kind>() -> Checked {
    for (before, len) in [(1, 1000), (GRANULE - 1, 1000), (3, 4 * KIB + 1), (GRANULE, 1024), (5, GRANULE * 2)]
    {
        let mut board = Board::<K>::new(PAGE);
        let start = 4 * KIB + before;
        let usable = board.claim(start, len).unwrap();
        assert!(usable <= len && usable + 2 * GRANULE > len && usable % GRANULE == 0);
        drain::<K, _>(&board.heap);
        // A block of 16 bytes, wherever it may start.
        assert!(usable < 32 || !board.is_untouched(start, len), "nothing of the region was used");
        assert!(board.is_untouched(0, start), "memory below the region was touched");
        assert!(board.is_untouched(start + len, PAGE - start - len), "memory above the region was touched");
    }
    Ok(())
}
per_strategy!(unaligned_region_is_trimmed_and_its_surroundings_are_untouched);

/// rlsf, linked_list_allocator and buddy take it, and overlap live blocks.
fn region_claimed_twice_is_an_error_and_changes_nothing<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    assert_eq!(board.claim(16 * KIB, 16 * KIB), Ok(16 * KIB));
    let ptr = get(&board.heap, layout(1000, 8));
    // SAFETY: the block is that long.
    unsafe { ptr.write_bytes(7, 1000) };
    let free = total(&free_pieces(&board.heap));
    // The same, inside, across its end, across its start, below all of it.
    for (start, len) in [(16, 16), (20, 4), (20, 30), (10, 10), (0, 16), (31, 1)] {
        assert_eq!(board.claim(start * KIB, len * KIB), Err(ClaimError), "{len} KiB at {start} KiB");
    }
    assert_eq!(free, total(&free_pieces(&board.heap)));
    // SAFETY: the block is live, and that long.
    assert!(is_filled(unsafe { core::slice::from_raw_parts(ptr, 1000) }, 7));
    assert!(board.is_untouched(0, 16 * KIB) && board.is_untouched(32 * KIB, 32 * KIB));
    // It goes on as before, and above is free to be claimed.
    assert_eq!(board.claim(32 * KIB, KIB), Ok(KIB));
    assert!(!ClaimError.to_string().is_empty());
    let got = drain::<K, _>(&board.heap);
    let kept = K::kept(16 * KIB) + K::kept(KIB);
    assert!(got + kept + 1024 + 32 >= 17 * KIB, "{got} bytes");
    assert!(board.is_untouched(0, 16 * KIB) && board.is_untouched(33 * KIB, 31 * KIB));
    Ok(())
}
per_strategy!(region_claimed_twice_is_an_error_and_changes_nothing);

fn several_banks_are_all_used_and_the_gaps_are_not<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    assert_eq!(board.claim(KIB, KIB), Ok(KIB));
    get(&board.heap, layout(16, 8));
    // A second bank comes when the heap has been in use for a while.
    assert_eq!(board.claim(8 * KIB, 2 * KIB), Ok(2 * KIB));
    assert_eq!(board.claim(40 * KIB, 4 * KIB), Ok(4 * KIB));
    let got = drain::<K, _>(&board.heap);
    let kept: usize = [1, 2, 4].into_iter().map(|kib| K::kept(kib * KIB)).sum();
    assert_eq!(got + kept, 7 * KIB - 16);
    for (start, end) in [(0, 1), (2, 8), (10, 40), (44, 64)] {
        assert!(board.is_untouched(start * KIB, (end - start) * KIB), "the gap at {start} KiB was touched");
    }
    Ok(())
}
per_strategy!(several_banks_are_all_used_and_the_gaps_are_not);

fn bank_that_is_too_small_waits_for_a_smaller_request<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    board.claim(0, KIB).unwrap();
    board.claim(8 * KIB, 8 * KIB).unwrap();
    // No address in these banks is aligned like that: they are within 64 KiB above one that is less aligned.
    let align = 2 << board.ram.start().addr().trailing_zeros();
    // SAFETY: the sizes are not 0.
    unsafe {
        assert!(board.heap.alloc(layout(9 * KIB, 8)).is_null());
        assert!(board.heap.alloc(layout(8, align)).is_null());
    }
    let whole = |bytes| layout(bytes - K::kept(bytes), 8);
    let first = get(&board.heap, whole(8 * KIB));
    let small = get(&board.heap, whole(KIB));
    assert!(small < first, "the small bank was forgotten");
    // SAFETY: the size is not 0.
    assert!(unsafe { board.heap.alloc(layout(8, 8)).is_null() });
    Ok(())
}
per_strategy!(bank_that_is_too_small_waits_for_a_smaller_request);

/// What over-aligned blocks skip, and what is left of a bank when the heap moves on to the next, goes back to
/// the source from the strategy that has no list for it, and is handed out again.
fn what_a_heap_leaves_of_a_bank_is_used_later<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    board.claim(16, 4 * KIB - 16).unwrap();
    board.claim(8 * KIB, 8 * KIB).unwrap();
    let mut blocks = [layout(64, 2 * KIB), layout(6 * KIB, 8)];
    if K::POWERS || K::kept(KIB) != 0 {
        // The larger one takes the larger bank, and all of it, or what the strategy leaves of it.
        blocks.reverse();
    }
    for block in blocks {
        get(&board.heap, block);
    }
    let got = drain::<K, _>(&board.heap);
    let taken: usize = blocks.into_iter().map(|block| K::place(block).0).sum();
    let kept = K::kept(4 * KIB - 16) + K::kept(8 * KIB);
    assert!(got + kept + taken + 64 >= 12 * KIB, "{got} of {} bytes", 12 * KIB - taken);
    Ok(())
}
per_strategy!(what_a_heap_leaves_of_a_bank_is_used_later);

/// To the last byte: each block fills up what is left of a bank.
fn rest_of_a_bank_is_used_after_the_heap_has_moved_on<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    board.claim(0, 4 * KIB).unwrap();
    board.claim(8 * KIB, 4 * KIB).unwrap();
    let blocks = filling::<K>(4 * KIB).map(|size| get(&board.heap, layout(size, 8)).addr() / KIB);
    assert!(blocks[0].abs_diff(blocks[1]) > 4, "the heap has not moved on");
    // SAFETY: the size is not 0.
    assert!(unsafe { board.heap.alloc(layout(1, 1)).is_null() });
    Ok(())
}
per_strategy!(rest_of_a_bank_is_used_after_the_heap_has_moved_on);

fn banks_that_touch_merge_once_they_were_used<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    board.claim(0, 4 * KIB).unwrap();
    board.claim(4 * KIB, 4 * KIB).unwrap();
    let half = layout(4 * KIB, 8);
    let blocks = [get(&board.heap, half), get(&board.heap, half)];
    for ptr in blocks {
        // SAFETY: it is live and has that layout.
        unsafe { board.heap.dealloc(ptr, half) };
    }
    let whole = get(&board.heap, layout(8 * KIB, 8));
    // SAFETY: the block is that long.
    unsafe { whole.write_bytes(1, 8 * KIB) };
    Ok(())
}
per_strategy!(banks_that_touch_merge_once_they_were_used: freelist);

fn regions_that_wait_are_free<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    assert_eq!((board.heap.free(), board.heap.largest_free_block()), (0, 0));
    board.claim(0, KIB).unwrap();
    board.claim(8 * KIB, 4 * KIB).unwrap();
    assert_eq!((board.heap.free(), board.heap.largest_free_block()), (5 * KIB, 4 * KIB));
    let block = get(&board.heap, layout(2 * KIB, 8));
    let kept = K::kept(4 * KIB);
    assert_eq!((board.heap.free(), board.heap.largest_free_block()), (3 * KIB - kept, 2 * KIB - kept));
    assert_eq!((board.heap.used(), board.heap.high_water_mark()), (2 * KIB, 2 * KIB));
    // SAFETY: it is live and has that layout.
    unsafe { board.heap.dealloc(block, layout(2 * KIB, 8)) };
    assert_eq!((board.heap.used(), board.heap.high_water_mark()), (0, 2 * KIB));

    let arena: &'static Arena<1024> = Box::leak(Box::new(Arena::new()));
    let heaps = [(); 2].map(|()| Heap::<K::Strategy, _>::with_source(arena));
    assert_eq!(heaps[0].free(), 1024);
    get(&heaps[0], layout(128, 8));
    assert_eq!((heaps[0].free(), heaps[1].free()), (896 - K::kept(1024), 0), "the array is the first heap's");
    Ok(())
}
per_strategy!(regions_that_wait_are_free);

#[test]
fn nothing_given_back_is_nothing() {
    let mut source = ClaimedRegions::new();
    for addr in [0, 4096] {
        source.give_back(Region { start: addr, end: addr });
    }
    source.visit_waiting(|region| panic!("{region:?} was never claimed"));
}

fn claimed_memory_is_zeroed_on_demand<K: Kind>() -> Checked {
    let mut board = Board::<K>::new(PAGE);
    board.claim(0, PAGE).unwrap();
    for size in [1, 100, 10_000] {
        // SAFETY: the size is not 0; a block of zeros is initialised.
        let bytes = unsafe {
            let ptr = board.heap.alloc_zeroed(layout(size, 8));
            assert!(!ptr.is_null());
            core::slice::from_raw_parts(ptr, size)
        };
        assert!(is_filled(bytes, 0), "RAM is not zero when the power comes on");
    }
    Ok(())
}
per_strategy!(claimed_memory_is_zeroed_on_demand);

// The target's own source.

fn default_source_serves_small_and_large_blocks<K: Kind>() -> Checked {
    let heap = Heap::<K::Strategy, DefaultSource>::new();
    let mut blocks = Vec::new();
    let sizes = [1, 100, PAGE, MIB - GRANULE, MIB, MIB + 1, 5 * MIB, 100, 1];
    for (index, size) in sizes.into_iter().enumerate() {
        let size = size.min(K::LARGEST);
        for align in [1, 16, PAGE] {
            let layout = layout(size, align);
            let ptr = get(&heap, layout);
            // SAFETY: the block is that long.
            unsafe { ptr.write_bytes(index as u8, size) };
            blocks.push((ptr, layout, index as u8));
        }
    }
    for (ptr, layout, byte) in blocks {
        // SAFETY: the block is live, that long, and has that layout.
        unsafe {
            assert!(
                is_filled(core::slice::from_raw_parts(ptr, layout.size()), byte),
                "a block was overwritten"
            );
            heap.dealloc(ptr, layout);
            let zeroed = heap.alloc_zeroed(layout);
            assert!(is_filled(core::slice::from_raw_parts(zeroed, layout.size()), 0));
            heap.dealloc(zeroed, layout);
        }
    }
    Ok(())
}
per_strategy!(default_source_serves_small_and_large_blocks);

fn heap_by_default_is_empty_and_serves<K: Kind>() -> Checked {
    let heap = Heap::<K::Strategy>::default();
    assert!(free_pieces(&heap).is_empty());
    get(&heap, layout(1000, 8));
    Ok(())
}
per_strategy!(heap_by_default_is_empty_and_serves);

/// Not on 32-bit targets, where such blocks can be had: see `tests/wasm/run.mjs`. Nor in Miri, which stops at an allocation
/// that the machine cannot serve.
#[cfg(all(target_pointer_width = "64", not(miri)))]
fn default_source_refuses_what_cannot_be<K: Kind>() -> Checked {
    let heap = Heap::<K::Strategy, DefaultSource>::new();
    for bits in 0..usize::BITS - 1 {
        let align = 1 << bits;
        let most = isize::MAX as usize + 1 - align;
        for size in [most, most.saturating_sub(PAGE)] {
            if size > isize::MAX as usize / 2 {
                // SAFETY: the size is not 0.
                unsafe {
                    assert!(heap.alloc(layout(size, align)).is_null());
                    assert!(heap.alloc_zeroed(layout(size, align)).is_null());
                }
            }
        }
    }
    get(&heap, layout(100, 8));
    Ok(())
}
#[cfg(all(target_pointer_width = "64", not(miri)))]
per_strategy!(default_source_refuses_what_cannot_be);

// The source that the other tests rely on.

#[test]
fn test_pages_fetch_ahead_if_there_is_enough() {
    let mut memory = Memory::new(MIB);
    let pages = TestPages::new(memory.bytes(), PAGE);
    let mut source = &pages;
    let ask = |end, missing, ahead| Request { end, missing, ahead, size: missing, mask: 0 };
    let first = source.grow(ask(0, 1, PAGE)).unwrap();
    assert_eq!(first.len(), PAGE, "nothing is ahead of a region of its own");
    let second = source.grow(ask(first.end, 1, 3 * PAGE - 1)).unwrap();
    assert_eq!((second.start, second.len()), (first.end, 3 * PAGE), "whole pages of it");
    pages.limit(7);
    let third = source.grow(ask(second.end, 2 * PAGE, 2 * PAGE)).unwrap();
    assert_eq!((third.start, third.len()), (second.end, 2 * PAGE), "all or nothing of it");
    let fourth = source.grow(ask(third.end, 1, 2 * MIB)).unwrap();
    assert_eq!((fourth.start, fourth.len()), (third.end, PAGE));
    assert!(source.grow(ask(fourth.end, 1, 0)).is_none());
}

#[test]
fn test_pages_extend_skip_and_end_as_told() {
    let mut memory = Memory::new(MIB);
    let pages = TestPages::new(memory.bytes(), PAGE);
    let mut source = &pages;
    let ask = |end, missing, size| Request { end, missing, ahead: 0, size, mask: 0 };
    let first = source.grow(ask(0, 1, 1)).unwrap();
    assert_eq!(first.len(), PAGE);
    // Adjacent: only what is missing.
    let second = source.grow(ask(first.end, PAGE + 1, 5 * PAGE)).unwrap();
    assert_eq!((second.start, second.len()), (first.end, 2 * PAGE));
    // With somebody else's page in between: room for the whole block.
    pages.skip(1);
    let third = source.grow(ask(second.end, 1, 3 * PAGE)).unwrap();
    assert_eq!((third.start, third.len()), (second.end + PAGE, 3 * PAGE));
    assert_eq!((pages.pages(), pages.granted()), (7, 6 * PAGE));
    pages.limit(8);
    assert!(source.grow(ask(third.end, PAGE + 1, PAGE + 1)).is_none());
    assert_eq!(pages.pages(), 7);
    assert!(source.grow(ask(third.end, PAGE, PAGE)).is_some());
    assert_eq!(pages.calls(), 5, "a call that is refused is one, too");
}
