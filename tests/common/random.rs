//! Random numbers.

/// A small random number generator, the same on every target.
pub struct Random(pub u64);

impl Random {
    /// From 0 up to `bound`, without it.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }

    /// From 1 to `most`, each doubling as likely as any other.
    pub fn size(&mut self, most: usize) -> usize {
        let bits = self.below(1 + most.ilog2() as usize);
        1 + self.below(1 << bits)
    }
}
