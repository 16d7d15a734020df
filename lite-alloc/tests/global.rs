//! A program on `FreeListAllocator` as the global allocator, on the host and in wasm.

use std::collections::BTreeMap;
use std::rc::Rc;

use lite_alloc::single_threaded::FreeListAllocator;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[global_allocator]
static ALLOCATOR: FreeListAllocator = FreeListAllocator::new();

#[test]
fn builds_an_index() {
    let mut index: BTreeMap<Rc<str>, Vec<usize>> = BTreeMap::new();
    for (number, line) in "to be or not to be\nthat is the question\nor is it".lines().enumerate() {
        for word in line.split(' ') {
            index.entry(word.into()).or_default().push(number);
        }
    }
    let mut words: Vec<Rc<str>> = index.keys().cloned().collect();
    words.sort_by_key(|word| std::cmp::Reverse(index[word].len()));
    assert_eq!(words.join(" "), "be is or to it not question that the");
    assert_eq!(index["or"], [0, 2]);
    assert!(words.iter().all(|word| Rc::strong_count(word) == 2));
}
