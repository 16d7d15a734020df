//! Real linear memory, which somebody else grows as well: the test itself, with the instruction, and JavaScript.
//!
//! What needs a memory to itself is in `tests/wasm/run.mjs`.
#![cfg(target_arch = "wasm32")]

#[macro_use]
mod common;

use core::alloc::GlobalAlloc;
use core::arch::wasm32::{memory_grow, memory_size};

use common::{Checked, KIB, Kind, PAGE, free_pieces, get, is_filled, layout};
use lite_alloc_core::Heap;
use lite_alloc_core::address::Region;

const CANARY: u8 = 0xC5;

/// Pages of somebody else's.
struct Foreign(Region);

impl Foreign {
    /// Fills the last `pages` pages of memory, which were just grown.
    fn new(pages: usize) -> Self {
        let end = memory_size::<0>() * PAGE;
        let region = Region { start: end - pages * PAGE, end };
        // SAFETY: nobody else has these pages; linear memory is one allocation.
        unsafe {
            core::ptr::with_exposed_provenance_mut::<u8>(region.start).write_bytes(CANARY, region.len())
        };
        Self(region)
    }

    fn check(&self, piece: Region) {
        assert!(piece.end <= self.0.start || self.0.end <= piece.start, "{piece:x?} is in {:x?}", self.0);
    }

    fn is_intact(&self) -> bool {
        // SAFETY: these pages are nobody else's, and filled.
        let bytes = unsafe {
            core::slice::from_raw_parts(core::ptr::with_exposed_provenance::<u8>(self.0.start), self.0.len())
        };
        is_filled(bytes, CANARY)
    }
}

/// Grows memory with `grow` before the first allocation and between others, and has a heap run into it.
fn run<K: Kind>(grow: impl Fn(usize) -> Foreign) -> Checked {
    let mut foreign = vec![grow(2)];
    let heap = Heap::<K::Strategy>::new();
    let mut blocks = Vec::new();
    for round in 0..40 {
        for size in [16, 500, 20 * KIB, PAGE + 1, 3 * PAGE] {
            let align = 1 << (round % 10);
            let ptr = get(&heap, layout(size, align));
            // SAFETY: the block is that long.
            unsafe { ptr.write_bytes(round as u8, size) };
            blocks.push((ptr, layout(size, align), round as u8));
            if round % 3 == 0 {
                foreign.push(grow(1 + round % 2));
                // The block that ends where the foreign pages begin, more or less.
                let (ptr, old, _) = blocks.pop().unwrap();
                // SAFETY: it is live, and has that layout; the new one is that long.
                unsafe {
                    let ptr = heap.realloc(ptr, old, 2 * size);
                    assert!(!ptr.is_null());
                    assert!(
                        is_filled(core::slice::from_raw_parts(ptr, size), round as u8),
                        "contents are lost"
                    );
                    ptr.write_bytes(round as u8, 2 * size);
                    blocks.push((ptr, layout(2 * size, align), round as u8));
                }
            }
        }
        for _ in 0..3 {
            let (ptr, layout, byte) = blocks.swap_remove(round * 31 % blocks.len());
            // SAFETY: it is live, that long, and has that layout.
            unsafe {
                assert!(
                    is_filled(core::slice::from_raw_parts(ptr, layout.size()), byte),
                    "a block was overwritten"
                );
                heap.dealloc(ptr, layout);
            }
        }
    }
    for foreign in &foreign {
        for (ptr, layout, _) in &blocks {
            foreign.check(Region { start: ptr.addr(), end: ptr.addr() + layout.size() });
        }
        for piece in free_pieces(&heap) {
            foreign.check(piece);
        }
        assert!(foreign.is_intact(), "{:x?} was touched", foreign.0);
    }
    Ok(())
}

fn pages_that_the_program_grows_itself_are_not_touched<K: Kind>() -> Checked {
    run::<K>(|pages| {
        assert_ne!(memory_grow::<0>(pages), usize::MAX);
        Foreign::new(pages)
    })
}
per_strategy!(pages_that_the_program_grows_itself_are_not_touched);

#[cfg(target_os = "unknown")]
mod javascript {
    use wasm_bindgen::JsCast;
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        /// `WebAssembly.Memory`.
        type Memory;
        #[wasm_bindgen(method)]
        fn grow(this: &Memory, pages: usize) -> usize;
    }

    /// `memory.grow(pages)`, as JavaScript has it.
    pub fn grow(pages: usize) {
        wasm_bindgen::memory().unchecked_into::<Memory>().grow(pages);
    }
}

#[cfg(target_os = "unknown")]
fn pages_that_javascript_grows_are_not_touched<K: Kind>() -> Checked {
    run::<K>(|pages| {
        let before = memory_size::<0>();
        javascript::grow(pages);
        assert_eq!(memory_size::<0>(), before + pages);
        Foreign::new(pages)
    })
}
#[cfg(target_os = "unknown")]
per_strategy!(pages_that_javascript_grows_are_not_touched);

/// Heaps of all types take turns to grow the same memory, std's own allocator among them.
#[common::test]
fn heaps_that_grow_in_turn_do_not_share_pages() {
    let bump = Heap::<lite_alloc_bump::BumpFreeList>::new();
    let segregated = Heap::<lite_alloc_segregated::SegregatedBump>::new();
    let freelist = Heap::<lite_alloc_freelist::FreeList>::new();
    let heaps: [&dyn GlobalAlloc; 4] = [&bump, &segregated, &freelist, &std::alloc::System];
    let mut blocks = Vec::new();
    for step in 0..200 {
        let layout = layout(1 + step * 7919 % (2 * PAGE), 8);
        // SAFETY: the size is not 0, and the block is that long.
        unsafe {
            let ptr = heaps[step % 4].alloc(layout);
            assert!(!ptr.is_null());
            ptr.write_bytes(step as u8, layout.size());
            blocks.push((step, ptr, layout));
        }
    }
    for &(step, ptr, layout) in &blocks {
        // SAFETY: the block is live, that long, and of that heap.
        unsafe {
            assert!(
                is_filled(core::slice::from_raw_parts(ptr, layout.size()), step as u8),
                "a block was overwritten"
            );
            heaps[step % 4].dealloc(ptr, layout);
        }
    }
}
