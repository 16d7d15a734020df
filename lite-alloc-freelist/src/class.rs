//! Which bin a size belongs to.

use lite_alloc_core::address::GRANULE;

/// Whether RAM is scarce.
const BARE_METAL: bool = cfg!(all(target_os = "none", not(target_family = "wasm")));

/// How many classes a doubling of the size is divided into, as a power of two.
///
/// The finer the classes, the more often the first block of a bin is just right. With 4, every size of up to 256 bytes
/// has a class to itself on a 32-bit target, and the bins take 1856 bytes; with 2, that is 64 bytes.
///
/// 32-bit targets other than wasm have 2, for `class_of` there needs a size with more bits than that.
const MANTISSA: u32 =
    if BARE_METAL || !cfg!(any(target_family = "wasm", target_pointer_width = "64")) { 2 } else { 4 };

const GRANULE_BITS: u32 = GRANULE.trailing_zeros();

/// How many classes all sizes would have.
const ALL: usize = ((usize::BITS - GRANULE_BITS) << MANTISSA) as usize;

/// How many classes there are.
///
/// On bare metal, blocks of 448 KiB and more, of which there are few if any, share the last one, and the bins take 256 bytes.
pub const CLASSES: usize = if BARE_METAL { 64 } else { ALL };

/// The class of `size`, a multiple of [`GRANULE`] and not 0: below [`CLASSES`], and no lower than that of any lesser size.
///
/// That is the exponent of `size` and the top bits of its mantissa. WebAssembly has an
/// instruction that finds both, the conversion to `f32`. It rounds where a size has more than 24 significant
/// bits, possibly up into the next class, which does no harm: the order stays.
#[cfg(target_family = "wasm")]
#[inline(always)]
pub fn class_of(size: usize) -> usize {
    const FIRST: u32 = (127 + GRANULE_BITS) << MANTISSA;
    (((size as f32).to_bits() >> (f32::MANTISSA_DIGITS - 1 - MANTISSA)).wrapping_sub(FIRST)) as usize
}

/// The class of `size`, a multiple of [`GRANULE`] and not 0: below [`CLASSES`], and no lower than that of any lesser size.
///
/// That is the exponent of `size` and the top bits of its mantissa.
#[cfg(not(target_family = "wasm"))]
#[inline(always)]
pub fn class_of(size: usize) -> usize {
    const { assert!(MANTISSA <= GRANULE_BITS) };
    let exponent = usize::BITS - 1 - size.leading_zeros();
    // From `1 << MANTISSA` up, for its top bit is always set.
    let mantissa = size >> (exponent - MANTISSA);
    let class = (((exponent as usize) << MANTISSA) + mantissa)
        .wrapping_sub(((GRANULE_BITS + 1) << MANTISSA) as usize);
    if CLASSES == ALL { class } else { class.min(CLASSES - 1) }
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
        let mut size = GRANULE;
        while size < if cfg!(miri) { 1 << 14 } else { 1 << 20 } {
            assert_eq!(class_of(size), reference(size), "size {size}");
            size += GRANULE;
        }
        for bit in GRANULE_BITS..usize::BITS {
            let power = 1usize << bit;
            assert_eq!(class_of(power), ((bit - GRANULE_BITS) << MANTISSA) as usize);
            let below = power - GRANULE;
            if below > 0 {
                assert!(class_of(below) <= class_of(power));
            }
        }
    }

    /// On 32-bit hosts, its exponent was less than the bits of the mantissa, and its class far past the last bin.
    #[test]
    fn the_smallest_size_has_the_first_class() {
        assert_eq!(class_of(GRANULE), 0);
    }

    #[test]
    fn the_largest_size_has_a_class() {
        assert!(class_of(isize::MAX as usize & !(GRANULE - 1)) < CLASSES);
    }
}
