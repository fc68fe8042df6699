//! Facts about tensors.

use std::borrow::Cow;

use crate::graph::ElementType;
use crate::import::tflite::schema::{Buffer, List, Tensor};
use crate::import::tflite::text;

/// Limit of elements of a constant that are read; shapes, axes and paddings are shorter.
const MAX_STORED: usize = 1024;

/// The shape of an output of an operator, or of an input of a body.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OutputShape {
    pub(crate) dims: Vec<u64>,
    /// True if the dimensions are upper bounds, as they depend on data.
    pub(crate) upper: bool,
}

/// Facts about a tensor that are known at compile time.
#[allow(clippy::struct_excessive_bools)] // independent of each other
#[derive(Default)]
pub(crate) struct TensorFact<'a> {
    pub(crate) name: String,
    pub(crate) element_type: Option<ElementType>,
    /// The declared shape, if it is definite. An empty shape is definite only if the file states that the tensor
    /// has a rank, since converters leave unknown shapes empty.
    pub(crate) declared: Option<Vec<u64>>,
    /// True if the list of dimensions in the file is empty.
    has_empty_shape: bool,
    /// True if the empty list is taken as the shape of a scalar.
    pub(crate) is_taken_for_scalar: bool,
    /// The shape signature, if it has open dimensions (-1). The declared shape is then that of one run.
    pub(crate) signature: Option<Vec<i32>>,
    /// True if an operator writes the tensor.
    pub(crate) is_result: bool,
    /// True if the tensor is in the list of graph inputs.
    pub(crate) is_input: bool,
    /// The shape that counts; none if it is unknown.
    pub(crate) dims: Option<Vec<u64>>,
    /// True if the dimensions are upper bounds, as they depend on data.
    pub(crate) upper: bool,
    /// True if only the first dimension is an upper bound.
    pub(crate) only_rows_depend: bool,
    /// The bytes of a constant, if they are in the file.
    stored: Option<&'a [u8]>,
    /// Elements of a result that are known at compile time.
    pub(crate) computed: Option<Vec<f64>>,
    /// True if the elements depend on shapes other than the declared ones.
    pub(crate) shape_dependent: bool,
    /// The reason why the shape is unknown; none if an input has an unknown shape.
    pub(crate) reason: Option<String>,
}

impl<'a> TensorFact<'a> {
    /// `bytes` is the file, as far as it is in memory.
    pub(crate) fn new(tensor: Tensor<'a>, buffers: List<'a, Buffer<'a>>, bytes: &'a [u8]) -> Self {
        let stored = stored(tensor, buffers, bytes);
        let mut declared = definite(tensor);
        if declared.is_none() && stored.is_some_and(|bytes| !bytes.is_empty()) && rank_is_open(tensor) {
            // Data of one element is a scalar. For more elements, the rank is unknown.
            let count =
                stored.and_then(|bytes| elements(tensor.known_type(), bytes)).map(|values| values.len());
            declared = (count == Some(1)).then(Vec::new);
        }
        let signature = tensor.shape_signature().map(|dims| dims.into_iter().collect::<Vec<i32>>());
        Self {
            name: text(tensor.name()),
            element_type: tensor.known_type(),
            declared,
            has_empty_shape: tensor.shape().is_some_and(|shape| shape.is_empty()),
            signature: signature.filter(|dims| dims.iter().any(|&dim| dim < 0)),
            stored,
            ..Self::default()
        }
    }

    /// Marks the tensor as an input of a body, with unknown elements.
    pub(crate) fn as_body_input(&mut self, shape: Option<OutputShape>) {
        self.upper = shape.as_ref().is_some_and(|shape| shape.upper);
        self.as_input(shape.map(|shape| shape.dims));
    }

    /// Marks the tensor as an input of a subgraph, with unknown elements. An input with an empty list of dimensions
    /// is a scalar, as in runtimes.
    pub(crate) fn as_input(&mut self, dims: Option<Vec<u64>>) {
        self.is_input = true;
        self.is_taken_for_scalar = dims.is_none() && self.has_empty_shape;
        self.dims = if self.is_taken_for_scalar { Some(Vec::new()) } else { dims };
    }

