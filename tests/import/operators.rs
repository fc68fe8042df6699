//! Shapes of single ONNX operators, compared with the results of other programs.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::onnx_models::*;
use plimsoll::import::{ImportError, ImportOptions, onnx_from_bytes};
use plimsoll::{ElementType, Graph};

/// Shapes of single operators from `onnx` and ONNX Runtime; see `tools/onnx_shapes.py`.
const OPERATORS: &str = include_str!("operators/table.tsv");

/// Element types by ONNX's number.
const TYPES: [&str; 27] = [
    "",
    "float32",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "float64",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
    "float8",
    "float8",
    "float8",
    "float8",
    "uint4",
    "int4",
    "float4",
    "float8",
    "uint2",
    "int2",
];

/// A row of the table.
#[derive(Clone)]
struct Row<'a> {
    line: &'a str,
    operator: &'a str,
    version: i64,
    inputs: Vec<Option<Described<'a>>>,
    attributes: Vec<&'a str>,
    /// `None` if the model is invalid.
    outputs: Option<Vec<Option<Described<'a>>>>,
}

#[derive(Clone)]
struct Described<'a> {
    data_type: u64,
    dims: Vec<i64>,
    numbers: Option<Vec<&'a str>>,
}

fn list<'a, T: FromIterator<U>, U>(text: &'a str, item: impl Fn(&'a str) -> U) -> T {
    text.split(',').filter(|one| !one.is_empty()).map(item).collect()
}

fn described(text: &str) -> Option<Described<'_>> {
    let (data_type, rest) = text.split_once('[')?;
    let (dims, numbers) = rest.split_once(']').unwrap();
    Some(Described {
        data_type: data_type.parse().unwrap(),
        dims: list(dims, |dim| dim.parse().unwrap()),
        numbers: numbers.strip_prefix('=').map(|numbers| list(numbers, |number| number)),
    })
}

fn rows() -> impl Iterator<Item = Row<'static>> {
    OPERATORS.lines().map(|line| {
        let [operator, version, inputs, attributes, outputs] = line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("{line}");
        };
        let all = |text: &'static str| text.split(';').map(described).collect();
        Row {
            line,
            operator,
            version: version.parse().unwrap(),
            inputs: if inputs.is_empty() { Vec::new() } else { all(inputs) },
            attributes: attributes.split(';').filter(|one| !one.is_empty()).collect(),
            outputs: (outputs != "!").then(|| all(outputs)),
        }
    })
}

/// The message of a tensor, with its values as raw bytes or in the field of their type.
fn constant(name: &str, of: &Described, raw: bool) -> Vec<u8> {
    let Some(numbers) = &of.numbers else { return tensor(name, of.data_type, &of.dims) };
    let real = || numbers.iter().map(|number| number.parse::<f64>().unwrap());
    let whole = || numbers.iter().map(|number| number.parse::<i64>().unwrap());
    let singles = || real().flat_map(|number| (number as f32).to_le_bytes()).collect::<Vec<u8>>();
    let varints = || whole().flat_map(|number| varint(number.cast_unsigned())).collect::<Vec<u8>>();
    let data = match (of.data_type, raw) {
        (1, true) => length_delimited(9, singles()),
        (1, false) => length_delimited(4, singles()),
        (11, true) => length_delimited(9, real().flat_map(f64::to_le_bytes).collect::<Vec<u8>>()),
        (7, true) => length_delimited(9, whole().flat_map(i64::to_le_bytes).collect::<Vec<u8>>()),
        (7, false) => length_delimited(7, varints()),
        (6, true) => {
            length_delimited(9, whole().flat_map(|one| (one as i32).to_le_bytes()).collect::<Vec<u8>>())
        }
        (2 | 3 | 9, true) => {
            length_delimited(9, whole().map(|number| number.to_le_bytes()[0]).collect::<Vec<u8>>())
        }
        (2..=6 | 9, false) => length_delimited(5, varints()),
        _ => Vec::new(),
    };
    [tensor(name, of.data_type, &of.dims), data].concat()
}

fn attribute_of(text: &str) -> Vec<u8> {
    let (name, rest) = text.split_once(':').unwrap();
    let (kind, value) = rest.split_once('=').unwrap();
    let single = |text: &str| text.parse::<f32>().unwrap().to_le_bytes();
    let value = match kind {
        "i" => number(3, value.parse().unwrap()),
        "f" => [varint(2 << 3 | 5), single(value).to_vec()].concat(),
        "s" => length_delimited(4, value),
        "t" => length_delimited(5, constant("", &described(value).unwrap(), true)),
        "I" => list::<Vec<_>, _>(value, |one| number(8, one.parse().unwrap())).concat(),
        "S" => list::<Vec<_>, _>(value, |one| length_delimited(9, one)).concat(),
        "F" => length_delimited(7, list::<Vec<_>, _>(value, single).concat()),
        _ => panic!("{text}"),
    };
    attribute(name, value)
}

