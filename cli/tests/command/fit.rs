//! `plimsoll fit`, run as a process.

use crate::onnx_models;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::command::{Run, plimsoll, repository_path};
use crate::folder::Folder;
use crate::onnx_models::{FLOAT, attribute, initializer, input, model, node, node_with, output, value_info};

fn fit(arguments: &[&str]) -> (i32, String, String) {
    plimsoll(&[&["fit"], arguments].concat())
}

const SQUEEZENET: &str = "examples/models/squeezenet1_1.onnx";
const CELLS: &str = "examples/models/nas_cell_irregular_int8.tflite";

fn parsed(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&folder.read(name)).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn total(figures: &Value) -> u64 {
    number(&figures["read"]) + number(&figures["written"])
}

#[test]
fn a_report_has_all_lines() {
    let text = fit(&[&repository_path(SQUEEZENET), "--as", "int8", "--align", "1", "--memory", "l2=2MiB"])
        .succeeds();
    for line in [
        "model        squeezenet1_1",
        "memories     l2 2.00 MiB, ddr",
        "activations  fit on chip: arena 1.50 MiB (1577088 bytes), proven minimal",
        "with weights do not fit on chip: weights 1.18 MiB (1233288 bytes)",
        "ddr before   14.77 MiB (15489088 bytes) per run",
        "ddr after    ",
        "cost         ",
        "gap          ",
        "l2           ",
        "preloaded    ",
        "avoidable    ",
        "(weights, 144.00 KiB)",
        "time         ",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    assert!(!text.contains("(activation,"), "{text}");
}

/// The list of transfers is computed from residency intervals and copies alone; its sums equal
/// the planner's traffic.
#[test]
fn transfers_add_up_to_the_traffic() {
    let folder = Folder::new();
    for (memory, share) in
        [("l2=256KiB", "none"), ("l2=256KiB", "all"), ("l2=64KiB", "all"), ("l2=8MiB", "inplace")]
    {
        for network in [CELLS, SQUEEZENET] {
            let json = folder.text("fit.json");
            let (path, options) = (repository_path(network), ["--memory", memory, "--share", share]);
            let (_, _, errors) = fit(&[&[&path, "--as", "int8", "--json", &json][..], &options].concat());
            assert_eq!(errors, "");
            let found = &parsed(&folder, "fit.json")[0];
            let placed = &found["placed"];
            let moved = placed["moved"].as_array().unwrap();
            let of = |field: &str| -> u64 { moved.iter().map(|one| number(&one[field])).sum() };
            assert_eq!(of("read"), number(&placed["after"]["read"]), "{network} {memory} {share}");
            assert_eq!(of("written"), number(&placed["after"]["written"]), "{network} {memory} {share}");
            // A byte in the backing store costs 1, all others 0.
            assert_eq!(number(&placed["cost"]), total(&placed["after"]));
            assert!(total(&placed["after"]) <= total(&found["before"]));
            assert!(number(&placed["lower_bound"]) <= number(&placed["cost"]));
            let avoidable = moved.iter().any(|one| one["avoidable"] == true);
            assert!(!avoidable || number(&placed["cost"]) > 0);
        }
    }
}

#[test]
fn the_exit_status_states_whether_the_network_fits() {
    let run = |more: &[&str]| {
        let network = repository_path(CELLS);
        fit(&[&[network.as_str(), "--align", "1"], more].concat())
    };
    // The network has 86016 bytes of activations and 29042 of weights.
    let json = |memory: &str| {
        let folder = Folder::new();
        let file = folder.text("fit.json");
        run(&["--memory", memory, "--json", &file]);
        parsed(&folder, "fit.json")[0].clone()
    };
    assert_eq!(run(&["--memory", "l2=86016"]).0, 0);
    assert_eq!(run(&["--memory", "l2=84KiB", "--weights"]).0, 1);
    assert_eq!(run(&["--memory", "l2=16KiB"]).0, 1);
    let weights = number(&json("l2=1MiB")["weights"]);
    assert!(weights > 10_000);
    let text = run(&["--memory", &format!("l2={}", 86016 + weights), "--weights"]).exits(0);
    assert!(text.contains("with weights fit on chip") && !text.contains("\navoidable"), "{text}");

    let nothing = json("l2=0");
    assert_eq!((&nothing["activations"], &nothing["everything"]), (&false.into(), &false.into()));
    assert_eq!(total(&nothing["placed"]["after"]), total(&nothing["before"]));
    let all = json("l2=18446744073709551615");
    assert_eq!((&all["activations"], &all["everything"]), (&true.into(), &true.into()));
    assert_eq!(all["placed"]["cost"], all["placed"]["floor"]);
    assert_eq!(all["placed"]["preloaded"], json("l2=1MiB")["placed"]["preloaded"]);
}

/// A network as JSON. Tensors are (name, bytes, kind); operators are (name, type, inputs, outputs).
fn network(tensors: &[(&str, u64, &str)], operators: &[(&str, &str, &[usize], &[usize])]) -> Value {
    let tensors = tensors.iter().map(|(name, bytes, kind)| {
        json!({"name": name, "shape": [1, bytes / 10, 10, 1], "dtype": "int8", "kind": kind})
    });
    let operators = operators.iter().map(|(name, op_type, inputs, outputs)| {
        json!({"name": name, "type": op_type, "inputs": inputs, "outputs": outputs})
    });
    json!({"name": "net", "tensors": tensors.collect::<Vec<_>>(), "ops": operators.collect::<Vec<_>>()})
}

/// Two branches whose operators alternate in program order.
fn branches() -> Value {
    let inner = "intermediate";
    network(
        &[
            ("x", 10, "input"),
            ("a", 100, inner),
            ("b", 100, inner),
            ("c", 10, inner),
            ("d", 10, inner),
            ("y", 10, "output"),
        ],
        &[
            ("left", "MatMul", &[0], &[1]),
            ("right", "MatMul", &[0], &[2]),
            ("shrink left", "MatMul", &[1], &[3]),
            ("shrink right", "MatMul", &[2], &[4]),
            ("join", "MatMul", &[3, 4], &[5]),
        ],
    )
}

/// A chain with in-place permissions and 50 bytes of weights.
fn chain() -> Value {
    let mut net = network(
        &[
            ("x", 10, "input"),
            ("a", 100, "intermediate"),
            ("b", 100, "intermediate"),
            ("y", 10, "output"),
            ("w", 50, "constant"),
        ],
        &[("conv", "Conv", &[0, 4], &[1]), ("relu", "Relu", &[1], &[2]), ("pool", "MaxPool", &[2], &[3])],
    );
    net["ops"][1]["permits"] = json!([{"how": "in_place", "input": 1, "output": 2}]);
    net
}

/// The chain with ten rows in each tensor, and operators that read a row for each row of their output.
fn chain_of_rows() -> Value {
    let mut net = chain();
    for (index, bytes) in [10, 100, 100, 10].into_iter().enumerate() {
        net["tensors"][index]["shape"] = json!([1, 10, bytes / 10, 1]);
    }
    for operator in net["ops"].as_array_mut().unwrap() {
        operator["access"] = json!({"axes": [{"outputs": [1], "inputs": [{"axis": 1}]}]});
    }
    net
}

/// A skip connection over two larger tensors.
fn skip() -> Value {
    let inner = "intermediate";
    network(
        &[
            ("x", 10, "input"),
            ("s", 60, inner),
            ("m", 100, inner),
            ("n", 100, inner),
            ("k", 60, inner),
            ("y", 60, "output"),
        ],
        &[
            ("c1", "MatMul", &[0], &[1]),
            ("c2", "MatMul", &[1], &[2]),
            ("c3", "MatMul", &[2], &[3]),
            ("c4", "MatMul", &[3], &[4]),
            ("add", "MatMul", &[1, 4], &[5]),
        ],
    )
}

/// Each remedy as (kind, description, arena, bytes saved, fits).
fn remedies(help: &Value) -> Vec<(String, String, u64, u64, bool)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = help["remedies"].as_array().unwrap().iter();
    list.map(|remedy| {
        let (arena, saves) = (number(&remedy["arena"]), number(&remedy["saves"]));
        (text(&remedy["kind"]), text(&remedy["what"]), arena, saves, remedy["fits"].as_bool().unwrap())
    })
    .collect()
}

