//! Compares inferred shapes with those that converters wrote. `tests/import/tflite.rs` tests single rules.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;
use crate::import::tflite::{model, operators};

/// Operators of the zoo without a rule. Their outputs have declared shapes.
const WITHOUT_RULE: [&str; 10] = [
    "CUSTOM:SignalEnergy",
    "CUSTOM:SignalFftAutoScale",
    "CUSTOM:SignalFilterBank",
    "CUSTOM:SignalFilterBankLog",
    "CUSTOM:SignalFilterBankSpectralSubtraction",
    "CUSTOM:SignalFilterBankSquareRoot",
    "CUSTOM:SignalPCAN",
    "CUSTOM:SignalRfft",
    "CUSTOM:ethos-u",
    "READ_VARIABLE",
];

fn models(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            models(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "tflite") {
            files.push(path);
        }
    }
}

/// Infers the zoo without declared shapes of results, except for operators without a rule.
#[test]
fn inferred_shapes_of_the_zoo_are_as_declared() {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    models(&root.join("examples/models"), &mut files);
    models(&root.join("../shared/zoo/tflite"), &mut files);
    let mut without_rule = BTreeSet::new();
    for path in &files {
        let bytes = std::fs::read(path).unwrap();
        let model = model(&bytes).unwrap();
        let given = GivenShapes::new();
        let mut engine = SubgraphInference {
            model,
            bytes: &bytes,
            given: &given,
            work: 0,
            contradictions: Vec::new(),
            depth: 0,
        };
        for subgraph in model.subgraphs().unwrap() {
            let operators = operators::read(model, subgraph).unwrap();
            let mut facts = engine.begin(subgraph, &operators, &[]);
            let stated: Vec<_> = facts.iter().map(|fact| fact.declared.clone()).collect();
            let mut inferred = BTreeSet::new();
            for operator in &operators {
                let has_rule =
                    operator_types::find(&operator.op_type).is_some_and(|row| row.columns.shape.is_some());
                for output in operator.outputs.iter().filter(|_| has_rule) {
                    facts[output.index()].declared = None;
                    inferred.insert(output.index());
                }
                if !has_rule && !operator.outputs.is_empty() {
                    without_rule.insert(operator.op_type.clone());
                }
            }
            engine.walk(&mut facts, subgraph, &operators);
            for tensor in inferred {
                let (fact, path) = (&facts[tensor], path.display());
                let name = &fact.name;
                assert!(fact.dims.is_some(), "{path}: `{name}`: {:?}", fact.reason);
                assert!(!fact.upper, "{path}: `{name}`");
                let stated = stated[tensor].clone().unwrap_or_default();
                assert_eq!(fact.dims.as_ref(), Some(&stated), "{path}: `{name}`");
            }
        }
    }
    if files.len() > 10 {
        assert!(without_rule.iter().map(String::as_str).eq(WITHOUT_RULE), "{without_rule:?}");
    }
}
