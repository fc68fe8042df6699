//! Hostile files: an import takes at most 20 times the size of the file plus 50 MB, messages stay
//! short for names of any length, and an invalid file is refused with an error that names the cause.
#![cfg(all(feature = "csv", feature = "json", feature = "onnx", feature = "tflite"))]

#[path = "support/onnx_models.rs"]
mod onnx_models;
#[path = "support/tflite_models.rs"]
mod tflite_models;

use std::sync::Mutex;

use onnx_models::*;
use peak_alloc::PeakAlloc;
use plimsoll::export::json::{PlanDocument, PoolPlanDocument};
use plimsoll::import::{self, ImportError, ImportOptions};
use plimsoll::{CancelToken, Error};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Serialises the tests, as each measures the memory of the process.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs `run`, and returns the peak of additional memory in bytes.
fn measured<T>(run: impl FnOnce() -> T) -> (usize, T) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let result = run();
    (MEMORY.peak_usage().saturating_sub(before), result)
}

/// The error of a result as text; the value is dropped.
fn outcome<T>(result: Result<T, impl ToString>) -> Result<(), String> {
    result.map(|_| ()).map_err(|error| error.to_string())
}

fn import_onnx(bytes: &[u8]) -> Result<(), String> {
    outcome(import::onnx_from_bytes("m", bytes, &ImportOptions::default()))
}

fn import_json(bytes: &[u8]) -> Result<(), String> {
    outcome(import::graph_json_from_bytes("m", bytes, &ImportOptions::default()))
}

/// Imports `bytes`, and adds a line to `wrong` for each limit that the import exceeds.
fn check_memory(
    name: &str,
    bytes: &[u8],
    import: fn(&[u8]) -> Result<(), String>,
    wrong: &mut Vec<String>,
) -> Result<(), String> {
    let (used, result) = measured(|| import(bytes));
    // The limit of 50 MB is for a million parts; here it is in proportion to `MANY`, and tables of constant size come
    // on top.
    let most = 20 * bytes.len() + 50 * MANY + 65_536;
    println!("{name}: a file of {} bytes takes {used} of {most} bytes", bytes.len());
    if used > most {
        wrong.push(format!("{name}: a file of {} bytes takes {used} bytes, more than {most}", bytes.len()));
    }
    if result.as_ref().is_err_and(|text| text.len() > 2048) {
        wrong.push(format!("{name}: the message is longer than 2 KiB"));
    }
    result
}

const MANY: usize = 100_000;

fn repeated(part: &[u8]) -> Vec<u8> {
    part.repeat(MANY)
}

