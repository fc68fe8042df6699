//! Live bytes over time.

use super::Rectangle;
use crate::Placement;

/// From this step on, up to the next point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub step: u32,
    /// Bytes that something live covers; those that tensors share count once.
    pub live: u64,
    /// The end of the highest that is live.
    pub top: u64,
}

/// The points at which live bytes or the highest place in use change, ascending; from step 0
/// on if anything is live. O(n log n), whatever the number of steps.
pub(super) fn of<'a>(rectangles: impl IntoIterator<Item = &'a Rectangle>) -> Vec<Point> {
    let drawn = rectangles.into_iter().filter(|one| !one.is_empty());
    let places: Vec<Placement> = drawn.map(|one| one.place).collect();
    let mut heights: Vec<u64> = places.iter().flat_map(|place| [place.offset, place.end()]).collect();
    heights.sort_unstable();
    heights.dedup();
    let mut changes: Vec<(u32, bool, u64, u64)> = Vec::new();
    for place in &places {
        changes.push((place.live.start, true, place.offset, place.end()));
        changes.push((place.live.end, false, place.offset, place.end()));
    }
    changes.sort_unstable();
    let mut covered = Covered::new(&heights);
    let mut points: Vec<Point> = Vec::new();
    for (i, &(step, begins, bottom, top)) in changes.iter().enumerate() {
        covered.change(bottom, top, if begins { 1 } else { -1 });
        if changes.get(i + 1).is_none_or(|next| next.0 > step) {
            let (live, top) = covered.all();
            if points.last().is_none_or(|last| (last.live, last.top) != (live, top)) {
                points.push(Point { step, live, top });
            }
        }
    }
    points
}

/// Bytes covered by intervals that come and go: a segment tree over their ends (Bentley,
/// Algorithms for Klee's rectangle problems, 1977).
struct Covered<'a> {
    heights: &'a [u64],
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// Intervals that cover all of it, and not all of its parent.
    whole: i32,
    bytes: u64,
    /// The end of the highest covered byte; 0 if none is.
    top: u64,
}

impl<'a> Covered<'a> {
    fn new(heights: &'a [u64]) -> Self {
        let leaves = heights.len().saturating_sub(1).next_power_of_two();
        Self { heights, nodes: vec![Node::default(); 2 * leaves] }
    }

    fn all(&self) -> (u64, u64) {
        let root = self.nodes[1];
        (root.bytes, root.top)
    }

    fn change(&mut self, bottom: u64, top: u64, by: i32) {
        let index = |height| self.heights.partition_point(|&one| one < height);
        let (from, to) = (index(bottom), index(top));
        // What ends at the top of all numbers may be empty.
        if from < to {
            self.change_in(1, 0, self.nodes.len() / 2, (from, to), by);
        }
    }

    fn change_in(&mut self, node: usize, start: usize, end: usize, (from, to): (usize, usize), by: i32) {
        if to <= start || end <= from {
            return;
        }
        if from <= start && end <= to {
            self.nodes[node].whole += by;
        } else {
            let middle = usize::midpoint(start, end);
            self.change_in(2 * node, start, middle, (from, to), by);
            self.change_in(2 * node + 1, middle, end, (from, to), by);
        }
        self.nodes[node] = self.counted(node, start, end);
    }

    fn counted(&self, node: usize, start: usize, end: usize) -> Node {
        let whole = self.nodes[node].whole;
        if whole > 0 {
            // Only intervals cover anything, so both ends are heights.
            let (bottom, top) = (self.heights[start], self.heights[end]);
            return Node { whole, bytes: top - bottom, top };
        }
        match (self.nodes.get(2 * node), self.nodes.get(2 * node + 1)) {
            (Some(low), Some(high)) => {
                Node { whole, bytes: low.bytes + high.bytes, top: low.top.max(high.top) }
            }
            _ => Node { whole, bytes: 0, top: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Kind;

    fn rectangle(offset: u64, bytes: u64, live: std::ops::Range<u32>) -> Rectangle {
        let place = Placement { offset, bytes, live: live.into() };
        Rectangle { name: String::new(), kind: Kind::Intermediate, operator: None, place }
    }

    #[test]
    fn shared_bytes_count_once() {
        let all =
            [rectangle(0, 8, 0..2), rectangle(4, 8, 1..3), rectangle(20, 4, 5..6), rectangle(0, 0, 0..9)];
        let point = |step, live, top| Point { step, live, top };
        let expected = [
            point(0, 8, 8),
            point(1, 12, 12),
            point(2, 8, 12),
            point(3, 0, 0),
            point(5, 4, 24),
            point(6, 0, 0),
        ];
        assert_eq!(of(&all), expected);
        assert_eq!(of(&[]), []);
        assert_eq!(
            of(&[rectangle(0, u64::MAX, 0..u32::MAX), rectangle(u64::MAX, 9, 0..1)])[0].live,
            u64::MAX
        );
    }

    /// Against counting every byte at every step.
    #[test]
    fn covered_bytes_are_those_counted_one_by_one() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            let mut one = || {
                let start = random.u32(0..12);
                rectangle(random.u64(0..30), random.u64(0..12), start..start + random.u32(0..8))
            };
            let all: Vec<Rectangle> = (0..9).map(|_| one()).collect();
            let points = of(&all);
            for step in 0..20 {
                let at = |byte: u64| {
                    let covers = |one: &Rectangle| one.place.offset <= byte && byte < one.place.end();
                    all.iter().any(|one| one.place.live.contains(step) && covers(one))
                };
                let live = (0..50).filter(|&byte| at(byte)).count() as u64;
                let top = (0..50).rev().find(|&byte| at(byte)).map_or(0, |byte| byte + 1);
                let point = points.iter().rev().find(|point| point.step <= step);
                assert_eq!(point.map_or((0, 0), |point| (point.live, point.top)), (live, top));
            }
        }
    }
}
