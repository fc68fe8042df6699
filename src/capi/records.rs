//! Records that cross the boundary. Later versions may append fields, and change nothing else; see
//! `record_size`.

use super::record_size::{Record, records};
use super::status::{
    PLIMSOLL_COST_IN_PLACE, PLIMSOLL_HOLDS_ALL, PLIMSOLL_NONE, PLIMSOLL_TENSOR_INTERMEDIATE,
};

/// A buffer to be given an offset.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_buffer {
    /// Size in bytes; may be 0.
    pub size: u64,
    /// Required alignment of the offset in bytes, a power of two; 1 for any offset.
    pub alignment: u64,
    /// Required offset in bytes, or `PLIMSOLL_NONE`.
    pub fixed_offset: u64,
    /// First step of the live range.
    pub start: u32,
    /// End of the live range (exclusive); larger than `start`.
    pub end: u32,
}

/// A tensor of a graph.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_tensor {
    /// Size in bytes.
    pub bytes: u64,
    /// Required alignment of the offset in bytes, a power of two; 0 for the alignment of the options.
    pub alignment: u64,
    /// Required offset in bytes, or `PLIMSOLL_NONE`.
    pub fixed_offset: u64,
    /// `PLIMSOLL_TENSOR_...`.
    pub kind: i32,
    /// A sum of `PLIMSOLL_TENSOR_IS_...`.
    pub flags: u32,
}

/// An operator of a graph, whose operands are in an array of indices of tensors.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_operator {
    /// Size in bytes of the scratch, which is live only while the operator runs.
    pub scratch_bytes: u64,
    /// Number of tensors that it reads, repetitions included.
    pub input_count: u32,
    /// Number of tensors that it writes. They follow the inputs in the array of operands.
    pub output_count: u32,
    /// A sum of `PLIMSOLL_OPERATOR_...`.
    pub flags: u32,
    /// Must be 0.
    pub unused: u32,
}

/// A permission of an operator, as stated by `plimsoll_graph_permit`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_permit {
    /// Position or number of bytes, by kind.
    pub bytes: u64,
    /// Index of the operator.
    pub operator_: u32,
    /// Index of the input that may share memory with the output.
    pub input: u32,
    /// Index of the output.
    pub output: u32,
    /// `PLIMSOLL_PERMIT_...`.
    pub permit: i32,
}

/// Figures of an operator order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_schedule {
    /// Peak of live bytes over all steps.
    pub peak_bytes: u64,
    /// Peak of live bytes in program order.
    pub program_peak_bytes: u64,
    /// Lower bound on the peak over all orders, in bytes.
    pub lower_bound_bytes: u64,
    /// Search nodes used.
    pub nodes: u64,
}

/// Steps at which other buffers may use the memory of a live buffer.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_gap {
    /// Index of the buffer in the array.
    pub buffer: u32,
    /// First step of the gap; the buffer is live before it.
    pub start: u32,
    /// End of the gap (exclusive); the buffer is live at this step.
    pub end: u32,
}

/// Place of a tensor, buffer or scratch in the arena, and its live range.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_placement {
    /// Offset in bytes from the start of the arena.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// First step of the live range.
    pub start: u32,
    /// End of the live range (exclusive).
    pub end: u32,
    /// Index of the tensor or buffer, or of the operator that the scratch belongs to.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
}

/// An occupant of the arena: a tensor, a buffer or scratch.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_occupant {
    /// Index of the tensor or buffer, or of the operator that the scratch belongs to.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
}

/// A shared object: a fixed part of the arena that several tensors use in turn.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_shared_object {
    /// Offset in bytes from the start of the arena.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// A tensor or scratch inside the memory of a larger one, after merging.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_nesting {
    /// The smaller occupant.
    pub guest: plimsoll_occupant,
    /// The larger occupant, which is not live at the same time.
    pub host: plimsoll_occupant,
    /// Offset in bytes from the start of the larger occupant.
    pub at: u64,
}

