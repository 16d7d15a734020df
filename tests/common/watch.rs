//! A memory source that keeps a record.

use core::cell::{Cell, RefCell};
use core::mem::MaybeUninit;

use lite_alloc_core::address::Region;
use lite_alloc_core::source::testing::TestPages;
use lite_alloc_core::source::{PageSource, Request};

use super::Kind;

/// What the pages of others are filled with.
const CANARY: u8 = 0xC5;

/// [`TestPages`] that know which regions they handed out and what somebody else took in between, refuse on
/// demand, and fill regions with whatever byte the test wants to see.
///
/// `ZEROED` is what the source claims, not what it does.
pub struct Watch<'a, const ZEROED: bool = true> {
    pages: TestPages<'a>,
    page: usize,
    start: usize,
    limit: Cell<usize>,
    most: usize,
    fill: Cell<u8>,
    refuse: Cell<bool>,
    regions: RefCell<Vec<Region>>,
    foreign: RefCell<Vec<Region>>,
    touches: Cell<usize>,
}

impl<'a, const ZEROED: bool> Watch<'a, ZEROED> {
    pub fn new(memory: &'a mut [MaybeUninit<u8>], page: usize) -> Self {
        let start = memory.as_ptr().addr();
        let most = memory.len() / page;
        Self {
            pages: TestPages::new(memory, page),
            page,
            start,
            limit: Cell::new(most),
            most,
            fill: Cell::new(0),
            refuse: Cell::new(false),
            regions: RefCell::default(),
            foreign: RefCell::default(),
            touches: Cell::new(0),
        }
    }

    /// From now on, regions arrive filled with `byte`.
    pub fn fill(&self, byte: u8) {
        self.fill.set(byte);
    }

    /// From now on, growth fails, however small it is, or no longer.
    pub fn refuse(&self, refuses: bool) {
        self.refuse.set(refuses);
    }

    /// Whether growth fails.
    pub fn refuses(&self) -> bool {
        self.refuse.get()
    }

    /// From now on, memory ends `pages` pages after what is taken now, or where it really ends.
    pub fn limit_to(&self, pages: usize) {
        let limit = (self.pages.pages() + pages).min(self.most);
        self.limit.set(limit);
        self.pages.limit(limit);
    }

    /// How many pages could still be had.
    pub fn left(&self) -> usize {
        self.limit.get() - self.pages.pages()
    }

    /// Somebody else grows memory, and fills it with something of their own.
    pub fn foreign_growth(&self, pages: usize) {
        let start = self.end();
        self.pages.skip(pages);
        let region = Region { start, end: self.end() };
        if !region.is_empty() {
            // SAFETY: nobody else has these pages.
            unsafe { (&self.pages).at(start).write_bytes(CANARY, region.len()) };
            self.foreign.borrow_mut().push(region);
        }
    }

    /// Somebody else grows memory until it ends at a multiple of `align`, and where it does, not at all.
    pub fn foreign_growth_to_multiple(&self, align: usize) {
        self.foreign_growth((self.end().next_multiple_of(align) - self.end()) / self.page);
    }

    /// Whether what others own is as they left it.
    pub fn foreign_is_intact(&self) -> bool {
        self.foreign.borrow().iter().all(|region| {
            // SAFETY: inside the memory, initialised, and nobody writes to it meanwhile.
            let bytes = unsafe { core::slice::from_raw_parts((&self.pages).at(region.start), region.len()) };
            super::is_filled(bytes, CANARY)
        })
    }

    pub fn foreign(&self) -> Vec<Region> {
        self.foreign.borrow().clone()
    }

    /// The regions handed out, those that touch joined, in ascending order.
    pub fn regions(&self) -> Vec<Region> {
        super::joined(&self.regions.borrow())
    }

    /// Where blocks of that strategy may lie.
    pub fn usable<K: Kind>(&self) -> Vec<Region> {
        K::usable(&self.regions.borrow())
    }

    /// The address where memory ends now.
    pub fn end(&self) -> usize {
        self.start + self.pages.pages() * self.page
    }

    /// Pages handed out or taken by others.
    pub fn pages(&self) -> usize {
        self.pages.pages()
    }

    /// The size of a page in bytes.
    pub fn page(&self) -> usize {
        self.page
    }

    /// Bytes handed out.
    pub fn granted(&self) -> usize {
        self.pages.granted()
    }

    /// How often the heap turned an address into a pointer, which it does for every access to memory: a
    /// measure of work that does not depend on the machine.
    pub fn touches(&self) -> usize {
        self.touches.get()
    }
}

// SAFETY: the regions are those of `TestPages`. A test that has them filled with something else than zeros although
// `ZEROED` says otherwise does so to see what the heap leaves alone, and reads only initialised bytes.
unsafe impl<const ZEROED: bool> PageSource for &Watch<'_, ZEROED> {
    const ZEROED: bool = ZEROED;

    fn grow(&mut self, request: Request) -> Option<Region> {
        assert!(request.missing > 0, "a heap asked for nothing");
        assert!(request.align().is_power_of_two());
        if self.refuses() {
            return None;
        }
        let region = (&mut &self.pages).grow(request)?;
        // SAFETY: the region is the heap's in a moment, and nobody's now.
        unsafe { (&self.pages).at(region.start).write_bytes(self.fill.get(), region.len()) };
        self.regions.borrow_mut().push(region);
        Some(region)
    }

    fn last(&self) -> usize {
        (&self.pages).last()
    }

    fn at(&self, addr: usize) -> *mut u8 {
        self.touches.set(self.touches.get() + 1);
        (&self.pages).at(addr)
    }
}
