//! What the programs have in common: which strategy they use, and where they run.
//!
//! Each program in `src/bin` is whole in itself. What lies here is what differs between the machines.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod machine;

#[cfg(feature = "bounded")]
pub use lite_alloc::single_threaded::BoundedFreeListAllocator as Allocator;
#[cfg(feature = "bump")]
pub use lite_alloc::single_threaded::BumpFreeListAllocator as Allocator;
#[cfg(not(any(feature = "bounded", feature = "bump", feature = "segregated")))]
pub use lite_alloc::single_threaded::FreeListAllocator as Allocator;
#[cfg(feature = "segregated")]
pub use lite_alloc::single_threaded::SegregatedBumpAllocator as Allocator;

pub use machine::{entry, start_timer, stop_timer};
pub use semihosting::{print, println};

/// Ends the program and QEMU.
pub fn exit() -> ! {
    semihosting::process::exit(0)
}