/// Two tensors that share memory while both are live.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_alias {
    /// Offset in bytes of `tensor` from the start of `of`.
    pub at: u64,
    /// The tensor.
    pub tensor: u32,
    /// The tensor whose memory it shares.
    pub of: u32,
    /// The operator that permits the sharing.
    pub operator_: u32,
    /// `PLIMSOLL_ALIAS_...`.
    pub kind: i32,
}

/// A convolution, depthwise convolution or pooling, as described to `plimsoll_safe_overlap`.
/// Triples are rows, columns and channels; pairs are rows and columns. Channels are innermost in
/// memory.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_windowed {
    /// Rows, columns and channels of the input.
    pub input: [u64; 3],
    /// Rows, columns and channels of the output.
    pub output: [u64; 3],
    /// Rows and columns of the window.
    pub window: [u64; 2],
    /// Distance in rows and columns from one window to the next.
    pub stride: [u64; 2],
    /// Rows above and columns left of the input that the first window covers.
    pub padding: [u64; 2],
    /// Distance in rows and columns from one element of the window to the next.
    pub dilation: [u64; 2],
    /// Size in bytes of an element of the input and of the output.
    pub element_bytes: [u64; 2],
    /// 1 if an output element depends only on its own channel of the input, as in depthwise
    /// convolutions and pooling; 0 if it depends on all channels.
    pub by_channel: i32,
    /// 1 if the loops run from the last element to the first.
    pub descending: i32,
}

/// A memory. Costs are per byte, in a unit of the caller's choice.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_pool {
    /// Capacity in bytes, or `PLIMSOLL_NONE` for no limit.
    pub capacity: u64,
    /// Alignment in bytes of every offset, a power of two; 1 for any offset.
    pub alignment: u64,
    /// Size in bytes of the largest tensor that the pool may hold; `PLIMSOLL_NONE` for any size.
    pub largest: u64,
    /// Contents that the pool may hold: a sum of `PLIMSOLL_HOLDS_...`.
    pub holds: u32,
    /// Cost of a byte that an operator reads in place.
    pub read_cost: u32,
    /// Cost of a byte that an operator writes in place.
    pub write_cost: u32,
    /// Cost of a byte that is copied from the pool, or `PLIMSOLL_COST_IN_PLACE`.
    pub copy_from_cost: u32,
    /// Cost of a byte that is copied to the pool, or `PLIMSOLL_COST_IN_PLACE`.
    pub copy_to_cost: u32,
    /// Must be 0.
    pub unused: u32,
}

/// A residency interval: a tensor or scratch occupies memory of a pool for some steps.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_residency {
    /// Offset in bytes from the start of the pool.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// First step of the interval.
    pub start: u32,
    /// End of the interval (exclusive).
    pub end: u32,
    /// Index of the tensor, or of the operator that the scratch belongs to.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
    /// Number of the pool.
    pub pool: u32,
    /// Always 0.
    pub unused: u32,
}

/// A transfer: a tensor is copied from one pool to another.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_transfer {
    /// Offset in bytes of the source in its pool.
    pub from_offset: u64,
    /// Offset in bytes of the destination in its pool.
    pub to_offset: u64,
    /// Number of bytes copied.
    pub bytes: u64,
    /// Index of the tensor.
    pub tensor: u32,
    /// Step at whose start the transfer may begin.
    pub step: u32,
    /// Step before whose operator the transfer is complete; the number of steps if after the last.
    pub due: u32,
    /// 1 if the transfer follows those that are due at the same step and have 0 here, as they may
    /// read the bytes that it overwrites.
    pub late: u32,
    /// Number of the source pool.
    pub from: u32,
    /// Number of the destination pool.
    pub to: u32,
}

/// The pool in which the operator of a step accesses an occupant.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_use {
    /// The step of the operator.
    pub step: u32,
    /// Index of the tensor, or of the operator that the scratch belongs to.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
    /// Number of the pool.
    pub pool: u32,
}

/// Use and traffic of a pool.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_pool_traffic {
    /// End of the topmost occupant in bytes.
    pub used: u64,
    /// Bytes that a run reads from the pool.
    pub read: u64,
    /// Bytes that a run writes to the pool.
    pub written: u64,
}