fn versions(all: &[(&str, i64)]) -> Vec<u8> {
    let one = |(domain, version): &(&str, i64)| {
        length_delimited(8, [length_delimited(1, domain), number(2, *version)].concat())
    };
    all.iter().flat_map(one).collect()
}

fn model_of(row: &Row, raw: bool) -> Vec<u8> {
    model_with(row, raw, None, &[])
}

/// The model of a row with additional parts, which produce the input `made`.
fn model_with(row: &Row, raw: bool, made: Option<usize>, more_parts: &[Vec<u8>]) -> Vec<u8> {
    let (domain_name, op_type) = row.operator.rsplit_once('.').unwrap_or(("", row.operator));
    let names: Vec<String> = (0..row.inputs.len()).map(|number| format!("x{number}")).collect();
    let mut parts = more_parts.to_vec();
    let mut inputs = Vec::new();
    for (slot, (name, of)) in names.iter().zip(&row.inputs).enumerate() {
        inputs.push(if of.is_some() { name.as_str() } else { "" });
        let Some(of) = of.as_ref().filter(|_| made != Some(slot)) else { continue };
        if of.numbers.is_some() {
            parts.push(length_delimited(5, constant(name, of, raw)));
        } else {
            let dims: Vec<String> = of.dims.iter().map(ToString::to_string).collect();
            parts.push(input(name, of.data_type, &dims.join(", ")));
        }
    }
    let count = row.outputs.as_ref().map_or(1, Vec::len);
    let is_there = |number: usize| row.outputs.as_ref().is_none_or(|outputs| outputs[number].is_some());
    let outputs: Vec<String> = (0..count)
        .map(|number| if is_there(number) { format!("y{number}") } else { String::new() })
        .collect();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let mut more: Vec<Vec<u8>> = row.attributes.iter().map(|text| attribute_of(text)).collect();
    more.push(domain(domain_name));
    parts.push(node_with(op_type, &inputs, &outputs, &more));
    let graph = length_delimited(7, parts.concat());
    let own = if domain_name.is_empty() { ("", row.version) } else { (domain_name, row.version) };
    let rest = if domain_name.is_empty() { Vec::new() } else { versions(&[("", 21)]) };
    [graph, versions(&[own]), rest].concat()
}

fn outcome(row: &Row, raw: bool) -> Result<Graph, ImportError> {
    onnx_from_bytes("model", &model_of(row, raw), &ImportOptions::default()).map(|imported| imported.graph)
}

fn lacks_shapes(graph: &Graph) -> bool {
    graph.tensors().iter().any(|tensor| tensor.shape().is_none())
}

/// Number of rows without inferred shapes, by operator: the output size depends on data, runtimes
/// differ, the operator reads strings, or it is unknown.
const REFUSED: [(&str, usize); 10] = [
    // The window is larger than the input.
    ("Conv", 1),
    ("DFT", 2),
    ("Equal", 2),
    ("ImageDecoder", 9),
    ("LpPool", 2),
    // The values are 16-bit floating-point numbers.
    ("Range", 2),
    ("RegexFullMatch", 3),
    ("StringConcat", 3),
    ("StringNormalizer", 1),
    ("StringSplit", 6),
];