#[test]
fn remedies_are_listed_with_their_savings() {
    let folder = Folder::new();
    let run = |net: &Value, more: &[&str]| {
        let file = folder.with("net.json", net.to_string());
        let json = folder.text("fit.json");
        let (status, text, errors) = fit(&[&[&file, "--align", "1", "--json", &json], more].concat());
        assert_eq!(errors, "");
        (status, text, parsed(&folder, "fit.json")[0].clone())
    };
    let expected = |list: &[(&str, &str, u64, u64, bool)]| -> Vec<(String, String, u64, u64, bool)> {
        let owned = |one: &(&str, &str, u64, u64, bool)| (one.0.into(), one.1.into(), one.2, one.3, one.4);
        list.iter().map(owned).collect()
    };

    // Program order needs 10 + 100 + 100 bytes; one branch after the other needs 10 + 10 + 100.
    let (status, text, found) = run(&branches(), &["--order", "file", "--memory", "l2=150"]);
    let help = &found["help"];
    assert_eq!((status, number(&help["needed"]), number(&help["missing"])), (1, 210, 60));
    assert_eq!(remedies(help), expected(&[("order", "--order optimal", 120, 90, true)]));
    assert_eq!((&help["peak"]["operator"], &help["peak"]["step"]), (&"right".into(), &1.into()));
    assert_eq!(number(&help["peak"]["bytes"]), 210);
    let live: Vec<_> = help["peak"]["live"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(live, ["a", "b", "x"]);
    for line in [
        "missing      60 bytes: 210 B are needed, l2 has 150 B",
        "peak         210 bytes at step 1, MatMul `right`",
        "100 B  a (activation, idle)",
        "90 B  saved, fits with 120 B: --order optimal",
        "more memory  210 bytes are enough; arena proven minimal for this order",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    let (status, _, found) = run(&branches(), &["--order", "optimal", "--memory", "l2=150"]);
    assert_eq!((status, number(&found["arena"]), &found["help"]), (0, 120, &Value::Null));

    let (status, _, found) = run(&chain(), &["--memory", "l2=150"]);
    assert_eq!((status, number(&found["help"]["missing"])), (1, 50));
    assert_eq!(
        remedies(&found["help"]),
        expected(&[
            ("sharing_at_one", "only Relu `relu` in place", 110, 90, true),
            ("sharing", "--share inplace", 110, 90, true),
        ])
    );
    // Row by row, 10 bytes of each large tensor are live at a time, beside the 9 rows of `x` that are not read yet.
    let (_, text, found) = run(&chain_of_rows(), &["--memory", "l2=150"]);
    let tiled = remedies(&found["help"]).pop().unwrap();
    assert_eq!(tiled.0, "stripes", "{text}");
    assert_eq!(tiled.1, "--tile: 1 region in 10 stripes, 0.00 % extra MACs");
    assert_eq!((tiled.2, tiled.4), (29, true), "{text}");
    let (_, _, found) = run(&chain(), &["--memory", "l2=150", "--share", "inplace"]);
    assert_eq!((number(&found["arena"]), &found["help"]), (110, &Value::Null));
    // Among remedies that do not fit, the smallest arena comes first.
    let (_, _, found) = run(&chain_of_rows(), &["--memory", "l2=20"]);
    let found = remedies(&found["help"]);
    assert_eq!(found.iter().map(|one| one.2).collect::<Vec<_>>(), [tiled.2, 110, 110]);
    assert!(found.iter().all(|one| !one.4) && found[0].0 == "stripes", "{found:?}");

    // The skip connection leaves the arena over the peak, which saves 60 bytes.
    let (_, text, found) = run(&skip(), &["--memory", "l2=220"]);
    let description = "`s` evicted, and reloaded or recomputed before `add`";
    assert_eq!(remedies(&found["help"]), expected(&[("not_kept", description, 200, 60, true)]));
    assert!(text.contains("60 B  saved, fits with 200 B: `s` evicted"), "{text}");
}

#[test]
fn more_memory_is_enough() {
    let folder = Folder::new();
    let cells = repository_path(CELLS);
    let weighty = folder.with("chain.json", chain().to_string());
    for (network, memory, more) in [
        (&weighty, "l2=150", &["--align", "1"][..]),
        (&weighty, "l2=220", &["--align", "1", "--weights"]),
        (&weighty, "l2=0", &["--align", "16", "--weights"]),
        (&cells, "l2=80KiB", &["--node-limit", "1000"]),
    ] {
        let json = folder.text("fit.json");
        let run = |memory: &str| {
            let common = [network.as_str(), "--memory", memory, "--json", &json];
            fit(&[&common[..], more].concat()).0
        };
        assert_eq!(run(memory), 1);
        let capacity = parsed(&folder, "fit.json")[0]["help"]["capacity"].clone();
        let bytes = number(&capacity["bytes"]);
        let arena = number(&capacity["arena"]);
        assert_eq!((&capacity["confirmed"], number(&capacity["arena_lower_bound"])), (&true.into(), arena));
        assert_eq!(run(&format!("l2={bytes}")), 0, "{network} {more:?}: {bytes}");
        assert_eq!(parsed(&folder, "fit.json")[0]["help"], Value::Null);
        if bytes == arena && network == &weighty {
            assert_eq!(run(&format!("l2={}", bytes - 1)), 1, "{more:?}: {bytes}");
            assert_eq!(number(&parsed(&folder, "fit.json")[0]["help"]["missing"]), 1);
        }
    }
}

#[test]
fn networks_without_a_remedy_need_more_memory() {
    let folder = Folder::new();
    let inner = "intermediate";
    let net = network(
        &[("x", 10, "input"), ("a", 100, inner), ("b", 100, inner), ("y", 10, "output")],
        &[("one", "MatMul", &[0], &[1]), ("two", "MatMul", &[1], &[2]), ("three", "MatMul", &[2], &[3])],
    );
    let file = folder.with("net.json", net.to_string());
    let text = fit(&[&file, "--align", "1", "--memory", "l2=150"]).exits(1);
    assert!(text.contains("remedies     none found except more memory\n"), "{text}");
    assert!(text.contains("more memory  200 bytes are enough; arena proven minimal for any order"), "{text}");
    // With several memories on chip, the report names the relevant one and its size.
    let text = fit(&[&file, "--align", "1", "--memory", "b0=50", "--memory", "b1=150"]).exits(1);
    for line in [
        "missing      50 bytes: 200 B are needed, b1 has 150 B\n",
        "remedies     none found except more memory (all in b1, 150 B)\n",
        "more memory  200 bytes are enough; arena proven minimal for any order (all in b1, 150 B)\n",
    ] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }
    // If no memory can hold an arena, there are no remedies.
    let machine = "[[pool]]\nname = \"a\"\ncapacity = 9\nholds = [\"constants\"]\n[[pool]]\nname = \"ddr\"\n";
    let machine = folder.with("machine.toml", machine);
    let (_, text, errors) = fit(&[&file, "--memory", &machine]);
    assert!(errors.is_empty() && !text.contains("remedies"), "{text}{errors}");
    // For several networks, no remedies are searched.
    let json = folder.text("fit.json");
    fit(&[&file, &file, "--memory", "l2=150", "--json", &json]);
    assert_eq!(parsed(&folder, "fit.json")[0]["help"], Value::Null);
}

#[test]
fn predefined_memory_systems_equal_their_files() {
    let folder = Folder::new();
    let files = fs::read_dir(repository_path("cli/memory")).unwrap();
    let files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4);
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let run = |memory: &str| {
            let json = folder.text("fit.json");
            let (status, _, errors) = fit(&[&repository_path(CELLS), "--memory", memory, "--json", &json]);
            assert_eq!(errors, "");
            (status, parsed(&folder, "fit.json"))
        };
        let (status, found) = run(name);
        assert_eq!((status, &found), (0, &run(path.to_str().unwrap()).1), "{name}");
        assert_eq!(found[0]["activations"], true, "{name}");
        // Weights are resident only on machines that keep them on chip from run to run.
        let resident = number(&found[0]["placed"]["preloaded"]);
        assert_eq!(resident > 0, name == "mcu" || name == "npu", "{name}: {resident}");
    }
}

