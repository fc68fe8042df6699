//! Free bytes of a pool at each step, as a segment tree with range addition and range minimum.

/// Upper limit of all sums of bytes and costs.
pub(crate) const MAX_BYTES: u64 = 1 << 61;

/// Free bytes by step. Addition to a range of steps and the minimum over a range take O(log steps).
#[derive(Clone, Debug)]
pub(crate) struct FreeBytes {
    leaves: usize,
    /// By node: the minimum over its steps, without additions to nodes above it.
    min: Vec<i64>,
    /// By node with children: the sum added to all of its steps.
    added: Vec<i64>,
}

impl FreeBytes {
    /// A pool of `bytes` free bytes at every step.
    pub(crate) fn new(steps: u32, bytes: u64) -> Self {
        let leaves = (steps as usize).next_power_of_two();
        let bytes = bytes.min(MAX_BYTES) as i64;
        Self { leaves, min: vec![bytes; 2 * leaves], added: vec![0; leaves] }
    }

    /// Adds `bytes` to steps `from..end`.
    pub(crate) fn add(&mut self, from: u32, end: u32, bytes: i64) {
        if from < end {
            self.add_to(1, 0, self.leaves, (from as usize, end as usize), bytes);
        }
    }

    fn add_to(&mut self, node: usize, start: usize, width: usize, range: (usize, usize), bytes: i64) {
        if range.0 <= start && start + width <= range.1 {
            self.min[node] += bytes;
            if let Some(added) = self.added.get_mut(node) {
                *added += bytes;
            }
            return;
        }
        let half = width / 2;
        if range.0 < start + half {
            self.add_to(2 * node, start, half, range, bytes);
        }
        if range.1 > start + half {
            self.add_to(2 * node + 1, start + half, half, range, bytes);
        }
        self.min[node] = self.min[2 * node].min(self.min[2 * node + 1]) + self.added[node];
    }

    /// The minimum over steps `from..end`; `i64::MAX` for an empty range.
    pub(crate) fn min(&self, from: u32, end: u32) -> i64 {
        if from >= end {
            return i64::MAX;
        }
        let (mut left, mut right) = (self.leaves + from as usize, self.leaves + end as usize - 1);
        let (mut low, mut high) = (self.min[left], self.min[right]);
        // The range between both ends is the union of the siblings along the two paths to their common
        // ancestor.
        while left / 2 != right / 2 {
            if left.is_multiple_of(2) {
                low = low.min(self.min[left + 1]);
            }
            if !right.is_multiple_of(2) {
                high = high.min(self.min[right - 1]);
            }
            (left, right) = (left / 2, right / 2);
            (low, high) = (low + self.added[left], high + self.added[right]);
        }
        let mut min = low.min(high);
        while left > 1 {
            left /= 2;
            min += self.added[left];
        }
        min
    }
}

#[cfg(test)]
mod tests {
    use super::FreeBytes;
    use crate::support::random::Random;

    #[test]
    fn least_of_ranges_as_counted() {
        let mut random = Random::new(1);
        let steps = 37;
        let mut left = FreeBytes::new(steps, 1000);
        let mut plain = vec![1000i64; steps as usize];
        for _ in 0..2000 {
            let from = random.below(steps as usize);
            let end = from + 1 + random.below(steps as usize - from);
            let bytes = random.below(200) as i64 - 100;
            left.add(from as u32, end as u32, bytes);
            plain[from..end].iter_mut().for_each(|free| *free += bytes);
            let from = random.below(steps as usize);
            let end = from + 1 + random.below(steps as usize - from);
            assert_eq!(left.min(from as u32, end as u32), *plain[from..end].iter().min().unwrap());
        }
    }
}
