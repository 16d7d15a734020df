//! Every function of the three allocators, and nothing else. A panic in any of them would call a function that does not
//! exist: on bare metal, the program does not link then, and in wasm it has an import.
//!
//! Built by `cargo xtask test`, never run. On hosts it is empty.
#![cfg_attr(any(target_family = "wasm", target_os = "none"), no_std, no_main)]

#[cfg(not(any(target_family = "wasm", target_os = "none")))]
fn main() {}

#[cfg(any(target_family = "wasm", target_os = "none"))]
mod bare {
    use core::alloc::{GlobalAlloc, Layout};
    use core::hint::black_box;

    use lite_alloc::single_threaded::{
        BoundedFreeListAllocator, BumpFreeListAllocator, FreeListAllocator, LargeHeapFreeListAllocator,
        SegregatedBumpAllocator, SmallestFreeListAllocator,
    };
    use lite_alloc::source::Arena;

    #[cfg_attr(target_family = "wasm", link(wasm_import_module = "nowhere"))]
    unsafe extern "C" {
        safe fn somebody_panicked() -> !;
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        somebody_panicked()
    }

    /// Calls everything there is with values that the compiler does not know.
    fn call(heap: &impl GlobalAlloc) {
        // SAFETY: nobody runs this.
        unsafe {
            let layout = Layout::from_size_align_unchecked(black_box(1), black_box(1));
            let ptr = black_box(heap.alloc(layout));
            let ptr = black_box(heap.realloc(ptr, layout, black_box(2)));
            heap.dealloc(black_box(ptr), layout);
            black_box(heap.alloc_zeroed(layout));
        }
    }

    /// The same over this target's own source and over an array.
    macro_rules! call {
        ($allocator:ident) => {{
            static HEAP: $allocator = $allocator::new();
            // SAFETY: nobody runs this.
            static ARENA: Arena<1024> = unsafe { Arena::unshared() };
            static OVER_ARENA: $allocator<&Arena<1024>> = $allocator::with_source(&ARENA);
            #[cfg(not(target_family = "wasm"))]
            // SAFETY: nobody runs this.
            let _ = black_box(unsafe { HEAP.claim(black_box(core::ptr::null_mut()), black_box(0)) });
            call(&HEAP);
            call(&OVER_ARENA);
            // SAFETY: the closure does not allocate.
            unsafe { HEAP.visit_free(|piece| _ = black_box(piece.len())) };
        }};
    }

    #[unsafe(no_mangle)]
    extern "C" fn _start() {
        call!(BumpFreeListAllocator);
        call!(SegregatedBumpAllocator);
        call!(SmallestFreeListAllocator);
        call!(BoundedFreeListAllocator);
        call!(FreeListAllocator);
        call!(LargeHeapFreeListAllocator);
    }
}
