//! Operators of a subgraph: types, tensors, and the options that planning needs.

use std::collections::HashMap;

use flatbuffers::Vector;

use super::schema::{At, Model, Operator, OperatorCode, Options, SubGraph, Tensor};
use super::{FORMAT, builtins, text};
use crate::import::ImportError;
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
            let reason =
                format!("operator {index} names operator code {code}, but there are {}", types.len());
            ImportError::malformed(FORMAT, reason)
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

/// Operators that run subgraphs: the number of their options type in the schema, and how many of its first fields
/// are subgraph indices.
const CALLERS: [(&str, u8, u16); 3] = [("IF", 92, 2), ("WHILE", 93, 2), ("CALL_ONCE", 103, 1)];

/// Indices of the subgraphs that an operator runs, in the order in which the runtime visits them.
pub(crate) fn called(bytes: &[u8], op_type: &str, operator: Operator<'_>) -> Vec<usize> {
    let Some(&(_, number, count)) = CALLERS.iter().find(|caller| caller.0 == op_type) else {
        return Vec::new();
    };
    let options = operator.options().filter(|_| operator.options_type() == Some(number));
    let Some(options) = options else { return Vec::new() };
    (0..count).map(|slot| index_at(bytes, options, slot)).collect()
}

/// A subgraph index: 0 for a missing field, `usize::MAX` for a negative one.
fn index_at(bytes: &[u8], options: Options<'_>, slot: u16) -> usize {
    let Some(at) = options.field_at(slot) else { return 0 };
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk).map(|number| i32::from_le_bytes(*number));
    number.and_then(|number| usize::try_from(number).ok()).unwrap_or(usize::MAX)
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

/// Operators with a window: the number of their options type, and the slot of the dilation along the width, which
/// precedes that along the height, if there is one. The first fields are padding and strides along width and
/// height.
const WINDOWS: [(&str, u8, Option<u16>); 3] =
    [("CONV_2D", 1, Some(4)), ("DEPTHWISE_CONV_2D", 2, Some(5)), ("TRANSPOSE_CONV", 49, None)];

/// The window of an operator; none for types without a window.
pub(crate) fn window(bytes: &[u8], op_type: &str, operator: Operator<'_>) -> Option<Window> {
    const VALID: u8 = 1;
    let &(_, number, dilation) = WINDOWS.iter().find(|one| one.0 == op_type)?;
    let options = operator.options().filter(|_| operator.options_type() == Some(number))?;
    let field = |slot: u16| options.field_at(slot).and_then(|at| bytes.get(at..));
    let read = |slot: u16, default: i32| {
        let number = field(slot).and_then(<[u8]>::first_chunk);
        number.map_or(default, |number| i32::from_le_bytes(*number))
    };
    let dilation = dilation.map_or([1; 2], |slot| [read(slot + 1, 1), read(slot, 1)]);
    let is_valid = field(0).and_then(<[u8]>::first) == Some(&VALID);
    Some(Window { is_valid, stride: [read(2, 0), read(1, 0)], dilation, multiplier: read(3, 0) })
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
        _ => {
            let reason = format!("{place} names tensor {tensor}, but there are {count} tensors");
            Err(ImportError::malformed(FORMAT, reason))
        }
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
            let reason = format!("operator code {index} is a custom one of {} bytes, {most}", custom.len());
            Err(ImportError::malformed(FORMAT, reason))
        }
        (Some(&builtins::CUSTOM), Some(custom)) => Ok(format!("CUSTOM:{}", text(Some(custom)))),
        (Some(&name), _) => Ok(name.to_owned()),
        (None, _) => Ok(format!("BUILTIN_{number}")),
    }
}

/// Constant start of a SLICE along each axis, from a tensor of 32-bit or 64-bit integers; none for other
/// operators.
pub(super) fn begin(model: Model<'_>, subgraph: SubGraph<'_>, read: &Read) -> Option<Vec<u64>> {
    const INT32: i8 = 2;
    const INT64: i8 = 4;
    /// Limit of bytes of the starts, as many operators may refer to one large buffer.
    const MOST_BYTES: usize = 255 * 8;
    if read.op_type != "SLICE" {
        return None;
    }
    let tensor = subgraph.tensors()?.get(read.inputs.get(1)?.index());
    let (buffers, buffer) = (model.buffers()?, tensor.buffer()? as usize);
    let bytes = (buffer < buffers.len()).then(|| buffers.get(buffer).data()).flatten()?.bytes();
    if bytes.len() > MOST_BYTES {
        return None;
    }
    let numbers: Vec<i64> = match tensor.element_type() {
        Some(INT32) if bytes.len().is_multiple_of(4) => {
            bytes.as_chunks().0.iter().map(|&number| i32::from_le_bytes(number).into()).collect()
        }
        Some(INT64) if bytes.len().is_multiple_of(8) => {
            bytes.as_chunks().0.iter().map(|&number| i64::from_le_bytes(number)).collect()
        }
        _ => return None,
    };
    numbers.into_iter().map(|number| u64::try_from(number).ok()).collect()
}
