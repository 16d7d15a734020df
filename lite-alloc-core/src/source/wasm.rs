//! WebAssembly's linear memory.

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::{memory_grow, memory_size};
#[cfg(target_arch = "wasm64")]
use core::arch::wasm64::{memory_grow, memory_size};

use super::{PageSource, Request};
use crate::address::Region;
#[cfg(not(target_feature = "atomics"))]
use crate::address::end_of_next;

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
// That the block fits is what `all` is computed from.
unsafe impl PageSource for WasmPages {
    const ZEROED: bool = true;
    const EVEN: bool = cfg!(not(target_feature = "atomics"));

    #[inline(always)]
    fn grow(&mut self, request: Request) -> Option<Region> {
        let pages = memory_size::<0>();
        // With 65536 pages this wraps to 0, and the growth below fails, as it should.
        let start = pages << PAGE_BITS;
        if start == request.end {
            let stop = request.end.wrapping_add(request.missing);
            let mut ahead = request.ahead;
            loop {
                // Where memory is to end, in whole pages. In the last page below 4 GiB and past it, this wraps to less than there is, for
                // nobody asks for 4 GiB in all; the difference wraps too, to more than can be had. The low bits of `ahead` are set and
                // not added to, for LLVM would do a sum early, and keep it.
                let all = stop.wrapping_add(ahead | ((1 << PAGE_BITS) - 1)) >> PAGE_BITS;
                let landed = memory_grow::<0>(all.wrapping_sub(pages));
                if landed != usize::MAX {
                    // Another thread may have grown memory just before; and a growth by another thread shows in `memory.size`
                    // only after a while in V8.
                    #[cfg(target_feature = "atomics")]
                    return Some(Region::usable(landed << PAGE_BITS, (all - pages) << PAGE_BITS));
                    #[cfg(not(target_feature = "atomics"))]
                    break;
                }
                if ahead == 0 {
                    return None;
                }
                ahead = 0;
            }
        }
        // Asked anew, which takes less code than to remember. Where nothing was grown, the region is empty, and
        // the heap comes back with this end.
        #[cfg(not(target_feature = "atomics"))]
        let end = memory_size::<0>() << PAGE_BITS;
        #[cfg(target_feature = "atomics")]
        let end = start;
        Some(Region { start, end })
    }

    #[cfg(not(target_feature = "atomics"))]
    #[inline(always)]
    fn fetch(&mut self, size: usize) -> Option<Region> {
        let pages = memory_size::<0>();
        // With 65536 pages this wraps to 0, and the growth below fails, as it should.
        let start = pages << PAGE_BITS;
        // In whole pages. In the last one below 4 GiB and past it, this wraps to less than there is, and the difference wraps too, to
        // more than can be had.
        let end = end_of_next(start, (size - 1) | ((1 << PAGE_BITS) - 1));
        let landed = memory_grow::<0>((end >> PAGE_BITS).wrapping_sub(pages));
        (landed != usize::MAX).then_some(Region { start, end })
    }

    #[cfg(not(target_feature = "atomics"))]
    #[inline(always)]
    fn last(&self) -> usize {
        (memory_size::<0>() << PAGE_BITS).wrapping_sub(1)
    }
}