/// Figures of a plan for several memories.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_pool_figures {
    /// Cost of a run.
    pub cost: u64,
    /// Lower bound on the cost of any placement, for this order.
    pub lower_bound: u64,
    /// Unavoidable cost: the cost that would remain if every pool had unlimited capacity.
    pub unavoidable_cost: u64,
    /// Bytes of constants that are copied on chip before the first run.
    pub preloaded: u64,
    /// Search nodes used.
    pub nodes: u64,
    /// Why the search stopped: `PLIMSOLL_STOP_...`.
    pub stop: i32,
    /// Number of pools.
    pub pools: u32,
}

/// Cost and sizes of a tiled plan.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_tiling_figures {
    /// Size of the arena in bytes.
    pub arena_bytes: u64,
    /// Size in bytes of the arena of the plan without tiling.
    pub untiled_arena_bytes: u64,
    /// Cost of all operators of the graph, in the unit of `plimsoll_graph_set_access`.
    pub untiled_cost: u64,
    /// Cost of rows that are computed again.
    pub extra_cost: u64,
    /// Bytes of carried rows that are copied.
    pub copied_bytes: u64,
    /// Bytes of constants that stripes read again.
    pub constant_bytes: u64,
    /// Number of regions.
    pub regions: u32,
    /// Number of operators of the tiled graph.
    pub operators: u32,
    /// Number of tensors of the tiled graph.
    pub tensors: u32,
    /// Always 0.
    pub unused: u32,
}

/// A region: consecutive operators that run stripe by stripe.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_region {
    /// Position of its first tile in `plimsoll_tiled_plan_tiles`; it has `stripes` times `operators`.
    pub first_tile: u64,
    /// Number of stripes.
    pub stripes: u32,
    /// Number of operators.
    pub operators: u32,
    /// Always 0.
    pub unused: u64,
}

/// The rows of an operator's outputs in one stripe.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_tile {
    /// First row that the operator computes.
    pub start: u64,
    /// End of the rows (exclusive); equal to `start` if the operator does not run in this stripe.
    pub end: u64,
    /// Number of rows directly before `start` that the stripe before has left.
    pub carried: u64,
    /// Index of the operator.
    pub operator_: u32,
    /// Number of the axis in the access map of the operator.
    pub axis: u32,
    /// Number of the region.
    pub region: u32,
    /// Number of the stripe.
    pub stripe: u32,
}

/// An operator of a tiled graph.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_tiled_operator {
    /// First row that a tile computes, or that a carry keeps; otherwise 0.
    pub start: u64,
    /// End of the rows (exclusive); 0 without rows.
    pub end: u64,
    /// Kind of operator: `PLIMSOLL_TILED_...`.
    pub action: i32,
    /// Index in the graph: of the operator (whole, tile) or of the tensor (split, carry, join).
    pub index: u32,
    /// Of a tile, the number of the axis in the access map of the operator; of a split, carry or join, the
    /// axis of the tensor; otherwise PLIMSOLL_NO_INDEX.
    pub axis: u32,
    /// Number of the region of a tile; otherwise PLIMSOLL_NO_INDEX.
    pub region: u32,
    /// Number of the stripe of a tile; otherwise PLIMSOLL_NO_INDEX.
    pub stripe: u32,
    /// Position of its first input in `plimsoll_tiled_plan_operands`; outputs follow the inputs.
    pub first_operand: u32,
    /// Number of tensors of the tiled graph that it reads.
    pub input_count: u32,
    /// Number of tensors of the tiled graph that it writes.
    pub output_count: u32,
    /// Position of its first entry in `plimsoll_tiled_plan_reads`.
    pub first_read: u32,
    /// Number of its entries there: the inputs of the operator, for a tile.
    pub read_count: u32,
}

