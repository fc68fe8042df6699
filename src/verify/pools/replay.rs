//! Rules R8 to R12, S2, S3, M1 to M5, T7 and T8: the run finds the right bytes in every pool.
//!
//! The run is replayed on symbolic memory, transfers included.
//!
//! *State*:
//!
//! - `M(p)`, for each pool `p`: a partial function from addresses to origins. The origin `(t, v, i)` stands
//!   for byte `i` of tensor `t` in version `v`: 0 before the run, `k + 1` if step `k` computes it. Versions
//!   tell the contents of a variable before an update from those after it. The origin `(transfer j, i)`
//!   stands for byte `i` of the destination of transfer `j`, which is under way.
//! - `W(p)`, for each pool `p`: the number of the last write to each address.
//! - `V(t)`, for each tensor that is provided or has been written: the origins that its bytes must have.
//! - `D(j)`, for each transfer `j` that is under way: the value `V(t)` that it carries, and the number of the
//!   last write when it started.
//!
//! Tensor `t` is *intact* in an interval of pool `p` with offset `a` if `M(p)(a + i) = V(t)(i)` for all
//! `i < bytes(t)`.
//!
//! *Transition* at the start of the run: for each input, constant and variable `t`, `V(t)(i) = (t, 0, i)`, and
//! `V(t)` is written to the interval of `start(t)`, which `places` defines.
//!
//! *Transition* at step `k` from 0 to `N`:
//!
//! 1. Transfers that are due at `k` are done: first those to existing destinations, then those to
//!    destinations that begin at `k`, each in the order of the list. The value that the transfer carries is
//!    written to the destination: `D(j)` if the transfer was under way, otherwise `V(t)`.
//! 2. Transfers that start at `k` and take time start: `D(j)` is set, and `(transfer j, i)` is written to the
//!    destination.
//! 3. Operator `o_k` runs, if `k < n`: as in the replay of one arena, with the sets `reads` and `writes` of
//!    `access`, the intervals `operand(x, k)`, and `V(t)(i) = (t, k + 1, i)` for bytes that it computes.
//!
//! *Claim*:
//!
//! - **R8**: `operand(x, k)` exists for each `x` with bytes that `o_k` reads or writes.
//! - **R9**: the interval of `start(t)` exists. **R10**: for each pool `p` of `ends(t)`, `S(t, p, N - 1)`
//!   exists. **R11**: for a constant or a variable, it has the offset of the interval of `start(t)`, if both
//!   are in one pool.
//! - **R12**: for a preserved input, the interval of `start(t)` covers the whole run, and `t` is intact in it after
//!   every write to its bytes.
//! - **S2**: for each alias of `t` at `d` bytes after `u` by `o_k`, the intervals `operand(t, k)` and
//!   `operand(u, k)` are in one pool and at distance `d`. **S3**: as in the replay of one arena, in each pool;
//!   bytes of constants are kept as well.
//! - **M1**: after the start, every `t` is intact in the interval of `start(t)`.
//! - **M2**: before `o_k`, the tensors of `reads(o_k)` are intact. **M3**: after `o_k`, its outputs are
//!   intact.
//! - **M4**: after step `N`, `t` is intact in the intervals of R10.
//! - **M5**: when a transfer starts, its tensor is intact in the source. **T7**: `V(t)` is defined then.
//! - **T8**: when a transfer that was under way is done, no address of its source has a write after its start,
//!   and every address of its destination still has the origin `(transfer j, i)`. No `V(t)` contains such an
//!   origin, so an operator that reads the destination before the transfer is done breaks M2.
//!
//! Complexity: O(n log n) for n segments that are read and written.

