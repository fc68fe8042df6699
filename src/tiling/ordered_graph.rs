//! The graph in one order, as dense arrays: which operators can be split, and how they read.

use crate::graph::{Graph, Permit, RowMap, Storage, Tensor, TensorKind};
use crate::support::ids::{OperatorId, TensorId};

/// Position of an operator in the order.
pub(crate) type Position = u32;

/// Position of the first read of a graph output by the caller, after all operators.
pub(crate) const AT_THE_END: Position = u32::MAX;

/// The axis along which an operator is split, of those that its access map offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisChoice {
    /// The axis that agrees with most inputs, the first one on ties.
    Agreeing,
    /// The first axis, whatever the axes of its inputs are.
    First,
    /// The axis along which most outputs are read, the first one on ties.
    Read,
}

/// The graph in one order.
pub(crate) struct OrderedGraph<'g> {
    pub(crate) graph: &'g Graph,
    choice: AxisChoice,
    pub(crate) order: Vec<OperatorId>,
    /// By position.
    pub(crate) operators: Vec<OrderedOperator>,
    /// By tensor id. Constants and tensors outside of the arena have no bytes.
    pub(crate) tensors: Vec<OrderedTensor>,
    is_constrained: Vec<bool>,
    /// By tensor: the axis along which the first operator that reads it is split, for [`AxisChoice::Read`].
    read_along: Vec<Option<usize>>,
}

pub(crate) struct OrderedOperator {
    /// The axis that is split, as an index in the operator's access map; none if the operator must
    /// run as a whole.
    pub(crate) axis: Option<usize>,
    pub(crate) inputs: Vec<RowLink>,
    pub(crate) outputs: Vec<TensorId>,
    /// Rows of the outputs along the axis.
    pub(crate) rows: u64,
    /// Cost of one row of all outputs.
    pub(crate) row_cost: u64,
    /// Bytes of constants that the operator reads.
    pub(crate) constant_bytes: u64,
    pub(crate) scratch: u64,
    /// The most bytes that permissions to share memory save at the step of the whole operator.
    pub(crate) saving: u64,
}

/// An input that is no constant; each tensor once for each row map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowLink {
    pub(crate) tensor: TensorId,
    /// How rows of the operator read rows of the tensor; none if they read all of it.
    pub(crate) map: Option<RowMap>,
    /// Output that may be written over the input, if there is one: its position.
    pub(crate) over: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct OrderedTensor {
    /// Bytes in the arena.
    pub(crate) bytes: u64,
    /// The axis that is split; none if the tensor cannot be split.
    pub(crate) axis: Option<usize>,
    /// Rows along that axis. 0 without an axis.
    pub(crate) rows: u64,
    pub(crate) row_bytes: u64,
    /// True if consecutive rows are consecutive in memory.
    pub(crate) is_contiguous: bool,
    /// The step after which the tensor exists: 0 for graph inputs, the producer's position + 1.
    pub(crate) born: Position,
    /// The last position that reads the tensor; [`AT_THE_END`] for graph outputs. The producer's own
    /// position if nothing reads it.
    pub(crate) last: Position,
}

impl OrderedTensor {
    pub(crate) fn producer(&self) -> Option<Position> {
        self.born.checked_sub(1)
    }
}

impl<'g> OrderedGraph<'g> {
    /// O(operators + edges).
    pub(crate) fn new(graph: &'g Graph, order: &[OperatorId], choice: AxisChoice) -> Self {
        let mut net = Self {
            graph,
            choice,
            order: order.to_vec(),
            operators: Vec::with_capacity(order.len()),
            tensors: graph.tensors().iter().map(whole).collect(),
            is_constrained: constrained_tensors(graph),
            read_along: vec![None; graph.tensors().len()],
        };
        if choice == AxisChoice::Read {
            net.find_axes_of_readers();
        }
        for (position, &id) in order.iter().enumerate() {
            let operator = net.operator(id);
            let position = position as Position;
            for link in &operator.inputs {
                let tensor = &mut net.tensors[link.tensor.index()];
                tensor.last = tensor.last.max(position);
            }
            for &output in &operator.outputs {
                let tensor = &mut net.tensors[output.index()];
                tensor.born = position + 1;
                tensor.last = tensor.last.max(position);
            }
            net.operators.push(operator);
        }
        for position in 0..net.operators.len() {
            net.operators[position].saving = net.whole_saving(position as Position);
        }
        net
    }

