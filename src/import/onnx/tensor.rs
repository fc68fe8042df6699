//! Tensors with their elements if they are few: bounds of slices, target shapes and the like, on which
//! shapes depend. Larger tensors are weights, whose elements are skipped.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use super::messages::skip_encoding;
use super::value::{Elements, MAX_ELEMENTS, Value, types};
use types::{BOOL, DOUBLE, FLOAT, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64};

/// Limit of floating-point elements that are kept: shapes depend on at most two for each axis (scales), so
/// more are weights.
const MAX_FLOATS: usize = 64;

/// `TensorProto`, with its elements if they are few.
#[derive(Clone, Debug, Default)]
pub(super) struct OnnxTensor {
    pub(super) dims: Vec<i64>,
    pub(super) data_type: i32,
    pub(super) name: String,
    /// The number of the field that holds the elements; 0 without elements.
    field: u32,
    /// The bytes of this field: little-endian numbers, or varints.
    stored: Vec<u8>,
    /// True if elements were skipped, are in several fields, or are in another file.
    is_incomplete: bool,
}

/// The fields of elements: `float_data` and so on, and `raw_data`, which has elements as in memory.
const FLOATS: u32 = 4;
const INT32S: u32 = 5;
const INT64S: u32 = 7;
const RAW: u32 = 9;
const DOUBLES: u32 = 10;
const UINT64S: u32 = 11;

impl OnnxTensor {
    /// The elements, if they are in the file, few, and of a supported type.
    pub(super) fn contents(&self) -> Option<Elements> {
        let count = self.dims.iter().try_fold(1, |count: i64, &dim| count.checked_mul(dim))?;
        let numbers = match (self.field, self.data_type) {
            (0 | RAW, data_type) => from_raw(&self.stored, data_type)?,
            (FLOATS, FLOAT | DOUBLE) => Elements::Floats(singles(&self.stored).into()),
            (DOUBLES, FLOAT | DOUBLE) => Elements::Floats(doubles(&self.stored).into()),
            (INT32S | INT64S | UINT64S, data_type @ (UINT8..=INT64 | BOOL | UINT32 | UINT64)) => {
                let (mut rest, mut numbers) = (self.stored.as_slice(), Vec::new());
                while rest.has_remaining() {
                    numbers.push(encoding::decode_varint(&mut rest).ok()?.cast_signed());
                }
                // Above 63 bits, a number is not a size.
                if data_type == UINT64 && numbers.iter().any(|&number| number < 0) {
                    return None;
                }
                Elements::Integers(numbers.into())
            }
            _ => return None,
        };
        (!self.is_incomplete && usize::try_from(count) == Ok(numbers.len())).then_some(numbers)
    }

    /// The value of an initializer or attribute; none if its shape is invalid.
    pub(super) fn value(&self) -> Option<Value> {
        let dims = self.dims.iter().map(|&dim| u64::try_from(dim).ok()).collect::<Option<Vec<_>>>()?;
        Value::with(self.data_type, dims, self.contents()).ok()
    }

    /// Bytes of memory of the elements.
    pub(super) fn stored_bytes(&self) -> usize {
        self.stored.len()
    }

    /// Limit in bytes of elements that are read.
    fn max_bytes(&self) -> usize {
        match self.data_type {
            FLOAT | types::FLOAT16 | types::BFLOAT16 => MAX_FLOATS * 4,
            DOUBLE => MAX_FLOATS * 8,
            _ => MAX_ELEMENTS * 8,
        }
    }

    /// Keeps a field of elements: all of them, or, except for `raw_data`, a part or a single one.
    fn merge_elements(
        &mut self,
        field: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
    ) -> Result<(), DecodeError> {
        let bytes = match (wire_type, field) {
            (WireType::LengthDelimited, _) => short_field(self.max_bytes(), buf)?,
            (WireType::ThirtyTwoBit, FLOATS) => Some(taken(4, buf)?),
            (WireType::SixtyFourBit, DOUBLES) => Some(taken(8, buf)?),
            (WireType::Varint, INT32S | INT64S | UINT64S) => {
                let mut single = Vec::new();
                encoding::encode_varint(encoding::decode_varint(buf)?, &mut single);
                Some(single)
            }
            _ => return encoding::check_wire_type(WireType::LengthDelimited, wire_type),
        };
        match bytes {
            Some(bytes) if field == RAW || self.stored.is_empty() => {
                (self.field, self.stored) = (field, bytes);
            }
            Some(bytes) if field == self.field && self.stored.len() + bytes.len() <= self.max_bytes() => {
                self.stored.extend(bytes);
            }
            _ => self.is_incomplete = true,
        }
        Ok(())
    }
}