#[test]
fn usage_errors_name_the_argument() {
    let folder = Folder::new();
    let cells = repository_path(CELLS);
    let ddr = "[[pool]]\nname = \"ddr\"\n";
    let broken = folder.with("broken.toml", "[[pool]\nname = 1\n");
    let misspelt = folder.with("misspelt.toml", format!("{ddr}capasity = \"2MiB\"\n"));
    let nowhere = folder.with("nowhere.toml", format!("inputs = \"l9\"\n{ddr}"));
    let families = folder.with("families.csv", "model,kind\na,b\n");
    let svg = folder.text("out.svg");
    let cases: [(&[&str], &str); 18] = [
        (&["--memry", "l2=2MiB"], "--memry"),
        (&["--memory", "gpu"], "mcu, npu, shared-sram, dedicated-sram"),
        (&["--memory", "l2=2 bananas"], "2 bananas"),
        (&["--memory", "l2=1", "--memory", "l2=2"], "two pools are called `l2`"),
        (&["--memory", "npu", "--memory", "l2=2"], "npu: describes all memories"),
        (&["--memory", "missing.toml"], "missing.toml: No such file"),
        (&["--memory", &broken], "broken.toml:1: "),
        (&["--memory", &misspelt], "misspelt.toml:3: unknown field `capasity`"),
        (&["--memory", &nowhere], "nowhere.toml:1: pools: no pool is called `l9`; the pools are `ddr`"),
        (&["--weights"], "--memory"),
        (&["--memory", "l2=1", "--svg", &svg], "--svg"),
        (&["--memory", "l2=1", "--capacity", "1MiB"], "--capacity"),
        (&["--families", &families], "unknown field `kind`"),
        (&["--largest-input", "batch"], "--memory"),
        (&["--multiple-of", "8"], "--largest-input"),
        (&["--memory", "l2=1", "--largest-input", "n", "--dim", "n=1"], "--dim n sets its value"),
        (&["--memory", "l2=1", "--largest-input", "n,n"], "--largest-input n: given twice"),
        (&["--memory", "l2=1", "--dim", "n=1"], "--dim n: no input has a symbolic dimension"),
    ];
    for (more, culprit) in cases {
        fit(&[&[cells.as_str()], more].concat()).fails_with(culprit);
    }
    assert!(!folder.path("out.svg").exists());
    let csv = folder.with("b.csv", "id,lower,upper,size\na,0,1,90\n");
    fit(&[&csv, "--memory", "l2=1"]).fails_with("a buffer list has no traffic");
    fit(&[&csv, "--csv", &csv]).fails_with("the output is also an input and would be overwritten");
}

