use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;
use lite_alloc_core::source::testing::TestPages;
use lite_alloc_core::{Heap, Strategy, source::PageSource};

fn churn<A: Strategy, S: PageSource>(heap: &Heap<A, S>) {
    let mut seed = 1u64;
    let mut live: Vec<(*mut u8, Layout, u8)> = vec![];
    for i in 0..200000 {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let r = (seed >> 33) as usize;
        unsafe {
            if live.len() < 100 || (r & 1 == 0 && live.len() < 300) {
                let size = 1 + (r >> 8) % (1 << (1 + (r >> 4) % 12));
                let align = 1 << ((r >> 20) % 8);
                let l = Layout::from_size_align(size, align).unwrap();
                let z = r & 6 == 0;
                let p = if z { heap.alloc_zeroed(l) } else { heap.alloc(l) };
                if p.is_null() {
                    continue;
                }
                assert_eq!(p.addr() % align, 0);
                if z {
                    for k in 0..size {
                        assert_eq!(*p.add(k), 0);
                    }
                }
                p.write_bytes(i as u8, size);
                live.push((p, l, i as u8));
            } else {
                let k = (r >> 8) % live.len();
                let (p, l, b) = live.swap_remove(k);
                for j in 0..l.size() {
                    assert_eq!(*p.add(j), b);
                }
                if r & 8 == 0 {
                    let n = 1 + (r >> 12) % 3000;
                    let q = heap.realloc(p, l, n);
                    if q.is_null() {
                        live.push((p, l, b));
                        continue;
                    }
                    for j in 0..l.size().min(n) {
                        assert_eq!(*q.add(j), b);
                    }
                    q.write_bytes(b, n);
                    live.push((q, Layout::from_size_align(n, l.align()).unwrap(), b));
                } else {
                    heap.dealloc(p, l);
                }
            }
        }
    }
}

#[test]
fn churn_all() {
    use lite_alloc::single_threaded::*;
    churn(&BumpFreeListAllocator::new());
    churn(&SegregatedBumpAllocator::new());
    churn(&FreeListAllocator::new());
    fn mem() -> &'static mut [MaybeUninit<u8>] {
        let l = Layout::from_size_align(64 << 20, 65536).unwrap();
        unsafe { core::slice::from_raw_parts_mut(std::alloc::alloc(l).cast(), 64 << 20) }
    }
    let a = TestPages::new(mem(), 65536);
    churn(&BumpFreeListAllocator::with_source(&a));
    println!("bump {}", a.pages());
    let a = TestPages::new(mem(), 65536);
    churn(&SegregatedBumpAllocator::with_source(&a));
    println!("seg {}", a.pages());
    let a = TestPages::new(mem(), 65536);
    churn(&FreeListAllocator::with_source(&a));
    println!("fl {}", a.pages());
}
