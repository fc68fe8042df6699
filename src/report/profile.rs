//! Live bytes over time.

use super::Rectangle;
use crate::{Placement, PlanView};

/// Live bytes from a step on, up to the next point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivePoint {
    /// The step.
    pub step: u32,
    /// Bytes covered by live tensors and scratch; bytes that they share count once.
    pub live: u64,
    /// End of the highest of them.
    pub top: u64,
}

/// The points at which the live bytes of an arena or the highest end change, by step.
#[must_use]
pub fn live_bytes(view: &PlanView<'_>) -> Vec<LivePoint> {
    let pieces = view.rows.iter().flat_map(|row| row.pieces().map(|live| Placement { live, ..row.place }));
    points_of_placements(pieces)
}

/// The points of these rectangles.
pub(super) fn points_of<'a>(rectangles: impl IntoIterator<Item = &'a Rectangle>) -> Vec<LivePoint> {
    points_of_placements(rectangles.into_iter().map(|rectangle| rectangle.place))
}

/// The points at which live bytes or the highest end change, in ascending order of steps; the first
/// point is at step 0 if anything is live there. O(n log n), independent of the number of steps.
fn points_of_placements(places: impl Iterator<Item = Placement>) -> Vec<LivePoint> {
    let places: Vec<Placement> = places.filter(|place| place.bytes > 0 && place.live.steps() > 0).collect();
    let mut heights: Vec<u64> = places.iter().flat_map(|place| [place.offset, place.end()]).collect();
    heights.sort_unstable();
    heights.dedup();
    let mut changes: Vec<(u32, bool, u64, u64)> = Vec::new();
    for place in &places {
        changes.push((place.live.start, true, place.offset, place.end()));
        changes.push((place.live.end, false, place.offset, place.end()));
    }
    changes.sort_unstable();
    let mut covered = LoadTree::new(&heights);
    let mut points: Vec<LivePoint> = Vec::new();
    for (i, &(step, begins, bottom, top)) in changes.iter().enumerate() {
        covered.change(bottom, top, if begins { 1 } else { -1 });
        if changes.get(i + 1).is_none_or(|next| next.0 > step) {
            let (live, top) = covered.all();
            if points.last().is_none_or(|last| (last.live, last.top) != (live, top)) {
                points.push(LivePoint { step, live, top });
            }
        }
    }
    points
}

/// The steps at which a number of bytes by step changes, and its new value; it is 0 after the last step.
pub(super) fn changes(bytes: &[u64]) -> impl Iterator<Item = (u32, u64)> {
    let mut last = None;
    let all = (0..).zip(bytes.iter().copied().chain([0]));
    all.filter(move |&(_, bytes)| last.replace(bytes) != Some(bytes))
}

/// Bytes covered by a changing set of intervals: a segment tree over their ends (Bentley, Algorithms
/// for Klee's rectangle problems, 1977).
struct LoadTree<'a> {
    heights: &'a [u64],
    nodes: Vec<CoverageNode>,
}

#[derive(Clone, Copy, Default)]
struct CoverageNode {
    /// Number of intervals that cover the whole node, but not its whole parent.
    whole: i32,
    bytes: u64,
    /// End of the highest covered byte; 0 if none is covered.
    top: u64,
}

impl<'a> LoadTree<'a> {
    fn new(heights: &'a [u64]) -> Self {
        let leaves = heights.len().saturating_sub(1).next_power_of_two();
        Self { heights, nodes: vec![CoverageNode::default(); 2 * leaves] }
    }

    fn all(&self) -> (u64, u64) {
        let root = self.nodes[1];
        (root.bytes, root.top)
    }

    fn change(&mut self, bottom: u64, top: u64, by: i32) {
        let index = |height| self.heights.partition_point(|&end| end < height);
        let (from, to) = (index(bottom), index(top));
        // An interval that ends at `u64::MAX` by saturation may be empty.
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

    fn counted(&self, node: usize, start: usize, end: usize) -> CoverageNode {
        let whole = self.nodes[node].whole;
        if whole > 0 {
            // A covered node lies between two interval ends, so both bounds are in `heights`.
            let (bottom, top) = (self.heights[start], self.heights[end]);
            return CoverageNode { whole, bytes: top - bottom, top };
        }
        match (self.nodes.get(2 * node), self.nodes.get(2 * node + 1)) {
            (Some(low), Some(high)) => {
                CoverageNode { whole, bytes: low.bytes + high.bytes, top: low.top.max(high.top) }
            }
            _ => CoverageNode { whole, bytes: 0, top: 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::BufferKind;

    fn rectangle(offset: u64, bytes: u64, live: std::ops::Range<u32>) -> Rectangle {
        let place = Placement { offset, bytes, live: live.into() };
        let (name, kind) = (String::new(), BufferKind::Intermediate);
        let occupant = crate::Occupant::Tensor(crate::TensorId::new(0));
        Rectangle { name, kind, operator: None, occupant, memory: 0, place, shown_at: Some(offset) }
    }

    #[test]
    fn shared_bytes_count_once() {
        let rectangles =
            [rectangle(0, 8, 0..2), rectangle(4, 8, 1..3), rectangle(20, 4, 5..6), rectangle(0, 0, 0..9)];
        let point = |step, live, top| LivePoint { step, live, top };
        let expected = [
            point(0, 8, 8),
            point(1, 12, 12),
            point(2, 8, 12),
            point(3, 0, 0),
            point(5, 4, 24),
            point(6, 0, 0),
        ];
        assert_eq!(points_of(&rectangles), expected);
        assert_eq!(points_of(&[]), []);
        assert_eq!(
            points_of(&[rectangle(0, u64::MAX, 0..u32::MAX), rectangle(u64::MAX, 9, 0..1)])[0].live,
            u64::MAX
        );
    }

    /// Compares with a count of every byte at every step.
    #[test]
    fn covered_bytes_are_those_counted_one_by_one() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            let mut draw = || {
                let start = random.u32(0..12);
                rectangle(random.u64(0..30), random.u64(0..12), start..start + random.u32(0..8))
            };
            let rectangles: Vec<Rectangle> = (0..9).map(|_| draw()).collect();
            let points = points_of(&rectangles);
            for step in 0..20 {
                let is_covered = |byte: u64| {
                    let covers = |place: Placement| place.offset <= byte && byte < place.end();
                    rectangles.iter().any(|other| other.place.live.contains(step) && covers(other.place))
                };
                let live = (0..50).filter(|&byte| is_covered(byte)).count() as u64;
                let top = (0..50).rev().find(|&byte| is_covered(byte)).map_or(0, |byte| byte + 1);
                let point = points.iter().rev().find(|point| point.step <= step);
                assert_eq!(point.map_or((0, 0), |point| (point.live, point.top)), (live, top));
            }
        }
    }
}
