//! `plimsoll plan --out FILE.tflite` and `plimsoll verify FILE.tflite`, run as a process.

use crate::{command, data, tflite_models};
use std::fs;

use plimsoll::export::tflite::{Scratch, check};
use tempfile::TempDir;

use crate::command::{Run, plimsoll};
use crate::tflite_models::{CONV_2D, IF, INT8, Operator, SubGraph, operator, tensor};

fn model() -> String {
    command::model("nas_cell_irregular_int8.tflite")
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn a_model_is_planned_and_its_plan_verified() {
    let folder = tempfile::tempdir().unwrap();
    let (out, map) = (path(&folder, "planned.tflite"), path(&folder, "map.svg"));
    let text = plimsoll(&["plan", &model(), "--out", &out, "--out", &map]).succeeds();
    assert!(text.contains("program order  108.00 KiB (110592 bytes)"), "{text}");
    assert!(
        text.contains(
            "head of TensorFlow Lite Micro's arena: 86016 bytes; 122880 without this plan (30.00 % saved)\n"
        ),
        "{text}"
    );
    // The interpreter's tail has 36208 bytes (tools/tflm.py). The line is C++ to paste.
    let last = text.lines().last().unwrap();
    let size: u64 = last
        .strip_prefix("constexpr int kTensorArenaSize = ")
        .unwrap()
        .split_once(';')
        .unwrap()
        .0
        .parse()
        .unwrap();
    assert!((86016 + 36208..86016 + 45000).contains(&size), "{last}");
    assert!(fs::read_to_string(&map).unwrap().starts_with("<svg"));
    plimsoll(&["verify", &out]).exits_with(0, "in a head of 86016 bytes, scratch included");
    let again = path(&folder, "again.tflite");
    plimsoll(&["plan", &out, "--order", "file", "--out", &again]).exits_with(0, "arena: 86016 bytes");

    // A wrong plan: all tensors at one offset.
    let mut bytes = fs::read(&out).unwrap();
    let offsets = check(&bytes, &Scratch::reference()).unwrap().layout.offsets.concat();
    let words = |word: &dyn Fn(u64) -> i32| -> Vec<u8> {
        offsets.iter().flat_map(|offset| offset.map_or(-1, word).to_le_bytes()).collect()
    };
    let valid = words(&|offset| i32::try_from(offset).unwrap());
    let start = bytes.windows(valid.len()).position(|window| window == valid).unwrap();
    bytes[start..start + valid.len()].copy_from_slice(&words(&|_| 0));
    fs::write(&out, bytes).unwrap();
    let (status, text, _) = plimsoll(&["verify", &out]);
    assert!(status == 1 && text.starts_with("invalid: "), "{status}: {text}");
    plimsoll(&["verify", &model()]).fails_with("it is not planned");
    plimsoll(&["verify", "a.onnx"]).fails_with("a.onnx: No such file");
}

#[test]
fn models_over_the_capacity_are_written_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "planned.tflite");
    let (header, report) = (path(&folder, "planned.h"), path(&folder, "planned.html"));
    let tight = ["plan", &model(), "--capacity", "80KiB", "--out", &out, "--out", &header, "--out", &report];
    let (status, text, errors) = plimsoll(&tight);
    assert!(status == 1 && text.contains("infeasible"), "{text}");
    let note = format!(
        "note: {out}, {header}: not written: the plan exceeds the capacity (86016 bytes, capacity 81920)"
    );
    assert!(errors.starts_with(&note), "{errors}");
    assert!(!folder.path().join("planned.tflite").exists() && folder.path().join("planned.html").exists());
    plimsoll(&[&tight[..], &["--allow-over-capacity"]].concat()).exits_quietly(1);
    assert!(folder.path().join("planned.h").exists());
    assert_eq!(plimsoll(&["verify", &out]).0, 0);
}

