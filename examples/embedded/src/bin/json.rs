//! A real parser: `serde_json` without std, in a heap of 10 KiB.

#![no_std]
#![no_main]

extern crate alloc;

use embedded_examples::{Allocator, entry, exit, println};
use lite_alloc::arena;
use serde_json::Value;

// SAFETY: no interrupt handler of this program allocates, and there is one core.
arena!(unsafe Memory: [u8; 10240]);

#[global_allocator]
static HEAP: Allocator<Memory> = Allocator::with_source(Memory);

const CONFIGURATION: &str = include_str!("../station.json");

#[entry]
fn main() -> ! {
    let station: Value = serde_json::from_str(CONFIGURATION).expect("it is JSON");
    println!("station {} in {}", station["id"], station["site"]["name"]);
    for sensor in station["sensors"].as_array().expect("an array") {
        let samples: f64 = sensor["samples"].as_array().into_iter().flatten().filter_map(Value::as_f64).sum();
        println!("{} every {} s: {samples:.2}", sensor["kind"], sensor["period"]);
    }
    let text = serde_json::to_string(&station["uplink"]).expect("it fits");
    println!("{text}");
    println!(
        "read again: {}",
        serde_json::from_str::<Value>(&text).is_ok_and(|uplink| uplink == station["uplink"])
    );
    match serde_json::from_str::<Value>("{\"id\": [1, 2") {
        Ok(_) => println!("half a text is no JSON"),
        Err(error) => println!("{error}"),
    }
    exit()
}
