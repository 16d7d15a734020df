//! Address arithmetic: the one place where addresses and sizes are added and rounded.
//!
//! Nothing here is `unsafe`, and nothing here can overflow: each sum is at most an address that is known to exist,
//! or is a difference. What else is computed on the way to a block stands in [`Frontier::cut`](crate::Frontier::cut).

/// The unit of all block addresses and sizes, in bytes: two words.
///
/// A free block carries its links inside itself, so no block is smaller than this; and because
/// every block starts and ends on a multiple of it, a block can be cut anywhere without leaving a
/// piece that is too small to remember.
pub const GRANULE: usize = 2 * size_of::<usize>();

/// Whether this target has an instruction that counts leading zeros, as far as a program can tell.
///
/// Of Cortex-M, those have it that have atomic instructions, all but the smallest.
pub const COUNTS_ZEROS: bool = cfg!(any(
    target_family = "wasm",
    target_pointer_width = "64",
    all(target_arch = "arm", target_has_atomic = "32"),
));

/// Rounds a size up to whole granules.
///
/// `size` is that of a [`Layout`](core::alloc::Layout), at most `isize::MAX`, so the sum fits.
#[inline(always)]
pub const fn round_up(size: usize) -> usize {
    size.wrapping_add(GRANULE - 1) & !(GRANULE - 1)
}

/// A run of bytes `[start, end)`; empty where both are equal. Both are multiples of [`GRANULE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Address of the first byte.
    pub start: usize,
    /// Address one past the last byte. Never 0, except in the empty region `0..0`.
    pub end: usize,
}

impl Region {
    /// Whatever of `len` bytes from `start` on can hold blocks, which is possibly nothing.
    ///
    /// Both ends move inwards to multiples of [`GRANULE`]. Address 0 is left out, for it is the
    /// null pointer, and so is whatever lies at or past the top of the address space, so that
    /// the end of a block is always a valid address.
    pub const fn usable(start: usize, len: usize) -> Self {
        // Past the end, rounded down, there is at least one byte, so that what lies below can be rounded up.
        let end = start.saturating_add(len) & !(GRANULE - 1);
        if start >= end {
            return Self { start: end, end };
        }
        Self { start: round_up(if start == 0 { 1 } else { start }), end }
    }

    /// The size in bytes.
    pub const fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether there is no byte in it.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// The bits that are zero in an address at `align`, a power of two, but not in all multiples of [`GRANULE`].
///
/// None, up to the alignment of a granule. Where a program asks for no larger ones, the compiler sees that, and all code for
/// padding falls away.
#[inline(always)]
pub const fn mask_of(align: usize) -> usize {
    (align - 1) & !(GRANULE - 1)
}

/// The bytes to skip from `addr` to reach an address that has the bits of `mask` clear: at most `mask`.
///
/// `mask` is an alignment less one; or [`mask_of`] it, if `addr` is a multiple of [`GRANULE`].
#[inline(always)]
pub const fn padding(addr: usize, mask: usize) -> usize {
    addr.wrapping_neg() & mask
}

/// Where a block ends that is the first from `addr` on to have only zeros in the bits of `mask`, and is one byte longer than `mask`, which
/// are its lowest bits.
///
/// If that is past the end of the address space, it wraps around, and is less than `addr`; at the end, it is 0.
#[inline(always)]
pub const fn end_of_next(addr: usize, mask: usize) -> usize {
    (addr.wrapping_add(mask) | mask).wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers around every power of two, from 0 to the largest, where sums might overflow.
    fn edges() -> impl Iterator<Item = usize> + Clone {
        // Pairs of all of them take a minute in Miri.
        (0..usize::BITS).step_by(if cfg!(miri) { 5 } else { 1 }).flat_map(|bit| {
            let power = 1usize << bit;
            [
                power - 1,
                power,
                power.wrapping_add(1),
                power.wrapping_neg(),
                power.wrapping_neg().wrapping_sub(1),
            ]
        })
    }

    #[test]
    fn sizes_are_rounded_up_to_granules() {
        for size in edges().filter(|&size| size <= isize::MAX as usize) {
            let granule = GRANULE as u128;
            assert_eq!(round_up(size) as u128, (size as u128).div_ceil(granule) * granule, "size {size}");
        }
    }

    #[test]
    fn padding_leads_to_the_next_multiple() {
        for addr in edges() {
            for align in (0..usize::BITS).map(|bit| 1usize << bit) {
                let next = |addr: usize| (addr as u128).div_ceil(align as u128) * align as u128;
                assert_eq!(addr as u128 + padding(addr, align - 1) as u128, next(addr), "{addr} at {align}");
                let addr = addr & !(GRANULE - 1);
                let padding = padding(addr, mask_of(align));
                assert_eq!(addr as u128 + padding as u128, next(addr), "{addr} at {align}");
            }
        }
    }

    #[test]
    fn next_block_starts_and_ends_at_multiples_of_its_size() {
        for addr in edges() {
            for size in (0..usize::BITS).map(|bit| 1usize << bit) {
                let end = (addr as u128).next_multiple_of(size as u128) + size as u128;
                let found = end_of_next(addr, size - 1);
                assert_eq!(found, end as usize, "{addr} for {size}");
                assert!(end <= usize::MAX as u128 || found <= addr, "{addr} for {size}");
            }
        }
    }

    #[test]
    fn usable_regions_lie_within_what_was_given() {
        for start in edges() {
            for len in edges() {
                let Region { start: first, end } = Region::usable(start, len);
                let past = start as u128 + len as u128;
                assert!(first % GRANULE == 0 && end % GRANULE == 0 && first <= end);
                if first != end {
                    assert!(first >= start.max(1) && end as u128 <= past, "{start} {len}");
                    // No whole granule is left out at either end.
                    assert!(first - start < GRANULE || start == 0, "{start} {len}");
                    let top = past.min(usize::MAX as u128);
                    assert!(top - (end as u128) < GRANULE as u128, "{start} {len}");
                }
            }
        }
    }
}
