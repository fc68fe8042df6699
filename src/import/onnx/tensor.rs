//! A tensor's message, of whose numbers only few are read: where a slice starts, and what
//! shape a tensor is brought to, is data.

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

/// A tensor with more numbers than this is taken for weights.
pub(super) const FEW: usize = 1024;

/// Floating-point numbers are weights already if they are more than this: of those that
/// make shapes, there are two for each axis.
const FEW_REALS: usize = 64;

const FLOAT: i32 = 1;
const INT64: i32 = 7;
const FLOAT16: i32 = 10;
const DOUBLE: i32 = 11;
const BFLOAT16: i32 = 16;

/// A tensor's description, and its numbers if they are few.
#[derive(Debug, Default)]
pub(super) struct Tensor {
    pub(super) dims: Vec<i64>,
    pub(super) data_type: i32,
    pub(super) name: String,
    contents: Contents,
    /// Some were left out, or lie in another file.
    lacks: bool,
}

/// In the form of the field that they are in.
#[derive(Debug)]
enum Contents {
    Raw(Vec<u8>),
    Whole(Vec<i64>),
    Real(Vec<f64>),
}

impl Default for Contents {
    fn default() -> Self {
        Self::Raw(Vec::new())
    }
}

/// Numbers of a tensor, in the order of its elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    /// Integers and truth values.
    Whole(Vec<i64>),
    Real(Vec<f64>),
}

impl Numbers {
    pub(super) fn len(&self) -> usize {
        match self {
            Numbers::Whole(numbers) => numbers.len(),
            Numbers::Real(numbers) => numbers.len(),
        }
    }
}

impl Tensor {
    /// Its contents, if they are few numbers of 64 bits.
    pub(super) fn numbers(&self) -> Option<Vec<i64>> {
        match self.contents() {
            Some(Numbers::Whole(numbers)) if self.data_type == INT64 => Some(numbers),
            _ => None,
        }
    }

    /// Its contents, if they are in the file, few, and of a type that is common in shapes.
    pub(super) fn contents(&self) -> Option<Numbers> {
        let count = self.dims.iter().try_fold(1, |count: i64, &dim| count.checked_mul(dim))?;
        let numbers = match (&self.contents, self.data_type) {
            (Contents::Raw(bytes), _) => decoded(bytes, self.data_type)?,
            // Above what 63 bits can tell, they are no size.
            (Contents::Whole(numbers), 13) if numbers.iter().any(|&number| number < 0) => return None,
            (Contents::Whole(numbers), 2..=7 | 9 | 12 | 13) => Numbers::Whole(numbers.clone()),
            (Contents::Real(numbers), FLOAT | DOUBLE) => Numbers::Real(numbers.clone()),
            _ => return None,
        };
        (!self.lacks && usize::try_from(count) == Ok(numbers.len())).then_some(numbers)
    }

    /// How many bytes of a field of its numbers are read at most.
    fn most_bytes(&self) -> usize {
        match self.data_type {
            FLOAT | FLOAT16 | BFLOAT16 => FEW_REALS * 4,
            DOUBLE => FEW_REALS * 8,
            _ => FEW * 8,
        }
    }

    /// Takes integers in: a packed list, or one alone.
    fn merge_whole(&mut self, wire_type: WireType, buf: &mut impl Buf) -> Result<(), DecodeError> {
        let mut found = Vec::new();
        if wire_type == WireType::LengthDelimited {
            let Some(bytes) = short_field(self.most_bytes(), buf)? else {
                self.lacks = true;
                return Ok(());
            };
            let mut rest = bytes.as_slice();
            while rest.has_remaining() {
                found.push(encoding::decode_varint(&mut rest)?.cast_signed());
            }
        } else {
            encoding::check_wire_type(WireType::Varint, wire_type)?;
            found.push(encoding::decode_varint(buf)?.cast_signed());
        }
        match &mut self.contents {
            Contents::Whole(numbers) if numbers.len() + found.len() > FEW => self.lacks = true,
            Contents::Whole(numbers) => numbers.extend(found),
            Contents::Raw(bytes) if bytes.is_empty() => self.contents = Contents::Whole(found),
            _ => self.lacks = true,
        }
        Ok(())
    }