/// Rows of one input of an operator that a tile reads.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_tile_read {
    /// First row that it reads.
    pub start: u64,
    /// End of the rows (exclusive); PLIMSOLL_NONE for an input that is read as a whole.
    pub end: u64,
    /// Rows of padding before them. A tile has exactly this padding, whatever the operator has as a whole.
    pub before: u64,
    /// Rows of padding after them.
    pub after: u64,
    /// Position among the inputs of the operator.
    pub input: u32,
    /// Tensor of the tiled graph that holds row `start`; the rows up to `end` follow it in memory, as in the
    /// tensor of the graph. PLIMSOLL_NO_INDEX if it reads padding only.
    pub tensor: u32,
}

/// A tensor of a tiled graph: a tensor of the graph, or rows of one.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_tiled_tensor {
    /// First row.
    pub start: u64,
    /// End of the rows (exclusive); PLIMSOLL_NONE for all of the tensor.
    pub end: u64,
    /// Index of the tensor of the graph.
    pub tensor: u32,
    /// 1 for rows that a carry has kept for a later stripe.
    pub carried: u32,
}

/// Progress of a search, as passed to a progress callback.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_progress {
    /// Search nodes used.
    pub nodes: u64,
    /// Best solution found (the incumbent), in bytes.
    pub best: u64,
    /// Lower bound proven, in bytes.
    pub bound: u64,
}

records! {
    plimsoll_buffer: 32 bytes = plimsoll_buffer { size: 0, alignment: 1, fixed_offset: PLIMSOLL_NONE, start: 0, end: 0 };
    plimsoll_pool: 48 bytes = plimsoll_pool {
        capacity: PLIMSOLL_NONE,
        alignment: 1,
        largest: PLIMSOLL_NONE,
        holds: PLIMSOLL_HOLDS_ALL,
        read_cost: 0,
        write_cost: 0,
        copy_from_cost: PLIMSOLL_COST_IN_PLACE,
        copy_to_cost: PLIMSOLL_COST_IN_PLACE,
        unused: 0,
    };
    plimsoll_tensor: 32 bytes = plimsoll_tensor {
        bytes: 0,
        alignment: 0,
        fixed_offset: PLIMSOLL_NONE,
        kind: PLIMSOLL_TENSOR_INTERMEDIATE,
        flags: 0,
    };
    plimsoll_windowed: 136 bytes = plimsoll_windowed {
        input: [0; 3],
        output: [0; 3],
        window: [0; 2],
        stride: [1; 2],
        padding: [0; 2],
        dilation: [1; 2],
        element_bytes: [1; 2],
        by_channel: 0,
        descending: 0,
    };
}
records! {
    zero:
    plimsoll_alias: 24 bytes;
    plimsoll_gap: 12 bytes;
    plimsoll_nesting: 24 bytes;
    plimsoll_occupant: 8 bytes;
    plimsoll_operator: 24 bytes;
    plimsoll_permit: 24 bytes;
    plimsoll_placement: 32 bytes;
    plimsoll_pool_figures: 48 bytes;
    plimsoll_pool_traffic: 24 bytes;
    plimsoll_progress: 24 bytes;
    plimsoll_residency: 40 bytes;
    plimsoll_schedule: 32 bytes;
    plimsoll_shared_object: 16 bytes;
    plimsoll_region: 24 bytes;
    plimsoll_tile: 40 bytes;
    plimsoll_tile_read: 40 bytes;
    plimsoll_tiled_operator: 56 bytes;
    plimsoll_tiled_tensor: 24 bytes;
    plimsoll_tiling_figures: 64 bytes;
    plimsoll_transfer: 48 bytes;
    plimsoll_use: 16 bytes;
}

impl From<crate::Occupant> for plimsoll_occupant {
    fn from(occupant: crate::Occupant) -> Self {
        use super::status::{PLIMSOLL_OCCUPANT_SCRATCH, PLIMSOLL_OCCUPANT_TENSOR};
        match occupant {
            crate::Occupant::Tensor(id) => {
                Self { index: id.index() as u32, occupant: PLIMSOLL_OCCUPANT_TENSOR }
            }
            crate::Occupant::Scratch(id) => {
                Self { index: id.index() as u32, occupant: PLIMSOLL_OCCUPANT_SCRATCH }
            }
        }
    }
}
