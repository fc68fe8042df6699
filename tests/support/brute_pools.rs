//! The minimum cost of a run in two pools, by exhaustive search: a shortest path over the states of the
//! chip. A state contains, for each tensor, whether it is on chip, at which offset, and whether the
//! backing store lacks its contents.

use std::collections::BTreeMap;

use plimsoll::{Graph, Loading, OperatorId, Pools, TensorId, TensorKind};

/// The residency of a tensor on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Residency {
    offset: u64,
    /// True if the backing store does not have the tensor's contents.
    dirty: bool,
    /// True if the tensor stays on chip for the whole run.
    resident: bool,
}

type Chip = Vec<Option<Residency>>;

/// One chip of `capacity` bytes and a backing store with a cost of 1 per byte; program order.
pub struct Brute<'a> {
    pub graph: &'a Graph,
    pub pools: &'a Pools,
    pub capacity: u64,
    /// Alignment of tensors that request none.
    pub alignment: u64,
    /// Alignment of the chip.
    pub coarse: u64,
}

impl Brute<'_> {
    pub fn least_cost(&self) -> u64 {
        let mut states = self.starts();
        for (step, &id) in self.graph.program_order().iter().enumerate() {
            let mut next = BTreeMap::new();
            for (chip, cost) in &states {
                self.boundary(*cost, step, 0, &mut chip.clone(), &mut |chip, cost| {
                    self.run(id, chip, cost, &mut next);
                });
            }
            states = next;
        }
        let end = |(chip, cost): (&Chip, &u64)| {
            let back = self.tensors().filter(|id| {
                chip[id.index()].is_some_and(|residency| residency.dirty && !residency.resident)
                    && self.is_wanted(*id)
            });
            cost + back.map(|id| self.bytes(id)).sum::<u64>()
        };
        states.iter().map(end).min().expect("a state")
    }

    fn tensors(&self) -> impl Iterator<Item = TensorId> + '_ {
        self.graph.tensor_ids()
    }

    fn bytes(&self, id: TensorId) -> u64 {
        self.graph.tensor(id).bytes()
    }

    /// Returns true if the tensor is needed after the run.
    fn is_wanted(&self, id: TensorId) -> bool {
        self.graph.tensor(id).is_output() || self.graph.tensor(id).kind() == TensorKind::Variable
    }

    /// Returns true if an operator of this step or a later one accesses the tensor.
    fn is_used_from(&self, id: TensorId, step: usize) -> bool {
        let order = &self.graph.program_order()[step..];
        order
            .iter()
            .map(|&one| self.graph.operator(one))
            .any(|operator| operator.inputs().contains(&id) || operator.outputs().contains(&id))
    }

    fn offsets(&self, bytes: u64, alignment: Option<u64>) -> impl Iterator<Item = u64> + use<> {
        let step = alignment.unwrap_or(self.alignment).max(self.coarse);
        let last = self.capacity.checked_sub(bytes);
        (0..=last.unwrap_or(0)).step_by(step as usize).filter(move |_| last.is_some())
    }

    fn is_free(&self, chip: &Chip, scratch: Option<(u64, u64)>, offset: u64, bytes: u64) -> bool {
        let apart = |from: u64, size: u64| offset + bytes <= from || from + size <= offset;
        let tensors = self.tensors().filter_map(|id| Some((chip[id.index()]?.offset, self.bytes(id))));
        tensors.chain(scratch).all(|(from, size)| apart(from, size))
    }

    /// The states before the run: all choices of resident tensors and their offsets.
    fn starts(&self) -> BTreeMap<Chip, u64> {
        let mut states = BTreeMap::from([(vec![None; self.graph.tensors().len()], 0)]);
        for id in self.tensors().filter(|id| self.bytes(*id) > 0 && self.is_used_from(*id, 0)) {
            let may_stay = self.pools.loads() == Loading::Once
                && match self.graph.tensor(id).kind() {
                    TensorKind::Constant => true,
                    TensorKind::Variable => !self.graph.tensor(id).is_output(),
                    _ => false,
                };
            if !may_stay {
                continue;
            }
            for chip in states.keys().cloned().collect::<Vec<_>>() {
                for offset in self.offsets(self.bytes(id), self.graph.tensor(id).alignment()) {
                    if self.is_free(&chip, None, offset, self.bytes(id)) {
                        let mut chip = chip.clone();
                        chip[id.index()] = Some(Residency { offset, dirty: false, resident: true });
                        states.insert(chip, 0);
                    }
                }
            }
        }
        states
    }

    /// Visits all choices of tensors to evict between two steps.
    fn boundary(
        &self,
        cost: u64,
        step: usize,
        from: usize,
        chip: &mut Chip,
        each: &mut impl FnMut(&Chip, u64),
    ) {
        let Some(index) =
            (from..chip.len()).find(|&index| chip[index].is_some_and(|residency| !residency.resident))
        else {
            return each(chip, cost);
        };
        let id = self.tensors().nth(index).unwrap();
        let residency = chip[index].unwrap();
        let is_needed = self.is_used_from(id, step) || self.is_wanted(id);
        if is_needed {
            self.boundary(cost, step, index + 1, chip, each);
        }
        chip[index] = None;
        let back = if residency.dirty && is_needed { self.bytes(id) } else { 0 };
        self.boundary(cost + back, step, index + 1, chip, each);
        chip[index] = Some(residency);
    }

    fn run(&self, id: OperatorId, chip: &Chip, cost: u64, next: &mut BTreeMap<Chip, u64>) {
        let operator = self.graph.operator(id);
        let mut operands: Vec<TensorId> =
            operator.inputs().iter().chain(operator.outputs()).copied().collect();
        operands.sort_unstable();
        operands.dedup();
        operands.retain(|&one| self.bytes(one) > 0);
        let scratch = operator.scratch_bytes();
        self.operand(id, &operands, chip.clone(), cost, None, next);
        if scratch > 0 {
            for offset in self.offsets(scratch, None) {
                if self.is_free(chip, None, offset, scratch) {
                    self.operand(id, &operands, chip.clone(), cost, Some((offset, scratch)), next);
                }
            }
        }
    }

    /// Visits all choices of pools and offsets for the operands of an operator.
    fn operand(
        &self,
        id: OperatorId,
        left: &[TensorId],
        chip: Chip,
        cost: u64,
        scratch: Option<(u64, u64)>,
        next: &mut BTreeMap<Chip, u64>,
    ) {
        let operator = self.graph.operator(id);
        let Some((&one, left)) = left.split_first() else {
            let own = if scratch.is_none() { 2 * operator.scratch_bytes() } else { 0 };
            let known = next.entry(chip).or_insert(u64::MAX);
            *known = (*known).min(cost + own);
            return;
        };
        let bytes = self.bytes(one);
        let (is_read, is_written) = (operator.inputs().contains(&one), operator.outputs().contains(&one));
        if chip[one.index()].is_some() {
            let mut chip = chip;
            let residency = chip[one.index()].as_mut().unwrap();
            residency.dirty |= is_written && !residency.resident;
            return self.operand(id, left, chip, cost, scratch, next);
        }
        let accesses = u64::from(is_read) + u64::from(is_written);
        self.operand(id, left, chip.clone(), cost + accesses * bytes, scratch, next);
        // A tensor with contents is copied to the chip.
        let is_there = self.graph.tensor(one).kind() != TensorKind::Intermediate || is_read;
        let copied = if is_there { bytes } else { 0 };
        for offset in self.offsets(bytes, self.graph.tensor(one).alignment()) {
            if self.is_free(&chip, scratch, offset, bytes) {
                let mut chip = chip.clone();
                chip[one.index()] = Some(Residency { offset, dirty: is_written, resident: false });
                self.operand(id, left, chip, cost + copied, scratch, next);
            }
        }
    }
}
