//! Random programs against a model: whatever a program does, a heap keeps its promises after every step.

#[macro_use]
mod common;

use common::rig::Rig;
use common::watch::Watch;
use common::{Checked, KIB, Kind, MIB, Memory, PAGE, joined, property};
use proptest::collection::vec;
use proptest::prelude::*;

/// A step of a program, or of somebody else.
#[derive(Clone, Debug)]
enum Step {
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

/// 1 byte to `1 << bits`, each doubling as likely as any other.
fn sizes(bits: u32) -> impl Strategy<Value = usize> {
    (0..=bits).prop_flat_map(move |bit| (1usize << bit)..=((2usize << bit) - 1).min(1 << bits))
}

/// 1 byte to 64 KiB, mostly small.
fn aligns() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..=4, 1 => 0..=16].prop_map(|bits| 1usize << bits)
}

fn steps(bits: u32) -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (sizes(bits), aligns(), any::<bool>())
            .prop_map(|(size, align, zeroed)| Step::Alloc { size, align, zeroed }),
        9 => (0usize..1000).prop_map(|block| Step::Dealloc { block }),
        6 => (0usize..1000, sizes(bits)).prop_map(|(block, size)| Step::Realloc { block, size }),
        1 => (1usize..4).prop_map(|pages| Step::Foreign { pages }),
        1 => (0usize..32).prop_map(|pages| Step::Limit { pages }),
        1 => Just(Step::NoLimit),
        2 => proptest::bool::weighted(0.25).prop_map(|refuses| Step::Refuse { refuses }),
    ]
}

/// Runs a program, then frees everything and looks at what is left.
fn run<K: Kind, const ZEROED: bool>(memory: &mut Memory, page: usize, fill: u8, program: &[Step]) -> Checked {
    let watch = Watch::<ZEROED>::new(memory.bytes(), page);
    watch.fill(fill);
    let mut rig = Rig::<K, ZEROED>::new(&watch);
    for step in program {
        let live = rig.live.len();
        match *step {
            Step::Alloc { size, align, zeroed } => {
                rig.alloc(size, align, zeroed)?;
            }
            Step::Dealloc { block } if live > 0 => rig.dealloc(block % live)?,
            Step::Realloc { block, size } if live > 0 => {
                rig.realloc(block % live, size)?;
            }
            Step::Foreign { pages } => watch.foreign_growth(pages),
            Step::Limit { pages } => watch.limit_to(pages),
            Step::NoLimit => watch.limit_to(usize::MAX / PAGE),
            Step::Refuse { refuses } => watch.refuse(refuses),
            Step::Dealloc { .. } | Step::Realloc { .. } => {}
        }
    }
    rig.dealloc_all()?;
    if K::KEEPS_ALL {
        prop_assert_eq!(
            joined(&rig.free()),
            watch.regions(),
            "everything is freed, but not everything is free"
        );
    }
    if K::COALESCES {
        // Nothing more to be had: each region, the largest first, is served as one block.
        watch.limit_to(0);
        watch.refuse(false);
        let mut regions = watch.regions();
        regions.sort_unstable_by_key(|region| core::cmp::Reverse(region.len()));
        for region in regions {
            rig.get(region.len(), 1)?;
        }
    }
    Ok(())
}

const MEMORY: usize = if common::SLOW { 4 * MIB } else { 12 * MIB };

/// Blocks from 1 byte to 1 MiB, as wasm gives memory: zeroed, in pages of 64 KiB.
fn any_program_keeps_its_blocks<K: Kind>() -> Checked {
    let memory = core::cell::RefCell::new(Memory::new(MEMORY));
    property(160, &vec(steps(20), 1..160), |program| {
        run::<K, true>(&mut memory.borrow_mut(), PAGE, 0, &program)
    });
    Ok(())
}
per_strategy!(any_program_keeps_its_blocks);

/// Blocks of up to 512 bytes in memory that arrives dirty, in pages that are small, so that it ends, grows and is
/// interrupted often.
fn any_program_of_small_blocks_on_dirty_pages<K: Kind>() -> Checked {
    let memory = core::cell::RefCell::new(Memory::new(2 * MIB));
    property(160, &vec(steps(9), 1..240), |program| {
        run::<K, false>(&mut memory.borrow_mut(), 4 * KIB, 0xA5, &program)
    });
    Ok(())
}
per_strategy!(any_program_of_small_blocks_on_dirty_pages);
