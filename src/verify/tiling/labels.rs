//! Rule W1: labels of tensors, and what must exist as a whole.

use super::check::Check;
use crate::graph::{Storage, TensorKind};
use crate::support::ids::TensorId;
use crate::tiling::OperatorOrigin;
use crate::verify::Rule;

impl Check<'_> {
    /// W1 for one tensor.
    pub(super) fn label(&mut self, id: TensorId) {
        let origin = &self.tiled.tensors[id.index()];
        let tensor = self.tiled.graph.tensor(id);
        let name = tensor.name();
        let Some(old) = self.graph.tensors().get(origin.tensor.index()) else {
            self.violations.add(
                Rule::TileLabel,
                format!("tensor `{name}` is labelled with tensor {}, which does not exist", origin.tensor),
            );
            return;
        };
        let Some(rows) = &origin.rows else {
            let is_same = tensor.kind() == old.kind()
                && tensor.bytes() == old.bytes()
                && tensor.is_output() == old.is_output()
                && tensor.storage() == old.storage()
                && tensor.is_preserved() == old.is_preserved()
                && (old.is_overwritable() || !tensor.is_overwritable());
            if !is_same {
                self.violations.add(
                    Rule::TileLabel,
                    format!("tensor `{name}` differs from tensor `{}` in kind, size or use", old.name()),
                );
            }
            return;
        };
        let axis = self.split_axis(id);
        let (Some(axis), Some(old_shape), Some(shape)) = (axis, old.shape(), tensor.shape()) else {
            self.violations.add(
                Rule::TileLabel,
                format!("tensor `{name}` has rows of tensor `{}` along no axis", old.name()),
            );
            return;
        };
        let expected: Vec<u64> = old_shape
            .iter()
            .enumerate()
            .map(|(at, &dim)| if at == axis { rows.end.saturating_sub(rows.start) } else { dim })
            .collect();
        let is_right = rows.start < rows.end
            && rows.end <= old_shape[axis]
            && shape == expected
            && tensor.element_type() == old.element_type()
            && tensor.kind() == TensorKind::Intermediate
            && *tensor.storage() == Storage::Arena
            && !tensor.is_output();
        if !is_right {
            self.violations.add(
                Rule::TileLabel,
                format!(
                    "tensor `{name}` is not rows {}..{} of tensor `{}` along axis {axis}",
                    rows.start,
                    rows.end,
                    old.name()
                ),
            );
        }
    }

    /// The axis along which a part has rows: the one in which its shape differs, or the one that its
    /// producer states.
    fn split_axis(&self, id: TensorId) -> Option<usize> {
        let origin = &self.tiled.tensors[id.index()];
        let producer = self.tiled.graph.tensor(id).producer()?;
        match &self.tiled.operators[producer.index()] {
            OperatorOrigin::Tile { operator, axis, .. } => {
                let output =
                    self.tiled.graph.operator(producer).outputs().iter().position(|&output| output == id)?;
                let node = self.graph.operators().get(operator.index())?;
                node.access()?.axes().get(*axis)?.outputs().get(output).copied()
            }
            OperatorOrigin::Split { axis, .. }
            | OperatorOrigin::Carry { axis, .. }
            | OperatorOrigin::Join { axis, .. } => {
                let rank = self.graph.tensor(origin.tensor).shape()?.len();
                (*axis < rank).then_some(*axis)
            }
            OperatorOrigin::Whole(_) => None,
        }
    }

    /// W1: what must exist as a whole does, once.
    pub(super) fn whole_tensors(&mut self) {
        let mut count = vec![0u32; self.graph.tensors().len()];
        for origin in self.tiled.tensors.iter().filter(|origin| origin.rows.is_none()) {
            count[origin.tensor.index()] += 1;
        }
        for (tensor, count) in self.graph.tensors().iter().zip(count) {
            let must = tensor.kind() != TensorKind::Intermediate
                || tensor.is_output()
                || *tensor.storage() != Storage::Arena;
            if count > 1 || must && count == 0 {
                self.violations.add(
                    Rule::TileLabel,
                    format!("tensor `{}` exists {count} times as a whole", tensor.name()),
                );
            }
        }
    }
}
