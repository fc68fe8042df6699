//! Random decisions drawn from the bytes of a fuzzer; zeros after the end of the bytes.

pub(super) struct FuzzBytes<'a>(pub(super) &'a [u8]);

impl FuzzBytes<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `count`, which is at most 256 and not 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// True in one of `count` cases.
    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) + 1 == count
    }

    /// A size in bytes: usually small, sometimes of up to 64 bits.
    pub(super) fn size(&mut self) -> u64 {
        match self.byte() {
            255 => u64::MAX >> (self.byte() % 64),
            254 => u64::from(self.byte()) << 8,
            small => u64::from(small % 64),
        }
    }
}
