//! Programs: steps that a heap is taken through, and what must hold when they are over.

use lite_alloc_core::address::GRANULE;
use proptest::prelude::prop_assert_eq;

use super::rig::Rig;
use super::watch::Watch;
use super::{Checked, KIB, Kind, Memory, joined, largest};

/// A step of a program, or of somebody else.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Alloc {
        size: usize,
        align: usize,
        zeroed: bool,
    },
    /// Of the blocks that are live, number `block`, modulo how many there are.
    Dealloc {
        block: usize,
    },
    Realloc {
        block: usize,
        size: usize,
    },
    /// Somebody else grows memory.
    Foreign {
        pages: usize,
    },
    /// Memory ends that many pages further on.
    Limit {
        pages: usize,
    },
    /// Memory ends where it ends.
    NoLimit,
    /// Growth fails from now on, or no longer.
    Refuse {
        refuses: bool,
    },
}

/// Takes a heap through one step, with all the checks of the rig.
pub fn take<K: Kind, const ZEROED: bool>(rig: &mut Rig<K, ZEROED>, step: Step) -> Checked {
    let live = rig.live.len();
    match step {
        Step::Alloc { size, align, zeroed } => {
            rig.alloc(size, align, zeroed)?;
        }
        Step::Dealloc { block } if live > 0 => rig.dealloc(block % live)?,
        Step::Realloc { block, size } if live > 0 => {
            rig.realloc(block % live, size)?;
        }
        Step::Foreign { pages } => rig.watch.foreign_growth(pages),
        Step::Limit { pages } => rig.watch.limit_to(pages),
        Step::NoLimit => rig.watch.limit_to(isize::MAX as usize / KIB),
        Step::Refuse { refuses } => rig.watch.refuse(refuses),
        Step::Dealloc { .. } | Step::Realloc { .. } => {}
    }
    Ok(())
}

/// Frees everything and looks at what is left.
pub fn finish<K: Kind, const ZEROED: bool>(rig: &mut Rig<K, ZEROED>) -> Checked {
    rig.dealloc_all()?;
    let watch = rig.watch;
    if K::KEEPS_ALL {
        prop_assert_eq!(
            joined(&rig.free()),
            watch.usable::<K>(),
            "everything is freed, but not everything is free"
        );
    }
    if K::COALESCES {
        // Nothing more to be had: each region, the largest first, is served as one block.
        watch.limit_to(0);
        watch.refuse(false);
        let mut regions = watch.usable::<K>();
        regions.sort_unstable_by_key(|region| core::cmp::Reverse(region.len()));
        for region in regions {
            rig.get(largest(region.len()), 1)?;
        }
    }
    Ok(())
}

/// Runs a program from an empty heap to the end. Regions arrive filled with `fill`.
pub fn run<K: Kind, const ZEROED: bool>(
    memory: &mut Memory,
    page: usize,
    fill: u8,
    program: impl IntoIterator<Item = Step>,
) -> Checked {
    let watch = Watch::<ZEROED>::new(memory.bytes(), page);
    watch.fill(fill);
    let mut rig = Rig::<K, ZEROED>::new(&watch);
    for step in program {
        take(&mut rig, step)?;
    }
    finish(&mut rig)
}

// Programs as bytes, for the fuzzer. Four bytes are a step, whatever they are, so that a byte that is changed changes one
// step, and one that goes missing shifts the others.

/// The bytes of memory that a program in bytes has.
pub const FUZZ_MEMORY: usize = 256 * KIB;

/// A program that is longer than this ends here: each step is checked, which takes time in proportion to what is live.
const MOST_STEPS: usize = 400;

/// Runs a program in bytes: one for the source, then four for each step.
pub fn run_bytes<K: Kind>(memory: &mut Memory, bytes: &[u8]) -> Checked {
    let Some((&source, bytes)) = bytes.split_first() else {
        return Ok(());
    };
    // From 4 granules to 4096.
    let page = GRANULE << (2 + usize::from(source >> 1) % 11);
    let program = bytes.chunks_exact(4).take(MOST_STEPS).filter_map(|bytes| decoded(bytes, page));
    if source & 1 == 0 {
        run::<K, true>(memory, page, 0, program)
    } else {
        run::<K, false>(memory, page, 0xA5, program)
    }
}

/// The step that four bytes stand for; none if its size and alignment make no layout.
fn decoded(bytes: &[u8], page: usize) -> Option<Step> {
    let [what, which, exponent, mantissa] = bytes.try_into().ok()?;
    let size = decoded_size(exponent, mantissa);
    let block = usize::from(which);
    let step = match what % 16 {
        0..6 => {
            let bits = if which < 0xE0 { which % 9 } else { which % (usize::BITS as u8 - 1) };
            let align = 1 << bits;
            core::alloc::Layout::from_size_align(size, align).ok()?;
            Step::Alloc { size, align, zeroed: what & 0x10 != 0 }
        }
        6..10 => Step::Dealloc { block },
        // A layout of any alignment that a live block has.
        10..13 => Step::Realloc { block, size: size.min(isize::MAX as usize / 2) },
        13 => Step::Foreign { pages: 1 + block % 4 },
        14 if which < 0x80 => Step::Limit { pages: block % (1 + FUZZ_MEMORY / page) },
        14 => Step::NoLimit,
        _ => Step::Refuse { refuses: which < 0x40 },
    };
    Some(step)
}

/// 1 to 2^13, each doubling as likely as any other, or now and then anything that a layout may have.
fn decoded_size(exponent: u8, mantissa: u8) -> usize {
    let bits = if exponent < 0xF0 { exponent % 13 } else { exponent % (usize::BITS as u8 - 1) };
    let power = 1usize << bits;
    power + ((power >> 3) * usize::from(mantissa >> 5)) + usize::from(mantissa & 31) % power.min(32)
}
