//! Programs that misuse the global allocator, for `tests/misuse.rs`: it calls them once for each case, and each
//! call has to be stopped.
//!
//! Without an argument, they list the cases. With one, they print what the message must contain, and commit the misuse; with a number, they
//! damage free memory at random. The panic hook allocates from the heap that was misused.

#[allow(dead_code)] // This is not all that tests want of it.
#[path = "../common/random.rs"]
mod random;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use std::collections::BTreeMap;
use std::panic;

use random::Random;

#[derive(Clone, Copy)]
pub struct Heaps {
    /// The one that is misused.
    pub heap: &'static (dyn GlobalAlloc + Sync),
    pub other: &'static (dyn GlobalAlloc + Sync),
    /// Whether free blocks lead to each other by their addresses.
    pub by_address: bool,
}

type Case = fn(Heaps);

pub const CASES: &[(&str, Case)] = &[
    ("freed_twice", freed_twice),
    ("freed_twice_when_large", freed_twice_when_large),
    ("freed_twice_with_others_between", freed_twice_with_others_between),
    ("resized_after_free", resized_after_free),
    ("a_pointer_to_the_stack", a_pointer_to_the_stack),
    ("a_pointer_to_nowhere", a_pointer_to_nowhere),
    ("a_block_of_another_heap", a_block_of_another_heap),
    ("a_pointer_into_a_block", a_pointer_into_a_block),
    ("a_misaligned_pointer", a_misaligned_pointer),
    ("a_pointer_to_free_memory", a_pointer_to_free_memory),
    ("wrong_size", wrong_size),
    ("wrong_align", wrong_align),
    ("wrong_size_in_realloc", wrong_size_in_realloc),
    ("one_byte_past_the_end", one_byte_past_the_end),
    ("far_past_the_end_of_an_aligned_block", far_past_the_end_of_an_aligned_block),
    ("past_the_end_after_realloc", past_the_end_after_realloc),
    ("past_the_end_and_resized", past_the_end_and_resized),
    ("before_the_start", before_the_start),
    ("written_after_free", written_after_free),
    ("written_after_free_when_large", written_after_free_when_large),
    ("written_through_a_pointer_from_before_realloc", written_through_a_pointer_from_before_realloc),
    ("written_after_free_and_found_by_realloc", written_after_free_and_found_by_realloc),
    ("free_memory_written", free_memory_written),
    ("list_damaged", list_damaged),
    ("list_damaged_to_lead_to_no_multiple", list_damaged_to_lead_to_no_multiple),
    ("list_damaged_to_lead_to_the_end_of_memory", list_damaged_to_lead_to_the_end_of_memory),
    ("list_damaged_and_split", list_damaged_and_split),
    ("list_damaged_and_sorted", list_damaged_and_sorted),
    ("list_damaged_to_lead_to_the_end_of_the_bins", list_damaged_to_lead_to_the_end_of_the_bins),
    ("written_right_before_a_free_block", written_right_before_a_free_block),
];

/// Where the pointers of a list are that a heap keeps in its free blocks: so far before the block.
const UNIT: usize = 4 * size_of::<usize>();

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

fn get(heaps: Heaps, size: usize, align: usize) -> *mut u8 {
    // SAFETY: no case asks for 0 bytes.
    let ptr = unsafe { heaps.heap.alloc(layout(size, align)) };
    assert!(!ptr.is_null() && ptr.addr() % align == 0);
    // SAFETY: the block is that long.
    unsafe { ptr.write_bytes(1, size) };
    ptr
}

/// What the next message says. It is printed without allocating.
use std::println as expect;

fn expect_twice(ptr: *mut u8, size: usize) {
    expect!("the block of {size} bytes at {ptr:p} is freed or resized after it was freed");
}

fn expect_none(ptr: *mut u8, size: usize, align: usize) {
    expect!("{ptr:p} ({size} bytes, alignment {align}) is freed or resized, but there is no such block");
}

fn expect_overflow(ptr: *mut u8, size: usize, offset: usize) {
    let at = ptr.wrapping_add(offset);
    expect!("the block of {size} bytes at {ptr:p} was written to past its end, at {at:p} (offset {offset})");
}