    fn operator(&mut self, id: OperatorId) -> OrderedOperator {
        let node = self.graph.operator(id);
        let axis = self.best_axis(id);
        let map = node.access().zip(axis).map(|(access, axis)| (access, &access.axes()[axis]));
        let mut inputs = Vec::new();
        let mut constant_bytes = 0u64;
        for (at, &tensor) in node.inputs().iter().enumerate() {
            match self.graph.tensor(tensor).kind() {
                TensorKind::Constant => {
                    constant_bytes = constant_bytes.saturating_add(self.graph.tensor(tensor).bytes());
                }
                TensorKind::Variable => {}
                TensorKind::Input | TensorKind::Intermediate => {
                    let rows = map.and_then(|(_, axis)| axis.inputs().get(at).copied().flatten());
                    if let Some((axis, _)) = rows {
                        self.split(tensor, axis);
                    }
                    // A tensor that another axis splits cannot be read by rows here.
                    let rows = rows.filter(|&(axis, _)| self.tensors[tensor.index()].axis == Some(axis));
                    let link = RowLink {
                        tensor,
                        map: rows.map(|(_, map)| map),
                        over: over(node.permits(), tensor, node.outputs()),
                    };
                    if !inputs.contains(&link) {
                        inputs.push(link);
                    }
                }
            }
        }
        let mut rows = 0;
        let mut cost = 0u64;
        if let Some((access, axis)) = map {
            for (&output, &at) in node.outputs().iter().zip(axis.outputs()) {
                self.split(output, at);
                rows = self.graph.tensor(output).shape().map_or(0, |shape| shape[at]);
                let elements =
                    self.graph.tensor(output).shape().map_or(0, |shape| {
                        shape.iter().fold(1u64, |product, &dim| product.saturating_mul(dim))
                    });
                cost = cost.saturating_add(elements.saturating_mul(access.cost_per_element()));
            }
        }
        OrderedOperator {
            axis: axis.filter(|_| rows > 0),
            inputs,
            outputs: node.outputs().to_vec(),
            rows,
            row_cost: cost.checked_div(rows).unwrap_or(0),
            constant_bytes,
            scratch: node.scratch_bytes(),
            saving: 0,
        }
    }

    /// The axis of the access map; if axes shall agree, the one under which most inputs are split along the
    /// axis that their producers have. None if the operator must run as a whole.
    fn best_axis(&self, id: OperatorId) -> Option<usize> {
        let node = self.graph.operator(id);
        let touches_variable = |id: &TensorId| self.graph.tensor(*id).kind() == TensorKind::Variable;
        if !node.bodies().is_empty()
            || !node.runs_after().is_empty()
            || node.inputs().iter().chain(node.outputs()).any(touches_variable)
        {
            return None;
        }
        let may_write = |(_, axis): &(usize, &crate::graph::TileAxis)| {
            let mut outputs = node.outputs().iter().zip(axis.outputs());
            outputs.all(|(id, &at)| may_split(self.graph.tensor(*id), at, self.is_constrained[id.index()]))
        };
        let read = |axis: &crate::graph::TileAxis| {
            let outputs = node.outputs().iter().zip(axis.outputs());
            outputs.filter(|(id, at)| self.read_along[id.index()] == Some(**at)).count()
        };
        let agreeing = |axis: &crate::graph::TileAxis| {
            let maps = node.inputs().iter().zip(axis.inputs());
            maps.filter(|(input, map)| {
                map.is_some_and(|(at, _)| self.tensors[input.index()].axis == Some(at))
            })
            .count()
        };
        let axes = node.access()?.axes().iter().enumerate().filter(may_write);
        let count = |axis: &crate::graph::TileAxis| match self.choice {
            AxisChoice::Agreeing => agreeing(axis),
            AxisChoice::First => 0,
            AxisChoice::Read => read(axis),
        };
        axes.rev().max_by_key(|(_, axis)| count(axis)).map(|(at, _)| at)
    }

    /// Finds, from the last operator to the first one, the axis of each tensor's first reader.
    fn find_axes_of_readers(&mut self) {
        for position in (0..self.order.len()).rev() {
            let id = self.order[position];
            let Some(axis) = self.best_axis(id) else { continue };
            let node = self.graph.operator(id);
            let Some(access) = node.access() else { continue };
            for (&input, rows) in node.inputs().iter().zip(access.axes()[axis].inputs()) {
                if let Some((along, _)) = rows {
                    self.read_along[input.index()] = Some(*along);
                }
            }
        }
    }

    /// Records that rows of the tensor along `axis` are read or written, if nothing split it before.
    fn split(&mut self, id: TensorId, axis: usize) {
        let tensor = &mut self.tensors[id.index()];
        if tensor.axis.is_some() {
            return;
        }
        let Some(shape) = self.graph.tensor(id).shape() else { return };
        let rows = shape[axis];
        if rows == 0 || !tensor.bytes.is_multiple_of(rows) {
            return;
        }
        let old = self.graph.tensor(id);
        // Other entries and exits stay whole.
        let is_contiguous =
            old.has_contiguous_rows(axis) && may_split(old, axis, self.is_constrained[id.index()]);
        (tensor.axis, tensor.rows, tensor.row_bytes) = (Some(axis), rows, tensor.bytes / rows);
        tensor.is_contiguous = is_contiguous;
    }

