//! The occupants of an arena with unique names: the rows of every format.

use super::names::unique_names;
use crate::{
    Graph, LiveRange, Occupant, OperatorId, Placement, Plan, PoolId, PoolPlan, Problem, Residency, Solution,
    TensorId,
};

/// A row for a tensor, a buffer or scratch. `index` counts tensors, buffers or operators.
pub(super) struct Item {
    pub index: usize,
    pub name: String,
    pub alignment: u64,
    pub place: Placement,
    /// Steps at which other buffers may use its memory.
    #[cfg_attr(not(any(feature = "csv", feature = "json")), expect(dead_code, reason = "not in a C header"))]
    pub gaps: Vec<LiveRange>,
    /// The shared object that contains it.
    pub object: Option<u32>,
}

pub(super) fn tensor_names(graph: &Graph) -> Vec<String> {
    unique_names(graph.tensors().iter().map(crate::Tensor::name))
}

pub(super) fn buffer_names(problem: &Problem) -> Vec<String> {
    let names: Vec<String> = problem.ids().map(|id| problem.name(id)).collect();
    unique_names(names.iter().map(String::as_str))
}

/// The tensors in the arena, by id.
pub(super) fn tensors(graph: &Graph, plan: &Plan) -> Vec<Item> {
    let mut names = tensor_names(graph);
    let placed = |id: TensorId| {
        Some(Item {
            index: id.index(),
            name: std::mem::take(&mut names[id.index()]),
            alignment: graph.tensor(id).alignment().unwrap_or(plan.alignment),
            place: plan.placement(Occupant::Tensor(id))?,
            gaps: Vec::new(),
            object: plan.objects.as_ref().and_then(|objects| objects.of(Occupant::Tensor(id))),
        })
    };
    graph.tensor_ids().filter_map(placed).collect()
}

/// The scratch in the arena, by operator, with the name of the operator.
pub(super) fn scratch(graph: &Graph, plan: &Plan) -> Vec<Item> {
    let mut names = unique_names(graph.operators().iter().map(crate::Operator::name));
    let placed = |id: OperatorId| {
        Some(Item {
            index: id.index(),
            name: std::mem::take(&mut names[id.index()]),
            alignment: graph.operator(id).scratch_alignment(plan.alignment),
            place: plan.placement(Occupant::Scratch(id))?,
            gaps: Vec::new(),
            object: plan.objects.as_ref().and_then(|objects| objects.of(Occupant::Scratch(id))),
        })
    };
    graph.operator_ids().filter_map(placed).collect()
}

/// All buffers, by id.
pub(super) fn buffers(problem: &Problem, solution: &Solution) -> Vec<Item> {
    let names = buffer_names(problem).into_iter().zip(&solution.offsets);
    let placed = problem.ids().zip(names).map(|(id, (name, &offset))| {
        let buffer = problem.buffer(id);
        let place = Placement { offset, bytes: buffer.size(), live: buffer.live() };
        let objects = solution.objects.as_ref();
        let object = objects.and_then(|objects| *objects.of_buffer.get(id.index())?);
        let (alignment, gaps) = (buffer.alignment(), buffer.gaps().to_vec());
        Item { index: id.index(), name, alignment, place, gaps, object }
    });
    placed.collect()
}

/// A row for a residency interval.
pub(super) struct ResidencyItem {
    /// Index of the tensor, or of the operator that the scratch belongs to.
    pub index: usize,
    /// Name of the tensor or of the operator.
    pub name: String,
    pub residency: Residency,
}

/// The residency intervals of tensors, then of scratch, for all occupants that the graph has.
pub(super) fn residency(graph: &Graph, plan: &PoolPlan) -> (Vec<ResidencyItem>, Vec<ResidencyItem>) {
    let names = [tensor_names(graph), unique_names(graph.operators().iter().map(crate::Operator::name))];
    let (mut tensors, mut scratch) = (Vec::new(), Vec::new());
    for &residency in
        plan.residencies.iter().filter(|residency| residency.pool.index() < plan.pools.list().len())
    {
        let (kind, index, list) = match residency.occupant {
            Occupant::Tensor(id) => (0, id.index(), &mut tensors),
            Occupant::Scratch(id) => (1, id.index(), &mut scratch),
        };
        if let Some(name) = names[kind].get(index) {
            list.push(ResidencyItem { index, name: name.clone(), residency });
        }
    }
    (tensors, scratch)
}

/// The name of a pool; plans from files can refer to pools that do not exist.
#[cfg_attr(not(any(feature = "csv", feature = "json")), expect(dead_code, reason = "C headers have numbers"))]
pub(super) fn pool_name(plan: &PoolPlan, id: PoolId) -> String {
    plan.pools.list().get(id.index()).map_or_else(|| format!("#{id}"), |pool| pool.name().to_owned())
}
