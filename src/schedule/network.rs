//! A graph as the scheduler sees it: operators, what they read and write, in flat
//! arrays.

use std::collections::BTreeMap;

use super::Result;
use super::atoms::{Atom, Atoms};
use super::rows::Rows;
use super::saves::{Save, Saves};
use crate::effects::{Pair, Reuse, reuses};
use crate::graph::{Graph, Tensor, TensorKind};
use crate::ids::{OperatorId, TensorId};
use crate::limits::Limits;
use crate::occupant::Variables;
use crate::sharing::{Sharing, concerns};
use crate::sorting::{sort_by_keys, unique};

/// Operators are numbered in an order in which they can run. Tensors are those that
/// take room in the arena and are not there throughout.
///
/// Bytes are rounded up to `unit`, the least alignment there is: no arena for an
/// order is smaller than the rounded bytes live at a step, less the largest rounding
/// among them (that of the topmost may hang over the end). See [`bound`](crate::bound).
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// By operator: who must have run.
    pub(super) before: Rows,
    /// By operator: who waits for it.
    pub(super) after: Rows,
    /// By operator: tensors read, each once.
    pub(super) reads: Rows,
    /// By operator: of the tensors read, those that die before the step is fullest, if they
    /// die at the step at all.
    pub(super) early: Rows,
    /// By operator: what it may write in place.
    pub(super) saves: Saves,
    /// By operator: tensors written that someone reads or that stay.
    pub(super) writes: Rows,
    /// By tensor.
    pub(super) readers: Rows,
    /// By tensor.
    pub(super) sizes: Vec<u64>,
    /// By tensor: live to the end, once it is.
    pub(super) stays: Vec<bool>,
    /// Live when the first operator runs.
    pub(super) present: Vec<u32>,
    /// By operator: bytes live at its step only: workspace, outputs that nobody reads.
    pub(super) transient: Vec<u64>,
    /// Bytes that are live throughout.
    pub(super) base: u64,
    /// Bytes that are live at the first step only: inputs that nobody reads.
    pub(super) first: u64,
    /// What rounding added: by tensor, by operator's transient bytes (the most), for
    /// what is live throughout, and at the first step.
    pub(super) paddings: Paddings,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Paddings {
    pub(super) tensors: Vec<u64>,
    pub(super) transient: Vec<u64>,
    pub(super) base: u64,
    pub(super) first: u64,
    /// Whether there is any.
    pub(super) any: bool,
    /// The most but for the transient.
    pub(super) shared: u64,
}

impl Paddings {
    pub(super) fn settle(&mut self) {
        let shared = self.tensors.iter().chain([&self.base, &self.first]);
        self.shared = shared.copied().max().unwrap_or(0);
        self.any = self.shared > 0 || self.transient.iter().any(|&padding| padding > 0);
    }
}

/// What becomes of an atom.
#[derive(Clone, Copy)]
enum Role {
    /// Not in the arena, or takes no room.
    None,
    Throughout,
    FirstStep,
    /// Only while it is written.
    Transient,
    /// The number it gets.
    Numbered(u32),
}

impl Network {
    /// Linear in the graph, but for tensors in many pieces. Operators are numbered as in
    /// `Graph::file_order`.
    ///
    /// Its tensors are [`Atoms`]: what shares memory by its contents is counted once. What
    /// may be written in place is in `saves`.
    ///
    /// # Errors
    /// [`Stop::Cancelled`](crate::Stop::Cancelled).
    pub(super) fn new(
        graph: &Graph,
        default_alignment: u64,
        variables: Variables,
        sharing: Sharing,
        limits: &Limits,
    ) -> Result<Self> {
        let unit = unit(graph, default_alignment, variables, sharing);
        Self::in_cells(graph, unit, default_alignment, variables, (sharing, limits))
    }

