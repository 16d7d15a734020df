//! What the tests share: the strategies under test, a memory source that watches, and a rig that checks a heap
//! after every step.
//!
//! A test that is generic over [`Kind`] becomes one test per strategy with [`per_strategy!`]. Every test runs on
//! the host and in wasm: [`test`] is the harness of whichever target this is.
#![allow(dead_code)] // Each test binary uses its own part of this.

pub mod arithmetic;
pub mod program;
pub mod random;
pub mod rig;
pub mod steps;
pub mod watch;

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;

use lite_alloc_core::address::{GRANULE, Region};
use lite_alloc_core::source::PageSource;
use lite_alloc_core::{Heap, Strategy};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
#[allow(unused_imports)] // A fuzz target has no tests.
pub use core::prelude::v1::test;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub use wasm_bindgen_test::wasm_bindgen_test as test;

/// What a generic test returns. An error rather than a panic, so that failures shrink in wasm too, where a panic
/// cannot be caught.
pub type Checked = Result<(), TestCaseError>;

pub const KIB: usize = 1 << 10;
pub const MIB: usize = 1 << 20;
/// A page of wasm's.
pub const PAGE: usize = 64 * KIB;

/// Whether tests that are slow in proportion to their input should do less: in wasm, and under an interpreter.
pub const SLOW: bool = cfg!(any(target_family = "wasm", miri));

/// How much a test does: on a host, in wasm, and in Miri, which takes a thousand times as long as the host.
pub const fn much(host: usize, wasm: usize, miri: usize) -> usize {
    if cfg!(miri) {
        miri
    } else if SLOW {
        wasm
    } else {
        host
    }
}

/// One of the strategies, and what may be asked of it.
pub trait Kind {
    type Strategy: Strategy + Send + 'static;
    /// Whether every byte is in a live block or a free piece at all times.
    const KEEPS_ALL: bool;
    /// Whether free blocks that touch serve a request of their sum.
    const COALESCES: bool;
    /// Whether blocks are powers of two that lie at multiples of their size.
    const POWERS: bool = false;
    /// Whether a block may start in memory that was there before and end in what the source gives for it.
    const EXTENDS: bool = true;
    /// The largest size that there is certainly memory for.
    const LARGEST: usize = isize::MAX as usize;
    /// The bytes that a live block occupies, and what their address is a multiple of.
    fn place(layout: Layout) -> (usize, usize);
    /// The bytes that a live block of `size` occupies, whatever its alignment.
    fn extent(size: usize) -> usize {
        Self::place(layout(size, 1)).0
    }
    /// How many bytes of a region the strategy keeps for itself; all of them, if it has no more.
    fn kept(_bytes: usize) -> usize {
        0
    }
    /// Where blocks may lie in the regions that the source has given.
    fn usable(regions: &[Region]) -> Vec<Region> {
        joined(regions)
    }
    /// Whether a block certainly fits in a region that is fresh.
    fn fits(region: Region, size: usize, align: usize) -> bool {
        holds(region, size, align)
    }
}

pub struct Bump;
pub struct Segregated;
pub struct FreeList;
pub struct LargeHeap;
pub struct Smallest;
pub struct Bounded;

fn granules(size: usize) -> usize {
    size.div_ceil(GRANULE) * GRANULE
}

impl Kind for Bump {
    type Strategy = lite_alloc_bump::BumpFreeList;
    const KEEPS_ALL: bool = true;
    const COALESCES: bool = false;
    const POWERS: bool = true;
    fn place(layout: Layout) -> (usize, usize) {
        let power = granules(layout.size()).max(layout.align()).next_power_of_two();
        (power, power)
    }
}

/// The largest block that `SegregatedBumpAllocator` keeps a bin for.
pub const LARGEST_BIN: usize = 128;

impl Kind for Segregated {
    type Strategy = lite_alloc_segregated::SegregatedBump;
    const KEEPS_ALL: bool = false;
    const COALESCES: bool = false;
    fn place(layout: Layout) -> (usize, usize) {
        let size = layout.size();
        (if size <= LARGEST_BIN { size.next_power_of_two().max(16) } else { size }, layout.align())
    }
}

impl Kind for FreeList {
    type Strategy = lite_alloc_freelist::FreeList;
    const KEEPS_ALL: bool = true;
    const COALESCES: bool = true;
    fn place(layout: Layout) -> (usize, usize) {
        (granules(layout.size()), layout.align())
    }
}

