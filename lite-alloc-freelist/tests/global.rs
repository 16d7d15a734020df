//! A program on `FreeListAllocator` as the global allocator, on the host and in wasm.

use std::collections::BTreeMap;
use std::rc::Rc;

use lite_alloc_freelist::FreeListAllocator;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[global_allocator]
static ALLOCATOR: FreeListAllocator = FreeListAllocator::new();

#[test]
fn sorts_strings() {
    let mut words: Vec<String> = (0..2000).map(|n| format!("{:x}", n * 7919 % 2003)).collect();
    words.sort();
    words.dedup();
    assert_eq!(words.len(), 2000);
    assert_eq!(words[..4], ["0", "1", "10", "100"]);
    words.sort_by_key(|word| (word.len(), word.clone()));
    assert_eq!(words[9..12], ["9", "a", "b"]);
    let text = words.concat();
    assert_eq!(text.len(), words.iter().map(String::len).sum::<usize>());
}

#[test]
fn shares_lists_in_a_map() {
    let mut multiples: BTreeMap<u32, Rc<Vec<u32>>> = BTreeMap::new();
    for n in 1..=100 {
        multiples.insert(n, Rc::new((n..=1000).step_by(n as usize).collect()));
    }
    let shared = multiples.clone();
    multiples.retain(|n, _| n % 2 == 0);
    assert_eq!(shared.values().map(|list| list.len()).sum::<usize>(), 5142);
    assert_eq!(shared.values().filter(|list| Rc::strong_count(list) == 2).count(), 50);
    drop(shared);
    assert_eq!(*multiples[&100], [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
}
