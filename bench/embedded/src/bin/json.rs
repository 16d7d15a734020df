//! A real program: a JSON document is parsed, looked through, and written again.

#![no_std]
#![no_main]

extern crate alloc;

use embedded::Slot;
use embedded::machine::{HEAP_START, order, start_timer, ticks};
use semihosting::println;
use serde_json::Value;

#[global_allocator]
static HEAP: Slot = Slot::new();

const DOCUMENT: &str = include_str!("../../../../examples/embedded/src/station.json");

#[cortex_m_rt::entry]
fn main() -> ! {
    let (bytes, _) = order();
    // SAFETY: there is RAM, and it is nobody's.
    unsafe { HEAP.init(HEAP_START, bytes) };
    start_timer();
    let taken = ticks(program);
    // With `-icount shift=0`, an instruction takes 1 ns, and a tick 40.
    println!("json {}", taken * 40);
    semihosting::process::exit(0)
}

fn program() {
    let station: Value = serde_json::from_str(DOCUMENT).expect("it is JSON");
    let samples: f64 = station["sensors"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|sensor| sensor["samples"].as_array().into_iter().flatten())
        .filter_map(Value::as_f64)
        .sum();
    let text = serde_json::to_string(&station).expect("it is JSON");
    let again: Value = serde_json::from_str(&text).expect("it was written so");
    assert!(again == station && samples != 0.0);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    semihosting::process::exit(1)
}
