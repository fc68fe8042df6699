//! Operators of classical machine learning (`ai.onnx.ml`) and on text. A tensor of strings has a shape, but no size.

use super::call::NodeCall;
use crate::import::dims::{ensure, plus, size, sizes};
use crate::import::onnx::value::{Inferred, Outputs, Value, broadcast_of, types};

/// The number of examples: rows of a matrix, or 1.
fn examples(call: &NodeCall) -> Inferred<u64> {
    match call.input(0)?.dims.as_slice() {
        [_] => Ok(1),
        [rows, ..] => Ok(*rows),
        [] => Err("its input is a scalar".to_owned()),
    }
}

/// A class for each example, and a score for each class. Labels are strings or the integers of attribute `labels`.
fn classes(call: &NodeCall, labels: &str, scores: u64) -> Outputs {
    let rows = examples(call)?;
    let is_text = call.has_strings("classlabels_strings");
    ensure!(is_text || call.ints(labels).is_some(), "it has no class labels");
    let data_type = if is_text { types::STRING } else { types::INT64 };
    Ok(vec![Value::new(data_type, [rows])?, Value::new(types::FLOAT, [rows, scores])?])
}

fn label_count(call: &NodeCall, labels: &str) -> u64 {
    call.count("classlabels_strings").max(call.count(labels)) as u64
}

pub(crate) fn tree_classifier(call: &NodeCall) -> Outputs {
    classes(call, "classlabels_int64s", label_count(call, "classlabels_int64s"))
}

/// `LinearClassifier`: a score for each intercept. With one intercept and two labels, both get a score.
pub(crate) fn linear_classifier(call: &NodeCall) -> Outputs {
    let intercepts = call.attribute("intercepts").map_or(0, |attribute| attribute.floats.len()) as u64;
    let labels = label_count(call, "classlabels_ints");
    ensure!(intercepts > 0, "it has no intercepts");
    classes(call, "classlabels_ints", if intercepts == 1 && labels == 2 { 2 } else { intercepts })
}

/// `SVMClassifier`: a score for each class or, without probabilities, for each pair of classes.
pub(crate) fn vector_classifier(call: &NodeCall) -> Outputs {
    let labels = label_count(call, "classlabels_ints");
    let list = |name| call.attribute(name).is_some_and(|attribute| !attribute.floats.is_empty());
    let is_paired = call.count("vectors_per_class") > 0 && !list("prob_a") && labels > 2;
    let pairs = labels.saturating_mul(labels.saturating_sub(1)) / 2;
    classes(call, "classlabels_ints", if is_paired { pairs } else { labels.max(2) })
}

/// Regressions: a number for each target that an attribute counts.
pub(crate) fn regression(call: &NodeCall, targets: &str, data_type: i32) -> Outputs {
    Value::single(data_type, [examples(call)?, size(call.int(targets, 1))?])
}

/// `FeatureVectorizer`: columns of all inputs, one after the other.
pub(crate) fn features(call: &NodeCall) -> Outputs {
    let widths = sizes(call.required_ints("inputdimensions")?)?;
    let width = widths.into_iter().try_fold(0, plus)?;
    Value::single(types::FLOAT, [examples(call)?, width])
}

/// `ArrayFeatureExtractor`: elements of the last axis.
pub(crate) fn extracted(call: &NodeCall) -> Outputs {
    let (input, indices) = (call.input(0)?, call.input(1)?);
    let count = crate::import::dims::product(&indices.dims)?;
    match input.dims.as_slice() {
        [] => Err("its input is a scalar".to_owned()),
        [_] => Value::single(input.data_type, [1, count]),
        [front @ .., _] => Value::single(input.data_type, [front, &[count]].concat()),
    }
}

/// `OneHotEncoder`: an element for each category.
pub(crate) fn one_hot(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let categories = call.count("cats_int64s").max(call.count("cats_strings")) as u64;
    Value::single(types::FLOAT, [input.dims.as_slice(), &[categories]].concat())
}

/// `LabelEncoder`: the type of the values. In version 1, strings become integers, and integers strings.
pub(crate) fn label_encoder(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    if call.version < 2 {
        return category_mapper(call);
    }
    let tensor = call.attribute("values_tensor").and_then(|attribute| attribute.t.as_deref());
    let floats = call.attribute("values_floats").is_some_and(|attribute| !attribute.floats.is_empty());
    let data_type = match tensor {
        Some(tensor) => tensor.data_type,
        None if call.has_strings("values_strings") => types::STRING,
        None if floats => types::FLOAT,
        None if call.count("values_int64s") > 0 => types::INT64,
        None => return Err("it has no values".to_owned()),
    };
    Ok(vec![input.like(data_type)])
}

pub(crate) fn category_mapper(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    Ok(vec![input.like(if input.data_type == types::STRING { types::INT64 } else { types::STRING })])
}

/// `TfIdfVectorizer`: a number for each n-gram, by row.
pub(crate) fn ngrams(call: &NodeCall) -> Outputs {
    let largest = call.required_ints("ngram_indexes")?.iter().copied().max();
    let width = size(largest.ok_or("it has no n-grams")?)?;
    match call.input(0)?.dims.as_slice() {
        [] | [_] => Value::single(types::FLOAT, [plus(width, 1)?]),
        &[rows, _] => Value::single(types::FLOAT, [rows, plus(width, 1)?]),
        dims => Err(format!("its input of shape {dims:?} has more than two axes")),
    }
}

/// `StringConcat`: two inputs, broadcast to each other.
pub(crate) fn joined_text(call: &NodeCall) -> Outputs {
    Value::single(types::STRING, broadcast_of(&[call.input(0)?, call.input(1)?])?)
}

/// `StringNormalizer`: all strings, or those that are no stop words, but at least one.
pub(crate) fn normalized_text(call: &NodeCall) -> Outputs {
    let input = call.input(0)?;
    let mut dims = input.dims.clone();
    let Some(last) = dims.last_mut() else { return Err("its input is a scalar".to_owned()) };
    *last = (*last).max(1);
    let output = Value::new(input.data_type, dims)?;
    let is_fixed = !call.has_strings("stopwords");
    Ok(vec![if is_fixed { output } else { output.at_most_along(1 << (input.rank() - 1)) }])
}
