//! Rule 8: where tensors share memory, the plan is run on memory that remembers of every
//! byte who wrote it. Each byte that an operator reads must still be what its producer, or
//! one that holds the same contents, wrote.

use super::memory::{self, Memory};
use super::permitted::{Overlaps, Shares};
use super::{Found, Violation};
use crate::graph::{Graph, TensorKind};
use crate::ids::{OperatorId, TensorId};
use crate::occupant::Occupant;
use crate::plan::{Plan, Share};

type Stretch = memory::Stretch<TensorId>;

pub(super) fn check(graph: &Graph, plan: &Plan, found: &mut Found) {
    let misplaced = |share: &Share| misplaced(graph, plan, share);
    let shares =
        Shares::by_operator(graph, &plan.shares, misplaced, |text| found.add(Violation::Share(text)));
    let truths = vec![Vec::new(); graph.tensors().len()];
    let left = graph.tensors().iter().map(|tensor| tensor.readers().len()).collect();
    let mut replay = Replay { graph, plan, memory: Memory::default(), truths, left, found };
    replay.start();
    for (step, &operator) in plan.order.iter().enumerate() {
        if replay.found.is_done() {
            return;
        }
        replay.run(step, operator, &shares[operator.index()]);
    }
    replay.end();
}

/// Why two tensors do not lie at the distance that an alias says.
fn misplaced(graph: &Graph, plan: &Plan, share: &Share) -> Option<String> {
    let Share { tensor, of, at, .. } = *share;
    let name = |id: TensorId| format!("tensor `{}`", graph.tensor(id).name());
    let offset = |id: TensorId| Some(plan.placement(Occupant::Tensor(id))?.offset);
    let (Some(own), Some(other)) = (offset(tensor), offset(of)) else {
        return Some(format!("{} and {} are not both in the arena", name(tensor), name(of)));
    };
    (other.checked_add(at) != Some(own)).then(|| {
        format!("{} lies at {own}, not at {at} of {}, which lies at {other}", name(tensor), name(of))
    })
}

struct Replay<'a> {
    graph: &'a Graph,
    plan: &'a Plan,
    memory: Memory<TensorId>,
    /// By tensor, once it is written, and as long as it is read: what it holds.
    truths: Vec<Vec<Stretch>>,
    /// By tensor: readers that have not run.
    left: Vec<usize>,
    found: &'a mut Found,
}