#[test]
fn networks_that_cannot_run_do_not_fit() {
    let folder = Folder::new();
    let machine = folder.with(
        "small.toml",
        "inputs = \"sram\"\n[[pool]]\nname = \"sram\"\ncapacity = \"1KiB\"\n[[pool]]\nname = \"flash\"\n",
    );
    let json = folder.text("fit.json");
    let text = fit(&[&repository_path(CELLS), "--memory", &machine, "--json", &json]).exits_quietly(1);
    assert!(text.contains("impossible ") && text.contains("must be in `sram`"), "{text}");
    assert_eq!(parsed(&folder, "fit.json")[0]["placed"], Value::Null);
}

#[test]
fn fit_reports_a_broken_file_and_continues() {
    let folder = Folder::new();
    fs::create_dir(folder.path("nets")).unwrap();
    fs::copy(repository_path(CELLS), folder.path("nets/cells.tflite")).unwrap();
    folder.with("nets/broken.onnx", "this is not a model");
    for more in [&["--memory", "l2=1MiB"][..], &["--capacity", "1MiB"]] {
        let nets = folder.text("nets");
        let (status, text, errors) = fit(&[&[nets.as_str()], more].concat());
        assert_eq!(status, 2, "{errors}");
        assert!(errors.contains("broken.onnx: not a valid ONNX file"), "{errors}");
        assert!(errors.contains("1 of 2 inputs failed"), "{errors}");
        assert!(text.contains("| cells "), "{text}");
    }
}

