//! Unique names, as files repeat and omit names.

use std::collections::HashMap;

use crate::{Graph, Operator, PlanView, Tensor};

/// Makes names unique. A unique, non-empty name stays; `#` and its position are appended to any other.
///
/// ```
/// use plimsoll::export::unique_names;
///
/// assert_eq!(unique_names(["x", "y", "x", ""]), ["x#0", "y", "x#2", "#3"]);
/// ```
///
/// A name in the file can itself look like `x#0`. It keeps that name, and the `x` becomes `x#0#0`.
pub fn unique_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.into_iter().collect();
    let mut count: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for &name in &names {
        *count.entry(name).or_default() += 1;
    }
    let is_kept = |name: &str| !name.is_empty() && count.get(name) == Some(&1);
    let unique = names.iter().enumerate().map(|(index, &name)| {
        if is_kept(name) {
            return name.to_owned();
        }
        let mut unique = format!("{name}#{index}");
        // Two generated names differ after the last `#`, so they can collide only with names that
        // are kept.
        while is_kept(&unique) {
            unique = format!("{unique}#{index}");
        }
        unique
    });
    unique.collect()
}

/// The unique names of all tensors of a graph.
pub(super) fn tensor_names(graph: &Graph) -> Vec<String> {
    unique_names(graph.tensors().iter().map(Tensor::name))
}

/// The name of each row, unique among all tensors of the graph, or among all operators for scratch.
pub(super) fn row_names(view: &PlanView<'_>) -> Vec<String> {
    let Some(graph) = view.graph else { return unique_names(view.rows.iter().map(|row| &*row.name)) };
    let tensors = tensor_names(graph);
    let operators = unique_names(graph.operators().iter().map(Operator::name));
    let names =
        view.rows.iter().map(|row| if row.is_scratch() { &operators } else { &tensors }[row.index()].clone());
    names.collect()
}
