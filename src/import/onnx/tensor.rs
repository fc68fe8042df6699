//! Tensors with their elements if they are few: bounds of slices, target shapes and the like, on which
//! shapes depend. Larger tensors are weights, whose elements are skipped.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

/// Limit of elements that are kept; a larger tensor counts as weights.
pub(super) const MAX_ELEMENTS: usize = 1024;

/// Limit of floating-point elements that are kept: shapes depend on at most two for each axis (scales), so
/// more are weights.
const MAX_FLOATS: usize = 64;

const FLOAT: i32 = 1;
const INT64: i32 = 7;
const FLOAT16: i32 = 10;
const DOUBLE: i32 = 11;
const BFLOAT16: i32 = 16;

/// `TensorProto`, with its elements if they are few.
#[derive(Debug, Default)]
pub(super) struct OnnxTensor {
    pub(super) dims: Vec<i64>,
    pub(super) data_type: i32,
    pub(super) name: String,
    stored: StoredElements,
    /// True if elements were skipped or are in another file.
    is_incomplete: bool,
}

/// Elements as stored in a field of the message.
#[derive(Debug)]
enum StoredElements {
    /// `raw_data`: little-endian bytes.
    Raw(Vec<u8>),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
}

impl Default for StoredElements {
    fn default() -> Self {
        Self::Raw(Vec::new())
    }
}

/// Elements of a tensor, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum TensorElements {
    /// Integers and booleans.
    Integers(Vec<i64>),
    Floats(Vec<f64>),
}

impl TensorElements {
    pub(super) fn len(&self) -> usize {
        match self {
            TensorElements::Integers(numbers) => numbers.len(),
            TensorElements::Floats(numbers) => numbers.len(),
        }
    }
}

impl OnnxTensor {
    /// The elements, if they are known and 64-bit integers.
    pub(super) fn numbers(&self) -> Option<Vec<i64>> {
        match self.contents() {
            Some(TensorElements::Integers(numbers)) if self.data_type == INT64 => Some(numbers),
            _ => None,
        }
    }

    /// The elements, if they are in the file, few, and of a supported type.
    pub(super) fn contents(&self) -> Option<TensorElements> {
        let count = self.dims.iter().try_fold(1, |count: i64, &dim| count.checked_mul(dim))?;
        let numbers = match (&self.stored, self.data_type) {
            (StoredElements::Raw(bytes), _) => from_raw(bytes, self.data_type)?,
            // Stored as 64-bit integers: a negative one is a number above 63 bits, which is not a size.
            (StoredElements::Integers(numbers), 13) if numbers.iter().any(|&number| number < 0) => {
                return None;
            }
            (StoredElements::Integers(numbers), 2..=7 | 9 | 12 | 13) => {
                TensorElements::Integers(numbers.clone())
            }
            (StoredElements::Floats(numbers), FLOAT | DOUBLE) => TensorElements::Floats(numbers.clone()),
            _ => return None,
        };
        (!self.is_incomplete && usize::try_from(count) == Ok(numbers.len())).then_some(numbers)
    }

    /// Limit in bytes of a packed field of elements that is read.
    fn max_bytes(&self) -> usize {
        match self.data_type {
            FLOAT | FLOAT16 | BFLOAT16 => MAX_FLOATS * 4,
            DOUBLE => MAX_FLOATS * 8,
            _ => MAX_ELEMENTS * 8,
        }
    }

    /// Decodes a field of integers: a packed list, or a single one.
    fn merge_integers(&mut self, wire_type: WireType, buf: &mut impl Buf) -> Result<(), DecodeError> {
        let mut decoded = Vec::new();
        if wire_type == WireType::LengthDelimited {
            let Some(bytes) = short_field(self.max_bytes(), buf)? else {
                self.is_incomplete = true;
                return Ok(());
            };
            let mut rest = bytes.as_slice();
            while rest.has_remaining() {
                decoded.push(encoding::decode_varint(&mut rest)?.cast_signed());
            }
        } else {
            encoding::check_wire_type(WireType::Varint, wire_type)?;
            decoded.push(encoding::decode_varint(buf)?.cast_signed());
        }
        match &mut self.stored {
            StoredElements::Integers(numbers) if numbers.len() + decoded.len() > MAX_ELEMENTS => {
                self.is_incomplete = true;
            }
            StoredElements::Integers(numbers) => numbers.extend(decoded),
            StoredElements::Raw(bytes) if bytes.is_empty() => self.stored = StoredElements::Integers(decoded),
            _ => self.is_incomplete = true,
        }
        Ok(())
    }

