//! The graph of the scheduler: operators and their tensors in flat arrays.

use std::collections::BTreeMap;

use super::atoms::{Atom, Atoms};
use super::savings::{Saving, SavingTable};
use super::{Result, Scheduler};
use crate::effects::{Reuse, ReusePair, reuses};
use crate::graph::{Graph, Tensor, TensorKind, Variables};
use crate::sharing::{SharingLevel, concerns};
use crate::support::ids::{OperatorId, TensorId};
use crate::support::rows::Rows;
use crate::support::sorting::{sort_by_keys, unique, with_key};

/// Operators with their tensors and dependencies. Operators are numbered in a valid order. Tensors are
/// atoms that need memory in the arena for a part of the run.
///
/// Sizes are rounded up to `unit`, the smallest alignment. The arena of an order is at least the
/// sum of rounded sizes live at a step, minus the largest padding among them: the padding of the
/// topmost tensor may be beyond the end of the arena. See [`bound`](crate::problem).
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// By operator: its predecessors.
    pub(super) before: Rows,
    /// By operator: its successors.
    pub(super) after: Rows,
    /// By operator: the tensors that it reads, each once.
    pub(super) reads: Rows,
    /// By operator: the tensors that it reads and that die before the fullest moment of its step, if
    /// they die at the step. Only merged operators have such tensors.
    pub(super) early: Rows,
    /// By operator: the bytes that it may save by overwriting inputs.
    pub(super) savings: SavingTable,
    /// By operator: the tensors that it writes and that are read or stay to the end.
    pub(super) writes: Rows,
    /// By tensor: the operators that read it.
    pub(super) readers: Rows,
    /// By tensor: its rounded size in bytes.
    pub(super) sizes: Vec<u64>,
    /// By tensor: true if it is live to the end of the run (outputs).
    pub(super) live_at_end: Vec<bool>,
    /// Tensors that are live when the first operator runs (inputs).
    pub(super) live_at_start: Vec<u32>,
    /// By operator: bytes live at its step only: the scratch buffer, and outputs without a reader.
    pub(super) transient: Vec<u64>,
    /// Bytes live throughout the run.
    pub(super) base: u64,
    /// Bytes live at the first step only: inputs without a reader.
    pub(super) first: u64,
    /// Bytes that rounding added.
    pub(super) paddings: Paddings,
}

/// Bytes that rounding to cells added, by the group of bytes that have them.
#[derive(Clone, Debug, Default)]
pub(super) struct Paddings {
    /// By tensor.
    pub(super) tensors: Vec<u64>,
    /// By operator: the largest padding among its transient bytes.
    pub(super) transient: Vec<u64>,
    /// The largest padding among base bytes.
    pub(super) base: u64,
    /// The largest padding among inputs without a reader.
    pub(super) first: u64,
    /// True if any padding is positive.
    pub(super) any: bool,
    /// The largest padding except for transient bytes.
    pub(super) shared: u64,
}

impl Paddings {
    /// Computes `any` and `shared` from the other fields.
    pub(super) fn compute_totals(&mut self) {
        let shared = self.tensors.iter().chain([&self.base, &self.first]);
        self.shared = shared.copied().max().unwrap_or(0);
        self.any = self.shared > 0 || self.transient.iter().any(|&padding| padding > 0);
    }
}

/// The role of an atom in the network.
#[derive(Clone, Copy)]
enum AtomRole {
    /// Outside of the arena, or without bytes.
    None,
    /// Live throughout the run.
    Throughout,
    /// Live at the first step only.
    FirstStep,
    /// Live at the step of its writer only.
    Transient,
    /// A tensor of the network with this number.
    Numbered(u32),
}

impl Network {
    /// Builds the network of a scheduler's graph, with operators numbered in program order and sizes
    /// rounded up to cells of `unit` bytes. `unit` must divide all alignments. Linear in the graph, except
    /// for tensors with many source ranges.
    ///
    /// # Errors
    /// [`Stop::Cancelled`](crate::Stop::Cancelled).
    pub(super) fn new(scheduler: &Scheduler<'_>, unit: u64) -> Result<Self> {
        Self::of_atoms(scheduler, unit, &Atoms::new(scheduler, unit)?)
    }

