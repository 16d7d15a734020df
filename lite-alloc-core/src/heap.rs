//! The shell that makes a strategy a `GlobalAlloc`.

use core::alloc::{GlobalAlloc, Layout};

use crate::address::{GRANULE, Region};
use crate::lock::Lock;
use crate::source::{ClaimError, ClaimedRegions, DefaultSource, PageSource};
use crate::strategy::Strategy;
use crate::usage::Usage;

#[cfg(feature = "hardened")]
use crate::hardened::Hardened as Guarded;
/// What a heap runs: the strategy itself.
#[cfg(not(feature = "hardened"))]
type Guarded<A> = A;

/// What a heap has. Sources are small, so in this order the offsets of most fields are, and Cortex-M0 has short instructions for those.
#[repr(C)]
struct Parts<A, S> {
    source: S,
    strategy: Guarded<A>,
    usage: Usage,
}

/// A heap: the algorithm `A` over the memory of `S`, as a `GlobalAlloc`.
///
/// All state lives in the value, so heaps are independent of each other; there may be several in a program, of one type or of
/// different ones. It may be moved.
///
/// It is all zeros at the start if its source is: such a heap in a `static` takes no space in the binary. One over a
/// `&Arena` is not, for it holds an address; one over what [`arena!`](crate::arena) declares is.
///
/// # Threads and interrupts
///
/// - WebAssembly without the `atomics` feature has one thread: there is no lock.
/// - WebAssembly with `atomics`, and hosts: each call holds a spin lock.
/// - Bare metal: there is no lock, and whoever gives the heap memory, which is `unsafe`, vouches that it is used from one context. With
///   the feature `critical-section`, each call is a critical section, and whatever that excludes may allocate: interrupt handlers and other
///   cores, but not NMI or HardFault handlers.
///
/// # Collections in a heap of their own
///
/// With the feature `allocator-api2`, a reference to a heap is an `Allocator` of the crate of that name, whose `Vec` and `Box` take it,
/// and `hashbrown`'s maps.
///
/// # Requests that cannot be served
///
/// They return null, and the heap is as it was.
///
/// # The feature `hardened`
///
/// The program is stopped, by a panic that does not unwind and names the block, at the next call that touches what was misused:
///
/// - a block is freed or resized that is none, was freed already, or has another layout;
/// - bytes past the end of a block were written to: found when it is freed or resized;
/// - bytes of a free block were written to: found when they are handed out again, at the latest.
///
/// Not found is what leaves no trace: reading, writing far from the blocks one owns, a pointer used once its memory is another
/// live block. A pointer that is none of this heap's is not followed unless it lies between the lowest and the highest
/// address of its memory. After misuse was found, the panic hook may allocate: it gets fresh memory.
///
/// A block takes 20 to 35 bytes more on 32-bit targets, 40 to 71 on 64-bit ones, and its alignment
/// besides if that is larger than four words. `alloc` and `dealloc` become O(size), and `realloc` moves the block almost always.
/// A strategy from elsewhere must keep to the first two words of a free block.
pub struct Heap<A, S = DefaultSource> {
    parts: Lock<Parts<A, S>>,
}

impl<A: Strategy> Heap<A, DefaultSource> {
    /// An empty heap over this target's own source of memory.
    pub const fn new() -> Self {
        Self::with_source(DefaultSource::new())
    }
}

impl<A: Strategy> Default for Heap<A, DefaultSource> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Strategy, S> Heap<A, S> {
    /// An empty heap over `source`.
    pub const fn with_source(source: S) -> Self {
        Self { parts: Lock::new(Parts { strategy: Guarded::<A>::EMPTY, source, usage: Usage::NONE }) }
    }
}

impl<A: Strategy> Heap<A, ClaimedRegions> {
    /// Hands a region of memory over to the heap for good and returns how many of its bytes are usable.
    ///
    /// Call it once for each bank of RAM, in ascending order of address. Any start and length will do, however
    /// unaligned or tiny: what is left after trimming both ends to multiples of
    /// [`GRANULE`](crate::address::GRANULE) is used, and that may be 0 bytes. What was claimed last is used first.
    ///
    /// It takes the place of `init` of other crates, and unlike there, forgetting it or a region that is too small is an `alloc` that
    /// returns null, not a panic:
    ///
    /// ```ignore
    /// #[global_allocator]
    /// static HEAP: FreeListAllocator = FreeListAllocator::new();       // was: LlffHeap::empty()
    ///
    /// static mut MEMORY: [MaybeUninit<u8>; 16384] = [MaybeUninit::uninit(); 16384];
    /// let _ = unsafe { HEAP.claim((&raw mut MEMORY).cast(), 16384) };  // was: HEAP.init(&raw mut MEMORY as usize, 16384)
    /// ```
    ///
    /// # Errors
    ///
    /// [`ClaimError`] if the region starts below the end of one that this heap claimed before; nothing is done then.
    ///
    /// # Safety
    ///
    /// - From now on, the region is valid for reads and writes, and nothing but this heap uses it.
    /// - On bare metal without the feature `critical-section`, the heap has no lock: while one context is in it,
    ///   no interrupt handler and no other core may allocate or free there.
    pub unsafe fn claim(&self, start: *mut u8, len: usize) -> Result<usize, ClaimError> {
        // SAFETY: the caller's promise.
        self.parts.with(|parts| unsafe { parts.source.claim(start, len) })
    }
}