use super::access::{reads, writes};
use super::places::{InitialResidency, ResidencyIndex};
use super::transfers::{CheckedTransfer, transfer_name};
use super::{Rule, ViolationCollector, name_or_id, pool_name};
use crate::graph::{Graph, InputContents, Occupant, TensorKind};
use crate::plan::{PoolPlan, Residency};
use crate::support::ids::{OperatorId, PoolId, TensorId};
use crate::verify::memory::{self, ContentMap};
use crate::verify::permitted::OperatorAliases;

/// The source of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrigin {
    /// A tensor in a version.
    Tensor(TensorId, u32),
    /// A transfer that is under way, by its position in the list.
    UnderWay(usize),
}

type ContentSegment = memory::ContentSegment<ByteOrigin>;

/// The state of a pool.
#[derive(Default)]
struct PoolContents {
    /// `M(p)`.
    memory: ContentMap<ByteOrigin>,
    /// `W(p)`.
    written: ContentMap<u64>,
}

/// `D(j)`.
struct PendingTransfer {
    started_after: u64,
    value: Vec<ContentSegment>,
}

/// Checks the rules of the replay.
pub(super) fn check(
    graph: &Graph,
    plan: &PoolPlan,
    residencies: &ResidencyIndex<'_>,
    (transfers, aliases): (&[CheckedTransfer], &[OperatorAliases]),
    violations: &mut ViolationCollector,
) {
    let mut replay = PoolReplay {
        graph,
        plan,
        residencies,
        transfers,
        aliases,
        pools: plan.pools.ids().map(|_| PoolContents::default()).collect(),
        values: vec![Vec::new(); graph.tensors().len()],
        pending: transfers.iter().map(|_| None).collect(),
        writes: 0,
        preserved: Vec::new(),
        violations,
    };
    replay.start();
    let mut due = 0;
    let timed = transfers.iter().zip(0..).filter(|(transfer, _)| transfer.takes_time());
    let mut starts: Vec<(u64, usize)> =
        timed.map(|(transfer, number)| (transfer.transfer.step.into(), number)).collect();
    starts.sort_unstable();
    let mut starts = starts.into_iter().peekable();
    for step in 0..=residencies.steps() {
        if replay.violations.is_done() {
            return;
        }
        let first = due;
        while transfers.get(due).is_some_and(|transfer| transfer.transfer.due == step) {
            due += 1;
        }
        for is_new in [false, true] {
            for number in (first..due).filter(|&number| transfers[number].is_new == is_new) {
                replay.finish_transfer(number);
            }
        }
        while let Some((_, number)) = starts.next_if(|&(start, _)| start == u64::from(step)) {
            replay.start_transfer(number);
        }
        if let Some(&id) = plan.order.get(step as usize) {
            replay.run(step, id);
        }
    }
    replay.end();
}

/// The state of the replay.
struct PoolReplay<'a> {
    graph: &'a Graph,
    plan: &'a PoolPlan,
    residencies: &'a ResidencyIndex<'a>,
    transfers: &'a [CheckedTransfer],
    /// By operator.
    aliases: &'a [OperatorAliases],
    pools: Vec<PoolContents>,
    /// `V`, by tensor: empty before the tensor is written.
    values: Vec<Vec<ContentSegment>>,
    /// `D`, by transfer, while it is under way.
    pending: Vec<Option<PendingTransfer>>,
    /// The number of writes up to now.
    writes: u64,
    /// Intervals of preserved inputs, by pool and offset.
    preserved: Vec<(TensorId, Residency)>,
    violations: &'a mut ViolationCollector,
}

