//! Families of networks: a CSV file with the columns `model` and `family`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::inputs::{error_at, model_name, read_text};
use crate::outcome::Failure;

/// Family of models that the file does not list.
const OTHER: &str = "other";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FamilyRow {
    model: String,
    family: String,
}

/// Families by model name.
#[derive(Default)]
pub struct Families(BTreeMap<String, String>);

impl Families {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(&read_text(path)?).map_err(|error| error_at(path, &error))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let mut families = BTreeMap::new();
        for (number, row) in (2..).zip(reader.deserialize()) {
            let FamilyRow { model, family } = row.map_err(|error| error.to_string())?;
            if model.is_empty() || family.is_empty() {
                return Err(format!("line {number}: the model or the family is empty"));
            }
            if families.insert(model.clone(), family).is_some() {
                return Err(format!("line {number}: model `{model}` is listed twice"));
            }
        }
        Ok(Self(families))
    }

    pub fn of(&self, model: &str) -> &str {
        self.0.get(model).map_or(OTHER, String::as_str)
    }
}

/// Name of a model in tables: the file name without the mark of a model whose weights are removed.
pub fn short_name(path: &Path) -> String {
    let name = model_name(path);
    name.strip_suffix(".stripped").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_one_family() {
        let families = Families::parse("model, family\na, detection\nb, RNN\n").unwrap();
        assert_eq!([families.of("a"), families.of("b"), families.of("c")], ["detection", "RNN", "other"]);
        for (text, message) in [
            ("model,family\na,x\na,y\n", "line 3: model `a` is listed twice"),
            ("model,family\n,x\n", "line 2: the model or the family is empty"),
            ("model,kind\na,x\n", "unknown field `kind`"),
            ("model,family\na\n", "found record with 1 fields"),
        ] {
            let error = Families::parse(text).err().unwrap();
            assert!(error.contains(message), "no `{message}` in `{error}`");
        }
        assert_eq!(short_name(Path::new("x/net_int8.stripped.tflite")), "net_int8");
    }
}
