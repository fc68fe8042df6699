//! What is known of a tensor.

use std::borrow::Cow;

use super::super::schema::{Buffer, List, Tensor};
use super::super::text;
use crate::graph::ElementType;

/// Elements of longer constants are not looked at: shapes, axes and paddings are short.
const MOST_STORED: usize = 1024;

/// What is known of a tensor before anything runs.
#[allow(clippy::struct_excessive_bools)] // independent of each other
pub(in super::super) struct Fact<'a> {
    pub(super) name: String,
    pub(super) element_type: Option<ElementType>,
    /// The shape that the file states, if it is definite. An empty one is definite only where the
    /// file says that the tensor has a rank, since writers leave unknown shapes empty.
    pub(super) declared: Option<Vec<u64>>,
    /// The file has a list of dimensions, but an empty one.
    has_empty_shape: bool,
    /// That is taken to mean a scalar.
    pub(super) is_taken_for_scalar: bool,
    /// Dimensions that the file leaves open, as in its signature; the file's shape then holds the
    /// values of one run.
    pub(super) signature: Option<Vec<i32>>,
    /// An operator writes it.
    pub(super) is_result: bool,
    /// It stands in the list of graph inputs.
    pub(super) is_input: bool,
    /// The shape as found; none if unknown.
    pub(in super::super) dims: Option<Vec<u64>>,
    /// Each dimension is as large as this or smaller, depending on data.
    pub(in super::super) upper: bool,
    /// A constant's bytes, if they are between the tables.
    stored: Option<&'a [u8]>,
    /// Elements of a result that are known before anything runs.
    pub(super) computed: Option<Vec<f64>>,
    /// The elements depend on shapes that are others than in the file.
    pub(super) shape_dependent: bool,
    /// Why the shape is unknown.
    pub(in super::super) why: Option<String>,
}

impl<'a> Fact<'a> {
    pub(super) fn new(tensor: Tensor<'a>, buffers: List<'a, Buffer<'a>>) -> Self {
        let stored = stored(tensor, buffers);
        let mut declared = definite(tensor);
        if declared.is_none() && stored.is_some_and(|bytes| !bytes.is_empty()) && rank_is_open(tensor) {
            // Data of one element is a scalar; of more, nothing says the rank.
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
            is_taken_for_scalar: false,
            signature: signature.filter(|dims| dims.iter().any(|&dim| dim < 0)),
            is_result: false,
            is_input: false,
            dims: None,
            upper: false,
            stored,
            computed: None,
            shape_dependent: false,
            why: None,
        }
    }

    /// Makes it an input of a subgraph, whose contents are not known. An empty shape of one is a
    /// scalar to runtimes, too.
    pub(super) fn as_input(&mut self, dims: Option<Vec<u64>>) {
        self.is_input = true;
        self.is_taken_for_scalar = dims.is_none() && self.has_empty_shape;
        self.dims = if self.is_taken_for_scalar { Some(Vec::new()) } else { dims };
    }

    /// The elements that are known before anything runs, in double precision: those of 32 bits are
    /// exact.
    pub(super) fn values(&self) -> Option<Cow<'_, [f64]>> {
        match &self.computed {
            Some(values) => Some(Cow::Borrowed(values)),
            None if self.is_result || self.is_input => None,
            None => elements(self.element_type, self.stored?).map(Cow::Owned),
        }
    }

    /// Whether its contents are not constant.
    pub(in super::super) fn is_computed(&self) -> bool {
        self.is_result || self.is_input
    }

    /// Whether the shape is another than the file's.
    pub(super) fn has_moved(&self) -> bool {
        self.declared.is_some() && self.dims.is_some() && self.declared != self.dims
    }

    /// Whether the file leaves dimensions open of which it states a value all the same: a first
    /// dimension of 1 aside, which stands for a batch.
    pub(super) fn is_open(&self) -> bool {
        let Some(signature) = &self.signature else { return false };
        let batch_of_one = self.declared.as_ref().is_some_and(|dims| dims.first() == Some(&1));
        signature.iter().skip(usize::from(batch_of_one)).any(|&dim| dim < 0)
    }
}

fn rank_is_open(tensor: Tensor<'_>) -> bool {
    tensor.shape().is_none_or(|shape| shape.is_empty())
}

/// The file's shape: none if it is missing, empty without a rank, or has a negative dimension.
fn definite(tensor: Tensor<'_>) -> Option<Vec<u64>> {
    if rank_is_open(tensor) && !tensor.has_rank().unwrap_or(false) {
        return None;
    }
    tensor.shape().into_iter().flatten().map(|dim| u64::try_from(dim).ok()).collect()
}

/// A constant's bytes, if they are between the tables.
fn stored<'a>(tensor: Tensor<'a>, buffers: List<'a, Buffer<'a>>) -> Option<&'a [u8]> {
    let buffers = buffers?;
    let number = tensor.buffer().unwrap_or(0) as usize;
    if tensor.is_variable().unwrap_or(false) || number >= buffers.len() {
        return None;
    }
    Some(buffers.get(number).data()?.bytes())
}

fn elements(element_type: Option<ElementType>, bytes: &[u8]) -> Option<Vec<f64>> {
    fn read<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Option<Vec<f64>> {
        let (chunks, rest) = bytes.as_chunks();
        let fits = rest.is_empty() && chunks.len() <= MOST_STORED;
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
