//! A source for tests: as much memory as it is told to have, where it is told to have it.

use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use super::{PageSource, Request};
use crate::address::{GRANULE, Region, padding};

/// Pages cut from a slice, in ascending order, the way wasm's linear memory gives them: what touches the
/// heap's end extends it, and what somebody else took in between leaves a gap.
///
/// A heap takes `&TestPages`, so that the test can keep hold of it.
pub struct TestPages<'a> {
    memory: *mut u8,
    page: usize,
    /// Whole pages in the slice.
    all: usize,
    /// Pages handed out or skipped, from the start of the slice.
    taken: Cell<usize>,
    limit: Cell<usize>,
    /// Bytes handed to the heap.
    granted: Cell<usize>,
    /// Calls of `grow`.
    calls: Cell<usize>,
    lifetime: PhantomData<&'a mut [MaybeUninit<u8>]>,
}

impl<'a> TestPages<'a> {
    /// A source over `memory`, which is filled with zeros, in pages of `page` bytes, a power of two and a multiple of
    /// [`GRANULE`](crate::address::GRANULE).
    ///
    /// # Panics
    ///
    /// If `page` is not as said, or `memory` is not aligned to it.
    pub fn new(memory: &'a mut [MaybeUninit<u8>], page: usize) -> Self {
        let len = memory.len();
        // From here on, only the pointer is used: a look at the slice would make it one that may not write.
        let start: *mut u8 = memory.as_mut_ptr().cast();
        // SAFETY: that is the slice. Its own `fill` would go byte by byte in an interpreter.
        unsafe { start.write_bytes(0, len) };
        assert!(page.is_power_of_two() && page >= GRANULE && start.addr() % page == 0);
        Self {
            memory: start,
            page,
            all: len / page,
            taken: Cell::new(0),
            limit: Cell::new(len / page),
            granted: Cell::new(0),
            calls: Cell::new(0),
            lifetime: PhantomData,
        }
    }

    /// Somebody else grows memory by `pages`.
    pub fn skip(&self, pages: usize) {
        self.taken.set((self.taken.get() + pages).min(self.limit.get()));
    }

    /// From now on, growth past `pages` pages from the start fails, and in any case growth past the slice.
    pub fn limit(&self, pages: usize) {
        self.limit.set(pages.min(self.all));
    }

    /// Pages handed out or skipped so far.
    pub fn pages(&self) -> usize {
        self.taken.get()
    }

    /// Bytes handed to the heap so far.
    pub fn granted(&self) -> usize {
        self.granted.get()
    }

    /// How often the heap has asked.
    pub fn calls(&self) -> usize {
        self.calls.get()
    }
}

// SAFETY: `taken` only rises, so regions are disjoint, ascending, and zeroed; all are of one slice, borrowed for as long as the source lives.
unsafe impl PageSource for &TestPages<'_> {
    const ZEROED: bool = true;

    fn grow(&mut self, request: Request) -> Option<Region> {
        self.calls.set(self.calls.get() + 1);
        let start = self.memory.addr() + self.taken.get() * self.page;
        let (bytes, ahead) = if start == request.end {
            (request.missing, request.ahead / self.page)
        } else {
            (padding(start, request.mask).checked_add(request.size)?, 0)
        };
        let least = bytes.div_ceil(self.page);
        let left = self.limit.get().saturating_sub(self.taken.get());
        let pages = [least + ahead, least].into_iter().find(|&pages| pages <= left)?;
        self.taken.set(self.taken.get() + pages);
        self.granted.set(self.granted.get() + pages * self.page);
        Some(Region { start, end: start + pages * self.page })
    }

    fn last(&self) -> usize {
        self.memory.addr() + self.taken.get() * self.page - 1
    }

    fn at(&self, addr: usize) -> *mut u8 {
        self.memory.with_addr(addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(align(64))]
    struct Memory([MaybeUninit<u8>; 128]);

    #[test]
    fn a_limit_past_the_slice_gives_no_memory_past_it() {
        let mut memory = Memory([MaybeUninit::uninit(); 128]);
        let source = TestPages::new(&mut memory.0, 64);
        source.limit(3);
        let request = |size| Request { end: 0, missing: size, ahead: 0, size, mask: 0 };
        assert_eq!((&source).grow(request(192)), None);
        assert_eq!((&source).grow(request(128)).map(Region::len), Some(128));
        assert_eq!((&source).grow(request(64)), None);
    }
}