    /// The same with sizes rounded up to cells of `unit` bytes, which divides all alignments.
    pub(super) fn in_cells(
        graph: &Graph,
        unit: u64,
        default_alignment: u64,
        variables: Variables,
        (sharing, limits): (Sharing, &Limits),
    ) -> Result<Self> {
        let order = graph.file_order();
        let mut number = vec![u32::MAX; graph.operators().len()];
        for (place, id) in order.iter().enumerate() {
            number[id.index()] = place as u32;
        }
        let atoms = Atoms::new(graph, default_alignment, (sharing, limits), unit)?;
        let mut network = Self::empty(order.len());
        let mut roles = vec![Role::None; atoms.list.len()];
        for (role, atom) in roles.iter_mut().zip(&atoms.list) {
            *role = network.role(graph.tensor(atom.source), atom, variables);
            network.count(*role, graph.tensor(atom.source), atom);
        }
        let number_of = |atom: u32| match roles[atom as usize] {
            Role::Numbered(number) => Some(number),
            _ => None,
        };
        let numbered = |id: &TensorId| atoms.of(*id).iter().filter_map(|&atom| number_of(atom));
        let operator = |place: usize| graph.operator(order[place]);
        let reads = |place| unique(operator(place).inputs().iter().flat_map(numbered).collect());
        let first_written = |place| operator(place).outputs().iter().flat_map(|&id| atoms.first_in(id));
        let writes = |place| unique(first_written(place).filter_map(number_of).collect());
        // Between passes that are linear in the graph.
        limits.go_on()?;
        network.reads = Rows::new((0..order.len()).map(reads));
        limits.go_on()?;
        network.writes = Rows::new((0..order.len()).map(writes));
        network.readers = network.reads.transposed(network.sizes.len());
        limits.go_on()?;
        for place in 0..order.len() {
            let unread = first_written(place).filter(|&atom| matches!(roles[atom as usize], Role::Transient));
            network.count_transient(
                place,
                unread.map(|atom| &atoms.list[atom as usize]),
                operator(place),
                unit,
            );
        }
        limits.go_on()?;
        let saves = |&id: &OperatorId| {
            limits.go_on()?;
            Ok(saves(graph, id, sharing, unit, &atoms, number_of))
        };
        let saves = order.iter().map(saves).collect::<Result<Vec<_>>>()?;
        network.saves = Saves::new(saves.into_iter());
        let waits = graph.dependencies().map(|(from, to)| (number[to.index()], number[from.index()]));
        limits.go_on()?;
        network.set_waits(waits.collect());
        network.paddings.settle();
        Ok(network)
    }

    pub(super) fn empty(operators: usize) -> Self {
        Self {
            before: Rows::default(),
            after: Rows::default(),
            reads: Rows::default(),
            early: Rows::empty(operators),
            saves: Saves::empty(operators),
            writes: Rows::default(),
            readers: Rows::default(),
            sizes: Vec::new(),
            stays: Vec::new(),
            present: Vec::new(),
            transient: vec![0; operators],
            base: 0,
            first: 0,
            paddings: Paddings { transient: vec![0; operators], ..Paddings::default() },
        }
    }

    fn role(&self, source: &Tensor, atom: &Atom, variables: Variables) -> Role {
        let number = self.sizes.len() as u32;
        if atom.bytes == 0 {
            return Role::None;
        }
        match (source.kind(), atom.is_output) {
            (TensorKind::Constant, _) => Role::None,
            (TensorKind::Variable, _) if variables == Variables::Outside => Role::None,
            (TensorKind::Variable, _) | (TensorKind::Input, true) => Role::Throughout,
            (TensorKind::Input, false) if !atom.is_read => Role::FirstStep,
            (TensorKind::Intermediate, _) if source.producer().is_none() => Role::None,
            (TensorKind::Intermediate, false) if !atom.is_read => Role::Transient,
            (TensorKind::Input | TensorKind::Intermediate, _) => Role::Numbered(number),
        }
    }

    fn count(&mut self, role: Role, source: &Tensor, atom: &Atom) {
        let Atom { bytes: size, padding, .. } = *atom;
        match role {
            Role::None | Role::Transient => {}
            Role::Throughout => {
                self.base += size;
                self.paddings.base = self.paddings.base.max(padding);
            }
            Role::FirstStep => {
                self.first += size;
                self.paddings.first = self.paddings.first.max(padding);
            }
            Role::Numbered(number) => {
                self.sizes.push(size);
                self.stays.push(atom.is_output);
                self.paddings.tensors.push(padding);
                if source.kind() == TensorKind::Input {
                    self.present.push(number);
                }
            }
        }
    }

