//! Fields of the options of operators. An options type is a number in the union `BuiltinOptions` of the schema, and a
//! slot is the position of a field in the table of that type.

#[cfg(feature = "tflite")]
use super::schema::{At, Operator};

/// Fields that describe a window. The first field of the options is the padding.
#[derive(Clone, Copy)]
pub(crate) struct WindowFields {
    pub(super) options: u8,
    /// Slots of the strides, by spatial axis of the tensor.
    pub(super) stride: &'static [u16],
    /// Slots of the dilations; empty without dilations.
    pub(super) dilation: &'static [u16],
    /// Slots of the sizes of the window; empty if a filter determines them.
    pub(super) kernel: &'static [u16],
}

/// Fields that hold the indices of the subgraphs that an operator runs, in the order in which the runtime visits them:
/// the first `count` ones.
#[derive(Clone, Copy)]
pub(crate) struct BodyFields {
    pub(super) options: u8,
    pub(super) count: u16,
}

/// Reads the options of an operator from the tables of a file.
#[cfg(feature = "tflite")]
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    pub(super) operator: Operator<'a>,
    pub(super) bytes: &'a [u8],
}

#[cfg(feature = "tflite")]
impl<'a> Options<'a> {
    /// Returns whether the operator has options of this type.
    pub(super) fn are(self, options_type: u8) -> bool {
        self.operator.options().is_some() && self.operator.options_type() == Some(options_type)
    }

    /// The bytes from a field on; none if the operator has no options of this type, or they lack the field.
    fn field(self, options_type: u8, slot: u16) -> Option<&'a [u8]> {
        let options = self.operator.options().filter(|_| self.are(options_type))?;
        self.bytes.get(options.field_at(slot)?..)
    }

    /// A 32-bit number, or its default.
    pub(super) fn number(self, options_type: u8, slot: u16, default: i32) -> i32 {
        let field = self.field(options_type, slot).and_then(<[u8]>::first_chunk);
        field.map_or(default, |bytes| i32::from_le_bytes(*bytes))
    }

    /// A byte, such as an enumeration, 0 by default.
    pub(super) fn byte(self, options_type: u8, slot: u16) -> u8 {
        self.field(options_type, slot).and_then(<[u8]>::first).copied().unwrap_or(0)
    }

    /// A flag, false by default.
    pub(super) fn flag(self, options_type: u8, slot: u16) -> bool {
        self.byte(options_type, slot) != 0
    }

    /// A list of numbers; none if the field is missing or has more than `max` entries.
    pub(super) fn numbers(self, options_type: u8, slot: u16, max: usize) -> Option<Vec<i64>> {
        let field = self.field(options_type, slot)?;
        let offset = u32::from_le_bytes(*field.first_chunk()?) as usize;
        let (count, rest) = field.get(offset..)?.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let numbers = rest.as_chunks().0.get(..count).filter(|list| list.len() <= max)?;
        Some(numbers.iter().map(|&number| i32::from_le_bytes(number).into()).collect())
    }

    /// Indices of the subgraphs that the operator runs: 0 for a missing field, `usize::MAX` for a negative one.
    pub(super) fn bodies(self, fields: BodyFields) -> Vec<usize> {
        let count = if self.are(fields.options) { fields.count } else { 0 };
        let index = |slot| usize::try_from(self.number(fields.options, slot, 0)).unwrap_or(usize::MAX);
        (0..count).map(index).collect()
    }
}
