//! The planner of TensorFlow Lite, for comparison.

use plimsoll::{Buffer, Problem};

/// The height that the arena planner of TensorFlow Lite reaches, by its description: it places buffers
/// that are live throughout first, then by size, then by start, each into the smallest hole that
/// is large enough.
pub fn greedy_by_size(problem: &Problem) -> u64 {
    let buffers = problem.buffers();
    let first = buffers.iter().map(|b| b.live().start).min().unwrap_or(0);
    // A buffer is live throughout if it is live at all steps at which a buffer starts.
    let last = buffers.iter().map(|b| b.live().start).max().unwrap_or(0);
    let throughout = |b: &Buffer| b.live().start == first && b.live().end > last;
    let mut order: Vec<usize> = (0..buffers.len()).filter(|&i| buffers[i].size() > 0).collect();
    order.sort_by_key(|&i| {
        let b = &buffers[i];
        let rank = if throughout(b) { (0, 0, 0) } else { (1, u64::MAX - b.size(), b.live().start) };
        (rank, i)
    });
    let mut placed: Vec<(u64, usize)> = Vec::new();
    let mut height = 0;
    for i in order {
        let b = &buffers[i];
        let (mut top, mut hole) = (0, None);
        for &(offset, j) in placed.iter().filter(|&&(_, j)| buffers[j].live().overlaps(b.live())) {
            let start = u64::next_multiple_of(top, b.alignment());
            if start + b.size() <= offset && hole.is_none_or(|(slack, _)| offset - start - b.size() < slack) {
                hole = Some((offset - start - b.size(), start));
            }
            top = top.max(offset + buffers[j].size());
        }
        let offset = hole.map_or(top.next_multiple_of(b.alignment()), |(_, start)| start);
        placed.push((offset, i));
        placed.sort_unstable();
        height = height.max(offset + b.size());
    }
    height
}
