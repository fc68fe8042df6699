//! Plans as C code: constants and tables, for C99, C11 and C++ alike.
//!
//! One header alone ([`CCode::alone`]), or a header with declarations and a source with the
//! arena and the tables ([`CCode::header`], [`CCode::source`]). `docs/plan-format.md` defines
//! both.
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
use crate::{Graph, OperatorId, Plan, Problem, Share, Solution};
pub use prefix::{SymbolPrefix, SymbolPrefixError};
use text::{identifiers, string};
pub use write::can_include;

/// A plan as C code, ready to be written.
#[derive(Clone, Debug)]
pub struct CCode {
    model: String,
    /// What all names begin with.
    prefix: SymbolPrefix,
    /// What the first comment says of it.
    intro: &'static str,
    constants: String,
    memories: Vec<Memory>,
    tables: Vec<Table>,
    checks: Vec<Check>,
}

/// An arena or a pool: an array in the source.
#[derive(Clone, Debug)]
struct Memory {
    /// `ARENA`, or `POOL_0`: what its macros begin with.
    name: String,
    /// It has constants, which the program brings there.
    holds_constants: bool,
}

/// A table, and the structure of its rows.
#[derive(Clone, Debug)]
struct Table {
    comment: &'static str,
    /// Of the macro.
    count: &'static str,
    rows: Vec<String>,
    /// Name and fields of the structure; none where rows are numbers.
    structure: Option<(&'static str, &'static [&'static str])>,
    name: &'static str,
    /// A row more: neither C nor C++ knows arrays of length zero.
    last: &'static str,
}

/// What must hold of a right plan, for the compiler to check.
#[derive(Clone, Debug)]
struct Check {
    /// An identifier, for the compiler's message.
    label: String,
    condition: String,
}

const ARENA_INTRO: &str = "Offsets count from the start of\n * the arena, in bytes; the arena itself must be aligned as said below.";

impl CCode {
    /// Arena, tensors, workspaces, what shares memory and the order to run in. Names begin with
    /// `prefix`, or else with what [`SymbolPrefix::of_model`] makes of the graph's name.
    #[must_use]
    pub fn of_graph(graph: &Graph, plan: &Plan, prefix: Option<&SymbolPrefix>) -> Self {
        let mut code = Self::new(graph.name(), prefix, ARENA_INTRO);
        let (tensors, workspaces) = (items::tensors(graph, plan), items::workspaces(graph, plan));
        // The arena must start at a multiple of what anything in it asks for.
        let alignment = largest_alignment(&tensors).max(largest_alignment(&workspaces)).max(plan.alignment);
        code.arena(plan.arena_bytes, alignment);
        code.places("", &tensors);
        code.places("SCRATCH_", &workspaces);
        code.tables.extend([tensor_table(&tensors), scratch_table(&workspaces)]);
        code.tables.extend([share_table(&plan.shares), order_table(&plan.order)]);
        code
    }

    /// Arena and buffers, which the table calls tensors. `name` is that of the model.
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
        self.checks.push(Check { label, condition });
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
        self.memories.push(Memory { name, holds_constants });
    }

    /// A constant for each offset and size, named after what lies there.
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

/// Whether it ends inside and is aligned, without a sum that could overflow.
fn inside(offset: &str, bytes: &str, all: &str, alignment: u64) -> String {
    format!("{bytes} <= {all} && {offset} <= {all} - {bytes} && {offset} % {alignment}ULL == 0ULL")
}

fn largest_alignment(items: &[Item]) -> u64 {
    items.iter().map(|item| item.alignment).max().unwrap_or(1)
}

fn tensor_table(tensors: &[Item]) -> Table {
    let row = |Item { index, name, place, object, .. }: &Item| {
        let object = object_number(*object);
        format!("{{{index}U, {}, {}ULL, {}ULL, {object}}}", string(name), place.offset, place.bytes)
    };
    Table {
        comment: "Tensors in the arena. `index` is the tensor's number in the model, `object` that of the\n * shared object that it is in, or -1.",
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

fn scratch_table(workspaces: &[Item]) -> Table {
    let row = |Item { index, place, object, .. }: &Item| {
        format!("{{{index}U, {}ULL, {}ULL, {}}}", place.offset, place.bytes, object_number(*object))
    };
    Table {
        comment: "Workspaces, each in use only while its operator runs.",
        count: "SCRATCH_COUNT",
        rows: workspaces.iter().map(row).collect(),
        structure: Some((
            "scratch",
            &["uint32_t operator_index", "uint64_t offset", "uint64_t bytes", "int64_t object"],
        )),
        name: "scratches",
        last: "{0xFFFFFFFFU, 0ULL, 0ULL, -1}",
    }
}

/// What the operator leaves out, or may rely on.
fn share_table(shares: &[Share]) -> Table {
    let row = |Share { operator, tensor, of, at, how }: &Share| {
        format!("{{{tensor}U, {of}U, {operator}U, {}U, {at}ULL}}", text::number_of(*how))
    };
    Table {
        comment: "Tensors that share memory while both are needed: `index` starts `at` bytes after the start\n * of `of`, as `operator_index` permits. `how`: 0 it is all of the other one, 1 it is a part of\n * it, 2 it is made as a part of it, not to be copied there, 3 it is written over it, 4 it starts\n * within it.",
        count: "SHARE_COUNT",
        rows: shares.iter().map(row).collect(),
        structure: Some((
            "share",
            &["uint32_t index", "uint32_t of", "uint32_t operator_index", "uint32_t how", "uint64_t at"],
        )),
        name: "shares",
        last: "{0xFFFFFFFFU, 0U, 0U, 0U, 0ULL}",
    }
}

fn order_table(order: &[OperatorId]) -> Table {
    Table {
        comment: "The model's operators by number, in the order to run.",
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
