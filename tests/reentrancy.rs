//! Code of the program's runs between the calls of a heap, never inside one: what allocates when memory has run out, or
//! when the program panics, finds the heap whole. Interrupts are in `examples/embedded`.
#![cfg(not(target_family = "wasm"))]

use core::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};

use lite_alloc::single_threaded::{BumpFreeListAllocator, FreeListAllocator, SegregatedBumpAllocator};
use lite_alloc::source::Arena;

#[global_allocator]
static ALLOCATOR: FreeListAllocator = FreeListAllocator::new();

/// What a hook might do. Returns whether it came out as it should.
fn hook() -> bool {
    let mut words: BTreeMap<usize, String> = (0..300).map(|n| (n, "word".repeat(n % 40))).collect();
    words.retain(|n, _| n % 2 == 0);
    words.iter().all(|(n, word)| word.len() == 4 * (n % 40))
}

#[test]
fn a_panic_hook_allocates_while_collections_are_being_changed() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|_| {
        assert!(hook());
        CALLS.fetch_add(1, Ordering::Relaxed);
    }));
    let mut kept: Vec<Vec<usize>> = Vec::new();
    for round in 0..200 {
        let result = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            kept.push((0..round).collect());
            // Panics inside a collection: in the middle of a sort, or for lack of an address space.
            let mut numbers: Vec<usize> = (0..100).rev().collect();
            if round % 2 == 0 {
                let _ = Vec::<u64>::with_capacity(usize::MAX);
            }
            numbers.sort_by(|a, b| if *a == round % 90 { panic!("{a}") } else { a.cmp(b) });
        }));
        assert!(result.is_err(), "round {round} did not panic");
    }
    panic::set_hook(usual);
    assert_eq!(CALLS.load(Ordering::Relaxed), 200);
    assert!(kept.iter().enumerate().all(|(round, numbers)| numbers.iter().copied().eq(0..round)));
}

/// Exhausts a heap again and again; each refusal is answered as a handler would, by allocating what is smaller and by
/// freeing something.
fn exhaust(heap: &impl GlobalAlloc) {
    let layout = |size| Layout::from_size_align(size, 8).unwrap();
    let get = |size: usize, byte| {
        // SAFETY: the size is not 0, and the block is that long.
        unsafe {
            let ptr = heap.alloc(layout(size));
            if !ptr.is_null() {
                ptr.write_bytes(byte, size);
            }
            ptr
        }
    };
    let mut live: Vec<(*mut u8, usize, u8)> = Vec::new();
    let mut refusals = 0;
    for step in 0..5000 {
        let (size, byte) = (8 + step * 37 % 120, step as u8);
        let ptr = get(size, byte);
        if !ptr.is_null() {
            live.push((ptr, size, byte));
            continue;
        }
        refusals += 1;
        let small = get(8, !byte);
        if !small.is_null() {
            live.push((small, 8, !byte));
        }
        for _ in 0..3.min(live.len()) {
            let (ptr, size, byte) = live.swap_remove(step % live.len());
            // SAFETY: the block is live, that long, and is not used from here on.
            unsafe {
                assert!(core::slice::from_raw_parts(ptr, size).iter().all(|&found| found == byte));
                heap.dealloc(ptr, layout(size));
            }
        }
    }
    assert!(refusals > 100, "memory was not exhausted");
}

#[test]
fn what_is_allocated_when_memory_runs_out_corrupts_nothing() {
    static MEMORY: [Arena<16384>; 3] = [const { Arena::new() }; 3];
    exhaust(&BumpFreeListAllocator::with_source(&MEMORY[0]));
    exhaust(&SegregatedBumpAllocator::with_source(&MEMORY[1]));
    exhaust(&FreeListAllocator::with_source(&MEMORY[2]));
}
