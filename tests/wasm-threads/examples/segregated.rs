//! Threads on `SegregatedBumpAllocator`.

lite_alloc_wasm_threads::threads!(SegregatedBumpAllocator);
