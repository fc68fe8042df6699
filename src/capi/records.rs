/// What a planner needs to know of a buffer. Frozen: 32 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_buffer {
    /// Bytes; may be 0.
    pub size: u64,
    /// The offset is a multiple of this power of two; 1 for any offset.
    pub alignment: u64,
    /// The offset in bytes that it must have, or `PLIMSOLL_NONE`.
    pub fixed_offset: u64,
    /// The first step at which it is live.
    pub start: u32,
    /// The step after the last; larger than `start`.
    pub end: u32,
}

/// What is known of an order. Frozen: 32 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_schedule {
    /// The most bytes live at a step.
    pub peak_bytes: u64,
    /// The same in the order of the file.
    pub file_peak_bytes: u64,
    /// No order has a lower peak.
    pub lower_bound_bytes: u64,
    /// Nodes of the search.
    pub nodes: u64,
}

/// Steps at which the memory of a live buffer is free for others. Frozen: 12 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_gap {
    /// The buffer, by its place in the array.
    pub buffer: u32,
    /// The first step of the gap; the buffer is live before it.
    pub start: u32,
    /// The step after the last; the buffer is live at it.
    pub end: u32,
}

/// Where something lies in the arena, and when. Frozen: 32 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_placement {
    /// Bytes from the start of the arena.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// The first step at which it is live.
    pub start: u32,
    /// The step after the last.
    pub end: u32,
    /// The tensor, the buffer, or the operator whose workspace it is.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
}

/// What lies in the arena. Frozen: 8 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_occupant {
    /// The tensor, the buffer, or the operator whose workspace it is.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
}

/// A fixed part of the arena that several tensors share. Frozen: 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_object {
    /// Bytes from the start of the arena.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// A tensor or workspace in the memory of a larger one. Frozen: 24 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_inside {
    /// The smaller one.
    pub guest: plimsoll_occupant,
    /// The larger one, which is not live at the same time.
    pub host: plimsoll_occupant,
    /// Bytes from the start of the larger one.
    pub at: u64,
}

/// A tensor that shares memory with another one while both are needed. Frozen: 24
/// bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_share {
    /// Bytes from the start of the other one.
    pub at: u64,
    /// The tensor.
    pub tensor: u32,
    /// The other one.
    pub of: u32,
    /// The operator that permits it.
    pub operator_: u32,
    /// `PLIMSOLL_SHARE_...`.
    pub how: i32,
}

/// A convolution, depthwise convolution or pooling, as `plimsoll_safe_overlap` looks at
/// it. Rows, columns, channels; channels are innermost in memory. Frozen: 136 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_windowed {
    /// Rows, columns and channels that are read.
    pub input: [u64; 3],
    /// Rows, columns and channels that are written.
    pub output: [u64; 3],
    /// Rows and columns of the window.
    pub window: [u64; 2],
    /// Rows and columns from one window to the next.
    pub stride: [u64; 2],
    /// Rows above and columns left of the input that the first window covers.
    pub padding: [u64; 2],
    /// Rows and columns from one element of the window to the next.
    pub dilation: [u64; 2],
    /// Bytes of an element, of the input and of the output.
    pub element_bytes: [u64; 2],
    /// 1 if an element needs its own channel alone, as in depthwise convolutions and
    /// pooling; 0 if it needs all.
    pub by_channel: i32,
    /// 1 if the loops run from the last element to the first.
    pub descending: i32,
}

/// A memory. Costs are per byte, in a unit of the caller's. Frozen: 48 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_pool {
    /// How many bytes there are, or `PLIMSOLL_NONE` for any number.
    pub capacity: u64,
    /// Every offset is a multiple of this power of two; 1 for any offset.
    pub alignment: u64,
    /// Nothing above this size can live there; `PLIMSOLL_NONE` for any size.
    pub largest: u64,
    /// `PLIMSOLL_HOLDS_...`, together.
    pub holds: u32,
    /// What a byte costs that an operator reads there in place.
    pub read_cost: u32,
    /// What a byte costs that an operator writes there in place.
    pub write_cost: u32,
    /// What a byte costs that is copied from there, or `PLIMSOLL_COST_IN_PLACE`.
    pub copy_from_cost: u32,
    /// What a byte costs that is copied to there, or `PLIMSOLL_COST_IN_PLACE`.
    pub copy_to_cost: u32,
    /// 0.
    pub unused: u32,
}

