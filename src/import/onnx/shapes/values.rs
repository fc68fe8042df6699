//! Numbers that the user gives tensors: sizes and conditions that are known when a model is compiled.

use super::scope::Fact;
use super::value::{Data, Told, Value, product, types};
use crate::import::onnx::descriptions::{Description, Descriptions};
use crate::import::{ImportError, ImportOptions};

fn wrong(name: &str, reason: impl Into<String>) -> ImportError {
    ImportError::Value { name: name.to_owned(), reason: reason.into() }
}

/// A name that no tensor of the graph has is a typing mistake; a constant has its value.
pub(super) fn check_names(options: &ImportOptions, descriptions: &Descriptions) -> Result<(), ImportError> {
    for name in options.values.keys() {
        match descriptions.names.get(name) {
            None => return Err(wrong(name, "the graph has no tensor of this name")),
            Some(number) if descriptions.is_constant(number) => return Err(wrong(name, "it is a constant")),
            Some(_) => {}
        }
    }
    Ok(())
}

/// What is known of a tensor, with the numbers that it is given.
///
/// # Errors
/// They are not as many as it has elements, not of its type, or differ from those that it has.
pub(super) fn set(fact: Fact, name: &str, options: &ImportOptions) -> Result<Fact, ImportError> {
    match (options.values.get(name), fact) {
        (Some(numbers), Ok(value)) => {
            with_numbers(value, numbers).map(Ok).map_err(|reason| wrong(name, reason))
        }
        (Some(_), Err(unknown)) => Err(wrong(name, format!("its shape is not known: {}", unknown.reason))),
        (None, fact) => Ok(fact),
    }
}

/// The shape that the user gives a tensor whose shape does not follow from others, or only as an upper bound.
///
/// # Errors
/// It has another shape, or one above the bound; its element type is not known.
pub(super) fn shaped(fact: &Fact, name: &str, given: &Description) -> Result<Value, ImportError> {
    let wrong = |reason: String| ImportError::InputShape { name: name.to_owned(), reason };
    let Description::Tensor { data_type, .. } = *given else {
        return Err(wrong("it is no tensor".to_owned()));
    };
    let dims = given.shape().unwrap_or_default();
    let data_type = match fact {
        Ok(value) if value.is_upper() => {
            let most = &value.dims;
            if given.at_most(value.data_type, most).is_none() {
                return Err(wrong(format!("it is at most {most:?}, of element type {}", value.data_type)));
            }
            value.data_type
        }
        Ok(value) if given.admits(value.data_type, &value.dims) => return Ok(value.clone()),
        Ok(value) => {
            let (dims, data_type) = (&value.dims, value.data_type);
            return Err(wrong(format!("by its inputs it is {dims:?}, of element type {data_type}")));
        }
        Err(_) if data_type == 0 => {
            return Err(wrong("its element type is not known; write it as in 1x3:float16".to_owned()));
        }
        Err(_) => data_type,
    };
    let value = Value::new(data_type, dims).map_err(wrong)?;
    Ok(value.changed(true))
}

fn with_numbers(value: Value, numbers: &[i64]) -> Told<Value> {
    let count = product(&value.dims)?;
    if count != numbers.len() as u64 {
        return Err(format!("it has {count} elements, not {}", numbers.len()));
    }
    let data = match (types::range(value.data_type), value.data_type) {
        (Some(range), _) => {
            if let Some(number) = numbers.iter().find(|number| !range.contains(number)) {
                return Err(format!("{number} is no number of its element type"));
            }
            Data::Whole(numbers.into())
        }
        (None, types::FLOAT | types::DOUBLE) => {
            Data::Real(numbers.iter().map(|&number| number as f64).collect())
        }
        (None, other) => {
            return Err(format!("its elements, of type {other}, are no numbers that shapes depend on"));
        }
    };
    if value.data.as_ref().is_some_and(|own| *own != data) {
        return Err("it is known already, and differs".to_owned());
    }
    let is_changed = value.is_changed();
    let Value { data_type, dims, .. } = value;
    Ok(Value::with(data_type, dims, Some(data))?.changed(is_changed))
}
