//! `plan --tile`.

use std::fs;

use serde_json::Value;

use crate::command::{Run, model, plimsoll};
use crate::folder::Folder;

/// A change of a document.
type Change = Box<dyn Fn(&mut Value)>;

const MODEL: &str = "nas_cell_irregular_int8.tflite";

/// Two convolutions with a large tensor between them.
const GRAPH: &str = r#"{"name": "two convolutions", "ops": [
    {"name": "expand", "type": "Conv", "inputs": [0], "outputs": [1], "access": {"cost_per_element": 36, "axes": [
        {"outputs": [1], "inputs": [{"axis": 1, "first": -1, "last": 1}]}]}},
    {"name": "reduce", "type": "Conv", "inputs": [1], "outputs": [2], "access": {"cost_per_element": 576, "axes": [
        {"outputs": [1], "inputs": [{"axis": 1, "first": -1, "last": 1}]}]}}],
    "tensors": [
        {"name": "x", "kind": "input", "dtype": "int8", "shape": [1, 32, 32, 4], "overwritable": true},
        {"name": "middle", "kind": "intermediate", "dtype": "int8", "shape": [1, 32, 32, 64]},
        {"name": "y", "kind": "output", "dtype": "int8", "shape": [1, 32, 32, 4]}]}"#;

/// The options with which tiling helps most: everything shared.
fn options<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["--align", "1", "--share", "all", "--inputs", "overwritable"], more].concat()
}

fn run(command: &[&str], more: &[&str]) -> (i32, String, String) {
    plimsoll(&[command, &options(more)[..]].concat())
}

