//! Regression tests through the command line: small inputs that earlier versions planned wrongly.

use crate::data;
use std::fs;
use std::path::Path;
use std::process::Command;

use plimsoll::export::json::PlanDocument;
use plimsoll::import::{ImportOptions, Imported, read};
use plimsoll::{Planner, SharingLevel};

use crate::command::{Run, plimsoll};
use crate::folder::Folder;

/// The path of a case, or `None` with a message if the data folder is missing.
fn case(name: &str) -> Option<String> {
    Some(data::folder("cases")?.join(name).to_str().unwrap().to_owned())
}

/// The value in the summary's line `name`.
fn line<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))[name.len()..].trim()
}

fn arena(text: &str) -> u64 {
    let bytes = line(text, "arena");
    let bytes = bytes.split_once('(').map_or(bytes, |(_, exact)| exact);
    bytes.split_whitespace().next().unwrap().replace(',', "").parse().unwrap()
}

fn planned(arguments: &[&str]) -> String {
    let (status, text, errors) = plimsoll(&[&["plan"], arguments].concat());
    assert_eq!(status, 0, "{arguments:?}: {text}{errors}");
    text
}

fn assert_optimal(text: &str, bytes: u64) {
    assert_eq!(arena(text), bytes, "{text}");
    assert!(line(text, "status").starts_with("optimal"), "{text}");
}

#[test]
fn an_output_that_overlaps_two_inputs_saves_at_both_ends() {
    let Some(file) = case("overlap_two_inputs.json") else { return };
    assert_optimal(&planned(&[&file, "--align", "1", "--share", "all"]), 23);
    assert_optimal(&planned(&[&file, "--align", "1"]), 26);
}

#[test]
fn the_only_order_of_a_chain_is_proven_at_mixed_alignments() {
    let Some(file) = case("chain_mixed_alignment.json") else { return };
    let text = planned(&[&file]);
    assert_optimal(&text, arena(&planned(&[&file, "--order", "file"])));
}

#[test]
fn four_operators_are_planned_to_the_optimum() {
    let Some(file) = case("not_proven_sub_4ops.json") else { return };
    for options in [&[][..], &["--order", "optimal", "--strategy", "exact"]] {
        assert_optimal(&planned(&[&[file.as_str(), "--align", "1"], options].concat()), 72);
    }
}

#[test]
fn tflite_sizes_are_inferred() {
    let Some(file) = case("unaligned_i64.tflite") else { return };
    planned(&[&file]);
    let text = planned(&[&case("fc_no_shape.tflite").unwrap(), "--align", "1"]);
    assert!(text.contains("32 B  mid"), "{text}");
    let folder = Folder::new();
    let out = folder.text("plan.json");
    let file = case("where_dynamic.tflite").unwrap();
    let (status, text, notes) = plimsoll(&["plan", &file, "--align", "1", "--out", &out]);
    assert!(status == 0 && text.contains("64 B  idx"), "{text}");
    assert!(notes.contains("planned at their upper bound: `idx` [8, 1]"), "{notes}");
    let plan: serde_json::Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    let marks: Vec<bool> =
        plan["tensors"].as_array().unwrap().iter().map(|tensor| tensor["upper_bound"] == true).collect();
    assert_eq!(marks, [false, true, true]);
}

#[test]
fn an_update_of_a_cache_is_written_over_it() {
    let Some(file) = case("kv_scatter.onnx") else { return };
    assert_eq!(arena(&planned(&[&file, "--align", "1"])), 65_800);
    let sharing = ["--share", "all", "--inputs", "overwritable"];
    assert_optimal(&planned(&[&[file.as_str(), "--align", "1"], &sharing[..]].concat()), 33_032);
}