    fn of_atoms(scheduler: &Scheduler<'_>, unit: u64, atoms: &Atoms) -> Result<Self> {
        let &Scheduler { graph, variables, sharing, ref limits, .. } = scheduler;
        let order = graph.program_order();
        // Operators get dense numbers in program order, without folded operators.
        let number = graph.positions_in(order);
        let mut network = Self::empty(order.len());
        let mut roles = vec![AtomRole::None; atoms.list.len()];
        for (role, atom) in roles.iter_mut().zip(&atoms.list) {
            *role = network.role(graph.tensor(atom.source), atom, variables);
            network.count(*role, graph.tensor(atom.source), atom);
        }
        let number_of = |atom: u32| match roles[atom as usize] {
            AtomRole::Numbered(number) => Some(number),
            _ => None,
        };
        let numbered = |id: &TensorId| atoms.of(*id).iter().filter_map(|&atom| number_of(atom));
        let operator = |position: usize| graph.operator(order[position]);
        let reads = |position| unique(operator(position).inputs().iter().flat_map(numbered));
        // An operator writes only atoms of which it is the source. The others are views or pieces of
        // its inputs, which are live already.
        let first_written = |position| operator(position).outputs().iter().flat_map(|&id| atoms.first_in(id));
        let writes = |position| unique(first_written(position).filter_map(number_of));
        // Poll between passes that are linear in the graph.
        limits.check_cancelled()?;
        network.reads = Rows::new((0..order.len()).map(reads));
        limits.check_cancelled()?;
        network.writes = Rows::new((0..order.len()).map(writes));
        network.readers = network.reads.transposed(network.sizes.len());
        limits.check_cancelled()?;
        for position in 0..order.len() {
            let unread =
                first_written(position).filter(|&atom| matches!(roles[atom as usize], AtomRole::Transient));
            network.count_transient(
                position,
                unread.map(|atom| &atoms.list[atom as usize]),
                operator(position),
                unit,
            );
        }
        limits.check_cancelled()?;
        network.savings = SavingTable::default();
        for &id in order {
            limits.check_cancelled()?;
            network.savings.push(savings(graph, id, sharing, unit, atoms, number_of));
        }
        network.savings.shrink_to_fit();
        let dependencies = graph.dependencies().map(|(from, to)| (number[to.index()], number[from.index()]));
        limits.check_cancelled()?;
        network.set_dependencies(dependencies.collect());
        network.paddings.compute_totals();
        Ok(network)
    }

    /// A network of `operators` operators without tensors and dependencies.
    pub(super) fn empty(operators: usize) -> Self {
        Self {
            before: Rows::default(),
            after: Rows::default(),
            reads: Rows::default(),
            early: Rows::empty(operators),
            savings: SavingTable::empty(operators),
            writes: Rows::default(),
            readers: Rows::default(),
            sizes: Vec::new(),
            live_at_end: Vec::new(),
            live_at_start: Vec::new(),
            transient: vec![0; operators],
            base: 0,
            first: 0,
            paddings: Paddings { transient: vec![0; operators], ..Paddings::default() },
        }
    }

    /// Determines the role of an atom.
    fn role(&self, source: &Tensor, atom: &Atom, variables: Variables) -> AtomRole {
        let number = self.sizes.len() as u32;
        if atom.bytes == 0 {
            return AtomRole::None;
        }
        if !source.is_planned(variables) {
            return AtomRole::None;
        }
        match (source.kind(), atom.is_needed_at_end) {
            (TensorKind::Constant, _) => AtomRole::None,
            (TensorKind::Variable, _) | (TensorKind::Input, true) => AtomRole::Throughout,
            (TensorKind::Input, false) if !atom.is_read => AtomRole::FirstStep,
            (TensorKind::Intermediate, false) if !atom.is_read => AtomRole::Transient,
            (TensorKind::Input | TensorKind::Intermediate, _) => AtomRole::Numbered(number),
        }
    }

