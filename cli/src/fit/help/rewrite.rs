//! Changed copies of a graph, whose plans show how much memory a change would save.
//!
//! Tensors keep their ids. Operators are added in the order of a plan, which becomes the copy's program
//! order. Relative placements are not copied, so the graph must have none.

use plimsoll::{
    BodyLink, Graph, GraphBuilder, OperatorBuilder, OperatorId, Permit, SharingLevel, TensorId, TensorKind,
    TensorSpec,
};

/// A copy of a graph under construction.
struct GraphRewrite<'a> {
    graph: &'a Graph,
    builder: GraphBuilder,
    /// Ids of copied operators by original id.
    new_ids: Vec<Option<OperatorId>>,
}

impl<'a> GraphRewrite<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut builder = Graph::builder(graph.name());
        for (id, tensor) in graph.iter_tensors() {
            builder.add_tensor(tensor.name(), tensor.kind(), spec(graph, id, tensor.bytes()));
            if tensor.is_output() {
                builder.output(id);
            }
            if tensor.is_overwritable() {
                builder.overwritable(id);
            }
        }
        for [first, second] in graph.kept_apart() {
            builder.keep_apart(*first, *second);
        }
        Self { graph, builder, new_ids: vec![None; graph.operators().len()] }
    }

    /// Copies an operator with renamed tensors and those permissions that `keeps` accepts.
    fn copy_operator(
        &mut self,
        id: OperatorId,
        renamed: impl Fn(TensorId) -> TensorId,
        keeps: impl Fn(&Permit) -> bool,
    ) -> OperatorId {
        let operator = self.graph.operator(id);
        let permits = operator.permits().iter().filter(|permit| keeps(permit));
        let permits: Vec<_> = permits.filter_map(|permit| renamed_permit(*permit, &renamed)).collect();
        let links = operator.links().iter().map(|link| BodyLink { tensor: renamed(link.tensor), ..*link });
        let new = self.add_operator(id, &renamed).runs(operator.bodies().iter().cloned()).links(links);
        let new = new.writes(operator.outputs().iter().map(|&output| renamed(output))).permits(permits).id();
        self.new_ids[id.index()] = Some(new);
        new
    }

    /// Adds an operator with the renamed inputs, the scratch and the predecessors of an original one.
    fn add_operator(
        &mut self,
        id: OperatorId,
        renamed: impl Fn(TensorId) -> TensorId,
    ) -> OperatorBuilder<'_> {
        let operator = self.graph.operator(id);
        let after: Vec<_> =
            operator.runs_after().iter().filter_map(|other| self.new_ids[other.index()]).collect();
        let new = self.builder.operator(operator.name()).op_type(operator.op_type());
        let new = new.scratch(operator.scratch_bytes()).after(after);
        new.reads(operator.inputs().iter().map(|&input| renamed(input)))
    }
}

/// Size `bytes` with the alignment of a tensor of the graph.
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
        Permit::ConcatSlice { at, .. } => Permit::ConcatSlice { input, output, at },
        Permit::Overlap { bytes, lower, .. } => Permit::Overlap { input, output, bytes, lower },
        _ => return None,
    })
}

/// Lowest level of sharing that uses a permission.
pub fn level(permit: &Permit) -> SharingLevel {
    match permit {
        Permit::View { .. } => SharingLevel::Views,
        Permit::InPlace { .. } => SharingLevel::InPlace,
        _ => SharingLevel::All,
    }
}

/// Copy in which only the operator `alone` has permissions beyond the level `shared`.
pub fn with_permits_of(
    graph: &Graph,
    order: &[OperatorId],
    alone: OperatorId,
    shared: SharingLevel,
) -> plimsoll::Result<Graph> {
    let mut copy = GraphRewrite::new(graph);
    for &id in order {
        copy.copy_operator(id, |tensor| tensor, |permit| id == alone || level(permit) <= shared);
    }
    copy.builder.build()
}

/// Copy in which a tensor is evicted over a step: a second tensor replaces it from its next read on.
///
/// The second tensor is written just before that read, by an operator that needs no memory but its
/// output. So the plan is an estimate for a reload or recomputation.
pub fn with_eviction(
    graph: &Graph,
    order: &[OperatorId],
    step: u32,
    tensor: TensorId,
) -> plimsoll::Result<Graph> {
    let mut copy = GraphRewrite::new(graph);
    let mut reloaded = None;
    for (at, &id) in (0..).zip(order) {
        let is_late = at > step && graph.operator(id).inputs().contains(&tensor);
        if is_late && reloaded.is_none() {
            let original = graph.tensor(tensor);
            let second = copy.builder.tensor(original.name(), spec(graph, tensor, original.bytes()));
            let peak = copy.new_ids[order[step as usize].index()];
            copy.builder.operator("reload").writes([second]).after(peak);
            for pair in graph.kept_apart().iter().filter(|pair| pair.contains(&tensor)) {
                copy.builder.keep_apart(second, if pair[0] == tensor { pair[1] } else { pair[0] });
            }
            reloaded = Some(second);
        }
        let replacement = reloaded.filter(|_| is_late);
        let renamed = |input| if input == tensor { replacement.unwrap_or(input) } else { input };
        copy.copy_operator(id, renamed, |_| true);
    }
    copy.builder.build()
}

