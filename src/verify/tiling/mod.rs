//! The graph of a tiling computes what the untiled graph computes.
//!
//! Each tensor of the tiled graph has a *label*: a tensor `t` of the untiled graph and rows `a..b` of it
//! along one axis, or all of `t`. The claim is that each tensor holds the rows of its label when it has been
//! written. By induction over the order it suffices that every operator, if its inputs hold their labels,
//! writes the labels of its outputs:
//!
//! - *W1*: a label names a tensor and rows that exist, and the tensor has their size. Inputs, constants,
//!   variables and outputs of the untiled graph exist as a whole, once, and keep kind, size and
//!   permission to be overwritten.
//! - *W2*: an operator that runs as a whole reads and writes the whole tensors of one operator of the
//!   untiled graph, position by position, with its scratch and its bodies.
//! - *W3*: a tile reads exactly the rows that its operator's access map asks for, and its padding is exactly
//!   what lies outside of the tensor. Its inputs hold these rows, in parts that follow each other in memory.
//! - *W4*: a tile writes the rows that it states, of each output of its operator.
//! - *W5*: a carry keeps rows that its inputs hold.
//! - *W6*: a join's parts are all rows of its label, each row once; parts of joins and splits lie where the
//!   label has these rows, whatever the plan, and rows follow each other in memory.
//! - *W7*: a permission to share memory is one that the untiled operator gives, and holds for the rows.
//! - *W8*: every operator of the untiled graph runs as a whole once, or in tiles (in none if no row is read); operators that access one
//!   variable, and those that must run after others, keep their order.
//!
//! Access maps are taken from the untiled graph; that they are true is the compiler's promise. Nothing
//! here is shared with `tiling`. O(n log n) for n tensors and edges of the tiled graph.

mod check;
mod constraints;
mod held_rows;
mod labels;
mod moves;
mod order;
mod permits;
mod tiles;
mod whole;

use self::check::Check;
use super::Rule;
use super::violation::ViolationCollector;
use crate::graph::{Graph, Tensor};
use crate::support::ids::OperatorId;
use crate::tiling::{OperatorOrigin, TiledGraph};

pub(super) fn check(graph: &Graph, tiled: &TiledGraph, violations: &mut ViolationCollector) {
    let is_complete = tiled.tensors.len() == tiled.graph.tensors().len()
        && tiled.operators.len() == tiled.graph.operators().len();
    if !is_complete {
        violations
            .add(Rule::TileLabel, "a tensor or an operator of the tiled graph has no origin".to_owned());
        return;
    }
    let check = Check { graph, tiled, violations };
    check.run();
    if violations.is_empty() {
        constraints::check(graph, tiled, violations);
    }
}

impl Check<'_> {
    fn run(mut self) {
        for id in self.tiled.graph.tensor_ids() {
            self.label(id);
        }
        if !self.violations.is_empty() {
            return;
        }
        self.whole_tensors();
        for id in self.tiled.graph.operator_ids() {
            self.operator(id);
        }
        self.each_operator_runs();
    }

    fn operator(&mut self, id: OperatorId) {
        let tiled = self.tiled;
        if !self.has_axis(&tiled.operators[id.index()]) {
            return self.wrong(Rule::TilePlace, id, "moves rows of a tensor or an axis that does not exist");
        }
        match &tiled.operators[id.index()] {
            OperatorOrigin::Whole(old) => self.whole_operator(id, *old),
            OperatorOrigin::Tile { operator, axis, rows, reads, .. } => {
                self.tile(id, *operator, *axis, rows, reads);
            }
            OperatorOrigin::Split { tensor, axis } => self.split(id, *tensor, *axis),
            OperatorOrigin::Carry { tensor, axis, rows } => self.carry(id, *tensor, *axis, rows),
            OperatorOrigin::Join { tensor, axis } => self.join(id, *tensor, *axis),
        }
    }

    /// Returns whether the tensor and the axis of an operator that moves rows exist.
    fn has_axis(&self, origin: &OperatorOrigin) -> bool {
        let (OperatorOrigin::Split { tensor, axis }
        | OperatorOrigin::Carry { tensor, axis, .. }
        | OperatorOrigin::Join { tensor, axis }) = origin
        else {
            return true;
        };
        let shape = self.graph.tensors().get(tensor.index()).and_then(Tensor::shape);
        shape.is_some_and(|shape| *axis < shape.len())
    }
}