    /// The most bytes that an operator's permissions save at its step, when it runs as a whole.
    fn whole_saving(&self, position: Position) -> u64 {
        let node = self.graph.operator(self.order[position as usize]);
        let dies = |id: TensorId| self.tensors[id.index()].last == position;
        let mut saved = 0;
        for &output in node.outputs() {
            let bytes = self.tensors[output.index()].bytes;
            let mut best = 0;
            let mut pieces = 0u64;
            for permit in node.permits().iter().filter(|permit| permit.output() == output) {
                let input = self.tensors[permit.input().index()].bytes;
                match permit {
                    Permit::View { .. } => best = best.max(bytes.min(input)),
                    Permit::InPlace { input: id, .. } if dies(*id) && self.is_overwritable(*id) => {
                        best = best.max(bytes.min(input));
                    }
                    Permit::ConcatSlice { input: id, .. } if dies(*id) => {
                        pieces = pieces.saturating_add(input);
                    }
                    _ => {}
                }
            }
            saved += best.max(pieces.min(bytes));
        }
        saved
    }

    pub(crate) fn is_overwritable(&self, id: TensorId) -> bool {
        let tensor = self.graph.tensor(id);
        tensor.kind() == TensorKind::Intermediate || tensor.is_overwritable()
    }

    pub(crate) fn tensor(&self, id: TensorId) -> &OrderedTensor {
        &self.tensors[id.index()]
    }

    /// Bytes live at the step of each position when every operator runs as a whole, less what
    /// permissions save, and bytes live between each position and the one before.
    pub(crate) fn loads(&self) -> (Vec<u64>, Vec<u64>) {
        let count = self.operators.len();
        let mut change = vec![0i128; count + 2];
        let mut at_step = vec![0i128; count + 2];
        for tensor in &self.tensors {
            if tensor.last == UNUSED {
                continue;
            }
            let end = (tensor.last as usize).min(count);
            let bytes = i128::from(tensor.bytes);
            // Live before position p for born <= p <= last; at the step of its producer as well.
            change[(tensor.born as usize).min(count + 1)] += bytes;
            change[(end + 1).min(count + 1)] -= bytes;
            if let Some(producer) = tensor.producer() {
                at_step[producer as usize] += bytes;
            }
        }
        let mut live = 0i128;
        let mut between = Vec::with_capacity(count + 1);
        let mut steps = Vec::with_capacity(count);
        for position in 0..=count {
            live += change[position];
            between.push(u64::try_from(live).unwrap_or(0));
            if let Some(operator) = self.operators.get(position) {
                let load =
                    live + at_step[position] + i128::from(operator.scratch) - i128::from(operator.saving);
                steps.push(u64::try_from(load).unwrap_or(0));
            }
        }
        (steps, between)
    }

    /// True if another graph has the same order and axes.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let axes = |net: &Self| net.operators.iter().map(|operator| operator.axis).collect::<Vec<_>>();
        self.order == other.order && axes(self) == axes(other)
    }

    /// Cost of all operators, each run once.
    pub(crate) fn total_cost(&self) -> u64 {
        let each = |operator: &OrderedOperator| operator.row_cost.saturating_mul(operator.rows);
        self.operators.iter().map(each).fold(0, u64::saturating_add)
    }
}

/// `last` of a tensor that no operator writes or reads.
const UNUSED: Position = u32::MAX - 1;

/// A tensor before any operator is known to split it.
fn whole(tensor: &Tensor) -> OrderedTensor {
    let bytes = match tensor.kind() {
        TensorKind::Input | TensorKind::Intermediate if !tensor.is_outside() => tensor.bytes(),
        _ => 0,
    };
    let is_used = tensor.producer().is_some() || tensor.kind() == TensorKind::Input;
    let last = if tensor.is_needed_at_end() {
        AT_THE_END
    } else if is_used {
        0
    } else {
        UNUSED
    };
    OrderedTensor { bytes, axis: None, rows: 0, row_bytes: 0, is_contiguous: false, born: 0, last }
}

/// The position of the output that a permission writes over the input, or makes a view of it.
fn over(permits: &[Permit], input: TensorId, outputs: &[TensorId]) -> Option<u32> {
    let permit = permits.iter().find(|permit| match permit {
        Permit::InPlace { input: id, .. } | Permit::View { input: id, at: 0, .. } => *id == input,
        _ => false,
    })?;
    let at = outputs.iter().position(|&output| output == permit.output())?;
    Some(at as u32)
}

/// By tensor: true if its place is given or depends on the place of other tensors, or if it requests a storage, so
/// that it must not be split.
pub(super) fn constrained_tensors(graph: &Graph) -> Vec<bool> {
    let is_given = |tensor: &Tensor| tensor.fixed_offset().is_some() || *tensor.storage() != Storage::Arena;
    let mut is_constrained: Vec<bool> = graph.tensors().iter().map(is_given).collect();
    let placements = graph.relative_placements().iter().map(|placement| [placement.tensor, placement.of]);
    for pair in placements.chain(graph.kept_apart().iter().copied()) {
        for id in pair {
            is_constrained[id.index()] = true;
        }
    }
    is_constrained
}

/// True if a tensor may lie in parts along an axis: all rows have the alignment that it states, and it has no
/// [constraint](constrained_tensors).
pub(super) fn may_split(tensor: &Tensor, axis: usize, is_constrained: bool) -> bool {
    let rows = tensor.shape().map_or(0, |shape| shape[axis]).max(1);
    !is_constrained
        && tensor.alignment().is_none_or(|alignment| (tensor.bytes() / rows).is_multiple_of(alignment))
}
