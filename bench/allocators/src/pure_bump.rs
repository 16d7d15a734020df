//! A bump pointer that never frees and must be the only one to grow memory: the least that an allocator can cost.

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::Cell;
use core::ptr::null_mut;

const PAGE: usize = 1 << 16;

unsafe extern "C" {
    /// What lies here, behind the program's own data, is nobody's.
    static mut __heap_base: u8;
}

/// How far the blocks reach from `__heap_base`.
pub struct PureBump(Cell<usize>);

impl PureBump {
    pub const fn new() -> Self {
        Self(Cell::new(0))
    }
}

// SAFETY: the module has one thread.
unsafe impl Sync for PureBump {}

// SAFETY: blocks are cut from memory behind the program's data, one behind the other.
unsafe impl GlobalAlloc for PureBump {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = &raw mut __heap_base;
        let top = base.addr() + self.0.get();
        let start = (top + layout.align() - 1) & !(layout.align() - 1);
        let stop = start + layout.size();
        let missing = stop.div_ceil(PAGE).saturating_sub(memory_size::<0>());
        if missing > 0 && memory_grow::<0>(missing) == usize::MAX {
            return null_mut();
        }
        self.0.set(stop - base.addr());
        base.with_addr(start)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
