//! The allocator of a measured module, chosen by a feature.
//!
//! The module itself declares it as the global one, as a program would.
#![no_std]

/// Each line: the feature, and the allocator as its documentation tells a single-threaded wasm module to make it.
macro_rules! allocators {
    ($($feature:literal: $type:ty = $value:expr;)*) => {$(
        #[cfg(feature = $feature)]
        pub type Chosen = $type;

        #[cfg(feature = $feature)]
        #[allow(clippy::new_without_default, reason = "it is for a static")]
        pub const fn new() -> Chosen {
            $value
        }
    )*};
}

allocators! {
    "bump": lite_alloc_bump::BumpFreeListAllocator = lite_alloc_bump::BumpFreeListAllocator::new();
    "segregated": lite_alloc_segregated::SegregatedBumpAllocator =
        lite_alloc_segregated::SegregatedBumpAllocator::new();
    "freelist": lite_alloc_freelist::FreeListAllocator = lite_alloc_freelist::FreeListAllocator::new();
    "smallest": lite_alloc_freelist::SmallestFreeListAllocator =
        lite_alloc_freelist::SmallestFreeListAllocator::new();
    "large-heap": lite_alloc_freelist::LargeHeapFreeListAllocator =
        lite_alloc_freelist::LargeHeapFreeListAllocator::new();

    "dlmalloc": dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;
    "lol": lol_alloc::AssumeSingleThreaded<lol_alloc::FreeListAllocator> =
        // SAFETY: the module has one thread.
        unsafe { lol_alloc::AssumeSingleThreaded::new(lol_alloc::FreeListAllocator::new()) };
    "mini": mini_alloc::MiniAlloc = mini_alloc::MiniAlloc::INIT;
    "old-bump": lite_alloc_old::single_threaded::BumpFreeListAllocator =
        lite_alloc_old::single_threaded::BumpFreeListAllocator::new();
    "old-segregated": lite_alloc_old::single_threaded::SegregatedBumpAllocator =
        lite_alloc_old::single_threaded::SegregatedBumpAllocator::new();
    "old-freelist": lite_alloc_old::single_threaded::FreeListAllocator =
        lite_alloc_old::single_threaded::FreeListAllocator::new();
    "rlsf": rlsf::GlobalTlsf = rlsf::GlobalTlsf::new();
    "rlsf-small": rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
    "talc-dynamic": talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
    "talc-claim": talc::cell::TalcSyncCell<talc::wasm::WasmGrowAndClaim, talc::wasm::WasmBinning> =
        talc::cell::TalcSyncCell::new_wasm(talc::wasm::WasmGrowAndClaim);
    "talc-no-realloc": talc::cell::TalcSyncCell<talc::wasm::WasmGrowAndClaim, talc::wasm::WasmBinning> =
        talc::cell::TalcSyncCell::new_wasm(talc::wasm::WasmGrowAndClaim);
    "wee": wee_alloc::WeeAlloc<'static> = wee_alloc::WeeAlloc::INIT;

    "pure-bump": pure_bump::PureBump = pure_bump::PureBump::new();
    "imported": imported::Imported = imported::Imported;
    "stub": stub::Stub = stub::Stub;
    "null": null::Null = null::Null;
    "counting": counting::Counting = counting::Counting;
}

#[cfg(feature = "counting")]
mod counting;
#[cfg(feature = "imported")]
mod imported;
#[cfg(feature = "null")]
mod null;
#[cfg(feature = "pure-bump")]
mod pure_bump;
#[cfg(feature = "stub")]
mod stub;
