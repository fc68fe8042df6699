//! The whole tensors and operators of a tiled graph, and parts of tensors.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::graph::{Graph, GraphBuilder, OperatorBuilder, Permit, Storage, TensorKind, TensorSpec};
use crate::support::ids::{OperatorId, TensorId};
use crate::tiling::ordered_graph::{constrained_tensors, may_split};
use crate::tiling::region::Tiling;
use crate::tiling::tiled_graph::{OperatorOrigin, TensorOrigin, TiledGraph};

pub(super) fn invalid(problem: String) -> Error {
    Error::Tiling { problem }
}

/// The graph that is made, and which of its tensors stand for a tensor of the untiled graph.
pub(super) struct TiledGraphMaker<'g> {
    pub(super) graph: &'g Graph,
    builder: GraphBuilder,
    /// By tensor of the untiled graph: the whole tensor, once it is needed.
    pub(super) whole: Vec<Option<TensorId>>,
    pub(super) is_constrained: Vec<bool>,
    pub(super) tensors: Vec<TensorOrigin>,
    operators: Vec<OperatorOrigin>,
    /// By operator of the untiled graph: the operator that runs last for it.
    pub(super) ran: Vec<Option<OperatorId>>,
}

/// A tensor of the tiled graph and the rows that it has.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) rows: Range<u64>,
    pub(super) id: TensorId,
}

impl<'g> TiledGraphMaker<'g> {
    pub(super) fn new(graph: &'g Graph, tiling: &Tiling) -> Result<Self> {
        let mut is_split = vec![false; graph.tensors().len()];
        for (number, region) in tiling.regions.iter().enumerate() {
            let mut inside = region.operators.clone();
            inside.sort_unstable();
            let exist = inside.last().is_some_and(|last| last.index() < graph.operators().len());
            if !exist || region.axes.len() != region.operators.len() {
                return Err(invalid(format!(
                    "region {number} has no operators, unknown ones, or not one axis for each"
                )));
            }
            for &id in &region.operators {
                let dies_inside = |output: &TensorId| {
                    let tensor = graph.tensor(*output);
                    let is_inside = |reader: &OperatorId| inside.binary_search(reader).is_ok();
                    !tensor.is_needed_at_end()
                        && *tensor.storage() == Storage::Arena
                        && !tensor.readers().is_empty()
                        && tensor.readers().iter().all(is_inside)
                };
                // The outputs of an operator have the same rows in every stripe, so one exit makes all
                // of them exits.
                let outputs = graph.operator(id).outputs();
                if outputs.iter().all(dies_inside) {
                    for output in outputs {
                        is_split[output.index()] = true;
                    }
                }
            }
        }
        let mut maker = Self {
            graph,
            builder: Graph::builder(graph.name()),
            whole: vec![None; graph.tensors().len()],
            is_constrained: constrained_tensors(graph),
            tensors: Vec::new(),
            operators: Vec::new(),
            ran: vec![None; graph.operators().len()],
        };
        for id in graph.tensor_ids().filter(|id| !is_split[id.index()]) {
            maker.add_whole(id);
        }
        maker.copy_constraints();
        Ok(maker)
    }

    fn add_whole(&mut self, id: TensorId) {
        let tensor = self.graph.tensor(id);
        let new = self.builder.add_tensor(tensor.name(), tensor.kind(), tensor.spec.clone());
        self.tensors.push(TensorOrigin { tensor: id, rows: None, is_carried: false });
        if tensor.is_output() {
            self.builder.output(new);
        }
        self.builder.input_contents(new, tensor.input_contents());
        self.whole[id.index()] = Some(new);
    }

    fn copy_constraints(&mut self) {
        for placement in self.graph.relative_placements() {
            let both = (self.whole[placement.tensor.index()], self.whole[placement.of.index()]);
            if let (Some(tensor), Some(of)) = both {
                self.builder.place_at(tensor, of, placement.at);
            }
        }
        for [one, other] in self.graph.kept_apart() {
            if let (Some(one), Some(other)) = (self.whole[one.index()], self.whole[other.index()]) {
                self.builder.keep_apart(one, other);
            }
        }
    }