    /// Adds the bytes of an atom to the field that its role selects.
    fn count(&mut self, role: AtomRole, source: &Tensor, atom: &Atom) {
        let Atom { bytes: size, padding, .. } = *atom;
        match role {
            AtomRole::None | AtomRole::Transient => {}
            AtomRole::Throughout => {
                self.base += size;
                self.paddings.base = self.paddings.base.max(padding);
            }
            AtomRole::FirstStep => {
                self.first += size;
                self.paddings.first = self.paddings.first.max(padding);
            }
            AtomRole::Numbered(number) => {
                self.sizes.push(size);
                self.live_at_end.push(atom.is_needed_at_end);
                self.paddings.tensors.push(padding);
                if source.kind() == TensorKind::Input {
                    self.live_at_start.push(number);
                }
            }
        }
    }

    /// Adds outputs without a reader and the scratch buffer to the transient bytes of an operator.
    fn count_transient<'a>(
        &mut self,
        position: usize,
        unread: impl Iterator<Item = &'a Atom>,
        operator: &crate::graph::Operator,
        unit: u64,
    ) {
        let scratch = operator.scratch_bytes().next_multiple_of(unit);
        let sizes = unread.map(|atom| (atom.bytes, atom.padding));
        for (size, padding) in sizes.chain([(scratch, scratch - operator.scratch_bytes())]) {
            self.transient[position] += size;
            self.paddings.transient[position] = self.paddings.transient[position].max(padding);
        }
    }

    /// Sets the dependencies, as pairs of an operator and a predecessor.
    pub(super) fn set_dependencies(&mut self, mut dependencies: Vec<(u32, u32)>) {
        sort_by_keys(&mut dependencies, |&(operator, before)| [operator.into(), before.into()]);
        dependencies.dedup();
        let count = self.operator_count() as usize;
        self.before = Rows::of_sorted(count, dependencies);
        self.after = self.before.transposed(count);
    }

    /// The dependencies, as pairs of an operator and a predecessor.
    pub(super) fn dependencies(&self) -> impl Iterator<Item = (u32, u32)> {
        let row = |operator| self.before.row(operator).iter().map(move |&before| (operator, before));
        (0..self.operator_count()).flat_map(row)
    }

    /// By tensor: the operator that writes it; none for inputs.
    pub(super) fn writers(&self) -> Vec<Option<u32>> {
        let mut writers = vec![None; self.sizes.len()];
        for operator in 0..self.operator_count() {
            for &tensor in self.writes.row(operator) {
                writers[tensor as usize] = Some(operator);
            }
        }
        writers
    }

    /// The sum of the sizes of tensors.
    pub(super) fn bytes(&self, tensors: &[u32]) -> u64 {
        tensors.iter().map(|&tensor| self.sizes[tensor as usize]).sum()
    }

    /// A lower bound on the bytes live at the step of an operator in any order, in two parts: the bytes
    /// that it adds plus those live throughout, and the bytes of its inputs.
    pub(super) fn step_bytes(&self, operator: u32) -> (u64, u64) {
        let written = self.bytes(self.writes.row(operator));
        let added = self.base + self.added_bytes(operator, written, |_| true);
        (added, self.bytes(self.reads.row(operator)))
    }

    /// The bytes that an operator adds to those live before its step: its outputs (`written`) and
    /// transient bytes, minus an upper bound on what it saves if the tensors selected by `dies` die.
    /// All tensors that are live before the step are live together, so no operator saves more than
    /// it adds.
    #[inline]
    pub(super) fn added_bytes(&self, operator: u32, written: u64, dies: impl Fn(u32) -> bool) -> u64 {
        let added = written + self.transient[operator as usize];
        if self.savings.is_empty(operator) {
            return added;
        }
        // The savings are an upper bound, so the difference is a lower bound and may not go below 0.
        added.saturating_sub(self.savings.bytes(operator, &self.sizes, dies))
    }

    /// An upper bound on the padding that can be beyond the end of the arena at an operator's step.
    pub(super) fn padding_at(&self, operator: u32) -> u64 {
        let paddings = &self.paddings;
        paddings.shared.max(paddings.transient[operator as usize])
    }

    /// Returns true if an operator reads a rounded-up tensor.
    pub(super) fn reads_padded(&self, operator: u32) -> bool {
        let is_padded = |&tensor: &u32| self.paddings.tensors[tensor as usize] > 0;
        self.paddings.any && self.reads.row(operator).iter().any(is_padded)
    }

    pub(super) fn operator_count(&self) -> u32 {
        self.transient.len() as u32
    }

    pub(super) fn tensor_count(&self) -> u32 {
        self.sizes.len() as u32
    }
}

