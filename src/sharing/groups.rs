//! Tensors that share memory, as one buffer.

use std::collections::VecDeque;

use bitvec::prelude::{BitSlice, bitvec};

use super::layout::{Allowance, Layout};
use crate::effects::{Pair, Seat, by_input, most_saved};
use crate::error::Result;
use crate::graph::Graph;
use crate::ids::{BufferId, TensorId};
use crate::liveness::Liveness;
use crate::occupant::Occupant;
use crate::problem::{Buffer, LiveRange, Problem};
use crate::sorting::sort_by_keys;

/// What lies in the arena, in groups that move as one.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    /// A buffer for each group: as high as all of it, live while any of it is.
    pub(crate) problem: Problem,
    /// By buffer of the liveness: its group, and bytes from the start of that.
    pub(crate) place: Vec<(u32, u64)>,
    /// By group.
    pub(crate) members: Vec<Vec<BufferId>>,
}

/// The fullest step of an order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) bytes: u64,
    pub(crate) step: u32,
    /// Live at that step, and apart from each other.
    pub(crate) causes: Vec<Occupant>,
    /// Their bytes.
    pub(crate) certified: u64,
}

impl Groups {
    /// O(n log n).
    pub(crate) fn new(liveness: &Liveness, layout: &Layout) -> Result<Self> {
        let mut count = layout.group_count;
        let place: Vec<(u32, u64)> = liveness
            .occupants()
            .iter()
            .map(|occupant| match occupant {
                Occupant::Tensor(id) => layout.place[id.index()].unwrap_or((u32::MAX, 0)),
                Occupant::Scratch(_) => (u32::MAX, 0),
            })
            .map(|(group, at)| {
                if group < u32::MAX {
                    return (group, at);
                }
                count += 1;
                (count - 1, 0)
            })
            .collect();
        let mut members: Vec<Vec<BufferId>> = vec![Vec::new(); count as usize];
        for (id, &(group, _)) in liveness.problem().ids().zip(&place) {
            members[group as usize].push(id);
        }
        let problem = liveness.problem();
        let buffers = members.iter().map(|own| joined(problem, own, &place)).collect();
        let largest = |own: &Vec<BufferId>| {
            own.iter().copied().max_by_key(|&id| (problem.buffer(id).size(), std::cmp::Reverse(id)))
        };
        let names = members.iter().map(|own| largest(own).map_or_else(String::new, |id| problem.name(id)));
        let problem = Problem::named(buffers, names.collect())?.with_capacity(problem.capacity());
        Ok(Self { problem, place, members })
    }

    /// Offsets of all buffers of the liveness, from those of the groups.
    pub(crate) fn offsets(&self, of_groups: &[u64]) -> Vec<u64> {
        self.place.iter().map(|&(group, at)| of_groups[group as usize] + at).collect()
    }

    /// Whether each takes all of its frame whenever it is live.
    pub(crate) fn are_rectangles(&self, liveness: &Liveness) -> bool {
        self.members
            .iter()
            .zip(self.problem.buffers())
            .all(|(own, frame)| own.iter().all(|&id| liveness.problem().buffer(id).size() == frame.size()))
    }

    /// The most bytes live at a step, what is shared counted once, and who they are.
    pub(crate) fn load(&self, graph: &Graph, liveness: &Liveness, allowances: &[Allowance]) -> Load {
        let steps = liveness.steps().max(1) as usize;
        let mut changes = vec![(0u64, 0u64); steps + 1];
        let mut add = |live: LiveRange, bytes: u64| {
            changes[live.start as usize].0 += bytes;
            changes[live.end as usize].1 += bytes;
        };
        for own in &self.members {
            self.pieces(liveness.problem(), own, &mut add);
        }
        let by_step = by_step(graph, liveness, allowances);
        let mut saved = vec![0u64; steps];
        for own in by_step.chunk_by(|one, other| one.0 == other.0) {
            saved[own[0].0 as usize] = saved_by(graph, own);
        }
        let (mut now, mut best) = (0, Load::default());
        for (step, (born, died)) in changes[..steps].iter().enumerate() {
            now = now + born - died;
            if now - saved[step] > best.bytes {
                best = Load { bytes: now - saved[step], step: step as u32, ..Load::default() };
            }
        }
        let smaller = |one: &Allowance| {
            let bytes = |id: TensorId| graph.tensor(id).bytes();
            if bytes(one.lower) < bytes(one.upper) { one.lower } else { one.upper }
        };
        let mut skipped = bitvec![0; graph.tensors().len()];
        for (_, one) in by_step.iter().filter(|(step, _)| *step == best.step) {
            skipped.set(smaller(one).index(), true);
        }
        self.certify(liveness, &skipped, &mut best);
        best
    }

