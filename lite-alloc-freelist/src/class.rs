//! Which bin a size belongs to.

use lite_alloc_core::address::{COUNTS_ZEROS, GRANULE};

/// Whether memory is a certain amount of RAM: there is not much of it, and all of it is there from the start.
pub const BARE_METAL: bool = cfg!(all(target_os = "none", not(target_family = "wasm")));

/// How many classes a doubling of the size is divided into, as a power of two.
///
/// The finer the classes, the more often the first block of a bin is just right. On a 32-bit target, with 4, every size below
/// 256 bytes has a class to itself, and the bins take 1860 bytes; with 3, every size below 128 bytes has one.
const MANTISSA: u32 = if BARE_METAL { 3 } else { 4 };

const GRANULE_BITS: u32 = GRANULE.trailing_zeros();

/// How many classes all sizes would have. The highest is there for numbers that a conversion rounds up to the end of the address space.
const ALL: usize = ((usize::BITS - GRANULE_BITS) << MANTISSA) as usize + 1;

/// How many classes there are.
///
/// On bare metal, blocks of 1920 bytes and more, of which there are not many, share the last one, and the bins take 192 bytes.
pub const CLASSES: usize = if BARE_METAL { 48 } else { ALL };

/// The class of `size`, a multiple of [`GRANULE`] and not 0: below [`CLASSES`], and no lower than that of any lesser size.
///
/// That is the exponent of `size` and the top bits of its mantissa, found in whatever way takes least.
#[inline(always)]
pub fn class_of(size: usize) -> usize {
    let class = if cfg!(target_family = "wasm") {
        by_conversion(size)
    } else if COUNTS_ZEROS {
        by_zeros(size)
    } else {
        by_shifts(size)
    };
    if CLASSES == ALL { class } else { class.min(CLASSES - 1) }
}

/// WebAssembly has an instruction that finds both, the conversion to `f32`. It rounds where a size has more than 24 significant
/// bits, possibly up into the next class, which does no harm: the order stays.
#[inline(always)]
fn by_conversion(size: usize) -> usize {
    const FIRST: u32 = (127 + GRANULE_BITS) << MANTISSA;
    (((size as f32).to_bits() >> (f32::MANTISSA_DIGITS - 1 - MANTISSA)).wrapping_sub(FIRST)) as usize
}

/// As `by_shifts`, in a few instructions.
#[inline(always)]
fn by_zeros(size: usize) -> usize {
    // Sizes below are their own mantissas, not made longer to have the top bit set.
    const FIRST: usize = GRANULE << MANTISSA;
    let zeros = (size | FIRST).leading_zeros();
    let mantissa = size << zeros >> (usize::BITS - 1 - MANTISSA);
    ((FIRST.leading_zeros() - zeros) << MANTISSA) as usize + mantissa
}

/// Leaves those numbers out that no size has. Takes one step for each doubling from there on.
#[inline(always)]
fn by_shifts(size: usize) -> usize {
    let mut mantissa = size / GRANULE;
    let mut class = 0;
    while mantissa >= 2 << MANTISSA {
        mantissa /= 2;
        class += 1 << MANTISSA;
    }
    class + mantissa
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in floating point of more digits than any size has.
    fn reference(size: usize) -> usize {
        let bits = (size as f64).to_bits() >> (52 - MANTISSA);
        bits as usize - ((1023 + GRANULE_BITS as usize) << MANTISSA)
    }

    #[test]
    fn classes_follow_the_definition() {
        let mut last = 0;
        for size in (GRANULE..if cfg!(miri) { 1 << 14 } else { 1 << 20 }).step_by(GRANULE) {
            let class = reference(size);
            assert_eq!(by_conversion(size), class, "size {size}");
            // The same classes, each one more than the last.
            let new = size == GRANULE || class != reference(size - GRANULE);
            last += usize::from(new);
            assert_eq!(by_shifts(size), last, "size {size}");
            assert_eq!(by_zeros(size), last, "size {size}");
            let taken = if cfg!(target_family = "wasm") { class } else { last };
            assert_eq!(class_of(size), taken, "size {size}");
        }
    }

    #[test]
    fn large_sizes_are_in_order() {
        for way in [by_conversion, by_zeros, by_shifts, class_of] {
            for bit in GRANULE_BITS + 1..usize::BITS {
                let power = 1usize << bit;
                assert!(way(power - GRANULE) <= way(power), "2^{bit}");
                assert!(way(power) <= way(power + GRANULE), "2^{bit}");
                assert!(way(power + GRANULE) < ALL - 1, "2^{bit}");
            }
            assert!(way(usize::MAX) < ALL);
        }
        assert!(class_of(isize::MAX as usize & !(GRANULE - 1)) < CLASSES);
        assert!(class_of(usize::MAX) < CLASSES);
    }

    /// Found on a 32-bit host: its exponent was less than the bits of the mantissa, and its class far past the last bin.
    #[test]
    fn the_smallest_size_has_one_of_the_first_classes() {
        assert_eq!([by_conversion, by_zeros, by_shifts].map(|way| way(GRANULE)), [0, 1, 1]);
    }
}
