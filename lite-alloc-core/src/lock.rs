//! One context at a time in a heap.

use core::cell::UnsafeCell;

cfg_if::cfg_if! {
    if #[cfg(all(target_family = "wasm", not(target_feature = "atomics")))] {
        /// Nothing: without the `atomics` feature, a wasm module has one thread.
        struct Raw;

        impl Raw {
            const fn new() -> Self {
                Self
            }

            #[inline(always)]
            fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
                work()
            }
        }
    } else if #[cfg(all(target_os = "none", not(target_family = "wasm"), feature = "critical-section"))] {
        /// The `critical-section` of the program: no interrupt, no other core.
        struct Raw;

        impl Raw {
            const fn new() -> Self {
                Self
            }

            #[inline(always)]
            fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
                critical_section::with(|_| work())
            }
        }
    } else if #[cfg(all(target_os = "none", not(target_family = "wasm")))] {
        /// Nothing: whoever gave the heap its memory, which is `unsafe` here, vouched for one context.
        struct Raw;

        impl Raw {
            const fn new() -> Self {
                Self
            }

            #[inline(always)]
            fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
                work()
            }
        }
    } else {
        use core::sync::atomic::{AtomicBool, Ordering};

        /// A flag that whoever finds it set tries again for: an allocator cannot sleep on a lock that may itself
        /// allocate, and wasm's main thread in a browser must not sleep at all.
        struct Raw(AtomicBool);

        impl Raw {
            const fn new() -> Self {
                Self(AtomicBool::new(false))
            }

            fn hold<R>(&self, work: impl FnOnce() -> R) -> R {
                while self.0.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
                    #[cfg(not(target_family = "wasm"))]
                    std::thread::yield_now();
                    #[cfg(target_family = "wasm")]
                    core::hint::spin_loop();
                }
                let result = work();
                self.0.store(false, Ordering::Release);
                result
            }
        }
    }
}

/// A value that one context at a time may use.
pub(crate) struct Lock<T> {
    raw: Raw,
    value: UnsafeCell<T>,
}

// SAFETY: `with` hands out one `&mut T` at a time, for the reason given at the `Raw` of each target.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { raw: Raw::new(), value: UnsafeCell::new(value) }
    }

    /// Runs `work` on the value. It must not come back here.
    #[inline(always)]
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: no other context is in here while `hold` runs its closure; nor is this one a second time, since all
        // that runs inside is the strategy and its source, and a source never calls back.
        self.raw.hold(|| work(unsafe { &mut *self.value.get() }))
    }
}