fn expect_written(ptr: *mut u8, size: usize, offset: usize) {
    let at = ptr.wrapping_add(offset);
    expect!(
        "the block of {size} bytes at {ptr:p} was written to after it was freed, at {at:p} (offset {offset})"
    );
}

// SAFETY of all that follows: it is misuse, and meant to be. The bytes that are written, whosever they are, lie in memory
// that the heap got from its source, and the heap has to find out before it goes astray.
fn dealloc(heaps: Heaps, ptr: *mut u8, size: usize, align: usize) {
    // SAFETY: see above.
    unsafe { heaps.heap.dealloc(ptr, layout(size, align)) };
}

fn write(ptr: *mut u8, offset: isize, byte: u8) {
    // SAFETY: see above.
    unsafe { ptr.offset(offset).write_volatile(byte) };
}

/// Changes a byte whose value chance decides.
fn flip(ptr: *mut u8, offset: isize) {
    // SAFETY: see above.
    write(ptr, offset, unsafe { !ptr.offset(offset).read_volatile() });
}

fn freed_twice(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect_twice(ptr, 24);
    dealloc(heaps, ptr, 24, 8);
    dealloc(heaps, ptr, 24, 8);
}

fn freed_twice_when_large(heaps: Heaps) {
    let ptr = get(heaps, 5000, 64);
    expect_twice(ptr, 5000);
    dealloc(heaps, ptr, 5000, 64);
    dealloc(heaps, ptr, 5000, 64);
}

fn freed_twice_with_others_between(heaps: Heaps) {
    let blocks = [(); 20].map(|()| get(heaps, 40, 8));
    expect_twice(blocks[7], 40);
    for ptr in blocks {
        dealloc(heaps, ptr, 40, 8);
    }
    // Above it, so that it does not take that one's place.
    get(heaps, 40, 8);
    dealloc(heaps, blocks[7], 40, 8);
}

fn resized_after_free(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect_twice(ptr, 24);
    dealloc(heaps, ptr, 24, 8);
    // SAFETY: see above.
    unsafe { heaps.heap.realloc(ptr, layout(24, 8), 100) };
}

fn a_pointer_to_the_stack(heaps: Heaps) {
    #[repr(align(64))]
    struct Local([u8; 64]);
    let mut local = Local([1; 64]);
    let ptr = local.0.as_mut_ptr();
    expect_none(ptr, 24, 8);
    dealloc(heaps, ptr, 24, 8);
    std::hint::black_box(local);
}

fn a_pointer_to_nowhere(heaps: Heaps) {
    for addr in [usize::MAX & !63, 64] {
        let ptr = core::ptr::without_provenance_mut(addr);
        expect_none(ptr, 24, 8);
        dealloc(heaps, ptr, 24, 8);
    }
}

/// With blocks of the misused heap around it, if memory is granted in ascending order.
fn a_block_of_another_heap(heaps: Heaps) {
    get(heaps, 100_000, 8);
    let ptr = get(Heaps { heap: heaps.other, ..heaps }, 24, 8);
    get(heaps, 1_000_000, 8);
    expect_none(ptr, 24, 8);
    dealloc(heaps, ptr, 24, 8);
}

fn a_pointer_into_a_block(heaps: Heaps) {
    let ptr = get(heaps, 500, 8).wrapping_add(128);
    expect_none(ptr, 24, 8);
    dealloc(heaps, ptr, 24, 8);
}

fn a_misaligned_pointer(heaps: Heaps) {
    let ptr = get(heaps, 24, 8).wrapping_add(8);
    expect_none(ptr, 24, 8);
    dealloc(heaps, ptr, 24, 8);
}

/// To what alignment has skipped: a strategy that remembers it has written there.
fn a_pointer_to_free_memory(heaps: Heaps) {
    let ptr = get(heaps, 5000, 8);
    get(heaps, 24, 4096);
    let ptr = ptr.wrapping_add((5000 + size_of::<usize>()).next_multiple_of(UNIT) + UNIT);
    expect_none(ptr, 24, 8);
    dealloc(heaps, ptr, 24, 8);
}