/// The smallest alignment of tensors and scratch buffers in the arena. Returns 1 if tensors may share
/// memory and alignments differ: then parts of a tensor need not start at a multiple of its
/// alignment, and rounding them would not be sound.
pub(super) fn unit(scheduler: &Scheduler<'_>) -> u64 {
    let &Scheduler { graph, default_alignment, variables, sharing, .. } = scheduler;
    let in_arena = |tensor: &&Tensor| tensor.is_planned(variables) && tensor.bytes() > 0;
    let tensors = graph.tensors().iter().filter(in_arena);
    let alignments = tensors.map(|tensor| tensor.alignment().unwrap_or(default_alignment));
    let has_scratch = |id: &&OperatorId| graph.operator(**id).scratch_bytes() > 0;
    let scratch = graph.program_order().iter().find(has_scratch).map(|_| default_alignment);
    let (mut min, mut max) = (u64::MAX, 1);
    for alignment in alignments.chain(scratch) {
        (min, max) = (min.min(alignment), max.max(alignment));
    }
    if min > max || (min < max && concerns(graph, sharing)) { 1 } else { min }
}

/// Collects the savings of an operator: for each permission to overwrite an input, the network's
/// tensors that hold the bytes concerned.
fn savings(
    graph: &Graph,
    id: OperatorId,
    sharing: SharingLevel,
    unit: u64,
    atoms: &Atoms,
    number_of: impl Fn(u32) -> Option<u32>,
) -> Vec<Saving> {
    let operator = graph.operator(id);
    if operator.permits().is_empty() {
        return Vec::new();
    }
    let numbered = |ids: &[TensorId]| -> BTreeMap<TensorId, u32> { ids.iter().copied().zip(0..).collect() };
    let (inputs, outputs) = (numbered(operator.inputs()), numbered(operator.outputs()));
    let reuses: Vec<Reuse> = reuses(graph, id, sharing).collect();
    let covered = covered(&reuses, atoms);
    let written = |id: TensorId| {
        // See `has_rival` for the case in which copied bytes count as saved.
        if has_rival(id, &covered, atoms) {
            return graph.tensor(id).bytes().checked_next_multiple_of(unit);
        }
        Some(atoms.first_in(id).map(|atom| atoms.list[atom as usize].bytes).sum())
    };
    let mut written_to: BTreeMap<TensorId, Option<u64>> = BTreeMap::new();
    for reuse in &reuses {
        written_to.entry(reuse.output).or_insert_with(|| written(reuse.output));
    }
    let saving = |reuse: &Reuse| {
        let &Reuse { input, output, ref region, max_bytes, start } = reuse;
        let read = graph.tensor(input);
        // Inputs that the caller needs, constants, variables and outputs are never overwritten.
        let may_overwrite =
            (read.kind() == TensorKind::Intermediate || read.is_overwritable()) && !read.is_needed_at_end();
        if !may_overwrite {
            return None;
        }
        // Outputs start at whole cells, so they share whole cells except for the last one. The
        // rounding overflows only for sizes that no arena can hold.
        let [from, end, max_bytes] =
            [region.start, region.end, max_bytes].map(|at| at.checked_next_multiple_of(unit));
        let (from, end, output_bytes) = (from?, end?, written_to[&output]?);
        // Atoms without a number are live throughout the run. They do not die, so overwriting
        // them saves nothing.
        let covered_atoms = atoms.touched(input, from, end);
        let overwritten = unique(covered_atoms.iter().filter_map(|&atom| number_of(atom)));
        let pair = ReusePair {
            output: *outputs.get(&output)?,
            input: *inputs.get(&input)?,
            start,
            max_bytes: max_bytes?.min(output_bytes),
            output_bytes,
            input_bytes: read.bytes().checked_next_multiple_of(unit)?,
        };
        (pair.max_bytes > 0 && !overwritten.is_empty()).then_some(Saving { pair, overwritten })
    };
    reuses.iter().filter_map(saving).collect()
}

