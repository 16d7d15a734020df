//! A program that uses the standard library's collections the way programs do. Whatever the allocator and the
//! target, its result is the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::fmt::Write;
use std::rc::{Rc, Weak};

use super::SLOW;

/// What [`run`] returns, for ever and everywhere.
pub const CHECKSUM: u64 = 0x8f1d_3071_6273_8517;

struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn word(&mut self) -> String {
        let len = 1 + self.below(12);
        (0..len).map(|_| char::from(b'a' + self.below(7) as u8)).collect()
    }
}

/// FNV-1a.
#[derive(Clone, Copy)]
struct Sum(u64);

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

struct Node {
    name: String,
    parent: RefCell<Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
}

impl Node {
    fn depth(&self) -> usize {
        self.parent.borrow().upgrade().map_or(0, |parent| 1 + parent.depth())
    }

    fn print(&self, out: &mut String) {
        write!(out, "({}:{}", self.name, self.depth()).unwrap();
        for child in self.children.borrow().iter() {
            child.print(out);
        }
        out.push(')');
    }
}

/// A tree of reference-counted nodes that know their parents; a third of it is dropped again.
fn graph(numbers: &mut Numbers, sum: &mut Sum) {
    let new = |name: String| Rc::new(Node { name, parent: RefCell::default(), children: RefCell::default() });
    let root = new("root".to_owned());
    let mut nodes = vec![Rc::clone(&root)];
    for _ in 0..400 {
        let parent = &nodes[numbers.below(nodes.len() as u64) as usize];
        let child = new(numbers.word());
        *child.parent.borrow_mut() = Rc::downgrade(parent);
        parent.children.borrow_mut().push(Rc::clone(&child));
        nodes.push(child);
    }
    let watched: Vec<_> = nodes.iter().map(Rc::downgrade).collect();
    for node in &nodes {
        node.children.borrow_mut().retain(|child| !child.name.starts_with(['a', 'b']));
    }
    drop(nodes);
    let alive = watched.iter().filter(|node| node.upgrade().is_some()).count();
    let mut text = String::new();
    root.print(&mut text);
    sum.add(format!("{alive} {text}").as_bytes());
}

/// Counts words, inverts the map, sorts, and prints.
fn words(numbers: &mut Numbers, sum: &mut Sum) {
    let text = (0..4000).map(|_| numbers.word()).collect::<Vec<_>>().join(" ");
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for word in text.split(' ') {
        *counts.entry(word).or_default() += 1;
    }
    let mut index: BTreeMap<(u32, usize), BTreeSet<String>> = BTreeMap::new();
    for (word, count) in &counts {
        index.entry((*count, word.len())).or_default().insert(word.to_uppercase());
    }
    let mut report = String::new();
    for ((count, len), words) in index.iter().rev() {
        writeln!(report, "{count:>5} {len:<3} {:?}", words.iter().take(5).collect::<Vec<_>>()).unwrap();
    }
    sum.add(report.as_bytes());
}

/// Sorting, with buffers; queues that grow and shrink.
fn queues(numbers: &mut Numbers, sum: &mut Sum) {
    let mut records: Vec<(u64, String, Box<[u8]>)> = (0..1500)
        .map(|_| {
            let len = numbers.below(200) as usize;
            (numbers.below(50), numbers.word(), vec![len as u8; len].into_boxed_slice())
        })
        .collect();
    records.sort();
    let mut heap = BinaryHeap::new();
    let mut queue = VecDeque::new();
    for (number, word, bytes) in records {
        sum.add(word.as_bytes());
        sum.add(&bytes);
        heap.push((number, word.len() as u64));
        queue.push_back(bytes);
        if heap.len() > 40 {
            let (number, len) = heap.pop().unwrap();
            sum.add(&(number * len).to_le_bytes());
        }
        if queue.len() > 100 {
            queue.drain(..50);
            queue.shrink_to_fit();
        }
    }
    sum.add(&(queue.iter().map(|bytes| bytes.len() as u64).sum::<u64>()).to_le_bytes());
}

/// A table that doubles and is dropped, with zeroed memory in it.
fn tables(numbers: &mut Numbers, sum: &mut Sum) {
    for size in [100, 10_000, 100_000] {
        let mut table = vec![0u32; size];
        for _ in 0..500 {
            table[numbers.below(size as u64) as usize] += 1;
        }
        let mut copy: Vec<u32> = Vec::new();
        for &entry in &table {
            if entry != 0 || copy.len() % 3 == 0 {
                copy.push(entry);
            }
        }
        copy.dedup();
        copy.shrink_to_fit();
        sum.add(format!("{:.3} {:?}", copy.len() as f64 / size as f64, copy.iter().max()).as_bytes());
    }
}

/// Runs the program a few times, in the memory that the last run left.
pub fn run() -> u64 {
    let mut last = None;
    for _ in 0..if SLOW { 2 } else { 5 } {
        let (mut numbers, mut sum) = (Numbers(0x9E37_79B9_7F4A_7C15), Sum(0xcbf2_9ce4_8422_2325));
        graph(&mut numbers, &mut sum);
        words(&mut numbers, &mut sum);
        queues(&mut numbers, &mut sum);
        tables(&mut numbers, &mut sum);
        assert!(last.is_none_or(|last| last == sum.0), "the same program gave another result");
        last = Some(sum.0);
    }
    last.unwrap()
}

/// Makes a test binary of an allocator: the program above, on that allocator.
#[macro_export]
macro_rules! program {
    ($allocator:ident) => {
        #[global_allocator]
        static ALLOCATOR: lite_alloc::single_threaded::$allocator =
            lite_alloc::single_threaded::$allocator::new();

        #[common::test]
        fn program_gives_the_same_result_on_every_target() {
            assert_eq!(common::program::run(), common::program::CHECKSUM);
            let mut free = 0;
            // SAFETY: adding up does not allocate.
            unsafe { ALLOCATOR.visit_free(|piece| free += piece.len()) };
            assert!(free > 0, "the program ran, but not on this heap");
        }
    };
}
