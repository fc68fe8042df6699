//! Protobuf messages that a tiled model adds, with the fields that it needs. Names and numbers of fields are those of
//! `onnx.proto`.

use prost::Message;

/// `AttributeProto`.
#[derive(Message)]
pub(super) struct Attribute {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(float, tag = "2")]
    pub(super) f: f32,
    #[prost(int64, optional, tag = "3")]
    pub(super) i: Option<i64>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    pub(super) t: Option<NumberTensor>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(super) ints: Vec<i64>,
    /// `AttributeType`.
    #[prost(int32, tag = "20")]
    pub(super) r#type: i32,
}

impl Attribute {
    pub(super) fn of_int(name: &str, number: i64) -> Self {
        const INT: i32 = 2;
        Self { name: name.to_owned(), i: Some(number), r#type: INT, ..Self::default() }
    }

    pub(super) fn of_ints(name: &str, numbers: Vec<i64>) -> Self {
        const INTS: i32 = 7;
        Self { name: name.to_owned(), ints: numbers, r#type: INTS, ..Self::default() }
    }

    /// The value of a `Constant` that is a list of one number.
    pub(super) fn of_value(number: i64) -> Self {
        const TENSOR: i32 = 4;
        let tensor = NumberTensor { dims: vec![1], data_type: INT64, int64_data: vec![number] };
        Self { name: "value".to_owned(), t: Some(tensor), r#type: TENSOR, ..Self::default() }
    }
}

/// Number of an integer type of 64 bits in `TensorProto.DataType`.
const INT64: i32 = 7;

/// `TensorProto` with integers.
#[derive(Message)]
pub(super) struct NumberTensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(int64, repeated, tag = "7")]
    int64_data: Vec<i64>,
}

impl NumberTensor {
    /// The number, if there is exactly one.
    pub(super) fn number(&self) -> Option<i64> {
        match (self.dims.as_slice(), self.data_type, self.int64_data.as_slice()) {
            ([1], INT64, &[number]) => Some(number),
            _ => None,
        }
    }
}

/// `NodeProto`, up to fields that tiles copy.
#[derive(Message)]
pub(super) struct NewNode {
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    #[prost(string, tag = "3")]
    pub(super) name: String,
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<Attribute>,
}

/// `ValueInfoProto` of a tensor.
#[derive(Message)]
pub(super) struct NewValueInfo {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<ValueType>,
}

/// `TypeProto`.
#[derive(Message)]
pub(super) struct ValueType {
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<TensorType>,
}

/// `TypeProto.Tensor`.
#[derive(Message)]
pub(super) struct TensorType {
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<Shape>,
}

/// `TensorShapeProto`.
#[derive(Message)]
pub(super) struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<NewDimension>,
}

/// `TensorShapeProto.Dimension`.
#[derive(Message)]
pub(super) struct NewDimension {
    #[prost(int64, optional, tag = "1")]
    pub(super) dim_value: Option<i64>,
    #[prost(string, tag = "2")]
    pub(super) dim_param: String,
}

impl NewValueInfo {
    pub(super) fn new(name: String, elem_type: i32, dims: &[u64]) -> Self {
        let dim = |&dim: &u64| NewDimension { dim_value: i64::try_from(dim).ok(), ..NewDimension::default() };
        let shape = Shape { dim: dims.iter().map(dim).collect() };
        let tensor_type = TensorType { elem_type, shape: Some(shape) };
        Self { name, r#type: Some(ValueType { tensor_type: Some(tensor_type) }) }
    }

    /// The type of a tensor, if it is declared.
    pub(super) fn tensor_type(&self) -> Option<&TensorType> {
        self.r#type.as_ref()?.tensor_type.as_ref()
    }

    /// True if the type has a shape of these numbers.
    pub(super) fn has_shape(&self, dims: &[u64]) -> bool {
        let shape = self.tensor_type().and_then(|tensor| tensor.shape.as_ref());
        let number = |dim: &NewDimension| dim.dim_value.and_then(|value| u64::try_from(value).ok());
        shape.is_some_and(|shape| {
            shape.dim.len() == dims.len()
                && shape.dim.iter().map(number).eq(dims.iter().map(|&dim| Some(dim)))
        })
    }
}
