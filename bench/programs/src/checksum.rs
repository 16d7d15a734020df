//! A checksum that is cheap to compute, so that the time goes to the programs.

/// A running checksum (FNV-1a over words of eight bytes).
pub struct Checksum(u64);

impl Checksum {
    pub fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x100_0000_01b3).rotate_left(23);
    }

    #[cfg_attr(not(feature = "json"), allow(dead_code, reason = "small workloads have no text"))]
    pub fn text(&mut self, text: &str) {
        let (words, rest) = text.as_bytes().as_chunks::<8>();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        for &byte in rest {
            self.number(byte.into());
        }
        self.number(text.len() as u64);
    }

    pub fn value(&self) -> u64 {
        self.0
    }
}
