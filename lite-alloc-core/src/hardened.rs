//! The feature `hardened`: misuse of a heap is found out, and stops the program.
//!
//! A wrapper around any strategy. It asks the strategy for blocks that are longer than what the program gets, so that there
//! is room before and after:
//!
//! ```text
//!   start              addr                addr + size        start + outer
//!     │ pattern │ record │ what the program has │ pattern ......... │
//! ```
//!
//! The record names the block, and a seal that is computed from it and its address tells it from any other bytes. Whatever
//! is nobody's holds a fixed pattern: what follows a block, and all free memory, but for the few words that
//! a strategy keeps in it (see `ground.rs`). So whoever writes there is found out when a block is freed, resized, or
//! handed out.
//!
//! The pattern and the seal find mistakes. They are no defence against an attacker, who can compute them.

mod ground;
mod misuse;

use core::alloc::Layout;

use crate::address::Region;
use crate::source::PageSource;
use crate::strategy::Strategy;

use ground::{Ground, Guard, UNIT, View};
pub(crate) use misuse::Misuse;

/// The strategy `A`, with misuse found out.
pub(crate) struct Hardened<A> {
    inner: A,
    ground: Ground,
    /// Misuse was found: the program is about to stop. What it still does, in a panic hook for example, has to work,
    /// in a heap whose memory may be damaged. So blocks come from fresh memory, and what is freed is forgotten.
    stopped: bool,
}

/// What the record of a live block says, and what follows from it.
struct Block {
    /// What the strategy calls the block.
    start: usize,
    /// The size that the strategy was asked for.
    outer: usize,
    align: usize,
    addr: usize,
    size: usize,
}

impl Block {
    /// The place of the record, right before what the program has.
    fn unit(&self) -> usize {
        self.addr - UNIT
    }

    /// What the strategy was asked for.
    fn outer_layout(&self) -> Layout {
        // SAFETY: it was a layout when the block was allocated.
        unsafe { Layout::from_size_align_unchecked(self.outer, lead(self.align)) }
    }

    /// Writes the record.
    ///
    /// # Safety
    ///
    /// The block is live or about to be.
    unsafe fn note<S: PageSource>(&self, source: &S, ground: &Ground) {
        let values @ [outer, align, size] = [self.outer, self.align, self.size];
        let seal = ground.seal(self.unit(), values);
        // SAFETY: the record lies inside the block.
        unsafe { ground::write(source, self.unit(), [outer, align, size, seal]) };
    }
}

/// What lies before the program's part of a block, in bytes: the record and what keeps the alignment.
const fn lead(align: usize) -> usize {
    if align > UNIT { align } else { UNIT }
}

/// What the strategy is asked for: the lead, the size, at least a word of pattern, in units. `None` if there is no such layout.
fn outer_layout(layout: Layout) -> Option<Layout> {
    let lead = lead(layout.align());
    // A layout's size is at most `isize::MAX`: no overflow.
    let tail = (layout.size() + size_of::<usize>() + UNIT - 1) & !(UNIT - 1);
    Layout::from_size_align(lead.checked_add(tail)?, lead).ok()
}

impl<A: Strategy> Hardened<A> {
    /// What has been found since the last call, once: the first of it is what stops the program.
    pub(crate) fn misuse(&mut self) -> Option<Misuse> {
        let misuse = self.ground.take_report()?;
        if self.stopped {
            return None;
        }
        self.stopped = true;
        self.inner = A::EMPTY;
        Some(misuse)
    }

    /// Reads the record of the block at `addr`, and checks all that is known about it.
    fn examine<S: PageSource>(&self, source: &S, addr: usize, layout: Layout) -> Result<Block, Misuse> {
        let (given, given_align) = (layout.size(), layout.align());
        let no_block = Misuse::NoBlock { addr, size: given, align: given_align };
        let unit = addr.wrapping_sub(UNIT);
        if addr % UNIT != 0 || !self.ground.owns(unit, UNIT) {
            return Err(no_block);
        }
        // SAFETY: inside the heap's memory, if not in a gap of it, as the documentation of the feature says.
        let words = unsafe { ground::read(source, unit) };
        if let Some(size) = self.ground.marked(unit, words) {
            return Err(if size == 0 { no_block } else { Misuse::FreedTwice { addr, size } });
        }
        let [outer, align, size, seal] = words;
        if seal != self.ground.seal(unit, [outer, align, size]) {
            return Err(no_block);
        }
        if (size, align) != (given, given_align) {
            return Err(Misuse::WrongLayout { addr, size, align, given, given_align });
        }
        let block = Block { start: addr - lead(align), outer, align, addr, size };
        // SAFETY: the record is genuine, so this is the rest of a live block.
        match unsafe { ground::first_written(source, addr + size, block.start + outer) } {
            0 => Ok(block),
            at => Err(Misuse::Overflow { addr, size, at }),
        }
    }