/// The exact bytes in the summary's line `key`.
fn exact(text: &str, key: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {text}"));
    line.split_once('(').unwrap().1.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn tiling_makes_the_arena_smaller_and_is_verified() {
    let folder = Folder::new();
    let (network, out) = (folder.with("net.json", GRAPH), folder.text("plan.json"));
    let plain = run(&["plan", &network], &[]).1;
    let untiled = exact(&plain, "arena");
    for budget in ["0%", "0.05", "30%"] {
        let tiling = ["--tile", "--max-extra-macs", budget, "--out", &out];
        let text = run(&["plan", &network], &tiling).succeeds();
        for line in ["tiling       ", "extra MACs   ", "copied       ", "region 1     "] {
            assert!(text.contains(&format!("\n{line}")), "{line}: {text}");
        }
        let arena = exact(&text, "arena");
        assert!(arena < untiled, "{text}");
        let (status, text, _) = plimsoll(&["verify", &network, &out]);
        assert!(status == 0 && text.starts_with("valid: ") && text.contains(" stripes in "), "{text}");
        let document: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
        assert_eq!(document["arena_bytes"], arena);
        let cost = |name: &str| document["tiling"]["cost"][name].as_u64().unwrap();
        let part = if budget == "0%" { 0 } else { 300_000 };
        assert!(cost("extra") <= cost("untiled") * part / 1_000_000, "{text}");
    }
}

#[test]
fn changed_tilings_are_refused_with_the_rule() {
    let folder = Folder::new();
    let (network, out) = (folder.with("net.json", GRAPH), folder.text("plan.json"));
    assert_eq!(run(&["plan", &network], &["--tile", "--out", &out]).0, 0);
    let document: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    let tile = document["tiling"]["operators"].as_array().unwrap();
    let tile = tile.iter().position(|operator| operator["does"] == "tile").unwrap();
    let changes: [(&str, Change); 4] = [
        (
            "[W3] ",
            Box::new(move |document| document["tiling"]["operators"][tile]["reads"][0]["before"] = 7.into()),
        ),
        ("[W9] ", Box::new(|document| document["tiling"]["cost"]["extra"] = 1.into())),
        (
            "the plan's tiling: ",
            Box::new(|document| document["tiling"]["regions"] = Value::Array(Vec::new())),
        ),
        ("[A", Box::new(|document| document["tensors"][0]["offset"] = u64::from(u32::MAX).into())),
    ];
    for (reason, change) in changes {
        let mut wrong = document.clone();
        change(&mut wrong);
        fs::write(&out, wrong.to_string()).unwrap();
        plimsoll(&["verify", &network, &out]).exits_with(1, &format!("invalid: {reason}"));
    }
}

#[test]
fn a_capacity_decides_how_much_tiling_costs() {
    let folder = Folder::new();
    let network = folder.with("net.json", GRAPH);
    let plain = exact(&run(&["plan", &network], &[]).1, "arena");
    let free = exact(&run(&["plan", &network], &["--tile"]).1, "arena");
    assert!(free < plain);
    let with = |capacity: u64, more: &[&str]| {
        let capacity = capacity.to_string();
        run(&["plan", &network], &[&["--tile", "--capacity", &capacity], more].concat())
    };
    with(plain, &[]).exits_with(0, "\ntiling         not needed: ");
    let (status, text, _) = with(plain - 1, &[]);
    assert!(status == 0 && exact(&text, "arena") < plain && text.contains("fits, "), "{text}");
    // One byte does not fit; the smallest plan is shown.
    let text = with(1, &["--max-extra-macs", "0"]).exits_with(1, "no plan of this tiling can");
    assert!(exact(&text, "arena") <= free, "{text}");
}

#[test]
fn reports_are_written_and_code_is_refused() {
    let folder = Folder::new();
    let network = folder.with("net.json", GRAPH);
    let outs =
        ["a.csv", "a.graph.json", "a.html", "a.json", "a.svg", "a.trace.json"].map(|name| folder.text(name));
    let arguments: Vec<&str> = outs.iter().flat_map(|out| ["--out", out.as_str()]).collect();
    assert_eq!(run(&["plan", &network], &[&["--tile"], &arguments[..]].concat()).0, 0);
    // The graph is the imported one.
    let graph = folder.read("a.graph.json");
    assert!(graph.contains("\"access\"") && !graph.contains("/rows_"));
    for (more, reason) in [
        (&["--out", &folder.text("a.h")][..], "not supported for C code"),
        (&["--out", &folder.text("a.tflite")][..], "not a .tflite file"),
        (&["--out", &folder.text("a.onnx")][..], "not an .onnx file"),
        (&["--target", "tflm"][..], "not a .tflite file"),
    ] {
        plimsoll(&[&["plan", &network, "--tile"], more].concat()).fails_with(reason);
    }
    plimsoll(&["plan", &network, "--max-extra-macs", "5%"]).fails_with("add --tile");
    let csv = folder.with("buffers.csv", "id,lower,upper,size\na,0,4,64\n");
    plimsoll(&["plan", &csv, "--tile"]).fails_with("--tile needs a network");
    let off = plimsoll(&["plan", &network, "--tile=off"]).1;
    assert!(!off.contains("tiling"), "{off}");
}

#[test]
fn wrong_budgets_are_refused_with_the_form() {
    for (value, reason) in [
        ("five", "use e.g. 5% or 0.05"),
        ("-1", "cannot be negative"),
        ("inf", "not a part"),
        ("5", "use e.g. 5%"),
        ("%", "not a part"),
    ] {
        let (status, _, errors) = plimsoll(&["plan", &model(MODEL), "--tile", "--max-extra-macs", value]);
        assert!(status == 2 && errors.contains(reason) && errors.contains(value), "{value}: {errors}");
    }
    plimsoll(&["plan", &model(MODEL), "--tile=maybe"]).fails_with("[possible values: auto, head, off]");
}

#[test]
fn onnx_models_are_tiled_for_every_runtime() {
    let folder = Folder::new();
    let (network, out) = (model("squeezenet1_1.onnx"), folder.text("tiled.onnx"));
    let plan = folder.text("plan.json");
    let (status, text, errors) =
        plimsoll(&["plan", &network, "--effort", "quick", "--tile", "--out", &out, "--out", &plan]);
    assert!(status == 0 && errors.contains("weights are in other files"), "{text}{errors}");
    for line in ["tiling         arena 6308352 -> ", "region         `", "model          file +"] {
        assert!(text.contains(&format!("\n{line}")), "{line}: {text}");
    }
    // The plan is that of the written model.
    for arguments in [&["verify", &out][..], &["verify", &out, &plan]] {
        let (status, text, errors) = plimsoll(arguments);
        assert!(status == 0 && text.starts_with("valid: "), "{text}{errors}");
    }
    let (status, text, errors) = plimsoll(&["plan", &network, "--tile", "--capacity", "1GiB", "--out", &out]);
    assert!(status == 0 && text.contains("not needed"), "{text}{errors}");
}

#[cfg(unix)]
#[test]
fn written_models_are_compared() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let (network, out) = (model("squeezenet1_1.onnx"), folder.text("planned.onnx"));
    let arguments = ["plan", &network, "--effort", "quick", "--check", "--out", &out];
    let (status, _, errors) = plimsoll(&arguments[..5]);
    assert!(status == 2 && errors.contains("no model is written"), "{errors}");
    let run = |python: &str| {
        let done = assert_cmd::Command::cargo_bin("plimsoll")
            .unwrap()
            .env("PLIMSOLL_PYTHON", python)
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (done.status.code().unwrap(), text(&done.stdout), text(&done.stderr))
    };
    let (status, _, errors) = run("/nowhere/python");
    assert!(
        status == 2 && errors.contains("`/nowhere/python`") && errors.contains("onnxruntime"),
        "{errors}"
    );
    // The interpreter gets the script as its input, and the two models as arguments.
    let python = |exit: u32, line: &str| {
        let script = format!(
            "#!/bin/sh\ngrep -q 'def difference' && [ \"$2\" = '{network}' ] && [ \"$3\" = '{out}' ] || exit 9\n\
             {line}\nexit {exit}\n"
        );
        let path = folder.with(&format!("python{exit}"), script);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let (status, text, _) = run(&python(0, "echo ONNX Runtime: equal bit by bit"));
    assert!(status == 0 && text.ends_with("\ncheck          ONNX Runtime: equal bit by bit\n"), "{text}");
    assert_eq!(run(&python(1, "echo ONNX Runtime: outputs differ by up to 3")).0, 1);
    run(&python(2, "echo ONNX Runtime: skipped: no module")).fails_with("no module");
    run(&python(3, "echo broken >&2")).fails_with("broken");
}

#[test]
fn a_network_that_cannot_be_tiled_is_planned_as_it_is() {
    let folder = Folder::new();
    let graph = r#"{"name": "g", "ops": [{"name": "a", "inputs": [0], "outputs": [1]}],
        "tensors": [{"name": "x", "kind": "input", "bytes": 16}, {"name": "y", "kind": "output", "bytes": 16}]}"#;
    let file = folder.with("graph.json", graph);
    plimsoll(&["plan", &file, "--tile"])
        .exits_with(0, "\ntiling         none: no operator of the network has an access map\n");
}

