//! A program on `BumpFreeListAllocator` as the global allocator, on the host and in wasm.

use std::collections::BTreeMap;

use lite_alloc_bump::BumpFreeListAllocator;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[global_allocator]
static ALLOCATOR: BumpFreeListAllocator = BumpFreeListAllocator::new();

#[test]
fn counts_words() {
    let text = "the cat and the dog and the bird".repeat(100).replace("birdthe", "bird the");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in text.split(' ') {
        *counts.entry(word.to_owned()).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    assert_eq!(
        format!("{counts:?}"),
        r#"[("the", 300), ("and", 200), ("bird", 100), ("cat", 100), ("dog", 100)]"#
    );
}

#[test]
fn uses_freed_memory_again() {
    for round in 0..1000 {
        let squares: Vec<u64> = (0..round).map(|n| n * n).collect();
        assert_eq!(squares.iter().sum::<u64>(), (0..round).map(|n| n * n).sum::<u64>());
        let text: String = squares.iter().map(|n| char::from(b'0' + (n % 10) as u8)).collect();
        assert_eq!(text.len(), round as usize);
        assert!(!text.contains(['2', '3', '7', '8']), "no square ends like this");
    }
}
