//! Shapes that the user gives to tensors.

use std::fmt;
use std::str::FromStr;

use crate::graph::ElementType;

/// One dimension of an [`InputShape`].
///
/// Example: [`ImportOptions`](crate::import::ImportOptions).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InputDimension {
    /// A number.
    Size(u64),
    /// The name of a symbolic dimension, whose value [`ImportOptions::dims`](super::ImportOptions::dims) gives.
    Symbol(String),
}

/// A shape that the user gives to a tensor: `1x3x320x320`, `1x3xHxW` or `1,3,height,width`. With an element
/// type, as in `1x3:float16`, if the file does not declare it.
///
/// Names stand for symbolic dimensions. Shapes with a name that contains an `x` need commas.
///
/// Example: [`ImportOptions`](crate::import::ImportOptions).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InputShape {
    /// Dimensions, the outermost first.
    pub dimensions: Vec<InputDimension>,
    /// Element type, for a tensor whose type the file does not declare.
    pub element_type: Option<ElementType>,
}

impl From<&[u64]> for InputShape {
    fn from(dims: &[u64]) -> Self {
        Self { dimensions: dims.iter().copied().map(InputDimension::Size).collect(), element_type: None }
    }
}

impl FromStr for InputShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Names of dimensions may contain colons, names of types do not.
        let typed = text.rsplit_once(':').and_then(|(dims, name)| Some((dims, name.trim().parse().ok()?)));
        let (text, element_type) = typed.map_or((text, None), |(dims, name)| (dims, Some(name)));
        let separator = if text.contains(',') { ',' } else { 'x' };
        // A trailing comma marks a single name as a shape.
        let list = text.strip_suffix(',').unwrap_or(text);
        let dimension = |text: &str| match text.trim() {
            "" => Err(format!("`{list}` is not a shape; write it as in 1x3x224x224 or 1,3,height,width")),
            text if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let size = text.parse().map_err(|_| format!("a dimension of {text} exceeds 64 bits"))?;
                Ok(InputDimension::Size(size))
            }
            text if text.starts_with(['-', '+']) => Err(format!("`{text}` is not a dimension")),
            text => Ok(InputDimension::Symbol(text.to_owned())),
        };
        let dimensions = list.split(separator).map(dimension).collect::<Result<_, _>>()?;
        Ok(Self { dimensions, element_type })
    }
}

impl fmt::Display for InputShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, dimension) in self.dimensions.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match dimension {
                InputDimension::Size(size) => write!(f, "{size}")?,
                InputDimension::Symbol(name) => f.write_str(name)?,
            }
        }
        if self.dimensions.len() == 1 {
            f.write_str(",")?;
        }
        self.element_type.map_or(Ok(()), |element_type| write!(f, ":{}", element_type.name()))
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
            assert_eq!(shape.dimensions, dims, "{text}");
            assert_eq!(shape.to_string().parse(), Ok(shape));
        }
        let typed: InputShape = "2x3:float16".parse().unwrap();
        assert_eq!((typed.dimensions.len(), typed.element_type), (2, Some(ElementType::Float16)));
        assert_eq!(typed.to_string().parse(), Ok(typed));
        let named: InputShape = "1x3:n".parse().unwrap();
        assert_eq!(named.dimensions[1], symbol("3:n"));
        for text in ["", "1x", "x", "1xx3", "1,,3", "-1x3", "99999999999999999999", ","] {
            assert!(text.parse::<InputShape>().is_err(), "{text}");
        }
    }
}
