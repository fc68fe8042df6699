//! A graph as the scheduler sees it: operators, what they read and write, in flat
//! arrays.

use super::rows::Rows;
use crate::graph::{Graph, Tensor, TensorKind};
use crate::occupant::Variables;
use crate::sorting::unique;

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

/// What becomes of a tensor.
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
    /// Linear in the graph. Operators are numbered as in `Graph::file_order`.
    pub(super) fn new(graph: &Graph, default_alignment: u64, variables: Variables) -> Self {
        let order = graph.file_order();
        let mut number = vec![u32::MAX; graph.operators().len()];
        for (place, id) in order.iter().enumerate() {
            number[id.index()] = place as u32;
        }
        let unit = unit(graph, default_alignment, variables);
        let read = is_read(graph);
        let mut network = Self::empty(order.len());
        let mut roles = vec![Role::None; graph.tensors().len()];
        for (id, tensor) in graph.tensor_ids().zip(graph.tensors()) {
            let role = role(tensor, read[id.index()], variables, network.sizes.len() as u32);
            roles[id.index()] = role;
            network.count(role, tensor, unit);
        }
        let tensor = |id: crate::ids::TensorId| match roles[id.index()] {
            Role::Numbered(number) => Some(number),
            _ => None,
        };
        let operator = |place: usize| graph.operator(order[place]);
        let reads = |place| unique(operator(place).inputs().iter().filter_map(|&id| tensor(id)).collect());
        let writes = |place| unique(operator(place).outputs().iter().filter_map(|&id| tensor(id)).collect());
        network.reads = Rows::new((0..order.len()).map(reads));
        network.writes = Rows::new((0..order.len()).map(writes));
        network.readers = network.reads.transposed(network.sizes.len());
        for place in 0..order.len() {
            network.count_transient(place, graph, operator(place), &roles, unit);
        }
        let waits = graph.dependencies().map(|(from, to)| (number[to.index()], number[from.index()]));
        network.set_waits(waits.collect());
        network.paddings.settle();
        network
    }

    pub(super) fn empty(operators: usize) -> Self {
        Self {
            before: Rows::default(),
            after: Rows::default(),
            reads: Rows::default(),
            early: Rows::empty(operators),
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

    fn count(&mut self, role: Role, tensor: &Tensor, unit: u64) {
        let size = tensor.bytes().next_multiple_of(unit);
        let padding = size - tensor.bytes();
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
                self.stays.push(tensor.is_output());
                self.paddings.tensors.push(padding);
                if tensor.kind() == TensorKind::Input {
                    self.present.push(number);
                }
            }
        }
    }

    fn count_transient(
        &mut self,
        place: usize,
        graph: &Graph,
        operator: &crate::graph::Operator,
        roles: &[Role],
        unit: u64,
    ) {
        let unread = operator.outputs().iter().filter(|id| matches!(roles[id.index()], Role::Transient));
        let sizes = unread.map(|&id| graph.tensor(id).bytes()).chain([operator.scratch_bytes()]);
        for bytes in sizes {
            let size = bytes.next_multiple_of(unit);
            self.transient[place] += size;
            let padding = &mut self.paddings.transient[place];
            *padding = (size - bytes).max(*padding);
        }
    }

    /// Pairs (operator, one that must run before it).
    pub(super) fn set_waits(&mut self, mut waits: Vec<(u32, u32)>) {
        waits.sort_unstable();
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

    /// Bytes at the step of an operator: what it writes, needs for itself, and what is live
    /// throughout; and what it reads.
    pub(super) fn step_bytes(&self, operator: u32) -> (u64, u64) {
        let written = self.bytes(self.writes.row(operator));
        let own = self.base + written + self.transient[operator as usize];
        (own, self.bytes(self.reads.row(operator)))
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

fn role(tensor: &Tensor, is_read: bool, variables: Variables, number: u32) -> Role {
    if tensor.bytes() == 0 {
        return Role::None;
    }
    match (tensor.kind(), tensor.is_output()) {
        (TensorKind::Constant, _) => Role::None,
        (TensorKind::Variable, _) if variables == Variables::Outside => Role::None,
        (TensorKind::Variable, _) | (TensorKind::Input, true) => Role::Throughout,
        (TensorKind::Input, false) if !is_read => Role::FirstStep,
        (TensorKind::Intermediate, _) if tensor.producer().is_none() => Role::None,
        (TensorKind::Intermediate, false) if !is_read => Role::Transient,
        (TensorKind::Input | TensorKind::Intermediate, _) => Role::Numbered(number),
    }
}

/// By tensor: whether an operator that runs reads it.
fn is_read(graph: &Graph) -> Vec<bool> {
    let mut read = vec![false; graph.tensors().len()];
    for &id in graph.file_order() {
        for input in graph.operator(id).inputs() {
            read[input.index()] = true;
        }
    }
    read
}

/// The least alignment of what takes room.
fn unit(graph: &Graph, default_alignment: u64, variables: Variables) -> u64 {
    let in_arena = |tensor: &&Tensor| !matches!(role(tensor, true, variables, 0), Role::None);
    let tensors = graph.tensors().iter().filter(in_arena);
    let own = tensors.map(|tensor| tensor.alignment().unwrap_or(default_alignment));
    let works = |id: &&crate::ids::OperatorId| graph.operator(**id).scratch_bytes() > 0;
    let scratch = graph.file_order().iter().find(works).map(|_| default_alignment);
    own.chain(scratch).min().unwrap_or(1)
}
