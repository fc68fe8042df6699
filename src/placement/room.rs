//! What is left of a pool at each step: a tree of minima.

/// More bytes than all items together have.
pub(crate) const MOST: u64 = 1 << 61;

/// Bytes left at each step. Adding to a range of steps, and the least of one, are
/// O(log steps).
#[derive(Clone, Debug)]
pub(crate) struct Left {
    leaves: usize,
    /// By node: the least of its steps, without what is added to nodes above.
    least: Vec<i64>,
    /// By node: what is added to all of its steps.
    added: Vec<i64>,
}

impl Left {
    pub(crate) fn new(steps: u32, bytes: u64) -> Self {
        let leaves = (steps as usize).next_power_of_two();
        let bytes = bytes.min(MOST) as i64;
        Self { leaves, least: vec![bytes; 2 * leaves], added: vec![0; 2 * leaves] }
    }

    /// Adds to steps `from..end`.
    pub(crate) fn add(&mut self, from: u32, end: u32, bytes: i64) {
        if from < end {
            self.add_to(1, 0, self.leaves, (from as usize, end as usize), bytes);
        }
    }

    fn add_to(&mut self, node: usize, start: usize, width: usize, range: (usize, usize), bytes: i64) {
        if range.0 <= start && start + width <= range.1 {
            self.least[node] += bytes;
            self.added[node] += bytes;
            return;
        }
        let half = width / 2;
        if range.0 < start + half {
            self.add_to(2 * node, start, half, range, bytes);
        }
        if range.1 > start + half {
            self.add_to(2 * node + 1, start + half, half, range, bytes);
        }
        self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]) + self.added[node];
    }

    /// The least of steps `from..end`; all there is if those are none.
    pub(crate) fn least(&self, from: u32, end: u32) -> i64 {
        if from >= end {
            return i64::MAX;
        }
        let (mut left, mut right) = (self.leaves + from as usize, self.leaves + end as usize - 1);
        let (mut low, mut high) = (self.least[left], self.least[right]);
        // What is between both ends comes in with the nodes beside the ways up to where they meet.
        while left / 2 != right / 2 {
            if left.is_multiple_of(2) {
                low = low.min(self.least[left + 1]);
            }
            if !right.is_multiple_of(2) {
                high = high.min(self.least[right - 1]);
            }
            (left, right) = (left / 2, right / 2);
            (low, high) = (low + self.added[left], high + self.added[right]);
        }
        let mut least = low.min(high);
        while left > 1 {
            left /= 2;
            least += self.added[left];
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::Left;
    use crate::support::random::Random;

    #[test]
    fn least_of_ranges_as_counted() {
        let mut random = Random::new(1);
        let steps = 37;
        let mut left = Left::new(steps, 1000);
        let mut plain = vec![1000i64; steps as usize];
        for _ in 0..2000 {
            let from = random.below(steps as usize);
            let end = from + 1 + random.below(steps as usize - from);
            let bytes = random.below(200) as i64 - 100;
            left.add(from as u32, end as u32, bytes);
            plain[from..end].iter_mut().for_each(|one| *one += bytes);
            let from = random.below(steps as usize);
            let end = from + 1 + random.below(steps as usize - from);
            assert_eq!(left.least(from as u32, end as u32), *plain[from..end].iter().min().unwrap());
        }
    }
}
