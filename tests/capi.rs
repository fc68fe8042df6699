//! The C ABI: the committed header, and programs in C, C++ and Python that are built and run against
//! the static and the shared library.
#![cfg(feature = "capi")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `UPDATE_HEADER=1` updates the committed header.
#[cfg(feature = "header")]
#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = include_str!(concat!(env!("OUT_DIR"), "/plimsoll.h"));
    let committed = root().join("include/plimsoll.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&committed, generated).unwrap();
    }
    let committed = std::fs::read_to_string(committed).unwrap();
    assert!(committed == generated, "include/plimsoll.h is out of date; UPDATE_HEADER=1 rewrites it");
}

/// Returns whether a program is installed; tests that need it are skipped otherwise.
fn have(program: &str) -> bool {
    let installed =
        Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        println!("skipped: `{program}` is not installed");
    }
    installed
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    output
}

/// The folder with the libraries of `tests/c/library.rs`. A full `cargo test` has built them: without `--package`,
/// Cargo selects the same packages here, so that the features of all dependencies agree and nothing is built again.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).expect("target/release/deps/capi-...");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["build", "--locked", "--example", "plimsoll_c"]);
        cargo.args(["--features", &features().join(",")]);
        cargo.args(profile.ends_with("release").then_some("--release"));
        run(cargo.arg("--target-dir").arg(profile.parent().unwrap()));
        profile.join("examples")
    })
}

/// The features that this test is built with.
fn features() -> Vec<&'static str> {
    let all = [
        (cfg!(feature = "capi"), "capi"),
        (cfg!(feature = "csv"), "csv"),
        (cfg!(feature = "fuzzing"), "fuzzing"),
        (cfg!(feature = "header"), "header"),
        (cfg!(feature = "json"), "json"),
        (cfg!(feature = "onnx"), "onnx"),
        (cfg!(feature = "parallel"), "parallel"),
        (cfg!(feature = "report"), "report"),
        (cfg!(feature = "tflite"), "tflite"),
    ];
    all.into_iter().filter_map(|(is_on, name)| is_on.then_some(name)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Static,
    Shared,
}

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
const SANITIZERS: [&str; 2] = ["-fsanitize=address,undefined", "-fno-sanitize-recover"];

/// A compiler for C99 or C++17, by the extension of the source.
fn compiler(source: &str) -> Command {
    let cpp = Path::new(source).extension() == Some(OsStr::new("cpp"));
    let mut compiler = Command::new(if cpp { "c++" } else { "cc" });
    compiler.current_dir(root()).arg(if cpp { "-std=c++17" } else { "-std=c99" });
    compiler
}

/// Compiles a program to an object file, which links against either library.
fn compile(source: &str, extra: &[&str]) -> PathBuf {
    let name = Path::new(source).file_name().unwrap().to_str().unwrap();
    let kind: String = extra.concat().chars().filter(char::is_ascii_alphanumeric).collect();
    let object = library().join(format!("{name}-{kind}.o"));
    let mut compiler = compiler(source);
    compiler.args(WARNINGS).args(extra).args(["-g", "-O1", "-D_POSIX_C_SOURCE=200809L", "-Iinclude"]);
    run(compiler.args(["-c", source, "-o"]).arg(&object));
    object
}

/// Links an object file to a program, and returns its path.
fn link(source: &str, object: &Path, link: Link, extra: &[&str]) -> PathBuf {
    let program = object.with_extension(format!("{link:?}"));
    let mut compiler = compiler(source);
    compiler.args(extra).arg(object);
    match link {
        Link::Static => compiler.arg(library().join("libplimsoll_c.a")).args(["-lm", "-lpthread", "-ldl"]),
        Link::Shared => {
            let path = format!("-Wl,-rpath,{}", library().display());
            compiler.arg(library().join("libplimsoll_c.so")).arg(path).args(["-lpthread"])
        }
    };
    run(compiler.arg("-o").arg(&program));
    program
}

/// Runs a program with and without sanitizers, against both libraries, and under valgrind. Programs that
/// draw networks draw 4, under valgrind 1; `PLIMSOLL_NETWORKS` sets both.
fn run_program(source: &str, compiler: &str) {
    if !have(compiler) {
        return;
    }
    let networks = |usual: &str| std::env::var("PLIMSOLL_NETWORKS").unwrap_or_else(|_| usual.to_owned());
    for extra in [&[][..], &SANITIZERS] {
        let object = compile(source, extra);
        for library in [Link::Static, Link::Shared] {
            let program = link(source, &object, library, extra);
            run(Command::new(&program).arg(networks("4")));
            if extra.is_empty() && library == Link::Static && have("valgrind") {
                let mut valgrind = Command::new("valgrind");
                valgrind.args([
                    "--quiet",
                    "--leak-check=full",
                    "--show-leak-kinds=all",
                    "--error-exitcode=9",
                ]);
                run(valgrind.arg(program).arg(networks("1")));
            }
        }
    }
}

