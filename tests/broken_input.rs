//! Broken files give an error or a verified plan, without a panic, a hang, or more than 200 MB. Mutations are
//! seeded; `PLIMSOLL_MUTATIONS=10000` runs that many for each format instead of a few.
#![cfg(all(feature = "csv", feature = "json", feature = "onnx", feature = "tflite"))]

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fastrand::Rng;
use peak_alloc::PeakAlloc;
use plimsoll::allocate::Knapsack;
use plimsoll::export::c_code::CCode;
use plimsoll::export::json::PlanDocument;
use plimsoll::import::{self, ImportError, ImportOptions, Imported, ImportedGraph};
use plimsoll::report::{Colour, html, svg, text, trace};
use plimsoll::verify::{verify, verify_solution};
use plimsoll::{Graph, Limits, Plan, PlanView, Planner, Problem, SharingLevel, Stop, export};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MOST_MEMORY: usize = 200_000_000;
/// Time after which an input counts as a hang.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Onnx,
    Tflite,
    Csv,
    Json,
    PlanJson,
    PlannedOnnx,
}

/// A small network as graph JSON.
const NETWORK: &str = r#"{"name":"m","ops":[{"name":"a","type":"Conv","inputs":[0,1],"outputs":[2],"scratch":64},
    {"name":"b","type":"Relu","inputs":[2],"outputs":[3],"after":[0]}],
    "tensors":[{"name":"x","shape":[1,3,8,8],"dtype":"float","bytes":768,"kind":"input"},
    {"name":"w","shape":[4],"dtype":"int4","kind":"constant"},
    {"name":"y","bytes":100,"kind":"intermediate"},{"name":"z","bytes":7,"kind":"output"}]}"#;

struct Seed {
    format: Format,
    bytes: Vec<u8>,
}

#[test]
fn mutated_files_give_an_error_or_a_verified_plan() {
    let mutations: u64 = std::env::var("PLIMSOLL_MUTATIONS").map_or(500, |text| text.parse().unwrap());
    let watched = watchdog();
    let formats =
        [Format::Onnx, Format::Tflite, Format::Csv, Format::Json, Format::PlanJson, Format::PlannedOnnx];
    for format in formats {
        let seeds: Vec<Seed> = seeds().into_iter().filter(|seed| seed.format == format).collect();
        assert!(!seeds.is_empty(), "{format:?}");
        let planned = (0..mutations).filter(|&number| {
            let mut random = Rng::with_seed(number);
            let seed = &seeds[random.usize(..seeds.len())];
            let mutated = mutate(&seed.bytes, &mut random);
            *watched.0.lock().unwrap() = (Instant::now(), format!("{format:?}, mutation {number}"));
            watched.1.fetch_add(1, Ordering::Relaxed);
            MEMORY.reset_peak_usage();
            let before = MEMORY.current_usage();
            let planned = check(format, &mutated);
            let used = MEMORY.peak_usage().saturating_sub(before);
            assert!(used <= MOST_MEMORY, "{format:?}, mutation {number}: {used} bytes");
            planned
        });
        let planned = planned.count() as u64;
        println!("{format:?}: {mutations} mutations, {planned} planned, {} refused", mutations - planned);
        assert!(planned > 0, "{format:?}: every mutation was refused; do the seeds still work?");
        assert!(planned < mutations, "{format:?}: no mutation was refused; are files mutated at all?");
    }
}

/// Aborts the process with the name of the input if an input takes too long.
fn watchdog() -> Arc<(Mutex<(Instant, String)>, AtomicU64)> {
    let watched = Arc::new((Mutex::new((Instant::now(), "start".to_owned())), AtomicU64::new(0)));
    let seen = Arc::clone(&watched);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let current = seen.0.lock().unwrap();
            if current.0.elapsed() > LONGEST {
                eprintln!("hangs: {} after {} inputs", current.1, seen.1.load(Ordering::Relaxed));
                std::process::abort();
            }
        }
    });
    watched
}