    /// Parts of a group, each with when it is live: a sweep through time over the bytes that are
    /// covered. O(k log k) for k members.
    fn pieces(&self, problem: &Problem, own: &[BufferId], add: &mut impl FnMut(LiveRange, u64)) {
        if let &[only] = own {
            return add(problem.buffer(only).live(), problem.buffer(only).size());
        }
        let range = |id: BufferId| {
            let at = self.place[id.index()].1;
            (at, at + problem.buffer(id).size())
        };
        let mut covered = Covered::new(own.iter().map(|&id| range(id)));
        let live = |id: BufferId| problem.buffer(id).live();
        let mut events: Vec<(u32, bool, BufferId)> =
            own.iter().flat_map(|&id| [(live(id).start, true, id), (live(id).end, false, id)]).collect();
        sort_by_keys(&mut events, |event| [event.0.into(), 0]);
        // Bytes that have been covered since a step: those that have been so longest go first, as
        // it does not matter which are which.
        let mut since: VecDeque<(u32, u64)> = VecDeque::new();
        for now in events.chunk_by(|one, other| one.0 == other.0) {
            let before = covered.bytes();
            for &(_, is_born, id) in now {
                covered.count(range(id), is_born);
            }
            let (step, after) = (now[0].0, covered.bytes());
            if after > before {
                since.push_back((step, after - before));
            }
            let mut gone = before.saturating_sub(after);
            while gone > 0
                && let Some(oldest) = since.front_mut()
            {
                let bytes = gone.min(oldest.1);
                add(LiveRange { start: oldest.0, end: step }, bytes);
                (oldest.1, gone) = (oldest.1 - bytes, gone - bytes);
                if oldest.1 == 0 {
                    since.pop_front();
                }
            }
        }
    }

    /// Names who is live at the fullest step; of what shares bytes, the larger one; without
    /// those that are skipped.
    fn certify(&self, liveness: &Liveness, skipped: &BitSlice, bound: &mut Load) {
        let problem = liveness.problem();
        for own in &self.members {
            let mut live: Vec<BufferId> = own
                .iter()
                .copied()
                .filter(|&id| problem.buffer(id).size() > 0 && problem.buffer(id).live().contains(bound.step))
                .filter(|&id| match liveness.occupants()[id.index()] {
                    Occupant::Tensor(tensor) => !skipped[tensor.index()],
                    Occupant::Scratch(_) => true,
                })
                .collect();
            sort_by_keys(&mut live, |&id| [!problem.buffer(id).size(), 0]);
            // Ascending and apart.
            let mut taken: Vec<(u64, u64)> = Vec::new();
            for id in live {
                let from = self.place[id.index()].1;
                let end = from + problem.buffer(id).size();
                let below = taken.partition_point(|one| one.0 < end);
                if taken[..below].last().is_none_or(|last| last.1 <= from) {
                    taken.insert(below, (from, end));
                    bound.causes.push(liveness.occupants()[id.index()]);
                    bound.certified += end - from;
                }
            }
        }
    }
}

/// How many bytes some ranges cover together, while ranges come and go: a segment tree over the
/// bytes between their ends (Bentley's measure of a union of rectangles, 1977).
struct Covered {
    /// Ends of ranges, ascending.
    cuts: Vec<u64>,
    /// By node: how many ranges cover all of it, of those that do not cover its parent.
    counts: Vec<u32>,
    /// By node: bytes of it that are covered by these or below it.
    bytes: Vec<u64>,
}

impl Covered {
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

    /// Adds a range, or takes one out that was added.
    fn count(&mut self, (from, end): (u64, u64), is_added: bool) {
        let place = |cut: u64| self.cuts.partition_point(|&other| other < cut);
        let range = (place(from), place(end));
        self.count_below(1, (0, self.cuts.len() - 1), range, is_added);
    }

