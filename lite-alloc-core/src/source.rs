//! Where memory comes from.

use crate::address::{GRANULE, Region, mask_of, padding};

cfg_if::cfg_if! {
    if #[cfg(target_family = "wasm")] {
        mod wasm;
        #[cfg(not(target_feature = "atomics"))]
        mod whole;
        pub use wasm::WasmPages;
        #[cfg(not(target_feature = "atomics"))]
        pub use whole::WholeMemory;
        /// The memory source that `new()` uses on this target: wasm's `memory.grow`.
        pub type DefaultSource = WasmPages;
    } else if #[cfg(target_os = "none")] {
        /// The memory source that `new()` uses on this target: none, until regions are claimed.
        pub type DefaultSource = ClaimedRegions;
    } else {
        mod system;
        pub use system::SystemChunks;
        /// The memory source that `new()` uses on this target: the operating system.
        pub type DefaultSource = SystemChunks;
    }
}

mod arena;
mod claimed;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use arena::Arena;
pub use claimed::{ClaimError, ClaimedRegions};

/// What a heap asks a source for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Where the memory that the heap could extend ends; 0 if there is none.
    pub end: usize,
    /// How many bytes from `end` on would do, at least 1.
    pub missing: usize,
    /// How many bytes more the heap would like to have if it is `end` that is extended, 0 if none: a hint. A source adds as many whole pages as
    /// that is, or none. With what is missing, it is less than the address space has.
    pub ahead: usize,
    /// Size of the block that must fit if the new region starts anywhere else, in bytes.
    pub size: usize,
    /// The bits that must be zero in the address of that block, besides those below [`GRANULE`], which are zero where a
    /// region starts.
    pub mask: usize,
}

impl Request {
    /// The alignment that this asks for in bytes, a power of two, at least [`GRANULE`].
    pub const fn align(&self) -> usize {
        (self.mask | (GRANULE - 1)) + 1
    }

    /// The same block, at an end that can be named now: that of an empty region.
    pub(crate) const fn at_end(self, end: usize) -> Self {
        Self { end, missing: self.need(end), ahead: 0, ..self }
    }

    /// How many bytes a block takes that is cut from `start` on, a multiple of [`GRANULE`]; with what its alignment skips.
    #[inline(always)]
    pub const fn need(&self, start: usize) -> usize {
        padding(start, self.mask) + self.size
    }
}

/// Gives a heap its memory, a region at a time.
///
/// # Safety
///
/// - A region that [`grow`](Self::grow) returns is valid for reads and writes for as long as the
///   source exists, wherever the source itself is moved, and belongs to this source alone: it
///   overlaps no region returned before and nobody else uses it.
/// - It either starts at `request.end` and has `request.missing` bytes or more; or it starts elsewhere and
///   holds a block of `request.size` and `request.align()` by itself; or it starts elsewhere and is too small for
///   that, possibly empty, and the source expects the next request to be for that `end`.
/// - Regions that touch may be used as one: a pointer from [`at`](Self::at) is valid for both.
///   A source that cannot promise this leaves a gap between its regions.
/// - Both ends are multiples of [`GRANULE`], the start is not 0, the
///   end is at most `usize::MAX`.
/// - With [`ZEROED`](Self::ZEROED), the region's bytes are zero.
/// - A region of [`fetch`](Self::fetch) is as one of `grow` that starts elsewhere, for a block of `size` at a multiple of `size`; with
///   [`EVEN`](Self::EVEN), it ends at such a multiple.
/// - No region that was returned before reaches above [`last`](Self::last), and none that is fetched for a block later lies below it, but one
///   of zeros.
/// - No method uses the heap that this source serves: where that is the global allocator, none allocates or frees, not
///   even to format a message. The heap is in the middle of a call then. With a lock, it would wait for itself for
///   ever; without one, it would be corrupted.
/// - On bare metal without the feature `critical-section`, heaps have no lock: whoever makes a value of this type, or gives it memory, vouches
///   in an `unsafe` call or declaration that one context uses its heap.
pub unsafe trait PageSource {
    /// Whether regions arrive filled with zeros, so that `alloc_zeroed` need not clear what is fetched for it.
    const ZEROED: bool;

    /// Fetches memory for the block described by `request`, as little as the source can, or what is asked for `ahead` besides.
    ///
    /// `None` when that cannot be had; the source is then as it was.
    fn grow(&mut self, request: Request) -> Option<Region>;

    /// Whether the regions of [`fetch`](Self::fetch) end at multiples of the size that was asked for.
    const EVEN: bool = false;

    /// Fetches memory for a block of `size` bytes, a power of two, that lies at a multiple of its size: a region of its own, that
    /// such a block fits in.
    ///
    /// `None` when that cannot be had; the source is then as it was.
    fn fetch(&mut self, size: usize) -> Option<Region> {
        let mut request = Request { end: 0, missing: size, ahead: 0, size, mask: mask_of(size) };
        loop {
            let region = self.grow(request)?;
            if !region.is_empty() {
                return Some(region);
            }
            // Nothing yet.
            request = request.at_end(region.end);
        }
    }

    /// The address of the last byte of memory that anybody has: what is fetched from now on lies above, or is all zeros. `usize::MAX` if that is
    /// not known.
    #[inline(always)]
    fn last(&self) -> usize {
        usize::MAX
    }

    /// Takes back what is left of a region that a heap leaves and has no use for.
    ///
    /// The default forgets it.
    #[inline(always)]
    fn give_back(&mut self, _region: Region) {}

    /// Calls `visit` with every region that is set aside for the heap and has not been handed out yet.
    ///
    /// The default knows of none: what it can grow by is not set aside.
    #[inline(always)]
    fn visit_waiting(&self, _visit: impl FnMut(Region)) {}

    /// A pointer to `addr`, an address inside a region of this source, valid for all of it.
    /// Null for 0.
    ///
    /// Heaps keep addresses, not pointers, and come here to touch memory. That is what lets a
    /// block that was freed through a pointer to 16 bytes be merged with its neighbours.
    #[inline(always)]
    fn at(&self, addr: usize) -> *mut u8 {
        core::ptr::with_exposed_provenance_mut(addr)
    }

    /// Hears of a block that a strategy was led to and that is none. Only with the feature `hardened` is there a source that cares.
    #[doc(hidden)]
    #[inline(always)]
    fn damaged(&self, _addr: usize) {}

    /// A pointer to word number `index` of a free block at `addr`.
    ///
    /// # Safety
    ///
    /// The word lies inside a region of this source.
    #[inline(always)]
    unsafe fn word(&self, addr: usize, index: usize) -> *mut usize {
        // SAFETY: in bounds by the caller's promise.
        unsafe { self.at(addr).cast::<usize>().add(index) }
    }
}