/// Small files of each format: those of the repository, and those of the zoo if it exists.
fn seeds() -> Vec<Seed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = support::data::files(&root.join("examples/models"), "");
    for format in ["onnx", "tflite", "graph_json"] {
        files.extend(support::data::files(&root.join("fuzz/seeds").join(format), ""));
    }
    if let Some(zoo) = support::data::folder("zoo") {
        files.extend(support::data::files(&zoo, ".onnx"));
        files.extend(support::data::files(&zoo, ".tflite"));
        files.extend(support::data::files(&zoo.join("tflite/tflm"), ".json"));
        files.extend(support::data::files(&zoo.join("tflite/tiny"), ".json"));
    }
    let mut seeds = Vec::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let format = match file.extension().unwrap().to_str().unwrap() {
            "onnx" => Format::Onnx,
            "tflite" => Format::Tflite,
            _ => Format::Json,
        };
        if bytes.len() > 150_000 {
            continue;
        }
        if format == Format::Onnx {
            // Without declared shapes, the importer infers them.
            seeds.push(Seed { format, bytes: support::onnx_models::without_value_info(&bytes) });
        }
        seeds.push(Seed { format, bytes });
    }
    let csv = "id,lower,upper,size,alignment,offset\nconv1,0,3,4096,16,\nconv2,1,5,300,,0\nb,2,4,77,64,\n";
    let plan = plan_of(NETWORK);
    seeds.push(Seed { format: Format::PlannedOnnx, bytes: planned_onnx() });
    for (format, text) in [(Format::Csv, csv), (Format::Json, NETWORK), (Format::PlanJson, &plan)] {
        seeds.push(Seed { format, bytes: text.as_bytes().to_vec() });
    }
    seeds
}

fn model(json: &str) -> Graph {
    import::graph_json_from_bytes("m", json.as_bytes(), &ImportOptions::default()).unwrap().graph
}

fn plan_of(json: &str) -> String {
    let graph = model(json);
    let plan = Planner::new().plan(&graph).unwrap();
    PlanDocument::of_graph(&graph, &plan, &ImportOptions::default()).to_json()
}

fn planned_onnx() -> Vec<u8> {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models/squeezenet1_1.onnx");
    let (bytes, options) = (std::fs::read(model).unwrap(), ImportOptions::default());
    let graph = import::onnx_from_bytes("m", &bytes, &options).unwrap().graph;
    let plan = Planner::new().share(SharingLevel::All).plan(&graph).unwrap();
    export::onnx::write("m", &bytes, &graph, &plan, &options).unwrap()
}

fn mutate(bytes: &[u8], random: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.usize(..bytes.len());
        let end = (at + random.usize(1..=16)).min(bytes.len());
        match random.u8(..8) {
            0 => bytes[at] ^= 1 << random.u8(..8),
            1 => bytes[at] = random.u8(..),
            2 => bytes[at..end].fill(0xff),
            3 => bytes[at..end].fill(0),
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..end)),
            6 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                // Digits and signs change numbers in text.
                let byte = b"0123456789-.e,"[random.usize(..14)];
                bytes.insert(at, byte);
            }
        }
    }
    bytes
}

fn share() -> Planner {
    Planner::new().strategy(Knapsack::new()).limits(Limits::new().nodes(5_000))
}

/// Returns whether the input was planned; otherwise the import must return an error.
fn check(format: Format, bytes: &[u8]) -> bool {
    let options = ImportOptions::default();
    match format {
        Format::Onnx => check_graph(import::onnx_from_bytes("m", bytes, &options)),
        Format::Tflite => check_graph(import::tflite_from_bytes("m", bytes, &options)),
        Format::Json => check_graph(import::graph_json_from_bytes("m", bytes, &options)),
        Format::Csv => {
            import::csv_from_bytes("m", bytes, &options).is_ok_and(|problem| check_problem(&problem))
        }
        Format::PlanJson => check_document(bytes),
        // `check` either refuses the file or verifies its plan.
        Format::PlannedOnnx => export::onnx::check("m", bytes).is_ok(),
    }
}

