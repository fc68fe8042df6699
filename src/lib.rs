//! Static memory planning for neural-network compilers. Give it a graph; get verified offsets for
//! every tensor in as little memory as possible, and a proven lower bound on the memory that any
//! plan needs.
//!
//! # Should I use it?
//!
//! Yes, if you compile networks ahead of time and decide the layout of a small memory: an arena in
//! SRAM, or an L2 that should hold the activations. Sizes must be known before the run. No, if
//! shapes change at run time: then you need an allocator.
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
//! To place buffers without a graph, use [`Problem`] and [`Planner::solve`]. To add a strategy,
//! implement [`allocate::Strategy`]. To check plans from other sources, use [`verify::verify`].
//! Errors carry the ids and numbers of their messages, to be matched on: [`error`].
//! `docs/guide.md` shows the way from a compiler's IR to a plan and to code.
//!
//! # Glossary
//!
//! - **arena**: one block of memory that holds all tensors of a run.
//! - **offset**: the distance of a tensor from the start of the arena, in bytes.
//! - **order**: the sequence in which operators run; **step**: a position in the order;
//!   **program order**: the order of the source model.
//! - **live range**: the steps `[start, end)` at which a tensor's contents are needed. Ranges are
//!   half-open everywhere.
//! - **scratch buffer**: memory that an operator needs only while it runs.
//! - **buffer**: a tensor or a scratch buffer that gets one offset.
//! - **load**: the bytes live at a step; **peak**: the maximum load.
//! - **lower bound**: a size below which no arena is possible. A plan that reaches it is optimal.
//! - **alias**: a tensor that shares bytes with another one while both are live; **in place**: an
//!   output that overwrites an input; **view**: an output that consists of an input's bytes.
//! - **pool**: one of several memories, such as an L2 or DDR.
//! - **folded**: run at compile time, because all inputs are constants.
//!
//! # Features
//!
//! No feature is on by default. The default build has four dependencies.
//!
//! | feature | contents |
//! | --- | --- |
//! | `onnx`, `tflite`, `csv` | importers with shape inference, in [`import`] (`csv` also writes; `tflite`, and `onnx` with `json`, write models with a plan inside, in [`export`]) |
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
#[cfg(feature = "capi")]
mod capi;
pub mod effects;
pub mod error;
pub mod export;
#[cfg(feature = "files")]
#[doc(hidden)]
pub mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod graph;
pub mod import;
mod liveness;
mod placement;
mod plan;
mod planner;
mod problem;
#[cfg(feature = "report")]
pub mod report;
mod schedule;
mod sharing;
mod support;
pub mod tiling;
pub mod verify;

pub use error::{Error, Result};
pub use graph::{
    AccessMap, BodyLink, Content, ElementType, Graph, GraphBuilder, InputContents, Loading, Occupant,
    Operator, OperatorBuilder, Outside, Permit, Pool, Pools, RelativePlacement, RowMap, RowsRead, Side,
    Storage, Tensor, TensorKind, TensorRole, TensorSpec, TileAxis, UnknownElementType, Variables, Windowed,
};
pub use liveness::{Liveness, Peak};
pub use plan::{
    Alias, BodyPlan, LinkedTensor, Placement, Plan, PlanBound, PlanNesting, PlanObjects, PlanView, PoolPlan,
    Residency, Route, SharedObject, TiledPlan, TiledPoolPlan, TilingView, Traffic, Transfer, Use, ViewRow,
    ViewedPlan,
};
#[doc(hidden)]
pub use planner::withdrawn_bounds;
pub use planner::{Keep, Planner, PreviousPlan};
pub use problem::{
    Buffer, Choice, InfeasibleCore, LiveRange, LowerBound, Nesting, Objects, Problem, Solution, Status,
    lower_bound,
};
pub use schedule::{Schedule, ScheduleMode};
pub use sharing::{AliasKind, SharingLevel};
pub use support::effort::Effort;
pub use support::ids::{BufferId, OperatorId, PoolId, TensorId};
pub use support::limits::{CancelToken, Limits, Progress, Stop};

/// The examples of the guide run as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
mod guide {}

/// The example of tiling is a test.
#[cfg(doctest)]
#[doc = include_str!("../docs/tiling.md")]
mod tiling_example {}

/// The sample of the verifier's rules is a test.
#[cfg(doctest)]
#[doc = include_str!("../docs/verify.md")]
mod verify_rules {}
