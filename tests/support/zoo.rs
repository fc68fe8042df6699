//! The networks of the model zoo, and the results of a reference program.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use plimsoll::import::{self, ImportOptions, Imported};
use plimsoll::{ElementType, Graph};

use super::data;

/// Imports a network with int8 elements in place of floats.
pub fn import_int8(path: &Path) -> Graph {
    let mut options = ImportOptions::default();
    options.floats_as = Some(ElementType::Int8);
    match import::read(path, &options).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
        Imported::Graph(imported) => imported.graph,
        other => panic!("{}: {other:?}", path.display()),
    }
}

/// The name of a network's row in the baselines.
pub fn name(path: &Path) -> String {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    stem.trim_end_matches(".stripped").to_owned()
}

/// All networks in a folder.
pub fn models(folder: &Path) -> Vec<PathBuf> {
    [data::files(folder, ".onnx"), data::files(folder, ".tflite")].concat()
}

/// Networks for which the reference program folds variables and resources by mistake.
pub const BASELINE_IS_WRONG: [&str; 3] =
    ["pymicro_wakeword__hey_jarvis", "pymicro_wakeword__hey_mycroft", "pymicro_wakeword__okay_nabu"];

/// Reads `baselines.tsv`: for each network, its figures by column.
pub fn baselines(zoo: &Path) -> HashMap<String, HashMap<String, u64>> {
    let text = std::fs::read_to_string(zoo.join("baselines.tsv")).unwrap();
    let mut lines = text.lines().map(|line| line.split('\t'));
    let header: Vec<&str> = lines.next().unwrap().skip(1).collect();
    let row = |mut fields: std::str::Split<'_, char>| {
        let name = fields.next().unwrap().to_owned();
        let values = fields.map(|field| field.parse().unwrap());
        (name, header.iter().map(|key| (*key).to_owned()).zip(values).collect())
    };
    lines.map(row).collect()
}