/// Two operators that can run in stripes, and the tensor between them.
#[derive(Clone, Copy)]
pub struct StripePair {
    pub first: OperatorId,
    pub second: OperatorId,
    /// Output of the first operator, read by the second one only.
    pub between: TensorId,
    /// Output of the second operator.
    output: TensorId,
}

/// Axis of the stripes: rows in layout NCHW, columns in NHWC.
const STRIPE_AXIS: usize = 2;

impl StripePair {
    /// The pair around a tensor with one reader, if both of its operators can run in stripes.
    pub fn around(graph: &Graph, between: TensorId) -> Option<Self> {
        let tensor = graph.tensor(between);
        let (first, &[second]) = (tensor.producer()?, tensor.readers()) else { return None };
        let operators = [graph.operator(first), graph.operator(second)];
        let (&[_], &[output]) = (operators[0].outputs(), operators[1].outputs()) else { return None };
        let mut apart = graph.kept_apart().iter();
        let is_free =
            !tensor.is_output() && !apart.any(|pair| pair.contains(&between) || pair.contains(&output));
        let is_awaited = graph.operators().iter().any(|operator| operator.runs_after().contains(&first));
        let has_stripes = operators.iter().all(|operator| can_run_in_stripes(operator.op_type()));
        let mut operands = operators.iter().flat_map(|operator| operator.inputs()).chain([&output]);
        let is_stateless = operands.all(|id| graph.tensor(*id).kind() != TensorKind::Variable);
        let pair = Self { first, second, between, output };
        (is_free && !is_awaited && has_stripes && is_stateless && pair.max_stripes(graph) > 1).then_some(pair)
    }

    /// Largest number of stripes.
    pub fn max_stripes(self, graph: &Graph) -> u64 {
        let extent = |id| match graph.tensor(id).shape() {
            Some(shape) if shape.len() == 4 => shape[STRIPE_AXIS],
            _ => 0,
        };
        extent(self.between).min(extent(self.output))
    }

    /// Copy in which the two operators alternate stripe by stripe, so that only one stripe of the tensor
    /// between them is live at a time. The overlap of neighbouring stripes is not counted.
    pub fn with_stripes(self, graph: &Graph, order: &[OperatorId], count: u64) -> plimsoll::Result<Graph> {
        let mut copy = GraphRewrite::new(graph);
        for &id in order.iter().filter(|id| **id != self.first) {
            if id == self.second {
                self.add_stripes(&mut copy, count);
                continue;
            }
            let copied = copy.copy_operator(id, |tensor| tensor, |_| true);
            if graph.operator(id).inputs().contains(&self.output) {
                let last = copy.new_ids[self.second.index()];
                if let Some(copied) = copy.builder.operator_mut(copied) {
                    copied.after(last);
                }
            }
        }
        copy.builder.build()
    }

    /// Adds both operators once per stripe.
    ///
    /// The first stripe of the second operator writes its output. A tensor has one writer, so the other
    /// stripes only read the output, which keeps it live, and write nothing.
    fn add_stripes(self, copy: &mut GraphRewrite, count: u64) {
        let graph = copy.graph;
        let tensor = graph.tensor(self.between);
        let extent = tensor.shape().map_or(1, |shape| shape[STRIPE_AXIS]).max(1);
        let bytes = tensor.bytes().div_ceil(extent).saturating_mul(extent.div_ceil(count));
        let mut last: Option<OperatorId> = None;
        for _ in 0..count {
            let stripe = copy.builder.tensor(tensor.name(), spec(graph, self.between, bytes));
            for id in [self.first, self.second] {
                let renamed = |operand| if operand == self.between { stripe } else { operand };
                let is_later = last.is_some() && id == self.second;
                let outputs = graph.operator(id).outputs().iter().map(|&output| renamed(output));
                let striped = copy.add_operator(id, renamed).reads(is_later.then_some(self.output));
                let striped = striped.writes(outputs.filter(|_| !is_later)).after(last).id();
                if id == self.second {
                    last = Some(striped);
                    copy.new_ids[id.index()] = Some(striped);
                }
            }
        }
    }
}

/// Operator types, without underscores, whose output needs for a stripe only a stripe of each input; as in
/// ONNX or TensorFlow Lite.
const STRIPED: &str = "conv conv2d depthwiseconv2d qlinearconv convinteger fusedconv maxpool maxpool2d averagepool \
    averagepool2d relu relu6 prelu leakyrelu clip elu sigmoid logistic tanh hardswish hardsigmoid silu gelu \
    batchnormalization quantizelinear dequantizelinear quantize dequantize";

fn can_run_in_stripes(op_type: &str) -> bool {
    let name = op_type.replace('_', "").to_lowercase();
    STRIPED.split(' ').any(|striped| striped == name)
}
