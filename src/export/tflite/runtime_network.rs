//! A model as TensorFlow Lite Micro reads it: the memory and the size of each tensor.

use super::TfliteError;
use crate::import::ImportError;
use crate::import::folding::VariableName;
use crate::import::tflite::operators::{self, Read, Window};
use crate::import::tflite::schema::{Buffer, List, Model, SubGraph, Tensor};
use crate::import::tflite::{inferred, stored_integers, text};
use crate::{ElementType, TensorId};

/// Offsets and sizes in the arena are multiples of this number.
pub(super) const ALIGNMENT: u64 = 16;

/// The memory that holds a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// The file, which holds constants.
    File,
    /// The arena's tail: persistent memory, where the runtime puts variables.
    Tail,
    /// The arena's head, which is planned.
    Head,
}

pub(super) struct RuntimeTensor {
    pub(super) name: String,
    pub(super) memory: Memory,
    /// `None` if this crate does not know the type.
    pub(super) element_type: Option<ElementType>,
    /// `None` if a dimension is not static.
    pub(super) shape: Option<Vec<u64>>,
    /// Bytes that the runtime reserves in the head; 0 for tensors in other memory.
    pub(super) bytes: u64,
}

pub(super) struct RuntimeOperator {
    pub(super) read: Read,
    /// All inputs by position; `None` for an absent optional input.
    pub(super) inputs: Vec<Option<TensorId>>,
    /// Subgraphs that the operator runs, in execution order.
    pub(super) calls: Vec<usize>,
    /// Strides, dilation and padding of a convolution; `None` for other operators.
    pub(super) window: Option<Window>,
    /// The start of a `SLICE` along each axis, if it is a constant; `None` for other operators.
    pub(super) slice_begin: Option<Vec<u64>>,
    /// The variable behind the handle that the operator makes; `None` for other operators.
    pub(super) variable: Option<VariableName>,
}

pub(super) struct RuntimeSubgraph {
    pub(super) tensors: Vec<RuntimeTensor>,
    pub(super) inputs: Vec<TensorId>,
    pub(super) outputs: Vec<TensorId>,
    pub(super) operators: Vec<RuntimeOperator>,
}

/// All subgraphs of a model.
pub(super) struct RuntimeNetwork {
    pub(super) subgraphs: Vec<RuntimeSubgraph>,
    /// True if the file has constants behind its tables, which the runtime does not read.
    pub(super) constants_outside: bool,
}

impl RuntimeNetwork {
    pub(super) fn new(bytes: &[u8], model: Model<'_>) -> Result<Self, TfliteError> {
        let subgraphs: Vec<SubGraph> = model.subgraphs().into_iter().flatten().collect();
        if subgraphs.is_empty() {
            return Err(ImportError::malformed("TFLite", "the model has no subgraph").into());
        }
        let count = subgraphs.len();
        let mut constants_outside = false;
        let read = subgraphs.into_iter().enumerate().map(|(index, subgraph)| {
            let tensors = subgraph.tensors().into_iter().flatten().enumerate().map(|(number, tensor)| {
                let (described, outside) = describe(tensor, (index, number), model.buffers())?;
                constants_outside |= outside;
                Ok(described)
            });
            let mut tensors = tensors.collect::<Result<Vec<_>, TfliteError>>()?;
            let ids = |list, place| operators::tensor_ids(list, tensors.len(), place);
            let inputs = ids(subgraph.inputs(), "the list of graph inputs")?;
            let outputs = ids(subgraph.outputs(), "the list of graph outputs")?;
            let operators = operators_of(bytes, model, (index, subgraph), &tensors, count)?;
            raise_to_inferred(&mut tensors, (bytes, model), subgraph)?;
            let handles = operators.iter().filter(|operator| operator.read.op_type == "VAR_HANDLE");
            for id in handles.flat_map(|operator| &operator.read.outputs) {
                // The kernel keeps handles in persistent memory, so they need no bytes in the head.
                tensors[id.index()].bytes = 0;
            }
            Ok(RuntimeSubgraph { tensors, inputs, outputs, operators })
        });
        let subgraphs = read.collect::<Result<Vec<_>, TfliteError>>()?;
        Ok(Self { subgraphs, constants_outside })
    }

