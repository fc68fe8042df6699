//! Walks through time: starts and ends of ranges of steps, sums of weights over time, unions.

use super::sorting::in_time;

/// A start or an end of a range of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) step: u32,
    pub(crate) starts: bool,
    /// Number of the range.
    pub(crate) range: usize,
}

/// The starts and ends of half-open ranges in the order of time. At one step, ends come before starts,
/// because a range that ends there does not contain the step; equal events are in the order of the ranges.
/// O(n log n).
pub(crate) fn events(ranges: impl Iterator<Item = (u32, u32)>) -> impl Iterator<Item = Event> {
    let (starts, ends): (Vec<u32>, Vec<u32>) = ranges.unzip();
    let sorted = |steps: Vec<u32>| in_time(steps.into_iter().zip(0..)).peekable();
    let (mut starts, mut ends) = (sorted(starts), sorted(ends));
    std::iter::from_fn(move || {
        let next_start = starts.peek().map(|&(step, _)| step);
        let end = ends.next_if(|&(step, _)| next_start.is_none_or(|start| step <= start));
        let (step, range) = end.or_else(|| starts.next())?;
        Some(Event { step, starts: end.is_none(), range })
    })
}

/// Sums of the weights of ranges over time.
pub(crate) struct Loads(Vec<u64>);

impl Loads {
    pub(crate) fn new(steps: usize) -> Self {
        Self(vec![0; steps + 1])
    }

    /// Adds `weight` to the steps `start..end`.
    #[inline]
    pub(crate) fn add(&mut self, (start, end): (u32, u32), weight: u64) {
        // The array holds differences, so those of later ends wrap around.
        let [rise, fall] = [start, end].map(|step| step as usize);
        self.0[rise] = self.0[rise].wrapping_add(weight);
        self.0[fall] = self.0[fall].wrapping_sub(weight);
    }

    /// The sum at each step. O(steps).
    pub(crate) fn by_step(mut self) -> Vec<u64> {
        self.0.pop();
        let mut sum = 0u64;
        for load in &mut self.0 {
            sum = sum.wrapping_add(*load);
            *load = sum;
        }
        self.0
    }
}

/// Sorts ranges of steps or bytes, and joins those that overlap or touch. O(n log n).
pub(crate) fn join_ranges<T: Copy + Into<u64>>(ranges: &mut Vec<(T, T)>) {
    super::sorting::sort_by_keys(ranges, |&(start, end)| [start.into(), end.into()]);
    ranges.dedup_by(|next, range| {
        let touch = next.0.into() <= range.1.into();
        if touch && next.1.into() > range.1.into() {
            range.1 = next.1;
        }
        touch
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_come_before_starts_of_the_same_step() {
        let event = |step, starts, range| Event { step, starts, range };
        let expected = [
            event(0, true, 0),
            event(0, true, 2),
            event(2, false, 0),
            event(2, true, 1),
            event(3, false, 1),
            event(5, false, 2),
        ];
        assert_eq!(events([(0, 2), (2, 3), (0, 5)].into_iter()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn loads_add_up_and_ranges_join() {
        let mut loads = Loads::new(4);
        loads.add((0, 4), 1);
        loads.add((1, 3), 10);
        assert_eq!(loads.by_step(), [1, 11, 11, 1]);
        let mut ranges = vec![(4u32, 6), (0, 1), (5, 9), (1, 2)];
        join_ranges(&mut ranges);
        assert_eq!(ranges, [(0, 2), (4, 9)]);
    }
}
