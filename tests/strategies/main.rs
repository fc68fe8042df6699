//! Strategies for offsets, against brute force and known optima.

mod allocate;
mod choose;
mod constraints;
mod exact;
mod knapsack;
mod large;
mod merge;
#[path = "../support/mod.rs"]
mod support;