    pub(super) fn tensor_count(&self) -> usize {
        self.subgraphs.iter().map(|subgraph| subgraph.tensors.len()).sum()
    }
}

impl RuntimeSubgraph {
    /// For each tensor, whether an operator or the inputs or outputs of the subgraph refer to it. The runtime
    /// allocates memory for unreferenced tensors too.
    pub(super) fn referenced(&self) -> Vec<bool> {
        let mut referenced = vec![false; self.tensors.len()];
        let read = self.operators.iter().flat_map(|operator| operator.read.inputs.iter());
        let written = self.operators.iter().flat_map(|operator| operator.read.outputs.iter());
        for id in self.inputs.iter().chain(&self.outputs).chain(read).chain(written) {
            referenced[id.index()] = true;
        }
        referenced
    }

    /// The tensor of an input, by its position among all inputs, absent ones included.
    pub(super) fn input(&self, operator: &RuntimeOperator, position: usize) -> Option<&RuntimeTensor> {
        let id = operator.inputs.get(position).copied().flatten()?;
        self.tensors.get(id.index())
    }

    /// The tensor of the first output.
    pub(super) fn output(&self, operator: &RuntimeOperator) -> Option<&RuntimeTensor> {
        operator.read.outputs.first().and_then(|id| self.tensors.get(id.index()))
    }
}

impl RuntimeTensor {
    /// Number of elements; `None` if it is unknown or exceeds 64 bits.
    pub(super) fn elements(&self) -> Option<u64> {
        let shape = self.shape.as_ref()?;
        shape.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim))
    }

    pub(super) fn rank(&self) -> Option<u64> {
        Some(self.shape.as_ref()?.len() as u64)
    }
}

