//! A shape that a network's input is given.

use std::fmt;
use std::str::FromStr;

/// One dimension of an [`InputShape`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InputDimension {
    /// A number.
    Size(u64),
    /// A symbolic dimension of this name, to be bound.
    Symbol(String),
}

/// The shape that an input is given: `1x3x320x320`, `1x3xHxW` or `1,3,height,width`.
///
/// Names stand for symbolic dimensions; those that contain an `x` need commas.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InputShape(pub Vec<InputDimension>);

impl From<&[u64]> for InputShape {
    fn from(dims: &[u64]) -> Self {
        Self(dims.iter().copied().map(InputDimension::Size).collect())
    }
}

impl FromStr for InputShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let separator = if text.contains(',') { ',' } else { 'x' };
        // A comma at the end says that a single name is one.
        let list = text.strip_suffix(',').unwrap_or(text);
        let dimension = |text: &str| match text.trim() {
            "" => Err(format!("`{list}` is no shape; write it as in 1x3x224x224 or 1,3,height,width")),
            text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let size = text.parse().map_err(|_| format!("a dimension of {text} exceeds 64 bits"))?;
                Ok(InputDimension::Size(size))
            }
            text if text.starts_with(['-', '+']) => Err(format!("`{text}` is no dimension")),
            text => Ok(InputDimension::Symbol(text.to_owned())),
        };
        list.split(separator).map(dimension).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for InputShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, dimension) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            match dimension {
                InputDimension::Size(size) => write!(f, "{size}")?,
                InputDimension::Symbol(name) => f.write_str(name)?,
            }
        }
        if self.0.len() == 1 { f.write_str(",") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_as_they_are_written() {
        let size = InputDimension::Size;
        let symbol = |name: &str| InputDimension::Symbol(name.to_owned());
        for (text, dims) in [
            ("1x3x224x224", vec![size(1), size(3), size(224), size(224)]),
            ("1x3xHxW", vec![size(1), size(3), symbol("H"), symbol("W")]),
            ("1, 3, max, 2*W + 1", vec![size(1), size(3), symbol("max"), symbol("2*W + 1")]),
            ("7", vec![size(7)]),
            ("max,", vec![symbol("max")]),
            ("0", vec![size(0)]),
        ] {
            let shape: InputShape = text.parse().unwrap();
            assert_eq!(shape.0, dims, "{text}");
            assert_eq!(shape.to_string().parse(), Ok(shape));
        }
        for text in ["", "1x", "x", "1xx3", "1,,3", "-1x3", "99999999999999999999", ","] {
            assert!(text.parse::<InputShape>().is_err(), "{text}");
        }
    }
}