/// As the derived implementation, except that many elements are skipped.
impl Message for OnnxTensor {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        /// `DataLocation.EXTERNAL`: the elements are in another file.
        const EXTERNAL: i32 = 1;
        match tag {
            1 => encoding::int64::merge_repeated(wire_type, &mut self.dims, buf, context),
            2 => encoding::int32::merge(wire_type, &mut self.data_type, buf, context),
            8 => encoding::string::merge(wire_type, &mut self.name, buf, context),
            FLOATS | INT32S | INT64S | RAW | DOUBLES | UINT64S => self.merge_elements(tag, wire_type, buf),
            14 => {
                let mut location = 0;
                encoding::int32::merge(wire_type, &mut location, buf, context)?;
                self.is_incomplete |= location == EXTERNAL;
                Ok(())
            }
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    skip_encoding!();
}

/// `SparseTensorProto`.
#[derive(Clone, Message)]
pub(super) struct OnnxSparseTensor {
    /// Holds the name and the element type of the tensor; its shape is the number of elements that are not 0.
    #[prost(message, optional, tag = "1")]
    pub(super) values: Option<OnnxTensor>,
    #[prost(int64, repeated, tag = "3")]
    pub(super) dims: Vec<i64>,
}

impl OnnxSparseTensor {
    pub(super) fn name(&self) -> &str {
        self.values.as_ref().map_or("", |values| &values.name)
    }
}

/// The bytes of a field; none if they are more than `max`, and skipped.
fn short_field(max: usize, buf: &mut impl Buf) -> Result<Option<Vec<u8>>, DecodeError> {
    let length = encoding::decode_varint(buf)?;
    if length <= max as u64 {
        return taken(length, buf).map(Some);
    }
    match usize::try_from(length) {
        Ok(length) if length <= buf.remaining() => buf.advance(length),
        _ => return Err(underflow()),
    }
    Ok(None)
}

/// Reads `length` bytes, which are few.
pub(super) fn taken(length: u64, buf: &mut impl Buf) -> Result<Vec<u8>, DecodeError> {
    if length > buf.remaining() as u64 {
        return Err(underflow());
    }
    let mut bytes = vec![0; length as usize];
    buf.copy_to_slice(&mut bytes);
    Ok(bytes)
}

/// The error of the decoder for missing bytes. Its type has no public constructor.
fn underflow() -> DecodeError {
    let nothing = &mut [].as_slice();
    let skipped = encoding::skip_field(WireType::SixtyFourBit, 1, nothing, DecodeContext::default());
    skipped.expect_err("eight bytes are not in none")
}

/// Decodes `raw_data`; none for unsupported types and lengths.
fn from_raw(bytes: &[u8], data_type: i32) -> Option<Elements> {
    fn whole<const N: usize>(bytes: &[u8], number: fn([u8; N]) -> Option<i64>) -> Option<Elements> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        let numbers = chunks.iter().map(|&chunk| number(chunk)).collect::<Option<_>>()?;
        rest.is_empty().then_some(Elements::Integers(numbers))
    }
    match data_type {
        FLOAT => bytes.len().is_multiple_of(4).then(|| Elements::Floats(singles(bytes).into())),
        DOUBLE => bytes.len().is_multiple_of(8).then(|| Elements::Floats(doubles(bytes).into())),
        UINT8 | BOOL => whole(bytes, |[byte]| Some(byte.into())),
        INT8 => whole(bytes, |chunk| Some(i8::from_le_bytes(chunk).into())),
        UINT16 => whole(bytes, |chunk| Some(u16::from_le_bytes(chunk).into())),
        INT16 => whole(bytes, |chunk| Some(i16::from_le_bytes(chunk).into())),
        INT32 => whole(bytes, |chunk| Some(i32::from_le_bytes(chunk).into())),
        INT64 => whole(bytes, |chunk| Some(i64::from_le_bytes(chunk))),
        UINT32 => whole(bytes, |chunk| Some(u32::from_le_bytes(chunk).into())),
        UINT64 => whole(bytes, |chunk| i64::try_from(u64::from_le_bytes(chunk)).ok()),
        _ => None,
    }
}

fn singles(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&chunk| f32::from_le_bytes(chunk).into()).collect()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&chunk| f64::from_le_bytes(chunk)).collect()
}
