//! How much of a heap is in use, for the feature `stats`.

cfg_if::cfg_if! {
    if #[cfg(feature = "stats")] {
        /// Bytes in live blocks, as they were asked for.
        pub(crate) struct Usage {
            pub(crate) now: usize,
            pub(crate) most: usize,
        }

        impl Usage {
            pub(crate) const NONE: Self = Self { now: 0, most: 0 };

            /// A block of `old` bytes, or none, becomes one of `new` bytes, or none.
            #[inline(always)]
            pub(crate) fn change(&mut self, old: usize, new: usize) {
                // `old` is part of `now`, and live blocks do not overlap, so their sum fits.
                self.now = self.now.wrapping_sub(old).wrapping_add(new);
                self.most = self.most.max(self.now);
            }
        }
    } else {
        /// Nobody wants to know.
        pub(crate) struct Usage;

        impl Usage {
            pub(crate) const NONE: Self = Self;

            #[inline(always)]
            pub(crate) fn change(&mut self, _old: usize, _new: usize) {}
        }
    }
}
