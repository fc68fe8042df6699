//! Plans for several memories as JSON.

mod document;
mod read;
mod write;

pub use document::{
    PoolEntry, PoolPlanDocument, PoolScratchEntry, PoolTensorEntry, ResidencyEntry, TransferEntry, UseEntry,
};
