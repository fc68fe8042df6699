//! Peak memory of the command: at most 20 times the input file and 50 MB.

use std::fs::File;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::onnx_models::{FLOAT, input, length_delimited, output, value_info};
use crate::tflite_models::{INT8, SubGraph, operator, tensor};
use crate::{onnx_models, tflite_models};

/// Number of operators: the smallest number at which their memory is several times that of an empty command.
const OPERATORS: usize = 20_000;

/// Peak memory of the command in bytes.
///
/// The child is waited for by `wait4`, as the maximum of all children would be that of another test.
#[allow(clippy::zombie_processes)] // `wait4` waits for it
fn peak(arguments: &[&str]) -> u64 {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("plimsoll"));
    let child = command.args(arguments).stdout(Stdio::null()).spawn().unwrap();
    let pid = child.id().cast_signed();
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: `status` and `usage` are valid for writes, and an `rusage` of zeros is valid.
    let (waited, usage) =
        unsafe { (libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()), usage.assume_init()) };
    assert!(waited == pid && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{arguments:?}");
    usage.ru_maxrss.cast_unsigned() * 1024
}

/// Memory of the limit that is left for a file of [`OPERATORS`] operators: of 50 MB, the command itself takes up to 20 MB,
/// and the limit must hold for files of five times as many operators as well.
const ROOM: u64 = 30_000_000 / 5;

/// Writes a file and asserts the limit for each list of options, of which the first one is the ending of the output, or
/// `fit`. The memory of the same command for a file with one operator is subtracted.
fn assert_limit(extension: &str, of: impl Fn(usize) -> Vec<u8>, options: &[&[&str]]) {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (large, small) = (path(&format!("large.{extension}")), path(&format!("small.{extension}")));
    std::fs::write(&large, of(OPERATORS)).unwrap();
    std::fs::write(&small, of(1)).unwrap();
    let limit = 20 * File::open(&large).unwrap().metadata().unwrap().len() + ROOM;
    for options in options {
        let out = path(&format!("out.{}", options[0]));
        let run = |input: &str| match options {
            ["fit", more @ ..] => peak(&[&["fit", input], more].concat()),
            [_, more @ ..] => peak(&[&["plan", input, "--out", &out], more].concat()),
            [] => unreachable!("there is an output"),
        };
        let (small, large) = (run(&small), run(&large));
        assert!(large - small <= limit, ".{extension} to .{options:?}: {large} - {small} > {limit}");
    }
}

/// A chain of Relus with shapes.
fn onnx(operators: usize) -> Vec<u8> {
    let node = |at: usize| {
        let texts = [(1, format!("t{at}")), (2, format!("t{}", at + 1)), (4, "Relu".to_owned())];
        length_delimited(1, texts.map(|(field, text)| length_delimited(field, text)).concat())
    };
    let mut parts: Vec<Vec<u8>> = (0..operators).map(node).collect();
    parts.extend((1..operators).map(|at| value_info(&format!("t{at}"), FLOAT, "1, 8")));
    parts.push(input("t0", FLOAT, "1, 8"));
    parts.push(output(&format!("t{operators}"), FLOAT, "1, 8"));
    onnx_models::model(&parts)
}

const RELU: i32 = 19;

fn tflite(operators: usize) -> Vec<u8> {
    let last = i32::try_from(operators).unwrap();
    let main = SubGraph {
        tensors: (0..=operators).map(|_| tensor("t", INT8, &[8])).collect(),
        operators: (0..last).map(|at| operator(0, &[at], &[at + 1])).collect(),
        inputs: vec![0],
        outputs: vec![last],
        ..SubGraph::default()
    };
    tflite_models::model(&[RELU], main, Vec::new()).bytes()
}