/// The number between the first `before` and the next `after`.
fn number(text: &str, before: &str, after: &str) -> u64 {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split_once(after).unwrap().0.parse().unwrap_or_else(|_| panic!("{before:?} in {text}"))
}

/// The arena size in a report of `fit`.
fn arena_of_report(text: &str) -> u64 {
    let (_, rest) = text.split_once(": arena ").unwrap();
    let rest = rest.split_once(" bytes").unwrap().0;
    rest.rsplit(['(', ' ']).next().unwrap().parse().unwrap()
}

/// `plan`, `fit`, `compare`, `verify` and the writer report the same bytes for a model.
fn assert_consistent_bytes(model: &str, folder: &TempDir) -> u64 {
    let out = path(folder, "planned.tflite");
    let target = ["--target", "tflm"];
    let head = |text: &str| number(text, "Micro's arena: ", " bytes");
    let (status, text, errors) = plimsoll(&["plan", model, "--target", "tflm"]);
    assert_eq!(status, 0, "{model}: {errors}");
    let bytes = head(&text);
    let (status, text, _) = plimsoll(&["plan", model, "--out", &out, "--allow-larger-head"]);
    assert_eq!((status, head(&text)), (0, bytes), "{model}");
    let (status, text, _) = plimsoll(&["verify", &out, "--target", "tflm"]);
    assert_eq!((status, number(&text, "in a head of ", " bytes")), (0, bytes), "{model}: {text}");
    let memory = format!("l2={bytes}");
    let (status, text, _) = plimsoll(&[&["fit", model, "--memory", &memory][..], &target].concat());
    assert_eq!((status, arena_of_report(&text)), (0, bytes), "{model}");
    let capacity = (bytes - 1).to_string();
    let memory = format!("l2={capacity}");
    let fit = plimsoll(&[&["fit", model, "--memory", &memory][..], &target].concat()).0;
    let plan = plimsoll(&["plan", model, "--capacity", &capacity, "--target", "tflm"]).0;
    assert_eq!((fit, plan), (1, 1), "{model}");
    let figures = path(folder, "figures.json");
    let compare = ["compare", model, "--strategies", "auto", "--order", "auto", "--json", &figures];
    assert_eq!(plimsoll(&[&compare[..], &target].concat()).0, 0, "{model}");
    let figures: serde_json::Value = serde_json::from_str(&fs::read_to_string(&figures).unwrap()).unwrap();
    assert_eq!(figures[0]["height"], bytes, "{model}");
    bytes
}

#[test]
fn commands_agree_on_the_bytes_of_a_model() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(assert_consistent_bytes(&model(), &folder), 86016);
    let Some(cases) = data::folder("cases") else { return };
    for (name, bytes) in [("transpose_conv_int8.tflite", 624), ("two_ifs.tflite", 4112)] {
        assert_eq!(assert_consistent_bytes(cases.join(name).to_str().unwrap(), &folder), bytes);
    }
    // The runtime interprets a missing shape as a scalar, but the kernel writes 32 bytes.
    assert_eq!(assert_consistent_bytes(cases.join("fc_no_shape.tflite").to_str().unwrap(), &folder), 64);
    let file = cases.join("transpose_conv_int8.tflite");
    let file = file.to_str().unwrap();
    let line = "scratch        not counted: kernels of `0:TRANSPOSE_CONV` need some; use --target tflm to count it\n";
    for command in [&["plan", file][..], &["fit", file, "--memory", "l2=512"]] {
        let (status, text, _) = plimsoll(command);
        assert!(status == 0 && text.ends_with(line), "{text}");
    }
}

#[test]
fn commands_agree_on_the_bytes_of_every_zoo_model() {
    let Some(zoo) = data::folder("zoo/tflite") else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in data::files(&zoo, ".tflite") {
        assert_consistent_bytes(file.to_str().unwrap(), &folder);
    }
}

