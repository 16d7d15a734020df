//! Small modules that show what an allocator adds to them.
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: allocators::Chosen = allocators::new();

#[cfg(not(feature = "std"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// A module that hands the allocator to its host.
#[cfg(feature = "exports")]
mod exports {
    use alloc::alloc::{alloc, dealloc};
    use core::alloc::Layout;

    /// # Safety
    ///
    /// The size is not 0, and size and alignment are those of a layout.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn a(size: usize, align: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { alloc(Layout::from_size_align_unchecked(size, align)) }
    }

    /// # Safety
    ///
    /// `ptr` is a live block of that layout.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn d(ptr: *mut u8, size: usize, align: usize) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(ptr, Layout::from_size_align_unchecked(size, align)) }
    }

    /// # Safety
    ///
    /// `ptr` is a live block of that layout, and the new size is not 0.
    #[cfg(feature = "exports-realloc")]
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn r(ptr: *mut u8, size: usize, align: usize, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        unsafe { alloc::alloc::realloc(ptr, Layout::from_size_align_unchecked(size, align), new_size) }
    }
}

/// A module whose blocks have sizes that the compiler knows.
#[cfg(feature = "boxes")]
mod boxes {
    use alloc::boxed::Box;

    /// Exports a constructor and a destructor of `[u32; $words]` on the heap.
    macro_rules! boxed {
        ($words:literal, $new:ident, $drop:ident) => {
            #[unsafe(no_mangle)]
            pub extern "C" fn $new(value: u32) -> Box<[u32; $words]> {
                Box::new([value; $words])
            }

            #[unsafe(no_mangle)]
            pub extern "C" fn $drop(_: Box<[u32; $words]>) {}
        };
    }

    boxed!(2, new_2, drop_2);
    boxed!(5, new_5, drop_5);
    boxed!(16, new_16, drop_16);
    boxed!(100, new_100, drop_100);
}

/// A small program with std: sorts the words of a text and answers with a report.
#[cfg(feature = "program")]
mod program {
    /// # Safety
    ///
    /// A text of `len` bytes lies at `start`.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn report(start: *const u8, len: usize) -> *mut String {
        // SAFETY: the caller's promise.
        let text = unsafe { core::slice::from_raw_parts(start, len) };
        let mut words: Vec<String> =
            text.split(|byte| *byte == b' ').map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        words.sort_unstable();
        let mut report = String::new();
        for (number, word) in words.iter().enumerate() {
            report.push_str(&format!("{number}: {word}\n"));
        }
        Box::into_raw(Box::new(report))
    }

    /// # Safety
    ///
    /// `report` is one that `report` returned.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn free(report: *mut String) {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(report) });
    }
}