fn check_graph(imported: Result<ImportedGraph, ImportError>) -> bool {
    let Ok(ImportedGraph { graph, .. }) = imported else { return false };
    let Ok(mut plan) = Planner::new().plan(&graph) else { return false };
    verify(&graph, &plan).unwrap();
    forget_search(&mut plan);
    share().plan(&graph).unwrap();
    let document = PlanDocument::of_graph(&graph, &plan, &ImportOptions::default()).to_json();
    assert_eq!(PlanDocument::from_json(&document).unwrap().to_plan(&graph).unwrap(), plan);
    let _ = (html::write(&PlanView::of_plan(&graph, &plan)), trace::write(&PlanView::of_plan(&graph, &plan)));
    let _ = (
        svg::write(&PlanView::of_plan(&graph, &plan), Colour::Kind),
        text::summary(&PlanView::of_plan(&graph, &plan), None),
    );
    let _ = (
        export::csv::write(&PlanView::of_plan(&graph, &plan)),
        CCode::new(&PlanView::of_plan(&graph, &plan), None).alone(),
    );
    true
}

/// Removes the search statistics, which a document does not contain, also from the plans of bodies.
fn forget_search(plan: &mut Plan) {
    (plan.nodes, plan.stop) = (0, Stop::Finished);
    plan.bodies.iter_mut().for_each(|body| forget_search(&mut body.plan));
}

fn check_problem(problem: &Problem) -> bool {
    let solution = Planner::new().solve(problem).unwrap();
    verify_solution(problem, &solution).unwrap();
    let fixed = problem.buffers().iter().any(|buffer| buffer.fixed_offset().is_some());
    assert_eq!(share().solve(problem).is_err(), fixed, "shared objects do not support fixed offsets");
    let _ = (
        html::write(&PlanView::of_solution("m", problem, &solution)),
        trace::write(&PlanView::of_solution("m", problem, &solution)),
    );
    let _ = (
        svg::write(&PlanView::of_solution("m", problem, &solution), Colour::Kind),
        export::csv::write(&PlanView::of_solution("m", problem, &solution)),
    );
    true
}

/// Returns whether the verifier accepts a mutated plan; an accepted plan must be right.
fn check_document(bytes: &[u8]) -> bool {
    let graph = model(NETWORK);
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(document) = PlanDocument::from_json(text) else { return false };
    document.to_plan(&graph).is_ok_and(|plan| verify(&graph, &plan).is_ok())
}

#[test]
fn files_are_read_like_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let options = ImportOptions::default();
    for name in ["a.onnx", "a.tflite", "a.csv", "a.json"] {
        let path = folder.path().join(name);
        std::fs::write(&path, b"").unwrap();
        assert!(import::read(&path, &options).is_err(), "an empty {name}");
        std::fs::write(&path, [0x08, 0xff, 0x00, 0x13, 0x37]).unwrap();
        assert!(import::read(&path, &options).is_err(), "noise in {name}");
        let missing = folder.path().join("missing").join(name);
        let text = import::read(&missing, &options).unwrap_err().to_string();
        assert!(text.contains("missing") && text.contains("No such file"), "{text}");
    }
    #[cfg(unix)]
    for name in ["zero.onnx", "zero.tflite", "zero.csv", "zero.json"] {
        let link = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let text = import::read(&link, &options).unwrap_err().to_string();
        assert!(text.contains("it is a device; "), "{text}");
    }
    let folder_error = import::read(folder.path(), &options).unwrap_err().to_string();
    assert!(folder_error.contains("expected a file ending in"), "{folder_error}");
    let text = folder.path().join("model.pb");
    let ending = import::read(&text, &options).unwrap_err().to_string();
    assert!(
        ending.contains(
            "model.pb: expected a file ending in .onnx, .tflite, .csv or .json; TensorFlow: convert"
        ),
        "{ending}"
    );
    let Imported::Graph(model) = import::read(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/models/squeezenet1_1.onnx").as_path(),
        &options,
    )
    .unwrap() else {
        panic!("expected a network");
    };
    assert_eq!(model.graph.operators().len(), 65);
}