/// A tensor or workspace has a place in a pool for some steps. Frozen: 40 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_stay {
    /// Bytes from the start of the pool.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// The first step at which the place is its own.
    pub start: u32,
    /// The step after the last.
    pub end: u32,
    /// The tensor, or the operator whose workspace it is.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
    /// The pool, by its number.
    pub pool: u32,
    /// 0.
    pub unused: u32,
}

/// A tensor is copied from one pool to another. Frozen: 48 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_transfer {
    /// Bytes from the start of the pool it comes from.
    pub from_offset: u64,
    /// Bytes from the start of the pool it goes to.
    pub to_offset: u64,
    /// Bytes.
    pub bytes: u64,
    /// The tensor.
    pub tensor: u32,
    /// From the start of this step it may be under way.
    pub step: u32,
    /// Before the operator of this step it is done; the number of steps if after the last.
    pub due: u32,
    /// 1 if it comes after those that are due at the same step and have 0 here, as they
    /// may read what it writes over.
    pub late: u32,
    /// The pool it comes from.
    pub from: u32,
    /// The pool it goes to.
    pub to: u32,
}

/// The operator of a step finds something in a pool. Frozen: 16 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_use {
    /// The step.
    pub step: u32,
    /// The tensor, or the operator whose workspace it is.
    pub index: u32,
    /// `PLIMSOLL_OCCUPANT_...`.
    pub occupant: i32,
    /// The pool.
    pub pool: u32,
}

/// What a plan does with a pool. Frozen: 24 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_pool_traffic {
    /// The end of what lies topmost, in bytes.
    pub used: u64,
    /// Bytes that a run reads from it.
    pub read: u64,
    /// Bytes that a run writes to it.
    pub written: u64,
}

/// What is known of a plan for several memories. Frozen: 48 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_pool_figures {
    /// What a run costs.
    pub cost: u64,
    /// No choice of places costs less, for this order.
    pub lower_bound: u64,
    /// What would be left if every pool were as large as one wishes.
    pub floor: u64,
    /// Bytes of constants that are on chip before the first run.
    pub preloaded: u64,
    /// Search nodes spent.
    pub nodes: u64,
    /// Why the search stopped: `PLIMSOLL_STOP_...`.
    pub stop: i32,
    /// How many pools there are.
    pub pools: u32,
}

/// How far a search is, as told to a progress callback. Frozen: 24 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct plimsoll_progress {
    /// Search nodes so far.
    pub nodes: u64,
    /// The best found so far, in bytes.
    pub best: u64,
    /// Nothing is lower than this, as far as is proven, in bytes.
    pub bound: u64,
}

const _: () = {
    assert!(size_of::<plimsoll_buffer>() == 32);
    assert!(size_of::<plimsoll_gap>() == 12);
    assert!(size_of::<plimsoll_placement>() == 32);
    assert!(size_of::<plimsoll_occupant>() == 8);
    assert!(size_of::<plimsoll_object>() == 16);
    assert!(size_of::<plimsoll_inside>() == 24);
    assert!(size_of::<plimsoll_share>() == 24);
    assert!(size_of::<plimsoll_windowed>() == 136);
    assert!(size_of::<plimsoll_pool>() == 48);
    assert!(size_of::<plimsoll_stay>() == 40);
    assert!(size_of::<plimsoll_transfer>() == 48);
    assert!(size_of::<plimsoll_use>() == 16);
    assert!(size_of::<plimsoll_pool_traffic>() == 24);
    assert!(size_of::<plimsoll_pool_figures>() == 48);
    assert!(size_of::<plimsoll_progress>() == 24);
};

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
