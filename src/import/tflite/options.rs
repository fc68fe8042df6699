//! Fields of the options of operators. An options type is a number in the union `BuiltinOptions` of the schema, and a
//! slot is the position of a field in the table of that type.

#[cfg(feature = "tflite")]
use super::schema::{At, Operator};

/// The options of an operator type.
#[derive(Clone, Copy)]
pub(crate) struct OptionFields {
    /// Number of the options type; 0 without options.
    pub(super) options_type: u8,
    pub(super) window: Option<WindowFields>,
    /// Number of fields that hold the indices of the subgraphs that the operator runs, in the order in which the runtime
    /// visits them: the first ones.
    pub(super) bodies: u16,
}

impl OptionFields {
    pub(super) const NONE: Self = Self { options_type: 0, window: None, bodies: 0 };
}

/// Fields that describe a window. The first field of the options is the padding.
#[derive(Clone, Copy)]
pub(crate) struct WindowFields {
    /// Slots of the strides, by spatial axis of the tensor.
    pub(super) stride: &'static [u16],
    /// Slots of the dilations; empty without dilations.
    pub(super) dilation: &'static [u16],
    /// Slots of the sizes of the window; empty if a filter determines them.
    pub(super) kernel: &'static [u16],
}

/// Reads the options of an operator from the tables of a file. Options of another type than that of the operator are
/// ignored.
#[cfg(feature = "tflite")]
#[derive(Clone, Copy)]
pub(super) struct Options<'a> {
    pub(super) operator: Operator<'a>,
    pub(super) bytes: &'a [u8],
    pub(super) fields: OptionFields,
}

#[cfg(feature = "tflite")]
impl<'a> Options<'a> {
    /// Returns whether the operator has options of its type.
    pub(super) fn exist(self) -> bool {
        self.operator.options().is_some() && self.operator.options_type() == Some(self.fields.options_type)
    }

    /// The bytes from a field on; none if the options lack the field.
    fn field(self, slot: u16) -> Option<&'a [u8]> {
        let options = self.operator.options().filter(|_| self.exist())?;
        self.bytes.get(options.field_at(slot)?..)
    }

    /// A 32-bit number, or its default.
    pub(super) fn number(self, slot: u16, default: i32) -> i32 {
        let field = self.field(slot).and_then(<[u8]>::first_chunk);
        field.map_or(default, |bytes| i32::from_le_bytes(*bytes))
    }

    /// A byte, such as an enumeration, 0 by default.
    pub(super) fn byte(self, slot: u16) -> u8 {
        self.field(slot).and_then(<[u8]>::first).copied().unwrap_or(0)
    }

    /// A flag, false by default.
    pub(super) fn flag(self, slot: u16) -> bool {
        self.byte(slot) != 0
    }

    /// A list of numbers; none if the field is missing or has more than `max` entries.
    pub(super) fn numbers(self, slot: u16, max: usize) -> Option<Vec<i64>> {
        let field = self.field(slot)?;
        let offset = u32::from_le_bytes(*field.first_chunk()?) as usize;
        let (count, rest) = field.get(offset..)?.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        let numbers = rest.as_chunks().0.get(..count).filter(|list| list.len() <= max)?;
        Some(numbers.iter().map(|&number| i32::from_le_bytes(number).into()).collect())
    }

    /// A text; none if the field is missing.
    pub(super) fn text(self, slot: u16) -> Option<String> {
        let field = self.field(slot)?;
        let offset = u32::from_le_bytes(*field.first_chunk()?) as usize;
        let (length, rest) = field.get(offset..)?.split_first_chunk()?;
        let bytes = rest.get(..u32::from_le_bytes(*length) as usize)?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Indices of the subgraphs that the operator runs: 0 for a missing field, `usize::MAX` for a negative one.
    pub(super) fn bodies(self) -> Vec<usize> {
        let count = if self.exist() { self.fields.bodies } else { 0 };
        let index = |slot| usize::try_from(self.number(slot, 0)).unwrap_or(usize::MAX);
        (0..count).map(index).collect()
    }

    /// Returns whether the window stays within the input.
    pub(super) fn has_valid_padding(self) -> bool {
        const VALID: u8 = 1;
        self.byte(0) == VALID
    }

    /// Stride, dilation and size of the window along a spatial axis, 1 for those without a field; none without a window.
    pub(super) fn window_along(self, axis: usize) -> Option<[i32; 3]> {
        let fields = self.fields.window?;
        let read = |slots: &[u16], default| slots.get(axis).map_or(1, |&slot| self.number(slot, default));
        Some([read(fields.stride, 0), read(fields.dilation, 1), read(fields.kernel, 0)])
    }
}