    /// The shape with its mark.
    pub(crate) fn shape(&self) -> Option<OutputShape> {
        Some(OutputShape { dims: self.dims.clone()?, upper: self.upper })
    }

    /// Elements that are known at compile time, as `f64`, which represents 32-bit elements exactly.
    pub(crate) fn values(&self) -> Option<Cow<'_, [f64]>> {
        match &self.computed {
            Some(values) => Some(Cow::Borrowed(values)),
            None if self.is_result || self.is_input => None,
            None => elements(self.element_type, self.stored?).map(Cow::Owned),
        }
    }

    /// Returns whether the contents are computed at run time.
    pub(crate) fn is_computed(&self) -> bool {
        self.is_result || self.is_input
    }

    /// Returns whether the shape differs from the declared one.
    pub(crate) fn differs_from_declared(&self) -> bool {
        self.declared.is_some() && self.dims.is_some() && self.declared != self.dims
    }

    /// Returns whether the signature leaves dimensions open for which the declared shape has a value, except a
    /// first dimension of 1, which is a batch size.
    pub(crate) fn is_open(&self) -> bool {
        let Some(signature) = &self.signature else { return false };
        let batch_of_one = self.declared.as_ref().is_some_and(|dims| dims.first() == Some(&1));
        signature.iter().skip(usize::from(batch_of_one)).any(|&dim| dim < 0)
    }
}

fn rank_is_open(tensor: Tensor<'_>) -> bool {
    tensor.shape().is_none_or(|shape| shape.is_empty())
}

/// The declared shape; none if it is missing, empty without a rank, or has a negative dimension.
fn definite(tensor: Tensor<'_>) -> Option<Vec<u64>> {
    if rank_is_open(tensor) && !tensor.has_rank().unwrap_or(false) {
        return None;
    }
    tensor.shape().into_iter().flatten().map(|dim| u64::try_from(dim).ok()).collect()
}

/// The bytes of a constant: in the tables or behind them.
fn stored<'a>(tensor: Tensor<'a>, buffers: List<'a, Buffer<'a>>, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let buffers = buffers?;
    let number = tensor.buffer().unwrap_or(0) as usize;
    if tensor.is_variable().unwrap_or(false) || number >= buffers.len() {
        return None;
    }
    let buffer = buffers.get(number);
    match (buffer.data().filter(|data| !data.is_empty()), buffer.offset()) {
        (None, Some(offset)) if offset > 1 && tensor.external_buffer().unwrap_or(0) == 0 => {
            let begin = usize::try_from(offset).ok()?;
            bytes.get(begin..begin.checked_add(usize::try_from(buffer.size()?).ok()?)?)
        }
        (None, _) => Some(buffer.data()?.bytes()),
        (Some(data), _) => Some(data.bytes()),
    }
}

/// Decodes elements; none for unsupported types and long constants.
fn elements(element_type: Option<ElementType>, bytes: &[u8]) -> Option<Vec<f64>> {
    fn read<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
        let (chunks, rest) = bytes.as_chunks();
        let fits = rest.is_empty() && chunks.len() <= MAX_STORED;
        fits.then(|| chunks.iter().map(|&chunk| number(chunk)).collect())
    }
    match element_type? {
        ElementType::Int32 => read(bytes, |number| i32::from_le_bytes(number).into()),
        ElementType::Int64 => read(bytes, |number| i64::from_le_bytes(number) as f64),
        ElementType::Float32 => read(bytes, |number| f32::from_le_bytes(number).into()),
        ElementType::Int16 => read(bytes, |number| i16::from_le_bytes(number).into()),
        ElementType::Bool | ElementType::UInt8 => read(bytes, |[number]: [u8; 1]| number.into()),
        ElementType::Int8 => read(bytes, |[number]: [u8; 1]| number.cast_signed().into()),
        _ => None,
    }
}
