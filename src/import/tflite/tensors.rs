//! Kinds and sizes of tensors.

use super::schema::{Buffer, List, Tensor};
use super::shapes::Fact;
use super::{FORMAT, text};
use crate::graph::{ElementType, Shape, TensorKind, TensorSpec};
use crate::import::ImportError;
use crate::import::foldable::Holds;

/// By the numbers that the schema gives them.
const ELEMENT_TYPES: [ElementType; 23] = [
    ElementType::Float32,
    ElementType::Float16,
    ElementType::Int32,
    ElementType::UInt8,
    ElementType::Int64,
    ElementType::String,
    ElementType::Bool,
    ElementType::Int16,
    ElementType::Complex64,
    ElementType::Int8,
    ElementType::Float64,
    ElementType::Complex128,
    ElementType::UInt64,
    ElementType::Resource,
    ElementType::Resource, // a variant: a handle as well
    ElementType::UInt32,
    ElementType::UInt16,
    ElementType::Int4,
    ElementType::BFloat16,
    ElementType::Int2,
    ElementType::UInt4,
    ElementType::Float8, // E4M3FN
    ElementType::Float8, // E5M2
];

/// What the operators and the lists of a subgraph say of a tensor.
#[derive(Clone, Copy, Default)]
pub(super) struct Role {
    /// It stands in the list of graph inputs.
    pub(super) is_input: bool,
    /// Some operator reads it.
    pub(super) is_read: bool,
    /// Some operator writes it, or it stands in the list of graph outputs.
    pub(super) is_result: bool,
}

/// A tensor as the graph wants it.
pub(super) struct Described {
    pub(super) name: String,
    pub(super) kind: TensorKind,
    pub(super) holds: Holds,
    /// Operators read it, but nothing fills it: memory that a compiler gave to
    /// one of them to work in, or a mistake.
    pub(super) is_blank: bool,
    pub(super) spec: TensorSpec,
}

impl Tensor<'_> {
    /// The type of the elements; none for a number that the schema of this version lacks.
    pub(crate) fn known_type(self) -> Option<ElementType> {
        let number = usize::try_from(self.element_type().unwrap_or(0)).ok()?;
        ELEMENT_TYPES.get(number).copied()
    }
}

/// The inner error says what is known of a shape that is not static.
pub(super) fn describe(
    tensor: Tensor<'_>,
    index: usize,
    role: Role,
    fact: &Fact<'_>,
    buffers: List<'_, Buffer<'_>>,
) -> Result<Result<Described, String>, ImportError> {
    let stored = stored_bytes(tensor, index, buffers)?;
    let number = tensor.element_type().unwrap_or(0);
    let element_type = tensor.known_type();
    let shape: Option<Shape> = fact.dims.as_ref().map(|dims| dims.iter().copied().collect());

    let is_variable = tensor.is_variable().unwrap_or(false);
    // A variable that is listed as an input is state all the same.
    let kind = if is_variable {
        TensorKind::Variable
    } else if role.is_input {
        TensorKind::Input
    } else if stored.is_some() || !role.is_result {
        TensorKind::Constant
    } else {
        TensorKind::Intermediate
    };
    // What has no elements needs no data to be known.
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
        // Constants take no memory of the plan, so any shape will do.
        _ if kind == TensorKind::Constant => TensorSpec::bytes(stored.unwrap_or(0)),
        (Some(_), _) => {
            let why = fact.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
            return Ok(Err(format!("`{name}` {}{why}", shape_text(tensor))));
        }
        (None, _) => {
            let reason = format!("tensor {index} (`{name}`) is of the unknown type {number}");
            return Err(ImportError::malformed(FORMAT, reason));
        }
    };
    Ok(Ok(Described { name, kind, holds, is_blank, spec }))
}

fn has_size(element_type: ElementType, shape: &[u64]) -> bool {
    element_type == ElementType::String || element_type.bytes_of(shape).is_some()
}

/// The size of a tensor's data in the file, if there is any: in a buffer, in
/// the file behind the tables, or in a file beside it (of a size not needed).
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
            return Err(ImportError::malformed(FORMAT, reason));
        }
    };
    let here = buffer.data().map_or(0, |data| data.len() as u64);
    if here > 0 {
        return Ok(Some(here));
    }
    // The schema: valid if more than 1.
    let elsewhere = buffer.offset().unwrap_or(0) > 1;
    Ok(elsewhere.then(|| buffer.size().unwrap_or(0)))
}

/// What the file says of a shape that is not known.
fn shape_text(tensor: Tensor<'_>) -> String {
    let Some(dims) = tensor.shape().filter(|dims| !dims.is_empty()) else {
        return "without a shape".to_owned();
    };
    let dims: Vec<String> =
        dims.iter().map(|dim| if dim < 0 { "?".to_owned() } else { dim.to_string() }).collect();
    format!("[{}]", dims.join(", "))
}
