//! Hosts have threads: a heap in a static serves all of them.
#![cfg(not(target_family = "wasm"))]

#[macro_use]
mod common;

use core::alloc::GlobalAlloc;
use std::sync::mpsc;
use std::thread;

use common::{get, is_filled, layout, test};
use lite_alloc::single_threaded::{BumpFreeListAllocator, FreeListAllocator, SegregatedBumpAllocator};

const THREADS: usize = 4;
const STEPS: usize = if cfg!(miri) { 300 } else { 30_000 };

/// A block on its way to the thread that frees it.
struct Parcel {
    ptr: *mut u8,
    size: usize,
    byte: u8,
}

// SAFETY: the block belongs to whoever has the parcel.
unsafe impl Send for Parcel {}

impl Parcel {
    fn pack(heap: &impl GlobalAlloc, size: usize, byte: u8) -> Self {
        let ptr = get(heap, layout(size, 8));
        // SAFETY: the block is that long.
        unsafe { ptr.write_bytes(byte, size) };
        Self { ptr, size, byte }
    }

    fn check(&self) {
        // SAFETY: the block is live, that long, and was filled.
        let bytes = unsafe { core::slice::from_raw_parts(self.ptr, self.size) };
        assert!(is_filled(bytes, self.byte), "another thread has written to this block");
    }

    fn unpack(self, heap: &impl GlobalAlloc) {
        self.check();
        // SAFETY: the block is live and has that layout.
        unsafe { heap.dealloc(self.ptr, layout(self.size, 8)) };
    }

    fn resize(&mut self, heap: &impl GlobalAlloc, size: usize) {
        self.check();
        // SAFETY: the block is live and has that layout; the new one is that long.
        unsafe {
            self.ptr = heap.realloc(self.ptr, layout(self.size, 8), size);
            assert!(!self.ptr.is_null());
            assert!(is_filled(core::slice::from_raw_parts(self.ptr, self.size.min(size)), self.byte));
            self.ptr.write_bytes(self.byte, size);
        }
        self.size = size;
    }
}

/// Every thread allocates, resizes, frees some blocks itself, and sends the others on to the next thread.
fn hammer(heap: &'static (impl GlobalAlloc + Sync)) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel::<Parcel>()).unzip();
    thread::scope(|scope| {
        for (id, receiver) in receivers.into_iter().enumerate() {
            let next = senders[(id + 1) % THREADS].clone();
            scope.spawn(move || {
                let mut mine = Vec::new();
                for step in 0..STEPS {
                    let size = 1 + (step * 7919 + id * 31) % if step % 50 == 0 { 5000 } else { 150 };
                    mine.push(Parcel::pack(heap, size, (id * 64 + step % 64) as u8));
                    if step % 5 == 0 {
                        let index = step % mine.len();
                        mine[index].resize(heap, size + 40);
                    }
                    if mine.len() > 50 {
                        let parcel = mine.swap_remove(step % 50);
                        if step % 2 == 0 { next.send(parcel).unwrap() } else { parcel.unpack(heap) }
                    }
                    while let Ok(parcel) = receiver.try_recv() {
                        parcel.unpack(heap);
                    }
                }
                drop(next);
                mine.into_iter().for_each(|parcel| parcel.unpack(heap));
                receiver.iter().for_each(|parcel| parcel.unpack(heap));
            });
        }
        drop(senders);
    });
}

#[test]
fn bump_serves_four_threads() {
    static HEAP: BumpFreeListAllocator = BumpFreeListAllocator::new();
    hammer(&HEAP);
}

#[test]
fn segregated_serves_four_threads() {
    static HEAP: SegregatedBumpAllocator = SegregatedBumpAllocator::new();
    hammer(&HEAP);
}

#[test]
fn freelist_serves_four_threads() {
    static HEAP: FreeListAllocator = FreeListAllocator::new();
    hammer(&HEAP);
}
