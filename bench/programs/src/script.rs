//! Runs a script in an engine made for it: values, arrays, maps and strings on the heap.

use rhai::Engine;

use crate::checksum::Checksum;

pub fn run(_: &str, checksum: &mut Checksum) {
    let result: String = Engine::new().eval(include_str!("script.rhai")).expect("the script is valid");
    checksum.text(&result);
}
