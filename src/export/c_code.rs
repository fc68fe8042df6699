//! Plans as C code: constants and tables, valid in C99, C11 and C++.
//!
//! Either one header that is complete in itself ([`CCode::alone`]), or a header with declarations and a
//! source with the arena and the tables ([`CCode::header`], [`CCode::source`]).
//! `docs/plan-format.md` defines both.
//!
//! ```
//! use plimsoll::export::c_code::{CCode, SymbolPrefix};
//! use plimsoll::{Graph, Planner, TensorSpec};
//!
//! let mut net = Graph::builder("tiny");
//! let image = net.input("image", TensorSpec::bytes(64));
//! let result = net.tensor("result", TensorSpec::bytes(10));
//! net.operator("dense").reads([image]).writes([result]);
//! net.output(result);
//! let graph = net.build()?;
//! let plan = Planner::new().alignment(16).plan(&graph)?;
//!
//! let code = CCode::of_graph(&graph, &plan, Some(&SymbolPrefix::new("net")?));
//! assert!(code.header().contains("#define NET_OFFSET_RESULT 64ULL"));
//! assert!(code.source("plan.h").contains("unsigned char net_arena["));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod pools;
mod prefix;
mod text;
mod write;

use super::items::{self, Item};
use crate::{Alias, Graph, OperatorId, Plan, Problem, Solution};
pub use prefix::{SymbolPrefix, SymbolPrefixError};
use text::{identifiers, string};
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

