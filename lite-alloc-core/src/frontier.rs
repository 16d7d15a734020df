//! The bump frontier: fresh memory that blocks are cut from.

use crate::address::{Region, padding};
use crate::source::{PageSource, Request};

/// What is left of the region that blocks are being cut from.
///
/// ```text
///   blocks, live and free │ free │
///   ──────────────────────┼──────┤
///                        top    end
/// ```
///
/// All-zero until the first block is asked for. An all-zero frontier is an empty one, so a heap in
/// a `static` takes no initialised data and no initialisation.
pub struct Frontier {
    /// Where the next block starts, if its alignment allows. From here to `end`, memory is free and in nobody's
    /// list. A multiple of `GRANULE` if the sizes of all blocks are.
    pub top: usize,
    /// Where the region ends. `top <= end`.
    pub end: usize,
}

/// What came of cutting a block.
pub struct Cut {
    /// Its address.
    pub block: usize,
    /// Start and size of what was left of the region, if the source went on elsewhere; else the size is 0.
    pub rest: (usize, usize),
    /// Start and size of what the block's alignment skipped, possibly nothing.
    pub pad: (usize, usize),
}

impl Frontier {
    /// A frontier without memory.
    pub const EMPTY: Self = Self { top: 0, end: 0 };

    /// What is left, which the next block is cut from.
    #[inline(always)]
    pub fn rest(&self) -> Region {
        Region { start: self.top, end: self.end }
    }

    /// Cuts a block, from more memory of the source if it does not fit. `None` if that memory cannot be had; the frontier is as it
    /// was then. O(1) and what the source takes.
    ///
    /// The block's address has the bits of `mask` clear: its alignment less one, or [`mask_of`](crate::address::mask_of) it if the sizes
    /// of all blocks are multiples of `GRANULE`.
    ///
    /// `from` is where the block may start: `top`, or the start of the block that ends at `top`, to resize that
    /// one. It is resized in place if the address returned is `from`.
    #[inline]
    pub fn cut<S: PageSource>(
        &mut self,
        source: &mut S,
        from: usize,
        size: usize,
        mask: usize,
    ) -> Option<Cut> {
        let (top, old) = (self.top, self.end);
        let (mut base, mut end) = (from, old);
        loop {
            let pad = padding(base, mask);
            // A layout's size, rounded up to its alignment, is below half the address space, and so is the
            // alignment: no overflow. Where the block would end may lie past the top of the address space.
            let need = pad + size;
            let stop = base.wrapping_add(need);
            if need <= end - base {
                self.end = end;
                self.top = stop;
                let rest = (top, if base == from { 0 } else { old - top });
                return Some(Cut { block: stop - size, rest, pad: (base, pad) });
            }
            let region =
                source.grow(Request { end, missing: stop.wrapping_sub(end), ahead: 0, size, mask })?;
            base = if region.start == end { base } else { region.start };
            end = region.end;
        }
    }
}
