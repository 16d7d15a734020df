//! The operating system's memory, by way of the standard library.

use std::alloc::{GlobalAlloc, Layout, System};

use super::{PageSource, Request};
use crate::address::{GRANULE, Region};

/// Memory is asked for in chunks of at least this many bytes, which is one call to the system.
const CHUNK: usize = 1 << 20;

/// Chunks of 1 MiB or more from [`std::alloc::System`], on hosts with an operating system.
///
/// This is what lets a program with one of our allocators build and test on the host as it stands.
#[derive(Debug, Default)]
pub struct SystemChunks;

impl SystemChunks {
    /// The source; it has no state.
    pub const fn new() -> Self {
        Self
    }
}

// SAFETY: chunks are disjoint, never freed, and exposed. The last granule of each is left out, so that no two
// regions touch: they are separate allocations and must not be merged.
unsafe impl PageSource for SystemChunks {
    const ZEROED: bool = false;

    fn grow(&mut self, request: Request) -> Option<Region> {
        let bytes = request.size.checked_add(request.align())?.checked_add(GRANULE)?;
        let bytes = bytes.max(CHUNK).checked_next_multiple_of(GRANULE)?;
        let layout = Layout::from_size_align(bytes, GRANULE).ok()?;
        // SAFETY: `bytes` is not 0.
        let chunk = unsafe { System.alloc(layout) };
        if chunk.is_null() {
            return None;
        }
        let start = chunk.expose_provenance();
        Some(Region { start, end: start + (bytes - GRANULE) })
    }
}