/// `MANY` parts, each with a name of its own.
fn numbered(part: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    (0..MANY).flat_map(|number| part(&format!("{number:x}"))).collect()
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn onnx_files_of_a_million_parts_take_little_memory() {
    let _alone = ALONE.lock();
    // The first import makes the index of operator types, which all imports share.
    let relu = [input("x", FLOAT, "1"), node("Relu", &["x"], &["y"]), output("y", FLOAT, "1")];
    assert_eq!(import_onnx(&model(&relu)), Ok(()));
    let mut wrong = Vec::new();
    let short = |op: &str, inputs: &[&str], outputs: &[&str]| {
        let names = |field, names: &[&str]| {
            names.iter().flat_map(|name| length_delimited(field, name)).collect::<Vec<_>>()
        };
        length_delimited(1, [names(1, inputs), names(2, outputs), length_delimited(4, op)].concat())
    };
    let chain: Vec<u8> = (0..MANY)
        .flat_map(|number| short("Relu", &[&format!("{number:x}")], &[&format!("{:x}", number + 1)]))
        .collect();
    let body = |part: Vec<u8>| node_with("If", &["c"], &["y"], &[body("then_branch", &[part])]);
    let in_a_shape = |dim: &[u8]| {
        let shape = [number(1, 1), length_delimited(2, repeated(dim))].concat();
        info_of_type(11, "x", length_delimited(1, shape))
    };
    let with_list = |field: u64, part: &[u8]| {
        length_delimited(1, [length_delimited(4, "A"), length_delimited(field, part).repeat(MANY)].concat())
    };
    let attributes = |part: Vec<u8>| {
        length_delimited(1, [length_delimited(1, "x"), length_delimited(4, "A"), part].concat())
    };
    let files: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty nodes", repeated(&length_delimited(1, "")), "node 0 has no operator type"),
        (
            "empty nodes of a body",
            body(repeated(&length_delimited(1, ""))),
            "has a body in which node 0 has no operator type",
        ),
        ("nodes alone", repeated(&short("A", &[], &[])), "node 0 has neither inputs nor outputs"),
        ("nodes without names", repeated(&short("A", &[""], &[""])), "node 0 has neither inputs nor outputs"),
        ("nodes", [input("x", FLOAT, "1"), repeated(&short("A", &["x"], &[]))].concat(), ""),
        ("a chain", [input("0", FLOAT, "1, 8"), chain.clone()].concat(), ""),
        ("a chain of unknown shapes", [info_without_type(11, "0"), chain].concat(), "no static size"),
        ("empty descriptions", repeated(&length_delimited(13, "")), "value_info 0 has no name"),
        ("descriptions", numbered(|name| info_without_type(13, name)), ""),
        ("descriptions of one name", repeated(&info_without_type(13, "x")), ""),
        ("empty inputs", repeated(&length_delimited(11, "")), "graph input 1 has no name"),
        ("empty initializers", repeated(&length_delimited(5, "")), "initializer 0 has no name"),
        ("initializers", numbered(|name| initializer(name, FLOAT, &[])), ""),
        (
            "empty sparse initializers",
            repeated(&length_delimited(15, "")),
            "sparse initializer 0 has no name",
        ),
        ("empty dimensions", in_a_shape(&length_delimited(1, "")), "100000 dimensions, more than 255"),
        ("dimensions", in_a_shape(&length_delimited(1, number(1, 1))), "100000 dimensions, more than 255"),
        ("empty inputs of a node", with_list(1, b""), "neither inputs nor outputs"),
        ("empty outputs of a node", [with_list(2, b"")].concat(), "neither inputs nor outputs"),
        ("inputs of a node", [input("x", FLOAT, "1"), with_list(1, b"x")].concat(), ""),
        (
            "empty attributes",
            attributes(repeated(&length_delimited(5, ""))),
            "has an attribute without a name",
        ),
        ("attributes", attributes(repeated(&attribute("a", Vec::new()))), ""),
        (
            "constants",
            [input("x", FLOAT, "1"), numbered(|name| short("Constant", &[], &[name]))].concat(),
            "",
        ),
        (
            "nodes of one input",
            [input("x", FLOAT, "1"), numbered(|name| short("Relu", &["x"], &[name]))].concat(),
            "",
        ),
        ("inputs", numbered(|name| info_without_type(11, name)), "no static size"),
        ("shaped inputs", numbered(|name| input(name, FLOAT, "1")), ""),
        ("outputs", numbered(|name| info_without_type(12, name)), "has no producer"),
        ("shaped outputs", numbered(|name| output(name, FLOAT, "1, 2")), "has no producer"),
        ("shaped descriptions", numbered(|name| value_info(name, FLOAT, "1, 2")), ""),
        (
            "bodies",
            [
                input("cond", 9, ""),
                numbered(|name| {
                    node_with("If", &["cond"], &[name], &[onnx_models::body("then_branch", &[])])
                }),
            ]
            .concat(),
            "no static size",
        ),
        ("functions", Vec::new(), ""),
        ("scalars", numbered(|name| length_delimited(5, tensor(name, INT64, &[]))), ""),
        (
            "read initializers",
            [
                numbered(|name| initializer(name, FLOAT, &[])),
                length_delimited(
                    1,
                    [
                        numbered(|name| length_delimited(1, name)),
                        length_delimited(4, "Sum"),
                        length_delimited(2, "y"),
                    ]
                    .concat(),
                ),
            ]
            .concat(),
            "",
        ),
        ("an attribute of numbers", attributes(attribute("a", repeated(&number(8, 1)))), ""),
    ];
    for (name, parts, expected) in files {
        let parts = [input("x", FLOAT, "1"), parts];
        let mut file = model(&parts);
        if name == "functions" {
            file.extend(numbered(|name| length_delimited(25, length_delimited(1, name))));
        }
        let result = check_memory(name, &file, import_onnx, &mut wrong);
        assert_eq!(result.is_err(), !expected.is_empty(), "{name}: {result:?}");
        assert!(result.is_ok() || result.as_ref().unwrap_err().contains(expected), "{name}: {result:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A concatenation lists one tensor many times; its known values are not copied for each time.
#[test]
fn numbers_are_not_multiplied() {
    let _alone = ALONE.lock();
    let mut wrong = Vec::new();
    let numbers = [tensor("n", INT64, &[1000]), length_delimited(7, [1; 1000])].concat();
    let node = node_with("Concat", &vec!["n"; 100_000], &["y"], &[attribute("axis", number(3, 0))]);
    let parts = [length_delimited(5, numbers), node, output("y", INT64, "")].concat();
    check_memory("numbers", &model(&[parts]), import_onnx, &mut wrong).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A function with a long error message, called by a node with many outputs.
#[test]
fn reasons_are_not_multiplied() {
    let _alone = ALONE.lock();
    let mut wrong = Vec::new();
    let long = "n".repeat(100_000);
    let outputs: Vec<String> = (0..20_000).map(|number| format!("{number}")).collect();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let node = node_with("Strange", &[&long], &outputs, &[length_delimited(3, &long)]);
    let text = check_memory("reasons", &model(&[input(&long, FLOAT, "1"), node]), import_onnx, &mut wrong)
        .unwrap_err();
    assert!(text.contains("the operator has no shape rule"), "{text}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Many calls of a function with many inputs, and of one that grows.
#[test]
fn calls_of_functions_are_limited() {
    let _alone = ALONE.lock();
    let mut wrong = Vec::new();
    let function = |name: &str, inputs: &[u8], nodes: &[u8]| {
        let head = [length_delimited(1, name), length_delimited(10, "own")].concat();
        length_delimited(25, [&head, inputs, &length_delimited(5, "b"), nodes].concat())
    };
    let call = |name: &str, output: &str| {
        let parts = [(1, "x"), (2, output), (4, name), (7, "own")];
        parts.map(|(field, text)| length_delimited(field, text)).concat()
    };
    let calls = |name: &str| -> Vec<u8> {
        (0..20_000).flat_map(|number| length_delimited(1, call(name, &number.to_string()))).collect()
    };
    let wide: Vec<u8> = (0..100_000).flat_map(|_| length_delimited(4, "a")).collect();
    let exp = length_delimited(
        7,
        [(1, "a"), (2, "b"), (4, "Exp")].map(|(field, text)| length_delimited(field, text)).concat(),
    );
    let twice: Vec<u8> =
        ["b", "c"].iter().flat_map(|output| length_delimited(7, call("G", output))).collect();
    for (name, nodes) in [("wide", [exp.clone(), Vec::new()].concat()), ("deep", twice)] {
        let inputs = if name == "wide" { wide.clone() } else { length_delimited(4, "a") };
        let mut file = model(&[input("x", FLOAT, "1"), calls("F")]);
        file.extend(function("F", &inputs, &nodes));
        file.extend((0..25).flat_map(|level| {
            let (own, next) =
                (if level == 0 { "G".to_owned() } else { format!("G{level}") }, format!("G{}", level + 1));
            let nodes: Vec<u8> =
                ["b", "c"].iter().flat_map(|output| length_delimited(7, call(&next, output))).collect();
            function(&own, &length_delimited(4, "x"), &nodes)
        }));
        let text = check_memory(name, &file, import_onnx, &mut wrong).unwrap_err();
        assert!(text.contains("take more than"), "{name}: {text}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn text_files_of_many_parts_take_little_memory() {
    let _alone = ALONE.lock();
    let mut wrong = Vec::new();
    let list = |part: &str| vec![part; MANY].join(",");
    let graph =
        |ops: &str, tensors: &str, more: &str| format!(r#"{{"ops":[{ops}],"tensors":[{tensors}]{more}}}"#);
    let tensor = r#"{"name":"","kind":"input","bytes":1}"#;
    let files = [
        ("tensors", graph("", &list(tensor), "")),
        ("operators", graph(&list(r#"{"name":"","inputs":[],"outputs":[]}"#), "", "")),
        ("inputs", graph(&format!(r#"{{"name":"","inputs":[{}],"outputs":[]}}"#, list("0")), tensor, "")),
        (
            "a shape",
            graph("", &format!(r#"{{"name":"","kind":"input","dtype":"int8","shape":[{}]}}"#, list("1")), ""),
        ),
        ("outputs", graph("", tensor, &format!(r#","outputs":[{}]"#, list("0")))),
        ("pairs", graph("", &[tensor, tensor].join(","), &format!(r#","apart":[{}]"#, list("[0,1]")))),
        ("other keys", graph("", "", &format!(r#","more":[{}]"#, list("[{\"a\":[0,1]}]")))),
    ];
    for (name, text) in files {
        check_memory(name, text.as_bytes(), import_json, &mut wrong).unwrap();
    }
    let rows: Vec<String> = (0..MANY).map(|number| format!("{number:x},0,1,1")).collect();
    let csv = format!("id,lower,upper,size\n{}\n", rows.join("\n"));
    let import_csv = |bytes: &[u8]| outcome(import::csv_from_bytes("m", bytes, &ImportOptions::default()));
    check_memory("rows", csv.as_bytes(), import_csv, &mut wrong).unwrap();
    let columns = format!("id,lower,upper,size,{}\n", list("a"));
    check_memory("columns", columns.as_bytes(), import_csv, &mut wrong).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn plans_of_many_parts_take_little_memory() {
    let _alone = ALONE.lock();
    let mut wrong = Vec::new();
    let list = |part: &str| vec![part; MANY].join(",");
    let head = r#""format":"plimsoll-plan/1","status":"feasible","arena_bytes":0,"lower_bound_bytes":0,"alignment":1"#;
    let read = |bytes: &[u8]| outcome(PlanDocument::from_json(std::str::from_utf8(bytes).unwrap()));
    for (name, more) in [
        ("steps", format!(r#""order":[{}],"tensors":[]"#, list("0"))),
        (
            "places",
            format!(r#""tensors":[{}]"#, list(r#"{"index":0,"name":"","bytes":0,"offset":0,"live":[0,1]}"#)),
        ),
        (
            "workspaces",
            format!(r#""tensors":[],"scratch":[{}]"#, list(r#"{"operator":0,"bytes":0,"offset":0}"#)),
        ),
    ] {
        check_memory(name, format!("{{{head},{more}}}").as_bytes(), read, &mut wrong).unwrap();
    }
    let format = format!(r#"{{"format":[{}]}}"#, list("0"));
    check_memory("a format of numbers", format.as_bytes(), read, &mut wrong).unwrap_err();

    let read = |bytes: &[u8]| outcome(PoolPlanDocument::from_json(std::str::from_utf8(bytes).unwrap()));
    let head =
        r#""format":"plimsoll-pool-plan/1","cost":0,"lower_bound":0,"alignment":1,"order":[],"tensors":[]"#;
    let pools = format!(r#"{{{head},"pools":[{}]}}"#, list(r#"{"name":""}"#));
    let text = check_memory("pools", pools.as_bytes(), read, &mut wrong).unwrap_err();
    assert!(text.starts_with("not a plan: there are more than 8"), "{text}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn tflite_files_of_many_parts_take_little_memory() {
    use tflite_models::{ADD, SubGraph, model, operator, tensor};
    let _alone = ALONE.lock();
    let mut wrong = Vec::new();
    let import = |bytes: &[u8]| outcome(import::tflite_from_bytes("m", bytes, &ImportOptions::default()));
    let many = 100_000;
    let input = tensor("x", 9, &[1]);
    let operators = vec![operator(0, &[0], &[]); many];
    let graph = SubGraph { tensors: vec![input.clone()], inputs: vec![0], operators, ..SubGraph::default() };
    check_memory("operators", &model(&[ADD], graph, Vec::new()).bytes(), import, &mut wrong).unwrap();
    let graph = SubGraph { tensors: vec![input; many], ..SubGraph::default() };
    check_memory("tensors", &model(&[ADD], graph, Vec::new()).bytes(), import, &mut wrong).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

type Import = fn(&[u8], &ImportOptions) -> Result<(), ImportError>;

#[test]
fn every_importer_can_be_cancelled() {
    let _alone = ALONE.lock();
    let onnx = onnx_models::model(&[
        input("x", FLOAT, "1, 8"),
        node("Relu", &["x"], &["y"]),
        output("y", FLOAT, "1, 8"),
    ]);
    let main = tflite_models::SubGraph {
        tensors: ["x", "y"].map(|name| tflite_models::tensor(name, tflite_models::INT8, &[8])).to_vec(),
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![tflite_models::operator(0, &[0], &[1])],
        ..tflite_models::SubGraph::default()
    };
    let tflite = tflite_models::model(&[tflite_models::CONV_2D], main, Vec::new()).bytes();
    let json = br#"{"ops": [{"name": "a", "type": "Conv", "inputs": [0], "outputs": [1]}], "outputs": [1],
        "tensors": [{"name": "x", "bytes": 8, "kind": "input"}, {"name": "y", "bytes": 8, "kind": "output"}]}"#;
    let formats: [(&[u8], Import); 4] = [
        (&onnx, |bytes, options| import::onnx_from_bytes("m", bytes, options).map(drop)),
        (&tflite, |bytes, options| import::tflite_from_bytes("m", bytes, options).map(drop)),
        (json, |bytes, options| import::graph_json_from_bytes("m", bytes, options).map(drop)),
        (b"id,lower,upper,size\n0,0,2,8\n", |bytes, options| {
            import::csv_from_bytes("m", bytes, options).map(drop)
        }),
    ];
    for (number, (bytes, import)) in formats.into_iter().enumerate() {
        let token = CancelToken::new();
        let mut options = ImportOptions::default();
        options.cancel = Some(token.clone());
        import(bytes, &options).unwrap_or_else(|error| panic!("format {number}: {error}"));
        token.cancel();
        let result = import(bytes, &options);
        assert!(matches!(result, Err(ImportError::Invalid(Error::Cancelled))), "format {number}: {result:?}");
    }
}

const LONG: usize = 1 << 20;

/// Names of one megabyte, for each kind of name that occurs in messages.
#[test]
fn messages_are_short_and_say_why() {
    let _alone = ALONE.lock();
    let long = "n".repeat(LONG);
    let x = || input("x", FLOAT, "1, 8");
    let onnx = [
        (vec![x(), node("Strange", &["x"], &[&long])], "no static size"),
        (vec![x(), node("Relu", &["x"], &[&long]), node("Relu", &["x"], &[&long])], "has two producers"),
        (
            vec![
                x(),
                node("Relu", &["x"], &[&long]),
                node("Relu", &["x"], &["z"]),
                node("Strange", &[&long], &["u"]),
                value_info(&long, FLOAT, "1, 9"),
                value_info("u", FLOAT, "1, 9"),
            ],
            "but for another shape of the input",
        ),
        (vec![x(), node(&long, &["x"], &["y"])], "the operator has no shape rule"),
        (vec![input(&long, FLOAT, "-2")], "has the negative dimension -2"),
        (vec![input("x", FLOAT, &long), node("Relu", &["x"], &["y"])], "--dim"),
        (vec![node("Relu", &[&long], &[&long])], "cycle"),
        (vec![node_with(&long, &["x"], &[], &[length_delimited(5, "")])], "has an attribute without a name"),
    ];
    for (parts, cause) in onnx {
        let text = import_onnx(&model(&parts)).unwrap_err();
        assert!(text.contains(cause) && text.len() <= 2048, "{cause}: {} bytes, {:.3000}", text.len(), text);
    }
    let tensor = |more: &str| format!(r#"{{"name":"{long}","kind":"intermediate",{more}}}"#);
    let op = |inputs: &str, outputs: &str| {
        format!(r#"{{"name":"{long}","inputs":[{inputs}],"outputs":[{outputs}]}}"#)
    };
    let json = [
        (String::new(), tensor(r#""bytes":1,"alignment":3"#), "alignment 3"),
        (String::new(), tensor(r#""dtype":"int9""#), "is not an element type"),
        (String::new(), tensor(r#""dtype":"int8","shape":[2,2],"bytes":3"#), "takes 4"),
        (String::new(), tensor(r#""shape":[2,2]"#), "no static size"),
        (
            String::new(),
            tensor(r#""dtype":"int8","shape":[18446744073709551615,3]"#),
            "is more than 2^64-1 bytes",
        ),
        (op("7", ""), tensor(r#""bytes":1"#), "names tensor 7"),
        (op("0", ""), tensor(r#""bytes":1"#), "has no producer"),
        (op("", "0,0"), tensor(r#""bytes":1"#), "has two producers"),
        (op("0", "0"), tensor(r#""bytes":1"#), "cycle"),
        (format!(r#"{{"name":0,"{long}":1}}"#), tensor(r#""bytes":1"#), "expected a string"),
        (String::new(), format!(r#"{{"name":"x","kind":"{long}"}}"#), "expected one of"),
    ];
    for (ops, tensors, cause) in json {
        let text = import_json(format!(r#"{{"ops":[{ops}],"tensors":[{tensors}]}}"#).as_bytes()).unwrap_err();
        assert!(text.contains(cause) && text.len() <= 2048, "{cause}: {} bytes, {:.3000}", text.len(), text);
    }
    let csv = [
        (format!("id,lower,upper,{long}\n"), "lacks the column `size`"),
        (format!("id,lower,upper,size\n{long},0,1,{long}\n"), "is not a whole number"),
        (format!("id,lower,upper,size\n{long},0,1,1\n{long},0,1,1\n"), "stands at line 2 already"),
        (format!("id,lower,upper,size\n{long},1,1,1\n"), "is empty"),
        (format!("id,lower,upper,size,gaps\na,0,9,1,{long}\n"), "is not a range like"),
    ];
    for (text, cause) in csv {
        let text =
            outcome(import::csv_from_bytes("m", text.as_bytes(), &ImportOptions::default())).unwrap_err();
        assert!(text.contains(cause) && text.len() <= 2048, "{cause}: {} bytes, {:.3000}", text.len(), text);
    }
}

/// Invalid graph JSON is refused with an error that names the position.
#[test]
fn json_is_read_strictly() {
    let _alone = ALONE.lock();
    let tensor = r#"{"name":"x","kind":"input","bytes":1}"#;
    let deep = "[".repeat(10_000);
    let with_bytes =
        |bytes: &str| format!(r#"{{"ops":[],"tensors":[{{"name":"x","kind":"input","bytes":{bytes}}}]}}"#);
    for (text, cause) in [
        (format!("[null,[],[{tensor}],[]]"), "invalid type: sequence, expected an object"),
        (
            format!(r#"{{"ops":[["a","",[],[]]],"tensors":[{tensor}]}}"#),
            "invalid type: sequence, expected an object",
        ),
        (
            r#"{"ops":[],"tensors":[["x",null,null,1,"input"]]}"#.to_owned(),
            "invalid type: sequence, expected an object",
        ),
        (r#"{"ops":[],"ops":[],"tensors":[]}"#.to_owned(), "duplicate field `ops`"),
        (r#"{"ops":[],"tensors":[]} x"#.to_owned(), "trailing characters at line 1 column 25"),
        (with_bytes("NaN"), "expected value"),
        (with_bytes("-1"), "invalid value: integer `-1`, expected u64"),
        (with_bytes("1.5"), "invalid type: floating point `1.5`, expected u64"),
        (with_bytes("1e3"), "invalid type: floating point `1000.0`, expected u64"),
        (with_bytes("18446744073709551616"), "expected u64"),
        (with_bytes("\"1\""), "invalid type: string \"1\", expected u64"),
        (with_bytes(&deep), "expected u64"),
        (deep.clone(), "expected an object"),
        (format!(r#"{{"ops":[],"tensors":{deep}"#), "expected an object"),
        (format!(r#"{{"more":{deep}"#), "EOF while parsing"),
    ] {
        let refusal = import_json(text.as_bytes()).unwrap_err();
        assert!(refusal.contains(cause), "{cause}: {refusal}");
    }
    let plan = PlanDocument::from_json(r#"["plimsoll-plan/1"]"#).unwrap_err().to_string();
    assert!(plan.contains("invalid type: sequence, expected an object"), "{plan}");
    let options = r#"{"format":"plimsoll-plan/1","status":"feasible","arena_bytes":0,"lower_bound_bytes":0,
        "alignment":1,"tensors":[],"options":{"dims":{"N":1,"N":2}}}"#;
    let plan = PlanDocument::from_json(options).unwrap_err().to_string();
    assert!(plan.contains("duplicate key `N`"), "{plan}");
}

/// A tensor with a dimension of 0 has no bytes, whatever its other dimensions are. Without such a
/// dimension, a size beyond 64 bits is an error that names the tensor.
#[test]
fn sizes_beyond_64_bits_are_errors() {
    let _alone = ALONE.lock();
    let huge = "4611686018427387904, 4611686018427387904";
    for op_type in ["Relu", "Identity", "Softmax", "Dropout", "Flatten"] {
        let zero = format!("0, {huge}");
        let parts = [input("x", FLOAT, &zero), node(op_type, &["x"], &["y"])];
        // The second dimension of the output of `Flatten` exceeds 64 bits by itself.
        let result = import_onnx(&model(&parts));
        assert_eq!(result.is_ok(), op_type != "Flatten", "{op_type}: {result:?}");
        let parts = [input("x", FLOAT, huge), node(op_type, &["x"], &["y"])];
        let text = import_onnx(&model(&parts)).unwrap_err();
        assert!(text.contains("`x`: float32 of shape [4611686018427387904, 4611686018427387904]"), "{text}");
    }
    let half = "4611686018427387904";
    for (op_type, axis) in [("Concat", 0), ("Split", 0)] {
        let axis = [attribute("axis", number(3, axis))];
        let (inputs, outputs) = (["x", "x", "x", "x"], ["a", "b", "c", "d"]);
        let node = if op_type == "Concat" {
            node_with(op_type, &inputs, &["a"], &axis)
        } else {
            node_with(op_type, &["x"], &outputs, &axis)
        };
        let parts = [input("x", UINT8, half), node];
        // The import either refuses the model or computes the right size; it does not overflow.
        let _ = import_onnx(&model(&parts));
    }
    let split = node_with("Split", &["x"], &[], &[attribute("num_outputs", number(3, 0))]);
    import_onnx(&model(&[input("x", FLOAT, "0"), split])).unwrap();
}