#[test]
fn tensors_left_to_the_runtime_are_placed_around_the_others() {
    let Some(cases) = data::folder("cases") else { return };
    let text = plimsoll(&["verify", cases.join("hybrid_offline_plan.tflite").to_str().unwrap()]).exits(0);
    assert_eq!(text, "valid: 7 buffers and 1 left to the runtime in a head of 768 bytes, scratch included\n");
}

#[test]
fn a_reshape_may_be_a_view() {
    let Some(cases) = data::folder("cases") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (out, file) = (path(&folder, "planned.tflite"), cases.join("reshape.tflite"));
    let file = file.to_str().unwrap();
    let (status, text, errors) = plimsoll(&["plan", file, "--share", "views", "--out", &out]);
    assert_eq!(status, 0, "{errors}");
    assert_eq!(number(&text, "Micro's arena: ", " bytes"), 2080);
    let (status, text, _) = plimsoll(&["verify", &out]);
    assert_eq!((status, number(&text, "in a head of ", " bytes")), (0, 2080));
    let fit = ["fit", file, "--target", "tflm", "--memory", "l2=2080"];
    assert_eq!(plimsoll(&fit).0, 1);
    assert_eq!(plimsoll(&[&fit[..], &["--share", "views"]].concat()).0, 0);
    assert_eq!(number(&plimsoll(&["plan", file, "--target", "tflm"]).1, "Micro's arena: ", " bytes"), 4096);
}

/// Scratch of optimised kernels counts in all commands alike.
#[test]
fn optimised_kernels_are_targets() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(&folder, "planned.tflite");
    let heads = ["tflm", "tflm-cmsis-nn", "tflm-cmsis-nn-mve", "tflm-esp-nn"].map(|target| {
        let target = ["--target", target];
        let text =
            plimsoll(&[&["plan", &model(), "--out", &out, "--allow-larger-head"][..], &target].concat())
                .exits(0);
        let head = number(&text, "Micro's arena: ", " bytes");
        let (status, text, _) = plimsoll(&[&["verify", &out][..], &target].concat());
        assert_eq!((status, number(&text, "in a head of ", " bytes")), (0, head), "{text}");
        let memory = format!("l2={head}");
        let (status, text, _) = plimsoll(&[&["fit", &model(), "--memory", &memory][..], &target].concat());
        assert_eq!((status, arena_of_report(&text)), (0, head), "{text}");
        head
    });
    assert_eq!(heads, [86_016, 86_064, 86_016, 123_376]);
}

/// A model whose plan needs a larger head than the runtime's own: two operators run the same bodies, whose memory
/// the plan does not reuse for the large tensor behind.
fn with_shared_bodies() -> Vec<u8> {
    const IF_OPTIONS: u8 = 92;
    let branch = |inputs: &[i32], outputs: &[i32]| Operator {
        options: Some((IF_OPTIONS, vec![1, 2])),
        ..operator(1, inputs, outputs)
    };
    let main = SubGraph {
        tensors: [1, 16, 16, 16, 4096, 16].map(|size| tensor("t", INT8, &[size])).to_vec(),
        inputs: vec![0, 1],
        outputs: vec![5],
        operators: vec![
            branch(&[0, 1], &[2]),
            branch(&[0, 2], &[3]),
            operator(0, &[3], &[4]),
            operator(0, &[4], &[5]),
        ],
        ..SubGraph::default()
    };
    let mut model = tflite_models::model(&[CONV_2D, IF], main, Vec::new());
    let body = |name| SubGraph {
        name,
        tensors: [16, 512, 512, 512, 16].map(|size| tensor("t", INT8, &[size])).to_vec(),
        inputs: vec![0],
        outputs: vec![4],
        operators: (0..4).map(|step| operator(0, &[step], &[step + 1])).collect(),
    };
    model.subgraphs.extend([body("then"), body("else")]);
    model.bytes()
}

