//! ONNX models with plans inside. The tests parse written files without the library.

use crate::support::{data, onnx_models};
use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::support::onnx_models::*;
use fastrand::Rng;
use plimsoll::allocate::Knapsack;
use plimsoll::export::onnx::{OnnxError, check, write};
use plimsoll::import::{Fold, ImportOptions, onnx_external_files, onnx_from_bytes};
use plimsoll::verify::verify;
use plimsoll::{Limits, Plan, PlanObjects, Planner, SharingLevel};

/// A field of a message: all its bytes, and its contents if it has a length.
#[derive(Clone, Copy)]
struct Field<'a> {
    number: u64,
    whole: &'a [u8],
    contents: &'a [u8],
}

fn read_varint(bytes: &[u8]) -> (u64, usize) {
    let length = bytes.iter().position(|byte| byte & 128 == 0).unwrap() + 1;
    let value = bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 127));
    (value, length)
}

fn fields(bytes: &[u8]) -> Vec<Field<'_>> {
    let (mut list, mut from) = (Vec::new(), 0);
    while from < bytes.len() {
        let (key, key_length) = read_varint(&bytes[from..]);
        let start = from + key_length;
        let (contents, end) = match key & 7 {
            0 => (start, start + read_varint(&bytes[start..]).1),
            1 => (start, start + 8),
            2 => {
                let (length, own) = read_varint(&bytes[start..]);
                (start + own, start + own + length as usize)
            }
            5 => (start, start + 4),
            other => panic!("wire type {other}"),
        };
        list.push(Field { number: key >> 3, whole: &bytes[from..end], contents: &bytes[contents..end] });
        from = end;
    }
    list
}

fn texts_of(message: &[u8], number: u64) -> Vec<&str> {
    let of = fields(message).into_iter().filter(|field| field.number == number);
    of.map(|field| std::str::from_utf8(field.contents).unwrap()).collect()
}

struct Model<'a> {
    /// All fields except nodes and plimsoll's metadata, in the order of the file.
    rest: Vec<&'a [u8]>,
    nodes: Vec<Field<'a>>,
    /// Names that no node produces.
    given: HashSet<&'a str>,
    metadata: Vec<(&'a str, &'a str)>,
}

impl<'a> Model<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let (mut rest, mut nodes, mut given, mut metadata) = (vec![], vec![], HashSet::from([""]), vec![]);
        for field in fields(bytes) {
            if field.number == 14 {
                let (key, value) = (texts_of(field.contents, 1)[0], texts_of(field.contents, 2)[0]);
                metadata.push((key, value));
                if key.starts_with("plimsoll.") {
                    continue;
                }
            }
            if field.number != 7 {
                rest.push(field.whole);
                continue;
            }
            rest.push(&field.whole[..field.whole.len() - field.contents.len()]);
            for inner in fields(field.contents) {
                match inner.number {
                    1 => nodes.push(inner),
                    5 => given.extend(texts_of(inner.contents, 8)),
                    11 => given.extend(texts_of(inner.contents, 1)),
                    15 => {
                        let of_values = fields(inner.contents).into_iter().filter(|field| field.number == 1);
                        given.extend(of_values.flat_map(|field| texts_of(field.contents, 8)));
                    }
                    _ => {}
                }
                if inner.number != 1 {
                    rest.push(inner.whole);
                }
            }
        }
        Self { rest, nodes, given, metadata }
    }

    /// The names that a node reads: its inputs, and the captured values of its bodies.
    fn needs(node: &'a [u8]) -> Vec<&'a str> {
        let mut needs = texts_of(node, 1);
        let attributes = fields(node).into_iter().filter(|field| field.number == 5);
        let bodies = attributes.flat_map(|field| fields(field.contents));
        for body in bodies.filter(|field| field.number == 6 || field.number == 11) {
            let mut own = HashSet::new();
            for field in fields(body.contents) {
                match field.number {
                    1 => own.extend(texts_of(field.contents, 2)),
                    5 => own.extend(texts_of(field.contents, 8)),
                    11 => own.extend(texts_of(field.contents, 1)),
                    _ => {}
                }
            }
            for field in fields(body.contents) {
                let inner = match field.number {
                    1 => Self::needs(field.contents),
                    12 => texts_of(field.contents, 1),
                    _ => Vec::new(),
                };
                needs.extend(inner.into_iter().filter(|name| !own.contains(name)));
            }
        }
        needs
    }
}

