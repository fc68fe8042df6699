//! Ground floor: dense ids, limits, random numbers, compressed rows, sorting, union-find. Depends on no other room.

pub(crate) mod effort;
pub(crate) mod ids;
pub(crate) mod limits;
pub(crate) mod offset_union_find;
pub(crate) mod random;
pub(crate) mod rows;
pub(crate) mod sorting;
