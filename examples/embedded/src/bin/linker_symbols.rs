//! A heap in the memory between two symbols of the linker script, handed over at run time, bank by bank.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::vec::Vec;

use embedded_examples::{Allocator, entry, exit, println};

#[global_allocator]
static HEAP: Allocator = Allocator::new();

unsafe extern "C" {
    // Their addresses are what counts; see memory/*.x.
    static mut _heap_start: u8;
    static mut _heap_end: u8;
}

/// Whether there is room for `bytes` bytes right now.
fn room_for(bytes: usize) -> bool {
    Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
}

#[entry]
fn main() -> ! {
    println!("before: room for 8 bytes: {}", room_for(8));

    let start = &raw mut _heap_start;
    let len = (&raw mut _heap_end).addr() - start.addr();
    // A program would say no more than `unsafe { HEAP.claim(start, len) }`. This one does it the hard way.
    //
    // SAFETY: the linker script keeps the memory between the symbols free, nothing but this heap uses it, and only
    // `main` allocates: no interrupt handler does, and there is one core. Regions that overlap are refused.
    unsafe {
        println!("no bytes: {:?}", HEAP.claim(start, 0));
        println!("no bytes at null: {:?}", HEAP.claim(core::ptr::null_mut(), 0));
        println!("7 bytes: {:?}", HEAP.claim(start, 7));
        println!("14 bytes at an odd address: {:?}", HEAP.claim(start.add(1), 14));
        println!("room for 8 bytes: {}", room_for(8));
        println!("303 bytes at an odd address: {:?}", HEAP.claim(start.add(1), 303));
        println!("room for 8 bytes: {}, 297 bytes: {}", room_for(8), room_for(297));
        println!("the same again: {:?}", HEAP.claim(start.add(1), 303));
        println!("one bank: {:?}", HEAP.claim(start.add(307), 3721));
        println!("one that overlaps it: {:?}", HEAP.claim(start.add(4000), 100));
        println!("one below it: {:?}", HEAP.claim(start, 16));
        println!("the rest: {:?}", HEAP.claim(start.add(4096), len - 4096));
        println!("the whole: {:?}", HEAP.claim(start, len));
    }

    println!("room for 1024 bytes: {}, 4104 bytes: {}", room_for(1024), room_for(4104));
    // More than fit in one bank, and no more than fit in both, even where blocks are powers of two and lie at multiples of that.
    let mut blocks: [Vec<u16>; 5] = Default::default();
    for (n, block) in blocks.iter_mut().enumerate() {
        block.try_reserve_exact(500).expect("a bank has room for it");
        block.extend((0..500).map(|m| m ^ (n as u16) << 12));
    }
    let apart = blocks.iter().enumerate().all(|(n, block)| {
        blocks[..n].iter().all(|other| {
            block.as_ptr_range().end <= other.as_ptr() || other.as_ptr_range().end <= block.as_ptr()
        })
    });
    let intact = blocks
        .iter()
        .enumerate()
        .all(|(n, block)| block.iter().zip(0..).all(|(&m, i)| m == i ^ (n as u16) << 12));
    let inside = blocks.iter().all(|block| {
        let bytes = block.as_ptr_range();
        bytes.start.addr() >= start.addr() && bytes.end.addr() <= start.addr() + len
    });
    println!("five blocks of 1000 bytes: apart: {apart}, intact: {intact}, inside: {inside}");
    exit()
}