macro_rules! programs {
    ($($name:ident: $source:literal by $compiler:literal;)*) => {
        $(
            #[test]
            fn $name() {
                run_program($source, $compiler);
            }
        )*
    };
}

programs! {
    plan_graph_in_c: "examples/c/plan_graph.c" by "cc";
    offsets_only_in_c: "examples/c/offsets_only.c" by "cc";
    why_not_in_c: "examples/c/why_not.c" by "cc";
    from_ir_in_c: "examples/c/from_ir.c" by "cc";
    custom_strategy_in_c: "examples/c/custom_strategy.c" by "cc";
    progress_cancel_in_c: "examples/c/progress_cancel.c" by "cc";
    place_in_c: "examples/c/place.c" by "cc";
    exports_in_c: "tests/c/exports.c" by "cc";
    files_in_c: "tests/c/files.c" by "cc";
    record_sizes_in_c: "tests/c/record_sizes.c" by "cc";
    access_in_c: "tests/c/access.c" by "cc";
    graph_arrays_in_c: "tests/c/graph_arrays.c" by "cc";
    replan_in_c: "tests/c/replan.c" by "cc";
    access_in_cpp: "tests/c/access.cpp" by "c++";
    tiling_in_cpp: "tests/c/tiling.cpp" by "c++";
    wrapper_in_cpp: "tests/c/wrapper.cpp" by "c++";
    tiny_inference_in_c: "examples/c/tiny_inference.c" by "cc";
    tiled_inference_in_c: "examples/c/tiled_inference.c" by "cc";
    plan_graph_in_cpp: "examples/cpp/plan_graph.cpp" by "c++";
    callbacks_in_cpp: "examples/cpp/callbacks.cpp" by "c++";
    sharing_in_cpp: "examples/cpp/sharing.cpp" by "c++";
    place_in_cpp: "examples/cpp/place.cpp" by "c++";
    graph_allocator_in_c: "examples/clients/graph_allocator.c" by "cc";
    planned_tflite_in_c: "examples/c/planned_tflite.c" by "cc";
    planned_models_in_cpp: "examples/cpp/planned_models.cpp" by "c++";
}

/// The planner for TensorFlow Lite Micro, against its interface as these tests state it, and against that of its
/// sources if `PLIMSOLL_TFLM` names their folder.
#[test]
fn tflm_planner_in_cpp() {
    if !have("c++") {
        return;
    }
    let source = "tests/c/tflm_client.cpp";
    let sources = std::env::var("PLIMSOLL_TFLM").ok();
    for folder in sources.as_deref().into_iter().chain(["tests/c/tflm_stub"]) {
        let object = compile(source, &["-fno-exceptions", "-isystem", folder]);
        run(&mut Command::new(link(source, &object, Link::Static, &[])));
    }
}

/// The recipe for compilers from ONNX to C: its header compiles.
#[cfg(feature = "onnx")]
#[test]
fn onnx_to_c_recipe() {
    if !have("cc") {
        return;
    }
    let source = "examples/clients/onnx_to_c.c";
    let program = link(source, &compile(source, &[]), Link::Static, &[]);
    let output = run(Command::new(program)
        .current_dir(root())
        .args(["examples/models/squeezenet1_1.onnx", "tensor_"]));
    let header = String::from_utf8(output.stdout).unwrap();
    let convolution =
        "#define tensor__features_features_0_Conv_output_0 (*(float (*)[1][64][111][111])(tensor_arena + ";
    assert!(
        header.contains("unsigned char tensor_arena[6308352]") && header.contains(convolution),
        "{header}"
    );
    let file = tempfile::Builder::new().suffix(".c").tempfile().unwrap();
    let used = "float first(void) { return tensor__features_features_0_Conv_output_0[0][0][0][0]; }\n";
    std::fs::write(file.path(), header + used).unwrap();
    run(Command::new("cc").args(["-std=c99", "-Wall", "-Werror", "-fsyntax-only"]).arg(file.path()));
}

/// The C++ wrapper without exceptions and run-time types: calls return results.
#[test]
fn wrapper_without_exceptions() {
    if !have("c++") {
        return;
    }
    let source = "tests/c/wrapper.cpp";
    let object = compile(source, &["-fno-exceptions", "-fno-rtti"]);
    let output = run(&mut Command::new(link(source, &object, Link::Static, &["-fno-exceptions"])));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "without exceptions\n");
}

