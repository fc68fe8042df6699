//! Operators of a subgraph: types, tensors, and the options that planning needs.

use std::collections::HashMap;

use flatbuffers::Vector;

use super::options::Options;
use super::schema::{Model, Operator, OperatorCode, SubGraph, Tensor};
use super::{builtins, malformed, operator_types, text};
use crate::import::ImportError;
use crate::import::folding::VariableName;
use crate::support::ids::TensorId;

/// Limit of bytes of a custom code. Every operator repeats its code in its name, so a long code could exhaust
/// the memory.
const LONGEST_CUSTOM_CODE: usize = 255;

/// An operator with checked tensor ids.
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) op_type: String,
    pub(crate) inputs: Vec<TensorId>,
    pub(crate) outputs: Vec<TensorId>,
}

/// Reads the operators of a subgraph.
///
/// # Errors
/// An unknown operator code, or a tensor that does not exist.
pub(crate) fn read(model: Model<'_>, subgraph: SubGraph<'_>) -> Result<Vec<Read>, ImportError> {
    let types = op_types(model)?;
    let tensor_count = subgraph.tensors().map_or(0, |tensors| tensors.len());
    let operators = subgraph.operators().into_iter().flatten().enumerate();
    let read = operators.map(|(index, operator)| {
        let code = operator.code().unwrap_or(0) as usize;
        let op_type = types.get(code).ok_or_else(|| {
            malformed(format!("operator {index} names operator code {code}, but there are {}", types.len()))
        })?;
        let name = format!("{index}:{op_type}");
        let ids = |list| tensor_ids(list, tensor_count, &format!("operator `{name}`"));
        let (inputs, outputs) = (ids(operator.inputs())?, ids(operator.outputs())?);
        Ok(Read { name, op_type: op_type.clone(), inputs, outputs })
    });
    read.collect()
}

/// By operator: true for a concatenation that copies the bytes of its inputs unchanged, as it has no activation and
/// all its tensors have the same quantization.
pub(super) fn joins(subgraph: SubGraph<'_>, read: &[Read]) -> Vec<bool> {
    if read.iter().all(|operator| operator.op_type != "CONCATENATION") {
        return vec![false; read.len()];
    }
    let classes = quantizations(subgraph);
    let operators = subgraph.operators().into_iter().flatten().zip(read);
    let own = operators.map(|(operator, read)| {
        let mut all = read.inputs.iter().chain(&read.outputs).map(|id| classes[id.index()]);
        let first = all.next();
        !operator.activates() && all.all(|other| Some(other) == first)
    });
    own.collect()
}

/// By tensor: a number that is equal for tensors with the same quantization. Each quantization is read once,
/// however many operators use the tensor.
fn quantizations(subgraph: SubGraph<'_>) -> Vec<usize> {
    /// Bits of the scales, and zero points.
    type Parameters = (Vec<u32>, Vec<i64>);
    let mut known: HashMap<Option<Parameters>, usize> = HashMap::new();
    let tensors = subgraph.tensors().into_iter().flatten();
    let class = |tensor: Tensor<'_>| {
        let own = tensor.quantization().map(|quantization| {
            let scales = quantization.scale().into_iter().flatten().map(f32::to_bits).collect();
            let zero_points = quantization.zero_point().unwrap_or_default();
            (scales, zero_points.iter().map(|&number| i64::from_le_bytes(number)).collect())
        });
        let next = known.len();
        *known.entry(own).or_insert(next)
    };
    tensors.map(class).collect()
}

/// Indices of the subgraphs that an operator runs, in the order in which the runtime visits them.
pub(crate) fn called(bytes: &[u8], op_type: &str, operator: Operator<'_>) -> Vec<usize> {
    Options { operator, bytes, fields: operator_types::options(op_type) }.bodies()
}

/// The variable behind the handle that an operator makes; none for other types and for a variable without a name.
pub(crate) fn variable(bytes: &[u8], op_type: &str, operator: Operator<'_>) -> Option<VariableName> {
    let options = Options { operator, bytes, fields: operator_types::options(op_type) };
    let name = (op_type == "VAR_HANDLE").then(|| options.text(1))??;
    Some((options.text(0).unwrap_or_default(), name))
}

/// Window of a convolution. Pairs are height and width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// True if the padding is `VALID`: the window stays within the input.
    pub(crate) is_valid: bool,
    pub(crate) stride: [i32; 2],
    pub(crate) dilation: [i32; 2],
    /// Outputs for each channel of a depthwise convolution.
    pub(crate) multiplier: i32,
}

/// The window of a convolution in two dimensions; none for other types.
pub(crate) fn window(bytes: &[u8], op_type: &str, operator: Operator<'_>) -> Option<Window> {
    let options = Options { operator, bytes, fields: operator_types::options(op_type) };
    let fields = options.fields.window.filter(|fields| fields.kernel.is_empty())?;
    if fields.stride.len() != 2 || !options.exist() {
        return None;
    }
    let ([down, down_dilation, _], [right, right_dilation, _]) =
        (options.window_along(0)?, options.window_along(1)?);
    Some(Window {
        is_valid: options.has_valid_padding(),
        stride: [down, right],
        dilation: [down_dilation, right_dilation],
        multiplier: options.number(3, 0),
    })
}

/// True if the window of an operator stays within its input; false for operators without a window.
pub(crate) fn has_valid_padding(bytes: &[u8], op_type: &str, operator: Operator<'_>) -> bool {
    let options = Options { operator, bytes, fields: operator_types::options(op_type) };
    options.fields.window.is_some() && options.has_valid_padding()
}

/// Checked tensor ids of a list, without -1, which stands for an absent optional tensor.
pub(crate) fn tensor_ids(
    list: Option<Vector<'_, i32>>,
    count: usize,
    place: &str,
) -> Result<Vec<TensorId>, ImportError> {
    let given = list.into_iter().flatten().filter(|&tensor| tensor != -1);
    let ids = given.map(|tensor| match usize::try_from(tensor) {
        Ok(index) if index < count => Ok(TensorId::new(index)),
        _ => Err(malformed(format!("{place} names tensor {tensor}, but there are {count} tensors"))),
    });
    ids.collect()
}

fn op_types(model: Model<'_>) -> Result<Vec<String>, ImportError> {
    let codes = model.operator_codes().into_iter().flatten().enumerate();
    codes.map(|(index, code)| op_type(index, code)).collect()
}

fn op_type(index: usize, code: OperatorCode<'_>) -> Result<String, ImportError> {
    // The old 8-bit field holds codes below 127, and 127 for all larger ones.
    let old = i32::from(code.old_builtin_code().unwrap_or(0));
    let number = code.builtin_code().unwrap_or(0).max(old);
    let name = usize::try_from(number).ok().and_then(|number| builtins::NAMES.get(number));
    match (name, code.custom_code()) {
        (Some(&builtins::CUSTOM), Some(custom)) if custom.len() > LONGEST_CUSTOM_CODE => {
            let most = format!("more than {LONGEST_CUSTOM_CODE}");
            let length = custom.len();
            Err(malformed(format!("operator code {index} is a custom one of {length} bytes, {most}")))
        }
        (Some(&builtins::CUSTOM), Some(custom)) => Ok(format!("CUSTOM:{}", text(Some(custom)))),
        (Some(&name), _) => Ok(name.to_owned()),
        (None, _) => Ok(format!("BUILTIN_{number}")),
    }
}