    /// Gives a block back to the strategy.
    ///
    /// # Safety
    ///
    /// The block is live, and `source` is the one of all calls before.
    unsafe fn release<S: PageSource>(&mut self, source: &mut S, block: &Block) {
        // SAFETY: the block is the heap's from here on; the strategy handed it out with that layout.
        unsafe {
            ground::fill(source, block.start, block.outer);
            self.ground.mark(source, block.unit(), block.size);
            self.inner.dealloc(
                &mut Guard { source, ground: &self.ground },
                block.start,
                block.outer_layout(),
            );
        }
    }
}

// SAFETY: blocks are parts of blocks of `inner`, aligned since the lead is a multiple of the alignment. The frontier is
// an empty one that never moves.
unsafe impl<A: Strategy> Strategy for Hardened<A> {
    const EMPTY: Self = Self { inner: A::EMPTY, ground: Ground::new(), stopped: false };

    unsafe fn alloc<S: PageSource>(&mut self, source: &mut S, size: usize, align: usize) -> usize {
        // SAFETY: the caller vouches for the layout.
        let Some(outer) = outer_layout(unsafe { Layout::from_size_align_unchecked(size, align) }) else {
            return 0;
        };
        // SAFETY: the size is not 0, and the caller vouches for the source.
        let start = unsafe {
            self.inner.alloc(&mut Guard { source, ground: &self.ground }, outer.size(), outer.align())
        };
        // SAFETY: the block was free until now.
        if start == 0 || !unsafe { self.ground.hand_out(source, start, outer.size()) } {
            return 0;
        }
        let block = Block { start, outer: outer.size(), align, addr: start + lead(align), size };
        // SAFETY: the block is about to be live.
        unsafe { block.note(source, &self.ground) };
        block.addr
    }

    unsafe fn dealloc<S: PageSource>(&mut self, source: &mut S, addr: usize, layout: Layout) {
        if self.stopped {
            return;
        }
        match self.examine(source, addr, layout) {
            // SAFETY: the record says that it is live, and the caller vouches for the source.
            Ok(block) => unsafe { self.release(source, &block) },
            Err(misuse) => self.ground.report(misuse),
        }
    }

    /// Moves the block whenever its size changes by more than a few bytes, so that pointers to where it was do not go on working.
    unsafe fn realloc<S: PageSource>(
        &mut self,
        source: &mut S,
        addr: usize,
        layout: Layout,
        new_size: usize,
    ) -> usize {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: the caller vouches for the new size.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, align) };
        let block = match self.examine(source, addr, layout) {
            Err(misuse) if !self.stopped => {
                self.ground.report(misuse);
                return 0;
            }
            found => found.ok(),
        };
        let fits = block
            .as_ref()
            .is_some_and(|block| outer_layout(new_layout).is_some_and(|outer| outer.size() == block.outer));
        // SAFETY: the caller's promise; `moved` is a block of its own, of the new size.
        unsafe {
            if !fits {
                let moved = self.alloc(source, new_size, align);
                if moved != 0 {
                    source.at(addr).copy_to_nonoverlapping(source.at(moved), size.min(new_size));
                    if let Some(block) = block.filter(|_| !self.stopped) {
                        self.release(source, &block);
                    }
                    return moved;
                }
            }
            match block {
                // It has the room: what it no longer needs becomes pattern.
                Some(block) if self.ground.is_sound() && (fits || new_size < size) => {
                    if new_size < size {
                        ground::fill(source, addr + new_size, size - new_size);
                    }
                    Block { size: new_size, ..block }.note(source, &self.ground);
                    addr
                }
                _ => 0,
            }
        }
    }

    unsafe fn visit_free<S: PageSource>(&self, source: &S, visit: impl FnMut(Region)) {
        // SAFETY: the caller's promise.
        unsafe { self.inner.visit_free(&View { source, ground: &self.ground }, visit) }
    }
}
