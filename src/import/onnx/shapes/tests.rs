//! Compares shapes inferred without declared shapes with the declared ones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::descriptions::{Description, Descriptions, Dim};
use super::super::messages::{OnnxGraph, OnnxModel};
use super::super::unshaped::InferredShape;
use super::infer;
use super::table::{FAMILIES, MICROSOFT, NEWEST, WITH_BODIES};
use crate::graph::ElementType;
use crate::import::ImportOptions;

/// Known element types and shapes, by tensor name.
type KnownShapes = BTreeMap<String, (ElementType, Vec<u64>)>;

fn known_shapes(graph: &OnnxGraph, mut shape: impl FnMut(&str) -> Option<Description>) -> KnownShapes {
    let names = graph.node.iter().flat_map(|node| node.output().iter()).filter(|name| !name.is_empty());
    let description = |name: &str| {
        let tensor = shape(name)?;
        Some((name.to_owned(), (tensor.element_type()?, tensor.shape()?)))
    };
    names.filter_map(description).collect()
}

/// Shapes as the file declares them.
fn declared(model: &OnnxModel) -> KnownShapes {
    let graph = model.graph.as_ref().unwrap();
    let mut descriptions = Descriptions::new(graph, &ImportOptions::default()).unwrap();
    known_shapes(graph, |name| {
        let number = descriptions.names.get(name)?;
        descriptions.take(number)
    })
}

/// Shapes as inferred from those of the inputs only, and the reasons for the others.
fn inferred(model: &mut OnnxModel) -> (KnownShapes, Vec<String>) {
    let graph = model.graph.as_mut().unwrap();
    graph.value_info.clear();
    graph.output.iter_mut().for_each(|output| output.r#type = None);
    let graph = model.graph.as_ref().unwrap();
    let descriptions = Descriptions::new(graph, &ImportOptions::default()).unwrap();
    let mut inferred = infer(model, graph, &descriptions, &ImportOptions::default()).unwrap();
    let mut reasons = Vec::new();
    let shapes = known_shapes(graph, |name| match inferred.take(descriptions.names.get(name)?) {
        InferredShape::NotInferred => None,
        InferredShape::Shape { data_type, dims, .. } => {
            let dims = Some(dims.into_iter().map(Dim::Known).collect());
            Some(Description::Tensor { data_type, dims })
        }
        InferredShape::Unknown(reason) => {
            reasons.push(format!("{name}: {reason:?}"));
            None
        }
    });
    reasons.sort();
    (shapes, reasons)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "onnx")).collect();
    files.sort();
    files
}

/// The number of tensors with a declared shape; asserts that each is inferred the same.
fn compare(path: &Path) -> usize {
    let name = path.display();
    let mut model = super::super::decode(std::fs::read(path).unwrap().as_slice()).unwrap();
    let declared = declared(&model);
    let (inferred, reasons) = inferred(&mut model);
    for (tensor, shape) in &declared {
        assert_eq!(inferred.get(tensor), Some(shape), "{name}: `{tensor}`; unknown: {reasons:#?}");
    }
    declared.len()
}

#[test]
fn shapes_of_the_example_models_are_inferred() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models");
    let tensors: usize = files(&folder).iter().map(|path| compare(path)).sum();
    assert_eq!(tensors, 65);
}

#[test]
fn shapes_of_the_zoo_are_inferred() {
    let root = std::env::var("PLIMSOLL_DATA").unwrap_or_else(|_| "../shared".to_owned());
    let zoo = Path::new(env!("CARGO_MANIFEST_DIR")).join(root).join("zoo/onnx");
    if !zoo.is_dir() {
        eprintln!("skipped: no {}", zoo.display());
        return;
    }
    let models = files(&zoo);
    let tensors: usize = models.iter().map(|path| compare(path)).sum();
    println!("{} models, {tensors} tensors", models.len());
    assert_eq!((models.len(), tensors), (66, 20_381));
}

/// Models in the folder that `PLIMSOLL_ONNX` names: shapes that are inferred must be as declared.
#[test]
fn inferred_shapes_of_other_models_are_as_declared() {
    let Some(folder) = std::env::var_os("PLIMSOLL_ONNX") else { return };
    let (mut right, mut unknown) = (0, Vec::new());
    for path in files(Path::new(&folder)) {
        let Ok(mut model) = super::super::decode(std::fs::read(&path).unwrap().as_slice()) else { continue };
        if model.graph.is_none() {
            continue;
        }
        let declared = declared(&model);
        let (inferred, reasons) = inferred(&mut model);
        for (tensor, shape) in &declared {
            match inferred.get(tensor) {
                Some(inferred) => assert_eq!(inferred, shape, "{}: `{tensor}`", path.display()),
                None => unknown.push(format!("{}: {tensor}", path.display())),
            }
            right += usize::from(inferred.contains_key(tensor));
        }
        unknown.extend(
            reasons
                .into_iter()
                .filter(|reason| !reason.ends_with("Dependent"))
                .map(|reason| format!("    {reason}")),
        );
    }
    println!("{}\n{right} tensors are right, {} lines of others", unknown.join("\n"), unknown.len());
}

/// The table of the documentation for a domain: each operator with its first version.
fn listed(domain: &str) -> Vec<String> {
    let families = FAMILIES.iter().filter(|family| family.domain == domain);
    let with_bodies = WITH_BODIES.iter().filter(|_| domain.is_empty()).map(|(name, since)| (*name, *since));
    let all = families.flat_map(|family| family.names.iter().map(|name| (*name, family.since)));
    let mut all: Vec<(&str, i64)> = all.chain(with_bodies).collect();
    all.sort_unstable();
    let text = |(name, since): (&str, i64)| {
        if since == 1 { format!("`{name}`") } else { format!("`{name}` {since}") }
    };
    all.into_iter().map(text).collect()
}

#[test]
fn the_documentation_lists_what_the_table_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/onnx.md");
    let text = std::fs::read_to_string(path).unwrap();
    let words: Vec<&str> = text.split_whitespace().collect();
    let text = words.join(" ");
    for domain in ["", MICROSOFT] {
        let list = listed(domain);
        for pair in list.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
        let list = list.join(", ");
        assert!(text.contains(&list), "docs/onnx.md should have\n{list}.");
    }
    assert!(text.contains(&format!("up to operator set {NEWEST}")));
}