    /// Takes floating-point numbers of so many bytes each in.
    fn merge_real(
        &mut self,
        width: usize,
        wire_type: WireType,
        buf: &mut impl Buf,
    ) -> Result<(), DecodeError> {
        let bytes = if wire_type == WireType::LengthDelimited {
            short_field(self.most_bytes(), buf)?
        } else {
            let alone = if width == 4 { WireType::ThirtyTwoBit } else { WireType::SixtyFourBit };
            encoding::check_wire_type(alone, wire_type)?;
            Some(taken(width as u64, buf)?)
        };
        let found: Option<Vec<f64>> =
            bytes.map(|bytes| if width == 4 { singles(&bytes) } else { doubles(&bytes) });
        match (&mut self.contents, found) {
            (Contents::Real(numbers), Some(found)) if numbers.len() + found.len() <= FEW => {
                numbers.extend(found);
            }
            (Contents::Raw(bytes), Some(found)) if bytes.is_empty() => self.contents = Contents::Real(found),
            _ => self.lacks = true,
        }
        Ok(())
    }
}

/// As it would be derived, but for its numbers, of which only a few are read.
impl Message for Tensor {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        /// What `data_location` says of numbers that lie in another file.
        const EXTERNAL: i32 = 1;
        match tag {
            1 => encoding::int64::merge_repeated(wire_type, &mut self.dims, buf, context),
            2 => encoding::int32::merge(wire_type, &mut self.data_type, buf, context),
            8 => encoding::string::merge(wire_type, &mut self.name, buf, context),
            4 => self.merge_real(4, wire_type, buf),
            10 => self.merge_real(8, wire_type, buf),
            5 | 7 | 11 => self.merge_whole(wire_type, buf),
            9 => {
                encoding::check_wire_type(WireType::LengthDelimited, wire_type)?;
                match short_field(self.most_bytes(), buf)? {
                    Some(bytes) => self.contents = Contents::Raw(bytes),
                    None => self.lacks = true,
                }
                Ok(())
            }
            14 => {
                let mut location = 0;
                encoding::int32::merge(wire_type, &mut location, buf, context)?;
                self.lacks |= location == EXTERNAL;
                Ok(())
            }
            _ => encoding::skip_field(wire_type, tag, buf, context),
        }
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    // Nothing is written.
    fn encode_raw(&self, _: &mut impl BufMut) {}

    fn encoded_len(&self) -> usize {
        0
    }
}

/// The bytes of a field, or none, if they are too many: then they are skipped.
fn short_field(most: usize, buf: &mut impl Buf) -> Result<Option<Vec<u8>>, DecodeError> {
    let length = encoding::decode_varint(buf)?;
    if length <= most as u64 {
        return taken(length, buf).map(Some);
    }
    match usize::try_from(length) {
        Ok(length) if length <= buf.remaining() => buf.advance(length),
        _ => return Err(underflow()),
    }
    Ok(None)
}

/// So many bytes, which are few.
fn taken(length: u64, buf: &mut impl Buf) -> Result<Vec<u8>, DecodeError> {
    if length > buf.remaining() as u64 {
        return Err(underflow());
    }
    let mut bytes = vec![0; length as usize];
    buf.copy_to_slice(&mut bytes);
    Ok(bytes)
}

/// The decoder's own error, which cannot be made otherwise.
fn underflow() -> DecodeError {
    let nothing = &mut [].as_slice();
    let skipped = encoding::skip_field(WireType::SixtyFourBit, 1, nothing, DecodeContext::default());
    skipped.expect_err("eight bytes are not in none")
}

/// Numbers of `raw_data`: little-endian, one after another.
fn decoded(bytes: &[u8], data_type: i32) -> Option<Numbers> {
    fn whole<const N: usize>(bytes: &[u8], number: fn([u8; N]) -> Option<i64>) -> Option<Numbers> {
        let (chunks, rest) = bytes.as_chunks::<N>();
        let numbers = chunks.iter().map(|&chunk| number(chunk)).collect::<Option<_>>()?;
        rest.is_empty().then_some(Numbers::Whole(numbers))
    }
    match data_type {
        FLOAT => bytes.len().is_multiple_of(4).then(|| Numbers::Real(singles(bytes))),
        DOUBLE => bytes.len().is_multiple_of(8).then(|| Numbers::Real(doubles(bytes))),
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
