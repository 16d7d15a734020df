//! Blocks that fit, and instructions: exact, since QEMU's time is counted in instructions. With `-icount shift=10`, one takes
//! 1024 ns, and the timer 40 ns for a tick: 25.6 ticks are an instruction.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::asm;
use core::hint::black_box;

use embedded::Slot;
use embedded::machine::{HEAP_START, order, start_timer, ticks};
use semihosting::println;

#[global_allocator]
static HEAP: Slot = Slot::new();

/// Number 0: an empty heap and a churn; number 1: a heap with holes.
#[cortex_m_rt::entry]
fn main() -> ! {
    let (bytes, number) = order();
    start_timer();
    println!("calibration {}", instructions(1, ticks(thousand) - Call::nothing()));
    let reset = || {
        // SAFETY: each measurement ends with its blocks; there is RAM, and it is nobody's.
        unsafe { HEAP.reset(HEAP_START, bytes) }
    };
    if number == 0 {
        for size in [16, 24, 32, 100] {
            reset();
            println!("fit_{size} {}", fit(size));
        }
        reset();
        println!("pair {}", pair());
        for (name, largest) in [("churn", 256), ("small", 128)] {
            reset();
            churn(largest).print(name);
        }
    } else {
        for (name, full) in [("holes", false), ("full", true)] {
            reset();
            holes(full).print(name);
        }
    }
    semihosting::process::exit(0)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    semihosting::process::exit(1)
}

/// A thousand instructions.
fn thousand() {
    // SAFETY: it counts down a register.
    unsafe { asm!("2: subs {0}, #1", "bne 2b", inout(reg) 500 => _, options(nomem, nostack)) }
}

#[derive(Clone, Copy)]
struct Block {
    ptr: *mut u8,
    size: usize,
}

const NONE: Block = Block { ptr: core::ptr::null_mut(), size: 0 };

#[inline(never)]
fn allocate(size: usize) -> *mut u8 {
    // SAFETY: sizes here are not 0 and small.
    unsafe { HEAP.alloc(Layout::from_size_align_unchecked(size, 4)) }
}

#[inline(never)]
fn free(ptr: *mut u8, size: usize) {
    // Though there may be nothing to do, it is called.
    black_box(());
    // SAFETY: what is freed here is live and was allocated so.
    unsafe { HEAP.dealloc(ptr, Layout::from_size_align_unchecked(size, 4)) }
}

/// What the calls took, in ticks.
#[derive(Default)]
struct Call {
    allocs: u64,
    frees: u64,
    steps: u64,
    worst_alloc: u32,
    worst_free: u32,
    refused: u32,
}

fn instructions(times: u64, ticks: impl Into<u64>) -> u64 {
    (ticks.into() * 10 + 128 * times) / (256 * times)
}

impl Call {
    /// The ticks that reading the timer takes.
    fn nothing() -> u32 {
        ticks(|| ())
    }

    fn alloc(&mut self, size: usize) -> Block {
        let mut ptr = core::ptr::null_mut();
        let size = black_box(size);
        let taken = ticks(|| ptr = black_box(allocate(size))).saturating_sub(Self::nothing());
        if ptr.is_null() {
            self.refused += 1;
            return NONE;
        }
        // Somebody uses it.
        // SAFETY: the block is live.
        unsafe { ptr.write_bytes(0xA5, size) };
        self.allocs += u64::from(taken);
        self.worst_alloc = self.worst_alloc.max(taken);
        Block { ptr, size }
    }

    fn free(&mut self, Block { ptr, size }: Block) {
        if ptr.is_null() {
            return;
        }
        let (ptr, size) = (black_box(ptr), black_box(size));
        let taken = ticks(|| free(ptr, size)).saturating_sub(Self::nothing());
        self.frees += u64::from(taken);
        self.worst_free = self.worst_free.max(taken);
    }

    fn print(&self, name: &str) {
        println!("{name}_step {}", instructions(self.steps, self.allocs + self.frees));
        println!("{name}_worst_alloc {}", instructions(1, self.worst_alloc));
        println!("{name}_worst_free {}", instructions(1, self.worst_free));
        println!("{name}_refused {}", self.refused);
    }
}

/// How many blocks fit.
fn fit(size: usize) -> usize {
    let mut blocks = 0;
    while !black_box(allocate(black_box(size))).is_null() {
        blocks += 1;
    }
    blocks
}

/// What it takes to allocate 32 bytes in an empty heap and to free them, on average.
fn pair() -> u64 {
    let mut call = Call::default();
    for _ in 0..1000 {
        let block = call.alloc(32);
        call.free(block);
    }
    instructions(1000, call.allocs + call.frees)
}

struct Random(u32);

impl Random {
    /// A number below `end`, which is small.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        ((u64::from(self.0) * end as u64) >> 32) as usize
    }
}

/// Frees a random one of 64 blocks and allocates another, 20 000 times. They are of 8 bytes to `largest`.
fn churn(largest: usize) -> Call {
    let mut random = Random(1);
    let mut call = Call::default();
    let mut blocks = [NONE; 64];
    for block in &mut blocks {
        *block = call.alloc(8 + random.below(largest - 7));
    }
    call = Call { steps: 20_000, ..Call::default() };
    for _ in 0..call.steps {
        let place = random.below(blocks.len());
        call.free(blocks[place]);
        blocks[place] = call.alloc(8 + random.below(largest - 7));
    }
    call
}

/// 512 holes of 16 bytes, and then 200 blocks of 8 to 256 bytes, of which 8 at most are live. If `full`, there is no memory for them
/// but two blocks of 1024 bytes that were freed.
fn holes(full: bool) -> Call {
    let mut random = Random(1);
    let mut filling = Call::default();
    let mut blocks = [NONE; 1024];
    blocks.fill_with(|| filling.alloc(16));
    if full {
        let spare = [filling.alloc(1024), filling.alloc(16), filling.alloc(1024), filling.alloc(16)];
        let mut size = 4096;
        while size >= 8 {
            while !filling.alloc(size).ptr.is_null() {}
            size /= 2;
        }
        filling.free(spare[0]);
        filling.free(spare[2]);
    }
    for block in blocks.iter().step_by(2) {
        filling.free(*block);
    }
    let mut call = Call { steps: 200, ..Call::default() };
    let mut live = [NONE; 8];
    for step in 0..200 {
        let place = step % live.len();
        call.free(live[place]);
        live[place] = call.alloc(8 + random.below(249));
    }
    call
}
