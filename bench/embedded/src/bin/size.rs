//! A program that calls alloc and dealloc, and nothing else. It is only looked at.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;

use embedded::Slot;

#[global_allocator]
static HEAP: Slot = Slot::new();

#[inline(never)]
fn allocate(size: usize, align: usize) -> *mut u8 {
    // SAFETY: nobody runs this.
    unsafe { HEAP.alloc(Layout::from_size_align_unchecked(size, align)) }
}

#[inline(never)]
fn free(ptr: *mut u8, size: usize, align: usize) {
    // SAFETY: nobody runs this.
    unsafe { HEAP.dealloc(ptr, Layout::from_size_align_unchecked(size, align)) }
}

#[unsafe(no_mangle)]
extern "C" fn _start(start: *mut u8, len: usize) -> ! {
    // SAFETY: nobody runs this.
    unsafe { HEAP.init(start, len) };
    // What is called with is not for the compiler to know.
    black_box((allocate as fn(_, _) -> _, free as fn(_, _, _)));
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
