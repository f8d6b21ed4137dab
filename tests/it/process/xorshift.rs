//! Delays that look random and are the same in every run.

/// A fixed sequence of numbers, so that a failure can be reproduced (Marsaglia's xorshift).
pub(super) struct Xorshift(pub(super) u64);

impl Xorshift {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
