//! Regions known only at run time: linker symbols, a second bank of RAM.

use core::fmt;

use super::{PageSource, Request};
use crate::address::Region;

/// Regions that the program hands over, one call of [`claim`](crate::Heap::claim) each.
///
/// Regions that wait for their turn are linked through their own first words:
///
/// ```text
///   first ─→ ┌ next, end ┬───────────┐   ┌ next, end ┬─────┐
///            └─────┼─────┴───────────┘   └───────────┴─────┘
///                  └──────────────────────→
/// ```
#[derive(Debug, Default)]
pub struct ClaimedRegions {
    /// The first region that waits; 0 if none does. Nobody else uses the memory of these.
    first: usize,
    /// The end of the highest region claimed so far. All of them end here or below.
    highest: usize,
}

const NEXT: usize = 0;
const END: usize = 1;

/// A region that cannot be claimed: it starts below the end of one claimed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimError;

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the region starts below the end of one claimed before")
    }
}

impl core::error::Error for ClaimError {}

impl ClaimedRegions {
    /// A source that has nothing to give yet.
    pub const fn new() -> Self {
        Self { first: 0, highest: 0 }
    }

    /// Adds what is usable of a region and returns how many bytes that is.
    ///
    /// # Safety
    ///
    /// As for [`Heap::claim`](crate::Heap::claim).
    pub(crate) unsafe fn claim(&mut self, start: *mut u8, len: usize) -> Result<usize, ClaimError> {
        let region = Region::usable(start.expose_provenance(), len);
        if !region.is_empty() {
            if region.start < self.highest {
                return Err(ClaimError);
            }
            self.highest = region.end;
            // SAFETY: the region was just handed over and is not empty.
            unsafe { self.wait(region) };
        }
        Ok(region.len())
    }

    /// # Safety
    ///
    /// The region belongs to this source, is not in use, and is not empty.
    unsafe fn wait(&mut self, region: Region) {
        // SAFETY: a region is a granule, two words, at the least.
        unsafe {
            *self.word(region.start, NEXT) = self.first;
            *self.word(region.start, END) = region.end;
        }
        self.first = region.start;
    }
}

// SAFETY: every region was handed over for good with `claim`, and no two overlap, since each starts at
// or above the end of all before it. Provenance is exposed there, for the whole region; regions
// that touch are RAM beside RAM, handed over as such.
unsafe impl PageSource for ClaimedRegions {
    const ZEROED: bool = false;

    /// O(number of waiting regions).
    fn grow(&mut self, request: Request) -> Option<Region> {
        let mut link = &raw mut self.first;
        // SAFETY: `link` is `first` or the first word of a region that waits.
        unsafe {
            while *link != 0 {
                let region = Region { start: *link, end: *self.word(*link, END) };
                if request.need(region.start) <= region.len() {
                    *link = *self.word(region.start, NEXT);
                    return Some(region);
                }
                link = self.word(region.start, NEXT);
            }
        }
        None
    }

    fn give_back(&mut self, region: Region) {
        if !region.is_empty() {
            // SAFETY: the heap has left it, as its contract says.
            unsafe { self.wait(region) };
        }
    }

    /// O(number of waiting regions).
    fn visit_waiting(&self, mut visit: impl FnMut(Region)) {
        let mut start = self.first;
        while start != 0 {
            // SAFETY: a region that waits starts with these words.
            unsafe {
                visit(Region { start, end: *self.word(start, END) });
                start = *self.word(start, NEXT);
            }
        }
    }
}
