//! Constant folding: what can run at compile time needs no memory at run time.

use super::dependencies::Dependencies;
use super::{Operator, Tensor, TensorKind};

pub(super) fn fold(operators: &mut [Operator], tensors: &mut [Tensor], dependencies: &Dependencies) -> usize {
    let mut folded = 0;
    for id in &dependencies.file_order {
        let operator = &mut operators[id.index()];
        let is_constant = |tensor: &Tensor| tensor.kind == TensorKind::Constant;
        let inputs_known = operator.inputs.iter().all(|input| is_constant(&tensors[input.index()]));
        let writes_state =
            operator.outputs.iter().any(|out| tensors[out.index()].kind == TensorKind::Variable);
        let waits = !operator.runs_after().is_empty();
        if !operator.foldable || !inputs_known || writes_state || waits {
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
