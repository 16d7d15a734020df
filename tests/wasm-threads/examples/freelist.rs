//! Threads on `FreeListAllocator`.

lite_alloc_wasm_threads::threads!(FreeListAllocator);