    /// Decodes a field of floating-point numbers of `width` bytes: a packed list, or a single one.
    fn merge_floats(
        &mut self,
        width: usize,
        wire_type: WireType,
        buf: &mut impl Buf,
    ) -> Result<(), DecodeError> {
        let bytes = if wire_type == WireType::LengthDelimited {
            short_field(self.max_bytes(), buf)?
        } else {
            let single = if width == 4 { WireType::ThirtyTwoBit } else { WireType::SixtyFourBit };
            encoding::check_wire_type(single, wire_type)?;
            Some(taken(width as u64, buf)?)
        };
        let decoded: Option<Vec<f64>> =
            bytes.map(|bytes| if width == 4 { singles(&bytes) } else { doubles(&bytes) });
        match (&mut self.stored, decoded) {
            (StoredElements::Floats(numbers), Some(decoded))
                if numbers.len() + decoded.len() <= MAX_ELEMENTS =>
            {
                numbers.extend(decoded);
            }
            (StoredElements::Raw(bytes), Some(decoded)) if bytes.is_empty() => {
                self.stored = StoredElements::Floats(decoded);
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
            4 => self.merge_floats(4, wire_type, buf),
            10 => self.merge_floats(8, wire_type, buf),
            5 | 7 | 11 => self.merge_integers(wire_type, buf),
            9 => {
                encoding::check_wire_type(WireType::LengthDelimited, wire_type)?;
                match short_field(self.max_bytes(), buf)? {
                    Some(bytes) => self.stored = StoredElements::Raw(bytes),
                    None => self.is_incomplete = true,
                }
                Ok(())
            }
            14 => {
                let mut location = 0;
                encoding::int32::merge(wire_type, &mut location, buf, context)?;
                self.is_incomplete |= location == EXTERNAL;
                Ok(())
            }
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    // Messages are only decoded.
    fn encode_raw(&self, _: &mut impl BufMut) {}

    fn encoded_len(&self) -> usize {
        0
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
fn taken(length: u64, buf: &mut impl Buf) -> Result<Vec<u8>, DecodeError> {
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
fn from_raw(bytes: &[u8], data_type: i32) -> Option<TensorElements> {
    fn whole<const N: usize>(bytes: &[u8], number: fn([u8; N]) -> Option<i64>) -> Option<TensorElements> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        let numbers = chunks.iter().map(|&chunk| number(chunk)).collect::<Option<_>>()?;
        rest.is_empty().then_some(TensorElements::Integers(numbers))
    }
    match data_type {
        FLOAT => bytes.len().is_multiple_of(4).then(|| TensorElements::Floats(singles(bytes))),
        DOUBLE => bytes.len().is_multiple_of(8).then(|| TensorElements::Floats(doubles(bytes))),
        2 | 9 => whole(bytes, |[byte]| Some(byte.into())),
        3 => whole(bytes, |chunk| Some(i8::from_le_bytes(chunk).into())),
        4 => whole(bytes, |chunk| Some(u16::from_le_bytes(chunk).into())),
        5 => whole(bytes, |chunk| Some(i16::from_le_bytes(chunk).into())),
        6 => whole(bytes, |chunk| Some(i32::from_le_bytes(chunk).into())),
        INT64 => whole(bytes, |chunk| Some(i64::from_le_bytes(chunk))),
        12 => whole(bytes, |chunk| Some(u32::from_le_bytes(chunk).into())),
        13 => whole(bytes, |chunk| i64::try_from(u64::from_le_bytes(chunk)).ok()),
        _ => None,
    }
}

fn singles(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&chunk| f32::from_le_bytes(chunk).into()).collect()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks().0.iter().map(|&chunk| f64::from_le_bytes(chunk)).collect()
}
