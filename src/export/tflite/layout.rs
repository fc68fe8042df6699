//! An order and offsets for every subgraph of a model.

use super::TfliteError;
use super::calls::Calls;
use super::graph::graph_of;
use super::net::{ALIGNMENT, Memory, Net, NetSubgraph};
use crate::{Graph, OperatorId, Plan, Planner, TensorKind};

/// What is written to a file: by subgraph its operators in the order to run, and by tensor an
/// offset in the arena's head.
///
/// A compiler with a planner of its own fills it in and gives it to [`write`](super::write()).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Positions in the subgraph's list of operators, by subgraph.
    pub orders: Vec<Vec<usize>>,
    /// Bytes from the start of the head, by subgraph and tensor; none where the runtime shall
    /// plan: for variables and constants, and for tensors that it shall place around the others.
    pub offsets: Vec<Vec<Option<u64>>>,
}

/// Where everything lies, and the plan of the first subgraph.
pub(super) struct Planned {
    pub(super) layout: Layout,
    pub(super) head_bytes: u64,
    pub(super) graph: Graph,
    pub(super) plan: Plan,
}

/// One subgraph by itself: offsets count from where its memory starts.
struct Block {
    order: Vec<usize>,
    offsets: Vec<Option<u64>>,
    /// By operator: where its workspace starts.
    workspaces: Vec<u64>,
    bytes: u64,
}

/// Plans all subgraphs. What an operator runs lies in the operator's workspace, behind its own
/// scratch; what runs from several places has memory of its own behind all others.
///
/// Bodies are planned first, so that their size is known.
pub(super) fn plan(
    name: &str,
    net: &Net,
    calls: &Calls,
    scratch: &[Vec<u64>],
    planner: &Planner,
) -> Result<Planned, TfliteError> {
    let mut blocks: Vec<Option<Block>> = net.subgraphs.iter().map(|_| None).collect();
    let mut first = None;
    for &index in &calls.order {
        let subgraph = &net.subgraphs[index];
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
        let graph = graph_of(name, subgraph, &workspaces, index == 0)?;
        let plan = planner.plan(&graph)?;
        refuse_reserved(&plan)?;
        if blocks[index].is_none() {
            blocks[index] = Some(block_of(&plan));
        }
        if index == 0 {
            first = Some((graph, plan));
        }
    }
    let blocks: Vec<Block> = blocks.into_iter().flatten().collect();
    let (starts, mut head_bytes) = starts(net, calls, scratch, &blocks);
    let offsets = net.subgraphs.iter().zip(&blocks).zip(&starts).map(|((subgraph, block), start)| {
        let shifted = block.offsets.iter().map(|offset| offset.map(|offset| offset + start));
        let mut offsets: Vec<Option<u64>> = shifted.collect();
        head_bytes = head_bytes.max(place_unreferenced(subgraph, &mut offsets));
        offsets
    });
    let offsets = offsets.collect();
    refuse_later_variables(net)?;
    if head_bytes > i32::MAX as u64 {
        return Err(TfliteError::TooLarge { bytes: head_bytes });
    }
    let orders = blocks.into_iter().map(|block| block.order).collect();
    let (graph, plan) = first.ok_or_else(|| TfliteError::File("the model has no subgraph".to_owned()))?;
    Ok(Planned { layout: Layout { orders, offsets }, head_bytes, graph, plan })
}

/// The runtime looks for a variable's offset at the tensor's position in its own subgraph, but
/// in the list of all of them. Where another tensor's offset stands there, it would give the
/// variable no memory.
pub(super) fn refuse_later_variables(net: &Net) -> Result<(), TfliteError> {
    let mut all = Vec::with_capacity(net.tensor_count());
    all.extend(net.subgraphs.iter().flat_map(|subgraph| &subgraph.tensors));
    for (index, subgraph) in net.subgraphs.iter().enumerate() {
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

/// The runtime puts scratch wherever there is room.
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

/// What an operator's bodies need; they do not run at once.
fn body_bytes(callees: &[usize], calls: &Calls, blocks: &[Option<Block>]) -> u64 {
    let own = callees.iter().filter(|&&callee| !calls.is_repeated[callee]);
    own.filter_map(|&callee| blocks[callee].as_ref()).map(|block| block.bytes).max().unwrap_or(0)
}

fn block_of(plan: &Plan) -> Block {
    let offsets = plan.tensors.iter().map(|place| Some((*place)?.offset)).collect();
    let workspaces = plan.scratch.iter().map(|place| place.map_or(0, |place| place.offset)).collect();
    let order = plan.order.iter().map(|id| id.index()).collect();
    Block { order, offsets, workspaces, bytes: plan.arena_bytes.next_multiple_of(ALIGNMENT) }
}

/// Everything beside everything: the runtime counts what runs from several places as live from
/// the first run to the last.
fn stacked(subgraph: &NetSubgraph, scratch: &[u64]) -> Result<Block, TfliteError> {
    let graph = graph_of("", subgraph, &vec![0; subgraph.operators.len()], false)?;
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
    let order = graph.file_order().iter().map(|id| id.index()).collect();
    Ok(Block { order, offsets, workspaces: vec![0; subgraph.operators.len()], bytes })
}

/// Where the memory of each subgraph starts, and where all of it ends.
fn starts(net: &Net, calls: &Calls, scratch: &[Vec<u64>], blocks: &[Block]) -> (Vec<u64>, u64) {
    let once = |index: &usize| !calls.is_repeated[*index];
    let roots = (0..blocks.len()).filter(|index| calls.is_root[*index] && once(index));
    let mut end = roots.map(|index| blocks[index].bytes).max().unwrap_or(0);
    let mut starts = vec![0; blocks.len()];
    for index in (0..blocks.len()).filter(|index| !once(index)) {
        starts[index] = end;
        end = end.saturating_add(blocks[index].bytes);
    }
    for &caller in calls.order.iter().rev() {
        for (number, operator) in net.subgraphs[caller].operators.iter().enumerate() {
            for &callee in operator.calls.iter().filter(|callee| once(callee)) {
                let workspace = blocks[caller].workspaces[number];
                starts[callee] = starts[caller] + workspace + scratch[caller][number];
            }
        }
    }
    (starts, end)
}

/// The runtime finds memory even for tensors that nobody names; any place will do. Returns
/// where the largest ends. Tensors without bytes are left to the runtime.
fn place_unreferenced(subgraph: &NetSubgraph, offsets: &mut [Option<u64>]) -> u64 {
    let mut end = 0;
    for ((tensor, offset), referenced) in subgraph.tensors.iter().zip(offsets).zip(subgraph.referenced()) {
        if tensor.bytes == 0 {
            // Whatever the runtime thinks of it, it need not think of the plan.
            *offset = None;
        } else if tensor.memory == Memory::Head && !referenced {
            *offset = Some(0);
            end = end.max(tensor.bytes);
        }
    }
    end
}

/// By subgraph, whether these are all of its operators, each after those it waits for.
///
/// # Errors
/// [`Error::Order`](crate::Error::Order), naming the first operator out of place.
pub(super) fn check_orders(net: &Net, orders: &[Vec<usize>]) -> Result<(), TfliteError> {
    if orders.len() != net.subgraphs.len() {
        let reason = format!("{} orders for {} subgraphs", orders.len(), net.subgraphs.len());
        return Err(TfliteError::Wrong(reason));
    }
    for (subgraph, order) in net.subgraphs.iter().zip(orders) {
        let graph = graph_of("", subgraph, &vec![0; subgraph.operators.len()], false)?;
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
