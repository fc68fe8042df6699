//! Plans as a C header: constants and tables, for C99 and C++ alike.

mod pools;

use std::fmt::Write;

use super::items::{self, Item};
use crate::{Graph, OperatorId, Plan, Problem, Solution};
pub use pools::of_pools;

/// What a C99 compiler must accept in one string.
const LONGEST_STRING: usize = 4095;

/// Arena, tensors, workspaces and the order to run in.
#[must_use]
pub fn of_graph(graph: &Graph, plan: &Plan) -> String {
    let mut header = Header::new(graph.name());
    let (tensors, workspaces) = (items::tensors(graph, plan), items::workspaces(graph, plan));
    // The arena must start at a multiple of what anything in it asks for.
    let alignment = largest_alignment(&tensors).max(plan.alignment);
    header.begin(plan.arena_bytes, alignment);
    header.tensors(&tensors);
    header.scratch(&workspaces);
    header.order(&plan.order);
    header.end()
}

/// Arena and buffers, which the table calls tensors. `name` is that of the
/// model.
#[must_use]
pub fn of_problem(name: &str, problem: &Problem, solution: &Solution) -> String {
    let mut header = Header::new(name);
    let buffers = items::buffers(problem, solution);
    header.begin(solution.height, largest_alignment(&buffers));
    header.tensors(&buffers);
    header.end()
}

fn largest_alignment(items: &[Item]) -> u64 {
    items.iter().map(|item| item.alignment).max().unwrap_or(1)
}

struct Header {
    model: String,
    /// Of types and tables.
    lower: String,
    /// Of macros.
    upper: String,
    text: String,
}

impl Header {
    fn new(model: &str) -> Self {
        let lower = prefix(model);
        let upper = lower.to_ascii_uppercase();
        Self { model: model.to_owned(), lower, upper, text: String::new() }
    }

    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn define(&mut self, name: &str, value: impl AsRef<str>) {
        let line = format!("#define {}_{name} {}", self.upper, value.as_ref());
        self.line(line.trim_end());
    }

    fn begin(&mut self, arena_bytes: u64, alignment: u64) {
        let model = comment(&self.model);
        self.line(format!("/* Memory plan of {model}, made by plimsoll. Offsets count from the start of"));
        self.line(" * the arena, in bytes; the arena itself must be aligned as said below. */");
        self.guard();
        self.define("ARENA_BYTES", format!("{arena_bytes}ULL"));
        self.define("ARENA_ALIGNMENT", format!("{alignment}ULL"));
        self.unused();
    }

    fn guard(&mut self) {
        let guard = format!("{}_H", self.upper);
        self.line(format!("#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n"));
    }

    fn unused(&mut self) {
        self.line("\n/* Whoever includes this need not use every table. */");
        self.line("#if defined(__GNUC__)");
        self.define("UNUSED", "__attribute__((unused))");
        self.line("#else");
        self.define("UNUSED", "");
        self.line("#endif");
    }

    fn tensors(&mut self, tensors: &[Item]) {
        self.line("\n/* Tensors in the arena. `index` is the tensor's number in the model, `object` that of the\n * shared object that it is in, or -1. */");
        self.define("TENSOR_COUNT", tensors.len().to_string());
        let fields =
            ["uint32_t index", "const char *name", "uint64_t offset", "uint64_t bytes", "int64_t object"];
        self.structure("tensor", &fields);
        let rows = tensors.iter().map(|Item { index, name, place, object, .. }| {
            let object = object_number(*object);
            format!("{{{index}U, {}, {}ULL, {}ULL, {object}}}", string(name), place.offset, place.bytes)
        });
        let element = format!("struct {}_tensor", self.lower);
        self.table(&element, "tensors", "TENSOR_COUNT", rows, "{0xFFFFFFFFU, 0, 0ULL, 0ULL, -1}");
    }