    fn count_transient<'a>(
        &mut self,
        place: usize,
        unread: impl Iterator<Item = &'a Atom>,
        operator: &crate::graph::Operator,
        unit: u64,
    ) {
        let scratch = operator.scratch_bytes().next_multiple_of(unit);
        let sizes = unread.map(|atom| (atom.bytes, atom.padding));
        for (size, padding) in sizes.chain([(scratch, scratch - operator.scratch_bytes())]) {
            self.transient[place] += size;
            self.paddings.transient[place] = self.paddings.transient[place].max(padding);
        }
    }

    /// Pairs (operator, one that must run before it).
    pub(super) fn set_waits(&mut self, mut waits: Vec<(u32, u32)>) {
        sort_by_keys(&mut waits, |&(operator, before)| [operator.into(), before.into()]);
        waits.dedup();
        let count = self.operator_count();
        let mut rest = waits.as_slice();
        self.before = Rows::new((0..count).map(|operator| {
            let length = rest.iter().take_while(|wait| wait.0 == operator).count();
            let (own, others) = rest.split_at(length);
            rest = others;
            own.iter().map(|wait| wait.1)
        }));
        self.after = self.before.transposed(count as usize);
    }

    /// As [`set_waits`](Self::set_waits) takes them.
    pub(super) fn waits(&self) -> impl Iterator<Item = (u32, u32)> {
        let row = |operator| self.before.row(operator).iter().map(move |&before| (operator, before));
        (0..self.operator_count()).flat_map(row)
    }

    /// By tensor: the operator that writes it, if one does.
    pub(super) fn writers(&self) -> Vec<Option<u32>> {
        let mut writers = vec![None; self.sizes.len()];
        for operator in 0..self.operator_count() {
            for &tensor in self.writes.row(operator) {
                writers[tensor as usize] = Some(operator);
            }
        }
        writers
    }

    pub(super) fn bytes(&self, tensors: &[u32]) -> u64 {
        tensors.iter().map(|&tensor| self.sizes[tensor as usize]).sum()
    }

    /// Bytes at the step of an operator: what it writes, less what it may write in place,
    /// needs for itself, and what is live throughout; and what it reads.
    pub(super) fn step_bytes(&self, operator: u32) -> (u64, u64) {
        let written = self.bytes(self.writes.row(operator));
        let own = self.base + self.own_bytes(operator, written, |_| true);
        (own, self.bytes(self.reads.row(operator)))
    }

    /// Bytes that an operator adds to those that are live before it: what it writes (`written`) and
    /// needs for itself, less what it saves if these tensors die. What is live before it is there
    /// together, so that no more than all of this is saved.
    #[inline]
    pub(super) fn own_bytes(&self, operator: u32, written: u64, dies: impl Fn(u32) -> bool) -> u64 {
        let own = written + self.transient[operator as usize];
        if self.saves.is_empty(operator) {
            return own;
        }
        own.saturating_sub(self.saves.bytes(operator, &self.sizes, dies))
    }

    /// No more than this of what rounding added can hang over the end at a step.
    pub(super) fn padding_at(&self, operator: u32) -> u64 {
        let paddings = &self.paddings;
        paddings.shared.max(paddings.transient[operator as usize])
    }

    pub(super) fn operator_count(&self) -> u32 {
        self.transient.len() as u32
    }

    pub(super) fn tensor_count(&self) -> u32 {
        self.sizes.len() as u32
    }
}

/// The least alignment of what takes room. Where tensors share memory and alignments
/// differ, parts of one need not start at a multiple of it: then bytes are counted as they
/// are.
fn unit(graph: &Graph, default_alignment: u64, variables: Variables, sharing: Sharing) -> u64 {
    let in_arena = |tensor: &&Tensor| match tensor.kind() {
        TensorKind::Constant => false,
        TensorKind::Variable => variables == Variables::Arena && tensor.bytes() > 0,
        TensorKind::Input => tensor.bytes() > 0,
        TensorKind::Intermediate => tensor.bytes() > 0 && tensor.producer().is_some(),
    };
    let tensors = graph.tensors().iter().filter(in_arena);
    let own = tensors.map(|tensor| tensor.alignment().unwrap_or(default_alignment));
    let works = |id: &&OperatorId| graph.operator(**id).scratch_bytes() > 0;
    let scratch = graph.file_order().iter().find(works).map(|_| default_alignment);
    let (mut least, mut most) = (u64::MAX, 1);
    for alignment in own.chain(scratch) {
        (least, most) = (least.min(alignment), most.max(alignment));
    }
    if least > most || (least < most && concerns(graph, sharing)) { 1 } else { least }
}

