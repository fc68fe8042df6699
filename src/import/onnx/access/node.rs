//! A node with the shapes of its tensors and the numbers in its inputs.

use std::collections::HashMap;

use crate::graph::TileAxis;
use crate::import::access::OperatorShapes;
use crate::import::dims;
use crate::import::onnx::graph::{OnnxAttribute, OnnxNode};
use crate::import::onnx::value::Elements;

/// The cost of an output element, and the axes by position in the file.
pub(super) type Stated = (u64, Vec<TileAxis>);

/// A node, seen by a rule for its access map. Rules return none for a node that they do not understand.
pub(super) struct NodeFacts<'c> {
    pub node: &'c OnnxNode,
    /// The operator set version of the standard domain.
    pub version: i64,
    pub shapes: OperatorShapes<'c>,
    pub numbers: &'c HashMap<&'c str, Elements>,
}

impl<'c> NodeFacts<'c> {
    pub fn input(&self, position: usize) -> Option<&'c [u64]> {
        self.shapes.input(position)
    }

    pub fn output(&self) -> Option<&'c [u64]> {
        self.shapes.output()
    }

    /// The number of axes of the first input.
    pub fn rank(&self) -> Option<usize> {
        Some(self.input(0)?.len())
    }

    /// Returns whether the node has an input.
    pub fn has(&self, position: usize) -> bool {
        self.node.input().get(position).is_some_and(|name| !name.is_empty())
    }

    /// Returns whether the node has an output.
    pub fn has_output(&self, position: usize) -> bool {
        self.node.output().get(position).is_some_and(|name| !name.is_empty())
    }

    fn elements(&self, position: usize) -> Option<&'c Elements> {
        self.numbers.get(self.node.input().get(position)?)
    }

    /// The integers in an input, if they are known.
    pub fn integers(&self, position: usize) -> Option<&'c [i64]> {
        match self.elements(position)? {
            Elements::Integers(numbers) => Some(numbers),
            Elements::Floats(_) | Elements::Tensors(_) => None,
        }
    }

    /// The floating-point numbers in an input, if they are known.
    pub fn floats(&self, position: usize) -> Option<&'c [f64]> {
        match self.elements(position)? {
            Elements::Floats(numbers) => Some(numbers),
            Elements::Integers(_) | Elements::Tensors(_) => None,
        }
    }

    pub fn attribute(&self, name: &str) -> Option<&'c OnnxAttribute> {
        self.node.attribute.iter().find(|attribute| *attribute.name == *name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    /// A list attribute; none if it is absent or empty.
    pub fn ints(&self, name: &str) -> Option<&'c [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice()).filter(|numbers| !numbers.is_empty())
    }

    pub fn text(&self, name: &str, default: &'static str) -> Option<&'c str> {
        let Some(attribute) = self.attribute(name) else { return Some(default) };
        std::str::from_utf8(&attribute.s).ok()
    }

    /// An axis attribute; negative numbers count from the end.
    pub fn axis(&self, default: i64, rank: usize) -> Option<usize> {
        axis(self.int("axis", default), rank)
    }

    /// Integers of an input, or of an attribute in older versions; empty if the node has neither, none if they are
    /// unknown.
    pub fn integers_or(&self, position: usize, name: &str) -> Option<&'c [i64]> {
        if self.has(position) { self.integers(position) } else { Some(self.ints(name).unwrap_or_default()) }
    }
}

/// An axis; negative numbers count from the end.
pub(super) fn axis(number: i64, rank: usize) -> Option<usize> {
    dims::axis(number, rank).ok()
}

/// A list of axes, each at most once.
pub(super) fn axes(numbers: &[i64], rank: usize) -> Option<Vec<usize>> {
    dims::axes(numbers, rank).ok()
}
