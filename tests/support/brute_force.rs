//! The minimum height of a packing, by trying every placement order.

use plimsoll::{Buffer, Problem};

/// Stacks the free buffers in every order. Each buffer gets the lowest offset that is not below the
/// end of an earlier buffer with an overlapping live range, and that avoids fixed buffers and
/// reserved ranges. Some order gives the optimum: take an optimal packing, sort it by offset, and
/// drop each buffer in turn; no buffer ends up higher than it was.
pub fn lowest_height(problem: &Problem) -> u64 {
    let free: Vec<usize> = (0..problem.buffers().len())
        .filter(|&i| problem.buffers()[i].fixed_offset().is_none() && problem.buffers()[i].size() > 0)
        .collect();
    let fixed = problem.buffers().iter().filter_map(|buffer| Some((buffer, buffer.fixed_offset()?)));
    let floor = fixed.map(|(buffer, offset)| offset + buffer.size()).max().unwrap_or(0);
    let mut offsets = vec![None; problem.buffers().len()];
    let mut best = u64::MAX;
    stack(problem, &free, &mut offsets, floor, &mut best);
    best
}

fn stack(problem: &Problem, free: &[usize], offsets: &mut Vec<Option<u64>>, height: u64, best: &mut u64) {
    if height >= *best {
        return;
    }
    if free.iter().all(|&i| offsets[i].is_some()) {
        *best = height;
        return;
    }
    for &i in free {
        if offsets[i].is_none() {
            let offset = rest(problem, i, offsets);
            offsets[i] = Some(offset);
            stack(problem, free, offsets, height.max(offset + problem.buffers()[i].size()), best);
            offsets[i] = None;
        }
    }
}

fn rest(problem: &Problem, i: usize, offsets: &[Option<u64>]) -> u64 {
    let buffer = &problem.buffers()[i];
    let meets = |other: &Buffer| share_a_step(other, buffer) && other.size() > 0;
    let placed = problem.buffers().iter().zip(offsets).filter(|(other, _)| meets(other));
    let mut offset = placed.filter_map(|(other, offset)| Some((*offset)? + other.size())).max().unwrap_or(0);
    loop {
        offset = offset.next_multiple_of(buffer.alignment());
        let in_the_way = problem.buffers().iter().find_map(|other| {
            let end = other.fixed_offset()? + other.size();
            let clash = meets(other) && other.fixed_offset()? < offset + buffer.size() && offset < end;
            clash.then_some(end)
        });
        let reserved = problem
            .reserved()
            .iter()
            .find(|range| buffer.size() > 0 && range.start < offset + buffer.size() && offset < range.end);
        match in_the_way.or(reserved.map(|range| range.end)) {
            Some(end) => offset = end,
            None => return offset,
        }
    }
}

/// Returns true if both buffers are live at a common step, by trying every step.
pub fn share_a_step(a: &Buffer, b: &Buffer) -> bool {
    let is_live = |buffer: &Buffer, step: u32| {
        let range = buffer.live();
        let in_gap = buffer.gaps().iter().any(|gap| gap.start <= step && step < gap.end);
        range.start <= step && step < range.end && !in_gap
    };
    (a.live().start..a.live().end).any(|step| is_live(a, step) && is_live(b, step))
}
