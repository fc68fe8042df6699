use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::DocumentError;
use crate::ElementType;
use crate::import::{Fold, ImportOptions, InputShape, json};

/// How a model was imported, so that a reader can import it the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ImportRecord {
    /// Which operators are folded away.
    #[serde(with = "FoldText")]
    pub fold: Fold,
    /// The element type that floating-point elements count as.
    pub floats_as: Option<String>,
    /// Values for symbolic dimensions.
    #[serde(deserialize_with = "json::unique")]
    pub dims: BTreeMap<String, u64>,
    /// Shapes that inputs are given, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub input_shapes: BTreeMap<String, String>,
    /// Numbers that tensors are given, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub values: BTreeMap<String, Vec<i64>>,
    /// Outputs that take the places of inputs, by the names of the inputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub states: BTreeMap<String, String>,
    /// Softmax and normalizations may be written over their inputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_pass: bool,
    /// Whether operators may overwrite graph inputs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrite_inputs: bool,
    /// Alignment of CSV buffers that name none.
    pub alignment: Option<u64>,
}

/// How [`Fold`] is written.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Fold", rename_all = "lowercase")]
enum FoldText {
    Constants,
    None,
}

/// A record, which must be a JSON object.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    json::Object::deserialize(deserializer).map(|object| object.0)
}

impl ImportRecord {
    /// What these options say.
    #[must_use]
    pub fn of(options: &ImportOptions) -> Self {
        Self {
            fold: options.fold,
            floats_as: options.floats_as.map(|element_type| element_type.name().to_owned()),
            dims: options.dims.clone(),
            input_shapes: options
                .input_shapes
                .iter()
                .map(|(name, shape)| (name.clone(), shape.to_string()))
                .collect(),
            values: options.values.clone(),
            states: options.states.clone(),
            multi_pass: options.multi_pass,
            overwrite_inputs: options.overwrite_inputs,
            alignment: options.alignment,
        }
    }

    /// The options that say this.
    ///
    /// # Errors
    /// [`DocumentError::Options`] if there is no such element type, or a shape is none.
    pub fn to_options(&self) -> Result<ImportOptions, DocumentError> {
        let floats_as = self.floats_as.as_deref().map(str::parse::<ElementType>).transpose();
        let shape = |(name, text): (&String, &String)| match text.parse::<InputShape>() {
            Ok(shape) => Ok((name.clone(), shape)),
            Err(reason) => Err(DocumentError::Options(format!("input shape of `{name}`: {reason}"))),
        };
        Ok(ImportOptions {
            dims: self.dims.clone(),
            input_shapes: self.input_shapes.iter().map(shape).collect::<Result<_, _>>()?,
            values: self.values.clone(),
            states: self.states.clone(),
            multi_pass: self.multi_pass,
            fold: self.fold,
            floats_as: floats_as.map_err(|unknown| DocumentError::Options(unknown.to_string()))?,
            overwrite_inputs: self.overwrite_inputs,
            alignment: self.alignment,
            cancel: None,
        })
    }
}
