//! A heap beside a model of it: every step is checked.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::sync::OnceLock;

use lite_alloc_core::Heap;
use lite_alloc_core::address::{GRANULE, Region};
use proptest::prelude::{prop_assert, prop_assert_eq};
use proptest::test_runner::TestCaseError;

use super::watch::Watch;
use super::{Checked, Kind, LARGEST_BIN, asked, free_pieces, holds, is_filled, joined, layout, much, total};

/// A prime, so that contents that move by a round number of bytes do not look the same.
const PERIOD: usize = much(65_521, 65_521, 8191);

/// Bytes without a pattern.
fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut state = 1u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        core::iter::repeat_with(next).take(2 * PERIOD).collect()
    })
}

/// A live block.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub ptr: *mut u8,
    pub layout: Layout,
    /// What the strategy has as this block, if it keeps no size but that.
    whole: (usize, Layout),
    /// Where in the noise its contents begin.
    phase: usize,
}

impl Block {
    fn new(ptr: *mut u8, layout: Layout) -> Self {
        let (outer, lead) = asked(layout);
        Self { ptr, layout, whole: (ptr.addr() - lead, outer), phase: 0 }
    }

    pub fn addr(&self) -> usize {
        self.ptr.addr()
    }

    /// What the heap keeps for the block.
    fn extent<K: Kind>(&self) -> Region {
        let (start, layout) = self.whole;
        Region { start, end: start + K::place(layout).0 }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the block is live, and was filled when it was allocated.
        unsafe { core::slice::from_raw_parts(self.ptr, self.layout.size()) }
    }

    fn fill(&mut self, phase: usize) {
        self.phase = phase % PERIOD;
        // SAFETY: the block is live, and no other reference to it is around.
        let bytes = unsafe { core::slice::from_raw_parts_mut(self.ptr.cast(), self.layout.size()) };
        for chunk in bytes.chunks_mut(PERIOD) {
            let len = chunk.len();
            chunk.copy_from_slice(&noise()[self.phase..][..len]);
        }
    }

    /// Whether the first `len` bytes are what was written.
    fn is_intact(&self, len: usize) -> bool {
        self.bytes()[..len].chunks(PERIOD).all(|chunk| *chunk == noise()[self.phase..][..chunk.len()])
    }

    /// Whether the block's ends, where others would run into it, are what was written.
    fn ends_are_intact(&self) -> bool {
        let bytes = self.bytes();
        let last = (bytes.len() - 1) / PERIOD * PERIOD;
        let end = (bytes.len() - last).min(PERIOD);
        let from = end.saturating_sub(64);
        self.is_intact(bytes.len().min(64))
            && bytes[last + from..] == noise()[self.phase + from..self.phase + end]
    }
}

/// What a heap has, before a step.
struct Before {
    free: Vec<Region>,
    pages: usize,
    granted: usize,
    refuses: bool,
}

/// A heap of one strategy, and what is known about it.
pub struct Rig<'a, K: Kind, const ZEROED: bool = true> {
    pub heap: Heap<K::Strategy, &'a Watch<'a, ZEROED>>,
    pub watch: &'a Watch<'a, ZEROED>,
    pub live: Vec<Block>,
    /// Whether steps are checked. They need not be if the same were before: a sequence that only differs in its last step.
    pub checks: bool,
    /// Small blocks of a strategy with bins that were freed and not taken again: none of their bytes may get lost.
    cells: Vec<Region>,
    /// How many times the heap was asked for something.
    steps: usize,
    /// The most bytes that were live at once.
    most: Cell<usize>,
}

impl<'a, K: Kind, const ZEROED: bool> Rig<'a, K, ZEROED> {
    pub fn new(watch: &'a Watch<'a, ZEROED>) -> Self {
        let heap = Heap::with_source(watch);
        Self { heap, watch, live: Vec::new(), checks: true, cells: Vec::new(), steps: 0, most: Cell::new(0) }
    }

    pub fn free(&self) -> Vec<Region> {
        free_pieces(&self.heap)
    }

    /// Allocates a block that must be had, and returns its number in `live`.
    pub fn get(&mut self, size: usize, align: usize) -> Result<usize, TestCaseError> {
        let got = self.alloc(size, align, false)?;
        prop_assert!(got, "{size} bytes at {align} are refused");
        Ok(self.live.len() - 1)
    }

    /// Allocates a block, which becomes the last of `live`. Returns whether it could be had.
    pub fn alloc(&mut self, size: usize, align: usize, zeroed: bool) -> Result<bool, TestCaseError> {
        self.steps += 1;
        let layout = layout(size, align);
        let before = self.before();
        // SAFETY: the size is not 0.
        let ptr = unsafe { if zeroed { self.heap.alloc_zeroed(layout) } else { self.heap.alloc(layout) } };
        if ptr.is_null() {
            self.check_refusal(before.as_ref(), layout)?;
            return Ok(false);
        }
        self.check_growth(before.as_ref(), layout)?;
        let mut block = Block::new(ptr, layout);
        self.check_place(&block)?;
        self.note_taken(&block);
        if zeroed {
            prop_assert!(is_filled(block.bytes(), 0), "{block:?} is not zero");
        }
        block.fill(self.steps * 7919);
        self.live.push(block);
        self.check()?;
        Ok(true)
    }

