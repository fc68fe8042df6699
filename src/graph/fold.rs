//! Constant folding: operators that can run at compile time need no memory at run time.

use super::dependencies::Dependencies;
use super::{Operator, Tensor, TensorKind};

/// Marks foldable operators whose inputs are all constants, in program order, and turns their
/// outputs into constants. Returns the number of folded operators. O(operators + edges).
pub(super) fn fold(operators: &mut [Operator], tensors: &mut [Tensor], dependencies: &Dependencies) -> usize {
    let mut folded = 0;
    for id in &dependencies.program_order {
        let operator = &mut operators[id.index()];
        let is_constant = |tensor: &Tensor| tensor.kind == TensorKind::Constant;
        let has_constant_inputs = operator.inputs.iter().all(|input| is_constant(&tensors[input.index()]));
        let writes_state =
            operator.outputs.iter().any(|out| tensors[out.index()].kind == TensorKind::Variable);
        let has_control_dependencies = !operator.runs_after().is_empty();
        if !operator.foldable || !has_constant_inputs || writes_state || has_control_dependencies {
            continue;
        }
        operator.folded = true;
        folded += 1;
        for output in &operator.outputs {
            tensors[output.index()].kind = TensorKind::Constant;
        }
    }
    folded
}
