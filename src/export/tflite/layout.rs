//! Planning of all subgraphs of a model: operator orders and tensor offsets.

use super::TfliteError;
use super::calls::Calls;
use super::graph::{graph_of, graph_to_plan};
use super::runtime_network::{ALIGNMENT, Memory, RuntimeNetwork, RuntimeSubgraph};
use crate::{Graph, OperatorId, Plan, Planner, SharingLevel, TensorKind};

/// The plan that is written to a file: an operator order for each subgraph, and an offset in the arena's
/// head for each tensor.
///
/// A compiler with its own planner fills in this struct and passes it to [`write`](super::write()).
///
/// Example: the [module](crate::export::tflite).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadLayout {
    /// For each subgraph, positions in its list of operators, in execution order.
    pub orders: Vec<Vec<usize>>,
    /// Offset in bytes from the start of the head, by subgraph and tensor. `None` leaves the tensor to the
    /// runtime: variables, constants, and tensors that the runtime shall place around the others.
    pub offsets: Vec<Vec<Option<u64>>>,
}

/// The layout of all subgraphs, and the graph and the plan of the first one.
pub(super) struct HeadPlan {
    pub(super) layout: HeadLayout,
    pub(super) head_bytes: u64,
    pub(super) graph: Graph,
    pub(super) plan: Plan,
}

/// Memory block of one subgraph. Offsets are relative to the start of the block.
struct RuntimeBlock {
    order: Vec<usize>,
    offsets: Vec<Option<u64>>,
    /// Offset of each operator's workspace.
    workspaces: Vec<u64>,
    bytes: u64,
}

/// Plans all subgraphs. The body of an operator lies in the operator's workspace, behind the kernel's
/// scratch. A body with several callers has a block of its own behind all other blocks.
///
/// Bodies are planned before their callers, because the size of a workspace depends on its body.
pub(super) fn plan(
    name: &str,
    network: &RuntimeNetwork,
    calls: &Calls,
    scratch: &[Vec<u64>],
    planner: &Planner,
) -> Result<HeadPlan, TfliteError> {
    let mut blocks: Vec<Option<RuntimeBlock>> = network.subgraphs.iter().map(|_| None).collect();
    let mut first = None;
    for &index in &calls.order {
        let subgraph = &network.subgraphs[index];
        if calls.is_repeated[index] {
            blocks[index] = Some(stacked(subgraph, &scratch[index])?);
            if index > 0 {
                continue;
            }
        }
        let bodies: Vec<u64> =
            subgraph.operators.iter().map(|operator| body_bytes(&operator.calls, calls, &blocks)).collect();
        let workspaces: Vec<u64> =
            scratch[index].iter().zip(bodies).map(|(own, body)| own.saturating_add(body)).collect();
        let level = if index == 0 { planner.sharing_level() } else { SharingLevel::None };
        let graph = graph_to_plan(name, subgraph, &workspaces, level)?;
        let plan = planner.plan(&graph)?;
        refuse_reserved(&plan)?;
        if blocks[index].is_none() {
            blocks[index] = Some(block_of(subgraph, &plan));
        }
        if index == 0 {
            first = Some((graph, plan));
        }
    }
    let blocks: Vec<RuntimeBlock> = blocks.into_iter().flatten().collect();
    let (starts, mut head_bytes) = starts(network, calls, scratch, &blocks);
    let offsets = network.subgraphs.iter().zip(&blocks).zip(&starts).map(|((subgraph, block), start)| {
        let shifted = block.offsets.iter().map(|offset| offset.map(|offset| offset + start));
        let mut offsets: Vec<Option<u64>> = shifted.collect();
        head_bytes = head_bytes.max(place_unreferenced(subgraph, &mut offsets));
        offsets
    });
    let offsets = offsets.collect();
    refuse_later_variables(network)?;
    if head_bytes > i32::MAX as u64 {
        return Err(TfliteError::TooLarge { bytes: head_bytes });
    }
    let orders = blocks.into_iter().map(|block| block.order).collect();
    let (graph, plan) = first.ok_or_else(|| TfliteError::File("the model has no subgraph".to_owned()))?;
    Ok(HeadPlan { layout: HeadLayout { orders, offsets }, head_bytes, graph, plan })
}

/// Rejects variables that the runtime would not allocate. To find the offset of a variable, the runtime
/// indexes the list of all offsets with the tensor's position in its own subgraph. If that entry is the
/// offset of a planned tensor, the variable gets no memory.
pub(super) fn refuse_later_variables(network: &RuntimeNetwork) -> Result<(), TfliteError> {
    let mut all = Vec::with_capacity(network.tensor_count());
    all.extend(network.subgraphs.iter().flat_map(|subgraph| &subgraph.tensors));
    for (index, subgraph) in network.subgraphs.iter().enumerate() {
        for (number, tensor) in subgraph.tensors.iter().enumerate() {
            if tensor.memory == Memory::Tail && all[number].memory == Memory::Head {
                let reason = format!(
                    "is a variable outside of the first subgraph, for which the runtime would take the offset of \
                     `{}`, tensor {number} of the first",
                    all[number].name
                );
                let name = tensor.name.clone();
                return Err(TfliteError::Tensor { subgraph: index, tensor: number, name, reason });
            }
        }
    }
    Ok(())
}

/// Rejects plans with reserved ranges: the runtime puts scratch into any gap, reserved or not.
fn refuse_reserved(plan: &Plan) -> Result<(), TfliteError> {
    match plan.reserved.first() {
        Some(range) => {
            let reason = format!(
                "reserved range {}..{}: nothing keeps the runtime from putting scratch there",
                range.start, range.end
            );
            Err(TfliteError::File(reason))
        }
        None => Ok(()),
    }
}

