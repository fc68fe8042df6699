//! `plimsoll diff`: compares two plans of a model, for people and for checks of changes.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll::export::json::{PlanDocument, TensorEntry};
use plimsoll::import::contents;

use crate::arguments::DiffArguments;
use crate::inputs::{error_at, text};
use crate::outcome::{Failure, Outcome};
use crate::output::print_lines;

/// Limit of tensors that each list names.
const MOST_LISTED: usize = 10;

pub fn run(arguments: &DiffArguments) -> Result<Outcome, Failure> {
    let (old, new) = (document(&arguments.old)?, document(&arguments.new)?);
    let bound = |plan: &PlanDocument| plan.bound_over_orders_bytes.unwrap_or(plan.lower_bound_bytes);
    let mut lines = vec![
        sizes("arena", old.arena_bytes, new.arena_bytes),
        sizes("bound", bound(&old), bound(&new)),
        values("status", &old.status.to_string(), &new.status.to_string()),
        order(&old, &new),
    ];
    lines.extend(tensors(&old.tensors, &new.tensors));
    let limit = arguments.max_arena.unwrap_or(old.arena_bytes);
    if new.arena_bytes > limit {
        let whose = if arguments.max_arena.is_some() { "--max-arena" } else { "the old plan" };
        let more = new.arena_bytes - limit;
        lines.push(format!("the new arena exceeds {whose} ({limit} bytes) by {more} bytes"));
    }
    print_lines(&lines.join("\n"))?;
    Ok(Outcome::of(new.arena_bytes <= limit))
}

fn document(path: &Path) -> Result<PlanDocument, Failure> {
    let text = text(path, contents(path)?)?;
    PlanDocument::from_json(&text).map_err(|error| error_at(path, &error))
}

/// Two sizes, with their difference.
#[allow(clippy::cast_precision_loss)] // a percentage for people
fn sizes(name: &str, old: u64, new: u64) -> String {
    if old == new {
        return format!("{name}: {old} bytes, unchanged");
    }
    let difference = i128::from(new) - i128::from(old);
    let percent = 100.0 * difference as f64 / old.max(1) as f64;
    format!("{name}: {old} -> {new} bytes ({difference:+}, {percent:+.1} %)")
}

fn values(name: &str, old: &str, new: &str) -> String {
    if old == new { format!("{name}: {old}, unchanged") } else { format!("{name}: {old} -> {new}") }
}

/// The first step at which the orders differ.
fn order(old: &PlanDocument, new: &PlanDocument) -> String {
    let (Some(old), Some(new)) = (&old.order, &new.order) else {
        return "order: none".to_owned();
    };
    if old == new {
        return format!("order: {} operators, unchanged", old.len());
    }
    if old.len() != new.len() {
        return format!("order: {} -> {} operators", old.len(), new.len());
    }
    let step = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    format!("order: differs from step {step} of {}", old.len())
}

/// Tensors by name; names in a plan are unique.
type ByName<'a> = BTreeMap<&'a str, &'a TensorEntry>;

fn by_name(tensors: &[TensorEntry]) -> ByName<'_> {
    tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect()
}

/// Tensors that only the first plan has.
fn only_in(plan: &ByName<'_>, other: &ByName<'_>) -> Vec<String> {
    let only = plan.values().filter(|tensor| !other.contains_key(tensor.name.as_str()));
    only.map(|tensor| format!("`{}`, {} bytes at {}", tensor.name, tensor.bytes, tensor.offset)).collect()
}

/// Tensors that were added, removed, resized or moved.
fn tensors(old: &[TensorEntry], new: &[TensorEntry]) -> Vec<String> {
    let (before, after) = (by_name(old), by_name(new));
    let (mut resized, mut moved) = (Vec::new(), Vec::new());
    for tensor in before.values() {
        let Some(other) = after.get(tensor.name.as_str()) else { continue };
        if tensor.bytes != other.bytes {
            resized.push(format!("`{}`, {} -> {} bytes", tensor.name, tensor.bytes, other.bytes));
        } else if tensor.offset != other.offset {
            moved.push(format!("`{}`, {} -> {}", tensor.name, tensor.offset, other.offset));
        }
    }
    let lists = [
        ("added", only_in(&after, &before)),
        ("removed", only_in(&before, &after)),
        ("resized", resized),
        ("moved", moved),
    ];
    lists.iter().flat_map(|(what, list)| listed(what, list)).collect()
}

/// The number of tensors, and the first of them.
fn listed(what: &str, list: &[String]) -> Vec<String> {
    if list.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("tensors {what}: {}", list.len())];
    lines.extend(list.iter().take(MOST_LISTED).map(|line| format!("  {line}")));
    if list.len() > MOST_LISTED {
        lines.push(format!("  and {} more", list.len() - MOST_LISTED));
    }
    lines
}
