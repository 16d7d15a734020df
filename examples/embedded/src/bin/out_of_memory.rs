//! What can be done when memory runs out, other than to panic.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::alloc::{Layout, alloc, realloc};
use alloc::vec::Vec;
use core::hint::black_box;

use embedded_examples::{Allocator, entry, exit, println};
use lite_alloc::arena;

// SAFETY: no interrupt handler of this program allocates, and there is one core.
arena!(unsafe Memory: [u8; 4096]);

#[global_allocator]
static HEAP: Allocator<Memory> = Allocator::with_source(Memory);

#[entry]
fn main() -> ! {
    // A collection that may not have the memory it wants says so.
    let mut log: Vec<u8> = Vec::new();
    println!("a megabyte: {:?}", log.try_reserve(1 << 20).map_err(|_| "refused"));
    println!("half the address space: {:?}", log.try_reserve(isize::MAX as usize).map_err(|_| "refused"));
    println!("more than there is: {:?}", log.try_reserve_exact(4097).map_err(|_| "refused"));
    println!("a kilobyte: {:?}", log.try_reserve_exact(1024).map_err(|_| "refused"));
    drop(log);

    // Until the heap is full, and again after all has been freed.
    let mut before = None;
    for round in 1..=3 {
        let mut blocks = [const { Vec::<u8>::new() }; 80];
        let mut served = 0;
        while served < blocks.len() && blocks[served].try_reserve_exact(64).is_ok() {
            blocks[served].resize(64, served as u8);
            served += 1;
        }
        let intact =
            blocks[..served].iter().enumerate().all(|(n, block)| block.iter().all(|&byte| byte == n as u8));
        // Four less, where the heap keeps a table in the array; one less, where blocks lie at multiples of their size, as the array does not.
        println!(
            "round {round}: 60 to 64 blocks of 64 bytes: {}, intact: {intact}",
            matches!(served, 60 | 63 | 64)
        );
        assert!(served == *before.get_or_insert(served), "{served} blocks, and before {before:?}");
    }

    // By hand.
    let layout = Layout::new::<[u32; 16]>();
    // The compiler may take it that a block that nobody uses is to be had.
    let is_null = |block: *mut u8| black_box(block).is_null();
    // SAFETY: sizes are not 0 and make valid layouts, the block is live and of that layout, and it is that long.
    unsafe {
        let block = alloc(layout);
        println!("alloc: null: {}", is_null(block));
        block.write_bytes(0x5A, layout.size());
        println!("too much: null: {}", is_null(alloc(Layout::from_size_align_unchecked(4097, 1))));
        println!("too aligned: null: {}", is_null(alloc(Layout::from_size_align_unchecked(64, 1 << 30))));
        println!("realloc to too much: null: {}", is_null(realloc(block, layout, 1 << 16)));
        let bytes = core::slice::from_raw_parts(block, layout.size());
        println!("the block is intact: {}", bytes.iter().all(|&byte| byte == 0x5A));
    }
    exit()
}
