//! The memory of a hardened heap: what is in it where nobody's block is.
//!
//! Free memory is made of units of four words. Each holds the pattern, or is marked:
//!
//! ```text
//!   ┌ pattern ┬ pattern ┬ pattern ┬ pattern ┐    ┌ the strategy's ┬ the strategy's ┬ size ┬ seal ┐
//! ```
//!
//! The first two words of a free block are its strategy's, and stay behind when it becomes part of a larger one. A
//! mark tells that they may be anything. It also tells which block was freed last right behind it, by its size, 0 for none.
//!
//! All sizes and alignments that a strategy deals in here are multiples of a unit, so a unit is never cut.

use core::cell::Cell;

use crate::address::{GRANULE, Region, padding};
use crate::hardened::Misuse;
use crate::source::{PageSource, Request};

/// Four words, in bytes.
pub const UNIT: usize = 2 * GRANULE;

/// What is nobody's is filled with this byte. As a pointer it leads nowhere, as a size it is huge, and it is odd.
const BYTE: u8 = 0xDB;
const PATTERN: usize = usize::from_ne_bytes([BYTE; size_of::<usize>()]);

/// Reads a unit.
///
/// # Safety
///
/// It lies in memory of the heap.
pub unsafe fn read<S: PageSource>(source: &S, unit: usize) -> [usize; 4] {
    // SAFETY: the caller's promise; a unit is aligned to its size.
    unsafe { source.at(unit).cast::<[usize; 4]>().read() }
}

/// Writes a unit.
///
/// # Safety
///
/// It lies in memory of the heap that no one else uses.
pub unsafe fn write<S: PageSource>(source: &S, unit: usize, words: [usize; 4]) {
    // SAFETY: the caller's promise; a unit is aligned to its size.
    unsafe { source.at(unit).cast::<[usize; 4]>().write(words) }
}

/// Fills memory with the pattern.
///
/// # Safety
///
/// It is the heap's, and free.
pub unsafe fn fill<S: PageSource>(source: &S, start: usize, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { source.at(start).write_bytes(BYTE, len) };
}

/// The address of the first byte in `[start, end)` that is not pattern; 0 if all are.
///
/// # Safety
///
/// The bytes are the heap's and initialised.
pub unsafe fn first_written<S: PageSource>(source: &S, start: usize, end: usize) -> usize {
    // SAFETY: the caller's promise.
    (start..end).find(|&addr| unsafe { *source.at(addr) } != BYTE).unwrap_or(0)
}

/// Where the heap's memory lies, and what was found wrong with it.
pub struct Ground {
    /// Where the first region began, 0 until then. No other heap has the same.
    key: Cell<usize>,
    /// Address of the lowest byte ever granted.
    lowest: Cell<usize>,
    /// Address past the last byte ever granted.
    highest: Cell<usize>,
    /// The first thing that was found and not yet reported.
    misuse: Cell<Misuse>,
    /// What a strategy gets instead of a free block that is none: the end of any list.
    nowhere: Cell<[usize; 4]>,
}

impl Ground {
    pub const fn new() -> Self {
        Self {
            key: Cell::new(0),
            lowest: Cell::new(0),
            highest: Cell::new(0),
            misuse: Cell::new(Misuse::None),
            nowhere: Cell::new([0; 4]),
        }
    }

    /// Whether bytes lie between the lowest and the highest of the heap. There may be gaps.
    pub fn owns(&self, start: usize, len: usize) -> bool {
        self.lowest.get() <= start && start < self.highest.get() && len <= self.highest.get() - start
    }

    fn take(&self, start: usize, end: usize) {
        if self.key.get() == 0 {
            self.key.set(start);
            self.lowest.set(start);
        }
        self.lowest.set(self.lowest.get().min(start));
        self.highest.set(self.highest.get().max(end));
    }

    /// A word that follows from what is said in a unit of this heap, and is found nowhere else but by chance.
    pub fn seal(&self, unit: usize, values: [usize; 3]) -> usize {
        const FACTOR: usize = 0x9E37_79B9_7F4A_7C15_u64 as usize;
        values.into_iter().fold(unit ^ self.key.get().rotate_left(1), |seal, value| {
            let product = (seal ^ value).wrapping_mul(FACTOR);
            product ^ (product >> (usize::BITS / 2))
        })
    }

    /// Marks a unit: the block behind it, of `size` bytes, was freed; 0 for none.
    ///
    /// # Safety
    ///
    /// It is free.
    pub unsafe fn mark<S: PageSource>(&self, source: &S, unit: usize, size: usize) {
        // SAFETY: the caller's promise.
        unsafe { write(source, unit, [PATTERN, PATTERN, size, self.seal(unit, [0, 0, size])]) };
    }

    /// If a unit is marked, the size in the mark.
    pub fn marked(&self, unit: usize, [_, _, size, seal]: [usize; 4]) -> Option<usize> {
        (seal == self.seal(unit, [0, 0, size])).then_some(size)
    }

    pub fn report(&self, misuse: Misuse) {
        if self.is_sound() {
            self.misuse.set(misuse);
        }
    }

    pub fn is_sound(&self) -> bool {
        matches!(self.misuse.get(), Misuse::None)
    }

    pub fn take_report(&self) -> Option<Misuse> {
        (!self.is_sound()).then(|| self.misuse.replace(Misuse::None))
    }

