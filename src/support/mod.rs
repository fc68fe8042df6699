//! Ground floor: ids, limits, random numbers, sorting, walks through time and shared data structures. Depends
//! on no other room.

pub(crate) mod arithmetic;
pub(crate) mod coverage;
pub(crate) mod effort;
pub(crate) mod events;
pub(crate) mod free_ranges;
pub(crate) mod ids;
pub(crate) mod limits;
pub(crate) mod offset_union_find;
pub(crate) mod random;
pub(crate) mod rows;
pub(crate) mod sorting;
pub(crate) mod text;
pub(crate) mod text_list;
