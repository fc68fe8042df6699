//! Rigid groups of an order as buffers of a packing problem, and the load that they imply.

use std::collections::VecDeque;

use bitvec::prelude::{BitSlice, bitvec};

use super::layout::{AliasLayout, OverlapAllowance};
use crate::effects::{RelativeStart, ReusePair, max_saved_bytes, positions_by_input};
use crate::error::Result;
use crate::graph::{Graph, Occupant};
use crate::liveness::Liveness;
use crate::problem::{Buffer, LiveRange, Problem};
use crate::support::ids::{BufferId, TensorId};
use crate::support::sorting::sort_by_keys;

/// The rigid groups of an order: sets of buffers at fixed distances, each packed as one buffer.
#[derive(Clone, Debug)]
pub(crate) struct RigidGroups {
    /// One buffer for each group: the bounding box of its members in bytes and time.
    pub(crate) problem: Problem,
    /// By buffer of the liveness: its group, and its offset from the start of the group.
    pub(crate) position: Vec<(u32, u64)>,
    /// By group: its buffers.
    pub(crate) members: Vec<Vec<BufferId>>,
}

/// The largest load of an order, and a certificate for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    /// Live bytes at the step, each shared byte counted once.
    pub(crate) bytes: u64,
    /// The first step with this load.
    pub(crate) step: u32,
    /// Occupants that are live at the step and have no byte in common.
    pub(crate) causes: Vec<Occupant>,
    /// The sum of the sizes of the causes, in bytes.
    pub(crate) certified: u64,
}

impl RigidGroups {
    /// Computes the groups of a layout. Buffers that share nothing form groups of their own.
    /// O(n log n) for n buffers.
    ///
    /// # Errors
    /// See [`Problem::named`]: fixed offsets of groups may conflict even though those of their
    /// members do not.
    pub(crate) fn new(liveness: &Liveness, layout: &AliasLayout) -> Result<Self> {
        let mut count = layout.group_count;
        let position: Vec<(u32, u64)> = liveness
            .occupants()
            .iter()
            .map(|occupant| match occupant {
                Occupant::Tensor(id) => layout.position[id.index()].unwrap_or((u32::MAX, 0)),
                Occupant::Scratch(_) => (u32::MAX, 0),
            })
            .map(|(group, at)| {
                // Scratch buffers, and tensors without a group, form groups of one buffer.
                if group < u32::MAX {
                    return (group, at);
                }
                count += 1;
                (count - 1, 0)
            })
            .collect();
        let mut members: Vec<Vec<BufferId>> = vec![Vec::new(); count as usize];
        for (id, &(group, _)) in liveness.problem().ids().zip(&position) {
            members[group as usize].push(id);
        }
        let problem = liveness.problem();
        let buffers = members.iter().map(|members| bounding_buffer(problem, members, &position)).collect();
        let largest = |members: &Vec<BufferId>| {
            members.iter().copied().max_by_key(|&id| (problem.buffer(id).size(), std::cmp::Reverse(id)))
        };
        let names =
            members.iter().map(|members| largest(members).map_or_else(String::new, |id| problem.name(id)));
        let problem = Problem::named(buffers, names.collect())?.with_capacity(problem.capacity());
        Ok(Self { problem, position, members })
    }

    /// Offsets of all buffers of the liveness, given the offsets of the groups.
    pub(crate) fn offsets(&self, of_groups: &[u64]) -> Vec<u64> {
        self.position.iter().map(|&(group, at)| of_groups[group as usize] + at).collect()
    }

    /// Returns true if every member of a group is as large as the group, so that packing bounding
    /// boxes loses nothing.
    pub(crate) fn are_rectangles(&self, liveness: &Liveness) -> bool {
        self.members.iter().zip(self.problem.buffers()).all(|(members, frame)| {
            members.iter().all(|&id| liveness.problem().buffer(id).size() == frame.size())
        })
    }

