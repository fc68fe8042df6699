//! The note about upper bounds inside bodies.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Listing, MOST_LISTED, short};
use crate::graph::{Graph, TensorKind};

/// A note that names the tensors in bodies, nested bodies included, whose size depends on data and is an upper
/// bound. A body that several operators run counts once. None if there is no such tensor.
pub(super) fn note(graph: &Graph) -> Option<String> {
    let mut list = Listing::default();
    let (mut open, mut seen) = (vec![graph], HashSet::new());
    while let Some(graph) = open.pop() {
        for operator in graph.operators().iter().filter(|operator| !operator.is_folded()) {
            for body in operator.bodies().iter().filter(|&body| seen.insert(Arc::as_ptr(body))) {
                let tensors = body.tensors().iter().filter(|tensor| tensor.is_upper_bound());
                for tensor in tensors.filter(|tensor| tensor.kind() != TensorKind::Constant) {
                    let (name, dims) = (short(tensor.name()), tensor.shape().unwrap_or(&[]));
                    list.add(MOST_LISTED, || format!("`{name}` {dims:?} in `{}`", short(operator.name())));
                }
                open.push(body);
            }
        }
    }
    list.note("sizes in bodies that depend on data, planned at their upper bound")
}