    /// Frees block number `index`; the last of `live` takes its number.
    pub fn dealloc(&mut self, index: usize) -> Checked {
        self.steps += 1;
        let block = self.live.swap_remove(index);
        prop_assert!(block.is_intact(block.layout.size()), "{block:?} was overwritten");
        // SAFETY: it is live, and is not used from here on.
        unsafe { self.heap.dealloc(block.ptr, block.layout) };
        self.note_freed(&block);
        self.check()
    }

    /// Resizes block number `index`. Returns whether that could be done.
    pub fn realloc(&mut self, index: usize, size: usize) -> Result<bool, TestCaseError> {
        self.steps += 1;
        let old = self.live[index];
        let before = self.before();
        prop_assert!(old.is_intact(old.layout.size()), "{old:?} was overwritten");
        let layout = layout(size, old.layout.align());
        // SAFETY: the block is live and the size is not 0.
        let ptr = unsafe { self.heap.realloc(old.ptr, old.layout, size) };
        if ptr.is_null() {
            prop_assert!(old.is_intact(old.layout.size()), "{old:?} was overwritten by a refused realloc");
            self.check_refusal(before.as_ref(), layout)?;
            return Ok(false);
        }
        let mut block = Block { phase: old.phase, ..Block::new(ptr, layout) };
        if cfg!(feature = "hardened") && ptr == old.ptr {
            block.whole = old.whole;
        }
        self.live.swap_remove(index);
        self.check_place(&block)?;
        let kept = old.layout.size().min(size);
        prop_assert!(block.is_intact(kept), "{block:?} lost contents: it was {old:?}");
        if ptr != old.ptr {
            self.check_growth(before.as_ref(), layout)?;
            self.note_taken(&block);
            self.note_freed(&old);
        }
        block.fill(self.steps * 7919);
        self.live.push(block);
        let last = self.live.len() - 1;
        self.live.swap(index, last);
        self.check()?;
        Ok(true)
    }

    pub fn dealloc_all(&mut self) -> Checked {
        while !self.live.is_empty() {
            self.dealloc(self.live.len() - 1)?;
        }
        Ok(())
    }

    /// Whether the heap is looked at as a whole now. In Miri, that takes far longer than the step, and what it finds, a
    /// host finds with the same steps: there it is done now and then, for the accesses that looking makes.
    fn looks(&self) -> bool {
        self.checks && (!cfg!(miri) || self.steps % 8 == 0)
    }

    fn before(&self) -> Option<Before> {
        self.looks().then(|| Before {
            free: self.free(),
            pages: self.watch.pages(),
            granted: self.watch.granted(),
            refuses: self.watch.refuses(),
        })
    }

    fn note_freed(&mut self, block: &Block) {
        if !K::KEEPS_ALL && block.whole.1.size() <= LARGEST_BIN {
            self.cells.push(block.extent::<K>());
        }
    }

    fn note_taken(&mut self, block: &Block) {
        let (start, layout) = block.whole;
        let end = start + layout.size();
        self.cells.retain(|cell| cell.end <= start || end <= cell.start);
    }

    /// A block lies where it may.
    fn check_place(&self, block: &Block) -> Checked {
        if !self.checks {
            return Ok(());
        }
        let (start, layout) = (block.addr(), block.layout);
        prop_assert_eq!(start % layout.align(), 0, "{:?} is not aligned", block);
        let region = self.watch.regions().into_iter().find(|r| r.start <= start && start < r.end);
        prop_assert!(
            region.is_some_and(|region| layout.size() <= region.end - start),
            "{:?} is not in the heap's memory {:x?}",
            block,
            self.watch.regions()
        );
        let end = start + layout.size();
        for other in &self.live {
            let apart = end <= other.addr() || other.addr() + other.layout.size() <= start;
            prop_assert!(apart, "{:?} overlaps {:?}", block, other);
        }
        Ok(())
    }

