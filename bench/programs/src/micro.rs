//! Small workloads: nothing but allocations, in the orders that programs are made of.
//!
//! Each block gets a mark at either end when it is allocated, which is read back when it is freed: overlapping
//! blocks show in the checksum. Every workload frees all its blocks.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::collections::VecDeque;
use std::ptr::NonNull;

use crate::checksum::Checksum;

/// Exports a workload as a program without input.
macro_rules! workload {
    ($export:ident, $work:expr) => {
        #[unsafe(no_mangle)]
        pub extern "C" fn $export(_: *const u8, _: usize) -> u64 {
            let mut work = Work { seed: 0x9e37_79b9_7f4a_7c15, checksum: Checksum::new() };
            let body: fn(&mut Work) = $work;
            body(&mut work);
            work.checksum.value()
        }
    };
}

// Small objects of up to 128 bytes.
workload!(run_churn, |work| work.churn(1000, 200_000, |work| work.between(8, 128)));
workload!(run_lifo, |work| work.stack());
workload!(run_fifo, |work| work.queue(10_000, 20, |work| work.between(16, 128)));
// Vectors.
workload!(run_vectors, |work| work.vectors());
// Sizes from 8 bytes to 32 KiB, small ones more often.
workload!(run_mixed_500, |work| work.churn(500, 100_000, |work| work.sizes(3, 15)));
workload!(run_mixed_20000, |work| work.churn(20_000, 100_000, |work| work.sizes(3, 15)));
// Large blocks only: 32 KiB to 1 MiB.
workload!(run_large, |work| work.churn(50, 10_000, |work| work.sizes(15, 20)));
// Holes that are too small for what comes next.
workload!(run_fragments, |work| work.fragments());
// Messages of 32 to 2048 bytes from a producer to a consumer.
workload!(run_messages, |work| work.queue(500, 200, |work| work.sizes(5, 11)));

/// Work that goes on with as many live blocks as it began with.
#[cfg(feature = "steady")]
pub struct Steady {
    work: Work,
    blocks: Vec<Block>,
    /// Sizes are from 8 to below 2 to this power.
    power: u32,
}

/// Allocates `live` blocks and replaces as many of them, so that what is free is no longer in order. The host hands
/// the result to `run_steady`.
#[cfg(feature = "steady")]
#[unsafe(no_mangle)]
pub extern "C" fn setup_steady(live: usize, power: u32) -> Box<Steady> {
    let work = Work { seed: 0x9e37_79b9_7f4a_7c15, checksum: Checksum::new() };
    let mut steady = Box::new(Steady { work, blocks: Vec::with_capacity(live), power });
    for _ in 0..live {
        let size = steady.work.sizes(3, power);
        steady.blocks.push(steady.work.alloc(size));
    }
    steady.replace(live);
    steady
}

/// Replaces a random block, `steps` times.
#[cfg(feature = "steady")]
#[unsafe(no_mangle)]
pub extern "C" fn run_steady(steady: &mut Steady, steps: usize) -> u64 {
    steady.replace(steps);
    steady.work.checksum.value()
}

#[cfg(feature = "steady")]
impl Steady {
    fn replace(&mut self, steps: usize) {
        for _ in 0..steps {
            let size = self.work.sizes(3, self.power);
            let place = self.work.random() % self.blocks.len();
            let new = self.work.alloc(size);
            let old = std::mem::replace(&mut self.blocks[place], new);
            self.work.free(old);
        }
    }
}

struct Work {
    seed: u64,
    checksum: Checksum,
}

/// A live block with a mark at either end.
struct Block {
    start: NonNull<u8>,
    size: usize,
    mark: u8,
}

