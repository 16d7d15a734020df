//! What address arithmetic must do, in integers so wide that nothing overflows.

use core::alloc::Layout;

use lite_alloc_core::Frontier;
use lite_alloc_core::address::{GRANULE, Region, mask_of, padding, round_up};
use lite_alloc_core::source::{PageSource, Request};
use proptest::prelude::{prop_assert, prop_assert_eq};

use super::{Checked, holds};

/// Rounding of an address or a size.
pub fn check_rounding(addr: usize, bit: u32) -> Checked {
    let (align, wide) = (1usize << bit, addr as u128);
    prop_assert_eq!(padding(addr, align - 1) as u128, wide.next_multiple_of(align as u128) - wide);
    let start = addr & !(GRANULE - 1);
    let skipped = padding(start, mask_of(align)) as u128;
    prop_assert_eq!(skipped, (start as u128).next_multiple_of(align as u128) - start as u128);
    if addr <= isize::MAX as usize {
        prop_assert_eq!(round_up(addr) as u128, wide.next_multiple_of(GRANULE as u128));
    }
    Ok(())
}

/// The usable part of a region.
pub fn check_usable(start: usize, len: usize) -> Checked {
    let region = Region::usable(start, len);
    let end = (start as u128 + len as u128).min(usize::MAX as u128);
    prop_assert!(region.start <= region.end);
    if region.is_empty() {
        let first = (start.max(1) as u128).next_multiple_of(GRANULE as u128);
        prop_assert!(end < first + GRANULE as u128, "{start:x} + {len:x} has room for a granule");
    } else {
        prop_assert!(region.start != 0 && region.start >= start && region.end as u128 <= end);
        prop_assert!(region.start % GRANULE == 0 && region.end % GRANULE == 0);
        prop_assert!(region.start - start.max(1) < GRANULE);
        prop_assert!(end - (region.end as u128) < GRANULE as u128);
    }
    Ok(())
}

/// A source with one region, wherever that may be: there is no memory, only addresses.
struct Nowhere(Option<Region>);

// SAFETY: the region is returned once, and only as a request allows. It is not memory, but nothing here asks for a pointer.
unsafe impl PageSource for Nowhere {
    const ZEROED: bool = true;

    fn grow(&mut self, request: Request) -> Option<Region> {
        self.0.take_if(|region| {
            (region.start == request.end && region.len() >= request.missing)
                || (region.start != request.end && holds(*region, request.size, request.align()))
        })
    }

    fn at(&self, _: usize) -> *mut u8 {
        panic!("address arithmetic turned an address into a pointer")
    }
}

/// A block cut from what is left of one region, or from another one.
pub fn check_cut(rest: Region, more: Region, layout: Layout) -> Checked {
    let (size, align) = (round_up(layout.size()), layout.align());
    let apart = rest.is_empty() || more.is_empty() || rest.end <= more.start || more.end <= rest.start;
    if size == 0 || !apart {
        return Ok(());
    }
    let joined = Region { start: rest.start, end: if rest.end == more.start { more.end } else { rest.end } };
    let fits = [joined, more].iter().any(|&region| holds(region, size, align));

    let mut frontier = Frontier { top: rest.start, end: rest.end };
    let mut source = Nowhere((!more.is_empty()).then_some(more));
    let Some(cut) = frontier.cut(&mut source, rest.start, size, align - 1) else {
        prop_assert!(!fits, "{layout:?} is refused, with {rest:x?} and {more:x?}");
        prop_assert_eq!((frontier.top, frontier.end), (rest.start, rest.end));
        return Ok(());
    };
    let block = cut.block;
    let spared = [cut.rest, cut.pad].map(|(start, len)| Region { start, end: start + len });
    prop_assert_eq!(block % align, 0);
    let taken = Region { start: block, end: frontier.top };
    prop_assert_eq!(taken.end as u128, block as u128 + size as u128);
    prop_assert!(taken.end <= frontier.end);
    // The block, the rest and what is spared are what there was, and nothing else.
    let mut pieces = vec![taken, frontier.rest()];
    pieces.extend(spared);
    pieces.retain(|piece| !piece.is_empty());
    pieces.sort_unstable_by_key(|piece| piece.start);
    let mut whole = vec![rest];
    whole.extend(source.0.is_none().then_some(more));
    whole.retain(|piece| !piece.is_empty());
    whole.sort_unstable_by_key(|piece| piece.start);
    prop_assert_eq!(super::joined(&pieces), super::joined(&whole));
    Ok(())
}

/// Any of the above, with numbers from bytes.
pub fn run_bytes(bytes: &[u8]) -> Checked {
    let numbers: Vec<usize> = bytes
        .chunks_exact(9)
        .take(5)
        .map(|bytes| {
            let number = u64::from_le_bytes(bytes[1..].try_into().unwrap_or_default()) as usize;
            // As it is, near the top, or near a power of two.
            match bytes[0] {
                kind @ 0..0x40 => number >> (u32::from(kind) % usize::BITS),
                kind @ 0x40..0x80 => usize::MAX - (number >> (u32::from(kind) % usize::BITS)),
                kind => {
                    (1usize << (u32::from(kind) % usize::BITS)).wrapping_add(number % 64).wrapping_sub(32)
                }
            }
        })
        .collect();
    let &[first, second, third, fourth, fifth] = numbers.as_slice() else {
        return Ok(());
    };
    let bit = (fifth % (usize::BITS as usize - 1)) as u32;
    check_rounding(first, bit)?;
    check_usable(first, second)?;
    let rest = Region::usable(first, second);
    for start in [third, rest.end] {
        if let Ok(layout) = Layout::from_size_align(fifth >> 6, 1 << bit) {
            check_cut(rest, Region::usable(start, fourth), layout)?;
        }
        if let Ok(layout) = Layout::from_size_align(fifth, 1) {
            check_cut(rest, Region::usable(start, fourth), layout)?;
        }
    }
    Ok(())
}