#[test]
fn inputs_are_reusable_or_preserved_and_can_be_outside() {
    let Some(file) = case("kept_input.onnx") else { return };
    let file = file.as_str();
    let reused = arena(&planned(&[file, "--align", "1"]));
    assert_eq!(arena(&planned(&[file, "--align", "1", "--inputs", "reusable"])), reused);
    assert_optimal(&planned(&[file, "--align", "1", "--inputs", "preserved"]), 3076);
    let all = planned(&[file, "--align", "1", "--storage", "@inputs=outside"]);
    assert_optimal(&all, 2052);
    assert!(all.contains("outside        1 tensor in buffers of the caller, 1.00 KiB (1024 bytes)"), "{all}");
    plimsoll(&["plan", file, "--inputs", "kept"]).fails_with("`kept` is called `reusable` now");
    plimsoll(&["plan", file, "--inputs", "nothing=preserved"])
        .fails_with("the graph has no input of this name; inputs are");
}

#[test]
fn ties_between_placements_go_to_fewer_copied_bytes() {
    let Some(file) = case("two_banks.json") else { return };
    let folder = Folder::new();
    let out = folder.text("plan.json");
    let memory = ["--memory", "b0=1024", "--memory", "b1=1024"];
    planned(&[&[file.as_str(), "--align", "1", "--out", &out][..], &memory].concat());
    let plan: serde_json::Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    let transfers = plan["transfers"].as_array().into_iter().flatten();
    let moved: u64 = transfers.map(|transfer| transfer["bytes"].as_u64().unwrap()).sum();
    assert!(moved <= 8, "{moved} bytes are transferred");
}

#[test]
fn a_refused_placement_gives_its_reason() {
    for (name, reason) in [
        ("place_at_late_reader.json", "`attend` reads `past` after operator `update` overwrites it"),
        ("place_at_not_overwritable.json", "`past` is a graph input that may not be overwritten"),
    ] {
        let Some(file) = case(name) else { return };
        plimsoll(&["plan", &file, "--share", "all"]).fails_with(reason);
    }
}

#[test]
fn a_capacity_that_is_met_early_is_no_reason_for_a_larger_arena() {
    let Some(file) = case("transpose_conv_int8.tflite") else { return };
    let greedy = planned(&[&file, "--strategy", "greedy-by-size"]);
    assert!(arena(&planned(&[&file, "--capacity", "512"])) <= arena(&greedy));
}

#[test]
fn no_plan_is_larger_than_one_in_program_order() {
    let Some(script) = case("make_inception_20000.py") else { return };
    let folder = Folder::new();
    let file = folder.text("inception.json");
    if !Command::new("python3").args([&script, &file]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: python3, which generates the graph, is missing");
        return;
    }
    let text = planned(&[&file, "--share", "all"]);
    assert!(arena(&text) <= 212_704, "{text}");
}

#[test]
fn a_product_with_a_zero_does_not_overflow() {
    let Some(file) = case("zero_overflow.onnx") else { return };
    planned(&[&file]);
}

#[test]
fn an_array_is_not_a_graph() {
    let Some(file) = case("array.json") else { return };
    plimsoll(&["plan", &file]).fails_with("expected an object");
}

#[test]
fn plans_are_the_same_after_they_were_written_and_read() {
    let Some(file) = case("json_roundtrip_order.json") else { return };
    let options = ImportOptions::default();
    let Imported::Graph(imported) = read(Path::new(&file), &options).unwrap() else {
        panic!("expected a graph")
    };
    let graph = &imported.graph;
    let plan = Planner::new().share(SharingLevel::All).plan(graph).unwrap();
    let written = PlanDocument::of_graph(graph, &plan, &options).to_json();
    let read = PlanDocument::from_json(&written).unwrap().to_plan(graph).unwrap();
    assert_eq!(read.aliases, plan.aliases);
    assert_eq!(PlanDocument::of_graph(graph, &read, &options).to_json(), written);
}