/// Returns pairs of an atom of an input and an output that may overwrite it, ascending. Returns no
/// pairs if only one output may overwrite inputs. O(n log n) in the number of atoms.
fn covered(reuses: &[Reuse], atoms: &Atoms) -> Vec<(u32, TensorId)> {
    let pairs = unique(reuses.iter().map(|reuse| (reuse.output, reuse.input)));
    match (pairs.first(), pairs.last()) {
        (Some(first), Some(last)) if first.0 != last.0 => {}
        _ => return Vec::new(),
    }
    let of_input =
        |(output, input)| atoms.touched(input, 0, u64::MAX).into_iter().map(move |atom| (atom, output));
    let mut covered: Vec<(u32, TensorId)> = pairs.into_iter().flat_map(of_input).collect();
    covered.sort_unstable();
    covered
}

/// Returns true if another output of the operator (a rival) may overwrite bytes that this output
/// holds.
///
/// Bytes that an output holds in common with an input count once, as bytes of the input. In memory,
/// the output either aliases them, and then only bytes that the operator writes can overlap another
/// input; or the output is a copy. The bytes of a copy do not count, so a copy that overwrites
/// another input saves no counted bytes, unless a rival overwrites the original bytes, which do
/// count as live. In that case, all bytes of the copy count as saved.
fn has_rival(output: TensorId, covered: &[(u32, TensorId)], atoms: &Atoms) -> bool {
    if covered.is_empty() {
        return false;
    }
    let held = atoms.touched(output, 0, u64::MAX);
    let mut held = held.into_iter().filter(|&atom| atoms.list[atom as usize].source != output);
    held.any(|atom| {
        // The outputs of one atom are sorted, so if any of them is a rival, the first or the last is.
        let of_atom = with_key(covered, atom, |pair| pair.0);
        [of_atom.first(), of_atom.last()].into_iter().flatten().any(|pair| pair.1 != output)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::TensorSpec;
    use crate::schedule::execution_state::peak;
    use crate::support::limits::Limits;

    /// Random slices of slices of one tensor, some of which operators overwrite.
    fn slices(seed: u64) -> Graph {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut net = Graph::builder("slices");
        let x = net.input("x", TensorSpec::bytes(64));
        let mut made = vec![(x, 64)];
        for number in 0..12 {
            let (of, room) = made[made.len() - 1 - random.usize(..made.len().min(4))];
            let bytes = 1 + random.u64(..room);
            let output = net.tensor(format!("t{number}"), TensorSpec::bytes(bytes));
            let operator = net.operator(format!("o{number}")).reads([of]).writes([output]);
            let _ = match random.u8(..3) {
                0 => operator.in_place(of, output),
                1 => operator,
                _ => operator.view(of, output, random.u64(..=room - bytes)),
            };
            made.push((output, bytes));
        }
        net.output(made[made.len() - 1].0);
        net.build().expect("a network")
    }

    #[test]
    fn fewer_atoms_give_no_higher_peak() {
        let mut lower = 0;
        for seed in 0..2000 {
            let graph = slices(seed);
            let scheduler = Scheduler::new(&graph, 1, Variables::Arena, SharingLevel::All, &Limits::new());
            let order: Vec<u32> = (0..graph.program_order().len() as u32).collect();
            let peak_within = |most: usize| {
                let atoms = Atoms::within_room(&scheduler, 1, most).expect("not cancelled");
                peak(&Network::of_atoms(&scheduler, 1, &atoms).expect("not cancelled"), &order)
            };
            let [few, some, all] = [1, 20, usize::MAX].map(peak_within);
            assert!(few <= all && some <= all, "seed {seed}: {few}, {some}, {all}");
            lower += usize::from(few < all);
        }
        assert!(lower > 100, "{lower}");
    }
}
