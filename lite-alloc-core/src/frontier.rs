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
    /// list. A multiple of `GRANULE`.
    pub top: usize,
    /// Where the region ends. `top <= end`.
    pub end: usize,
    /// From the higher of `clean` and `top` to `end`, and in all regions to come, no block has ever been.
    pub clean: usize,
}

impl Frontier {
    /// A frontier without memory.
    pub const EMPTY: Self = Self { top: 0, end: 0, clean: 0 };

    /// Takes back what lies between `start` and `top`. O(1).
    #[inline]
    pub fn rewind(&mut self, start: usize) {
        self.clean = self.clean.max(self.top);
        self.top = start;
    }

    /// What is left, which the next block is cut from.
    #[inline(always)]
    pub fn rest(&self) -> Region {
        Region { start: self.top, end: self.end }
    }

    /// Cuts a block, from more memory of the source if it does not fit. Returns its address, or 0 if that
    /// memory cannot be had. O(1) and what the source takes.
    ///
    /// `from` is where the block may start: `top`, or the start of the block that ends at `top`, to resize that
    /// one. It is resized in place if the address returned is `from`.
    ///
    /// What the frontier leaves behind is handed to `spare`, start and size, both possibly with
    /// size 0: what the block's alignment skips, and the rest of the region if the source goes on elsewhere.
    #[inline]
    pub fn cut<S: PageSource>(
        &mut self,
        source: &mut S,
        from: usize,
        size: usize,
        align: usize,
        mut spare: impl FnMut(&mut S, usize, usize),
    ) -> usize {
        let (mut base, mut end) = (from, self.end);
        let (mut pad, mut need);
        loop {
            pad = padding(base, align);
            // A layout's size, rounded up to its alignment, is below half the address space, and so is the
            // alignment: no overflow.
            need = pad + size;
            let room = end - base;
            if need <= room {
                break;
            }
            let Some(region) = source.grow(Request { end, missing: need - room, size, align }) else {
                return 0;
            };
            let joined = region.start == end;
            end = region.end;
            if joined {
                break;
            }
            base = region.start;
        }
        let (start, old) = (self.top, self.end);
        self.top = base + need;
        self.end = end;
        if base != from {
            spare(source, start, old - start);
        }
        spare(source, base, pad);
        base + pad
    }
}