    /// Computes the largest load over all steps, with each shared byte counted once.
    ///
    /// From the bytes that the groups cover at a step, this subtracts the most that permitted
    /// overlaps of different groups can save there ([`max_saved_bytes`]). So no offsets for these groups
    /// need less than the result. O((n + steps) log n) for n buffers.
    pub(crate) fn load(&self, graph: &Graph, liveness: &Liveness, allowances: &[OverlapAllowance]) -> Load {
        let steps = liveness.steps().max(1) as usize;
        let mut changes = vec![(0u64, 0u64); steps + 1];
        let mut add = |live: LiveRange, bytes: u64| {
            changes[live.start as usize].0 += bytes;
            changes[live.end as usize].1 += bytes;
        };
        for members in &self.members {
            self.covered_intervals(liveness.problem(), members, &mut add);
        }
        // An overlap of two groups saves bytes at the step of its operator only: before it, the output
        // is not live, and after it, the input is dead.
        let by_step = by_step(graph, liveness, allowances);
        let mut saved = vec![0u64; steps];
        for of_step in by_step.chunk_by(|first, second| first.0 == second.0) {
            saved[of_step[0].0 as usize] = saved_by(graph, of_step);
        }
        let (mut live, mut best) = (0, Load::default());
        for (step, (born, died)) in changes[..steps].iter().enumerate() {
            live = live + born - died;
            if live - saved[step] > best.bytes {
                best = Load { bytes: live - saved[step], step: step as u32, ..Load::default() };
            }
        }
        let smaller = |allowance: &OverlapAllowance| {
            // The certificate must hold without savings: of two tensors that may overlap at the step, it
            // names the larger one only.
            let bytes = |id: TensorId| graph.tensor(id).bytes();
            if bytes(allowance.lower) < bytes(allowance.upper) { allowance.lower } else { allowance.upper }
        };
        let mut skipped = bitvec![0; graph.tensors().len()];
        for (_, allowance) in by_step.iter().filter(|(step, _)| *step == best.step) {
            skipped.set(smaller(allowance).index(), true);
        }
        self.certify(liveness, &skipped, &mut best);
        best
    }

    /// Splits the bytes that a group covers over time into intervals, and calls `add` for each with
    /// its size. Sweeps through time with a [`CoverageTree`]. O(k log k) for k members.
    fn covered_intervals(
        &self,
        problem: &Problem,
        members: &[BufferId],
        add: &mut impl FnMut(LiveRange, u64),
    ) {
        if let &[only] = members {
            return add(problem.buffer(only).live(), problem.buffer(only).size());
        }
        let range = |id: BufferId| {
            let at = self.position[id.index()].1;
            (at, at + problem.buffer(id).size())
        };
        let mut covered = CoverageTree::new(members.iter().map(|&id| range(id)));
        let live = |id: BufferId| problem.buffer(id).live();
        let mut events: Vec<(u32, bool, BufferId)> =
            members.iter().flat_map(|&id| [(live(id).start, true, id), (live(id).end, false, id)]).collect();
        sort_by_keys(&mut events, |event| [event.0.into(), 0]);
        // Covered bytes by the step since which they are covered. Only the number of covered bytes
        // matters, not their positions, so the oldest bytes may end first.
        let mut since: VecDeque<(u32, u64)> = VecDeque::new();
        for simultaneous in events.chunk_by(|first, second| first.0 == second.0) {
            let before = covered.bytes();
            for &(_, is_born, id) in simultaneous {
                covered.update(range(id), is_born);
            }
            let (step, after) = (simultaneous[0].0, covered.bytes());
            if after > before {
                since.push_back((step, after - before));
            }
            let mut removed = before.saturating_sub(after);
            while removed > 0
                && let Some(oldest) = since.front_mut()
            {
                let bytes = removed.min(oldest.1);
                add(LiveRange { start: oldest.0, end: step }, bytes);
                (oldest.1, removed) = (oldest.1 - bytes, removed - bytes);
                if oldest.1 == 0 {
                    since.pop_front();
                }
            }
        }
    }

