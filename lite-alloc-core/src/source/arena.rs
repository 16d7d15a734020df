//! A static array.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

use super::{PageSource, Request};
use crate::address::{GRANULE, Region};

/// An array of `N` bytes in a `static`, ready without a call to initialise it.
///
/// ```
/// use lite_alloc_core::source::Arena;
///
/// static ARENA: Arena<16384> = Arena::new();
/// // static HEAP: FreeListAllocator<&Arena<16384>> = FreeListAllocator::with_source(&ARENA);
/// ```
///
/// Such a heap holds the address of the array, so all of its state is initialised data and takes flash. One over what
/// [`arena!`](crate::arena) declares is all zeros and takes none.
///
/// The array belongs to the first heap that asks; to any other it has nothing to give. All `N` bytes
/// hold blocks; a length that is no multiple of [`GRANULE`] loses the rest.
#[cfg_attr(target_pointer_width = "64", repr(C, align(16)))]
#[cfg_attr(not(target_pointer_width = "64"), repr(C, align(8)))]
pub struct Arena<const N: usize> {
    bytes: UnsafeCell<[u8; N]>,
    /// Whether a heap has the array.
    taken: AtomicBool,
}

// SAFETY: `bytes` is only touched by the one heap that has set `taken`, under that heap's lock.
unsafe impl<const N: usize> Sync for Arena<N> {}

impl<const N: usize> Arena<N> {
    /// An array of zeros.
    ///
    /// Not there on bare metal without the feature `critical-section`, where nothing keeps an interrupt out of
    /// a heap: see [`unshared`](Self::unshared).
    #[cfg(any(not(target_os = "none"), target_family = "wasm", feature = "critical-section"))]
    #[allow(clippy::new_without_default)] // A default would be one more way to have it by value, where it is no use.
    pub const fn new() -> Self {
        // SAFETY: the heap's lock is a real one, or there is one thread.
        unsafe { Self::unshared() }
    }

    /// An array of zeros for a heap that one context uses.
    ///
    /// # Safety
    ///
    /// On bare metal without the feature `critical-section`, heaps have no lock: whatever uses the heap that
    /// draws on this array must not be interrupted by an interrupt handler, and must not run beside another core,
    /// that allocates or frees there too. Elsewhere there is nothing to heed.
    pub const unsafe fn unshared() -> Self {
        Self { bytes: UnsafeCell::new([0; N]), taken: AtomicBool::new(false) }
    }

    fn region(&self) -> Region {
        let start = self.bytes.get().addr();
        Region { start, end: start + N / GRANULE * GRANULE }
    }

    fn take(&self) -> bool {
        cfg_if::cfg_if! {
            if #[cfg(target_has_atomic = "8")] {
                !self.taken.swap(true, Ordering::Relaxed)
            } else {
                // Without compare-and-swap: two heaps may come here at once only if both have a lock, and then
                // it is the same critical section.
                let free = !self.taken.load(Ordering::Relaxed);
                self.taken.store(true, Ordering::Relaxed);
                free
            }
        }
    }
}

// SAFETY: `take` succeeds once, so the region is returned once; it is a `static`, zeroed, and stays where it is.
// Its start is aligned to a granule.
unsafe impl<const N: usize> PageSource for &'static Arena<N> {
    const ZEROED: bool = true;

    fn grow(&mut self, request: Request) -> Option<Region> {
        let region = self.region();
        let fits = request.need(region.start) <= region.len();
        (fits && self.take()).then_some(region)
    }

    fn visit_waiting(&self, mut visit: impl FnMut(Region)) {
        if !self.taken.load(Ordering::Relaxed) {
            visit(self.region());
        }
    }

    #[inline(always)]
    fn at(&self, addr: usize) -> *mut u8 {
        self.bytes.get().cast::<u8>().with_addr(addr)
    }
}

/// Declares a source of memory that is a static array, and that is all zeros itself, as it holds no address.
///
/// ```
/// use lite_alloc_core::arena;
///
/// arena!(Memory: [u8; 16384]);
/// // static HEAP: FreeListAllocator<Memory> = FreeListAllocator::with_source(Memory);
/// ```
///
/// A heap over it takes no space in the binary. Otherwise it is an [`Arena`](crate::source::Arena): the array belongs to the first heap
/// that asks. On bare metal without the feature `critical-section`, declare it as `arena!(unsafe Memory: [u8; 16384])`, and see
/// [`Arena::unshared`](crate::source::Arena::unshared) for what you vouch for. Both forms take a visibility in front.
#[macro_export]
macro_rules! arena {
    ($vis:vis unsafe $name:ident: [u8; $bytes:expr]) => {
        // SAFETY: whoever writes `unsafe` vouches for it.
        $crate::arena!(@ $vis $name, $bytes, unsafe { $crate::source::Arena::unshared() });
    };
    ($vis:vis $name:ident: [u8; $bytes:expr]) => {
        $crate::arena!(@ $vis $name, $bytes, $crate::source::Arena::new());
    };
    (@ $vis:vis $name:ident, $bytes:expr, $new:expr) => {
        /// A static array as a source of memory.
        $vis struct $name;

        impl $name {
            #[inline(always)]
            fn arena() -> &'static $crate::source::Arena<{ $bytes }> {
                static ARENA: $crate::source::Arena<{ $bytes }> = $new;
                &ARENA
            }
        }

        // SAFETY: what a reference to that one arena promises.
        unsafe impl $crate::source::PageSource for $name {
            const ZEROED: bool = true;

            fn grow(&mut self, request: $crate::source::Request) -> Option<$crate::address::Region> {
                $crate::source::PageSource::grow(&mut Self::arena(), request)
            }

            fn visit_waiting(&self, visit: impl FnMut($crate::address::Region)) {
                $crate::source::PageSource::visit_waiting(&Self::arena(), visit)
            }

            #[inline(always)]
            fn at(&self, addr: usize) -> *mut u8 {
                $crate::source::PageSource::at(&Self::arena(), addr)
            }
        }
    };
}