/// The same but for when free blocks are merged, in heaps of 16 MiB and more, so only what is about that is tested with it.
impl Kind for LargeHeap {
    type Strategy = lite_alloc_freelist::FreeList<true>;
    const KEEPS_ALL: bool = true;
    const COALESCES: bool = true;
    fn place(layout: Layout) -> (usize, usize) {
        FreeList::place(layout)
    }
}

impl Kind for Smallest {
    type Strategy = lite_alloc_freelist::Smallest;
    const KEEPS_ALL: bool = true;
    const COALESCES: bool = true;
    fn place(layout: Layout) -> (usize, usize) {
        FreeList::place(layout)
    }
}

/// What the blocks of `BoundedFreeListAllocator` are made of, in bytes.
pub const UNIT: usize = if cfg!(feature = "hardened") { 2 * GRANULE } else { GRANULE };

/// A region that is longer becomes several pools.
pub const LARGEST_POOL: usize = UNIT << (usize::BITS / 2);

impl Kind for Bounded {
    type Strategy = lite_alloc_freelist::Bounded;
    const KEEPS_ALL: bool = true;
    const COALESCES: bool = true;
    const EXTENDS: bool = false;
    const LARGEST: usize = LARGEST_POOL / 2;
    fn place(layout: Layout) -> (usize, usize) {
        FreeList::place(layout)
    }
    /// A unit, one for each bin, and those of the table.
    fn kept(bytes: usize) -> usize {
        let table = (bytes / UNIT + 1).div_ceil(8 * UNIT);
        bytes.min((1 + usize::BITS as usize / 2 + table) * UNIT)
    }
    fn usable(regions: &[Region]) -> Vec<Region> {
        let pools = regions.iter().flat_map(|region| {
            let starts = (region.start..region.end).step_by(LARGEST_POOL);
            starts.map(|start| Region { start, end: region.end.min(start.saturating_add(LARGEST_POOL)) })
        });
        let blocks = pools.map(|pool| Region { start: pool.start + Self::kept(pool.len()), ..pool });
        blocks.filter(|blocks| !blocks.is_empty()).collect()
    }
    fn fits(region: Region, size: usize, align: usize) -> bool {
        let bytes = region.len().min(LARGEST_POOL);
        let least = size as u128 + (align.max(UNIT) - UNIT) as u128;
        least <= (bytes - Self::kept(bytes)) as u128
    }
}

/// Makes one test per strategy of a function that is generic over [`Kind`] and returns [`Checked`].
///
/// `per_strategy!(name)` stands for all of them; `per_strategy!(name: bump, freelist)` for those named.
#[macro_export]
macro_rules! per_strategy {
    ($name:ident) => { $crate::per_strategy!($name: bump, segregated, freelist, smallest, bounded); };
    ($name:ident: $($kind:ident),+) => {
        mod $name {
            use $crate::common::test;
            $($crate::per_strategy!(@ $name $kind);)+
        }
    };
    (@ $name:ident bump) => {
        #[test]
        fn bump() {
            super::$name::<$crate::common::Bump>().unwrap();
        }
    };
    (@ $name:ident segregated) => {
        #[test]
        fn segregated() {
            super::$name::<$crate::common::Segregated>().unwrap();
        }
    };
    (@ $name:ident large_heap) => {
        #[test]
        fn large_heap() {
            super::$name::<$crate::common::LargeHeap>().unwrap();
        }
    };
    (@ $name:ident smallest) => {
        #[test]
        fn smallest() {
            super::$name::<$crate::common::Smallest>().unwrap();
        }
    };
    (@ $name:ident bounded) => {
        #[test]
        fn bounded() {
            super::$name::<$crate::common::Bounded>().unwrap();
        }
    };
    (@ $name:ident freelist) => {
        #[test]
        fn freelist() {
            super::$name::<$crate::common::FreeList>().unwrap();
        }
    };
}

pub fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// What a strategy is asked for when the program asks for `layout`, and where in that block the program's part begins.
pub fn asked(layout: Layout) -> (Layout, usize) {
    if !cfg!(feature = "hardened") {
        return (layout, 0);
    }
    let unit = 2 * GRANULE;
    let lead = layout.align().max(unit);
    let size = lead.saturating_add((layout.size() + size_of::<usize>()).next_multiple_of(unit));
    (self::layout(size.min(isize::MAX as usize + 1 - lead), lead), lead)
}

/// The size of the largest block that fits in `len` bytes.
pub fn largest(len: usize) -> usize {
    if cfg!(feature = "hardened") { len - 2 * GRANULE - size_of::<usize>() } else { len }
}

/// Memory for a source, aligned to 64 KiB.
pub struct Memory {
    start: *mut u8,
    layout: Layout,
}