    fn scratch(&mut self, workspaces: &[Item]) {
        self.line("\n/* Workspaces, each in use only while its operator runs. */");
        self.define("SCRATCH_COUNT", workspaces.len().to_string());
        self.structure(
            "scratch",
            &["uint32_t operator_index", "uint64_t offset", "uint64_t bytes", "int64_t object"],
        );
        let rows = workspaces.iter().map(|Item { index, place, object, .. }| {
            format!("{{{index}U, {}ULL, {}ULL, {}}}", place.offset, place.bytes, object_number(*object))
        });
        let element = format!("struct {}_scratch", self.lower);
        self.table(&element, "scratches", "SCRATCH_COUNT", rows, "{0xFFFFFFFFU, 0ULL, 0ULL, -1}");
    }

    fn order(&mut self, order: &[OperatorId]) {
        self.line("\n/* The model's operators by number, in the order to run. */");
        self.define("STEP_COUNT", order.len().to_string());
        let rows = order.iter().map(|operator| format!("{operator}U"));
        self.table("uint32_t", "order", "STEP_COUNT", rows, "0xFFFFFFFFU");
    }

    fn structure(&mut self, name: &str, fields: &[&str]) {
        self.line(format!("struct {}_{name} {{", self.lower));
        for field in fields {
            self.line(format!("    {field};"));
        }
        self.line("};");
    }

    /// A table with one row more than its count says: neither C nor C++ knows
    /// arrays of length zero.
    fn table(
        &mut self,
        element: &str,
        name: &str,
        count: &str,
        rows: impl Iterator<Item = String>,
        last: &str,
    ) {
        let (lower, upper) = (self.lower.clone(), self.upper.clone());
        self.line(format!("static const {element} {lower}_{name}[{upper}_{count} + 1] {upper}_UNUSED = {{"));
        for row in rows {
            self.line(format!("    {row},"));
        }
        self.line(format!("    {last} /* after the end */"));
        self.line("};");
    }

    fn end(mut self) -> String {
        self.line("\n#endif");
        self.text
    }
}

/// The number of a shared object, or -1.
fn object_number(object: Option<u32>) -> i64 {
    object.map_or(-1, i64::from)
}

/// `plimsoll_` and the model's name, as an identifier. Where that loses
/// anything of the name, a hash of it follows: two models must not share a
/// prefix, or the second header would be skipped in silence.
fn prefix(model: &str) -> String {
    let letters = model.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    // Two underscores in a row are reserved in C++.
    let words = letters.collect::<String>();
    let words: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
    let words = words.join("_");
    if words == model && words.len() <= LONGEST_PREFIX {
        return format!("plimsoll_{words}");
    }
    let kept = words.get(..LONGEST_PREFIX - 9).unwrap_or(&words).trim_end_matches('_');
    let kept = if kept.is_empty() { "model" } else { kept };
    format!("plimsoll_{kept}_{:08x}", fnv1a(model.as_bytes()))
}

/// C99 tells macros apart by 63 letters; `plimsoll_` and the longest ending
/// take 27.
const LONGEST_PREFIX: usize = 36;

/// The 32-bit FNV-1a hash (Fowler, Noll, Vo): short, and the same everywhere.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A name within a comment, which nothing in it must end.
fn comment(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    let text: String = name.chars().map(|c| if safe(c) { c } else { '_' }).take(60).collect();
    if text.is_empty() { "a model".to_owned() } else { text }
}

/// A C string: bytes other than plain ASCII by their octal number, and no two
/// question marks in a row, which could be a trigraph.
fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for &byte in &text.as_bytes()[..text.len().min(LONGEST_STRING)] {
        match byte {
            b'"' | b'\\' | b'?' => {
                quoted.push('\\');
                quoted.push(byte.into());
            }
            b' '..=b'~' => quoted.push(byte.into()),
            // Three digits always, or a digit that follows would be read too.
            _ => write!(quoted, "\\{byte:03o}").expect("a string takes every letter"),
        }
    }
    quoted.push('"');
    quoted
}