fn expect_wrong(ptr: *mut u8, given: usize, align: usize) {
    expect!(
        "the block at {ptr:p} was allocated with 24 bytes, alignment 8, but is freed or resized as one of {given} \
         bytes, alignment {align}"
    );
}

fn wrong_size(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect_wrong(ptr, 23, 8);
    dealloc(heaps, ptr, 23, 8);
}

fn wrong_align(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect_wrong(ptr, 24, 4);
    dealloc(heaps, ptr, 24, 4);
}

fn wrong_size_in_realloc(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect_wrong(ptr, 32, 8);
    // SAFETY: see above.
    unsafe { heaps.heap.realloc(ptr, layout(32, 8), 64) };
}

fn one_byte_past_the_end(heaps: Heaps) {
    for size in [1, 24, 31, 32, 1000] {
        // Only the last of these is overflown.
        let ptr = get(heaps, size, 8);
        if size == 1000 {
            expect_overflow(ptr, size, size);
            write(ptr, size as isize, 0);
        }
        dealloc(heaps, ptr, size, 8);
    }
}

fn far_past_the_end_of_an_aligned_block(heaps: Heaps) {
    let ptr = get(heaps, 256, 256);
    expect_overflow(ptr, 256, 256 + 3);
    write(ptr, 256 + 3, 0);
    dealloc(heaps, ptr, 256, 256);
}

fn past_the_end_after_realloc(heaps: Heaps) {
    let ptr = get(heaps, 26, 8);
    // SAFETY: the block is live, and has that layout.
    let ptr = unsafe { heaps.heap.realloc(ptr, layout(26, 8), 25) };
    expect_overflow(ptr, 25, 25);
    write(ptr, 25, 1);
    dealloc(heaps, ptr, 25, 8);
}

fn past_the_end_and_resized(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect_overflow(ptr, 24, 24);
    write(ptr, 24, 1);
    // SAFETY: see above.
    unsafe { heaps.heap.realloc(ptr, layout(24, 8), 1000) };
}

fn before_the_start(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect_none(ptr, 24, 8);
    flip(ptr, -1);
    dealloc(heaps, ptr, 24, 8);
}

fn written_after_free(heaps: Heaps) {
    write_after_free(heaps, 24, 5);
}

/// It is the last one before fresh memory, so that any strategy uses it again.
fn written_after_free_when_large(heaps: Heaps) {
    write_after_free(heaps, 3000, 2999);
}

fn write_after_free(heaps: Heaps, size: usize, offset: usize) {
    let ptr = get(heaps, size, 8);
    expect_written(ptr, size, offset);
    dealloc(heaps, ptr, size, 8);
    write(ptr, offset as isize, 0);
    get(heaps, size, 8);
}

fn written_through_a_pointer_from_before_realloc(heaps: Heaps) {
    // One that lies between others, is not merged with what is free, and so is the first of its size.
    let ptr = [(); 20].map(|()| get(heaps, 24, 8))[10];
    expect_written(ptr, 24, 0);
    // SAFETY: the block is live, and has that layout.
    let moved = unsafe { heaps.heap.realloc(ptr, layout(24, 8), 80) };
    assert!(!moved.is_null());
    write(ptr, 0, 1);
    get(heaps, 24, 8);
}

fn written_after_free_and_found_by_realloc(heaps: Heaps) {
    let (freed, live) = (get(heaps, 40, 8), get(heaps, 24, 8));
    expect_written(freed, 40, 30);
    dealloc(heaps, freed, 40, 8);
    write(freed, 30, 0);
    // SAFETY: the block is live, and has that layout.
    unsafe { heaps.heap.realloc(live, layout(24, 8), 40) };
}

/// Memory that was never a program's: it lies behind the block, or is what a power of two has more.
fn free_memory_written(heaps: Heaps) {
    let ptr = get(heaps, 20_000, 8);
    let at = ptr.wrapping_add(25_000);
    expect!("free memory was written to, at {at:p} or right behind it");
    write(at, 0, 1);
    dealloc(heaps, ptr, 20_000, 8);
    get(heaps, 30_000, 8);
}

