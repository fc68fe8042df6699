//! Changed copies of a graph, whose plans show how much memory a change would save.
//!
//! Tensors keep their ids. Operators are added in the order of a plan, which becomes the copy's program
//! order. Relative placements are not copied, so the graph must have none.

use plimsoll::{
    BodyLink, Graph, GraphBuilder, OperatorBuilder, OperatorId, Permit, SharingLevel, TensorId, TensorSpec,
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
            builder.input_contents(id, tensor.input_contents());
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

/// Size `bytes` with the alignment and the storage of a tensor of the graph.
fn spec(graph: &Graph, id: TensorId, bytes: u64) -> TensorSpec {
    let spec = TensorSpec::bytes(bytes).stored(graph.tensor(id).storage().clone());
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
