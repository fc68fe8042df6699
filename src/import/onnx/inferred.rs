//! Results of shape inference.

use std::collections::HashMap;
use std::rc::Rc;

use super::graph::OnnxGraph;

/// Result of inference for a tensor.
pub(super) enum InferredShape {
    /// No inferred node writes the tensor.
    NotInferred,
    /// An inferred element type and shape.
    Shape {
        data_type: i32,
        dims: Vec<u64>,
        /// True if dimensions are upper bounds, as they depend on data.
        is_upper_bound: bool,
    },
    /// The shape could not be inferred.
    Unknown(UnshapedReason),
}

/// The reason why a shape could not be inferred.
#[derive(Clone, Debug)]
pub(super) enum UnshapedReason {
    /// The tensor is an input without a fixed shape.
    Input,
    /// The rule of its operator gives no shape, for this reason.
    Cause(Rc<str>),
    /// Its operator needs the shape of another tensor, which is unknown.
    Dependent,
}

/// Inferred shapes of a body, sorted by tensor name. A list, as a file may have many bodies of one or two
/// nodes.
type BodyShapeList<'m> = Box<[(&'m str, InferredShape)]>;

/// Inferred shapes of all bodies that run, by the address of the body in the message.
#[derive(Default)]
pub(super) struct BodyShapes<'m>(HashMap<*const OnnxGraph, BodyShapeList<'m>>);

impl<'m> BodyShapes<'m> {
    pub(super) fn insert(
        &mut self,
        body: &'m OnnxGraph,
        shapes: impl Iterator<Item = (&'m str, InferredShape)>,
    ) {
        let mut shapes: BodyShapeList<'m> = shapes.collect();
        shapes.sort_unstable_by_key(|(name, _)| *name);
        self.0.insert(std::ptr::from_ref(body), shapes);
    }

    /// Returns whether the body runs.
    pub(super) fn has(&self, body: &OnnxGraph) -> bool {
        self.0.contains_key(&std::ptr::from_ref(body))
    }

    pub(super) fn get(&self, body: &OnnxGraph, name: &str) -> Option<&InferredShape> {
        let shapes = self.0.get(&std::ptr::from_ref(body))?;
        let index = shapes.binary_search_by_key(&name, |(tensor, _)| tensor).ok()?;
        Some(&shapes[index].1)
    }
}