    /// Collects the causes of a load: buffers that are live at its step and have no byte in common.
    /// Of buffers that share bytes, the larger one is taken. Skipped tensors are left out.
    fn certify(&self, liveness: &Liveness, skipped: &BitSlice, bound: &mut Load) {
        let problem = liveness.problem();
        for members in &self.members {
            let mut live: Vec<BufferId> = members
                .iter()
                .copied()
                .filter(|&id| problem.buffer(id).size() > 0 && problem.buffer(id).live().contains(bound.step))
                .filter(|&id| match liveness.occupants()[id.index()] {
                    Occupant::Tensor(tensor) => !skipped[tensor.index()],
                    Occupant::Scratch(_) => true,
                })
                .collect();
            // Greedy by size: each chosen buffer excludes the smaller ones that it overlaps.
            sort_by_keys(&mut live, |&id| [!problem.buffer(id).size(), 0]);
            // Byte ranges of the causes in this group, ascending and disjoint.
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for id in live {
                let from = self.position[id.index()].1;
                let end = from + problem.buffer(id).size();
                let below = taken.partition_point(|range| range.0 < end);
                if taken[..below].last().is_none_or(|last| last.1 <= from) {
                    taken.insert(below, (from, end));
                    bound.causes.push(liveness.occupants()[id.index()]);
                    bound.certified += end - from;
                }
            }
        }
    }
}

/// The total length of a union of ranges that are added and removed: a segment tree over the
/// elementary intervals between range ends (Bentley, measure of a union of rectangles, 1977). An
/// update takes O(log ranges).
struct CoverageTree {
    /// Starts and ends of all ranges, ascending, each once.
    cuts: Vec<u64>,
    /// By node: the number of ranges that cover the whole node but not its whole parent.
    counts: Vec<u32>,
    /// By node: its bytes that are covered by these ranges or by ranges counted below the node.
    bytes: Vec<u64>,
}

impl CoverageTree {
    fn new(ranges: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut cuts: Vec<u64> = ranges.flat_map(|(from, end)| [from, end]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let nodes = 4 * cuts.len();
        Self { cuts, counts: vec![0; nodes], bytes: vec![0; nodes] }
    }

    fn bytes(&self) -> u64 {
        self.bytes[1]
    }

    /// Adds a range, or removes a range that was added.
    fn update(&mut self, (from, end): (u64, u64), is_added: bool) {
        let position = |cut: u64| self.cuts.partition_point(|&other| other < cut);
        let range = (position(from), position(end));
        self.update_node(1, (0, self.cuts.len() - 1), range, is_added);
    }

    fn update_node(&mut self, node: usize, span: (usize, usize), range: (usize, usize), is_added: bool) {
        if range.1 <= span.0 || span.1 <= range.0 {
            return;
        }
        let is_leaf = span.1 - span.0 == 1;
        if range.0 <= span.0 && span.1 <= range.1 {
            let count = &mut self.counts[node];
            *count = if is_added { *count + 1 } else { *count - 1 };
        } else {
            let middle = usize::midpoint(span.0, span.1);
            self.update_node(2 * node, (span.0, middle), range, is_added);
            self.update_node(2 * node + 1, (middle, span.1), range, is_added);
        }
        // A node that a range covers counts in full. Otherwise its children know what they cover.
        self.bytes[node] = match (self.counts[node] > 0, is_leaf) {
            (true, _) => self.cuts[span.1] - self.cuts[span.0],
            (false, true) => 0,
            (false, false) => self.bytes[2 * node] + self.bytes[2 * node + 1],
        };
    }
}

/// Returns the allowances of tensors in the arena with the steps of their operators, by step.
fn by_step<'a>(
    graph: &Graph,
    liveness: &Liveness,
    allowances: &'a [OverlapAllowance],
) -> Vec<(u32, &'a OverlapAllowance)> {
    let live = live_ranges(graph, liveness);
    let step = |allowance: &OverlapAllowance| {
        Some(live[allowance.lower.index()]?.start.max(live[allowance.upper.index()]?.start))
    };
    let mut by_step: Vec<(u32, &OverlapAllowance)> =
        allowances.iter().filter_map(|allowance| Some((step(allowance)?, allowance))).collect();
    sort_by_keys(&mut by_step, |allowance| [allowance.0.into(), 0]);
    by_step
}

