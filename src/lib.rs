//! Static memory planning for neural-network compilers: a graph goes in; an
//! offset for every tensor comes out, in as little memory as possible,
//! verified, with a lower bound that says how far from the limit it can be.
//!
//! # Should I use it?
//!
//! Yes, if you compile networks ahead of time for memory that is small and
//! yours to lay out: an arena in SRAM, an L2 that the activations should fit.
//! Sizes must be known before the run. No, if shapes change at run time: then
//! you want an allocator.
//!
//! # Example
//!
//! ```
//! use plimsoll::{ElementType::Int8, Graph, Planner, TensorSpec};
//!
//! let mut net = Graph::builder("tiny");
//! let image = net.input("image", TensorSpec::shaped(Int8, [1, 32, 32, 3]));
//! let weights = net.constant("weights", TensorSpec::bytes(432));
//! let features = net.tensor("features", TensorSpec::shaped(Int8, [1, 32, 32, 16]));
//! let classes = net.tensor("classes", TensorSpec::bytes(10));
//! net.operator("conv").reads([image, weights]).writes([features]).scratch(256);
//! net.operator("dense").reads([features]).writes([classes]);
//! net.output(classes);
//!
//! let plan = Planner::new().alignment(64).plan(&net.build()?)?;
//! assert_eq!(plan.arena_bytes, plan.lower_bound.bytes); // proven optimal
//! println!("features at {:?} of {} bytes", plan.offset(features), plan.arena_bytes);
//! # Ok::<(), plimsoll::Error>(())
//! ```
//!
//! Buffers without a graph go through [`Problem`] and [`Planner::solve`].
//! Strategies of your own implement [`allocate::Strategy`]. Plans from
//! elsewhere can be checked by [`verify::verify`]. `docs/guide.md` goes from a compiler's IR
//! to a plan and to code.
//!
//! # Glossary
//!
//! - **arena**: one block of memory in which all tensors of a run have places.
//! - **offset**: where a tensor lies, in bytes from the start of the arena.
//! - **order**: which operator runs at which step.
//! - **live range**: the steps `[start, end)` at which a tensor's contents
//!   matter. Ranges are half-open everywhere.
//! - **scratch**, workspace: memory that an operator needs while it runs.
//! - **buffer**: what gets one offset: a tensor or a workspace.
//! - **load**: the live bytes at a step; **peak**: the largest load.
//! - **lower bound**: no arena is smaller. A plan that meets it is optimal.
//! - **folded**: run at compile time, as all inputs are constants.
//!
//! # Features
//!
//! None is on by default; the default build has four dependencies.
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `onnx`, `tflite`, `csv` | importers, in [`import`] (`csv` also writes; `tflite`, and `onnx` with `json`, write models with a plan inside, in [`export`]) |
//! | `onnx-shapes` | shapes that an ONNX file does not tell, computed |
//! | `json` | graphs from JSON; plans to and from JSON, in [`export`] |
#![cfg_attr(
    feature = "report",
    doc = "| `report` | text summaries, memory maps (SVG), reports (HTML) and traces, in [`report`] |"
)]
#![cfg_attr(
    not(feature = "report"),
    doc = "| `report` | text summaries, memory maps (SVG), reports (HTML) and traces |"
)]
//! | `capi` | the C ABI: `include/plimsoll.h` and `plimsoll.hpp` |
//!
//! The command `plimsoll` is a package of its own, `plimsoll-cli`.
#![warn(missing_docs)]
#![deny(unsafe_code)]

pub mod allocate;
mod bound;
#[cfg(feature = "capi")]
mod capi;
mod choice;
pub mod effects;
mod effort;
mod error;
pub mod export;
#[cfg(feature = "files")]
#[doc(hidden)]
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod graph;
mod ids;
pub mod import;
mod infeasible;
mod limits;
mod liveness;
mod objects;
mod occupant;
mod placement;
mod places;
mod plan;
mod planner;
mod pool_plan;
mod pools;
mod problem;
mod random;
#[cfg(feature = "report")]
pub mod report;
mod schedule;
mod sharing;
mod solution;
mod sorting;
pub mod verify;

pub use bound::{LowerBound, lower_bound};
pub use choice::Choice;
pub use effort::Effort;
pub use error::{Error, Result};
pub use graph::{
    ElementType, Graph, GraphBuilder, Operator, OperatorBuilder, Permit, RelativePlacement, Shape, Side,
    Tensor, TensorKind, TensorSpec, UnknownElementType, Windowed,
};
pub use ids::{BufferId, OperatorId, PoolId, TensorId};
pub use infeasible::InfeasibleCore;
pub use limits::{CancelToken, Limits, Progress, Stop};
pub use liveness::{Liveness, Peak};
pub use objects::{Inside, Objects};
pub use occupant::{Occupant, Variables};
pub use plan::{BodyPlan, Placement, Plan, PlanBound, PlanInside, PlanObjects, Share, SharedObject, Status};
pub use planner::Planner;
#[doc(hidden)]
pub use planner::withdrawn_bounds;
pub use pool_plan::{PoolPlan, Route, Stay, Traffic, Transfer, Use};
pub use pools::{Content, Loading, Pool, Pools};
pub use problem::{Buffer, LiveRange, Problem};
pub use schedule::{Ordering, Schedule};
pub use sharing::{How, Sharing};
pub use solution::Solution;

/// The samples of the guide are tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
mod guide {}
