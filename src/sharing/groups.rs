//! Rigid groups of an order as buffers of a packing problem, and the load that they imply.

use std::collections::VecDeque;

use bitvec::prelude::{BitSlice, bitvec};

use super::layout::{AliasLayout, OverlapAllowance};
use crate::effects::{RelativeStart, ReusePair, max_saved_bytes, positions_by_input};
use crate::error::Result;
use crate::graph::{Graph, Occupant};
use crate::liveness::Liveness;
use crate::problem::{Buffer, LiveRange, Problem};
use crate::support::coverage::CoverageTree;
use crate::support::events::{Event, Loads, events, join_ranges};
use crate::support::ids::{BufferId, TensorId};
use crate::support::rows::Rows;
use crate::support::sorting::{sort_by_keys, unique};

/// The rigid groups of an order: sets of buffers at fixed distances, each packed as one buffer.
#[derive(Clone, Debug)]
pub(crate) struct RigidGroups {
    /// One buffer for each group: the bounding box of its members in bytes and time.
    pub(crate) problem: Problem,
    /// By buffer of the liveness: its group, and its offset from the start of the group.
    pub(crate) position: Vec<(u32, u64)>,
    /// By group: its buffers.
    pub(crate) members: Rows<BufferId>,
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
        let by_group = position.iter().zip(liveness.problem().ids()).map(|(&(group, _), id)| (group, id));
        let members = Rows::of_sorted(count as usize, unique(by_group));
        let problem = liveness.problem();
        let buffers = members.rows().map(|members| bounding_buffer(problem, members, &position)).collect();
        let largest = |members: &[BufferId]| {
            members.iter().copied().max_by_key(|&id| (problem.buffer(id).size(), std::cmp::Reverse(id)))
        };
        let names =
            members.rows().map(|members| largest(members).map_or_else(String::new, |id| problem.name(id)));
        let problem = Problem::with_names(buffers, names.collect())?.with_capacity(problem.capacity());
        Ok(Self { problem, position, members })
    }

    /// Offsets of all buffers of the liveness, given the offsets of the groups.
    pub(crate) fn offsets(&self, of_groups: &[u64]) -> Vec<u64> {
        self.position.iter().map(|&(group, at)| of_groups[group as usize] + at).collect()
    }

    /// Returns true if every member of a group is as large as the group, so that packing bounding
    /// boxes loses nothing.
    pub(crate) fn are_rectangles(&self, liveness: &Liveness) -> bool {
        self.members.rows().zip(self.problem.buffers()).all(|(members, frame)| {
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
        let mut loads = Loads::new(steps);
        for members in self.members.rows() {
            self.add_covered_bytes(liveness.problem(), members, &mut loads);
        }
        // An overlap of two groups saves bytes at the step of its operator only: before it, the output
        // is not live, and after it, the input is dead.
        let by_step = by_step(graph, liveness, allowances);
        let mut saved = vec![0u64; steps];
        for of_step in by_step.chunk_by(|first, second| first.0 == second.0) {
            saved[of_step[0].0 as usize] = saved_by(graph, of_step);
        }
        let mut best = Load::default();
        for (step, live) in loads.by_step().into_iter().enumerate() {
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

    /// Adds the bytes that a group covers to the load. Sweeps through time with a [`CoverageTree`].
    /// O(k log k) for k members.
    fn add_covered_bytes(&self, problem: &Problem, members: &[BufferId], loads: &mut Loads) {
        let live = |id: BufferId| (problem.buffer(id).live().start, problem.buffer(id).live().end);
        if let &[only] = members {
            return loads.add(live(only), problem.buffer(only).size());
        }
        let range = |id: BufferId| {
            let at = self.position[id.index()].1;
            (at, at + problem.buffer(id).size())
        };
        let mut covered = CoverageTree::new(members.iter().map(|&id| range(id)));
        let events: Vec<Event> = events(members.iter().map(|&id| live(id))).collect();
        // Covered bytes by the step since which they are covered. Only the number of covered bytes
        // matters, not their positions, so the oldest bytes may end first.
        let mut since: VecDeque<(u32, u64)> = VecDeque::new();
        for simultaneous in events.chunk_by(|first, second| first.step == second.step) {
            let before = covered.covered().0;
            for event in simultaneous {
                covered.change(range(members[event.range]), if event.starts { 1 } else { -1 });
            }
            let (step, after) = (simultaneous[0].step, covered.covered().0);
            if after > before {
                since.push_back((step, after - before));
            }
            let mut removed = before.saturating_sub(after);
            while removed > 0
                && let Some(oldest) = since.front_mut()
            {
                let bytes = removed.min(oldest.1);
                loads.add((oldest.0, step), bytes);
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
        for members in self.members.rows() {
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
    let mut live: Vec<(u32, u32)> =
        buffers().map(|buffer| (buffer.live().start, buffer.live().end)).collect();
    join_ranges(&mut live);
    let (start, end) = (live[0].0, live[live.len() - 1].1);
    // Between the live ranges of its members, the group leaves its bytes to other buffers.
    let gaps = live.windows(2).map(|pair| pair[0].1..pair[1].0);
    let alignment = buffers().map(Buffer::alignment).max().unwrap_or(1);
    let buffer = Buffer::new(size, start..end).align(alignment).with_gaps(gaps);
    // Fixed offsets of members agree with each other, see `GroupOffsets`, so any of them fixes
    // the group. A group starts at or below its members.
    let fixed = members.iter().find_map(|id| Some(problem.buffer(*id).fixed_offset()? - at(id)));
    fixed.into_iter().fold(buffer, Buffer::at)
}