/// Asserts that the written file has every node once, after its producers, and is otherwise unchanged.
fn assert_same_but_planned(name: &str, old: &[u8], new: &[u8], plan: &Plan) {
    let (old, new) = (Model::new(old), Model::new(new));
    let sorted = |model: &Model<'_>| {
        let mut nodes: Vec<Vec<u8>> = model.nodes.iter().map(|node| node.whole.to_vec()).collect();
        nodes.sort();
        nodes
    };
    assert!(sorted(&old) == sorted(&new), "{name}: the nodes differ");
    assert!(old.rest == new.rest, "{name}: other fields differ");
    let mut known = new.given.clone();
    for node in &new.nodes {
        for need in Model::needs(node.contents) {
            assert!(known.contains(need), "{name}: `{need}` is needed before it is there");
        }
        known.extend(texts_of(node.contents, 2));
    }
    // The nodes that run are in the plan's order.
    let position: HashMap<&[u8], usize> =
        new.nodes.iter().enumerate().map(|(place, node)| (node.whole, place)).collect();
    let steps = plan.order.iter().map(|id| position[old.nodes[id.index()].whole]);
    assert!(steps.is_sorted(), "{name}: the order differs from the plan");
    let keys: Vec<&str> =
        new.metadata.iter().map(|entry| entry.0).filter(|key| key.starts_with("plimsoll.")).collect();
    let expected = ["format", "arena_bytes", "alignment", "lower_bound_bytes", "plan"];
    assert_eq!(keys, expected.map(|key| format!("plimsoll.{key}")), "{name}");
    let value = |key: &str| new.metadata.iter().find(|entry| entry.0 == key).unwrap().1;
    assert_eq!(value("plimsoll.arena_bytes"), plan.arena_bytes.to_string(), "{name}");
    let document: serde_json::Value = serde_json::from_str(value("plimsoll.plan")).unwrap();
    let placed = plan.tensors.iter().flatten().count();
    assert_eq!(document["tensors"].as_array().unwrap().len(), placed, "{name}");
}

fn planned(name: &str, bytes: &[u8], planner: &Planner, options: &ImportOptions) -> (Vec<u8>, Plan) {
    let graph = onnx_from_bytes(name, bytes, options).unwrap_or_else(|error| panic!("{name}: {error}")).graph;
    let plan = planner.plan(&graph).unwrap();
    let written =
        write(name, bytes, &graph, &plan, options).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_same_but_planned(name, bytes, &written, &plan);
    let checked = check(name, &written).unwrap();
    assert_eq!((checked.plan.arena_bytes, checked.plan.status), (plan.arena_bytes, plan.status), "{name}");
    assert_eq!(checked.plan.aliases.len(), plan.aliases.len(), "{name}");
    verify(&checked.graph, &checked.plan).unwrap();
    (written, plan)
}

/// A planner with little search: these tests check the written file, not the quality of the plan.
fn quick() -> Planner {
    Planner::new().limits(Limits::new().nodes(500))
}

