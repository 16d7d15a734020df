//! Collections on a static array. There is no call to initialise the heap.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use embedded_examples::{Allocator, entry, exit, println};
use lite_alloc::arena;

// SAFETY: no interrupt handler of this program allocates, and there is one core. (With the feature `critical-section`, the
// `unsafe` goes, and there is nothing to heed.)
arena!(unsafe Memory: [u8; 8192]);

#[global_allocator]
static HEAP: Allocator<Memory> = Allocator::with_source(Memory);

#[entry]
fn main() -> ! {
    let mut squares: Vec<u32> = (0..100).map(|n| n * n).collect();
    squares.retain(|n| n % 3 == 1);
    println!("squares: {} of them, sum {}", squares.len(), squares.iter().sum::<u32>());

    let mut words: BTreeMap<&str, u32> = BTreeMap::new();
    for word in "the quick brown fox jumps over the lazy dog and the cat".split(' ') {
        *words.entry(word).or_default() += 1;
    }
    println!("words: {} different, the: {}", words.len(), words["the"]);

    let mut queue: VecDeque<String> = VecDeque::new();
    for n in 0..1000 {
        queue.push_back(format!("message {n}"));
        if queue.len() > 8 {
            queue.pop_front();
        }
    }
    println!("queue: {} to {}", queue[0], queue[queue.len() - 1]);

    let shared = Rc::new(String::from("shared"));
    let closures: Vec<Box<dyn Fn() -> usize>> = (0..4)
        .map(|n| {
            let shared = shared.clone();
            Box::new(move || shared.len() + n) as Box<dyn Fn() -> usize>
        })
        .collect();
    println!("closures: {}", closures.iter().map(|closure| closure()).sum::<usize>());

    // Blocks may ask for any alignment.
    #[repr(align(256))]
    struct Buffer([u8; 256]);
    let buffer = Box::new(Buffer([7; 256]));
    let at = buffer.0.as_ptr().addr();
    println!(
        "buffer: {} past a multiple of 256, sum {}",
        at % 256,
        buffer.0.iter().map(|&b| b as u32).sum::<u32>()
    );
    exit()
}