/// ONNX files that declare wrong shapes or none.
#[test]
fn declared_shapes_are_checked_and_open_ones_named() {
    let Some(file) = case("complete_but_false_shape.onnx") else { return };
    let (status, text, errors) = plimsoll(&["plan", &file, "--align", "1"]);
    assert_eq!(status, 0, "{errors}");
    // The input has 200 bytes, the output 60.
    assert_eq!(arena(&text), 260, "{text}");
    assert!(errors.contains("`y` has [3, 5]"), "{errors}");
    let file = case("neg_dim.onnx").unwrap();
    assert_eq!(arena(&planned(&[&file, "--align", "1", "--input-shape", "x=4x3"])), 96);
    let file = case("qmark_dims.onnx").unwrap();
    assert_eq!(arena(&planned(&[&file, "--align", "1", "--input-shape", "x=1x3x8x16"])), 3072);
    let (status, _, errors) = plimsoll(&["plan", &case("if_root_cause.onnx").unwrap()]);
    assert_eq!(status, 2);
    assert!(errors.contains("`c2` (Conv)") && !errors.contains("Identity"), "{errors}");
}

#[test]
fn dropout_in_training_is_not_a_view() {
    let Some(file) = case("dropout_training.onnx") else { return };
    let Imported::Graph(imported) = read(Path::new(&file), &ImportOptions::default()).unwrap() else {
        panic!()
    };
    let dropout = imported.graph.operators().iter().find(|operator| operator.op_type() == "Dropout").unwrap();
    assert_eq!(dropout.permits(), []);
}

#[test]
fn memory_of_bodies_counts() {
    let folder = Folder::new();
    // The workspace of a conditional holds its larger branch, in addition to `x`, the condition, `a` and `b`. In the
    // ONNX file, `x` and `b` lie inside it; `compare` packs all of them separately.
    let separate = 769 + 2 * 4096;
    let files =
        [("if_bodies.onnx", separate - 512, separate, 4), ("two_ifs.tflite", 769 + 3328, 769 + 3328, 6)];
    for (name, bytes, compared, bodies) in files {
        let Some(file) = case(name) else { return };
        let json = folder.text("plan.json");
        assert_optimal(&planned(&[&file, "--align", "1", "--out", &json]), bytes);
        let text = plimsoll(&["fit", &file, "--align", "1", "--memory", "l2=2KiB"]).exits(1);
        assert!(text.contains("do not fit on chip"), "{text}");
        // The branches capture 48 KiB of weights.
        if name == "if_bodies.onnx" {
            assert!(text.contains("weights 48.00 KiB (49152 bytes)"), "{text}");
        }
        let memory = format!("l2={bytes}");
        assert_eq!(plimsoll(&["fit", &file, "--align", "1", "--memory", &memory]).0, 0);
        let figures = folder.text("figures.json");
        let compare = ["compare", &file, "--align", "1", "--strategies", "auto", "--json", &figures];
        assert_eq!(plimsoll(&compare).0, 0);
        let figures: serde_json::Value = serde_json::from_str(&fs::read_to_string(figures).unwrap()).unwrap();
        assert_eq!(figures[0]["height"], compared);
        plimsoll(&["verify", &file, &json]).exits(0);
        let written = fs::read_to_string(&json).unwrap();
        assert_eq!(written.matches("\"body\":").count(), bodies);
        // The plan understates the live range of a tensor in a body.
        let start = written.find("\"bodies\"").unwrap();
        let wrong = written[start..].replacen("\"live\":[0,", "\"live\":[1,", 1);
        fs::write(&json, [&written[..start], &wrong].concat()).unwrap();
        let (status, text, _) = plimsoll(&["verify", &file, &json]);
        assert!(status == 1 && text.starts_with("invalid: [") && text.contains("] body "), "{text}");
    }
    let Some(file) = case("if_bodies.onnx") else { return };
    let separate = planned(&[&file, "--align", "1", "--bodies", "separate"]);
    assert!(separate.contains("8961 bytes"), "{separate}");
    let out = folder.text("planned.onnx");
    planned(&[&file, "--align", "1", "--out", &out]);
    plimsoll(&["verify", &out]).exits_with(0, "8449 bytes");
    let placed = folder.text("placed.json");
    planned(&[&file, "--align", "1", "--memory", "l2=16KiB", "--out", &placed]);
    assert_eq!(plimsoll(&["verify", &file, &placed]).0, 0);
    for ending in ["svg", "html", "csv", "trace.json", "h"] {
        let out = folder.text(&format!("report.{ending}"));
        planned(&[&file, "--out", &out]);
    }
}
