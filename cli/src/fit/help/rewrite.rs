//! Networks with something changed, to see by a plan what that would save.
//!
//! Tensors keep their ids; operators are added in the order of a plan, so that it is the
//! order of the file. Relative placements are not kept: who has some must not come here.

use plimsoll::{Graph, GraphBuilder, OperatorId, Permit, Sharing, TensorId, TensorSpec};

struct Rewrite<'a> {
    graph: &'a Graph,
    builder: GraphBuilder,
    /// New ids by old ones, of operators that are there already.
    ids: Vec<Option<OperatorId>>,
}

impl<'a> Rewrite<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut builder = Graph::builder(graph.name());
        for (id, tensor) in graph.tensor_ids().zip(graph.tensors()) {
            builder.add_tensor(tensor.name(), tensor.kind(), spec(graph, id, tensor.bytes()));
            if tensor.is_output() {
                builder.output(id);
            }
            if tensor.is_overwritable() {
                builder.overwritable(id);
            }
        }
        for [one, other] in graph.kept_apart() {
            builder.keep_apart(*one, *other);
        }
        Self { graph, builder, ids: vec![None; graph.operators().len()] }
    }

    /// An operator with other tensors, and only such permissions.
    fn copy(
        &mut self,
        id: OperatorId,
        renamed: impl Fn(TensorId) -> TensorId,
        keeps: impl Fn(&Permit) -> bool,
    ) -> OperatorId {
        let operator = self.graph.operator(id);
        let after: Vec<_> =
            operator.runs_after().iter().filter_map(|other| self.ids[other.index()]).collect();
        let permits = operator.permits().iter().filter(|permit| keeps(permit));
        let permits: Vec<_> = permits.filter_map(|permit| renamed_permit(*permit, &renamed)).collect();
        let new = self.builder.operator(operator.name());
        let new = new.op_type(operator.op_type()).scratch(operator.scratch_bytes());
        let new = new.runs(operator.bodies().iter().cloned());
        let new = new.reads(operator.inputs().iter().map(|&input| renamed(input)));
        let new = new.writes(operator.outputs().iter().map(|&output| renamed(output)));
        let new = new.after(after).permits(permits).id();
        self.ids[id.index()] = Some(new);
        new
    }
}

fn spec(graph: &Graph, id: TensorId, bytes: u64) -> TensorSpec {
    let spec = TensorSpec::bytes(bytes);
    match graph.tensor(id).alignment() {
        Some(alignment) => spec.align(alignment),
        None => spec,
    }
}

fn renamed_permit(permit: Permit, renamed: impl Fn(TensorId) -> TensorId) -> Option<Permit> {
    let (input, output) = (renamed(permit.input()), renamed(permit.output()));
    Some(match permit {
        Permit::InPlace { .. } => Permit::InPlace { input, output },
        Permit::View { at, .. } => Permit::View { input, output, at },
        Permit::Piece { at, .. } => Permit::Piece { input, output, at },
        Permit::Overlap { bytes, lower, .. } => Permit::Overlap { input, output, bytes, lower },
        _ => return None,
    })
}

/// The level from which on this is done.
pub fn level(permit: &Permit) -> Sharing {
    match permit {
        Permit::View { .. } => Sharing::Views,
        Permit::InPlace { .. } => Sharing::InPlace,
        _ => Sharing::All,
    }
}

/// Only this operator may share more than what is shared already.
pub fn with_permits_of(
    graph: &Graph,
    order: &[OperatorId],
    alone: OperatorId,
    shared: Sharing,
) -> plimsoll::Result<Graph> {
    let mut new = Rewrite::new(graph);
    for &id in order {
        new.copy(id, |tensor| tensor, |permit| id == alone || level(permit) <= shared);
    }
    new.builder.build()
}

/// A tensor does not stay over a step, but comes back just before it is read again: it has
/// no room in between, and to bring it back needs none but its own.
pub fn without(graph: &Graph, order: &[OperatorId], step: u32, tensor: TensorId) -> plimsoll::Result<Graph> {
    let mut new = Rewrite::new(graph);
    let mut back = None;
    for (at, &id) in (0..).zip(order) {
        let is_late = at > step && graph.operator(id).inputs().contains(&tensor);
        if is_late && back.is_none() {
            let own = graph.tensor(tensor);
            let again = new.builder.tensor(own.name(), spec(graph, tensor, own.bytes()));
            let peak = new.ids[order[step as usize].index()];
            new.builder.operator("bring back").writes([again]).after(peak);
            for pair in graph.kept_apart().iter().filter(|pair| pair.contains(&tensor)) {
                new.builder.keep_apart(again, if pair[0] == tensor { pair[1] } else { pair[0] });
            }
            back = Some(again);
        }
        let late = back.filter(|_| is_late);
        new.copy(id, |one| if one == tensor { late.unwrap_or(one) } else { one }, |_| true);
    }
    new.builder.build()
}

