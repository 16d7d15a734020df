//! A program on `SegregatedBumpAllocator` as the global allocator, on the host and in wasm.

use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use lite_alloc_segregated::SegregatedBumpAllocator;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[global_allocator]
static ALLOCATOR: SegregatedBumpAllocator = SegregatedBumpAllocator::new();

/// A node of a tree that knows its parent.
struct Node {
    value: u32,
    parent: Weak<Node>,
}

#[test]
fn shares_small_objects() {
    let root = Rc::new(Node { value: 0, parent: Weak::new() });
    let mut nodes = vec![root.clone()];
    for value in 1..1000 {
        let parent = Rc::downgrade(&nodes[(value as usize - 1) / 2]);
        nodes.push(Rc::new(Node { value, parent }));
    }
    assert_eq!(Rc::strong_count(&root), 2);
    assert_eq!(Rc::weak_count(&root), 2);
    let mut path = vec![nodes[999].clone()];
    while let Some(parent) = path[path.len() - 1].parent.upgrade() {
        path.push(parent);
    }
    let values: Vec<u32> = path.iter().map(|node| node.value).collect();
    assert_eq!(values, [999, 499, 249, 124, 61, 30, 14, 6, 2, 0]);
    drop((nodes, path));
    assert_eq!(Rc::strong_count(&root), 1);
}

#[test]
fn keeps_a_map_of_strings() {
    let mut map: BTreeMap<String, Box<u32>> = BTreeMap::new();
    for round in 0..10 {
        for n in 0..500 {
            map.insert(format!("key {n:03}"), Box::new(round * n));
        }
        map.retain(|_, n| **n % 2 == round % 2);
    }
    assert_eq!(map.len(), 250);
    assert_eq!(map.first_key_value(), Some((&"key 001".to_owned(), &Box::new(9))));
    assert_eq!(map.values().map(|n| **n).sum::<u32>(), 9 * 250 * 250);
}