/// What an operator may save at its step.
fn saves(
    graph: &Graph,
    id: OperatorId,
    sharing: Sharing,
    unit: u64,
    atoms: &Atoms,
    number_of: impl Fn(u32) -> Option<u32>,
) -> Vec<Save> {
    let operator = graph.operator(id);
    if operator.permits().is_empty() {
        return Vec::new();
    }
    let numbered = |ids: &[TensorId]| -> BTreeMap<TensorId, u32> { ids.iter().copied().zip(0..).collect() };
    let (inputs, outputs) = (numbered(operator.inputs()), numbered(operator.outputs()));
    let reuses: Vec<Reuse> = reuses(graph, id, sharing).collect();
    let covered = covered(&reuses, atoms);
    let written = |id: TensorId| {
        if has_rival(id, &covered, atoms) {
            return graph.tensor(id).bytes().checked_next_multiple_of(unit);
        }
        Some(atoms.first_in(id).map(|atom| atoms.list[atom as usize].bytes).sum())
    };
    let mut written_to: BTreeMap<TensorId, Option<u64>> = BTreeMap::new();
    for reuse in &reuses {
        written_to.entry(reuse.output).or_insert_with(|| written(reuse.output));
    }
    let save = |reuse: &Reuse| {
        let &Reuse { input, output, ref region, most, seat } = reuse;
        let read = graph.tensor(input);
        let may_overwrite =
            (read.kind() == TensorKind::Intermediate || read.is_overwritable()) && !read.is_output();
        if !may_overwrite {
            return None;
        }
        // Outputs start at whole cells, so they share whole cells but for the last one.
        // None has as much in the arena.
        let [from, end, most] = [region.start, region.end, most].map(|at| at.checked_next_multiple_of(unit));
        let (from, end, output_bytes) = (from?, end?, written_to[&output]?);
        // What has no number is there throughout, so it does not die.
        let over = atoms.within(input, from, end);
        let needs = unique(over.iter().filter_map(|&atom| number_of(atom)).collect());
        let pair = Pair {
            output: *outputs.get(&output)?,
            input: *inputs.get(&input)?,
            seat,
            most: most?.min(output_bytes),
            output_bytes,
            input_bytes: read.bytes().checked_next_multiple_of(unit)?,
        };
        (pair.most > 0 && !needs.is_empty()).then_some(Save { pair, needs })
    };
    reuses.iter().filter_map(save).collect()
}

/// The atoms of inputs that outputs may overwrite, each with the output, ascending; none where
/// there is only one such output. O(n log n) in the atoms.
fn covered(reuses: &[Reuse], atoms: &Atoms) -> Vec<(u32, TensorId)> {
    let mut pairs: Vec<(TensorId, TensorId)> =
        reuses.iter().map(|reuse| (reuse.output, reuse.input)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    match (pairs.first(), pairs.last()) {
        (Some(first), Some(last)) if first.0 != last.0 => {}
        _ => return Vec::new(),
    }
    let of_input = |(output, input)| atoms.of(input).iter().map(move |&atom| (atom, output));
    let mut covered: Vec<(u32, TensorId)> = pairs.into_iter().flat_map(of_input).collect();
    covered.sort_unstable();
    covered
}

/// Returns true if another output of the operator may overwrite bytes that this one holds.
///
/// Bytes that an output holds of an input are counted once, with the input. In memory, the output
/// either shares them, and only the bytes that the operator writes can lie over another input; or
/// it is a copy. The bytes of a copy are not counted, so a copy over another input saves nothing
/// that is counted, unless a rival overwrites the bytes that were copied: those are counted as live.
/// Then all bytes of the copy count as saved.
fn has_rival(output: TensorId, covered: &[(u32, TensorId)], atoms: &Atoms) -> bool {
    if covered.is_empty() {
        return false;
    }
    let mut held = atoms.of(output).iter().filter(|&&atom| atoms.list[atom as usize].source != output);
    held.any(|&atom| {
        let from = covered.partition_point(|one| one.0 < atom);
        // The outputs over one atom are in order: one of both ends is another one, if any is.
        let end = covered.partition_point(|one| one.0 <= atom);
        covered[from..end].first().is_some_and(|one| one.1 != output)
            || covered[from..end].last().is_some_and(|one| one.1 != output)
    })
}
