//! An interrupt handler allocates while the main program allocates.
//!
//! With the feature `critical-section` of `lite-alloc`, every call of the heap is a critical section. Nothing in this
//! program is `unsafe`. For a handler with a deadline, take `BoundedFreeListAllocator` (here, the feature `bounded`): the main
//! program holds interrupts off for no longer than one of its calls takes.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;

use critical_section::Mutex;
use embedded_examples::{Allocator, entry, exit, println, start_timer, stop_timer};
use lite_alloc::arena;

arena!(Memory: [u8; 8192]);

#[global_allocator]
static HEAP: Allocator<Memory> = Allocator::with_source(Memory);

const INTERRUPTS: u32 = 2000;
/// Ticks between two interrupts: a prime number, so that they come at ever other places of the main program.
const PERIOD: u32 = 997;
/// How many messages may wait.
const WAITING: usize = 8;

struct Message {
    number: u32,
    body: Vec<u32>,
}

impl Message {
    fn new(number: u32) -> Self {
        Self { number, body: vec![number; Self::len(number)] }
    }

    fn len(number: u32) -> usize {
        1 + number as usize % 5 * 4
    }

    fn is_intact(&self) -> bool {
        self.body.len() == Self::len(self.number) && self.body.iter().all(|&word| word == self.number)
    }
}

#[derive(Default)]
struct Mail {
    /// How many messages the interrupt handler has written.
    written: u32,
    /// How many of them the handler took back when nobody had read them in time.
    dropped: u32,
    damaged: u32,
    waiting: VecDeque<Message>,
}

static MAIL: Mutex<RefCell<Option<Mail>>> = Mutex::new(RefCell::new(None));

/// Works on the mail, undisturbed.
fn with_mail<R>(work: impl FnOnce(&mut Mail) -> R) -> R {
    critical_section::with(|cs| work(MAIL.borrow(cs).borrow_mut().get_or_insert_default()))
}

/// What the interrupt handler calls.
fn on_tick() {
    let number = with_mail(|mail| mail.written);
    if number == INTERRUPTS {
        return;
    }
    // Allocated here, possibly freed by the main program ...
    let message = Message::new(number);
    let late = with_mail(|mail| {
        mail.written += 1;
        mail.waiting.push_back(message);
        if mail.waiting.len() > WAITING { mail.waiting.pop_front() } else { None }
    });
    // ... and if it is late, here.
    if let Some(message) = late {
        with_mail(|mail| {
            mail.dropped += 1;
            mail.damaged += !message.is_intact() as u32;
        });
    }
}

#[entry]
fn main() -> ! {
    with_mail(|mail| mail.waiting.reserve_exact(WAITING + 1));
    start_timer(PERIOD, on_tick);

    // Blocks of the main program come and go, the oldest first. Each is filled with its number.
    let mut blocks: [Vec<u32>; 16] = [const { Vec::new() }; 16];
    let (mut steps, mut read, mut damaged) = (0u32, 0, 0);
    loop {
        let place = steps as usize % blocks.len();
        let filled_with = steps.wrapping_sub(blocks.len() as u32);
        damaged += !blocks[place].iter().all(|&word| word == filled_with) as u32;
        blocks[place] = Vec::new();
        blocks[place] = vec![steps; 2 + place];
        steps += 1;

        // Now and then the mail is read.
        if steps % 256 == 0 {
            while let Some(message) = with_mail(|mail| mail.waiting.pop_front()) {
                read += 1;
                damaged += !message.is_intact() as u32;
            }
            if with_mail(|mail| mail.written) == INTERRUPTS {
                break;
            }
        }
    }
    stop_timer();

    let (written, dropped) = with_mail(|mail| {
        damaged += mail.damaged;
        (mail.written, mail.dropped)
    });
    println!("{written} interrupts have allocated");
    println!(
        "every message was read or dropped: {}",
        read + dropped + with_mail(|mail| mail.waiting.len() as u32) == written
    );
    println!("the main program and the handler have both freed: {}", read > 0 && dropped > 0);
    println!("the main program has allocated more often: {}", steps > written);
    println!("{damaged} blocks are damaged");
    exit()
}