/// A table and the structure of its rows.
#[derive(Clone, Debug)]
struct CTable {
    comment: &'static str,
    /// Macro with the number of rows.
    count: &'static str,
    rows: Vec<String>,
    /// Name and fields of the structure; none if the rows are numbers.
    structure: Option<(&'static str, &'static [&'static str])>,
    name: &'static str,
    /// An additional last row, as neither C nor C++ has arrays of length zero.
    last: &'static str,
}

/// A condition of a correct plan, for the compiler to check.
#[derive(Clone, Debug)]
struct CCheck {
    /// An identifier that the message of the compiler shows.
    label: String,
    condition: String,
}

const ARENA_INTRO: &str = "Offsets count from the start of\n * the arena, in bytes; the arena itself must have the alignment below.";

impl CCode {
    /// The code of a graph's plan: arena, tensors, scratch, shared memory and the order of execution.
    /// Names begin with `prefix`, by default [`SymbolPrefix::of_model`] of the graph's name.
    #[must_use]
    pub fn of_graph(graph: &Graph, plan: &Plan, prefix: Option<&SymbolPrefix>) -> Self {
        let mut code = Self::new(graph.name(), prefix, ARENA_INTRO);
        let (tensors, scratch) = (items::tensors(graph, plan), items::scratch(graph, plan));
        // Offsets are aligned relative to the arena, so the arena needs the largest alignment.
        let alignment = largest_alignment(&tensors).max(largest_alignment(&scratch)).max(plan.alignment);
        code.arena(plan.arena_bytes, alignment);
        code.places("", &tensors);
        code.places("SCRATCH_", &scratch);
        code.tables.extend([tensor_table(&tensors), scratch_table(&scratch)]);
        code.tables.extend([alias_table(&plan.aliases), order_table(&plan.order)]);
        code
    }

    /// The code of a solution: arena and buffers, which the table calls tensors. `name` names the model.
    #[must_use]
    pub fn of_problem(
        name: &str,
        problem: &Problem,
        solution: &Solution,
        prefix: Option<&SymbolPrefix>,
    ) -> Self {
        let mut code = Self::new(name, prefix, ARENA_INTRO);
        let buffers = items::buffers(problem, solution);
        code.arena(solution.height, largest_alignment(&buffers));
        code.places("", &buffers);
        code.tables.push(tensor_table(&buffers));
        code
    }

    fn new(model: &str, prefix: Option<&SymbolPrefix>, intro: &'static str) -> Self {
        Self {
            model: model.to_owned(),
            prefix: prefix.cloned().unwrap_or_else(|| SymbolPrefix::of_model(model)),
            intro,
            constants: String::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            checks: Vec::new(),
        }
    }

    fn define(&mut self, name: &str, value: impl std::fmt::Display) {
        use std::fmt::Write;
        writeln!(self.constants, "#define {}_{name} {value}", self.prefix.upper())
            .expect("a string takes every letter");
    }

    fn check(&mut self, label: String, condition: String) {
        self.checks.push(CCheck { label, condition });
    }

    fn arena(&mut self, bytes: u64, alignment: u64) {
        self.memory("ARENA".to_owned(), bytes, alignment, false);
    }

    fn memory(&mut self, name: String, bytes: u64, alignment: u64, holds_constants: bool) {
        self.define(&format!("{name}_BYTES"), format_args!("{bytes}ULL"));
        self.define(&format!("{name}_ALIGNMENT"), format_args!("{alignment}ULL"));
        let macro_name = format!("{}_{name}_ALIGNMENT", self.prefix.upper());
        let condition = format!("{macro_name} != 0ULL && ({macro_name} & ({macro_name} - 1ULL)) == 0ULL");
        self.check(format!("{name}_ALIGNMENT"), condition);
        self.memories.push(CMemory { name, holds_constants });
    }

    /// Defines constants for each offset and size, named after the tensor or operator.
    fn places(&mut self, kind: &str, items: &[Item]) {
        let named = items.iter().map(|item| (item.index, item.name.as_str()));
        let upper = self.prefix.upper().to_owned();
        for (item, name) in items.iter().zip(identifiers(named)) {
            let (offset, bytes) = (item.place.offset, item.place.bytes);
            self.define(&format!("{kind}OFFSET_{name}"), format_args!("{offset}ULL"));
            self.define(&format!("{kind}BYTES_{name}"), format_args!("{bytes}ULL"));
            let (offset, bytes) =
                (format!("{upper}_{kind}OFFSET_{name}"), format!("{upper}_{kind}BYTES_{name}"));
            let condition = inside(&offset, &bytes, &format!("{upper}_ARENA_BYTES"), item.alignment);
            self.check(format!("{kind}{name}"), condition);
        }
    }
}

/// A condition: the range ends inside the memory and is aligned, without a sum that could overflow.
fn inside(offset: &str, bytes: &str, all: &str, alignment: u64) -> String {
    format!("{bytes} <= {all} && {offset} <= {all} - {bytes} && {offset} % {alignment}ULL == 0ULL")
}

fn largest_alignment(items: &[Item]) -> u64 {
    items.iter().map(|item| item.alignment).max().unwrap_or(1)
}

fn tensor_table(tensors: &[Item]) -> CTable {
    let row = |Item { index, name, place, object, .. }: &Item| {
        let object = object_number(*object);
        format!("{{{index}U, {}, {}ULL, {}ULL, {object}}}", string(name), place.offset, place.bytes)
    };
    CTable {
        comment: "Tensors in the arena. `index` is the tensor's number in the model, `object` the number\n * of the shared object that contains it, or -1.",
        count: "TENSOR_COUNT",
        rows: tensors.iter().map(row).collect(),
        structure: Some((
            "tensor",
            &["uint32_t index", "const char *name", "uint64_t offset", "uint64_t bytes", "int64_t object"],
        )),
        name: "tensors",
        last: "{0xFFFFFFFFU, 0, 0ULL, 0ULL, -1}",
    }
}

fn scratch_table(scratch: &[Item]) -> CTable {
    let row = |Item { index, place, object, .. }: &Item| {
        format!("{{{index}U, {}ULL, {}ULL, {}}}", place.offset, place.bytes, object_number(*object))
    };
    CTable {
        comment: "Scratch memory, in use only while its operator runs.",
        count: "SCRATCH_COUNT",
        rows: scratch.iter().map(row).collect(),
        structure: Some((
            "scratch",
            &["uint32_t operator_index", "uint64_t offset", "uint64_t bytes", "int64_t object"],
        )),
        name: "scratches",
        last: "{0xFFFFFFFFU, 0ULL, 0ULL, -1}",
    }
}

/// The table of aliases: copies that operators can omit, and input bytes that they may overwrite.
fn alias_table(aliases: &[Alias]) -> CTable {
    let row = |Alias { operator, tensor, of, at, kind }: &Alias| {
        format!("{{{tensor}U, {of}U, {operator}U, {}U, {at}ULL}}", text::number_of(*kind))
    };
    CTable {
        comment: "Tensors that share memory while both are live: `index` starts `at` bytes after the start\n * of `of`, as `operator_index` permits. `how`: 0 it is the whole of `of`, 1 it is a part of it,\n * 2 it is written as a part of it and need not be copied there, 3 it is written over it, 4 it\n * starts within it.",
        count: "SHARE_COUNT",
        rows: aliases.iter().map(row).collect(),
        structure: Some((
            "share",
            &["uint32_t index", "uint32_t of", "uint32_t operator_index", "uint32_t how", "uint64_t at"],
        )),
        name: "shares",
        last: "{0xFFFFFFFFU, 0U, 0U, 0U, 0ULL}",
    }
}

fn order_table(order: &[OperatorId]) -> CTable {
    CTable {
        comment: "Operators by their number in the model, in the order of execution.",
        count: "STEP_COUNT",
        rows: order.iter().map(|operator| format!("{operator}U")).collect(),
        structure: None,
        name: "order",
        last: "0xFFFFFFFFU",
    }
}

/// The number of a shared object, or -1.
fn object_number(object: Option<u32>) -> i64 {
    object.map_or(-1, i64::from)
}
