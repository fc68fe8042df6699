//! The command `plimsoll`, run as a process.

use crate::onnx_models;
use std::fs;
use std::path::Path;

use crate::command::{Run, model, plimsoll};
use crate::folder::Folder;

const ONNX: &str = "squeezenet1_1.onnx";
const TFLITE: &str = "nas_cell_irregular_int8.tflite";
const CSV: &str = "id,lower,upper,size\nconv1,0,3,4096\nconv2,1,5,300\nb,2,4,77\n";

#[test]
fn plan_prints_a_summary_and_writes_every_format() {
    let folder = Folder::new();
    let outs = ["a.json", "a.csv", "a.svg", "a.html", "a.trace.json", "a.h"].map(|name| folder.text(name));
    let mut arguments = vec!["plan".to_owned(), model(TFLITE), "--align".into(), "1".into()];
    for out in &outs {
        arguments.extend(["--out".to_owned(), out.clone()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (status, text, errors) = plimsoll(&arguments);
    assert_eq!((status, errors.as_str()), (0, ""));
    for line in [
        "operators      118 (0 folded)",
        "no reuse       1.10 MiB (1153628 bytes)",
        "arena          84.00 KiB (86016 bytes)",
        "lower bound    84.00 KiB (86016 bytes)",
        "gap            0.00 %",
        "status         optimal",
        "program order  108.00 KiB (110592 bytes); this order saves 22.22 %",
        "bound set by   step ",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    assert_eq!(folder.names(), ["a.csv", "a.h", "a.html", "a.json", "a.svg", "a.trace.json"]);
    let json = fs::read_to_string(folder.path("a.json")).unwrap();
    assert!(json.starts_with("{\n  \"format\": \"plimsoll-plan/1\","), "{}", &json[..80]);
    assert!(fs::read_to_string(folder.path("a.svg")).unwrap().contains("<svg"));
    let html = fs::read_to_string(folder.path("a.html")).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("\"fileArena\":110592"));
    assert!(fs::read_to_string(folder.path("a.trace.json")).unwrap().starts_with("{\"displayTimeUnit\""));
    assert!(fs::read_to_string(folder.path("a.h")).unwrap().contains("86016"));
    assert!(fs::read_to_string(folder.path("a.csv")).unwrap().starts_with("id,lower,upper,size"));
}

/// With `-q`, only the exit status and errors tell the result; files are written.
#[test]
fn quiet_commands_print_errors_only() {
    let folder = Folder::new();
    let input = model(TFLITE);
    let out = folder.text("plan.json");
    let quiet = |arguments: &[&str]| plimsoll(&[arguments, &["--quiet"]].concat());
    assert_eq!(quiet(&["plan", &input, "--out", &out]), (0, String::new(), String::new()));
    assert_eq!(folder.names(), ["plan.json"]);
    assert_eq!(quiet(&["verify", &input, &out]), (0, String::new(), String::new()));
    assert_eq!(plimsoll(&["-q", "plan", &input, "--capacity", "1KiB"]), (1, String::new(), String::new()));
    let (status, text, errors) = quiet(&["plan", "missing.onnx"]);
    assert_eq!((status, text.as_str()), (2, ""));
    assert!(errors.contains("missing.onnx"), "{errors}");
}

#[test]
fn the_long_version_lists_features() {
    let (status, text, _) = plimsoll(&["--version"]);
    let expected = format!(
        "plimsoll {}\nfeatures: csv, files, json, onnx, parallel, report, tflite\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!((status, text), (0, expected));
}

/// A limit that is met before a proof is the reason for stopping.
#[test]
fn the_summary_tells_why_the_search_stopped() {
    for (option, limit, reason) in [("--node-limit", "0", "node limit"), ("--time-limit", "0", "deadline")] {
        plimsoll(&["plan", &model(TFLITE), option, limit])
            .exits_with(0, &format!("gap            125.00 %; the search stopped: {reason}\n"));
    }
}

/// Plans for several memories have the same formats, except models, which have one arena.
#[test]
fn plan_writes_every_format_for_several_memories() {
    let folder = Folder::new();
    let plan = |more: &[&str]| {
        let network = model(TFLITE);
        plimsoll(&[&["plan", &network, "--memory", "l2=48KiB"][..], more].concat())
    };
    let names = ["a.csv", "a.h", "a.html", "a.json", "a.svg", "a.trace.json"];
    let outs = names.map(|name| folder.text(name));
    let arguments: Vec<&str> = outs.iter().flat_map(|out| ["--out", out.as_str()]).collect();
    let text = plan(&arguments).succeeds();
    assert_eq!(folder.names(), names);
    let cost = text.lines().find_map(|line| line.strip_prefix("cost           ")).unwrap();
    let html = folder.read("a.html");
    assert!(html.contains(&format!("\"placement\":{{\"cost\":{cost},")), "{cost}");
    for name in ["l2", "ddr"] {
        assert!(html.contains(&format!("{{\"name\":\"{name}\",\"bytes\":")), "{name}");
        assert!(folder.read("a.trace.json").contains(&format!("\"memory {name}\"")), "{name}");
    }
    let by_kind = folder.read("a.svg");
    assert!(by_kind.contains("\nconstant\n") && !by_kind.contains("\nCONV_2D\n"));
    plan(&["--colour", "operator", "--out", &folder.text("a.svg")]);
    assert!(folder.read("a.svg").contains("\nCONV_2D\n"));
    plan(&["--out", &folder.text("b.tflite")]).fails_with("TensorFlow Lite Micro has one arena");
    assert_eq!(folder.names(), names);
}

#[test]
fn plans_are_the_same_every_time() {
    let folder = Folder::new();
    for name in ["one.json", "two.json"] {
        assert_eq!(plimsoll(&["plan", &model(ONNX), "--out", &folder.text(name)]).0, 0);
    }
    let read = |name| fs::read_to_string(folder.path(name)).unwrap();
    assert_eq!(read("one.json"), read("two.json"));
}

#[test]
fn verify_accepts_plans_and_rejects_changes() {
    let folder = Folder::new();
    let csv = folder.with("buffers.csv", CSV);
    let inputs: [(&str, Vec<&str>); 6] = [
        (&model(TFLITE), vec!["--strategy", "knapsack"]),
        (&csv, vec!["--strategy", "knapsack"]),
        (&model(ONNX), vec![]),
        (&model(ONNX), vec!["--as", "int8", "--align", "64"]),
        (&model(TFLITE), vec!["--fold", "none", "--variables", "outside", "--strategy", "first-fit"]),
        (&csv, vec!["--align", "32"]),
    ];
    for (input, options) in inputs {
        let plan = folder.text("plan.json");
        let arguments = [vec!["plan", input, "--out", &plan], options].concat();
        assert_eq!(plimsoll(&arguments).0, 0);
        let text = plimsoll(&["verify", input, &plan]).exits(0);
        assert!(text.starts_with("valid: "), "{text}");

        let written = fs::read_to_string(&plan).unwrap();
        let arena = written.split("\"arena_bytes\": ").nth(1).unwrap().split(',').next().unwrap();
        let smaller = arena.parse::<u64>().unwrap() - 1;
        fs::write(
            &plan,
            written.replace(&format!("\"arena_bytes\": {arena}"), &format!("\"arena_bytes\": {smaller}")),
        )
        .unwrap();
        plimsoll(&["verify", input, &plan])
            .exits_with(1, &format!("ends after the arena of {smaller} bytes"));
    }
}

#[test]
fn a_plan_for_another_model_is_invalid_and_a_broken_one_is_an_error() {
    let folder = Folder::new();
    let plan = folder.text("plan.json");
    assert_eq!(plimsoll(&["plan", &model(ONNX), "--out", &plan]).0, 0);
    let text = plimsoll(&["verify", &model(TFLITE), &plan]).exits(1);
    assert!(text.starts_with("invalid: "), "{text}");
    let broken = folder.with("broken.json", "{\"format\":\"plimsoll-plan/1\",");
    plimsoll(&["verify", &model(ONNX), &broken]).fails_with("broken.json: not a plan: ");
}

/// `verify` recognises plans for several memories by their format.
#[test]
fn verify_recognises_plans_for_several_memories() {
    use plimsoll::export::json::PoolPlanDocument;
    use plimsoll::import::{ImportOptions, Imported, read};
    use plimsoll::{Planner, Pool, Pools};

    let options = ImportOptions::default();
    let Imported::Graph(imported) = read(Path::new(&model(TFLITE)), &options).unwrap() else {
        panic!("expected a network")
    };
    let pools = Pools::new([Pool::on_chip("l2", 64 << 10), Pool::off_chip("ddr")]).unwrap();
    let plan = Planner::new().place(&imported.graph, &pools).unwrap();
    let document = PoolPlanDocument::of_graph(&imported.graph, &plan, &options);
    let folder = Folder::new();
    let file = folder.with("pools.json", document.to_json());
    let text = plimsoll(&["verify", &model(TFLITE), &file]).succeeds();
    let expected = format!(
        "{} residency intervals in 2 pools, {} transfers",
        plan.residencies.len(),
        plan.transfers.len()
    );
    assert!(text.starts_with(&format!("valid: {expected}, cost {}", plan.cost)), "{text}");
    assert!(text.ends_with(&format!("\nlower bound: certified 0 of {}\n", plan.lower_bound)), "{text}");

    let mut cheaper = document;
    cheaper.cost -= 1;
    let file = folder.with("cheaper.json", cheaper.to_json());
    let text = plimsoll(&["verify", &model(TFLITE), &file]).exits(1);
    assert!(text.starts_with("invalid: "), "{text}");
    let buffers = folder.with("buffers.csv", CSV);
    let (status, text, _) = plimsoll(&["verify", &buffers, &file]);
    assert_eq!(
        (status, text.as_str()),
        (1, "invalid: the plan is for a graph, but the input is a buffer list\n")
    );
    let text = plimsoll(&["verify", &model(ONNX), &file]).exits(1);
    assert!(text.starts_with("invalid: "), "{text}");
}

/// `verify` needs only the fields that the format documents.
#[test]
fn a_plan_with_the_documented_fields_alone_can_be_verified() {
    let folder = Folder::new();
    let graph = r#"{"name":"m","ops":[{"name":"a","type":"Relu","inputs":[0],"outputs":[1],"scratch":8}],
        "tensors":[{"name":"x","bytes":100,"kind":"input"},{"name":"y","bytes":50,"kind":"output"}]}"#;
    let plan = r#"{"format":"plimsoll-plan/1","model":"m","status":"optimal","arena_bytes":158,
        "lower_bound_bytes":158,"alignment":1,"order":[0],"folded":[],"graph_hash":null,
        "tensors":[{"index":0,"name":"x","bytes":100,"kind":"input","pool":"arena","offset":0,"live":[0,1],"shares":null},
        {"index":1,"name":"y","bytes":50,"kind":"output","pool":"arena","offset":100,"live":[0,1],"shares":null}],
        "scratch":[{"operator":0,"bytes":8,"offset":150}],"from the future":{"a":[1]}}"#;
    let graph = folder.with("m.json", graph);
    let plan_file = folder.with("plan.json", plan);
    plimsoll(&["verify", &graph, &plan_file]).succeeds();
    let low = folder.with("low.json", plan.replace("\"offset\":150", "\"offset\":149"));
    plimsoll(&["verify", &graph, &low])
        .exits_with(1, "tensor `y` (50 bytes at 100, live 0..1) overlaps scratch of operator `a`");
    let overstated = folder
        .with("overstated.json", plan.replace("\"lower_bound_bytes\":158", "\"lower_bound_bytes\":159"));
    plimsoll(&["verify", &graph, &overstated]).exits(1);
}

#[test]
fn networks_that_do_not_fit_are_still_planned() {
    let folder = Folder::new();
    let plan = folder.text("plan.json");
    let (status, text, errors) =
        plimsoll(&["plan", &model(TFLITE), "--align", "1", "--capacity", "80KiB", "--out", &plan]);
    assert_eq!((status, errors.as_str()), (1, ""));
    assert!(text.contains("does not fit, and no plan can: the lower bound exceeds it by 4.00 KiB"), "{text}");
    assert!(text.contains("status         infeasible"), "{text}");
    assert!(fs::read_to_string(&plan).unwrap().contains(r#""status": "infeasible""#));
    assert_eq!(plimsoll(&["verify", &model(TFLITE), &plan]).0, 0);
    assert_eq!(plimsoll(&["plan", &model(TFLITE), "--align", "1", "--capacity", "108KiB"]).0, 0);
    assert_eq!(plimsoll(&["plan", &model(TFLITE), "--align", "1", "--capacity", "0.10546875 MiB"]).0, 0);
}

/// A report states that the plan does not fit. Code and models could be built and run without that
/// knowledge, so they are not written.
#[test]
fn code_and_models_are_not_written_over_the_capacity() {
    let folder = Folder::new();
    let names = ["a.c", "a.csv", "a.h", "a.html", "a.json", "a.onnx", "a.svg", "a.trace.json"];
    let outs = names.map(|name| folder.text(name));
    let network = model(ONNX);
    let mut arguments = vec!["plan", &network, "--capacity", "1KiB"];
    arguments.extend(outs.iter().flat_map(|out| ["--out", out.as_str()]));
    let (status, text, errors) = plimsoll(&arguments);
    assert!(status == 1 && text.contains("does not fit"), "{text}");
    let [code, header, onnx] = ["a.c", "a.h", "a.onnx"].map(|name| folder.text(name));
    let needed = text.lines().find_map(|line| line.strip_prefix("arena ")).unwrap();
    let needed = needed.split(['(', ' ']).find(|word| word.len() > 5).unwrap();
    assert_eq!(
        errors,
        format!(
            "note: {code}, {header}, {onnx}: not written: the plan exceeds the capacity ({needed} bytes, \
             capacity 1024); use --allow-over-capacity to write code and models anyway\n"
        )
    );
    assert_eq!(folder.names(), ["a.csv", "a.html", "a.json", "a.svg", "a.trace.json"]);
    arguments.push("--allow-over-capacity");
    let (status, _, errors) = plimsoll(&arguments);
    assert!(status == 1 && !errors.contains("not written"), "{errors}");
    assert_eq!(folder.names(), names);
    // If the memories cannot hold the network, there is no plan to write.
    let none = folder.text("none.json");
    let tiny = ["plan", &network, "--memory", "l2=1", "--memory", "ddr=2", "--out", &none];
    let (status, text, errors) = plimsoll(&tiny);
    assert!(status == 1 && text.starts_with("does not fit: "), "{text}");
    assert_eq!(errors, format!("note: {none}: not written: the network does not fit the memories\n"));
    assert_eq!(folder.names(), names);
}

#[test]
fn times_have_units() {
    let folder = Folder::new();
    let csv = folder.with("buffers.csv", CSV);
    let run = |time: &str| plimsoll(&["plan", &csv, &format!("--time-limit={time}")]);
    for time in ["5", "5s", "500ms", "2m", "1.5s", ".5", "5 s", "0", "0ms", "1e400"] {
        assert_eq!(run(time).0, 0, "{time}");
    }
    for time in ["", "s", "ms", "5h", "5S", "inf", "nan", "infs", "five", "5s5", "1e400x", "5ss"] {
        let (status, _, errors) = run(time);
        assert!(status == 2, "{time}");
        assert!(errors.contains("not a time; use e.g. 5, 5s, 500ms or 2m"), "{time}: {errors}");
    }
    assert!(run("-1s").2.contains("a time cannot be negative"));
    // A negative number is a wrong value, not an option.
    for (option, reason) in [
        ("--time-limit", "a time cannot be negative"),
        ("--align", "not a whole number"),
        ("--capacity", "use e.g. 2MiB"),
    ] {
        plimsoll(&["plan", &csv, option, "-1"]).fails_with(reason);
    }
}

/// A name of one megabyte does not hide the cause, and escape sequences do not reach the terminal.
#[test]
fn messages_are_short_and_safe() {
    let folder = Folder::new();
    let name = "n".repeat(1 << 20);
    let twice = folder.with("twice.csv", format!("id,lower,upper,size\n{name},0,1,8\n{name},0,1,8\n"));
    let missing = format!("m\u{1b}[31m{}.csv", "x".repeat(100_000));
    let escape = folder.with("escape.csv", "id,lower,upper,size\n\u{1b}]0;x\u{7},0,1,y\n");
    let option = format!("--{}\u{1b}[2J", "o".repeat(100_000));
    let net = format!(
        r#"{{"name":"{name}","ops":[{{"name":"{name}","type":"{name}","inputs":[0],"outputs":[1]}}],
        "tensors":[{{"name":"{name}","bytes":9,"kind":"input"}},{{"name":"y","bytes":9,"kind":"output"}}]}}"#
    );
    let net = folder.with("net.json", net);
    for more in [&["--capacity", "16"][..], &["--capacity", "99"], &["--memory", "l2=9"]] {
        let (_, text, errors) = plimsoll(&[&["plan", &net, "--align", "1"][..], more].concat());
        assert!(errors.is_empty() && (text.contains("\ncost ") || text.contains("\narena ")), "{errors}");
        assert!(text.lines().all(|line| line.len() <= 2048), "{} bytes", text.len());
    }
    for (arguments, cause) in [
        (vec!["plan", &twice], "stands at line 2 already"),
        (vec!["plan", &missing], "File name too long"),
        (vec!["plan", &escape], "is not a whole number"),
        (vec!["plan", &escape, &option], "unexpected argument"),
        (vec!["plan", &escape, "--strategy", &missing], "invalid value"),
        (vec!["plan", &escape, "--memory", &missing], "a .toml file, or one of mcu"),
    ] {
        let (status, text, errors) = plimsoll(&arguments);
        assert_eq!((status, text.as_str()), (2, ""), "{}", &errors[..errors.len().min(3000)]);
        assert!(errors.len() <= 2048 + "error: \n".len(), "{} bytes", errors.len());
        assert!(errors.contains(cause), "no `{cause}` in {errors}");
        assert!(errors.chars().all(|c| c == '\n' || !c.is_control()), "{errors:?}");
    }
}

#[test]
fn usage_errors_name_the_argument_and_write_nothing() {
    let folder = Folder::new();
    let out = folder.text("out.json");
    let onnx = model(ONNX);
    let broken = folder.with("broken.onnx", "this is not a model");
    let cases: [(&[&str], &str); 18] = [
        (&["plan", &onnx, "--strategi", "auto"], "--strategi"),
        (&["plan", &onnx, "--strategy", "greedy"], "greedy-by-size"),
        (&["plan", &onnx, "--align", "24"], "not a power of two"),
        (&["plan", &onnx, "--capacity", "2 bananas"], "2 bananas"),
        (&["plan", &onnx, "--capacity", "80", "KiB"], "write a size as one word, e.g. `80KiB`"),
        (&["plan", &onnx, "--as", "resource"], "has no fixed size"),
        (&["plan", &onnx, "--as", "int9"], "`int9` is not an element type; use one of float64"),
        (&["plan", &onnx, "--dim", "batch"], "expected NAME=VALUE"),
        (&["plan", &onnx, "--dim", "batch=1", "--out", &out], "symbolic dimension `batch`; there are none"),
        (&["plan", &onnx, "--dim", "a=1", "--dim", "a=2"], "--dim a: given twice"),
        (&["plan", &onnx, "--out", "plan.txt"], "plan.txt: unknown format; use the extension .json"),
        (&["plan", &onnx, "--colour", "taste"], "possible values: kind, operator"),
        (&["plan", "missing.onnx", "--out", &out], "missing.onnx: No such file"),
        (&["plan", &broken, "--out", &out], "broken.onnx: not a valid ONNX file"),
        (&["plan", "model.pt"], "model.pt: expected a file ending in"),
        (&["plan", "model.pt2"], "torch.onnx.export"),
        (&["plan", "model.h5"], "from_keras_model"),
        (&["plan", &onnx, "--order", "random"], "random"),
    ];
    for (arguments, culprit) in cases {
        let (status, text, errors) = plimsoll(arguments);
        assert_eq!((status, text.as_str()), (2, ""), "{arguments:?}");
        assert!(errors.contains(culprit), "{arguments:?}: no `{culprit}` in\n{errors}");
    }
    assert_eq!(folder.names(), ["broken.onnx"]);
    let nowhere = folder.text("no/such/folder/plan.json");
    let (status, _, errors) = plimsoll(&["plan", &onnx, "--out", &nowhere]);
    assert_eq!(status, 2);
    assert!(errors.contains("cannot write") && errors.contains("plan.json"), "{errors}");
    assert_eq!(folder.names(), ["broken.onnx"]);
}

#[test]
fn the_input_is_not_written_over_and_links_stay_links() {
    let folder = Folder::new();
    let csv = folder.with("buffers.csv", CSV);
    plimsoll(&["plan", &csv, "--out", &csv])
        .fails_with("the output is also an input and would be overwritten");
    assert_eq!(fs::read_to_string(&csv).unwrap(), CSV);
    #[cfg(unix)]
    {
        let real = folder.with("real.json", "old");
        std::os::unix::fs::symlink(&real, folder.path("link.json")).unwrap();
        assert_eq!(plimsoll(&["plan", &csv, "--out", &folder.text("link.json")]).0, 0);
        assert!(fs::symlink_metadata(folder.path("link.json")).unwrap().is_symlink());
        assert!(fs::read_to_string(&real).unwrap().contains("plimsoll-plan/1"));
    }
}

/// Programs look up buffers by number, so `verify` refuses swapped numbers.
#[test]
fn swapped_numbers_are_wrong() {
    let folder = Folder::new();
    let csv = folder.with("buffers.csv", CSV);
    let plan = folder.text("plan.json");
    assert_eq!(plimsoll(&["plan", &csv, "--out", &plan]).0, 0);
    let written = fs::read_to_string(&plan).unwrap();
    let swapped = written.replace("\"index\":0", "\"index\":x").replace("\"index\":1", "\"index\":0");
    let swapped = folder.with("swapped.json", swapped.replace("\"index\":x", "\"index\":1"));
    let (status, text, _) = plimsoll(&["verify", &csv, &swapped]);
    assert_eq!(
        (status, text.as_str()),
        (1, "invalid: buffer `conv1` is number 1 in the plan and 0 in the model\n")
    );
}

#[test]
fn names_cannot_forge_lines() {
    let folder = Folder::new();
    let csv = folder.with("buffers.csv", "id,lower,upper,size\n\"a\nvalid: all is well\",0,1,8\nb,0,1,8\n");
    let plan = folder.text("plan.json");
    assert_eq!(plimsoll(&["plan", &csv, "--out", &plan]).0, 0);
    let same_place = fs::read_to_string(&plan).unwrap().replace("\"offset\":16", "\"offset\":0");
    let wrong = folder.with("wrong.json", &same_place);
    let text = plimsoll(&["verify", &csv, &wrong]).exits(1);
    assert!(text.lines().all(|line| line.starts_with("invalid: ")), "{text}");
}

#[test]
fn compare_lists_strategies_and_writes_json() {
    let folder = Folder::new();
    let csv = folder.with("buffers.csv", CSV);
    let json = folder.text("figures.json");
    let models = model("");
    let options = ["--strategies", "naive,auto", "--as", "int8", "--align", "1", "--json", &json];
    let text = plimsoll(&[&["compare", &models, &csv][..], &options].concat()).succeeds();
    assert!(text.contains("| input") && text.contains("| naive    |      3 |            1 |"), "{text}");
    let figures: serde_json::Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!(figures.as_array().unwrap().len(), 6);
    let auto = &figures[5];
    assert_eq!((auto["height"].as_u64(), auto["lower_bound"].as_u64()), (Some(4473), Some(4473)));
    assert_eq!((auto["strategy"].as_str(), auto["status"].as_str()), (Some("auto"), Some("optimal")));
}

#[test]
fn shared_objects_are_written_and_checked() {
    let folder = Folder::new();
    let plan = folder.text("plan.json");
    let text = plimsoll(&["plan", &model(ONNX), "--strategy", "knapsack", "--out", &plan]).exits(0);
    assert!(
        text.contains("objects        3, 6.75 MiB") && text.contains(" in total: proven minimal"),
        "{text}"
    );
    let written = fs::read_to_string(&plan).unwrap();
    assert!(written.contains("\"objects\": {\"lower_bound_bytes\":"), "{written}");
    assert!(written.contains("\"object\":0"), "{written}");
    let elsewhere = folder.with("elsewhere.json", written.replacen("\"object\":0", "\"object\":1", 1));
    plimsoll(&["verify", &model(ONNX), &elsewhere]).exits_with(1, "is not inside of object 1");
    let none = folder.with("none.json", written.replacen("\"object\":0", "\"object\":99", 1));
    plimsoll(&["verify", &model(ONNX), &none]).exits_with(1, "is in object 99, but there are");
}

#[test]
fn merged_objects_are_written_and_checked() {
    let folder = Folder::new();
    let csv = folder.with("b.csv", "id,lower,upper,size\na,0,1,90\nb,0,3,10\nc,1,4,40\nd,2,4,50\n");
    for input in [csv, model(TFLITE)] {
        let plan = folder.text("plan.json");
        plimsoll(&["plan", &input, "--align", "1", "--strategy", "merge", "--out", &plan])
            .exits_with(0, " lie inside larger ones");
        let (status, text, _) = plimsoll(&["verify", &input, &plan]);
        assert_eq!((status, text.starts_with("valid: ")), (0, true), "{text}");
        let written: serde_json::Value = serde_json::from_str(&fs::read_to_string(&plan).unwrap()).unwrap();
        let verdict = |field: &str, value: serde_json::Value| {
            let mut changed = written.clone();
            changed["objects"]["inside"][0][field] = value;
            let wrong = folder.with("wrong.json", changed.to_string());
            let (status, text, errors) = plimsoll(&["verify", &input, &wrong]);
            (status, text + &errors)
        };
        let (status, text) = verdict("at", serde_json::json!(7));
        assert!(status == 1 && text.contains("is not inside of"), "{text}");
        let (status, text) = verdict("host", serde_json::json!({ "tensor": 99999 }));
        assert!(status == 1 && text.contains("the list of shared objects names"), "{text}");
        let (status, text) = verdict("guest", serde_json::json!({ "scratch": 99999 }));
        assert!(status == 1 && text.contains("the list of shared objects names"), "{text}");
    }
}

#[test]
fn plans_that_do_not_fit_are_infeasible_or_unknown() {
    let folder = Folder::new();
    let csv = folder.with("b.csv", "id,lower,upper,size\na,0,1,90\nb,0,3,10\nc,1,4,40\nd,2,4,50\n");
    let run = |capacity, strategy| {
        plimsoll(&["plan", &csv, "--align", "1", "--strategy", strategy, "--capacity", capacity])
    };
    let (status, text, _) = run("120", "knapsack");
    assert_eq!(status, 1);
    assert!(text.contains("status         unknown") && text.contains("does not fit by 20"), "{text}");
    let (status, text, _) = run("99", "knapsack");
    assert_eq!(status, 1);
    assert!(text.contains("status         infeasible") && text.contains("no plan can"), "{text}");
    let (status, text, _) = run("100", "merge");
    assert_eq!(status, 0);
    assert!(text.contains("status         optimal"), "{text}");
}

#[test]
fn gaps_and_reserved_ranges_reach_the_plan() {
    let folder = Folder::new();
    let csv =
        folder.with("b.csv", "id,lower,upper,size,gaps\nstate,0,6,600,2-5\nlarge,2,4,500,\nsmall,3,5,300,\n");
    let (json, copy, svg) = (folder.text("p.json"), folder.text("p.csv"), folder.text("p.svg"));
    let reserving = ["plan", &csv, "--align", "1", "--reserve", "0..64", "--reserve", "700..750"];
    let run = |more: &[&str]| plimsoll(&[&reserving[..], more].concat());
    let (status, text, errors) = run(&["--capacity", "1050", "--out", &json, "--out", &copy, "--out", &svg]);
    assert_eq!((status, errors.as_str()), (0, ""));
    assert!(text.contains("arena          1.03 KiB (1050 bytes)"), "{text}");
    assert!(text.contains("status         optimal"), "{text}");
    assert!(text.contains("reserved       114 bytes at 0..64, 700..750"), "{text}");
    assert_eq!(plimsoll(&["verify", &csv, &json]).0, 0);
    let plan = fs::read_to_string(&json).unwrap();
    assert!(plan.contains(r#""reserved": [[0,64],[700,750]]"#), "{plan}");
    assert!(plan.contains(r#""gaps":[[2,5]]"#), "{plan}");
    let elsewhere = folder.with("wrong.json", plan.replace("[0,64]", "[0,65]"));
    let (status, text, _) = plimsoll(&["verify", &csv, &elsewhere]);
    assert_eq!((status, text.contains("lies in the reserved range 0..65")), (1, true), "{text}");
    let other = folder.with("c.csv", fs::read_to_string(&csv).unwrap().replace("2-5", "2-4"));
    assert_eq!(plimsoll(&["verify", &other, &json]).0, 1);
    // With fixed offsets, the buffers keep their offsets, also inside a gap.
    assert!(fs::read_to_string(&copy).unwrap().contains("state,0,6,600,1,64,2-5"));
    assert_eq!(plimsoll(&["plan", &copy, "--align", "1", "--reserve", "0..64"]).0, 0);
    plimsoll(&["plan", &copy, "--align", "1", "--reserve", "0..65"])
        .fails_with("`state` (600 bytes at 64, live 0..6) is fixed inside of the reserved range 0..65");

    run(&["--capacity", "1049"]).exits_with(1, 
            "infeasible     these 2 need 1.03 KiB (1050 bytes), 1 byte more than the capacity; without any one of them, the others fit"
        );
    for (wrong, message) in [("5", "expected START..END, e.g. 0..4KiB"), ("7..7", "the range is empty")] {
        let (status, _, errors) = plimsoll(&["plan", &csv, "--reserve", wrong]);
        assert_eq!((status, errors.contains(message)), (2, true), "{errors}");
    }
}

#[test]
fn compare_shows_heights_and_counts_fits() {
    let folder = Folder::new();
    let csv = folder.with("b.csv", "id,lower,upper,size,offset\na,0,1,90,0\nc,1,4,40,\nd,2,4,50,\n");
    let options = ["--strategies", "naive,knapsack,merge", "--capacity", "100,1MiB", "--heights"];
    let text = plimsoll(&[&["compare", &csv, &model(TFLITE)][..], &options].concat()).exits(0);
    assert!(text.contains("| lower bound |   naive | knapsack |  merge |"), "{text}");
    assert!(text.contains("|          98 |     194 |          |     98 |"), "{text}");
    assert!(text.contains("| fit 100 B | fit 1.00 MiB |"), "{text}");
    assert!(text.contains("|  1 (50 %) |    2 (100 %) |"), "{text}");
}

#[test]
fn compare_notes_inputs_that_a_strategy_refuses() {
    let folder = Folder::new();
    let fixed = folder.with("fixed.csv", "id,lower,upper,size,offset\na,0,1,8,16\nb,0,1,8,\n");
    let (status, text, errors) = plimsoll(&["compare", &fixed, "--strategies", "knapsack,auto"]);
    assert_eq!(status, 0, "{errors}");
    assert!(errors.contains("strategy `knapsack`: buffer `a` has a fixed offset"), "{errors}");
    assert!(text.contains("| auto "), "{text}");
}

#[test]
fn compare_reports_a_broken_file_and_continues() {
    let folder = Folder::new();
    let broken = folder.with("broken.csv", "id,lower,upper,size\na,0,1,x\n");
    let (status, text, errors) = plimsoll(&["compare", &broken, &model(TFLITE), "--strategies", "auto"]);
    assert_eq!(status, 2);
    assert!(text.contains("nas_cell_irregular_int8"), "{text}");
    assert!(
        errors.contains("broken.csv: not a valid CSV file") && errors.contains("1 of 2 inputs"),
        "{errors}"
    );
    plimsoll(&["compare", &folder.with("empty", "")]).fails_with("expected a file ending in");
    plimsoll(&["compare", &model(TFLITE), "--dim", "batch=1"]).fails_with("--dim batch: no input has");
}

/// The file declares the shapes of its inputs only.
#[test]
fn missing_shapes_are_inferred() {
    let folder = Folder::new();
    let complete = fs::read(model(ONNX)).unwrap();
    fs::write(folder.path("bare.onnx"), onnx_models::without_value_info(&complete)).unwrap();
    let bare = folder.text("bare.onnx");
    let text = plimsoll(&["plan", &bare, "--as", "int8", "--align", "1"]).succeeds();
    assert!(text.contains("arena          1.50 MiB (1577088 bytes)"), "{text}");
}

#[test]
fn inputs_may_be_given_other_shapes() {
    let folder = Folder::new();
    let (network, plan) = (model(ONNX), folder.text("plan.json"));
    let common = ["plan", &network, "--as", "int8", "--align", "1"];
    let named = ["--input-shape", "input.1=1x3xSx112", "--dim", "S=112", "--out", &plan];
    let text = plimsoll(&[&common[..], &named].concat()).succeeds();
    assert!(text.contains("arena          378.13 KiB (387200 bytes)"), "{text}");
    // The plan records the import options.
    plimsoll(&["verify", &network, &plan]).exits_with(0, "S = 112, input.1 of shape 1,3,S,112");
    for (given, reason) in [
        ("image=1x3x8x8", "invalid shape for `image`: the file has no such input; there are `input.1`"),
        ("input.1=1x3x8", "it has 4 dimensions, not 3"),
        ("input.1=1x3x2x2", "its window spans 3 elements, but its padded input has 2"),
        ("input.1=1x3xx8", "is not a shape; write it as in 1x3x224x224"),
        ("1x3x8x8", "expected NAME=SHAPE"),
    ] {
        plimsoll(&[&common[..], &["--input-shape", given]].concat()).fails_with(reason);
    }
    let (_, _, errors) = plimsoll(&["plan", &model(TFLITE), "--input-shape", "x=1"]);
    assert!(errors.contains("invalid shape for `x`: it has 4 dimensions, not 1"), "{errors}");
    let twice = ["--input-shape", "input.1=1x3x8x8", "--input-shape", "input.1=1x3x8x8"];
    let (_, _, errors) = plimsoll(&[&common[..], &twice].concat());
    assert!(errors.contains("--input-shape input.1: given twice"), "{errors}");
}

#[test]
fn help_matches_the_snapshots() {
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help-plan", &["plan", "--help"]),
        ("help-compare", &["compare", "--help"]),
        ("help-verify", &["verify", "--help"]),
    ] {
        insta::assert_snapshot!(name, plimsoll(arguments).1);
    }
}

#[test]
fn the_version_names_the_command() {
    let (status, text, _) = plimsoll(&["-V"]);
    assert_eq!((status, text), (0, format!("plimsoll {}\n", env!("CARGO_PKG_VERSION"))));
}
