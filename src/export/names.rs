//! Unique names, as files repeat and omit names.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::{Graph, Operator, PlanView, Tensor, ViewRow};

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
    unique(names).into_iter().map(Cow::into_owned).collect()
}

/// [`unique_names`], with names that stay borrowed.
pub(super) fn unique<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Cow<'a, str>> {
    let names: Vec<(usize, &str)> = names.into_iter().enumerate().collect();
    numbered(&names, |name| !name.is_empty(), |name| name, |name, index| format!("{name}#{index}"))
}

/// Makes names unique. A name that occurs once and `is_allowed` stays; for any other, `with_number` appends
/// the number to the `stem` of the name. Names with different numbers must then be different.
pub(super) fn numbered<'a>(
    names: &[(usize, &'a str)],
    is_allowed: impl Fn(&str) -> bool,
    stem: impl Fn(&str) -> &str,
    with_number: impl Fn(&str, usize) -> String,
) -> Vec<Cow<'a, str>> {
    let mut count: HashMap<&str, usize> = HashMap::with_capacity(names.len());
    for (_, name) in names {
        *count.entry(name).or_default() += 1;
    }
    let is_kept = |name: &str| is_allowed(name) && count.get(name) == Some(&1);
    let unique = names.iter().map(|&(index, name)| {
        if is_kept(name) {
            return Cow::Borrowed(name);
        }
        let mut unique = with_number(stem(name), index);
        // Generated names are different, so they can collide only with names that are kept.
        while is_kept(&unique) {
            unique = with_number(&unique, index);
        }
        Cow::Owned(unique)
    });
    unique.collect()
}

/// The unique names of all tensors of a graph.
pub(super) fn tensor_names(graph: &Graph) -> Vec<Cow<'_, str>> {
    unique(graph.tensors().iter().map(Tensor::name))
}

/// The name of each row, unique among all tensors of the graph, or among all operators for scratch.
pub(super) fn row_names<'v>(view: &'v PlanView<'_>) -> Vec<Cow<'v, str>> {
    let Some(graph) = view.graph else { return unique(view.rows.iter().map(|row| &*row.name)) };
    let tensors = tensor_names(graph);
    let has_scratch = view.rows.iter().any(ViewRow::is_scratch);
    let operators = graph.operators().iter().map(Operator::name).filter(|_| has_scratch);
    let operators = unique(operators);
    let names =
        view.rows.iter().map(|row| if row.is_scratch() { &operators } else { &tensors }[row.index()].clone());
    names.collect()
}
