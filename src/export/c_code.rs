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

mod places;
mod prefix;
mod tables;
mod text;
mod write;

use super::names::{row_names, tensor_names};
use crate::{Graph, Occupant, PlanView, PoolPlan, Storage, TensorKind, ViewRow, ViewedPlan};
use places::CPlaces;
pub use prefix::{SymbolPrefix, SymbolPrefixError};
use tables::CTable;
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
    /// Definitions before and after those of the places.
    constants: [String; 2],
    memories: Vec<CMemory>,
    tables: Vec<CTable>,
    /// Places of tensors, and of scratch.
    places: [CPlaces; 2],
    is_pools: bool,
}

/// An arena or a pool: an array in the source.
#[derive(Clone, Debug)]
struct CMemory {
    /// Prefix of its macros: `ARENA`, or `POOL_0`.
    name: String,
    /// True if constants reside in it, which the program must copy there.
    holds_constants: bool,
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
            constants: Default::default(),
            memories: Vec::new(),
            tables: Vec::new(),
            places: Default::default(),
            is_pools: matches!(view.plan, ViewedPlan::Pools(_)),
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
        code.places = [("", &tensors), ("SCRATCH_", &scratch)]
            .map(|(kind, rows)| CPlaces::new(kind, rows, code.is_pools));
        if let Some(graph) = view.graph {
            code.outside(graph);
        }
        code.tables.extend(tables::of_plan(view, &tensors, &scratch));
        code
    }

    /// Defines a constant before the places.
    fn define(&mut self, name: &str, value: impl std::fmt::Display) {
        self.constants[0] += &self.definition(name, value);
    }

    fn definition(&self, name: &str, value: impl std::fmt::Display) -> String {
        format!("#define {}_{name} {value}\n", self.prefix.upper())
    }

    fn memory(&mut self, name: String, bytes: u64, alignment: u64, holds_constants: bool) {
        self.define(&format!("{name}_BYTES"), format_args!("{bytes}ULL"));
        self.define(&format!("{name}_ALIGNMENT"), format_args!("{alignment}ULL"));
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
            let definition =
                self.definition(&format!("OUTSIDE_BYTES_{name}"), format_args!("{}ULL", tensor.bytes()));
            self.constants[1] += &definition;
        }
    }
}

fn is_constant(view: &PlanView<'_>, row: &ViewRow<'_>) -> bool {
    let Occupant::Tensor(id) = row.occupant else { return false };
    view.graph.is_some_and(|graph| graph.tensor(id).kind() == TensorKind::Constant)
}
