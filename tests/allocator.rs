//! A heap as the allocator of single collections, with the feature `allocator-api2`.
#![cfg(not(feature = "hardened"))]

#[macro_use]
mod common;

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use common::watch::Watch;
use common::{Checked, Kind, MIB, Memory, PAGE, is_filled, layout};
use lite_alloc_core::Heap;

fn collections_live_in_a_heap_of_their_own<K: Kind>() -> Checked {
    let mut memory = Memory::new(MIB);
    let watch = Watch::<true>::new(memory.bytes(), PAGE);
    let heap = Heap::<K::Strategy, _>::with_source(&watch);
    let mut rows = Vec::new_in(&heap);
    for length in 0..100u32 {
        let mut row = Vec::with_capacity_in(1, &heap);
        row.extend(0..length);
        row.shrink_to_fit();
        rows.push(Box::new_in(row, &heap));
    }
    let region = watch.regions()[0];
    for (length, row) in rows.iter().enumerate() {
        assert!(row.iter().copied().eq(0..length as u32));
        assert!(row.is_empty() || (region.start..region.end).contains(&row.as_ptr().addr()));
    }
    assert!(heap.used() >= 100 * 99 / 2 * 4);
    drop(rows);
    assert_eq!(heap.used(), 0);
    // What cannot be had is an error.
    let mut vector = Vec::<u8, _>::new_in(&heap);
    assert!(vector.try_reserve(2 * MIB).is_err());
    vector.push(1);
    assert!(vector.try_reserve(2 * MIB).is_err());
    assert_eq!(vector[..], [1]);
    Ok(())
}
per_strategy!(collections_live_in_a_heap_of_their_own);

/// Whatever the layouts are, before and after: also of size 0, which is no memory, and of another alignment, which no heap resizes to.
fn any_layout_becomes_any_other<K: Kind>() -> Checked {
    let mut memory = Memory::new(4 * MIB);
    let watch = Watch::<false>::new(memory.bytes(), PAGE);
    watch.fill(0xA5);
    let heap = Heap::<K::Strategy, _>::with_source(&watch);
    let heap = &heap;
    let layouts: std::vec::Vec<Layout> = [0, 1, 24, 100, 1000, 70_000]
        .into_iter()
        .flat_map(|size| [1, 8, 256].map(|align| layout(size, align)))
        .collect();
    let check = |block: NonNull<[u8]>, layout: Layout| {
        assert_eq!(block.len(), layout.size());
        assert_eq!(block.cast::<u8>().addr().get() % layout.align(), 0);
        block.cast::<u8>()
    };
    for &old in &layouts {
        for &new in &layouts {
            for zeroed in [false, true] {
                // SAFETY: blocks are freed and resized once, with the layouts that they have, and written to within them.
                unsafe {
                    let block = check(heap.allocate(old).unwrap(), old);
                    block.write_bytes(7, old.size());
                    let resized = if new.size() < old.size() {
                        heap.shrink(block, old, new)
                    } else if zeroed {
                        heap.grow_zeroed(block, old, new)
                    } else {
                        heap.grow(block, old, new)
                    };
                    let block = check(resized.unwrap(), new);
                    let bytes = core::slice::from_raw_parts(block.as_ptr(), old.size().min(new.size()));
                    assert!(is_filled(bytes, 7), "{old:?} became {new:?}");
                    if zeroed && new.size() > old.size() {
                        let rest = block.as_ptr().add(old.size());
                        let bytes = core::slice::from_raw_parts(rest, new.size() - old.size());
                        assert!(is_filled(bytes, 0), "{old:?} became {new:?}");
                    }
                    heap.deallocate(block, new);
                    let block = check(heap.allocate_zeroed(new).unwrap(), new);
                    assert!(is_filled(core::slice::from_raw_parts(block.as_ptr(), new.size()), 0));
                    block.write_bytes(9, new.size());
                    heap.deallocate(block, new);
                    assert_eq!(heap.used(), 0);
                }
            }
        }
    }
    Ok(())
}
per_strategy!(any_layout_becomes_any_other);
