//! `plan --out` for C code and ONNX, and `verify` of an ONNX file, run as a process.

use std::fs;
use std::path::Path;

use crate::command::{Run, model, plimsoll};
use crate::folder::Folder;

const ONNX: &str = "squeezenet1_1.onnx";
const TFLITE: &str = "nas_cell_irregular_int8.tflite";
const CSV: &str = "id,lower,upper,size\nconv1,0,3,4096\nconv2,1,5,300\nb,2,4,77\n";

/// Compiles the source with its header; skipped without a C compiler.
fn assert_compiles(source: &str) {
    let object = format!("{source}.o");
    let arguments = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", source, "-o", &object];
    match std::process::Command::new("cc").args(arguments).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => eprintln!("skipped: `cc` is missing"),
    }
}

#[test]
fn a_source_and_its_header_compile() {
    let folder = Folder::new();
    let buffers = folder.with("buffers.csv", CSV);
    let [header, source, alone] = ["net.h", "net.c", "alone.h"].map(|name| folder.text(name));
    for (input, more) in [
        (model(ONNX), vec![]),
        (model(ONNX), vec!["--share", "all"]),
        (model(ONNX), vec!["--memory", "l2=2MiB"]),
        (model(TFLITE), vec![]),
        (buffers, vec![]),
    ] {
        let mut arguments = vec!["plan", &input, "--symbol-prefix", "my_net"];
        arguments.extend(["--out", &source, "--out", &alone, "--out", &header]);
        arguments.extend(more);
        plimsoll(&arguments).succeeds();
        let [header, source, alone] = ["net.h", "net.c", "alone.h"].map(|name| folder.read(name));
        assert!(
            source.contains("#include \"net.h\"") && source.contains("unsigned char my_net_"),
            "{source}"
        );
        assert!(header.contains("extern unsigned char my_net_") && !header.contains("static const"));
        assert!(alone.contains("static const struct my_net_") && !alone.contains("extern"));
        assert!(header.contains("#ifndef MY_NET_H") && !source.contains("plimsoll_"));
        assert_compiles(&folder.text("net.c"));
    }
    // Code together with a model for TensorFlow Lite Micro.
    let planned = folder.text("planned.tflite");
    let (input, outs) = (model(TFLITE), ["--out", &planned, "--out", &header, "--out", &source]);
    plimsoll(&[&["plan", &input][..], &outs].concat()).succeeds();
    assert!(folder.read("net.c").contains("plimsoll_"), "names have the default prefix");
    assert_compiles(&source);
}

#[test]
fn unsupported_code_is_refused_before_writing() {
    let folder = Folder::new();
    let input = model(ONNX);
    let [header, source, other] = ["net.h", "net.c", "other.h"].map(|name| folder.text(name));
    let [json, quoted, quoted_header] = ["net.json", "a\".c", "a\".h"].map(|name| folder.text(name));
    for (arguments, status, expected) in [
        (vec!["--out", &source], 2, "net.c: the source needs its header; add --out"),
        (vec!["--out", &source, "--out", &other], 2, "net.h\n"),
        (vec!["--out", &quoted, "--out", &quoted_header], 2, "cannot include a file of this name"),
        (vec!["--out", &json, "--symbol-prefix", "net"], 2, "--symbol-prefix: no C code is written"),
        (vec!["--symbol-prefix", "net"], 2, "--symbol-prefix: no C code is written"),
        (
            vec!["--out", &header, "--symbol-prefix", "my-net"],
            2,
            "symbol prefix `my-net`: names cannot contain `-`",
        ),
        (vec!["--out", &header, "--symbol-prefix", "2net"], 2, "names cannot begin with `2`"),
        (vec!["--out", &header, "--symbol-prefix", ""], 2, "at least one letter"),
        (vec!["--out", &header, "--symbol-prefx", "net"], 2, "--symbol-prefix"),
        (vec!["--memory", "l2=2MiB", "--out", &source], 2, "net.c: the source needs its header"),
    ] {
        let found = plimsoll(&[&["plan", input.as_str()][..], &arguments].concat());
        assert_eq!(found.0, status, "{arguments:?}: {}", found.2);
        assert!(found.2.contains(expected), "{arguments:?}: {}", found.2);
        assert!(folder.names().is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_planned_model_is_valid_and_a_changed_one_is_not() {
    let folder = Folder::new();
    let planned = folder.text("planned.onnx");
    let options = ["--as", "int8", "--align", "1", "--share", "all"];
    let (status, text, errors) =
        plimsoll(&[&["plan", &model(ONNX), "--out", &planned][..], &options].concat());
    assert_eq!(status, 0, "{errors}");
    assert!(text.contains("(982144 bytes)\n"), "{text}");
    assert!(errors.contains("weights are in other files (`weights.bin`)") && errors.contains("planned.onnx"));
    let text = plimsoll(&["verify", &planned]).succeeds();
    assert!(
        text.starts_with("valid: 66 buffers in an arena of ") && text.contains("floats as int8"),
        "{text}"
    );
    // A planned model can be planned again.
    plimsoll(&["plan", &planned, "--order", "file"]).succeeds();

    let bytes = fs::read(&planned).unwrap();
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect(from);
        let mut bytes = bytes.clone();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        plimsoll(&["verify", &folder.with("changed.onnx", bytes)])
    };
    let (status, text, _) = changed("\"status\": \"optimal\"", "\"status\": \"unknown\"");
    assert!(status == 1 && text.starts_with("invalid: "), "{text}");
    changed("plimsoll.lower_bound_bytes", "plimsoll.lower_bound_bites")
        .exits_with(1, "`plimsoll.lower_bound_bytes` is missing");
    changed("plimsoll-onnx/1", "plimsoll-onnx/7").fails_with("`plimsoll-onnx/7`; this version reads");
    changed("plimsoll.plan", "plimsoll.plum").fails_with("it is not planned");
}

#[test]
fn models_that_cannot_be_planned_or_verified_are_refused() {
    let folder = Folder::new();
    let (onnx, tflite, csv) = (model(ONNX), model(TFLITE), folder.with("buffers.csv", CSV));
    let (out, broken) = (folder.text("out.onnx"), folder.with("broken.onnx", b"\x3a\xff\xff"));
    for (arguments, expected) in [
        (vec!["plan", &tflite, "--out", &out], "not an .onnx file, which --out FILE.onnx needs"),
        (vec!["plan", &csv, "--out", &out], "not an .onnx file, which --out FILE.onnx needs"),
        (
            vec!["plan", &onnx, "--memory", "l2=2MiB", "--out", &out],
            "the plan inside a model is for one arena",
        ),
        (vec!["plan", &onnx, "--out", &onnx], "the output is also an input and would be overwritten"),
        (vec!["plan", &broken, "--out", &out], "not a valid ONNX file"),
        (
            vec!["plan", &onnx, "--out", "/nowhere/at/all.onnx"],
            "/nowhere/at/all.onnx: cannot write the file: cannot use its folder /nowhere/at",
        ),
        (vec!["verify", &broken], "broken.onnx: not a valid ONNX file"),
        (vec!["verify", &onnx], "it is not planned"),
        (vec!["verify", &onnx, "--scratch", &csv], "--target and --scratch need a .tflite input"),
        (vec!["verify", &csv], "only .tflite and .onnx files contain a plan"),
    ] {
        let (status, _, errors) = plimsoll(&arguments);
        assert!(status == 2 && errors.contains(expected), "{arguments:?}: {errors}");
        assert!(!errors.contains("note:"), "{errors}");
        assert!(!Path::new(&out).exists(), "{arguments:?}");
    }
}