#[test]
fn many_networks_make_tables_and_a_plot() {
    let folder = Folder::new();
    let csv = folder.with("b.csv", "id,lower,upper,size,offset\na,0,1,90,0\nc,1,4,40,\nd,2,4,50,\n");
    let families =
        folder.with("families.csv", "model,family\nsqueezenet1_1,classification\nb,\"odd, ones\"\n");
    let names = ["models.csv", "shares.csv", "fit.md", "fit.svg", "fit.json"];
    let [models, shares, markdown, svg, json] = names.map(|name| folder.text(name));
    let examples = repository_path("examples/models");
    let options =
        ["--as", "int8", "--align", "1", "--capacity", "100,128KiB,2MB,2MiB", "--families", &families];
    let tables =
        ["--csv", &models, "--shares", &shares, "--markdown", &markdown, "--svg", &svg, "--json", &json];
    let (status, text, errors) = fit(&[&[&*examples, &csv][..], &options, &tables].concat());
    assert_eq!(status, 0, "{errors}");
    assert!(errors.contains("note: ") && errors.contains("has a fixed offset"), "{errors}");

    let row = |name: &str| {
        let text = folder.read("models.csv");
        let line = text.lines().find(|line| line.contains(&format!(",{name},")));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).to_owned()
    };
    assert!(row("nas_cell_irregular_int8").contains(",other,"), "{}", row("nas_cell_irregular_int8"));
    assert!(row("nas_cell_irregular_int8").ends_with(",110592,110592,86016,86016,86016,true"));
    assert!(row("squeezenet1_1").contains(",classification,1233288,"), "{}", row("squeezenet1_1"));
    assert!(row("b").ends_with("\"odd, ones\",0,180,180,180,90,90,90,90,90,true"), "{}", row("b"));

    assert!(text.contains("3 networks, activations: number that fit"), "{text}");
    assert!(text.contains("3 networks, activations and weights: number that fit"), "{text}");
    assert!(text.contains("By family, activations: % that fit, `naive` -> `+ sharing`"), "{text}");
    let markdown = folder.read("fit.md");
    let level = |name: &str| {
        let line = markdown.lines().find(|line| line.starts_with(&format!("| {name} ")));
        line.unwrap().split('|').map(str::trim).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(level("level")[2..6], ["100 B", "128 KiB", "2 MB", "2 MiB"]);
    assert_eq!(level("naive")[2..6], ["0 (0 %)", "1 (33 %)", "2 (67 %)", "2 (67 %)"]);
    assert_eq!(level("+ sharing")[2..6], ["1 (33 %)", "2 (67 %)", "3 (100 %)", "3 (100 %)"]);
    assert_eq!(level("classification")[2..7], ["1", "0 -> 0", "0 -> 0", "0 -> 100", "0 -> 100"]);

    // The long table agrees with counts over the rows of networks.
    let shares = folder.read("shares.csv");
    assert!(shares.starts_with("family,weights,level,capacity,networks,fit\n"), "{shares}");
    let lines: Vec<Value> = parsed(&folder, "fit.json").as_array().unwrap().clone();
    for (with_weights, said) in [(false, "no"), (true, "yes")] {
        for (level, capacity) in [("naive", 2_097_152), ("merge", 100), ("+ sharing", 2_000_000)] {
            let needed = |line: &Value| {
                number(&line["arenas"][level]) + if with_weights { number(&line["weights"]) } else { 0 }
            };
            let count = lines.iter().filter(|line| needed(line) <= capacity).count();
            let line = format!("all,{said},{level},{capacity},3,{count}");
            assert!(shares.lines().any(|one| one == line), "no `{line}` in\n{shares}");
        }
    }
    let picture = folder.read("fit.svg");
    assert_eq!(picture.matches("<polyline").count(), 14);
    assert!(picture.contains("activations and weights: % of 3 networks that fit"), "{picture}");
}