    pub(super) fn whole(&self, id: TensorId) -> Result<TensorId> {
        self.whole[id.index()].ok_or_else(|| {
            invalid(format!(
                "tensor `{}` is read as a whole, but exists in parts only",
                self.graph.tensor(id).name()
            ))
        })
    }

    /// Adds a tensor with some rows of a tensor of the untiled graph along an axis. It has the alignment of that tensor.
    pub(super) fn add_part(
        &mut self,
        of: TensorId,
        axis: usize,
        rows: Range<u64>,
        is_carried: bool,
    ) -> Result<Part> {
        let tensor = self.graph.tensor(of);
        if !may_split(tensor, axis, self.is_constrained[of.index()]) {
            return Err(invalid(format!(
                "tensor `{}` cannot be split: its place or the alignment of its rows is given",
                tensor.name()
            )));
        }
        let (Some(element), Some(shape)) = (tensor.element_type(), tensor.shape()) else {
            return Err(invalid(format!("tensor `{}` has no shape and cannot be split", tensor.name())));
        };
        let mut shape = shape.to_vec();
        shape[axis] = rows.end - rows.start;
        let mut spec = TensorSpec::shaped(element, shape);
        if let Some(alignment) = tensor.alignment() {
            spec = spec.align(alignment);
        }
        if let Some(order) = tensor.stated_memory_order().and_then(|_| tensor.memory_order()) {
            spec = spec.memory_order(order);
        }
        let name = format!(
            "{}/rows_{}_{}{}",
            tensor.name(),
            rows.start,
            rows.end,
            if is_carried { "_kept" } else { "" }
        );
        let id = self.builder.add_tensor(name, TensorKind::Intermediate, spec);
        self.tensors.push(TensorOrigin { tensor: of, rows: Some(rows.clone()), is_carried });
        Ok(Part { rows, id })
    }

    /// Places a part relative to another tensor. Behind the start of that tensor it follows other rows without padding.
    pub(super) fn place(&mut self, part: TensorId, of: TensorId, at: u64) {
        self.builder.place_at(part, of, at);
        if at > 0 {
            self.builder.align_to_bytes(part);
        }
    }

    pub(super) fn add_operator(&mut self, name: String, origin: OperatorOrigin) -> OperatorBuilder<'_> {
        self.operators.push(origin);
        self.builder.operator(name)
    }

    pub(super) fn whole_operator(&mut self, id: OperatorId) -> Result<()> {
        let node = self.graph.operator(id);
        let new = |ids: &[TensorId]| ids.iter().map(|&id| self.whole(id)).collect::<Result<Vec<_>>>();
        let (inputs, outputs) = (new(node.inputs())?, new(node.outputs())?);
        let permits: Vec<Permit> = node.permits().iter().filter_map(|&permit| self.renamed(permit)).collect();
        let after: Vec<OperatorId> = node.runs_after().iter().filter_map(|id| self.ran[id.index()]).collect();
        let bodies = node.bodies().to_vec();
        let scratch = node.extras.as_ref().map_or(0, |extras| extras.scratch_bytes);
        let (name, op_type) = (node.name().to_owned(), node.op_type().to_owned());
        let added = self.add_operator(name, OperatorOrigin::Whole(id)).op_type(op_type);
        let added =
            added.reads(inputs).writes(outputs).scratch(scratch).runs(bodies).after(after).permits(permits);
        let ran = added.id();
        self.ran[id.index()] = Some(ran);
        Ok(())
    }

    /// A permission between whole tensors.
    fn renamed(&self, permit: Permit) -> Option<Permit> {
        let input = self.whole[permit.input().index()]?;
        let output = self.whole[permit.output().index()]?;
        Some(match permit {
            Permit::InPlace { .. } => Permit::InPlace { input, output },
            Permit::View { at, .. } => Permit::View { input, output, at },
            Permit::ConcatSlice { at, .. } => Permit::ConcatSlice { input, output, at },
            Permit::Overlap { bytes, lower, .. } => Permit::Overlap { input, output, bytes, lower },
        })
    }

    pub(super) fn finish(self) -> Result<TiledGraph> {
        let graph = self.builder.build()?;
        Ok(TiledGraph { graph, tensors: self.tensors, operators: self.operators })
    }
}