fn operators_of(
    bytes: &[u8],
    model: Model<'_>,
    (index, subgraph): (usize, SubGraph<'_>),
    tensors: &[RuntimeTensor],
    subgraphs: usize,
) -> Result<Vec<RuntimeOperator>, TfliteError> {
    let read = operators::read(model, subgraph)?;
    let tables = subgraph.operators().into_iter().flatten();
    let operators = read.into_iter().zip(tables).enumerate().map(|(number, (read, operator))| {
        let all = operator.inputs().into_iter().flatten();
        let inputs = all.map(|id| usize::try_from(id).ok().map(TensorId::new)).collect();
        let calls = operators::called(bytes, &read.op_type, operator);
        if let Some(&unknown) = calls.iter().find(|&&callee| callee >= subgraphs) {
            let reason = format!("runs subgraph {unknown}, but there are {subgraphs}");
            return Err(TfliteError::Call { subgraph: index, operator: number, reason });
        }
        let window = operators::window(bytes, &read.op_type, operator);
        let variable = operators::variable(bytes, &read.op_type, operator);
        let slice_begin = slice_begin((bytes, model), subgraph, tensors, &read);
        Ok(RuntimeOperator { read, inputs, calls, window, slice_begin, variable })
    });
    operators.collect()
}

/// The start of a `SLICE` along each axis; none if it is computed at run time or negative.
fn slice_begin(
    (bytes, model): (&[u8], Model<'_>),
    subgraph: SubGraph<'_>,
    tensors: &[RuntimeTensor],
    read: &Read,
) -> Option<Vec<u64>> {
    let begin = read.inputs.get(1).filter(|_| read.op_type == "SLICE")?;
    if tensors[begin.index()].memory != Memory::File {
        return None;
    }
    let numbers = stored_integers(bytes, model, subgraph.tensors()?.get(begin.index()))?;
    numbers.into_iter().map(|number| u64::try_from(number).ok()).collect()
}

/// Enlarges tensors without a shape to their inferred size. The runtime reads a missing shape as a scalar,
/// but the kernels write results of the real size.
fn raise_to_inferred(
    tensors: &mut [RuntimeTensor],
    (bytes, model): (&[u8], Model<'_>),
    subgraph: SubGraph<'_>,
) -> Result<(), TfliteError> {
    let is_missing = |tensor: &RuntimeTensor| {
        tensor.memory == Memory::Head && tensor.shape.as_ref().is_some_and(Vec::is_empty)
    };
    if !tensors.iter().any(is_missing) {
        return Ok(());
    }
    let operators = operators::read(model, subgraph)?;
    let shapes = inferred((model, bytes), subgraph, &operators);
    for (tensor, shape) in tensors.iter_mut().zip(shapes).filter(|(tensor, _)| is_missing(tensor)) {
        let stated = tensor.shape.replace(shape.unwrap_or_default());
        let found = head_bytes(tensor, 0).unwrap_or(0);
        if found > tensor.bytes {
            tensor.bytes = found;
        } else {
            tensor.shape = stated;
        }
    }
    Ok(())
}

/// Reads a tensor. The second value is true if it is a constant behind the tables.
fn describe(
    tensor: Tensor<'_>,
    (subgraph, number): (usize, usize),
    buffers: List<'_, Buffer<'_>>,
) -> Result<(RuntimeTensor, bool), TfliteError> {
    let wrong =
        |reason: String| TfliteError::Tensor { subgraph, tensor: number, name: text(tensor.name()), reason };
    let buffer = tensor.buffer().unwrap_or(0) as usize;
    let count = buffers.map_or(0, |buffers| buffers.len());
    if buffer >= count.max(1) {
        return Err(wrong(format!("names buffer {buffer}, but there are {count} buffers")));
    }
    let stored = buffers.filter(|_| buffer < count).map(|buffers| buffers.get(buffer));
    let here = stored.and_then(Buffer::data).is_some_and(|data| !data.is_empty());
    // By the schema, an offset is valid if it exceeds 1.
    let behind = stored.and_then(Buffer::offset).unwrap_or(0) > 1;
    let outside = !here && (behind || tensor.external_buffer().unwrap_or(0) != 0);
    let memory = match (tensor.is_variable().unwrap_or(false), here || outside) {
        (true, _) => Memory::Tail,
        (false, true) => Memory::File,
        (false, false) => Memory::Head,
    };
    let element_type = tensor.known_type();
    let shape: Option<Vec<u64>> =
        tensor.shape().into_iter().flatten().map(|dim| u64::try_from(dim).ok()).collect();
    let mut described = RuntimeTensor { name: text(tensor.name()), memory, element_type, shape, bytes: 0 };
    if memory == Memory::Head {
        described.bytes = head_bytes(&described, tensor.element_type().unwrap_or(0)).map_err(wrong)?;
    }
    Ok((described, outside))
}

/// Size of a tensor in the head as the runtime computes it: 4-bit elements are not packed, and handles take
/// 4 bytes.
fn head_bytes(tensor: &RuntimeTensor, number: i8) -> Result<u64, String> {
    let element_type = tensor.element_type.ok_or_else(|| format!("is of the unknown type {number}"))?;
    let width = match element_type {
        ElementType::Int4 => 1,
        ElementType::Resource => 4,
        ElementType::Int2 | ElementType::UInt4 | ElementType::Float8 | ElementType::String => {
            return Err(format!("TensorFlow Lite Micro has no tensors of type `{element_type}`"));
        }
        other => other.bits().unwrap_or(0) / 8,
    };
    let Some(shape) = &tensor.shape else {
        return Err("has no static shape; convert the model again with fixed input shapes".to_owned());
    };
    let bytes = tensor.elements().and_then(|elements| elements.checked_mul(width));
    let rounded = bytes.and_then(|bytes| bytes.checked_next_multiple_of(ALIGNMENT));
    rounded.filter(|&bytes| i32::try_from(bytes).is_ok()).ok_or_else(|| {
        format!("{element_type} of shape {shape:?} is more than the 2 GiB that the runtime can count")
    })
}