/// Two operators, and what the first writes for the second alone.
#[derive(Clone, Copy)]
pub struct Pair {
    pub first: OperatorId,
    pub second: OperatorId,
    pub between: TensorId,
    whole: TensorId,
}

/// The axis that is rows where channels come first, and columns where they come last.
const AXIS: usize = 2;

impl Pair {
    /// What is written by one operator and read by one, both of a kind that works on stripes.
    pub fn around(graph: &Graph, between: TensorId) -> Option<Self> {
        let tensor = graph.tensor(between);
        let (first, &[second]) = (tensor.producer()?, tensor.readers()) else { return None };
        let [one, other] = [graph.operator(first), graph.operator(second)];
        let (&[_], &[whole]) = (one.outputs(), other.outputs()) else { return None };
        let apart = graph.kept_apart().iter().any(|pair| pair.contains(&between) || pair.contains(&whole));
        let is_free = !tensor.is_output() && !apart;
        let waits = graph.operators().iter().any(|waiting| waiting.runs_after().contains(&first));
        let works = [one, other].iter().all(|operator| works_on_stripes(operator.op_type()));
        let touched = one.inputs().iter().chain(other.inputs()).chain([&whole]);
        let stateless = touched.clone().all(|id| graph.tensor(*id).kind() != plimsoll::TensorKind::Variable);
        let found = Self { first, second, between, whole };
        (is_free && !waits && works && stateless && found.most(graph) > 1).then_some(found)
    }

    /// No more stripes than this.
    pub fn most(self, graph: &Graph) -> u64 {
        let along = |id| match graph.tensor(id).shape() {
            Some(shape) if shape.len() == 4 => shape[AXIS],
            _ => 0,
        };
        along(self.between).min(along(self.whole))
    }

    /// The two run stripe by stripe, so that only a stripe of what is between them is there
    /// at a time. What neighbouring stripes need of each other is not counted.
    pub fn striped(self, graph: &Graph, order: &[OperatorId], count: u64) -> plimsoll::Result<Graph> {
        let mut new = Rewrite::new(graph);
        for &id in order.iter().filter(|id| **id != self.first) {
            if id == self.second {
                self.add_stripes(&mut new, count);
                continue;
            }
            let copied = new.copy(id, |tensor| tensor, |_| true);
            if graph.operator(id).inputs().contains(&self.whole) {
                let last = new.ids[self.second.index()];
                if let Some(copied) = new.builder.operator_mut(copied) {
                    copied.after(last);
                }
            }
        }
        new.builder.build()
    }

    /// The first stripe of the second operator makes its output; the others add to it.
    fn add_stripes(self, new: &mut Rewrite, count: u64) {
        let graph = new.graph;
        let tensor = graph.tensor(self.between);
        let along = tensor.shape().map_or(1, |shape| shape[AXIS]).max(1);
        let bytes = tensor.bytes().div_ceil(along).saturating_mul(along.div_ceil(count));
        let mut last: Option<OperatorId> = None;
        for _ in 0..count {
            let stripe = new.builder.tensor(tensor.name(), spec(graph, self.between, bytes));
            for id in [self.first, self.second] {
                let renamed = |one| if one == self.between { stripe } else { one };
                let operator = graph.operator(id);
                let is_later = last.is_some() && (id == self.second);
                let after: Vec<_> =
                    operator.runs_after().iter().filter_map(|other| new.ids[other.index()]).collect();
                let one = new.builder.operator(operator.name());
                let one = one.op_type(operator.op_type()).scratch(operator.scratch_bytes());
                let one = one.reads(operator.inputs().iter().map(|&input| renamed(input)));
                let one = one.reads(is_later.then_some(self.whole));
                let outputs = operator.outputs().iter().map(|&output| renamed(output));
                let one = one.writes(outputs.filter(|_| !is_later)).after(after).after(last);
                let one = one.id();
                if id == self.second {
                    last = Some(one);
                    new.ids[id.index()] = Some(one);
                }
            }
        }
    }
}

/// Whether a part of the output needs only such a part of the inputs, in the spelling of
/// ONNX or TensorFlow Lite.
fn works_on_stripes(op_type: &str) -> bool {
    let plain: String = op_type.chars().filter(|one| *one != '_').collect::<String>().to_lowercase();
    matches!(
        plain.as_str(),
        "conv"
            | "conv2d"
            | "depthwiseconv2d"
            | "qlinearconv"
            | "convinteger"
            | "fusedconv"
            | "maxpool"
            | "maxpool2d"
            | "averagepool"
            | "averagepool2d"
            | "relu"
            | "relu6"
            | "prelu"
            | "leakyrelu"
            | "clip"
            | "elu"
            | "sigmoid"
            | "logistic"
            | "tanh"
            | "hardswish"
            | "hardsigmoid"
            | "silu"
            | "gelu"
            | "batchnormalization"
            | "quantizelinear"
            | "dequantizelinear"
            | "quantize"
            | "dequantize"
    )
}
