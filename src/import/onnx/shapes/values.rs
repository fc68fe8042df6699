//! Values and shapes that the user gives tensors: sizes and conditions that are known at compile time.

use super::declared;
use super::scope::Fact;
use crate::import::dims::{ensure, product};
use crate::import::onnx::description::{Description, Dim};
use crate::import::onnx::descriptions::Descriptions;
use crate::import::onnx::graph::OnnxNode;
use crate::import::onnx::value::{Elements, Inferred, Value, types};
use crate::import::{ImportError, ImportOptions};

fn wrong(name: &str, reason: impl Into<String>) -> ImportError {
    ImportError::Value { name: name.to_owned(), reason: reason.into() }
}

/// Refuses values for unknown names and for constants with numbers in the file. Those of external data are not read.
pub(super) fn check_names(options: &ImportOptions, descriptions: &Descriptions) -> Result<(), ImportError> {
    for name in options.values.keys() {
        match descriptions.names.get(name) {
            None => return Err(wrong(name, "the graph has no tensor of this name")),
            Some(number) if descriptions.has_numbers(number) => {
                return Err(wrong(name, "it is a constant of the file"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Adds the elements that the user gives to an inferred tensor.
///
/// # Errors
/// [`ImportError::Value`] if their number is not the tensor's, they exceed its type, or they contradict the
/// inferred elements.
pub(super) fn set(fact: Fact, name: &str, options: &ImportOptions) -> Result<Fact, ImportError> {
    match (options.values.get(name), fact) {
        (Some(numbers), Ok(value)) => {
            with_numbers(value, numbers).map(Ok).map_err(|reason| wrong(name, reason))
        }
        (Some(_), Err(unknown)) => Err(wrong(name, format!("its shape is unknown: {}", unknown.reason))),
        (None, fact) => Ok(fact),
    }
}

/// Applies the shape that the user gives to a tensor whose shape cannot be inferred, or only as an upper
/// bound.
///
/// # Errors
/// [`ImportError::InputShape`] if the inferred shape is another one or the upper bound is smaller, if the node with this first
/// input cannot return that shape, or if the element type is unknown.
pub(super) fn shaped(
    node: (&OnnxNode, Option<&Value>),
    fact: &Fact,
    name: &str,
    given: &Description,
) -> Result<Value, ImportError> {
    let wrong = |reason: String| ImportError::InputShape { name: name.to_owned(), reason };
    let Description::Tensor { data_type, .. } = *given else {
        return Err(wrong("it is not a tensor".to_owned()));
    };
    let dims = given.shape().unwrap_or_default();
    let data_type = match fact {
        // The given type is that of a reference to a string.
        Ok(value) if value.data_type == types::STRING => {
            let given = Description::tensor(0, dims.iter().copied().map(Dim::Known));
            match value.is_upper() {
                true if given.at_most(0, &value.dims).is_some() => value.data_type,
                false if dims == value.dims => return Ok(value.clone()),
                _ => return Err(wrong(format!("its shape is {:?}", value.dims))),
            }
        }
        Ok(value) if !value.is_upper() && given.admits(value.data_type, &value.dims) => {
            return Ok(value.clone());
        }
        Ok(value) if value.is_upper() && given.at_most(value.data_type, &value.dims).is_some() => {
            value.data_type
        }
        Ok(value) => {
            let what = if value.is_upper() { "upper bound" } else { "inferred shape" };
            let (dims, data_type) = (&value.dims, value.data_type);
            return Err(wrong(format!("its {what} is {dims:?}, of element type {data_type}")));
        }
        Err(_) if data_type == 0 => {
            return Err(wrong("its element type is unknown; write it as in 1x3:float16".to_owned()));
        }
        Err(_) => data_type,
    };
    let value = Value::new(data_type, dims).map_err(wrong)?;
    match declared::impossible(node, &value) {
        Some(reason) => Err(wrong(reason)),
        None => Ok(value.changed(true)),
    }
}

fn with_numbers(value: Value, numbers: &[i64]) -> Inferred<Value> {
    let count = product(&value.dims)?;
    ensure!(count == numbers.len() as u64, "it has {count} elements, not {}", numbers.len());
    let data = match (types::range(value.data_type), value.data_type) {
        (Some(range), _) => {
            let wrong = numbers.iter().find(|number| !range.contains(number));
            ensure!(wrong.is_none(), "{} is outside the range of its element type", wrong.unwrap_or(&0));
            Elements::Integers(numbers.into())
        }
        (None, types::FLOAT | types::DOUBLE) => {
            Elements::Floats(numbers.iter().map(|&number| number as f64).collect())
        }
        (None, other) => return Err(format!("values of element type {other} are not supported")),
    };
    ensure!(
        value.data.as_ref().is_none_or(|inferred| *inferred == data),
        "it contradicts the inferred value"
    );
    let is_changed = value.is_changed();
    let Value { data_type, dims, .. } = value;
    Ok(Value::with(data_type, dims, Some(data))?.changed(is_changed))
}