/// Bytes for the bodies of an operator. Bodies run one after the other, so the largest one counts.
fn body_bytes(callees: &[usize], calls: &Calls, blocks: &[Option<RuntimeBlock>]) -> u64 {
    let own = callees.iter().filter(|&&callee| !calls.is_repeated[callee]);
    own.filter_map(|&callee| blocks[callee].as_ref()).map(|block| block.bytes).max().unwrap_or(0)
}

fn block_of(subgraph: &RuntimeSubgraph, plan: &Plan) -> RuntimeBlock {
    let offsets = plan.tensors.iter().map(|place| Some((*place)?.offset)).collect();
    let workspaces = plan.scratch.iter().map(|place| place.map_or(0, |place| place.offset)).collect();
    let order = plan.order.iter().map(|id| id.index());
    // The plan may have an operator that the subgraph does not have, see [`graph_to_plan`].
    let order = order.filter(|&number| number < subgraph.operators.len()).collect();
    RuntimeBlock { order, offsets, workspaces, bytes: plan.arena_bytes.next_multiple_of(ALIGNMENT) }
}

/// A block in which no two tensors share a byte. The runtime counts the tensors of a subgraph with several
/// callers as live from the first call to the last, so their live ranges overlap.
fn stacked(subgraph: &RuntimeSubgraph, scratch: &[u64]) -> Result<RuntimeBlock, TfliteError> {
    let graph = graph_of("", subgraph, &vec![0; subgraph.operators.len()], SharingLevel::None)?;
    let mut bytes = 0u64;
    let mut offsets = Vec::with_capacity(subgraph.tensors.len());
    for tensor in graph.tensors() {
        let is_placed = matches!(tensor.kind(), TensorKind::Input | TensorKind::Intermediate);
        offsets.push(is_placed.then_some(bytes));
        bytes = bytes.saturating_add(if is_placed { tensor.bytes() } else { 0 });
    }
    bytes = scratch.iter().fold(bytes, |sum, &bytes| sum.saturating_add(bytes));
    if bytes > i32::MAX as u64 {
        return Err(TfliteError::TooLarge { bytes });
    }
    let order = graph.program_order().iter().map(|id| id.index()).collect();
    Ok(RuntimeBlock { order, offsets, workspaces: vec![0; subgraph.operators.len()], bytes })
}

/// The start of each subgraph's block, and the end of all blocks.
fn starts(
    network: &RuntimeNetwork,
    calls: &Calls,
    scratch: &[Vec<u64>],
    blocks: &[RuntimeBlock],
) -> (Vec<u64>, u64) {
    let once = |index: &usize| !calls.is_repeated[*index];
    let roots = (0..blocks.len()).filter(|index| calls.is_root[*index] && once(index));
    let mut end = roots.map(|index| blocks[index].bytes).max().unwrap_or(0);
    let mut starts = vec![0; blocks.len()];
    for index in (0..blocks.len()).filter(|index| !once(index)) {
        starts[index] = end;
        end = end.saturating_add(blocks[index].bytes);
    }
    for &caller in calls.order.iter().rev() {
        for (number, operator) in network.subgraphs[caller].operators.iter().enumerate() {
            for &callee in operator.calls.iter().filter(|callee| once(callee)) {
                let workspace = blocks[caller].workspaces[number];
                starts[callee] = starts[caller] + workspace + scratch[caller][number];
            }
        }
    }
    (starts, end)
}

/// Sets the offsets of unreferenced and of empty tensors. The runtime allocates memory even for
/// unreferenced tensors; they hold no data, so offset 0 is valid. Returns the end of the largest one.
/// Empty tensors are left to the runtime.
fn place_unreferenced(subgraph: &RuntimeSubgraph, offsets: &mut [Option<u64>]) -> u64 {
    let mut end = 0;
    for ((tensor, offset), referenced) in subgraph.tensors.iter().zip(offsets).zip(subgraph.referenced()) {
        if tensor.bytes == 0 {
            // An empty tensor needs no memory, so the plan has no offset for it.
            *offset = None;
        } else if tensor.memory == Memory::Head && !referenced {
            *offset = Some(0);
            end = end.max(tensor.bytes);
        }
    }
    end
}

/// Checks that each order contains every operator of its subgraph once, after its predecessors.
///
/// # Errors
/// [`Error::Order`](crate::Error::Order), which names the first misplaced operator;
/// [`TfliteError::Wrong`] for a wrong number of orders or an unknown operator.
pub(super) fn check_orders(network: &RuntimeNetwork, orders: &[Vec<usize>]) -> Result<(), TfliteError> {
    if orders.len() != network.subgraphs.len() {
        let reason = format!("{} orders for {} subgraphs", orders.len(), network.subgraphs.len());
        return Err(TfliteError::Wrong(reason));
    }
    for (subgraph, order) in network.subgraphs.iter().zip(orders) {
        let graph = graph_of("", subgraph, &vec![0; subgraph.operators.len()], SharingLevel::None)?;
        let count = subgraph.operators.len();
        if let Some(unknown) = order.iter().find(|&&operator| operator >= count) {
            let reason = format!("an order names operator {unknown}, but there are {count}");
            return Err(TfliteError::Wrong(reason));
        }
        let ids: Vec<OperatorId> = order.iter().map(|&operator| OperatorId::new(operator)).collect();
        graph.check_order(&ids)?;
    }
    Ok(())
}