/// Has the first block of a list lead to `link`, and allocates from that list, after a block of `between` bytes.
fn damage_list(heaps: Heaps, link: usize, between: usize) {
    damage_list_of(heaps, 24, link, between);
    // What the other one leaves may come first.
    for _ in 0..10 {
        get(heaps, 24, 8);
    }
}

/// The same, and leaves it to the caller to allocate blocks of `size` bytes after that.
fn damage_list_of(heaps: Heaps, size: usize, link: usize, between: usize) {
    let ptr = get(heaps, size, 8);
    if heaps.by_address {
        expect!("the list of free blocks leads to {link:#x}");
    } else {
        // It leads to some place in the heap.
        expect!("free memory was written to");
    }
    dealloc(heaps, ptr, size, 8);
    // SAFETY: see above.
    unsafe { ptr.sub(UNIT).cast::<usize>().write_volatile(link) };
    get(heaps, between, 8);
}

fn list_damaged(heaps: Heaps) {
    damage_list(heaps, 0x40, 24);
}

/// Found by review: what LLVM was told of blocks is not so of this one, and it was passed over besides.
fn list_damaged_to_lead_to_no_multiple(heaps: Heaps) {
    damage_list(heaps, 0x41, 24);
}

/// Found by review: where it would end is past the end of the address space.
fn list_damaged_to_lead_to_the_end_of_memory(heaps: Heaps) {
    damage_list(heaps, usize::MAX & !63, 24);
}

/// Found by review: what was cut off belonged in no bin, and was put before the first one.
fn list_damaged_and_split(heaps: Heaps) {
    damage_list_of(heaps, 56, 0x41, 56);
    for size in [24, 56] {
        for _ in 0..10 {
            get(heaps, size, 8);
        }
    }
}

/// Found by review: sorted, it became the frontier, and started where LLVM was told that none does.
fn list_damaged_and_sorted(heaps: Heaps) {
    // A heap whose links are no addresses does not sort.
    damage_list(heaps, 1, if heaps.by_address { 3 << 20 } else { 24 });
}

/// Found by review: where links are numbers, the second one of a block led to what ends a search, which then went on past the memory.
fn list_damaged_to_lead_to_the_end_of_the_bins(heaps: Heaps) {
    let half = usize::BITS / 2;
    damage_list(heaps, if heaps.by_address { 0x41 } else { (1 + half as usize) << half }, 24);
}

/// Behind the words that the list needs, there are two by which the heap knows them.
fn written_right_before_a_free_block(heaps: Heaps) {
    let ptr = get(heaps, 24, 8);
    expect!("free memory was written to, at {:p} or right behind it", ptr.wrapping_sub(UNIT));
    dealloc(heaps, ptr, 24, 8);
    flip(ptr, -1);
    get(heaps, 24, 8);
}

/// A program that goes on writing to blocks it has freed, above all to the words that lists lead by. Not all of that leaves a trace, but the heap
/// does not hang, and live blocks stay what they are. Found so: sizes that lead past the end of the address space, and lists that lead
/// round in circles.
fn damage_at_random(heaps: Heaps, seed: u64) {
    const MANY: usize = 40;
    const NONE: (*mut u8, usize) = (null_mut(), 0);
    let mut random = Random(seed);
    let (mut live, mut freed) = ([NONE; MANY], [NONE; MANY]);
    for _ in 0..3000 {
        let index = random.below(MANY);
        let (ptr, size) = live[index];
        let new = random.size(8000);
        // SAFETY: the block is live, and has that layout; what is written to, see above.
        unsafe {
            if !ptr.is_null()
                && core::slice::from_raw_parts(ptr, size).iter().any(|&byte| byte != index as u8)
            {
                // Not what is expected either.
                println!("a live block was written to");
                std::process::exit(3);
            }
            live[index] = if ptr.is_null() {
                (heaps.heap.alloc(layout(new, 8)), new)
            } else if random.below(5) == 0 {
                (heaps.heap.realloc(ptr, layout(size, 8), new), new)
            } else {
                heaps.heap.dealloc(ptr, layout(size, 8));
                freed[random.below(MANY)] = (ptr, size);
                NONE
            };
            let (ptr, size) = live[index];
            assert!(!ptr.is_null() || size == 0);
            ptr.write_bytes(index as u8, size);
            let (ptr, size) = freed[random.below(MANY)];
            let at = ptr.wrapping_sub(UNIT);
            let whole = |(ptr, size): (*mut u8, usize)| ptr.addr().wrapping_sub(UNIT)..ptr.addr() + size;
            let apart =
                |&other: &_| whole(other).start > ptr.addr() + size || at.addr() > whole(other).end + UNIT;
            if ptr.is_null() || random.below(20) != 0 || !live.iter().all(apart) {
                continue;
            }
            let some = random.below(3000);
            let (other, live) = (freed[index].0.addr().wrapping_sub(UNIT), live[index].0.addr());
            let numbers = [0, some, usize::MAX - some, isize::MAX as usize + some, ptr.addr() + some, live];
            let links =
                [at.addr(), other, some << (usize::BITS / 2) | index, some << (usize::BITS / 2) | some];
            let value = if random.below(2) == 0 { links[random.below(4)] } else { numbers[random.below(6)] };
            let words = if random.below(8) == 0 { (size + UNIT) / size_of::<usize>() } else { 2 };
            at.cast::<usize>().add(random.below(words)).write_volatile(value);
        }
    }
}

