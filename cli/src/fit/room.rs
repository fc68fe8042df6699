//! On-chip memories that can hold the arena of a graph.

use plimsoll::{Content, Graph, Operator, Pool, Pools, Tensor, TensorKind};

/// Capacity of an on-chip memory that can hold an arena.
#[derive(Clone, Copy)]
pub struct Room {
    /// Capacity in bytes; `u64::MAX` if unlimited.
    pub bytes: u64,
    /// True if the memory can hold the graph's constants as well.
    pub holds_weights: bool,
}

/// The only on-chip memory, if it can hold every tensor of an arena.
pub fn only_room(graph: &Graph, pools: &Pools) -> Option<Room> {
    let [pool, _] = pools.list() else { return None };
    room_in(graph, pool, u64::MAX)
}

/// The name and room of the largest on-chip memory that could hold every tensor of an arena if its
/// capacity sufficed. Of several equal ones, the first.
pub fn largest_room<'a>(graph: &Graph, pools: &'a Pools) -> Option<(&'a str, Room)> {
    let (_backing_store, on_chip) = pools.list().split_last()?;
    let rooms = on_chip.iter().filter_map(|pool| {
        let capacity = pool.bytes().unwrap_or(u64::MAX);
        Some((pool.name(), room_in(graph, pool, capacity)?))
    });
    rooms.rev().max_by_key(|(_, room)| room.bytes)
}

/// The room of one memory, or none if its alignment or its content kinds exclude some tensor.
///
/// Tensors larger than `size_limit` are checked as if they had this size. With the capacity as the
/// limit, a tensor that exceeds it does not exclude the memory: more capacity would help.
fn room_in(graph: &Graph, pool: &Pool, size_limit: u64) -> Option<Room> {
    let holds = |tensor: &Tensor| {
        let is_aligned = tensor.alignment().is_none_or(|alignment| alignment >= pool.offset_alignment());
        is_aligned && pool.takes(Content::of(tensor), tensor.bytes().min(size_limit))
    };
    let (mut constants, mut activations) = (Vec::new(), Vec::new());
    for tensor in graph.tensors() {
        let list = if tensor.kind() == TensorKind::Constant { &mut constants } else { &mut activations };
        list.push(tensor);
    }
    let mut scratch = graph.operators().iter().map(Operator::scratch_bytes);
    let holds_arena = activations.into_iter().all(holds)
        && scratch.all(|bytes| pool.takes(Content::Scratch, bytes.min(size_limit)));
    holds_arena.then(|| Room {
        bytes: pool.bytes().unwrap_or(u64::MAX),
        holds_weights: constants.into_iter().all(holds),
    })
}