fn json(operators: usize) -> Vec<u8> {
    let operator =
        |at: usize| format!(r#"{{"name":"o{at}","type":"Relu","inputs":[{at}],"outputs":[{}]}}"#, at + 1);
    let tensor = |at: usize| {
        let kind = match at {
            0 => "input",
            last if last == operators => "output",
            _ => "intermediate",
        };
        format!(r#"{{"name":"t{at}","bytes":8,"kind":"{kind}"}}"#)
    };
    let list = |items: Vec<String>| items.join(",");
    let (operators, tensors) =
        ((0..operators).map(operator).collect(), (0..=operators).map(tensor).collect());
    format!(r#"{{"name":"g","ops":[{}],"tensors":[{}]}}"#, list(operators), list(tensors)).into_bytes()
}

fn csv(buffers: usize) -> Vec<u8> {
    let rows = (0..buffers).map(|at| format!("{at},{at},{},8\n", at + 1));
    format!("id,lower,upper,size\n{}", rows.collect::<String>()).into_bytes()
}

/// Nodes without declared shapes and with short names, on which a graph takes the most memory for the size of the file.
fn unshaped(op_type: &str, operators: usize) -> Vec<u8> {
    let node = |at: usize| {
        let texts = [(1, short_name(at)), (2, short_name(at + 1)), (4, op_type.to_owned())];
        length_delimited(1, texts.map(|(field, text)| length_delimited(field, text)).concat())
    };
    let mut parts: Vec<Vec<u8>> = (0..operators).map(node).collect();
    parts.push(input(&short_name(0), FLOAT, "8"));
    parts.push(onnx_models::info_without_type(12, &short_name(operators)));
    onnx_models::model(&parts)
}

/// A number with 64 different letters as digits.
fn short_name(mut number: usize) -> String {
    let mut name = String::new();
    loop {
        name.push(char::from(b'0' + (number % 64) as u8));
        number /= 64;
        if number == 0 {
            return name;
        }
    }
}

/// A Split into many parts, all of which a Concat reads.
fn split(parts: usize) -> Vec<u8> {
    let integer = |name, value| onnx_models::attribute(name, onnx_models::number(3, value));
    let names: Vec<String> = (0..parts).map(short_name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    onnx_models::model(&[
        onnx_models::node_with("Split", &["input"], &names, &[integer("num_outputs", parts as i64)]),
        onnx_models::node_with("Concat", &names, &["output"], &[integer("axis", 0)]),
        input("input", FLOAT, &format!("{parts}, 8")),
        onnx_models::info_without_type(12, "output"),
    ])
}

/// All outputs of a plan of an ONNX file, without sharing and with the most of it.
const OUTPUTS: [&[&str]; 21] = [
    &["json"],
    &["csv"],
    &["svg"],
    &["html"],
    &["trace.json"],
    &["graph.json"],
    &["h"],
    &["onnx"],
    &["json", "--memory", "l2=1KiB"],
    &["fit"],
    &["fit", "--memory", "l2=1KiB"],
    &["json", "--share", "all"],
    &["csv", "--share", "all"],
    &["svg", "--share", "all"],
    &["html", "--share", "all"],
    &["trace.json", "--share", "all"],
    &["graph.json", "--share", "all"],
    &["h", "--share", "all"],
    &["onnx", "--share", "all"],
    &["json", "--share", "all", "--memory", "l2=1KiB"],
    &["json", "--tile"],
];

#[test]
fn memory_is_proportional_to_onnx_files() {
    assert_limit("onnx", onnx, &OUTPUTS);
}

#[test]
fn memory_is_proportional_to_onnx_files_without_shapes() {
    assert_limit("onnx", |operators| unshaped("Abs", operators), &OUTPUTS);
    assert_limit("onnx", |operators| unshaped("Identity", operators), &OUTPUTS);
}

#[test]
fn memory_is_proportional_to_the_outputs_of_a_node() {
    assert_limit("onnx", split, &OUTPUTS);
}

#[test]
fn memory_is_proportional_to_other_files() {
    assert_limit("tflite", tflite, &[&["json"], &["graph.json"], &["json", "--share", "all"]]);
    assert_limit("json", json, &[&["json", "--share", "all"], &["graph.json"], &["h"]]);
    assert_limit("csv", csv, &[&["json"], &["csv"]]);
}
