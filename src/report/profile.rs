//! Live bytes over time.

use super::Rectangle;
use crate::support::coverage::CoverageTree;
use crate::support::events::{Event, events};
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

/// The points of the first memory, which is the arena or the fastest of several memories.
pub(super) fn live_in_first_memory(view: &PlanView<'_>) -> Vec<LivePoint> {
    let rows = view.rows.iter().filter(|row| row.memory.index() == 0);
    points_of_placements(rows.flat_map(|row| row.pieces().map(|live| Placement { live, ..row.place })))
}

/// The points of these rectangles.
pub(super) fn points_of<'a>(rectangles: impl IntoIterator<Item = &'a Rectangle<'a>>) -> Vec<LivePoint> {
    points_of_placements(rectangles.into_iter().map(|rectangle| rectangle.place))
}

/// The points at which live bytes or the highest end change, in ascending order of steps; the first
/// point is at step 0 if anything is live there. O(n log n), independent of the number of steps.
fn points_of_placements(places: impl Iterator<Item = Placement>) -> Vec<LivePoint> {
    let places: Vec<Placement> = places.filter(|place| place.bytes > 0 && place.live.steps() > 0).collect();
    let range = |place: &Placement| (place.offset, place.end());
    let mut covered = CoverageTree::new(places.iter().map(range));
    let events: Vec<Event> = events(places.iter().map(|place| (place.live.start, place.live.end))).collect();
    let mut points: Vec<LivePoint> = Vec::new();
    for simultaneous in events.chunk_by(|first, second| first.step == second.step) {
        for event in simultaneous {
            covered.change(range(&places[event.range]), if event.starts { 1 } else { -1 });
        }
        let (live, top) = covered.covered();
        if points.last().is_none_or(|last| (last.live, last.top) != (live, top)) {
            points.push(LivePoint { step: simultaneous[0].step, live, top });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::BufferKind;

    fn rectangle(offset: u64, bytes: u64, live: std::ops::Range<u32>) -> Rectangle<'static> {
        let place = Placement { offset, bytes, live: live.into() };
        let (name, kind) = ("".into(), BufferKind::Intermediate);
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
            let rectangles: Vec<Rectangle<'_>> = (0..9).map(|_| draw()).collect();
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
