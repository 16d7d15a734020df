//! WebAssembly's linear memory.

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::{memory_grow, memory_size};
#[cfg(target_arch = "wasm64")]
use core::arch::wasm64::{memory_grow, memory_size};

use super::{PageSource, Request};
use crate::address::Region;

const PAGE_BITS: u32 = 16;

/// Pages of 64 KiB from `memory.grow`.
///
/// Linear memory is shared with whoever else calls `memory.grow`: JavaScript, another module,
/// another heap. So this source holds no state. It looks at where memory ends now; if that is where
/// the heap ends, the heap is extended, and if not, somebody else owns what lies between and a
/// new region begins.
///
/// The last page below 4 GiB is never asked for: a block in it could end at address 0.
#[derive(Debug, Default)]
pub struct WasmPages;

impl WasmPages {
    /// The source; it has no state.
    pub const fn new() -> Self {
        Self
    }
}

// SAFETY: `memory.grow` returns pages that nobody had before, zeroed, never to be taken away. All
// of linear memory is one allocation as far as pointers go, so touching regions may be merged.
// That the block fits is what `pages` is computed from.
unsafe impl PageSource for WasmPages {
    const ZEROED: bool = true;

    #[inline(always)]
    fn grow(&mut self, request: Request) -> Option<Region> {
        // With 65536 pages this wraps to 0, and the growth below fails, as it should.
        let start = memory_size::<0>() << PAGE_BITS;
        if start != request.end {
            return Some(Region { start, end: start });
        }
        let pages = ((request.missing - 1) >> PAGE_BITS) + 1;
        let end = start.wrapping_add(pages << PAGE_BITS);
        if end == 0 {
            return None;
        }
        let landed = memory_grow::<0>(pages);
        if landed == usize::MAX {
            return None;
        }
        // Another thread may have grown memory just before; and a growth by another thread shows in `memory.size` only
        // after a while in V8.
        #[cfg(target_feature = "atomics")]
        if landed << PAGE_BITS != start {
            return Some(Region::usable(landed << PAGE_BITS, pages << PAGE_BITS));
        }
        Some(Region { start, end })
    }
}
