//! Shapes that the user gives to tensors.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::{ImportOptions, listed_names, short};
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

impl InputDimension {
    /// The number, or the value of the symbolic dimension.
    ///
    /// # Errors
    /// A text, if the dimension has no value.
    pub(super) fn size(&self, bound: &BTreeMap<String, u64>) -> Result<u64, String> {
        match self {
            Self::Size(size) => Ok(*size),
            Self::Symbol(name) => bound.get(name).copied().ok_or_else(|| {
                format!("dimension `{}` has no value; bind it by --dim NAME=VALUE", short(name))
            }),
        }
    }
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

impl InputShape {
    /// The dimensions as numbers.
    ///
    /// # Errors
    /// A text, if a dimension has no value.
    pub(super) fn sizes(&self, bound: &BTreeMap<String, u64>) -> Result<Vec<u64>, String> {
        self.dimensions.iter().map(|dimension| dimension.size(bound)).collect()
    }
}

impl ImportOptions {
    /// Names of symbolic dimensions in given shapes.
    pub(super) fn shape_symbols(&self) -> impl Iterator<Item = &str> {
        let all = self.input_shapes.values().flat_map(|shape| &shape.dimensions);
        all.filter_map(|dimension| match dimension {
            InputDimension::Symbol(name) => Some(name.as_str()),
            InputDimension::Size(_) => None,
        })
    }
}

/// The reason why a shape is given to no tensor, with the inputs of the file.
pub(super) fn no_such_input<'a>(inputs: impl Iterator<Item = &'a str>) -> String {
    match listed_names(inputs) {
        None => "the file has no inputs".to_owned(),
        Some(names) => format!("the file has no such input; there are {names}"),
    }
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
