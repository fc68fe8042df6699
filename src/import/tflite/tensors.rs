//! Kinds and sizes of tensors of a subgraph.

use super::schema::{Buffer, List, Tensor};
use super::shapes::TensorFact;
use super::{malformed, text};
use crate::graph::ElementType as E;
use crate::graph::{ElementType, Shape, TensorKind, TensorSpec};
use crate::import::ImportError;
use crate::import::folding::Holds;

/// Element types by the numbers of `TensorType` in the schema. A variant counts as a handle; the types of 8 bits are
/// E4M3FN and E5M2.
#[rustfmt::skip]
const ELEMENT_TYPES: [E; 23] = [
    E::Float32, E::Float16, E::Int32, E::UInt8, E::Int64, E::String, E::Bool, E::Int16, E::Complex64, E::Int8,
    E::Float64, E::Complex128, E::UInt64, E::Resource, E::Resource, E::UInt32, E::UInt16, E::Int4, E::BFloat16,
    E::Int2, E::UInt4, E::Float8, E::Float8,
];

/// Uses of a tensor in the operators and lists of a subgraph.
#[derive(Clone, Copy, Default)]
pub(super) struct TensorUse {
    /// True if the tensor is in the list of graph inputs.
    pub(super) is_input: bool,
    /// True if an operator reads the tensor.
    pub(super) is_read: bool,
    /// True if an operator writes the tensor, or it is in the list of graph outputs.
    pub(super) is_result: bool,
}

/// A tensor in terms of the graph builder.
pub(super) struct DescribedTensor {
    pub(super) name: String,
    pub(super) kind: TensorKind,
    pub(super) holds: Holds,
    /// True if operators read the tensor, but nothing writes it: scratch memory that another compiler has
    /// assigned to an operator, or an error in the file.
    pub(super) is_blank: bool,
    pub(super) spec: TensorSpec,
}

impl Tensor<'_> {
    /// The element type; none for numbers that this version does not know.
    pub(crate) fn known_type(self) -> Option<ElementType> {
        let number = usize::try_from(self.element_type().unwrap_or(0)).ok()?;
        ELEMENT_TYPES.get(number).copied()
    }
}

/// Describes a tensor. The inner error is the text for a tensor without a static shape.
pub(super) fn describe(
    tensor: Tensor<'_>,
    index: usize,
    role: TensorUse,
    fact: &TensorFact<'_>,
    buffers: List<'_, Buffer<'_>>,
) -> Result<Result<DescribedTensor, String>, ImportError> {
    let stored = stored_bytes(tensor, index, buffers)?;
    let number = tensor.element_type().unwrap_or(0);
    let element_type = tensor.known_type();
    let shape: Option<Shape> = fact.dims.as_ref().map(|dims| dims.iter().copied().collect());

    let is_variable = tensor.is_variable().unwrap_or(false);
    // A variable in the list of inputs is a variable.
    let kind = if is_variable {
        TensorKind::Variable
    } else if role.is_input {
        TensorKind::Input
    } else if stored.is_some() || !role.is_result {
        TensorKind::Constant
    } else {
        TensorKind::Intermediate
    };
    // A constant without elements needs no data.
    let is_empty = shape.as_ref().is_some_and(|shape| shape.contains(&0));
    let is_blank = kind == TensorKind::Constant && stored.is_none() && role.is_read && !is_empty;
    let holds = if is_variable || is_blank {
        Holds::State
    } else if element_type == Some(ElementType::Resource) {
        Holds::Resource
    } else {
        Holds::Data
    };
    let name = text(tensor.name());
    let spec = match (element_type, shape) {
        (Some(element_type), Some(shape))
            if kind != TensorKind::Constant || has_size(element_type, &shape) =>
        {
            let spec = TensorSpec::shaped(element_type, shape);
            if fact.upper { spec.upper_bound() } else { spec }
        }
        // Constants take no memory of the plan, so their shape does not matter.
        _ if kind == TensorKind::Constant => TensorSpec::bytes(stored.unwrap_or(0)),
        (Some(_), _) => {
            let reason = fact.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
            return Ok(Err(format!("`{name}` {}{reason}", shape_text(tensor))));
        }
        (None, _) => {
            let reason = format!("tensor {index} (`{name}`) has the unknown element type {number}");
            return Err(malformed(reason));
        }
    };
    Ok(Ok(DescribedTensor { name, kind, holds, is_blank, spec }))
}

fn has_size(element_type: ElementType, shape: &[u64]) -> bool {
    element_type == ElementType::String || element_type.bytes_of(shape).is_some()
}

/// Bytes of the data of a tensor: in a buffer, in the file after the tables, or in an external file (counted as 0,
/// as the size is not needed). None without data.
fn stored_bytes(
    tensor: Tensor<'_>,
    index: usize,
    buffers: List<'_, Buffer<'_>>,
) -> Result<Option<u64>, ImportError> {
    if tensor.external_buffer().unwrap_or(0) != 0 {
        return Ok(Some(0));
    }
    let number = tensor.buffer().unwrap_or(0) as usize;
    let count = buffers.map_or(0, |buffers| buffers.len());
    let buffer = match buffers {
        Some(buffers) if number < count => buffers.get(number),
        _ if number == 0 => return Ok(None),
        _ => {
            let name = text(tensor.name());
            let reason =
                format!("tensor {index} (`{name}`) names buffer {number}, but there are {count} buffers");
            return Err(malformed(reason));
        }
    };
    let here = buffer.data().map_or(0, |data| data.len() as u64);
    if here > 0 {
        return Ok(Some(here));
    }
    // By the schema, an offset is valid if it is greater than 1.
    let elsewhere = buffer.offset().unwrap_or(0) > 1;
    Ok(elsewhere.then(|| buffer.size().unwrap_or(0)))
}

/// The declared shape in messages.
fn shape_text(tensor: Tensor<'_>) -> String {
    let Some(dims) = tensor.shape().filter(|dims| !dims.is_empty()) else {
        return "without a shape".to_owned();
    };
    let dims: Vec<String> =
        dims.iter().map(|dim| if dim < 0 { "?".to_owned() } else { dim.to_string() }).collect();
    format!("[{}]", dims.join(", "))
}
