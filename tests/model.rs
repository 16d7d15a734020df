//! Random programs against a model: whatever a program does, a heap keeps its promises after every step.

#[macro_use]
mod common;

use common::steps::{Step, run};
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
