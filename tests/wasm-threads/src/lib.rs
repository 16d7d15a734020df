//! What each thread does: it allocates, resizes, frees, and passes blocks on to the next thread, which checks and frees them.
//!
//! A module of it is instantiated once in each worker, over one shared memory. The allocator is the program's global one.

use std::alloc::{Layout, alloc};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use lite_alloc;

/// The most threads there may be.
const MOST: usize = 8;

/// For each thread, the blocks that others sent it.
static MAIL: [Mutex<Vec<Vec<u8>>>; MOST] = [const { Mutex::new(Vec::new()) }; MOST];
/// How many threads have come to work: they begin together.
static READY: AtomicUsize = AtomicUsize::new(0);
/// How many threads will send nothing more.
static DONE: AtomicUsize = AtomicUsize::new(0);

/// Memory for a thread's stack and its thread-local variables.
pub fn room(size: usize, align: usize) -> *mut u8 {
    let layout = Layout::from_size_align(size.max(1), align.max(16)).unwrap();
    // SAFETY: the size is not 0.
    unsafe { alloc(layout) }
}

/// A block whose bytes follow from its first.
fn block(seed: usize, size: usize) -> Vec<u8> {
    let mut block = Vec::new();
    // In two parts, so that it is resized.
    block.resize(size / 2 + 1, seed as u8);
    block.resize(size + 1, seed as u8);
    block
}

/// How many of these blocks are not as they were made.
fn damaged(blocks: &[Vec<u8>]) -> u32 {
    blocks.iter().filter(|block| block.iter().any(|&byte| byte != block[0])).count() as u32
}

/// Thread number `id` of `threads` does its work. Returns how many blocks it found damaged.
pub fn work(id: usize, threads: usize, steps: usize) -> u32 {
    READY.fetch_add(1, Ordering::SeqCst);
    while READY.load(Ordering::SeqCst) < threads {
        core::hint::spin_loop();
    }
    let mut found = 0;
    let mut mine = Vec::new();
    for step in 0..steps {
        let most = match step % 1000 {
            0 => 300_000, // Memory grows, if not for this thread, then for another.
            n if n % 50 == 0 => 5000,
            _ => 150,
        };
        mine.push(block(id * 31 + step, step * 7919 % most));
        if mine.len() > 40 {
            found += damaged(&mine[step % 40..][..1]);
            let block = mine.swap_remove(step % 40);
            if step % 2 == 0 {
                MAIL[(id + 1) % threads].lock().unwrap().push(block);
            }
        }
        let mail = std::mem::take(&mut *MAIL[id].lock().unwrap());
        found += damaged(&mail);
    }
    found += damaged(&mine);
    DONE.fetch_add(1, Ordering::SeqCst);
    loop {
        let all = DONE.load(Ordering::SeqCst) == threads;
        let mail = std::mem::take(&mut *MAIL[id].lock().unwrap());
        found += damaged(&mail);
        if all && mail.is_empty() {
            return found;
        }
    }
}

/// Makes a module of an allocator.
#[macro_export]
macro_rules! threads {
    ($allocator:ident) => {
        #[cfg(target_family = "wasm")]
        mod module {
            use $crate::lite_alloc::single_threaded::$allocator;

            #[global_allocator]
            static ALLOCATOR: $allocator = $allocator::new();

            #[unsafe(no_mangle)]
            extern "C" fn room(size: usize, align: usize) -> *mut u8 {
                $crate::room(size, align)
            }

            #[unsafe(no_mangle)]
            extern "C" fn work(id: usize, threads: usize, steps: usize) -> u32 {
                $crate::work(id, threads, steps)
            }
        }
    };
}