    fn count_below(&mut self, node: usize, own: (usize, usize), range: (usize, usize), is_added: bool) {
        if range.1 <= own.0 || own.1 <= range.0 {
            return;
        }
        let is_leaf = own.1 - own.0 == 1;
        if range.0 <= own.0 && own.1 <= range.1 {
            let count = &mut self.counts[node];
            *count = if is_added { *count + 1 } else { *count - 1 };
        } else {
            let middle = usize::midpoint(own.0, own.1);
            self.count_below(2 * node, (own.0, middle), range, is_added);
            self.count_below(2 * node + 1, (middle, own.1), range, is_added);
        }
        self.bytes[node] = match (self.counts[node] > 0, is_leaf) {
            (true, _) => self.cuts[own.1] - self.cuts[own.0],
            (false, true) => 0,
            (false, false) => self.bytes[2 * node] + self.bytes[2 * node + 1],
        };
    }
}

/// Allowances that matter, each with the step of its operator, ascending.
fn by_step<'a>(graph: &Graph, liveness: &Liveness, allowances: &'a [Allowance]) -> Vec<(u32, &'a Allowance)> {
    let live = live_ranges(graph, liveness);
    let step = |one: &Allowance| Some(live[one.lower.index()]?.start.max(live[one.upper.index()]?.start));
    let mut by_step: Vec<(u32, &Allowance)> =
        allowances.iter().filter_map(|one| Some((step(one)?, one))).collect();
    sort_by_keys(&mut by_step, |one| [one.0.into(), 0]);
    by_step
}

/// The most bytes that the allowances of one step save together.
fn saved_by(graph: &Graph, own: &[(u32, &Allowance)]) -> u64 {
    let pair = |(_, one): &(u32, &Allowance)| {
        let (input, output, seat) = if one.output == one.upper {
            (one.lower, one.upper, Seat::InputBelow)
        } else {
            (one.upper, one.lower, Seat::OutputBelow)
        };
        let [output_bytes, input_bytes] = [output, input].map(|id| graph.tensor(id).bytes());
        let [output, input] = [output, input].map(|id| id.index() as u32);
        let most = one.reach.min(output_bytes).min(input_bytes);
        Pair { output, input, seat, most, output_bytes, input_bytes }
    };
    let mut pairs: Vec<Pair> = own.iter().map(pair).collect();
    pairs.sort_by_key(|pair| (pair.output, pair.input));
    most_saved(&pairs, &by_input(&pairs), |position| pairs[position].most)
}

/// By tensor: when it is live in the arena.
pub(crate) fn live_ranges(graph: &Graph, liveness: &Liveness) -> Vec<Option<LiveRange>> {
    let mut live = vec![None; graph.tensors().len()];
    for (occupant, buffer) in liveness.occupants().iter().zip(liveness.problem().buffers()) {
        if let Occupant::Tensor(id) = occupant {
            live[id.index()] = Some(buffer.live());
        }
    }
    live
}

/// The buffer of a group.
fn joined(problem: &Problem, own: &[BufferId], place: &[(u32, u64)]) -> Buffer {
    if let &[only] = own {
        return problem.buffer(only).clone();
    }
    let at = |id: &BufferId| place[id.index()].1;
    let buffers = || own.iter().map(|&id| problem.buffer(id));
    let size = own.iter().map(|id| at(id) + problem.buffer(*id).size()).max().unwrap_or(0);
    let mut live: Vec<LiveRange> = buffers().map(Buffer::live).collect();
    united(&mut live);
    let (start, end) = (live[0].start, live[live.len() - 1].end);
    let gaps = live.windows(2).map(|pair| LiveRange { start: pair[0].end, end: pair[1].start });
    let alignment = buffers().map(Buffer::alignment).max().unwrap_or(1);
    let buffer = Buffer::new(size, start..end).align(alignment).with_gaps(gaps);
    let fixed = own.iter().find_map(|id| Some(problem.buffer(*id).fixed_offset()? - at(id)));
    fixed.into_iter().fold(buffer, Buffer::at)
}

/// Ascending, those that meet or touch as one.
fn united(live: &mut Vec<LiveRange>) {
    sort_by_keys(live, |range| [range.start.into(), range.end.into()]);
    live.dedup_by(|next, range| {
        let meet = next.start <= range.end;
        if meet {
            range.end = range.end.max(next.end);
        }
        meet
    });
}
