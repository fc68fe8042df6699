//! Plans as C code: constants and tables, valid in C99, C11 and C++.
//!
//! Either one header that is complete in itself ([`CCode::alone`]), or a header with declarations and a
//! source with the arena and the tables ([`CCode::header`], [`CCode::source`]).
//! `docs/plan-format.md` defines both.
//!
//! ```
//! use plimsoll::export::c_code::{CCode, SymbolPrefix};
//! use plimsoll::{Graph, PlanView, Planner, TensorSpec};
//!
//! let mut net = Graph::builder("tiny");
//! let image = net.input("image", TensorSpec::bytes(64));
//! let result = net.tensor("result", TensorSpec::bytes(10));
//! net.operator("dense").reads([image]).writes([result]);
//! net.output(result);
//! let graph = net.build()?;
//! let plan = Planner::new().alignment(16).plan(&graph)?;
//!
//! let code = CCode::new(&PlanView::of_plan(&graph, &plan), Some(&SymbolPrefix::new("net")?));
//! assert!(code.header().contains("#define NET_OFFSET_RESULT 64ULL"));
//! assert!(code.source("plan.h").contains("unsigned char net_arena["));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod prefix;
mod tables;
mod text;
mod write;

use super::names::{row_names, tensor_names};
use crate::{Graph, Occupant, PlanView, PoolId, PoolPlan, Storage, TensorKind, ViewRow, ViewedPlan};
pub use prefix::{SymbolPrefix, SymbolPrefixError};
use tables::{CTable, NamedRow};
use text::identifiers;
pub use write::can_include;

/// The C code of a plan, ready to be written.
///
/// Example: the [module](crate::export::c_code).
#[derive(Clone, Debug)]
pub struct CCode {
    model: String,
    /// Prefix of all names.
    prefix: SymbolPrefix,
    /// Introduction of the plan in the first comment.
    intro: &'static str,
    constants: String,
    memories: Vec<CMemory>,
    tables: Vec<CTable>,
    checks: Vec<CCheck>,
}

/// An arena or a pool: an array in the source.
#[derive(Clone, Debug)]
struct CMemory {
    /// Prefix of its macros: `ARENA`, or `POOL_0`.
    name: String,
    /// True if constants reside in it, which the program must copy there.
    holds_constants: bool,
}

/// A condition of a correct plan, for the compiler to check.
#[derive(Clone, Debug)]
struct CCheck {
    /// An identifier that the message of the compiler shows.
    label: String,
    condition: Condition,
}

/// A condition without its text: the text of all is several times as large.
#[derive(Clone, Debug)]
enum Condition {
    /// The alignment of the memory with this name is a power of two.
    PowerOfTwo { memory: String },
    /// The tensor or scratch with this name in macros lies inside the arena at a multiple of the alignment.
    InArena { kind: &'static str, name: String, alignment: u64 },
    /// Bytes from an offset lie inside a pool, at a multiple of the alignment.
    InPool { pool: PoolId, offset: u64, bytes: u64, alignment: u64 },
}

impl Condition {
    /// The condition as an expression; macros begin with `upper`.
    fn text(&self, upper: &str) -> String {
        match self {
            Self::PowerOfTwo { memory } => {
                let alignment = format!("{upper}_{memory}_ALIGNMENT");
                format!("{alignment} != 0ULL && ({alignment} & ({alignment} - 1ULL)) == 0ULL")
            }
            Self::InArena { kind, name, alignment } => {
                let [offset, bytes] = ["OFFSET", "BYTES"].map(|of| format!("{upper}_{kind}{of}_{name}"));
                inside(&offset, &bytes, &format!("{upper}_ARENA_BYTES"), *alignment)
            }
            Self::InPool { pool, offset, bytes, alignment } => {
                let [offset, bytes] = [offset, bytes].map(|number| format!("{number}ULL"));
                inside(&offset, &bytes, &format!("{upper}_POOL_{pool}_BYTES"), *alignment)
            }
        }
    }
}

const ARENA_INTRO: &str = "Offsets count from the start of\n * the arena, in bytes; the arena itself must have the alignment below.";
const POOL_INTRO: &str = "Offsets count from the start of\n * each pool, in bytes; the pools themselves must have the alignments below. Steps count\n * operators in the order of execution, from 0; ranges are from `start` to `end` (exclusive).";

impl CCode {
    /// The code of a plan: its memories, tensors and scratch; for a graph also shared memory and the order
    /// of execution, and for several memories transfers. Buffers of a problem are called tensors. Names
    /// begin with `prefix`, by default [`SymbolPrefix::of_model`] of the model's name.
    #[must_use]
    pub fn new(view: &PlanView<'_>, prefix: Option<&SymbolPrefix>) -> Self {
        let mut code = Self {
            model: view.model.to_owned(),
            prefix: prefix.cloned().unwrap_or_else(|| SymbolPrefix::of_model(view.model)),
            intro: ARENA_INTRO,
            constants: String::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            checks: Vec::new(),
        };
        let named = view.rows.iter().zip(row_names(view));
        let (scratch, tensors): (Vec<_>, Vec<_>) = named.partition(|(row, _)| row.is_scratch());
        match &view.plan {
            ViewedPlan::Arena(plan) => {
                // Offsets are aligned relative to the arena, so the arena needs the largest alignment.
                let alignment = view.rows.iter().map(|row| row.alignment).fold(plan.alignment, u64::max);
                code.memory("ARENA".to_owned(), plan.arena_bytes, alignment, false);
            }
            ViewedPlan::Pools(plan) => {
                code.intro = POOL_INTRO;
                code.pools(view, plan);
            }
        }
        let is_pools = matches!(view.plan, ViewedPlan::Pools(_));
        code.places("", &tensors, is_pools);
        code.places("SCRATCH_", &scratch, is_pools);
        if let Some(graph) = view.graph {
            code.outside(graph);
        }
        code.tables.extend(tables::of_plan(view, &tensors, &scratch));
        code
    }

