//! WebAssembly's linear memory, with what is left of the initial one.

use super::{PageSource, Request, WasmPages};
use crate::address::Region;

/// The rest of the initial memory, and then [`WasmPages`].
///
/// A module starts with whole pages of memory, and its data and stack rarely fill the last one. A small module may
/// find all that it ever needs there, and never grow:
///
/// ```text
///   0          __heap_base   __heap_end
///   ├─ stack, data ─┼─── rest ───┼─── pages to come ──→
/// ```
///
/// ```ignore
/// #[global_allocator]
/// // SAFETY: a `no_std` module with this one allocator, and JavaScript keeps out of its memory.
/// static ALLOCATOR: FreeListAllocator<WholeMemory> =
///     FreeListAllocator::with_source(unsafe { WholeMemory::new() });
/// ```
///
/// Not there in wasm with `atomics`.
#[derive(Debug)]
pub struct WholeMemory {
    /// Whether the heap has the rest of the initial memory.
    taken: bool,
}

impl WholeMemory {
    /// The source, for one heap in the module.
    ///
    /// # Safety
    ///
    /// Nothing else uses the memory between the symbols `__heap_base` and `__heap_end` of the linker:
    ///
    /// - There is no other source of this kind in the module.
    /// - The allocator of the standard library, [`std::alloc::System`][system], is never called, for it takes that memory too. The
    ///   standard library itself calls it even where the global allocator is another one: for the handles of threads
    ///   (`std::thread::current`) and for thread-locals with destructors, at least. So this is for `no_std` modules.
    /// - JavaScript leaves that memory alone.
    ///
    /// [system]: https://doc.rust-lang.org/std/alloc/struct.System.html
    pub const unsafe fn new() -> Self {
        Self { taken: false }
    }
}

unsafe extern "C" {
    static __heap_base: u8;
    static __heap_end: u8;
}

/// What is left of the initial memory.
fn rest() -> Region {
    // Only their addresses mean something.
    let (start, end) = ((&raw const __heap_base).expose_provenance(), (&raw const __heap_end).addr());
    Region::usable(start, end.saturating_sub(start))
}

// SAFETY: the rest of the initial memory is this source's alone by the promise made to `new`, returned once, and zero, for no data
// of the module's lies there. What follows is what `WasmPages` promises; all of linear memory is one allocation.
unsafe impl PageSource for WholeMemory {
    const ZEROED: bool = true;

    fn grow(&mut self, request: Request) -> Option<Region> {
        if self.taken {
            return WasmPages.grow(request);
        }
        let rest = rest();
        let need = request.need(rest.start);
        if need <= rest.len() {
            self.taken = true;
            return Some(rest);
        }
        // A heap that has memory extends that, and for the rest there may come a smaller request. The first block starts in the
        // rest, unless somebody else has the pages behind it: then nothing is grown here.
        if request.end == 0 {
            let grown = WasmPages.grow(Request { end: rest.end, missing: need - rest.len(), ..request })?;
            if grown.start == rest.end {
                self.taken = true;
                return Some(Region { start: rest.start, end: grown.end });
            }
        }
        WasmPages.grow(request)
    }

    #[inline(always)]
    fn last(&self) -> usize {
        WasmPages.last()
    }

    fn visit_waiting(&self, mut visit: impl FnMut(Region)) {
        if !self.taken {
            visit(rest());
        }
    }
}
