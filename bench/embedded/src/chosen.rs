//! The peers, each as its documentation tells a program for microcontrollers to use it.

#[cfg(feature = "null")]
mod null {
    //! Never has memory: what sizes are compared with.

    use core::alloc::{GlobalAlloc, Layout};

    pub struct Chosen;

    impl crate::Allocator for Chosen {
        const NEW: Self = Self;

        unsafe fn init(&self, _: *mut u8, _: usize) {}
    }

    // SAFETY: null is always a valid answer, and there is no block to free.
    unsafe impl GlobalAlloc for Chosen {
        unsafe fn alloc(&self, _: Layout) -> *mut u8 {
            core::ptr::null_mut()
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }
}
#[cfg(feature = "null")]
pub use null::Chosen;

#[cfg(feature = "limit")]
mod limit {
    //! A bump pointer that never frees, for one context: the limit.

    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::Cell;

    pub struct Chosen {
        top: Cell<usize>,
        end: Cell<usize>,
    }

    impl crate::Allocator for Chosen {
        const NEW: Self = Self { top: Cell::new(0), end: Cell::new(0) };

        unsafe fn init(&self, start: *mut u8, len: usize) {
            self.top.set(start.expose_provenance());
            self.end.set(start.addr() + len);
        }
    }

    // SAFETY: blocks lie one behind the other.
    unsafe impl GlobalAlloc for Chosen {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let mask = layout.align() - 1;
            let start = (self.top.get() + mask) & !mask;
            if self.end.get().saturating_sub(start) < layout.size() {
                return core::ptr::null_mut();
            }
            self.top.set(start + layout.size());
            core::ptr::with_exposed_provenance_mut(start)
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
    }
}
#[cfg(feature = "limit")]
pub use limit::Chosen;

#[cfg(feature = "llff")]
pub type Chosen = embedded_alloc::LlffHeap;
#[cfg(feature = "tlsf")]
pub type Chosen = embedded_alloc::TlsfHeap;

#[cfg(any(feature = "llff", feature = "tlsf"))]
impl crate::Allocator for Chosen {
    const NEW: Self = Self::empty();

    unsafe fn init(&self, start: *mut u8, len: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.init(start.expose_provenance(), len) }
    }
}

#[cfg(feature = "emballoc")]
mod emballoc_ {
    //! It contains its memory. Where it is asked for another heap than that of 16 KiB, `HEAP_BYTES` says so.

    const BYTES: usize = match option_env!("HEAP_BYTES") {
        Some(bytes) => match usize::from_str_radix(bytes, 10) {
            Ok(bytes) => bytes,
            Err(_) => panic!("HEAP_BYTES is not a number"),
        },
        None => 16 << 10,
    };

    pub type Chosen = emballoc::Allocator<BYTES>;

    impl crate::Allocator for Chosen {
        const NEW: Self = Self::new();

        unsafe fn init(&self, _: *mut u8, _: usize) {}
    }
}
#[cfg(feature = "emballoc")]
pub use emballoc_::Chosen;

#[cfg(feature = "talc")]
mod talc_ {
    use core::cell::Cell;

    use critical_section::RestoreState;
    use talc::lock_api::{GuardNoSend, RawMutex};
    use talc::source::Manual;

    pub type Chosen = talc::TalcLock<CriticalSection, Manual>;

    /// The critical section as a lock.
    pub struct CriticalSection(Cell<RestoreState>);

    // SAFETY: nothing else runs in a critical section.
    unsafe impl RawMutex for CriticalSection {
        const INIT: Self = Self(Cell::new(RestoreState::invalid()));
        type GuardMarker = GuardNoSend;

        fn lock(&self) {
            // SAFETY: `unlock` releases it.
            self.0.set(unsafe { critical_section::acquire() });
        }

        fn try_lock(&self) -> bool {
            self.lock();
            true
        }

        unsafe fn unlock(&self) {
            // SAFETY: `lock` acquired it.
            unsafe { critical_section::release(self.0.get()) }
        }
    }

    impl crate::Allocator for Chosen {
        const NEW: Self = Self::new(Manual);

        unsafe fn init(&self, start: *mut u8, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { self.lock().claim(start, len) };
        }
    }
}
#[cfg(feature = "talc")]
pub use talc_::Chosen;

