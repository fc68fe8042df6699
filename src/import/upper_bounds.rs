//! The note about upper bounds inside bodies.

use std::collections::HashSet;
use std::sync::Arc;

use super::{MOST_LISTED, listed, short};
use crate::graph::{Graph, TensorKind};

/// A note that names the tensors in bodies, nested bodies included, whose size depends on data and is an upper
/// bound. A body that several operators run counts once. None if there is no such tensor.
pub(super) fn note(graph: &Graph) -> Option<String> {
    let (mut shown, mut count) = (Vec::new(), 0);
    let (mut open, mut seen) = (vec![graph], HashSet::new());
    while let Some(graph) = open.pop() {
        for operator in graph.operators().iter().filter(|operator| !operator.is_folded()) {
            for body in operator.bodies().iter().filter(|&body| seen.insert(Arc::as_ptr(body))) {
                let tensors = body.tensors().iter();
                for tensor in tensors.filter(|one| one.is_upper_bound() && one.kind() != TensorKind::Constant)
                {
                    count += 1;
                    if count <= MOST_LISTED {
                        let (name, dims) = (short(tensor.name()), tensor.shape().unwrap_or(&[]));
                        shown.push(format!("`{name}` {dims:?} in `{}`", short(operator.name())));
                    }
                }
                open.push(body);
            }
        }
    }
    let sizes = "sizes in bodies that depend on data, planned at their upper bound";
    (count > 0).then(|| format!("{sizes}: {}", listed(shown, count, "; ")))
}
