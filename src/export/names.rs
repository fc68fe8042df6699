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
    let names: Vec<(usize, &str)> = names.into_iter().enumerate().collect();
    numbered(&names, |name| !name.is_empty(), |name| name, |name, index| format!("{name}#{index}"))
}

/// Makes names unique. A name that occurs once and `is_allowed` stays; for any other, `with_number` appends
/// the number to the `stem` of the name. Names with different numbers must then be different.
pub(super) fn numbered<S: AsRef<str>>(
    names: &[(usize, S)],
    is_allowed: impl Fn(&str) -> bool,
    stem: impl Fn(&str) -> &str,
    with_number: impl Fn(&str, usize) -> String,
) -> Vec<String> {
    let mut count: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for (_, name) in names {
        *count.entry(name.as_ref()).or_default() += 1;
    }
    let is_kept = |name: &str| is_allowed(name) && count.get(name) == Some(&1);
    let unique = names.iter().map(|(index, name)| {
        let mut unique = name.as_ref().to_owned();
        if !is_kept(&unique) {
            unique = with_number(stem(name.as_ref()), *index);
            // Generated names are different, so they can collide only with names that are kept.
            while is_kept(&unique) {
                unique = with_number(&unique, *index);
            }
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