/// More misuse, while the program is about to stop: it is not looked for any more, and does no harm, but that a request
/// for memory that it damaged is refused, once.
fn misuse_more() {
    use std::alloc::{alloc, dealloc, realloc};
    let small = layout(24, 8);
    // SAFETY: it is misuse, and meant to be, in memory that the heap got from its source.
    unsafe {
        let ptr = alloc(small);
        ptr.write_bytes(7, 24);
        let moved = realloc(ptr, small, 100);
        assert_eq!(*moved.cast::<[u8; 24]>(), [7; 24]);
        dealloc(moved, layout(100, 8));
        dealloc(moved, layout(100, 8));
        // No block, but memory nevertheless.
        let copy = realloc(moved.add(1), layout(23, 8), 50);
        assert_eq!(*copy.cast::<[u8; 23]>(), [7; 23]);
        // In the first free memory where 2000 bytes fit, and not in the second.
        write(copy, 2000, 0);
        assert!(alloc(layout(2000, 8)).is_null());
        assert!(!alloc(layout(2000, 8)).is_null());
    }
}

/// Allocates from the heap that was misused, and misuses it again, on its own and from another thread, before it prints the message.
fn hook(info: &panic::PanicHookInfo) {
    /// 4 numbers of one digit, 30 of two, 133 of three.
    const LENGTH: usize = 4 + 2 * 30 + 3 * 133;
    let message = info.to_string();
    let work = || {
        misuse_more();
        let mut words: BTreeMap<usize, String> = (0..500).map(|n| (n, n.to_string())).collect();
        words.retain(|n, _| n % 3 == 0);
        words.values().map(String::len).sum::<usize>()
    };
    assert_eq!(work(), LENGTH);
    #[cfg(not(target_family = "wasm"))]
    assert_eq!(std::thread::spawn(work).join().unwrap(), LENGTH);
    eprintln!("{message}\nthe hook is done");
}

pub fn run(heaps: Heaps) {
    let Some(name) = std::env::args().nth(1) else {
        return CASES.iter().for_each(|(name, _)| println!("{name}"));
    };
    panic::set_hook(Box::new(hook));
    println!("{name}");
    match name.parse() {
        Ok(seed) => damage_at_random(heaps, seed),
        Err(_) => CASES.iter().find(|(case, _)| *case == name).expect("there is no such case").1(heaps),
    }
    // The end of this program is not what is expected.
    println!("nothing was found");
}

/// Makes a program of an allocator.
macro_rules! misuse {
    ($allocator:ident, by_address: $by_address:literal) => {
        use lite_alloc::single_threaded::$allocator;

        #[global_allocator]
        static ALLOCATOR: $allocator = $allocator::new();
        static OTHER: $allocator = $allocator::new();

        fn main() {
            cases::run(cases::Heaps { heap: &ALLOCATOR, other: &OTHER, by_address: $by_address });
        }
    };
}
