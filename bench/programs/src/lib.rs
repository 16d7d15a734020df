//! Real programs as one wasm module, with the allocator of the crate `allocators`.
//!
//! The host asks for an input buffer (`input`), fills it, and calls `run_<program>(start, length)` as
//! often as it likes. Each call does the whole work anew and returns a checksum of what came out.

#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: allocators::Chosen = allocators::new();

mod checksum;

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Tells the host why the program is about to stop. Running out of memory is no panic and has no message.
    safe fn panicked(message: *const u8, len: usize);
}

/// Hands out `len` bytes, for good, that the host writes an input to.
#[unsafe(no_mangle)]
pub extern "C" fn input(len: usize) -> *mut u8 {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.to_string();
        panicked(message.as_ptr(), message.len());
    }));
    vec![0; len].leak().as_mut_ptr()
}

/// Exports the function `$program::run` as `run_$program`, for modules with that feature.
macro_rules! program {
    ($program:ident, $feature:literal, $export:ident) => {
        #[cfg(feature = $feature)]
        mod $program;

        /// # Safety
        ///
        /// An input of `len` bytes lies at `start`.
        #[cfg(feature = $feature)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $export(start: *const u8, len: usize) -> u64 {
            // SAFETY: the caller's promise.
            let input = unsafe { core::slice::from_raw_parts(start, len) };
            let text = core::str::from_utf8(input).expect("the input is text");
            let mut checksum = checksum::Checksum::new();
            $program::run(text, &mut checksum);
            checksum.value()
        }
    };
}

program!(index, "index", run_index);
program!(json, "json", run_json);
program!(markdown, "markdown", run_markdown);
program!(rust, "rust", run_rust);
program!(regex, "regex", run_regex);
program!(script, "script", run_script);

#[cfg(feature = "micro")]
mod micro;