/// `PLIMSOLL_SEQUENCES` sets the number of sequences; `.ci/full` runs 100 000.
#[test]
fn random_calls_have_defined_results() {
    if !have("cc") {
        return;
    }
    let sequences = std::env::var("PLIMSOLL_SEQUENCES").unwrap_or("1500".to_owned());
    let source = "tests/c/random_calls.c";
    let program = link(source, &compile(source, &SANITIZERS), Link::Static, &SANITIZERS);
    let output = run(Command::new(program).args([sequences.as_str(), "1"]));
    let text = String::from_utf8(output.stdout).unwrap();
    // Only builds that lack a feature return 9.
    for status in (0..12).filter(|&status| status != 9) {
        let unseen = format!("status {status:2}: 0 calls");
        assert!(!text.contains(&unseen), "{text}");
    }
    assert!(!text.contains("placed in pools: 0 times"), "{text}");
    assert!(!text.contains("verified from arrays: 0 times"), "{text}");
    assert_eq!(!text.contains("from PLAN.json: 0 times"), cfg!(feature = "json"), "{text}");
    let planned = !text.contains("planned for TensorFlow Lite Micro: 0 times");
    assert_eq!(planned, cfg!(feature = "tflite"), "{text}");
}

/// Compiles only the headers, with all warnings, as C99 and as C++17.
#[test]
fn the_headers_compile_by_themselves() {
    if !have("cc") || !have("c++") {
        return;
    }
    let strict = ["-Wconversion", "-Wshadow", "-fsyntax-only", "-Iinclude", "-include"];
    for (compiler, standard, language, header) in [
        ("cc", "-std=c89", "c", "plimsoll.h"),
        ("cc", "-std=c99", "c", "plimsoll.h"),
        ("c++", "-std=c++11", "c++", "plimsoll.h"),
        ("c++", "-std=c++17", "c++", "plimsoll.hpp"),
    ] {
        let mut command = Command::new(compiler);
        command.current_dir(root()).arg(standard).args(WARNINGS).arg("-Wno-long-long").args(strict);
        run(command.args([header, "-x", language, "/dev/null"]));
    }
}

/// The shared library exports exactly the functions that the header declares.
#[test]
fn the_shared_library_exports_what_the_header_declares() {
    if !have("nm") {
        return;
    }
    let library = library().join("libplimsoll_c.so");
    let output = run(Command::new("nm").args(["-D", "--defined-only"]).arg(library));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut exported: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    exported.sort_unstable();
    let header = std::fs::read_to_string(root().join("include/plimsoll.h")).unwrap();
    assert_eq!(exported, functions(&header));
}

/// The functions that a header declares, sorted.
fn functions(header: &str) -> Vec<String> {
    let is_code = |line: &&str| !["//", "*", "/*"].iter().any(|start| line.trim_start().starts_with(start));
    let code: String = header.lines().filter(is_code).collect();
    let after_name = |at: usize| code[at..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = code.match_indices("plimsoll_").filter_map(|(at, _)| Some(&code[at..at + after_name(at)?]));
    let mut declared: Vec<String> =
        names.filter(|name| code.contains(&format!("{name}("))).map(str::to_owned).collect();
    declared.sort_unstable();
    declared.dedup();
    declared
}

/// Programs of an earlier version, compiled against the header of that version (`tests/c/abi2`), run with this
/// library, which has every function of that header.
#[test]
fn old_clients_run_with_the_new_library() {
    if !have("cc") {
        return;
    }
    let old = ["-Itests/c/abi2"];
    for source in ["tests/c/abi2/old_plan_graph.c", "tests/c/abi2/old_place.c"] {
        let object = compile(source, &old);
        for library in [Link::Static, Link::Shared] {
            run(&mut Command::new(link(source, &object, library, &[])));
        }
    }
    let header = |path: &str| functions(&std::fs::read_to_string(root().join(path)).unwrap());
    let (old, new) = (header("tests/c/abi2/plimsoll.h"), header("include/plimsoll.h"));
    let removed: Vec<&String> = old.iter().filter(|name| new.binary_search(name).is_err()).collect();
    assert!(old.len() > 150 && removed.is_empty(), "{} functions, without {removed:?}", old.len());
}

/// Runs Python with ctypes. `PLIMSOLL_PYTHON` names the interpreter.
fn python(arguments: &[&str]) -> String {
    let interpreter = std::env::var("PLIMSOLL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut python = Command::new(interpreter);
    let output = run(python.current_dir(root()).env("PYTHONDONTWRITEBYTECODE", "1").args(arguments));
    String::from_utf8(output.stdout).unwrap()
}

fn have_python() -> bool {
    let interpreter = std::env::var("PLIMSOLL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !have(&interpreter) {
        return false;
    }
    let installed =
        Command::new(&interpreter).args(["-c", "import ctypes"]).output().unwrap().status.success();
    if !installed {
        println!("skipped: {interpreter} has no package `ctypes`");
    }
    installed
}

#[test]
fn python_plans() {
    if !have_python() {
        return;
    }
    let library = library().join("libplimsoll_c.so");
    let printed = python(&["examples/python/plan.py", library.to_str().unwrap()]);
    assert!(printed.contains("arena 1000000 bytes, optimal"), "{printed}");
    // Errors are exceptions with the library's message.
    assert!(printed.contains("refused: buffer `0`: live range 2..2 is empty"), "{printed}");
}
