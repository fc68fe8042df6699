//! Which family a network is of: a CSV file of `model,family`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Failure;
use crate::inputs::{model_name, read_text};

/// The family of what the file does not name.
const OTHER: &str = "other";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    model: String,
    family: String,
}

/// Families by model name.
#[derive(Default)]
pub struct Families(BTreeMap<String, String>);

impl Families {
    pub fn read(path: &Path) -> Result<Self, Failure> {
        Self::parse(&read_text(path)?).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let mut families = BTreeMap::new();
        for (number, line) in (2..).zip(reader.deserialize()) {
            let Line { model, family } = line.map_err(|error| error.to_string())?;
            if model.is_empty() || family.is_empty() {
                return Err(format!("line {number}: a model and a family are needed"));
            }
            if families.insert(model.clone(), family).is_some() {
                return Err(format!("line {number}: model `{model}` is there twice"));
            }
        }
        Ok(Self(families))
    }

    pub fn of(&self, model: &str) -> &str {
        self.0.get(model).map_or(OTHER, String::as_str)
    }
}

/// A model's name in tables: its file's, without what says that weights were taken out.
pub fn short_name(path: &Path) -> String {
    let name = model_name(path);
    name.strip_suffix(".stripped").unwrap_or(&name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_models_once() {
        let families = Families::parse("model, family\na, detection\nb, RNN\n").unwrap();
        assert_eq!([families.of("a"), families.of("b"), families.of("c")], ["detection", "RNN", "other"]);
        for (text, message) in [
            ("model,family\na,x\na,y\n", "line 3: model `a` is there twice"),
            ("model,family\n,x\n", "line 2: a model and a family are needed"),
            ("model,kind\na,x\n", "unknown field `kind`"),
            ("model,family\na\n", "found record with 1 fields"),
        ] {
            let error = Families::parse(text).err().unwrap();
            assert!(error.contains(message), "no `{message}` in `{error}`");
        }
        assert_eq!(short_name(Path::new("x/net_int8.stripped.tflite")), "net_int8");
    }
}
