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

/// Writes a file and asserts the limit for each list of options. The memory of the same command for a file with one
/// operator is subtracted, and of 50 MB a part that fits the number of operators remains.
fn assert_limit(extension: &str, of: impl Fn(usize) -> Vec<u8>, options: &[&[&str]]) {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (large, small) = (path(&format!("large.{extension}")), path(&format!("small.{extension}")));
    std::fs::write(&large, of(OPERATORS)).unwrap();
    std::fs::write(&small, of(1)).unwrap();
    let limit = 20 * File::open(&large).unwrap().metadata().unwrap().len() + 50_000_000 / 5;
    for options in options {
        let out = path(&format!("out.{}", options[0]));
        let run = |input: &str| peak(&[&["plan", input, "--out", &out], &options[1..]].concat());
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

#[test]
fn memory_is_proportional_to_onnx_files() {
    let reports: [&[&str]; 5] = [&["json"], &["trace.json"], &["json", "--share", "all"], &["html"], &["h"]];
    assert_limit("onnx", onnx, &reports);
    assert_limit("onnx", onnx, &[&["onnx"], &["json", "--memory", "l2=1KiB"]]);
}

#[test]
fn memory_is_proportional_to_other_files() {
    assert_limit("tflite", tflite, &[&["json"], &["graph.json"], &["json", "--share", "all"]]);
    assert_limit("json", json, &[&["json", "--share", "all"], &["graph.json"], &["h"]]);
    assert_limit("csv", csv, &[&["json"], &["csv"]]);
}
