//! The record of import options in a plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::DocumentError;
use crate::import::{Fold, ImportOptions, InputShape, Layout, json};
use crate::{ElementType, InputContents, Storage};

/// The import options of a model, so that a reader can import it with the same options.
///
/// Example: the [module](crate::export::json).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ImportRecord {
    /// The operators that are folded.
    pub fold: Fold,
    /// Element type whose size floating-point elements have.
    pub floats_as: Option<String>,
    /// Values for symbolic dimensions.
    #[serde(deserialize_with = "json::unique")]
    pub dims: BTreeMap<String, u64>,
    /// Shapes of inputs, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub input_shapes: BTreeMap<String, String>,
    /// Elements of tensors that are known at compile time, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub values: BTreeMap<String, Vec<i64>>,
    /// State: outputs that a run leaves for the next run, by the names of the inputs that read them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub states: BTreeMap<String, String>,
    /// True if softmax and normalizations may write their outputs over their inputs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub multi_pass: bool,
    /// True if operators may overwrite graph inputs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub overwrite_inputs: bool,
    /// True if graph inputs are preserved to the end of the run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub preserve_inputs: bool,
    /// The permitted use of the contents of single graph inputs, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub contents_of: BTreeMap<String, InputContents>,
    /// The memory of tensors, by name: `arena`, `outside` or the name of a pool.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "json::unique")]
    pub storage: BTreeMap<String, String>,
    /// Order of the axes of activations in memory.
    #[serde(skip_serializing_if = "json::is_default")]
    pub layout: Layout,
    /// Alignment of CSV buffers without an alignment of their own.
    pub alignment: Option<u64>,
}

/// Reads a record, which must be a JSON object.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    json::Object::deserialize(deserializer).map(|object| object.0)
}

impl ImportRecord {
    /// The record of these options.
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
            overwrite_inputs: options.input_contents == InputContents::Overwritable,
            preserve_inputs: options.input_contents == InputContents::Preserved,
            contents_of: options.contents_of.clone(),
            storage: options
                .storage
                .iter()
                .map(|(name, storage)| (name.clone(), storage.to_string()))
                .collect(),
            layout: options.layout,
            alignment: options.alignment,
        }
    }

    /// The options of this record.
    ///
    /// # Errors
    /// [`DocumentError::Options`] for an unknown element type, an invalid shape, or options that contradict each
    /// other.
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
            input_contents: match (self.overwrite_inputs, self.preserve_inputs) {
                (false, false) => InputContents::Reusable,
                (true, false) => InputContents::Overwritable,
                (false, true) => InputContents::Preserved,
                (true, true) => {
                    let problem = "`overwrite_inputs` and `preserve_inputs` contradict each other";
                    return Err(DocumentError::Options(problem.to_owned()));
                }
            },
            contents_of: self.contents_of.clone(),
            storage: self
                .storage
                .iter()
                .map(|(name, storage)| (name.clone(), Storage::from_name(storage)))
                .collect(),
            layout: self.layout,
            alignment: self.alignment,
            cancel: None,
        })
    }
}