/// Every third network by default, or all with `PLIMSOLL_MODELS=all`.
#[test]
fn networks_of_the_zoo_come_back_planned() {
    let mut files = data::files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models"), ".onnx");
    files.extend(data::folder("zoo/onnx").iter().flat_map(|zoo| data::files(zoo, ".onnx")));
    if std::env::var("PLIMSOLL_MODELS").is_err() {
        files = files.into_iter().step_by(3).collect();
    }
    let mut shared = 0;
    for (number, path) in files.iter().enumerate() {
        let bytes = std::fs::read(path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let sharing = if number % 2 == 0 { SharingLevel::None } else { SharingLevel::All };
        let mut options = ImportOptions::default();
        options.fold = if number % 3 == 0 { Fold::None } else { Fold::Constants };
        let planner = quick().alignment(16).share(sharing);
        let (written, plan) = planned(name, &bytes, &planner, &options);
        shared += plan.aliases.len();
        // Planning the written file again replaces its plan.
        planned(name, &written, &planner, &options);
    }
    assert!(files.len() == 1 || shared > 100, "{shared} shares in {} files", files.len());
}

/// A model of two branches in a bad order, with fields between nodes, unknown fields everywhere,
/// folded constants, and a body.
fn odd_model() -> Vec<u8> {
    let unknown = length_delimited(1000, "from the future");
    let body = body(
        "then_branch",
        &[
            node("Neg", &["small"], &["inner"]),
            info_without_type(12, "inner"),
            value_info("inner", FLOAT, "1"),
            unknown.clone(),
        ],
    );
    let graph = [
        length_delimited(2, "a graph"),
        input("x", FLOAT, "1"),
        node("Expand", &["x", "shape"], &["large1"]),
        value_info("large1", FLOAT, "800"),
        node_with("Expand", &["x", "shape"], &["large2"], std::slice::from_ref(&unknown)),
        value_info("large2", FLOAT, "800"),
        number(900, 5),
        node("ReduceMax", &["large1"], &["small1"]),
        value_info("small1", FLOAT, "1"),
        node("Constant", &[], &["never used"]),
        node("ReduceMax", &["large2"], &["small"]),
        value_info("small", FLOAT, "1"),
        node_with("If", &["condition"], &["chosen"], &[body]),
        value_info("chosen", FLOAT, "1"),
        node("Concat", &["small1", "small", "chosen", "offset"], &["y"]),
        output("y", FLOAT, "3"),
        input("condition", UINT8, "1"),
        // Folded nodes after their readers: the importer accepts any order.
        node("Add", &["half", "w"], &["offset"]),
        node("Mul", &["w", "w"], &["half"]),
        initializer("w", FLOAT, &[1]),
        initializer("shape", INT64, &[1]),
        unknown.clone(),
    ];
    let entry = |key: &str, value: &str| {
        length_delimited(14, [length_delimited(1, key), length_delimited(2, value)].concat())
    };
    [
        number(1, 10),
        entry("author", "by hand"),
        entry("plimsoll.plan", "an old one"),
        unknown,
        // A length that is encoded in more bytes than necessary.
        [vec![7 << 3 | 2], padded(graph.concat().len() as u64), graph.concat()].concat(),
        entry("plimsoll.format", "an older one"),
        length_delimited(8, number(2, 21)),
        entry("plimsoll", "not ours"),
    ]
    .concat()
}

fn padded(value: u64) -> Vec<u8> {
    let mut bytes = varint(value);
    *bytes.last_mut().unwrap() |= 128;
    bytes.push(0);
    bytes
}

#[test]
fn unknown_fields_are_kept() {
    let bytes = odd_model();
    let (written, plan) = planned("odd", &bytes, &Planner::new(), &ImportOptions::default());
    // A plan with shared objects is written with them.
    let (_, in_objects) =
        planned("odd", &bytes, &Planner::new().strategy(Knapsack::new()), &ImportOptions::default());
    assert!(in_objects.objects.is_some_and(|objects| !objects.list.is_empty()));
    // The plan runs one branch after the other.
    assert!(plan.arena_bytes < 2 * 3200, "{}", plan.arena_bytes);
    let model = Model::new(&written);
    assert_eq!(model.metadata.iter().filter(|entry| !entry.0.starts_with("plimsoll.")).count(), 2);
    let types: Vec<&str> = model.nodes.iter().map(|node| texts_of(node.contents, 4)[0]).collect();
    let expected = ["Expand", "ReduceMax", "Expand", "ReduceMax", "If", "Mul", "Add", "Concat", "Constant"];
    assert_eq!(types, expected);
}

/// Random models with constants between nodes, every second one with sharing.
#[test]
fn random_models_come_back_planned() {
    for seed in 0..200 {
        let mut random = Rng::with_seed(seed);
        let mut parts = vec![input("x", FLOAT, "16"), initializer("w", FLOAT, &[16])];
        let mut names = vec!["x".to_owned(), "w".to_owned()];
        let mut sizes = vec![16u64, 16];
        let mut read = HashSet::new();
        for number in 0..random.usize(1..=14) {
            let name = format!("t{number}");
            let inputs: Vec<usize> = (0..random.usize(0..=3)).map(|_| random.usize(..names.len())).collect();
            let read_sizes: Vec<u64> = inputs.iter().map(|&input| sizes[input]).collect();
            let any = random.u64(1..64);
            // `Blend` is no known operator, so its output may have any size.
            let (op_type, size) = match (read_sizes.as_slice(), random.u8(..3)) {
                ([], _) => ("Constant", any),
                (&[size], 0) => ("Relu", size),
                (&[size], _) => ("Reshape", size),
                (sizes, 0) => ("Concat", sizes.iter().sum()),
                (&[one, other], _) if one == other => ("Add", one),
                _ => ("Blend", any),
            };
            let texts: Vec<&str> = inputs.iter().map(|&input| names[input].as_str()).collect();
            read.extend(texts.iter().map(|&text| text.to_owned()));
            let axis = [attribute("axis", onnx_models::number(3, 0))];
            let attributes = if op_type == "Concat" { &axis[..] } else { &[] };
            parts.push(node_with(op_type, &texts, &[&name], attributes));
            parts.push(value_info(&name, FLOAT, &size.to_string()));
            names.push(name);
            sizes.push(size);
        }
        for name in names.iter().filter(|name| name.starts_with('t') && !read.contains(*name)) {
            parts.push(info_without_type(12, name));
        }
        let mut options = ImportOptions::default();
        options.fold = if seed % 5 == 0 { Fold::None } else { Fold::Constants };
        let sharing = if seed % 2 == 0 { SharingLevel::None } else { SharingLevel::All };
        planned(&seed.to_string(), &model(&parts), &quick().share(sharing), &options);
    }
}

fn with_metadata(bytes: &[u8], key: &str, change: impl Fn(&str) -> Option<String>) -> Vec<u8> {
    let mut written = Vec::new();
    for field in fields(bytes) {
        if field.number == 14 && texts_of(field.contents, 1)[0] == key {
            let Some(value) = change(texts_of(field.contents, 2)[0]) else { continue };
            written.extend(length_delimited(
                14,
                [length_delimited(1, key), length_delimited(2, value)].concat(),
            ));
        } else {
            written.extend_from_slice(field.whole);
        }
    }
    written
}

#[test]
fn wrong_plans_are_refused() {
    let bytes = odd_model();
    let (written, _) = planned("odd", &bytes, &Planner::new(), &ImportOptions::default());
    let replaced = |key: &str, from: &str, to: &str| {
        let changed = with_metadata(&written, key, |value| Some(value.replacen(from, to, 1)));
        assert!(changed != written, "{key}: no {from}");
        check("odd", &changed).unwrap_err()
    };
    let text = |error: OnnxError| {
        assert!(error.is_wrong_plan(), "{error}");
        error.to_string()
    };
    let overlapping = with_metadata(&written, "plimsoll.plan", |value| {
        let mut document: serde_json::Value = serde_json::from_str(value).unwrap();
        let tensors = document["tensors"].as_array_mut().unwrap();
        let of = |name: &str| tensors.iter().position(|entry| entry["name"] == name).unwrap();
        let (small, large) = (of("small1"), of("large2"));
        tensors[small]["offset"] = tensors[large]["offset"].clone();
        Some(document.to_string())
    });
    assert!(text(check("odd", &overlapping).unwrap_err()).contains("`small1`"));
    assert!(text(replaced("plimsoll.plan", "large1", "other")).contains("large1"));
    assert!(text(replaced("plimsoll.plan", "{", "[")).contains("plimsoll.plan"));
    assert!(text(replaced("plimsoll.arena_bytes", "3", "4")).contains("`plimsoll.arena_bytes` is 4"));
    assert!(text(replaced("plimsoll.alignment", "1", "2")).contains("alignment"));
    let error = replaced("plimsoll.format", "/1", "/2");
    assert!(matches!(&error, OnnxError::Format { found } if found == "plimsoll-onnx/2"), "{error}");
    assert!(!error.is_wrong_plan());

    let without = with_metadata(&written, "plimsoll.plan", |_| None);
    assert!(matches!(check("odd", &without), Err(OnnxError::NotPlanned)));
    let twice = [
        written.as_slice(),
        &length_delimited(14, [length_delimited(1, "plimsoll.plan"), length_delimited(2, "")].concat()),
    ];
    assert!(text(check("odd", &twice.concat()).unwrap_err()).contains("`plimsoll.plan` occurs twice"));
    // The plan of the written file does not fit the original order of nodes.
    let plan =
        Model::new(&written).metadata.iter().find(|entry| entry.0 == "plimsoll.plan").unwrap().1.to_owned();
    let old_order = with_metadata(&bytes, "plimsoll.format", |_| Some("plimsoll-onnx/1".to_owned()));
    let old_order = with_metadata(&old_order, "plimsoll.plan", |_| Some(plan.clone()));
    assert!(check("odd", &old_order).unwrap_err().is_wrong_plan());
    assert!(matches!(check("odd", &odd_model()), Err(OnnxError::Format { .. })));
}

#[test]
fn files_that_cannot_be_rewritten_are_refused() {
    let bytes = model(&[input("x", FLOAT, "8"), node("Relu", &["x"], &["y"]), output("y", FLOAT, "8")]);
    let options = ImportOptions::default();
    let graph = onnx_from_bytes("m", &bytes, &options).unwrap().graph;
    let plan = Planner::new().plan(&graph).unwrap();
    let error = |bytes: &[u8], plan: &Plan| write("m", bytes, &graph, plan, &options).unwrap_err();

    let other = model(&[input("x", FLOAT, "9"), node("Relu", &["x"], &["y"]), output("y", FLOAT, "9")]);
    assert!(matches!(error(&other, &plan), OnnxError::OtherModel));
    assert!(matches!(error(b"no model", &plan), OnnxError::Import(_)));
    // Protobuf merges several fields of one message.
    let pieces = [bytes.as_slice(), &length_delimited(7, length_delimited(2, "name"))].concat();
    assert!(error(&pieces, &plan).to_string().contains("several fields"));
    let mut wrong = plan.clone();
    wrong.tensors[1].as_mut().unwrap().offset = wrong.tensors[0].as_ref().unwrap().offset;
    assert!(matches!(error(&bytes, &wrong), OnnxError::Violations(_)));
    let mut short = plan.clone();
    short.order.clear();
    assert!(error(&bytes, &short).is_wrong_plan());
    let mut objects = plan.clone();
    objects.objects = Some(PlanObjects { of_tensor: vec![None; 9], ..PlanObjects::default() });
    assert!(error(&bytes, &objects).to_string().contains("the graph lacks"));
    let mut none = plan;
    none.order[0] = plimsoll::OperatorId::new(7);
    assert!(error(&bytes, &none).to_string().contains("operator 7 of 1"));
}

#[test]
fn external_files_are_found_wherever_they_are_named() {
    let inner = body("else_branch", &[external("a", FLOAT, &[4], "inner.bin")]);
    let of_attribute = attribute("value", external("b", FLOAT, &[4], "value.bin"));
    let parts = [
        external("c", FLOAT, &[4], "weights.bin"),
        external("d", FLOAT, &[4], "weights.bin"),
        initializer("e", FLOAT, &[4]),
        node_with("If", &["x"], &["y"], &[inner]),
        node_with("Constant", &[], &["z"], &[of_attribute]),
    ];
    assert_eq!(onnx_external_files(&model(&parts)).unwrap(), ["inner.bin", "value.bin", "weights.bin"]);
    assert!(onnx_external_files(&model(&[])).unwrap().is_empty());
    assert!(onnx_external_files(b"no model").is_err());
}

/// The functions of a model, of which the nodes of two calls may be mixed, are not in the written file.
#[test]
fn calls_of_functions_are_written_inlined() {
    let nodes = [node("Exp", &["a"], &["t"]), node("Neg", &["t"], &["b"])];
    let nodes: Vec<u8> =
        nodes.iter().flat_map(|node| [varint(7 << 3 | 2), node[1..].to_vec()].concat()).collect();
    let texts =
        [(1, "Own"), (4, "a"), (5, "b"), (10, "my.own")].map(|(field, text)| length_delimited(field, text));
    let function = [texts.concat(), nodes, length_delimited(9, number(2, 21))].concat();
    let call = |input, output| node_with("Own", &[input], &[output], &[domain("my.own")]);
    let parts = [input("x", FLOAT, "4"), call("x", "u"), call("u", "y"), output("y", FLOAT, "4")];
    let bytes = [model(&parts), length_delimited(25, function)].concat();
    let options = ImportOptions::default();
    let graph = onnx_from_bytes("m", &bytes, &options).unwrap().graph;
    let plan = Planner::new().plan(&graph).unwrap();
    let written = write("m", &bytes, &graph, &plan, &options).unwrap();
    let checked = check("m", &written).unwrap();
    assert_eq!((checked.plan.arena_bytes, checked.graph.operators().len()), (plan.arena_bytes, 4));
    assert!(!fields(&written).iter().any(|field| field.number == 25));
    // A second plan replaces the first one.
    assert_eq!(write("m", &written, &checked.graph, &checked.plan, &options).unwrap(), written);
}