    /// A pointer to a word of a free block, which is marked from now on; to a word of nowhere, if it cannot be one.
    ///
    /// # Safety
    ///
    /// The source is that of the heap.
    pub unsafe fn word<S: PageSource>(&self, source: &S, addr: usize, index: usize) -> *mut usize {
        if addr % UNIT != 0 || !self.owns(addr, UNIT) {
            self.report(Misuse::DamagedList { at: addr });
        } else {
            // SAFETY: in memory of the heap; as it is free, it is nobody's.
            unsafe {
                let words = read(source, addr);
                if words == [PATTERN; 4] {
                    self.mark(source, addr, 0);
                } else if self.marked(addr, words).is_none() {
                    self.report(Misuse::WrittenWhileFree { at: addr });
                }
            }
        }
        if self.is_sound() {
            // SAFETY: in memory of the heap.
            unsafe { source.word(addr, index) }
        } else {
            self.nowhere.set([0; 4]);
            self.nowhere.as_ptr().cast::<usize>().wrapping_add(index)
        }
    }

    /// Checks that nobody wrote to a block while it was free, and clears it to all pattern. O(size).
    ///
    /// # Safety
    ///
    /// The strategy has just handed out that block, and if it was led astray, has said so to its source.
    pub unsafe fn hand_out<S: PageSource>(&self, source: &S, start: usize, size: usize) -> bool {
        if start % UNIT != 0 || !self.owns(start, size) {
            self.report(Misuse::DamagedList { at: start });
        }
        let mut freed = Region { start: 0, end: 0 };
        let mut unit = start;
        while self.is_sound() && unit != start + size {
            // SAFETY: the caller's promise: the unit is free.
            unsafe {
                let words = read(source, unit);
                if words == [PATTERN; 4] {
                    // Most units are.
                } else if let Some(size) = self.marked(unit, words) {
                    if size != 0 {
                        freed = Region { start: unit + UNIT, end: unit + UNIT + size };
                    }
                    write(source, unit, [PATTERN; 4]);
                } else {
                    let at = first_written(source, unit, unit + UNIT);
                    self.report(if at < freed.end {
                        Misuse::WrittenAfterFree { at, addr: freed.start, size: freed.len() }
                    } else {
                        Misuse::WrittenWhileFree { at }
                    });
                }
            }
            unit += UNIT;
        }
        self.is_sound()
    }
}

/// The source that a strategy sees: its memory arrives filled with the pattern, and it is led to free blocks only where
/// such can be.
pub struct Guard<'a, S> {
    pub source: &'a mut S,
    pub ground: &'a Ground,
}

// SAFETY: regions are those of `source`, made smaller. A word that lies elsewhere than in free memory is replaced.
unsafe impl<S: PageSource> PageSource for Guard<'_, S> {
    const ZEROED: bool = false;

    fn grow(&mut self, mut request: Request) -> Option<Region> {
        loop {
            let region = self.source.grow(request)?;
            // The block that was asked for is made of units, so it still fits.
            let skipped = padding(region.start, UNIT - 1);
            let end = region.end & !(UNIT - 1);
            if skipped == 0 || skipped < end.saturating_sub(region.start) {
                let start = region.start + skipped;
                // SAFETY: the region is the heap's from now on.
                unsafe { fill(self.source, start, end - start) };
                self.ground.take(start, end);
                return Some(Region { start, end });
            }
            // Nothing yet, at an end that the strategy could not name: it is named here.
            request = request.at_end(region.end);
        }
    }

    /// Forgets it: the source would keep words in there that nobody watches.
    fn give_back(&mut self, _region: Region) {}

    fn last(&self) -> usize {
        self.source.last()
    }

    fn at(&self, addr: usize) -> *mut u8 {
        self.source.at(addr)
    }

    fn damaged(&self, addr: usize) {
        self.ground.report(Misuse::DamagedList { at: addr });
    }

    unsafe fn word(&self, addr: usize, index: usize) -> *mut usize {
        // SAFETY: there is one source.
        unsafe { self.ground.word(&*self.source, addr, index) }
    }
}

/// The same for a strategy that only looks at its free blocks.
pub struct View<'a, S> {
    pub source: &'a S,
    pub ground: &'a Ground,
}

// SAFETY: grants nothing. A word that lies elsewhere than in free memory is replaced.
unsafe impl<S: PageSource> PageSource for View<'_, S> {
    const ZEROED: bool = false;

    fn grow(&mut self, _request: Request) -> Option<Region> {
        None
    }

    fn at(&self, addr: usize) -> *mut u8 {
        self.source.at(addr)
    }

    fn damaged(&self, addr: usize) {
        self.ground.report(Misuse::DamagedList { at: addr });
    }

    unsafe fn word(&self, addr: usize, index: usize) -> *mut usize {
        // SAFETY: there is one source.
        unsafe { self.ground.word(self.source, addr, index) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_no_region_is_not_owned() {
        let ground = Ground::new();
        assert!(!ground.owns(0, UNIT) && !ground.owns(UNIT, UNIT));
        ground.take(100 * UNIT, 110 * UNIT);
        assert!(ground.owns(100 * UNIT, 10 * UNIT) && ground.owns(109 * UNIT, UNIT));
        assert!(!ground.owns(99 * UNIT, UNIT) && !ground.owns(110 * UNIT, UNIT));
        assert!(!ground.owns(100 * UNIT, 11 * UNIT) && !ground.owns(101 * UNIT, 10 * UNIT));
        ground.take(50 * UNIT, 60 * UNIT);
        assert!(ground.owns(50 * UNIT, 60 * UNIT) && !ground.owns(49 * UNIT, UNIT));
    }

    /// As far as one bit goes: each is set in half of all seals.
    #[test]
    fn seals_look_like_random_words() {
        let ground = Ground::new();
        ground.take(1000 * UNIT, 2000 * UNIT);
        for bit in 0..usize::BITS {
            let set = |unit: usize| ground.seal(unit * UNIT, [48, 16, 24]) >> bit & 1;
            let count: usize = (1000..2000).map(set).sum();
            assert!((400..600).contains(&count), "bit {bit} is set in {count} of 1000 seals");
        }
    }
}