/// Returns an upper bound on the bytes that the allowances of one step save together.
fn saved_by(graph: &Graph, of_step: &[(u32, &OverlapAllowance)]) -> u64 {
    let pair = |(_, allowance): &(u32, &OverlapAllowance)| {
        let (input, output, start) = if allowance.output == allowance.upper {
            (allowance.lower, allowance.upper, RelativeStart::InputBelow)
        } else {
            (allowance.upper, allowance.lower, RelativeStart::OutputBelow)
        };
        let [output_bytes, input_bytes] = [output, input].map(|id| graph.tensor(id).bytes());
        let [output, input] = [output, input].map(|id| id.index() as u32);
        let max_bytes = allowance.reach.min(output_bytes).min(input_bytes);
        ReusePair { output, input, start, max_bytes, output_bytes, input_bytes }
    };
    let mut pairs: Vec<ReusePair> = of_step.iter().map(pair).collect();
    pairs.sort_by_key(|pair| (pair.output, pair.input));
    max_saved_bytes(&pairs, &positions_by_input(&pairs), |position| pairs[position].max_bytes)
}

/// By tensor: its live range in the arena, or none if it is not in the arena.
pub(crate) fn live_ranges(graph: &Graph, liveness: &Liveness) -> Vec<Option<LiveRange>> {
    let mut live = vec![None; graph.tensors().len()];
    for (occupant, buffer) in liveness.occupants().iter().zip(liveness.problem().buffers()) {
        if let Occupant::Tensor(id) = occupant {
            live[id.index()] = Some(buffer.live());
        }
    }
    live
}

/// Returns the bounding box of a group as a buffer.
fn bounding_buffer(problem: &Problem, members: &[BufferId], position: &[(u32, u64)]) -> Buffer {
    if let &[only] = members {
        return problem.buffer(only).clone();
    }
    let at = |id: &BufferId| position[id.index()].1;
    let buffers = || members.iter().map(|&id| problem.buffer(id));
    let size = members.iter().map(|id| at(id) + problem.buffer(*id).size()).max().unwrap_or(0);
    let mut live: Vec<LiveRange> = buffers().map(Buffer::live).collect();
    merge_ranges(&mut live);
    let (start, end) = (live[0].start, live[live.len() - 1].end);
    // Between the live ranges of its members, the group leaves its bytes to other buffers.
    let gaps = live.windows(2).map(|pair| LiveRange { start: pair[0].end, end: pair[1].start });
    let alignment = buffers().map(Buffer::alignment).max().unwrap_or(1);
    let buffer = Buffer::new(size, start..end).align(alignment).with_gaps(gaps);
    // Fixed offsets of members agree with each other, see `GroupOffsets`, so any of them fixes
    // the group. A group starts at or below its members.
    let fixed = members.iter().find_map(|id| Some(problem.buffer(*id).fixed_offset()? - at(id)));
    fixed.into_iter().fold(buffer, Buffer::at)
}

/// Sorts ranges and merges those that overlap or touch.
fn merge_ranges(live: &mut Vec<LiveRange>) {
    sort_by_keys(live, |range| [range.start.into(), range.end.into()]);
    live.dedup_by(|next, range| {
        let touch = next.start <= range.end;
        if touch {
            range.end = range.end.max(next.end);
        }
        touch
    });
}
