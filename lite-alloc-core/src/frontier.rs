//! The bump frontier: fresh memory that blocks are cut from.

use crate::address::{Region, padding};
use crate::source::{PageSource, Request};

/// What is left of the region that blocks are being cut from.
///
/// ```text
///   blocks, live and free │ free, used before │ as the source gave it │
///   ──────────────────────┼───────────────────┼───────────────────────┤
///                        top                clean                    end
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
    /// From the higher of `clean` and `top` to `end`, and in all regions to come, no block has ever been. Kept only for sources
    /// whose memory is [`ZEROED`](PageSource::ZEROED).
    pub clean: usize,
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
    pub const EMPTY: Self = Self { top: 0, end: 0, clean: 0 };

    /// Whether `end` is where the last block ends. That may then be taken back, by setting `top` to where it starts, or resized, by
    /// [`cut`](Self::cut) from there. O(1).
    #[inline(always)]
    pub fn reopen<S: PageSource>(&mut self, end: usize) -> bool {
        let last = self.top == end;
        if last && S::ZEROED {
            // What lies before has been used, and may be the frontier's again.
            self.clean = self.clean.max(end);
        }
        last
    }

    /// What [`dirty`](Self::dirty) compares with, taken before a block is allocated.
    #[inline(always)]
    pub fn mark(&self) -> usize {
        self.top
    }

    /// How many bytes from `addr` on may be other than zero, of a block that was allocated there since `mark`.
    #[inline(always)]
    pub fn dirty(&self, mark: usize, addr: usize) -> usize {
        // Only a block that was cut from the frontier moves its top.
        if self.top == mark { usize::MAX } else { self.clean.saturating_sub(addr) }
    }

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
            let region = source.grow(Request { end, missing: stop.wrapping_sub(end), size, mask })?;
            base = if region.start == end { base } else { region.start };
            end = region.end;
        }
    }
}
