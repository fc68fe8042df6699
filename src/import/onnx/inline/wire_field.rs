//! Fields of messages that are kept as bytes.

use std::ops::{Deref, DerefMut};

use bytes::{Buf, BufMut};
use prost::encoding::{self, DecodeContext, WireType};
use prost::{DecodeError, Message};

use crate::import::onnx::tensor::taken;

/// Encoded fields, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct RawFields(Vec<u8>);

impl RawFields {
    /// Adds a field, whose key has been read.
    pub fn keep(&mut self, tag: u32, wire_type: WireType, buf: &mut impl Buf) -> Result<(), DecodeError> {
        encoding::encode_key(tag, wire_type, &mut self.0);
        let length = match wire_type {
            WireType::Varint => {
                encoding::encode_varint(encoding::decode_varint(buf)?, &mut self.0);
                return Ok(());
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                let length = encoding::decode_varint(buf)?;
                encoding::encode_varint(length, &mut self.0);
                length
            }
            // The format has no groups.
            WireType::StartGroup | WireType::EndGroup => {
                return encoding::check_wire_type(WireType::LengthDelimited, wire_type);
            }
        };
        self.0.extend(taken(length, buf)?);
        Ok(())
    }

    pub fn put(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// A message of which the fields of `M` are decoded, and all others kept as they are; and a value that is not part of
/// the message.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept<M, X = ()> {
    pub fields: M,
    pub rest: RawFields,
    pub beside: X,
}

/// Numbers of the fields that a message decodes.
pub(super) trait KnownFields: Message + Default {
    const TAGS: &'static [u32];
}

impl<M, X> Deref for Kept<M, X> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.fields
    }
}

impl<M, X> DerefMut for Kept<M, X> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.fields
    }
}

impl<M: KnownFields, X: Default + Send + Sync> Message for Kept<M, X> {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if M::TAGS.contains(&tag) {
            return self.fields.merge_field(tag, wire_type, buf, context);
        }
        self.rest.keep(tag, wire_type, buf)
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        self.fields.encode_raw(buf);
        self.rest.put(buf);
    }

    fn encoded_len(&self) -> usize {
        self.fields.encoded_len() + self.rest.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A message whose field `TAG` is its name.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedField<const TAG: u32> {
    pub name: String,
    rest: RawFields,
}

impl<const TAG: u32> NamedField<TAG> {
    pub fn with_name(&self, name: String) -> Self {
        Self { name, rest: self.rest.clone() }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.rest.len()
    }
}

impl<const TAG: u32> Message for NamedField<TAG> {
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        if tag == TAG {
            return encoding::string::merge(wire_type, &mut self.name, buf, context);
        }
        self.rest.keep(tag, wire_type, buf)
    }

    fn encode_raw(&self, buf: &mut impl BufMut) {
        if !self.name.is_empty() {
            encoding::string::encode(TAG, &self.name, buf);
        }
        self.rest.put(buf);
    }

    fn encoded_len(&self) -> usize {
        let name = if self.name.is_empty() { 0 } else { encoding::string::encoded_len(TAG, &self.name) };
        name + self.rest.len()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