#[cfg(feature = "linked-list")]
mod linked_list {
    use core::alloc::Layout;
    use core::ptr::NonNull;

    use linked_list_allocator::Heap;

    use crate::guarded::{Bare, Guarded};

    pub type Chosen = Guarded<Heap>;

    impl Bare for Heap {
        const NEW: Self = Self::empty();

        unsafe fn init(&mut self, start: *mut u8, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { self.init(start, len) }
        }

        fn alloc(&mut self, layout: Layout) -> *mut u8 {
            self.allocate_first_fit(layout).map_or(core::ptr::null_mut(), NonNull::as_ptr)
        }

        unsafe fn dealloc(&mut self, ptr: *mut u8, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.deallocate(NonNull::new_unchecked(ptr), layout) }
        }
    }
}
#[cfg(feature = "linked-list")]
pub use linked_list::Chosen;

#[cfg(feature = "rlsf-small")]
mod rlsf_small {
    use core::alloc::Layout;
    use core::ptr::NonNull;

    use rlsf::Tlsf;

    use crate::guarded::{Bare, Guarded};

    /// Blocks of up to 32 KiB, in four classes for each doubling.
    pub type Chosen = Guarded<Tlsf<'static, u16, u8, 11, 4>>;

    impl Bare for Tlsf<'static, u16, u8, 11, 4> {
        const NEW: Self = Self::new();

        unsafe fn init(&mut self, start: *mut u8, len: usize) {
            // SAFETY: the caller's promise.
            unsafe {
                let region = NonNull::slice_from_raw_parts(NonNull::new_unchecked(start), len);
                self.insert_free_block_ptr(region);
            }
        }

        fn alloc(&mut self, layout: Layout) -> *mut u8 {
            self.allocate(layout).map_or(core::ptr::null_mut(), NonNull::as_ptr)
        }

        unsafe fn dealloc(&mut self, ptr: *mut u8, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.deallocate(NonNull::new_unchecked(ptr), layout.align()) }
        }

        unsafe fn realloc(&mut self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            // SAFETY: the caller's promise.
            unsafe {
                let layout = Layout::from_size_align_unchecked(new_size, layout.align());
                let moved = self.reallocate(NonNull::new_unchecked(ptr), layout);
                moved.map_or(core::ptr::null_mut(), NonNull::as_ptr)
            }
        }
    }
}
#[cfg(feature = "rlsf-small")]
pub use rlsf_small::Chosen;

#[cfg(feature = "buddy")]
mod buddy {
    use core::alloc::Layout;
    use core::ptr::NonNull;

    use buddy_system_allocator::Heap;

    use crate::guarded::{Bare, Guarded};

    pub type Chosen = Guarded<Heap<32>>;

    impl Bare for Heap<32> {
        const NEW: Self = Self::empty();

        unsafe fn init(&mut self, start: *mut u8, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { self.init(start.expose_provenance(), len) }
        }

        fn alloc(&mut self, layout: Layout) -> *mut u8 {
            self.alloc(layout).map_or(core::ptr::null_mut(), NonNull::as_ptr)
        }

        unsafe fn dealloc(&mut self, ptr: *mut u8, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc(NonNull::new_unchecked(ptr), layout) }
        }
    }
}
#[cfg(feature = "buddy")]
pub use buddy::Chosen;

#[cfg(feature = "good-memory")]
mod good_memory {
    use core::alloc::Layout;

    use good_memory_allocator::Allocator;

    use crate::guarded::{Bare, Guarded};

    pub type Chosen = Guarded<Allocator>;

    impl Bare for Allocator {
        const NEW: Self = Self::empty();

        unsafe fn init(&mut self, start: *mut u8, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { self.init(start.expose_provenance(), len) }
        }

        fn alloc(&mut self, layout: Layout) -> *mut u8 {
            // SAFETY: a layout is all that it asks for.
            unsafe { self.alloc(layout) }
        }

        unsafe fn dealloc(&mut self, ptr: *mut u8, _: Layout) {
            // SAFETY: the caller's promise.
            unsafe { self.dealloc(ptr) }
        }

        unsafe fn realloc(&mut self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            // SAFETY: the caller's promise.
            unsafe { self.realloc(ptr, layout, new_size) }
        }
    }
}
#[cfg(feature = "good-memory")]
pub use good_memory::Chosen;