impl<A: Strategy, S: PageSource> Heap<A, S> {
    /// One call of the allocator.
    #[inline(always)]
    fn call<R>(&self, work: impl FnOnce(&mut Parts<A, S>) -> R) -> R {
        #[cfg(not(feature = "hardened"))]
        return self.parts.with(work);
        #[cfg(feature = "hardened")]
        {
            let (result, misuse) = self.parts.with(|parts| (work(parts), parts.strategy.misuse()));
            if let Some(misuse) = misuse {
                misuse.stop();
            }
            result
        }
    }

    /// Calls `visit` with every free piece of memory, the rest of the current region among them, in no particular
    /// order. O(number of pieces). For tests and diagnosis.
    ///
    /// # Safety
    ///
    /// `visit` does not use this heap: where it is the global allocator, it does not allocate.
    pub unsafe fn visit_free(&self, visit: impl FnMut(Region)) {
        // SAFETY: the heap has one source, and `visit` does not come back here.
        self.parts.with(|parts| unsafe { parts.strategy.visit_free(&parts.source, visit) })
    }
}

/// What is used and what is free, with the feature `stats`. It counts the sizes that are asked for: what rounding and alignment
/// take is neither used nor free.
#[cfg(feature = "stats")]
impl<A: Strategy, S: PageSource> Heap<A, S> {
    /// The bytes in live blocks. O(1).
    pub fn used(&self) -> usize {
        self.parts.with(|parts| parts.usage.now)
    }

    /// The most bytes that have been in live blocks at once. O(1).
    pub fn high_water_mark(&self) -> usize {
        self.parts.with(|parts| parts.usage.most)
    }

    /// The bytes that are free, regions that the source still keeps for this heap among them, with what a strategy will need of these for
    /// itself. What a source can grow by is not. O(number of free pieces).
    pub fn free(&self) -> usize {
        self.fold_free(|sum, bytes| sum + bytes)
    }

    /// The bytes of the largest free piece. A request of that size will be served, unless its alignment is larger than
    /// [`GRANULE`](crate::address::GRANULE), the strategy does not split blocks, or it needs some of a region that waits for
    /// itself; free blocks that touch and will be merged when needed still count as several. O(number of free pieces).
    pub fn largest_free_block(&self) -> usize {
        self.fold_free(usize::max)
    }

    fn fold_free(&self, join: impl Fn(usize, usize) -> usize) -> usize {
        self.parts.with(|Parts { strategy, source, .. }| {
            let mut all = 0;
            let mut visit = |region: Region| all = join(all, region.len());
            source.visit_waiting(&mut visit);
            // SAFETY: the heap has one source, and `visit` does not come back here.
            unsafe { strategy.visit_free(source, &mut visit) };
            all
        })
    }
}

// SAFETY: `Strategy` promises what `GlobalAlloc` asks for: blocks of the layout, disjoint, or null. Nothing
// here or there panics, or unwinds if it does. `Lock` hands out one `&mut` at a time.
unsafe impl<A: Strategy, S: PageSource> GlobalAlloc for Heap<A, S> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.call(|Parts { strategy, source, usage }| {
            // SAFETY: the caller's promise, and the heap has one source.
            let addr = unsafe { strategy.alloc(source, layout.size(), layout.align()) };
            if addr != 0 {
                usage.change(0, layout.size());
            }
            source.at(addr)
        })
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        self.call(|Parts { strategy, source, usage }| {
            usage.change(layout.size(), 0);
            // SAFETY: the caller's promise.
            unsafe { strategy.dealloc(source, ptr.addr(), layout) }
        })
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.call(|Parts { strategy, source, usage }| {
            let last = source.last();
            // SAFETY: the caller's promise, and the heap has one source.
            let addr = unsafe { strategy.alloc(source, layout.size(), layout.align()) };
            let ptr = source.at(addr);
            if addr != 0 {
                usage.change(0, layout.size());
                let mut dirty = layout.size();
                if S::ZEROED && cfg!(not(feature = "hardened")) {
                    // What was fetched for this block is zero, but for the words of a free block that it may have been for a moment.
                    dirty = dirty.min(last.saturating_sub(addr).saturating_add(1).max(GRANULE));
                }
                // SAFETY: a block of `layout.size()` bytes that is nobody's yet.
                unsafe { ptr.write_bytes(0, dirty) };
            }
            ptr
        })
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        self.call(|Parts { strategy, source, usage }| {
            // SAFETY: the caller's promise.
            let addr = unsafe { strategy.realloc(source, ptr.addr(), layout, new_size) };
            if addr != 0 {
                usage.change(layout.size(), new_size);
            }
            source.at(addr)
        })
    }
}
