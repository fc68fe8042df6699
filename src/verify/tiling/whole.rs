//! Rules W2 and W7 for operators that run as a whole.

use super::check::Check;
use crate::graph::Permit;
use crate::support::ids::{OperatorId, TensorId};
use crate::verify::Rule;

impl Check<'_> {
    /// W2 and W7.
    pub(super) fn whole_operator(&mut self, id: OperatorId, old: OperatorId) {
        let Some(node) = self.graph.operators().get(old.index()) else {
            return self.wrong(
                Rule::TileWhole,
                id,
                format!("stands for operator {old}, which does not exist"),
            );
        };
        let new = self.tiled.graph.operator(id);
        let are_same = |ids: &[TensorId], old: &[TensorId]| {
            ids.len() == old.len()
                && ids.iter().zip(old).all(|(&id, &old)| self.is_whole(id) && self.of(id) == old)
        };
        let is_right = are_same(new.inputs(), node.inputs())
            && are_same(new.outputs(), node.outputs())
            && new.scratch_bytes() >= node.scratch_bytes()
            && new.bodies().len() == node.bodies().len();
        if !is_right {
            return self.wrong(
                Rule::TileWhole,
                id,
                format!("is not operator `{}` on its own tensors", node.name()),
            );
        }
        let renamed = |permit: &Permit| renamed(*permit, self.of(permit.input()), self.of(permit.output()));
        if !new.permits().iter().map(renamed).all(|permit| node.permits().contains(&permit)) {
            self.wrong(
                Rule::TilePermit,
                id,
                format!("has a permission that operator `{}` does not give", node.name()),
            );
        }
    }
}

fn renamed(permit: Permit, input: TensorId, output: TensorId) -> Permit {
    match permit {
        Permit::InPlace { .. } => Permit::InPlace { input, output },
        Permit::View { at, .. } => Permit::View { input, output, at },
        Permit::ConcatSlice { at, .. } => Permit::ConcatSlice { input, output, at },
        Permit::Overlap { bytes, lower, .. } => Permit::Overlap { input, output, bytes, lower },
    }
}