#[test]
fn a_head_larger_than_the_runtimes_own_is_written_on_request_only() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (path(&folder, "model.tflite"), path(&folder, "planned.tflite"));
    fs::write(&file, with_shared_bodies()).unwrap();
    let (status, text, notes) = plimsoll(&["plan", &file, "--out", &out]);
    assert_eq!(status, 0, "{notes}");
    let (head, own) = (number(&text, "Micro's arena: ", " bytes"), number(&text, " subgraphs; ", " without"));
    assert!(own < head, "{text}");
    let note =
        format!("not written: the runtime's own plan needs a smaller head ({own} bytes, this plan {head})");
    assert!(notes.contains(&note) && !fs::exists(&out).unwrap(), "{notes}");
    plimsoll(&["plan", &file, "--out", &out, "--allow-larger-head"]).succeeds();
    plimsoll(&["verify", &out]).exits_with(0, &format!("in a head of {head} bytes"));
}

#[test]
fn contradicting_options_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (out, json) = (path(&folder, "planned.tflite"), path(&folder, "plan.json"));
    let cases: [(&[&str], &str); 9] = [
        (&["--align", "64"], "--align"),
        (&["--fold", "constants"], "--fold constants"),
        (&["--variables", "arena"], "--variables arena"),
        (&["--inputs", "overwritable"], "--inputs overwritable"),
        (&["--as", "int8"], "--as"),
        (&["--dim", "n=1"], "--dim"),
        (&["--reserve", "0..16"], "--reserve"),
        (&["--out", &json], "--out FILE.json"),
        (&["--scratch", "missing.csv"], "missing.csv"),
    ];
    for (extra, expected) in cases {
        let plain = model();
        let mut arguments = vec!["plan", plain.as_str(), "--out", out.as_str()];
        arguments.extend(extra);
        plimsoll(&arguments).fails_with(expected);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // Options that agree with the runtime are accepted.
    let same = ["--align", "16", "--fold", "none", "--variables", "outside", "--share", "none"];
    let plain = model();
    let mut arguments = vec!["plan", plain.as_str(), "--out", out.as_str()];
    arguments.extend(same);
    assert_eq!(plimsoll(&arguments).0, 0);
    plimsoll(&["plan", &model(), "--scratch", "x.csv"])
        .fails_with("--scratch: no target needs it; add --target tflm or --out FILE.tflite");
    let onnx = model().replace("nas_cell_irregular_int8.tflite", "squeezenet1_1.onnx");
    plimsoll(&["plan", &onnx, "--out", &out])
        .fails_with("not a .tflite file, which --target tflm and --out FILE.tflite need");
}

#[test]
fn scratch_comes_from_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let (out, table) = (path(&folder, "planned.tflite"), path(&folder, "scratch.csv"));
    let planned = |text: &str| {
        fs::write(&table, text).unwrap();
        plimsoll(&["plan", &model(), "--out", &out, "--scratch", &table])
    };
    let text =
        planned("subgraph,operator,type,bytes\n0,0,CONV_2D,1000000\n").exits_with(0, "scratch        ");
    let (_, heads) = text.split_once("Micro's arena: ").unwrap();
    let (head, runtime_head) = heads.split_once(" bytes; ").unwrap();
    assert!(
        head.parse::<u64>().unwrap() > 1_000_000 && runtime_head.starts_with("the same without this plan\n"),
        "{text}"
    );
    for (text, expected) in [
        ("operator,bytes\n0,many\n", "row 1: `many` is not a whole number"),
        ("operator,size\n0,1\n", "column `bytes` is missing"),
        ("operator,bytes\n0,1\n0,2\n", "row 2: operator 0 of subgraph 0 is listed twice"),
        ("operator,bytes\n900,1\n", "the model has no such operator"),
        ("operator,type,bytes\n0,MEAN,1\n", "it was measured for MEAN"),
    ] {
        planned(text).fails_with(expected);
    }
}