    fn define(&mut self, name: &str, value: impl std::fmt::Display) {
        use std::fmt::Write;
        writeln!(self.constants, "#define {}_{name} {value}", self.prefix.upper())
            .expect("a string takes every letter");
    }

    fn check(&mut self, label: String, condition: Condition) {
        self.checks.push(CCheck { label, condition });
    }

    fn memory(&mut self, name: String, bytes: u64, alignment: u64, holds_constants: bool) {
        self.define(&format!("{name}_BYTES"), format_args!("{bytes}ULL"));
        self.define(&format!("{name}_ALIGNMENT"), format_args!("{alignment}ULL"));
        self.check(format!("{name}_ALIGNMENT"), Condition::PowerOfTwo { memory: name.clone() });
        self.memories.push(CMemory { name, holds_constants });
    }

    fn pools(&mut self, view: &PlanView<'_>, plan: &PoolPlan) {
        self.define("HOME", format_args!("{}U", plan.pools.backing_store_id()));
        self.define("INPUTS_IN", format_args!("{}U", plan.pools.inputs_in()));
        self.define("OUTPUTS_IN", format_args!("{}U", plan.pools.outputs_in()));
        let mut figures = Vec::new();
        for (number, pool) in plan.pools.list().iter().enumerate() {
            let rows = || view.rows.iter().filter(|row| row.memory.index() == number);
            let used = plan.used.get(number).copied().unwrap_or(0);
            let minimum = pool.offset_alignment().max(plan.alignment);
            let alignment = rows().map(|row| row.alignment).fold(minimum, u64::max);
            self.memory(format!("POOL_{number}"), used, alignment, rows().any(|row| is_constant(view, row)));
            figures.push((pool.name(), used, alignment));
        }
        self.tables.push(tables::pool_table(&figures));
    }

    /// Defines constants for the offset and size of each tensor or scratch, named after the tensor or
    /// operator; occupants with several residency intervals have none. Checks every row.
    fn places(&mut self, kind: &'static str, rows: &[NamedRow<'_>], is_pools: bool) {
        let intervals = rows.chunk_by(|a, b| a.0.index() == b.0.index());
        let single: Vec<_> = intervals.filter(|intervals| intervals.len() == 1).flatten().collect();
        let names = identifiers(single.iter().map(|(row, name)| (row.index(), &**name)));
        for ((row, _), name) in single.into_iter().zip(names) {
            let (offset, bytes) = (row.place.offset, row.place.bytes);
            if is_pools {
                self.define(&format!("{kind}POOL_OF_{name}"), format_args!("{}U", row.memory));
            }
            self.define(&format!("{kind}OFFSET_{name}"), format_args!("{offset}ULL"));
            self.define(&format!("{kind}BYTES_{name}"), format_args!("{bytes}ULL"));
            if !is_pools {
                let label = format!("{kind}{name}");
                self.check(label, Condition::InArena { kind, name, alignment: row.alignment });
            }
        }
        let kind = if kind.is_empty() { "PLACE_" } else { kind };
        for (number, (row, _)) in rows.iter().enumerate().filter(|_| is_pools) {
            let (offset, bytes) = (row.place.offset, row.place.bytes);
            let condition = Condition::InPool { pool: row.memory, offset, bytes, alignment: row.alignment };
            self.check(format!("{kind}{number}"), condition);
        }
    }
}

impl CCode {
    /// Defines a constant for the size of each tensor in a buffer of the caller.
    fn outside(&mut self, graph: &Graph) {
        let is_outside = |tensor: &crate::Tensor| *tensor.storage() == Storage::Outside;
        if !graph.tensors().iter().any(is_outside) {
            return;
        }
        let tensors = graph.tensors().iter().zip(tensor_names(graph)).enumerate();
        let outside: Vec<_> = tensors.filter(|(_, (tensor, _))| is_outside(tensor)).collect();
        let macros = identifiers(outside.iter().map(|(index, (_, name))| (*index, &**name)));
        for ((_, (tensor, _)), name) in outside.iter().zip(macros) {
            self.define(&format!("OUTSIDE_BYTES_{name}"), format_args!("{}ULL", tensor.bytes()));
        }
    }
}

/// A condition: the range ends inside the memory and is aligned, without a sum that could overflow.
fn inside(offset: &str, bytes: &str, all: &str, alignment: u64) -> String {
    format!("{bytes} <= {all} && {offset} <= {all} - {bytes} && {offset} % {alignment}ULL == 0ULL")
}

fn is_constant(view: &PlanView<'_>, row: &ViewRow<'_>) -> bool {
    let Occupant::Tensor(id) = row.occupant else { return false };
    view.graph.is_some_and(|graph| graph.tensor(id).kind() == TensorKind::Constant)
}
