//! Random programs against a model: whatever a program does, a heap keeps its promises after every step.

#[macro_use]
mod common;

use common::random::Random;
use common::rig::Rig;
use common::steps::{Step, run};
use common::watch::Watch;
use common::{Checked, KIB, Kind, MIB, Memory, PAGE, much, property};
use proptest::collection::vec;
use proptest::prelude::*;

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

const MEMORY: usize = much(12 * MIB, 4 * MIB, 4 * MIB);

/// Blocks from 1 byte to 1 MiB, as wasm gives memory: zeroed, in pages of 64 KiB.
fn any_program_keeps_its_blocks<K: Kind>() -> Checked {
    let memory = core::cell::RefCell::new(Memory::new(MEMORY));
    property(160, &vec(steps(20), 1..much(160, 160, 40)), |program| {
        run::<K, true>(&mut memory.borrow_mut(), PAGE, 0, program)
    });
    Ok(())
}
per_strategy!(any_program_keeps_its_blocks);

/// Blocks of up to 512 bytes in memory that arrives dirty, in pages that are small, so that it ends, grows and is
/// interrupted often.
fn any_program_of_small_blocks_on_dirty_pages<K: Kind>() -> Checked {
    let memory = core::cell::RefCell::new(Memory::new(2 * MIB));
    property(160, &vec(steps(9), 1..much(240, 240, 60)), |program| {
        run::<K, false>(&mut memory.borrow_mut(), 4 * KIB, 0xA5, program)
    });
    Ok(())
}
per_strategy!(any_program_of_small_blocks_on_dirty_pages);

/// A large heap merges its free blocks while a program does nothing but free and shrink. In Miri, it would take minutes to fill one.
#[cfg(not(miri))]
fn any_order_in_which_a_large_heap_drops_its_blocks<K: Kind>() -> Checked {
    const BYTES: usize = 10 * MIB;
    let memory = core::cell::RefCell::new(Memory::new(32 * MIB));
    property(much(4, 1, 0) as u32, &any::<u64>(), |seed| {
        let mut memory = memory.borrow_mut();
        let watch = Watch::<true>::new(memory.bytes(), PAGE);
        let mut rig = Rig::<K>::new(&watch);
        let mut random = Random(seed);
        // What makes it large.
        rig.get(16 * MIB, 8)?;
        for _ in 0..2 {
            let mut left = BYTES;
            while left > 0 {
                rig.checks = random.below(16) == 0;
                let size = (1 + random.below(12 * KIB)).min(left);
                rig.get(size, 8)?;
                left -= size;
            }
            let blocks = rig.live.len();
            // In about the order in which they were allocated, for else it is no use to merge them.
            while rig.live.len() > 1 {
                rig.checks = random.below(16) == 0;
                let block = rig.live.len() - 1 - random.below((rig.live.len() - 1).min(30));
                let size = rig.live[block].layout.size();
                if random.below(4) == 0 {
                    rig.realloc(block, size.div_ceil(2))?;
                } else {
                    rig.dealloc(block)?;
                }
            }
            let pieces = rig.free().len();
            // With `hardened`, blocks have other sizes, and sweeps come at other times.
            prop_assert!(
                cfg!(feature = "hardened") || pieces < blocks / 2,
                "{pieces} pieces of {blocks} blocks"
            );
        }
        rig.checks = true;
        rig.dealloc_all()
    });
    Ok(())
}
#[cfg(not(miri))]
per_strategy!(any_order_in_which_a_large_heap_drops_its_blocks: large_heap);