impl Memory {
    pub fn new(bytes: usize) -> Self {
        Self::aligned(bytes, PAGE)
    }

    /// The same, aligned to at least that.
    pub fn aligned(bytes: usize, align: usize) -> Self {
        let layout = layout(bytes, align.max(PAGE));
        // SAFETY: `bytes` is not 0 in any test.
        let start = unsafe { std::alloc::alloc(layout) };
        assert!(!start.is_null(), "the test needs {bytes} bytes");
        Self { start, layout }
    }

    /// Where it starts: a pointer that is valid for all of it.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    pub fn bytes(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: allocated with that size, and borrowed for as long as `self` is.
        unsafe { core::slice::from_raw_parts_mut(self.start.cast(), self.layout.size()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with that layout.
        unsafe { std::alloc::dealloc(self.start, self.layout) };
    }
}

/// The free pieces of a heap, by address. Empty ones are left out.
pub fn free_pieces<A: Strategy, S: PageSource>(heap: &Heap<A, S>) -> Vec<Region> {
    let mut pieces = Vec::new();
    // SAFETY: the list is in another heap.
    unsafe {
        heap.visit_free(|piece| {
            if !piece.is_empty() {
                pieces.push(piece);
            }
        });
    }
    pieces.sort_unstable_by_key(|piece| piece.start);
    pieces
}

/// Joins pieces that touch; `pieces` are in ascending order.
pub fn joined(pieces: &[Region]) -> Vec<Region> {
    let mut runs: Vec<Region> = Vec::new();
    for &piece in pieces {
        match runs.last_mut() {
            Some(last) if last.end == piece.start => last.end = piece.end,
            _ => runs.push(piece),
        }
    }
    runs
}

pub fn total(pieces: &[Region]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

/// Whether all `bytes` are `byte`. Fast even in a debug build.
pub fn is_filled(bytes: &[u8], byte: u8) -> bool {
    bytes.chunks(KIB).all(|chunk| *chunk == [byte; KIB][..chunk.len()])
}

/// Memory of so many bytes, and the page of a source over it, for a strategy to have all of them as one region in the end, or as few.
pub fn in_one_region<K: Kind>(bytes: usize) -> (Memory, usize) {
    let page = if K::EXTENDS { PAGE } else { (1 << bytes.trailing_zeros()).min(LARGEST_POOL) };
    (Memory::aligned(bytes, page), page)
}

/// Sizes of four blocks, in what order they come, that fill two banks of so many bytes: the second has no room in the first one's.
pub fn filling<K: Kind>(bank: usize) -> [usize; 4] {
    let quarters = if K::POWERS { [4, 2, 1, 1] } else { [3, 2, 2, 1] };
    let [first, second, third, fourth] = quarters.map(|quarters| quarters * bank / 4);
    [first, second, third - K::kept(bank), fourth - K::kept(bank)]
}

/// Whether a block fits in `region`, without overflow.
pub fn holds(region: Region, size: usize, align: usize) -> bool {
    let start = (region.start as u128).next_multiple_of(align as u128);
    start + size as u128 <= region.end as u128
}

/// Allocates from a heap; null is a failure of the test.
pub fn get(heap: &impl GlobalAlloc, layout: Layout) -> *mut u8 {
    // SAFETY: no test asks for size 0.
    let ptr = unsafe { heap.alloc(layout) };
    assert!(!ptr.is_null(), "{layout:?} is refused");
    assert_eq!(ptr.addr() % layout.align(), 0, "{ptr:?} is not aligned as {layout:?} asks");
    ptr
}

/// Runs a property on as many inputs as this target affords, and panics with the smallest that fails.
///
/// The inputs are the same in every run. `PROPTEST_CASES` and `LITE_ALLOC_SEED`, a number, change that on hosts.
pub fn property<G: proptest::strategy::Strategy>(cases: u32, inputs: &G, test: impl Fn(G::Value) -> Checked) {
    let mut seed = [0; 32];
    let cases = cases.div_ceil(much(1, 8, 160) as u32);
    let mut config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Some(number) = std::env::var("LITE_ALLOC_SEED").ok().and_then(|number| number.parse::<u64>().ok())
    {
        seed[..8].copy_from_slice(&number.to_le_bytes());
    }
    if let Some(number) = std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok()) {
        config.cases = number;
    }
    config.max_shrink_iters = 20_000;
    #[cfg(not(target_family = "wasm"))]
    {
        config.max_shrink_time = 20_000;
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(inputs, test) {
        panic!("{error}");
    }
}