#[test]
fn tiles_live_in_the_fastest_memory() {
    let folder = Folder::new();
    let (network, out) = (folder.with("net.json", GRAPH), folder.text("plan.json"));
    let (svg, html) = (folder.text("plan.svg"), folder.text("plan.html"));
    let memory = ["--memory", "sram=12KiB"];
    let cost = |text: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with("cost ")).unwrap_or_else(|| panic!("{text}"));
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let untiled = cost(&run(&["plan", &network], &memory).1);
    let tiling = ["--tile", "--out", &out, "--out", &svg, "--out", &html];
    let text = run(&["plan", &network], &[&memory[..], &tiling].concat()).succeeds();
    assert!(
        cost(&text) < untiled && text.contains(&format!("; cost {untiled} -> {}", cost(&text))),
        "{text}"
    );
    assert!(text.contains("\nregion 1 "), "{text}");
    let (status, text, _) = plimsoll(&["verify", &network, &out]);
    assert!(status == 0 && text.starts_with("valid: ") && text.contains(" stripes in 1 regions"), "{text}");
    let mut document: Value = serde_json::from_str(&fs::read_to_string(&out).unwrap()).unwrap();
    document["tiling"]["cost"]["copied_bytes"] = 1.into();
    fs::write(&out, document.to_string()).unwrap();
    plimsoll(&["verify", &network, &out]).exits_with(1, "W9");
    let roomy = run(&["plan", &network], &["--memory", "sram=1MiB", "--tile"]).1;
    assert!(roomy.contains("tiling         not needed: larger memories would save nothing"), "{roomy}");
    let small = run(&["plan", &network], &["--memory", "sram=1", "--tile"]).1;
    assert!(small.contains("tiling         none: "), "{small}");
}