impl Work {
    /// A random number (xorshift).
    fn random(&mut self) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed >> 33) as usize
    }

    /// A random number from `low` to `high`.
    fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.random() % (high - low + 1)
    }

    /// A random size from 2^low to 2^high, each doubling as likely as any other.
    fn sizes(&mut self, low: u32, high: u32) -> usize {
        let power = low + self.random() as u32 % (high - low);
        let base = 1 << power;
        base + self.random() % base
    }

    fn alloc(&mut self, size: usize) -> Block {
        let layout = layout(size);
        // SAFETY: no size here is 0.
        let Some(start) = NonNull::new(unsafe { alloc(layout) }) else { handle_alloc_error(layout) };
        let mut block = Block { start, size, mark: self.random() as u8 };
        block.write_marks();
        block
    }

    fn realloc(&mut self, block: &mut Block, size: usize) {
        // SAFETY: the block is live and of that layout; no size here is 0.
        let start = unsafe { realloc(block.start.as_ptr(), layout(block.size), size) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout(size)) };
        block.start = start;
        // SAFETY: the old first byte is kept.
        self.checksum.number(unsafe { start.read() }.into());
        block.size = size;
        block.write_marks();
    }

    fn free(&mut self, block: Block) {
        let (first, last) = block.read_marks();
        self.checksum.number(u64::from(first) << 8 | u64::from(last));
        // SAFETY: the block is live and of that layout.
        unsafe { dealloc(block.start.as_ptr(), layout(block.size)) }
    }

    /// Keeps `live` blocks and replaces a random one `steps` times.
    fn churn(&mut self, live: usize, steps: usize, size: fn(&mut Self) -> usize) {
        let mut blocks: Vec<Block> = Vec::with_capacity(live);
        for step in 0..live + steps {
            let size = size(self);
            if step < live {
                blocks.push(self.alloc(size));
            } else {
                let place = self.random() % live;
                let new = self.alloc(size);
                let old = std::mem::replace(&mut blocks[place], new);
                self.free(old);
            }
        }
        for block in blocks {
            self.free(block);
        }
    }

    /// Last in, first out, to a depth that varies.
    fn stack(&mut self) {
        let mut blocks: Vec<Block> = Vec::with_capacity(5000);
        for _ in 0..60 {
            for _ in 0..self.between(1000, 5000) {
                let size = self.between(16, 128);
                blocks.push(self.alloc(size));
            }
            while let Some(block) = blocks.pop() {
                self.free(block);
            }
        }
    }

    /// First in, first out: bursts of up to `burst` blocks come, then as many go, and some wait longer.
    fn queue(&mut self, burst: usize, rounds: usize, size: fn(&mut Self) -> usize) {
        let mut blocks: VecDeque<Block> = VecDeque::with_capacity(2 * burst);
        for _ in 0..rounds {
            for _ in 0..self.between(burst / 2, burst) {
                let size = size(self);
                blocks.push_back(self.alloc(size));
            }
            while blocks.len() > burst / 4 {
                if let Some(block) = blocks.pop_front() {
                    self.free(block);
                }
            }
        }
        for block in blocks {
            self.free(block);
        }
    }

    /// Pairs of vectors that double in turn, so that each is in the other's way.
    fn vectors(&mut self) {
        for _ in 0..400 {
            let mut pair = [self.alloc(16), self.alloc(16)];
            let doublings = self.between(4, 15);
            for power in 5..5 + doublings {
                for block in &mut pair {
                    self.realloc(block, 1 << power);
                }
            }
            let [first, second] = pair;
            self.free(first);
            self.free(second);
        }
    }

    /// Fills memory, frees every other block, and asks for blocks a little longer than the holes, again and again.
    fn fragments(&mut self) {
        let mut blocks: Vec<Block> = Vec::new();
        for _ in 0..20_000 {
            let size = self.between(32, 64);
            blocks.push(self.alloc(size));
        }
        for round in 1..8 {
            let mut kept = Vec::with_capacity(blocks.len());
            let mut freed = 0;
            for (place, block) in blocks.drain(..).enumerate() {
                if place % 2 == 0 {
                    kept.push(block);
                } else {
                    freed += block.size;
                    self.free(block);
                }
            }
            blocks = kept;
            while freed > 0 {
                let size = 64 + 24 * round + self.between(0, 16);
                blocks.push(self.alloc(size));
                freed = freed.saturating_sub(size);
            }
        }
        for block in blocks {
            self.free(block);
        }
    }
}

impl Block {
    fn write_marks(&mut self) {
        // SAFETY: both places lie in the block, which is at least one byte long.
        unsafe {
            self.start.write(self.mark);
            self.start.add(self.size - 1).write(self.mark);
        }
    }

    fn read_marks(&self) -> (u8, u8) {
        // SAFETY: as in `write_marks`, which has initialised both.
        unsafe { (self.start.read(), self.start.add(self.size - 1).read()) }
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("all sizes here are small")
}
