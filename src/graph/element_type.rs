use std::fmt;
use std::str::FromStr;

/// The type of one element of a tensor.
///
/// Only the width and the numeric class matter to a memory planner, so formats
/// that differ in neither (the several 8-bit floats) share one entry.
///
/// ```
/// use plimsoll::ElementType;
///
/// assert_eq!(ElementType::Int8.bytes_of(&[1, 32, 32, 3]), Some(3072));
/// assert_eq!("float16".parse::<ElementType>()?, ElementType::Float16);
/// # Ok::<(), plimsoll::UnknownElementType>(())
/// ```
#[allow(missing_docs)] // the names document themselves
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    Float64,
    Float32,
    Float16,
    BFloat16,
    Float8,
    Float4,
    Int64,
    Int32,
    Int16,
    Int8,
    Int4,
    Int2,
    UInt64,
    UInt32,
    UInt16,
    UInt8,
    UInt4,
    UInt2,
    /// Booleans of one byte each.
    Bool,
    /// Elements of one bit each (binarised networks).
    Bit,
    Complex64,
    Complex128,
    /// A handle that the runtime keeps outside of tensor memory: 0 bytes.
    Resource,
    /// Text of unknown length: a tensor of strings has no static size.
    String,
}

/// The properties of each type: name, width in bits, and whether it is a floating-point type.
const TYPES: [(ElementType, &str, Option<u64>, bool); 24] = [
    (ElementType::Float64, "float64", Some(64), true),
    (ElementType::Float32, "float32", Some(32), true),
    (ElementType::Float16, "float16", Some(16), true),
    (ElementType::BFloat16, "bfloat16", Some(16), true),
    (ElementType::Float8, "float8", Some(8), true),
    (ElementType::Float4, "float4", Some(4), true),
    (ElementType::Int64, "int64", Some(64), false),
    (ElementType::Int32, "int32", Some(32), false),
    (ElementType::Int16, "int16", Some(16), false),
    (ElementType::Int8, "int8", Some(8), false),
    (ElementType::Int4, "int4", Some(4), false),
    (ElementType::Int2, "int2", Some(2), false),
    (ElementType::UInt64, "uint64", Some(64), false),
    (ElementType::UInt32, "uint32", Some(32), false),
    (ElementType::UInt16, "uint16", Some(16), false),
    (ElementType::UInt8, "uint8", Some(8), false),
    (ElementType::UInt4, "uint4", Some(4), false),
    (ElementType::UInt2, "uint2", Some(2), false),
    (ElementType::Bool, "bool", Some(8), false),
    (ElementType::Bit, "bit", Some(1), false),
    (ElementType::Complex64, "complex64", Some(64), false),
    (ElementType::Complex128, "complex128", Some(128), false),
    (ElementType::Resource, "resource", Some(0), false),
    (ElementType::String, "string", None, false),
];

/// Alternative spellings, each with the name in [`TYPES`].
const ALIASES: [(&str, &str); 14] = [
    ("double", "float64"),
    ("float", "float32"),
    ("fp64", "float64"),
    ("fp32", "float32"),
    ("f32", "float32"),
    ("fp16", "float16"),
    ("f16", "float16"),
    ("half", "float16"),
    ("bf16", "bfloat16"),
    ("fp8", "float8"),
    ("fp4", "float4"),
    ("variant", "resource"),
    ("int1", "bit"),
    ("binary", "bit"),
];

impl ElementType {
    fn entry(self) -> &'static (ElementType, &'static str, Option<u64>, bool) {
        let entry = TYPES.iter().find(|entry| entry.0 == self);
        entry.unwrap_or(&TYPES[TYPES.len() - 1])
    }

    /// Width in bits; none for [`ElementType::String`].
    #[must_use]
    pub fn bits(self) -> Option<u64> {
        self.entry().2
    }

    /// Returns true for real floating-point types, which quantization replaces.
    #[must_use]
    pub fn is_float(self) -> bool {
        self.entry().3
    }

    /// The name, such as `float32`. [`FromStr`] parses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// Every type.
    pub fn all() -> impl Iterator<Item = Self> {
        TYPES.iter().map(|entry| entry.0)
    }

    /// The size in bytes of a tensor with this shape, rounded up to whole bytes. None if the size
    /// overflows 64 bits or if elements have no fixed width.
    ///
    /// A shape without dimensions is a scalar: it has one element.
    #[must_use]
    pub fn bytes_of(self, shape: &[u64]) -> Option<u64> {
        if shape.contains(&0) {
            return self.bits().map(|_| 0);
        }
        let elements = shape.iter().try_fold(1u128, |product, &dim| product.checked_mul(u128::from(dim)))?;
        let bits = elements.checked_mul(u128::from(self.bits()?))?;
        u64::try_from(bits.div_ceil(8)).ok()
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error for a string that is not the name of an element type.
///
/// Example: [`ElementType`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an element type; use one of {names}", names = names())]
pub struct UnknownElementType(pub String);

fn names() -> String {
    let names: Vec<_> = TYPES.iter().map(|entry| entry.1).collect();
    names.join(", ")
}

impl FromStr for ElementType {
    type Err = UnknownElementType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        let alias = ALIASES.iter().find(|alias| alias.0 == lower);
        let name = alias.map_or(lower.as_str(), |alias| alias.1);
        let entry = TYPES.iter().find(|entry| entry.1 == name);
        entry.map(|entry| entry.0).ok_or_else(|| UnknownElementType(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_an_entry_of_its_own() {
        for (entry, name, bits, _) in TYPES {
            assert_eq!(entry.name(), name);
            assert_eq!(entry.bits(), bits);
            assert_eq!(name.parse(), Ok(entry));
        }
        for (alias, _) in ALIASES {
            alias.parse::<ElementType>().unwrap();
        }
    }

    #[test]
    fn sizes_round_up_to_whole_bytes() {
        assert_eq!(ElementType::Int4.bytes_of(&[3]), Some(2));
        assert_eq!(ElementType::Int2.bytes_of(&[5]), Some(2));
        assert_eq!(ElementType::Bit.bytes_of(&[3, 3]), Some(2));
        assert_eq!(ElementType::Float32.bytes_of(&[]), Some(4));
        assert_eq!(ElementType::Float32.bytes_of(&[7, 0, 3]), Some(0));
        assert_eq!(ElementType::Resource.bytes_of(&[]), Some(0));
        assert_eq!(ElementType::String.bytes_of(&[1]), None);
    }

    #[test]
    fn sizes_near_64_bits_are_exact_or_refused() {
        assert_eq!(ElementType::Int8.bytes_of(&[u64::MAX]), Some(u64::MAX));
        assert_eq!(ElementType::Bit.bytes_of(&[u64::MAX, 8]), Some(u64::MAX));
        assert_eq!(ElementType::Int16.bytes_of(&[u64::MAX]), None);
        assert_eq!(ElementType::Int8.bytes_of(&[u64::MAX; 3]), None);
        assert_eq!(ElementType::Int8.bytes_of(&[u64::MAX, u64::MAX, 0]), Some(0));
    }
}