#[test]
fn levels_with_tiling_are_added_to_tables_and_plot() {
    let folder = Folder::new();
    let file = folder.with("net.json", chain_of_rows().to_string());
    let outs = ["a.csv", "a.json", "a.md", "a.svg"].map(|name| folder.text(name));
    let [csv, json, markdown, svg] = outs.each_ref().map(String::as_str);
    let outputs = ["--csv", csv, "--json", json, "--markdown", markdown, "--svg", svg];
    let options = ["--align", "1", "--capacity", "50,150", "--tile"];
    let text = fit(&[&[file.as_str()], &options[..], &outputs].concat()).succeeds();
    let found = parsed(&folder, "a.json")[0].clone();
    let arena = |level: &str| number(&found["arenas"][level]);
    assert_eq!(arena("+ sharing"), 110);
    assert!(arena("+ tiling 0 %") <= 40 && arena("+ tiling 30 %") <= arena("+ tiling 0 %"), "{found}");
    assert!(text.contains("proven minimal at the level `+ sharing`"), "{text}");
    assert!(folder.read("a.csv").contains(",+ sharing,+ tiling 0 %,+ tiling 2 %,"));
    let table = folder.read("a.md");
    let line = table.lines().find(|line| line.starts_with("| + tiling 0 % ")).unwrap();
    assert_eq!(line.matches("1 (100 %)").count(), 2, "{table}");
    let picture = folder.read("a.svg");
    assert_eq!(picture.matches("<polyline").count(), 24);
    fit(&[&file, "--tile", "--memory", "l2=1KiB"]).fails_with("cannot be used with");
}