impl Replay<'_> {
    fn name(&self, tensor: TensorId) -> &str {
        self.graph.tensor(tensor).name()
    }

    /// Where a tensor is, if it has bytes in the arena.
    fn place(&self, tensor: TensorId) -> Option<(u64, u64)> {
        let place = self.plan.placement(Occupant::Tensor(tensor))?;
        let bytes = self.graph.tensor(tensor).bytes();
        (bytes > 0).then(|| (place.offset, place.offset.saturating_add(bytes)))
    }

    /// What the caller and earlier runs have written.
    fn start(&mut self) {
        let there =
            |id: &TensorId| matches!(self.graph.tensor(*id).kind(), TensorKind::Input | TensorKind::Variable);
        let there: Vec<TensorId> = self.graph.tensor_ids().filter(there).collect();
        for &id in &there {
            self.truths[id.index()] = vec![self.own(id)];
            self.write(id);
        }
        for &id in &there {
            self.expect(id, || "when the run starts".to_owned());
        }
    }

    fn own(&self, id: TensorId) -> Stretch {
        let end = self.graph.tensor(id).bytes();
        Stretch { from: 0, end, source: id, at: 0 }
    }

    /// A part of a tensor's truth where it lies, if it is in the arena.
    fn placed(&self, id: TensorId) -> Vec<Stretch> {
        let Some((offset, _)) = self.place(id) else { return Vec::new() };
        let truth = self.truths[id.index()].iter();
        truth.map(|own| Stretch { from: offset + own.from, end: offset + own.end, ..*own }).collect()
    }

    fn write(&mut self, id: TensorId) {
        for stretch in self.placed(id).into_iter().filter(|own| own.from < own.end) {
            self.memory.write(stretch);
        }
    }

    /// All bytes of a tensor hold what they should.
    fn expect(&mut self, id: TensorId, when: impl Fn() -> String) {
        let wrong = self.memory.wrong(self.placed(id));
        if let Some((byte, held)) = wrong {
            let holds = match held {
                Some(other) if other == id => format!("other bytes of tensor `{}`", self.name(id)),
                Some(other) => format!("bytes of tensor `{}`", self.name(other)),
                None => "nothing of use".to_owned(),
            };
            let text = format!(
                "{}, byte {byte} of the arena should be of tensor `{}` but holds {holds}",
                when(),
                self.name(id)
            );
            self.found.add(Violation::Stale(text));
        }
    }

    fn run(&mut self, step: usize, id: OperatorId, shares: &Shares) {
        let (graph, operator) = (self.graph, self.graph.operator(id));
        for &input in operator.inputs() {
            self.expect(input, || format!("when operator `{}` reads at step {step}", operator.name()));
        }
        let mut written: Vec<(Occupant, u64, u64)> = Vec::new();
        if let Some(place) = self.plan.placement(Occupant::Scratch(id)) {
            let end = place.offset.saturating_add(operator.scratch_bytes());
            written.push((Occupant::Scratch(id), place.offset, end));
        }
        let outputs: Vec<TensorId> =
            operator.outputs().iter().copied().filter(|&id| self.place(id).is_some()).collect();
        for &output in &outputs {
            self.truths[output.index()] = self.truth(output, shares);
            let ranges = self.written(output, shares);
            written.extend(ranges.into_iter().map(|(from, end)| (Occupant::Tensor(output), from, end)));
        }
        self.check_operands(id, &written, shares);
        for &(occupant, from, end) in &written {
            match occupant {
                Occupant::Scratch(_) => self.memory.clear(from, end),
                Occupant::Tensor(output) => {
                    for held in memory::between(&self.placed(output), from, end) {
                        self.memory.write(held);
                    }
                }
            }
        }
        for output in outputs {
            self.expect(output, || format!("after operator `{}` at step {step}", graph.operator(id).name()));
        }
        self.forget(id);
    }

    /// Forgets what tensors hold that nobody reads after this operator: pieces of pieces add up.
    fn forget(&mut self, id: OperatorId) {
        let operator = self.graph.operator(id);
        let mut read = operator.inputs().to_vec();
        read.sort_unstable();
        read.dedup();
        for &input in &read {
            self.left[input.index()] = self.left[input.index()].saturating_sub(1);
        }
        for id in read.into_iter().chain(operator.outputs().iter().copied()) {
            let tensor = self.graph.tensor(id);
            if self.left[id.index()] == 0 && !tensor.is_output() && tensor.kind() != TensorKind::Variable {
                self.truths[id.index()] = Vec::new();
            }
        }
    }

    /// What an output holds: bytes of what it is a view of, bytes of the pieces that were
    /// made in it, and its own.
    fn truth(&self, output: TensorId, shares: &Shares) -> Vec<Stretch> {
        let bytes = self.graph.tensor(output).bytes();
        if let Some(&Share { of, at, .. }) = shares.view(output) {
            return memory::cut(&self.truths[of.index()], at, bytes);
        }
        let mut pieces = shares.pieces_of(output).to_vec();
        pieces.sort_by_key(|share| share.at);
        memory::covered(
            self.own(output),
            pieces.iter().map(|one| (one.at, self.truths[one.tensor.index()].clone())),
        )
    }

    /// The bytes of the arena that the operator really writes for an output.
    fn written(&self, output: TensorId, shares: &Shares) -> Vec<(u64, u64)> {
        let Some((from, end)) = self.place(output) else { return Vec::new() };
        if shares.view(output).is_some() {
            return Vec::new();
        }
        let pieces = shares.pieces_of(output).iter();
        let mut there: Vec<(u64, u64)> = pieces.filter_map(|share| self.place(share.tensor)).collect();
        there.sort_unstable();
        let (mut ranges, mut next) = (Vec::new(), from);
        for (start, stop) in there.into_iter().chain([(end, end)]) {
            if next < start {
                ranges.push((next, start));
            }
            next = next.max(stop);
        }
        ranges
    }

    /// Nothing is written over what the operator reads, unless that is permitted, nor twice.
    fn check_operands(&mut self, id: OperatorId, written: &[(Occupant, u64, u64)], shares: &Shares) {
        let operator = self.graph.operator(id);
        let describe = |occupant| super::needs::name(self.graph, occupant);
        let mut read = operator.inputs().to_vec();
        read.sort_unstable();
        read.dedup();
        let placed = read.into_iter().filter_map(|input| {
            let (start, stop) = self.place(input)?;
            Some((start, stop, input))
        });
        let read = Overlaps::new(placed.collect());
        let numbered =
            written.iter().zip(0..).map(|(&(occupant, from, end), number)| (from, end, (occupant, number)));
        let others = Overlaps::new(numbered.collect());
        let mut wrong = Vec::new();
        for (number, &(occupant, from, end)) in written.iter().enumerate() {
            for input in read.of(from, end) {
                if !shares.may_meet(occupant, input, || self.may_overwrite(input)) {
                    let (own, input) = (describe(occupant), describe(Occupant::Tensor(input)));
                    wrong.push(format!("operator `{}` writes {own} over its input {input}", operator.name()));
                }
            }
            // Each pair once.
            for (other, _) in
                others.of(from, end).filter(|&(other, first)| first < number && other != occupant)
            {
                let (own, other) = (describe(occupant), describe(other));
                wrong.push(format!("operator `{}` writes {own} over {other}", operator.name()));
            }
        }
        for text in wrong {
            self.found.add(Violation::Share(text));
        }
    }

    /// Whether the caller does not count on these bytes.
    fn may_overwrite(&self, tensor: TensorId) -> bool {
        let kept = |held: &Stretch| {
            let source = self.graph.tensor(held.source);
            source.kind() == TensorKind::Variable
                || (source.kind() == TensorKind::Input && !source.is_overwritable())
        };
        !self.graph.tensor(tensor).is_output() && !self.truths[tensor.index()].iter().any(kept)
    }

    /// What the caller and later runs read.
    fn end(&mut self) {
        for id in self.graph.tensor_ids() {
            let tensor = self.graph.tensor(id);
            if tensor.is_output() || tensor.kind() == TensorKind::Variable {
                self.expect(id, || "when the run ends".to_owned());
            }
        }
    }
}
