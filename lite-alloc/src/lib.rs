//! Small and fast allocators for WebAssembly and embedded programs.
//!
//! ```
//! use lite_alloc::single_threaded::FreeListAllocator;
//!
//! #[global_allocator]
//! static ALLOCATOR: FreeListAllocator = FreeListAllocator::new();
//!
//! fn main() {
//!     assert_eq!(vec![1, 2, 3].iter().sum::<i32>(), 6);
//! }
//! ```
//!
//! [`FreeListAllocator`](single_threaded::FreeListAllocator) is the one to take if in doubt.
//! [`SegregatedBumpAllocator`](single_threaded::SegregatedBumpAllocator) is for many small objects, and
//! [`BumpFreeListAllocator`](single_threaded::BumpFreeListAllocator) for short-lived work;
//! [`LargeHeapFreeListAllocator`](single_threaded::LargeHeapFreeListAllocator) for heaps of tens of MiB,
//! [`SmallestFreeListAllocator`](single_threaded::SmallestFreeListAllocator) for the least code that merges free memory, and
//! [`BoundedFreeListAllocator`](single_threaded::BoundedFreeListAllocator) for a bound on what each call takes. Their documentation says
//! what each costs and when not to use it.
//!
//! `new()` draws on this target's own memory: `memory.grow` in WebAssembly, the system on hosts, and nothing on bare metal until
//! [`Heap::claim`] is called. [`source`] has others, such as the static array that [`arena!`] declares. [`Heap`] tells what holds for threads
//! and interrupts.
//!
//! Features, all off by default:
//!
//! - `critical-section`: on bare metal, each call is a critical section, and interrupt handlers and other cores may allocate.
//! - `allocator-api2`: a reference to a heap is an `Allocator`, for collections in a heap of their own.
//! - `stats`: a heap tells what is used and what is free.
//! - `hardened`: misuse of a heap stops the program with a message.

#![no_std]

/// The allocators. Each is made for one thread; see [`Heap`] for what guards it where there are more.
pub mod single_threaded {
    pub use lite_alloc_bump::BumpFreeListAllocator;
    pub use lite_alloc_freelist::{
        BoundedFreeListAllocator, FreeListAllocator, LargeHeapFreeListAllocator, SmallestFreeListAllocator,
    };
    pub use lite_alloc_segregated::SegregatedBumpAllocator;
}

pub use lite_alloc_core::{Heap, address, arena, source};