#[test]
fn inferred_shapes_equal_those_of_other_programs() {
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut texts = Vec::new();
    let mut wrong = Vec::new();
    let mut operators = BTreeSet::new();
    let (mut computed, mut bounded) = (0, 0);
    for (number, row) in rows().enumerate() {
        match (outcome(&row, number % 2 == 0), &row.outputs) {
            (Err(ImportError::Unshaped { .. }), None) => {}
            (Err(ImportError::Unshaped { tensors, .. }), Some(_)) => {
                *refused.entry(row.operator).or_default() += 1;
                texts.push(format!("{}\n    {}", row.line, tensors.join("; ")));
            }
            (Err(error), _) => wrong.push(format!("{}\n    {error}", row.line)),
            (Ok(_), None) => wrong.push(format!("{}\n    not refused", row.line)),
            // The output is folded, so its size is not needed.
            (Ok(graph), Some(_)) if lacks_shapes(&graph) => {
                *refused.entry(row.operator).or_default() += 1;
                texts.push(row.line.to_owned());
            }
            (Ok(graph), Some(outputs)) => {
                computed += 1;
                operators.insert(row.operator);
                for (place, expected) in
                    outputs.iter().enumerate().filter_map(|(place, of)| Some((place, of.as_ref()?)))
                {
                    let name = format!("y{place}");
                    let tensor = graph.tensors().iter().find(|tensor| tensor.name() == name).unwrap();
                    let dims: Vec<u64> = expected.dims.iter().map(|&dim| dim.cast_unsigned()).collect();
                    let element_type: ElementType = TYPES[expected.data_type as usize].parse().unwrap();
                    let is_right = if tensor.is_upper_bound() {
                        bounded += 1;
                        tensor.shape().is_some_and(|most| at_most(&dims, most))
                    } else {
                        tensor.shape() == Some(&dims)
                    };
                    if !is_right || tensor.element_type() != Some(element_type) {
                        wrong.push(format!(
                            "{}\n    {:?} {:?}",
                            row.line,
                            tensor.element_type(),
                            tensor.shape()
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((computed, operators.len(), bounded), (2613, 238, 39));
    let refused: Vec<(&str, usize)> = refused.into_iter().collect();
    assert_eq!(refused, REFUSED, "{}", texts.join("\n"));
}

fn at_most(dims: &[u64], most: &[u64]) -> bool {
    dims.len() == most.len() && dims.iter().zip(most).all(|(dim, most)| dim <= most)
}

/// The model of a row whose input `slot` has a length along `axis` that depends on data: a `Compress`
/// with an unknown condition produces it.
fn bounded(row: &Row, slot: usize, axis: usize) -> Vec<u8> {
    let of = row.inputs[slot].as_ref().unwrap();
    let dims: Vec<String> = of.dims.iter().map(ToString::to_string).collect();
    let name = format!("x{slot}");
    let parts = [
        input("all", of.data_type, &dims.join(", ")),
        input("holds", 9, &of.dims[axis].to_string()),
        node_with(
            "Compress",
            &["all", "holds"],
            &[&name],
            &[attribute("axis", number(3, i64::try_from(axis).unwrap()))],
        ),
    ];
    model_with(row, false, Some(slot), &parts)
}

/// The shapes of the outputs, each with a flag for upper bounds; `None` if a shape is unknown.
fn shapes(model: &[u8]) -> Option<Vec<(Vec<u64>, bool)>> {
    let graph = onnx_from_bytes("model", model, &ImportOptions::default()).ok()?.graph;
    let outputs = graph.tensors().iter().filter(|tensor| tensor.name().starts_with('y'));
    outputs.map(|tensor| Some((tensor.shape()?.to_vec(), tensor.is_upper_bound()))).collect()
}

/// If an input is an upper bound, no smaller input gives a larger output.
#[test]
fn outputs_of_bounded_inputs_are_bounds() {
    let (mut compared, mut wrong) = (0, Vec::new());
    for row in rows().filter(|row| row.outputs.is_some()) {
        for slot in 0..row.inputs.len() {
            let Some(Described { numbers: None, dims, .. }) = &row.inputs[slot] else { continue };
            for axis in (0..dims.len()).filter(|&axis| dims[axis] > 0) {
                let Some(most) = shapes(&bounded(&row, slot, axis)) else { continue };
                for smaller in [0, dims[axis] / 2, dims[axis] - 1] {
                    let mut less = row.clone();
                    less.inputs[slot].as_mut().unwrap().dims[axis] = smaller;
                    let Some(found) = shapes(&model_of(&less, false)) else { continue };
                    compared += 1;
                    for ((most, is_bound), (own, _)) in most.iter().zip(&found) {
                        let is_right = if *is_bound { at_most(own, most) } else { own == most };
                        if !is_right {
                            let line = row.line;
                            wrong.push(format!(
                                "{line}: input {slot}, {smaller} on axis {axis}: {own:?}, {most:?}"
                            ));
                        }
                    }
                }
            }
        }
    }
    println!("{compared} smaller inputs compared");
    assert!(wrong.is_empty(), "{} upper bounds are too small:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 5_000, "{compared}");
}

/// Writes the models of the table into a folder that `PLIMSOLL_SEEDS` names, for the fuzzer.
#[test]
fn seeds_of_the_fuzzer_are_written_on_request() {
    let Some(folder) = std::env::var_os("PLIMSOLL_SEEDS") else { return };
    for (number, row) in rows().enumerate() {
        let file = std::path::Path::new(&folder).join(format!("{number}.onnx"));
        std::fs::write(file, model_of(&row, number % 2 == 0)).unwrap();
    }
}