impl PoolReplay<'_> {
    fn tensor_name(&self, id: TensorId) -> String {
        name_or_id(self.graph, Occupant::Tensor(id))
    }

    fn transfer_name(&self, number: usize) -> String {
        transfer_name(self.graph, self.plan, &self.transfers[number].transfer)
    }

    /// The value of a tensor of which every byte is of one version.
    fn computed(&self, id: TensorId, version: u32) -> ContentSegment {
        let end = self.graph.tensor(id).bytes();
        ContentSegment { from: 0, end, source: ByteOrigin::Tensor(id, version), at: 0 }
    }

    /// `V(t)` at the addresses of an interval.
    fn value_in(&self, id: TensorId, residency: &Residency) -> Vec<ContentSegment> {
        let value = self.values[id.index()].iter().filter(|segment| segment.from < segment.end);
        value.map(|segment| segment.moved_up(residency.offset)).collect()
    }

    fn write(&mut self, pool: PoolId, segment: ContentSegment) {
        self.count_write(pool, segment.from, segment.end);
        let (from, end) = (segment.from, segment.end);
        self.pools[pool.index()].memory.write(segment);
        self.check_preserved(pool, from, end);
    }

    fn clear(&mut self, pool: PoolId, from: u64, end: u64) {
        self.count_write(pool, from, end);
        self.pools[pool.index()].memory.clear(from, end);
        self.check_preserved(pool, from, end);
    }

    /// Checks R12 after a write.
    fn check_preserved(&mut self, pool: PoolId, from: u64, end: u64) {
        // They are disjoint, since all are intact at the start.
        let first = self.preserved.partition_point(|(_, kept)| (kept.pool, kept.end()) <= (pool, from));
        let meeting = self.preserved[first..].iter();
        let meeting = meeting.take_while(|(_, kept)| (kept.pool, kept.offset) < (pool, end));
        for (id, kept) in meeting.copied().collect::<Vec<_>>() {
            self.check_intact(Rule::InputPreserved, id, &kept, || "after a write to it".to_owned());
        }
    }

    fn count_write(&mut self, pool: PoolId, from: u64, end: u64) {
        self.writes += 1;
        let segment = memory::ContentSegment { from, end, source: self.writes, at: from };
        self.pools[pool.index()].written.write(segment);
    }

    /// Adds a violation of `rule` if a tensor is not intact in an interval.
    fn check_intact(&mut self, rule: Rule, id: TensorId, residency: &Residency, when: impl Fn() -> String) {
        let memory = &self.pools[residency.pool.index()].memory;
        let Some((byte, held)) = memory.first_difference(self.value_in(id, residency)) else { return };
        let holds = match held {
            Some(ByteOrigin::Tensor(other, _)) if other == id => {
                format!("other bytes of {}", self.tensor_name(id))
            }
            Some(ByteOrigin::Tensor(other, _)) => format!("bytes of {}", self.tensor_name(other)),
            Some(ByteOrigin::UnderWay(number)) => {
                format!("bytes of {}, which is under way", self.transfer_name(number))
            }
            None => "no defined contents".to_owned(),
        };
        let (when, pool, tensor) = (when(), pool_name(self.plan, residency.pool), self.tensor_name(id));
        let message = format!("{when}, byte {byte} of {pool} should be of {tensor} but holds {holds}");
        self.violations.add(rule, message);
    }

    /// Writes what the caller and the previous run provide, and checks R9 and M1.
    fn start(&mut self) {
        let mut provided = Vec::new();
        for id in self.graph.tensor_ids() {
            if self.graph.tensor(id).kind() != TensorKind::Intermediate {
                self.values[id.index()] = vec![self.computed(id, 0)];
            }
            match self.residencies.start(id) {
                InitialResidency::Undefined => {}
                InitialResidency::At(residency) => provided.push((id, residency)),
                InitialResidency::Missing(pool) => {
                    self.add_missing(Rule::ResidentAtStart, id, pool, "when the run starts");
                }
            }
        }
        for (id, residency) in &provided {
            for segment in self.value_in(*id, residency) {
                self.write(residency.pool, segment);
            }
        }
        for (id, residency) in &provided {
            if self.violations.is_done() {
                return;
            }
            self.check_intact(Rule::IntactAtStart, *id, residency, || "when the run starts".to_owned());
        }
        self.start_preserving(&provided);
    }

    /// Lists the intervals of preserved inputs, and checks that they cover the run.
    fn start_preserving(&mut self, provided: &[(TensorId, Residency)]) {
        let is_preserved = |id: TensorId| {
            let tensor = self.graph.tensor(id);
            tensor.kind() == TensorKind::Input && tensor.input_contents() == InputContents::Preserved
        };
        let mut preserved: Vec<_> = provided.iter().copied().filter(|(id, _)| is_preserved(*id)).collect();
        preserved.sort_by_key(|(_, kept)| (kept.pool, kept.offset));
        for (id, kept) in &preserved {
            if kept.live.start != 0 || kept.live.end != self.residencies.steps() {
                let (tensor, live) = (self.tensor_name(*id), kept.live);
                let message = format!("{tensor} is preserved, but its place is its own in {live} only");
                self.violations.add(Rule::InputPreserved, message);
            }
        }
        self.preserved = preserved;
    }

    fn add_missing(&mut self, rule: Rule, id: TensorId, pool: PoolId, when: &str) {
        let (tensor, pool) = (self.tensor_name(id), pool_name(self.plan, pool));
        self.violations.add(rule, format!("{tensor} has no place in {pool} {when}"));
    }

    /// The value that a transfer carries, with T7 and M5.
    fn read_source(&mut self, number: usize) -> Vec<ContentSegment> {
        let CheckedTransfer { transfer, from, .. } = self.transfers[number];
        let name = self.transfer_name(number);
        if self.values[transfer.tensor.index()].is_empty() {
            self.violations.add(Rule::TransferOfWritten, format!("{name}: the tensor is not yet written"));
        }
        self.check_intact(Rule::IntactAtTransfer, transfer.tensor, &from, || format!("when {name} starts"));
        self.values[transfer.tensor.index()].clone()
    }

    /// Starts a transfer that takes time: from now on, the destination holds no bytes of a tensor.
    fn start_transfer(&mut self, number: usize) {
        let value = self.read_source(number);
        let to = self.transfers[number].to;
        self.write(to.pool, under_way(number, &to));
        self.pending[number] = Some(PendingTransfer { started_after: self.writes, value });
    }

    /// Writes the value of a transfer to its destination.
    fn finish_transfer(&mut self, number: usize) {
        let to = self.transfers[number].to;
        let value = match self.pending[number].take() {
            None => self.read_source(number),
            Some(PendingTransfer { started_after, value }) => {
                self.check_undisturbed(number, started_after);
                value
            }
        };
        for segment in value.iter().filter(|segment| segment.from < segment.end) {
            self.write(to.pool, segment.moved_up(to.offset));
        }
    }

    /// Checks T8.
    fn check_undisturbed(&mut self, number: usize, started_after: u64) {
        let CheckedTransfer { from, to, .. } = self.transfers[number];
        let mut source = self.pools[from.pool.index()].written.meeting(from.offset, from.end());
        let changed = source.find(|segment| segment.source > started_after);
        let changed = changed.map(|segment| (segment.from.max(from.offset), from.pool));
        let lost = self.pools[to.pool.index()].memory.first_difference([under_way(number, &to)]);
        let lost = lost.map(|(byte, _)| (byte, to.pool));
        for (end, wrong) in [("source", changed), ("destination", lost)] {
            let Some((byte, pool)) = wrong else { continue };
            let (name, pool) = (self.transfer_name(number), pool_name(self.plan, pool));
            let message =
                format!("{name}: byte {byte} of {pool}, of its {end}, is written while it is under way");
            self.violations.add(Rule::TransferUndisturbed, message);
        }
    }

    /// The transition of an operator, with R8, M2, S2, S3 and M3.
    fn run(&mut self, step: u32, id: OperatorId) {
        let (graph, operator) = (self.graph, self.graph.operator(id));
        let aliases = &self.aliases[id.index()];
        let mut read = Vec::new();
        for input in reads(operator, aliases) {
            if let Some(residency) =
                self.operand(step, id, Occupant::Tensor(input), graph.tensor(input).bytes())
            {
                let when = || format!("when operator `{}` reads at step {step}", operator.name());
                self.check_intact(Rule::IntactAtRead, input, &residency, when);
                read.push((input, residency));
            }
        }
        let mut ranges: Vec<WrittenRange> = Vec::new();
        let scratch = Occupant::Scratch(id);
        if let Some(residency) = self.operand(step, id, scratch, operator.scratch_bytes()) {
            ranges.push(WrittenRange {
                of: scratch,
                pool: residency.pool,
                from: residency.offset,
                end: residency.end(),
            });
        }
        let mut outputs = Vec::new();
        for &output in operator.outputs() {
            self.values[output.index()] = self.value_of_output(step, output, aliases);
            let parts = writes(graph, output, aliases);
            let of = Occupant::Tensor(output);
            let needed = if parts.is_empty() { 0 } else { graph.tensor(output).bytes() };
            let Some(Residency { pool, offset, .. }) = self.operand(step, id, of, needed) else { continue };
            let range = |(from, end)| WrittenRange { of, pool, from: offset + from, end: offset + end };
            ranges.extend(parts.into_iter().map(range));
            outputs.push(output);
        }
        self.check_distances(step, id);
        self.check_operands(id, &read, &ranges);
        for range in &ranges {
            self.write_range(step, range);
        }
        for output in outputs {
            if let Some(residency) = self.residencies.operand(step, Occupant::Tensor(output)) {
                let when = || format!("after operator `{}` at step {step}", operator.name());
                self.check_intact(Rule::IntactAfterWrite, output, &residency, when);
            }
        }
    }

    /// `operand(x, k)`, with R8; `None` for an operand without bytes or outside of the pools.
    fn operand(&mut self, step: u32, id: OperatorId, occupant: Occupant, bytes: u64) -> Option<Residency> {
        if bytes == 0 || self.is_outside(occupant) {
            return None;
        }
        let residency = self.residencies.operand(step, occupant);
        if residency.is_none() {
            let (name, operator) = (name_or_id(self.graph, occupant), self.graph.operator(id).name());
            let message =
                format!("{name} ({bytes} bytes) has no place when operator `{operator}` runs at step {step}");
            self.violations.add(Rule::OperandResident, message);
        }
        residency
    }

    fn is_outside(&self, occupant: Occupant) -> bool {
        matches!(occupant, Occupant::Tensor(id) if self.residencies.is_outside(id))
    }

    fn write_range(&mut self, step: u32, range: &WrittenRange) {
        let Occupant::Tensor(output) = range.of else {
            return self.clear(range.pool, range.from, range.end);
        };
        let Some(residency) = self.residencies.operand(step, range.of) else { return };
        for segment in memory::between(&self.value_in(output, &residency), range.from, range.end) {
            self.write(range.pool, segment);
        }
    }

    /// `V(t)` of an output: bytes of the tensor of which it is a view, or of its concat slices, and bytes
    /// that the operator computes.
    fn value_of_output(&self, step: u32, output: TensorId, aliases: &OperatorAliases) -> Vec<ContentSegment> {
        aliases
            .value_of(output, self.computed(output, step + 1), |input| self.values[input.index()].as_slice())
    }

    /// Checks S2 for the aliases of an operator.
    fn check_distances(&mut self, step: u32, id: OperatorId) {
        for alias in self.aliases[id.index()].all() {
            let [start, reference] =
                [alias.tensor, alias.of].map(|id| self.residencies.operand(step, Occupant::Tensor(id)));
            let (Some(start), Some(reference)) = (start, reference) else { continue };
            if start.pool == reference.pool && reference.offset.checked_add(alias.at) == Some(start.offset) {
                continue;
            }
            let [tensor, of] = [alias.tensor, alias.of].map(|id| self.tensor_name(id));
            let [pool, of_pool] = [start.pool, reference.pool].map(|pool| pool_name(self.plan, pool));
            let message = format!(
                "at step {step}, {tensor} lies at {} of {pool}, not at {} of {of}, which lies at {} of {of_pool}",
                start.offset, alias.at, reference.offset
            );
            self.violations.add(Rule::AliasDistance, message);
        }
    }

    /// Checks S3 in each pool.
    fn check_operands(&mut self, id: OperatorId, read: &[(TensorId, Residency)], ranges: &[WrittenRange]) {
        for pool in self.plan.pools.ids() {
            let inputs = read.iter().filter(|(_, residency)| residency.pool == pool);
            let inputs =
                inputs.map(|(input, residency)| (residency.offset, residency.end(), *input)).collect();
            let written = ranges.iter().filter(|range| range.pool == pool);
            let written: Vec<_> = written.map(|range| (range.of, range.from, range.end)).collect();
            let may_overwrite = |input| self.may_overwrite(input);
            let aliases = &self.aliases[id.index()];
            for message in aliases.overwrites(self.graph, id, inputs, &written, may_overwrite) {
                self.violations.add(Rule::NoOverwrite, message);
            }
        }
    }

    /// Returns true if no byte of the tensor is kept for the caller or for the next run.
    fn may_overwrite(&self, tensor: TensorId) -> bool {
        let is_kept = |segment: &ContentSegment| {
            let ByteOrigin::Tensor(source, _) = segment.source else { return true };
            let source = self.graph.tensor(source);
            match source.kind() {
                TensorKind::Variable | TensorKind::Constant => true,
                TensorKind::Input => !source.is_overwritable(),
                TensorKind::Intermediate => false,
            }
        };
        !self.graph.tensor(tensor).is_output() && !self.values[tensor.index()].iter().any(is_kept)
    }

    /// Checks R11.
    fn check_return(&mut self, id: TensorId, end: &Residency) {
        let InitialResidency::At(start) = self.residencies.start(id) else { return };
        let is_kept = self.graph.tensor(id).kind() != TensorKind::Input;
        if is_kept && start.pool == end.pool && start.offset != end.offset {
            let (tensor, pool) = (self.tensor_name(id), pool_name(self.plan, end.pool));
            let message = format!(
                "{tensor} lies at {} of {pool} when the run starts, but at {} when it ends",
                start.offset, end.offset
            );
            self.violations.add(Rule::ReturnsToStart, message);
        }
    }

    /// Checks R10, M4 and R11.
    fn end(&mut self) {
        let last = self.residencies.steps() - 1;
        for id in self.graph.tensor_ids() {
            if self.violations.is_done() {
                return;
            }
            let occupant = Occupant::Tensor(id);
            let tensor = self.graph.tensor(id);
            let needs_no_memory = tensor.bytes() == 0 || self.is_outside(occupant);
            let is_unused = tensor.kind() == TensorKind::Constant && self.residencies.of(occupant).is_empty();
            if needs_no_memory || is_unused {
                continue;
            }
            for pool in self.residencies.ends(id) {
                match self.residencies.find(occupant, pool, last) {
                    Some(residency) => {
                        self.check_intact(Rule::IntactAtEnd, id, &residency, || {
                            "when the run ends".to_owned()
                        });
                        self.check_return(id, &residency);
                    }
                    None => self.add_missing(Rule::ResidentAtEnd, id, pool, "when the run ends"),
                }
            }
        }
    }
}

/// The contents of the destination of a transfer that is under way.
fn under_way(number: usize, to: &Residency) -> ContentSegment {
    ContentSegment { from: to.offset, end: to.end(), source: ByteOrigin::UnderWay(number), at: 0 }
}

/// A range of bytes that an operator writes.
#[derive(Clone, Copy)]
struct WrittenRange {
    of: Occupant,
    pool: PoolId,
    from: u64,
    end: u64,
}
