//! Threads on `BumpFreeListAllocator`.

lite_alloc_wasm_threads::threads!(BumpFreeListAllocator);
