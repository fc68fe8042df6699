use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DocumentError;
use crate::ElementType;
use crate::import::{Fold, ImportOptions};

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
    pub dims: BTreeMap<String, u64>,
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

impl ImportRecord {
    /// What these options say.
    #[must_use]
    pub fn of(options: &ImportOptions) -> Self {
        Self {
            fold: options.fold,
            floats_as: options.floats_as.map(|element_type| element_type.name().to_owned()),
            dims: options.dims.clone(),
            overwrite_inputs: options.overwrite_inputs,
            alignment: options.alignment,
        }
    }

    /// The options that say this.
    ///
    /// # Errors
    /// [`DocumentError::Options`] if there is no such element type.
    pub fn to_options(&self) -> Result<ImportOptions, DocumentError> {
        let floats_as = self.floats_as.as_deref().map(str::parse::<ElementType>).transpose();
        Ok(ImportOptions {
            dims: self.dims.clone(),
            fold: self.fold,
            floats_as: floats_as.map_err(|unknown| DocumentError::Options(unknown.to_string()))?,
            overwrite_inputs: self.overwrite_inputs,
            alignment: self.alignment,
        })
    }
}