    /// A request may be refused only if it cannot be served, and changes nothing.
    fn check_refusal(&self, before: Option<&Before>, layout: Layout) -> Checked {
        let Some(before) = before else { return Ok(()) };
        let (asked, _) = asked(layout);
        let (size, align) = K::place(asked);
        prop_assert_eq!(self.watch.pages(), before.pages, "memory grew for a refused {:?}", layout);
        prop_assert_eq!(joined(&self.free()), joined(&before.free), "free memory changed by a refusal");
        let mut start = self.watch.end();
        if K::COALESCES || K::POWERS {
            let found = Self::room(&before.free, asked);
            prop_assert!(found.is_none(), "{:?} is refused, but would fit in {:x?}", layout, found);
        }
        if K::COALESCES
            && K::EXTENDS
            && let Some(last) = joined(&before.free).last().filter(|last| last.end == start)
        {
            start = last.start;
        }
        if !before.refuses {
            let end = self.watch.end() + self.watch.left() * self.watch.page();
            let fits = K::fits(Region { start, end }, size, align);
            prop_assert!(!fits, "{:?} is refused, but memory could have grown for it", layout);
        }
        self.check()
    }

    /// Where a block could be found among what is free: anywhere, or only within a piece.
    fn room(free: &[Region], asked: Layout) -> Option<Region> {
        let (size, align) = K::place(asked);
        let pieces = if K::COALESCES { joined(free) } else { free.to_vec() };
        pieces.into_iter().find(|&piece| holds(piece, size, align))
    }

    /// Memory may grow only if it must, where that is promised.
    fn check_growth(&self, before: Option<&Before>, layout: Layout) -> Checked {
        let Some(before) = before else { return Ok(()) };
        if (K::COALESCES || K::POWERS) && self.watch.granted() != before.granted {
            let (asked, _) = asked(layout);
            let found = Self::room(&before.free, asked);
            prop_assert!(found.is_none(), "memory grew for {:?}, which would fit in {:x?}", layout, found);
        }
        Ok(())
    }

    /// The heap is as it should be between two steps.
    pub fn check(&self) -> Checked {
        self.most.set(self.most.get().max(self.used()));
        if !self.looks() {
            return Ok(());
        }
        let free = self.free();
        let regions = self.watch.regions();
        for piece in &free {
            prop_assert!(piece.start < piece.end, "a free piece ends before it starts: {piece:x?}");
            prop_assert!(
                piece.start % GRANULE == 0 && piece.end % GRANULE == 0,
                "a free piece is not made of granules: {piece:x?}"
            );
            prop_assert!(
                !K::POWERS || piece.len().is_power_of_two() && piece.start % piece.len() == 0,
                "a free piece is not a power of two at a multiple of it: {piece:x?}"
            );
            prop_assert!(
                regions.iter().any(|region| region.start <= piece.start && piece.end <= region.end),
                "the free piece {piece:x?} is not in the heap's memory {regions:x?}"
            );
        }

        let live = |block: &Block| match block.extent::<K>() {
            whole if K::KEEPS_ALL => whole,
            Region { start, .. } => Region { start, end: block.addr() + block.layout.size() },
        };
        let mut all: Vec<(Region, &str)> = free.iter().map(|&piece| (piece, "free")).collect();
        all.extend(self.live.iter().map(|block| (live(block), "live")));
        all.extend(self.watch.foreign().into_iter().map(|region| (region, "foreign")));
        all.sort_unstable_by_key(|(region, _)| region.start);
        for pair in all.windows(2) {
            prop_assert!(pair[0].0.end <= pair[1].0.start, "{:x?} overlaps {:x?}", pair[0], pair[1]);
        }

        if K::KEEPS_ALL {
            let live: usize = self.live.iter().map(|block| block.extent::<K>().len()).sum();
            let usable = total(&self.watch.usable::<K>());
            prop_assert_eq!(live + total(&free), usable, "bytes live + free, and granted");
        } else {
            self.check_cells(&free)?;
        }
        self.check_stats(&free)?;
        for block in &self.live {
            prop_assert!(block.ends_are_intact(), "{:?} was overwritten", block);
        }
        prop_assert!(self.watch.foreign_is_intact(), "memory of somebody else was touched");
        Ok(())
    }

    fn used(&self) -> usize {
        self.live.iter().map(|block| block.layout.size()).sum()
    }

    /// The heap counts what is used and what is free.
    fn check_stats(&self, free: &[Region]) -> Checked {
        prop_assert_eq!(self.heap.used(), self.used(), "bytes used");
        prop_assert_eq!(self.heap.high_water_mark(), self.most.get(), "the most bytes used");
        prop_assert_eq!(self.heap.free(), total(free), "bytes free");
        let largest = free.iter().map(|piece| piece.len()).max();
        prop_assert_eq!(self.heap.largest_free_block(), largest.unwrap_or(0), "the largest free block");
        Ok(())
    }

    /// Whatever was once a small block, was freed, and was not taken again is free.
    fn check_cells(&self, free: &[Region]) -> Checked {
        let runs = joined(free);
        for cell in &self.cells {
            let above = runs.partition_point(|run| run.start <= cell.start);
            let inside = above > 0 && cell.end <= runs[above - 1].end;
            prop_assert!(inside, "the small block {cell:x?} was freed and is lost");
        }
        Ok(())
    }
}