#[test]
fn several_networks_in_one_memory_system_are_a_table() {
    let folder = Folder::new();
    let (csv, markdown) = (folder.text("fit.csv"), folder.text("fit.md"));
    let examples = repository_path("examples/models");
    let text =
        fit(&[&examples, "--as", "int8", "--memory", "l2=256KiB", "--csv", &csv, "--markdown", &markdown])
            .exits_quietly(1);
    assert!(text.contains("| nas_cell_irregular_int8 | all "), "{text}");
    assert!(text.contains("| squeezenet1_1           | no "), "{text}");
    assert_eq!(text, folder.read("fit.md"));
    assert!(folder.read("fit.csv").contains("\nnas_cell_irregular_int8,true,true,86016,"));
}

/// Convolution, activation and pooling of an image with symbolic size.
fn resizable() -> Vec<u8> {
    let ints = |name: &str, values: &[i64]| {
        attribute(name, values.iter().flat_map(|&value| onnx_models::number(8, value)).collect())
    };
    let halved = [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
    model(&[
        node_with("Conv", &["image", "weights"], &["features"], &[ints("pads", &[1; 4])]),
        node("Relu", &["features"], &["positive"]),
        node_with("MaxPool", &["positive"], &["half"], &halved),
        initializer("weights", FLOAT, &[8, 3, 3, 3]),
        input("image", FLOAT, "1, 3, height, width"),
        value_info("features", FLOAT, "1, 8, height, width"),
        value_info("positive", FLOAT, "1, 8, height, width"),
        output("half", FLOAT, "1, 8, floor(height/2), floor(width/2)"),
    ])
}

#[test]
fn the_largest_input_is_found_where_the_file_has_a_fixed_one() {
    let folder = Folder::new();
    let parts = [
        input("image", FLOAT, "1, 3, 64, 64"),
        initializer("weights", FLOAT, &[8, 3, 3, 3]),
        node("Conv", &["image", "weights"], &["features"]),
        node("Relu", &["features"], &["positive"]),
        node("GlobalAveragePool", &["positive"], &["mean"]),
        value_info("features", FLOAT, "1, 8, 62, 62"),
        value_info("positive", FLOAT, "1, 8, 62, 62"),
        output("mean", FLOAT, "1, 8, 1, 1"),
    ];
    let network = folder.with("net.onnx", model(&parts));
    let common = [&network, "--as", "int8", "--align", "1", "--memory", "l2=1MiB", "--largest-input", "S"];
    let given = ["--input-shape", "image=1x3xSxS"];
    let text = fit(&[&common[..], &given].concat()).succeeds();
    // Features have 16 bytes per pixel, and two pixels less than the image along each axis. Images of
    // size 1 and 2 are smaller than the window.
    let line = "largest      258: activations fit, arena 1.00 MiB (1048576 bytes)";
    assert!(text.contains(line), "{text}");
    fit(&common).fails_with("--input-shape x=1x3xSxS");
    fit(&[&common[..], &["--input-shape", "image=1x4xSxS"]].concat()).fails_with("do not match 4 channels");
}

#[test]
fn the_largest_input_is_found() {
    let folder = Folder::new();
    let network = folder.with("net.onnx", resizable());
    let run = |more: &[&str]| {
        let common = [&network, "--as", "int8", "--align", "1", "--memory", "l2=1MiB"];
        fit(&[&common[..], more].concat())
    };
    let json = folder.text("largest.json");
    let both = ["--largest-input", "height,width"];
    // Features before and after the activation have 16 bytes per pixel.
    let text = run(&[&both[..], &["--json", &json]].concat()).succeeds();
    for line in [
        "dimension    height, width",
        "largest      256: activations fit, arena 1.00 MiB (1048576 bytes)",
        "next         257 does not fit: arena 1.01 MiB (1056784 bytes), proven minimal",
        "other values are not proven",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    let outcome = parsed(&folder, "largest.json");
    assert_eq!((&outcome["largest"], &outcome["tried"]["256"]["fits"]), (&256.into(), &true.into()));
    assert_eq!(outcome["tried"]["257"]["fits"], false);
    // With 216 bytes of weights in addition.
    let (_, text, _) = run(&[&both[..], &["--weights"]].concat());
    assert!(text.contains("largest      255: activations and weights fit"), "{text}");
    let (_, text, _) = run(&[&both[..], &["--multiple-of", "100"]].concat());
    assert!(text.contains("largest      200 (multiples of 100): activations fit"), "{text}");
    let (_, text, _) = run(&["--largest-input", "height", "--dim", "width=64"]);
    assert!(text.contains("largest      1024: activations fit"), "{text}");

    let (status, _, errors) = run(&["--largest-input", "height"]);
    assert_eq!(status, 2);
    assert!(errors.contains("binding `height` leaves other dimensions unknown"), "{errors}");
    assert!(errors.contains("--dim width=1"), "{errors}");
    run(&["--largest-input", "hight,width"]).fails_with("symbolic dimension `hight`; there are");
    let tiny = ["--as", "int8", "--align", "1", "--memory", "l2=15", "--largest-input", "height,width"];
    let (status, text, _) = fit(&[&[network.as_str()], &tiny[..]].concat());
    assert_eq!(
        (status, text.contains("none: activations do not fit with any value tried")),
        (1, true),
        "{text}"
    );
    fit(&[&repository_path(CELLS), "--memory", "l2=1MiB", "--largest-input", "batch"])
        .fails_with("needs a symbolic dimension `batch`, but all dimensions are fixed");
}

/// Odd sizes need more memory than even ones, so a larger size may fit although a smaller one does not.
#[test]
fn fitting_sizes_need_not_be_monotone() {
    let folder = Folder::new();
    let shape = "batch + 1000*(batch % 2)";
    let network = folder.with(
        "odd.onnx",
        model(&[
            node("Relu", &["x"], &["a"]),
            node("Sigmoid", &["a"], &["b"]),
            node("ReduceSum", &["b"], &["y"]),
            input("x", FLOAT, "batch"),
            value_info("a", FLOAT, shape),
            value_info("b", FLOAT, shape),
            output("y", FLOAT, "1"),
        ]),
    );
    let text =
        fit(&[&network, "--as", "int8", "--align", "1", "--memory", "l2=2000", "--largest-input", "batch"])
            .succeeds();
    assert!(text.contains("largest      1000: activations fit"), "{text}");
    assert!(text.contains("tried        "), "{text}");
}

#[test]
fn plan_writes_and_verify_accepts_plans_for_several_memories() {
    let folder = Folder::new();
    let outs = ["p.json", "p.csv", "p.svg", "p.h"].map(|name| folder.text(name));
    let cells = repository_path(CELLS);
    let mut arguments = vec!["plan", &cells, "--memory", "l2=64KiB", "--share", "all"];
    arguments.extend(outs.iter().flat_map(|out| ["--out", out.as_str()]));
    let text = plimsoll(&arguments).succeeds();
    assert!(text.contains("l2") && text.contains("ddr"), "{text}");
    let (status, text, errors) = plimsoll(&["verify", &cells, &outs[0]]);
    assert_eq!(status, 0, "{text}{errors}");
    assert!(text.starts_with("valid: ") && text.contains(" in 2 pools"), "{text}");
    assert!(folder.read("p.svg").contains("<svg") && folder.read("p.h").contains("l2"));
    assert!(folder.read("p.csv").lines().count() > 1);
    plimsoll(&["plan", &cells, "--memory", "l2=1", "--capacity", "1"]).fails_with("--capacity");
    let machine = "inputs = \"sram\"\n[[pool]]\nname = \"sram\"\ncapacity = 9\n[[pool]]\nname = \"flash\"\n";
    let machine = folder.with("small.toml", machine);
    let none = folder.text("none.json");
    plimsoll(&["plan", &cells, "--memory", &machine, "--out", &none]).exits_with(1, "does not fit: ");
    assert!(!folder.path("none.json").exists());
}

#[test]
fn help_matches_the_snapshots() {
    insta::assert_snapshot!("help-fit", fit(&["--help"]).1);
}
