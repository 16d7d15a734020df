//! The allocators, each with its functions exported as `bump_alloc` and so on, for `tests/wasm/run.mjs`.
//!
//! There is no standard library and no other allocator in the module: all of linear memory above the stack is left to
//! the one that is tested, and to JavaScript. Elsewhere than in wasm, the crate is empty.
#![cfg(target_family = "wasm")]
#![no_std]

use core::alloc::{GlobalAlloc, Layout};

use lite_alloc::single_threaded::{
    BumpFreeListAllocator, FreeListAllocator, LargeHeapFreeListAllocator, SegregatedBumpAllocator,
    SmallestFreeListAllocator,
};
use lite_alloc::source::WholeMemory;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

macro_rules! export {
    ($allocator:ty = $new:expr; $alloc:ident, $alloc_zeroed:ident, $dealloc:ident, $realloc:ident, $free:ident) => {
        const _: () = {
            static HEAP: $allocator = $new;

            #[unsafe(no_mangle)]
            extern "C" fn $alloc(size: usize, align: usize) -> *mut u8 {
                // SAFETY: the script never asks for 0 bytes.
                unsafe { HEAP.alloc(layout(size, align)) }
            }

            #[unsafe(no_mangle)]
            extern "C" fn $alloc_zeroed(size: usize, align: usize) -> *mut u8 {
                // SAFETY: the script never asks for 0 bytes.
                unsafe { HEAP.alloc_zeroed(layout(size, align)) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn $dealloc(ptr: *mut u8, size: usize, align: usize) {
                // SAFETY: the script frees what it has, with the layout that it has it with.
                unsafe { HEAP.dealloc(ptr, layout(size, align)) }
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn $realloc(
                ptr: *mut u8,
                size: usize,
                align: usize,
                new_size: usize,
            ) -> *mut u8 {
                // SAFETY: as above, and the new size makes a layout.
                unsafe { HEAP.realloc(ptr, layout(size, align), layout(new_size, align).size()) }
            }

            /// The free bytes of the heap.
            #[unsafe(no_mangle)]
            extern "C" fn $free() -> u64 {
                let mut free = 0;
                // SAFETY: adding up does not allocate.
                unsafe { HEAP.visit_free(|piece| free += piece.len() as u64) };
                free
            }
        };
    };
}

export!(BumpFreeListAllocator = BumpFreeListAllocator::new();
    bump_alloc, bump_alloc_zeroed, bump_dealloc, bump_realloc, bump_free);
export!(SegregatedBumpAllocator = SegregatedBumpAllocator::new();
    segregated_alloc, segregated_alloc_zeroed, segregated_dealloc, segregated_realloc, segregated_free);
export!(FreeListAllocator = FreeListAllocator::new();
    freelist_alloc, freelist_alloc_zeroed, freelist_dealloc, freelist_realloc, freelist_free);
export!(LargeHeapFreeListAllocator = LargeHeapFreeListAllocator::new();
    large_heap_alloc, large_heap_alloc_zeroed, large_heap_dealloc, large_heap_realloc, large_heap_free);
export!(SmallestFreeListAllocator = SmallestFreeListAllocator::new();
    smallest_alloc, smallest_alloc_zeroed, smallest_dealloc, smallest_realloc, smallest_free);

// SAFETY: the script uses one heap in each instance and writes to its own pages and blocks only; the module has no other allocator.
export!(FreeListAllocator<WholeMemory> = FreeListAllocator::with_source(unsafe { WholeMemory::new() });
    whole_alloc, whole_alloc_zeroed, whole_dealloc, whole_realloc, whole_free);
// SAFETY: the same.
export!(SegregatedBumpAllocator<WholeMemory> = SegregatedBumpAllocator::with_source(unsafe { WholeMemory::new() });
    whole_segregated_alloc, whole_segregated_alloc_zeroed, whole_segregated_dealloc, whole_segregated_realloc,
    whole_segregated_free);

unsafe extern "C" {
    static __heap_base: u8;
}

/// Where the module's own data and stack end.
#[unsafe(no_mangle)]
extern "C" fn heap_base() -> usize {
    (&raw const __heap_base).addr()
}
