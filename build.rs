//! With the feature `header`: generates the C header into the build's output folder, where a test
//! compares it with `include/plimsoll.h`. Nothing is written to the source tree. Other builds use the
//! committed header and need no cbindgen.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "header")]
    header::generate();
}

#[cfg(feature = "header")]
mod header {
    use std::env;
    use std::path::{Path, PathBuf};

    /// Files of `src/capi` and the headings of their functions, in the order in which a reader needs them.
    /// Functions of a file without a heading belong to the file before.
    const FILES: [(&str, &str); 27] = [
        ("status", ""),
        ("records", ""),
        ("library", "The library"),
        ("boundary", ""),
        ("cancel", "Cancel tokens"),
        ("graph", "Graphs"),
        ("sharing", "Graphs: permissions and constraints; sharing of plans"),
        ("access", "Graphs: access maps for tiling"),
        ("graph_arrays", "Graphs as arrays; reading a graph; data of the caller"),
        ("storage", "Graphs: memory of tensors, and contents of inputs"),
        ("problem", "Problems: buffers without a graph"),
        ("import", "Imports"),
        ("callbacks", ""),
        ("options", "Options of a planner"),
        ("plan", "Plans for one arena"),
        ("results", "Plans for one arena: results"),
        ("replan", "Changed copies of graphs; plans from earlier plans"),
        ("plan_input", "Plans from other sources: offsets of a cache, PLAN.json"),
        ("infeasible", "Why a plan does not fit"),
        ("choice", "Choice of buffers to keep on chip"),
        ("pools", "Pools: the memories of a target"),
        ("pool_plan", "Plans for several memories"),
        ("tiled_plan", "Tiled plans"),
        ("export", "Exports"),
        ("onnx", "ONNX models with plans"),
        ("tiled_onnx", "Tiled ONNX models"),
        ("tflite", "TensorFlow Lite models with plans"),
    ];

    /// Headings of groups of constants, with the first constant of each.
    const CONSTANTS: [(&str, &str); 11] = [
        ("PLIMSOLL_ABI", "Constants: ABI and absent values"),
        ("PLIMSOLL_OK", "Constants: statuses"),
        ("PLIMSOLL_STATUS_OPTIMAL", "Constants: plans"),
        ("PLIMSOLL_TENSOR_INPUT", "Constants: tensors, operators and occupants"),
        ("PLIMSOLL_VARIABLES_ARENA", "Constants: options"),
        ("PLIMSOLL_PERMIT_VIEW", "Constants: permissions"),
        ("PLIMSOLL_ROW_NUMBERS", "Constants: access maps and tiling"),
        ("PLIMSOLL_LAYOUT_AS_STORED", "Constants: layouts"),
        ("PLIMSOLL_SHARING_NONE", "Constants: sharing"),
        ("PLIMSOLL_HOLDS_ACTIVATIONS", "Constants: pools"),
        ("PLIMSOLL_IMPORT_ONNX", "Constants: formats"),
    ];

    pub fn generate() {
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
        println!("cargo::rerun-if-changed=cbindgen.toml");
        println!("cargo::rerun-if-changed=src/capi");
        let mut config =
            cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("a valid cbindgen.toml");
        config.header = config.header.map(|text| with_version(&text));
        let mut builder = cbindgen::Builder::new().with_config(config);
        for (file, _) in FILES {
            builder = builder.with_src(source(&root, file));
        }
        let bindings = builder.generate().expect("src/capi is what cbindgen can read");
        let mut text = Vec::new();
        bindings.write(&mut text);
        let text = String::from_utf8(text).expect("comments are UTF-8");
        std::fs::write(out.join("plimsoll.h"), with_headings(&root, &text)).expect("OUT_DIR is writable");
    }

    fn source(root: &Path, file: &str) -> PathBuf {
        root.join(format!("src/capi/{file}.rs"))
    }

    fn with_version(text: &str) -> String {
        let part = |name: &str| env::var(format!("CARGO_PKG_VERSION{name}")).expect("cargo sets it");
        let text = text.replace("@VERSION@", &part("")).replace("@MAJOR@", &part("_MAJOR"));
        text.replace("@MINOR@", &part("_MINOR")).replace("@PATCH@", &part("_PATCH"))
    }

    /// Adds headings, and replaces the comments after directives by those of C89.
    fn with_headings(root: &Path, text: &str) -> String {
        let mut text =
            text.replace("#endif // __cplusplus", "#endif").replace("#endif  // __cplusplus", "#endif");
        text = text.replace("}  // extern \"C\"", "}");
        for (constant, heading) in CONSTANTS {
            insert(&mut text, &format!("#define {constant} "), heading);
        }
        insert(&mut text, "typedef struct plimsoll_cancel_token ", "Objects");
        insert(&mut text, "typedef struct plimsoll_buffer {", "Records and callbacks");
        for (file, heading) in FILES.iter().filter(|(_, heading)| !heading.is_empty()) {
            let code = std::fs::read_to_string(source(root, file)).expect("a file of src/capi");
            let after = code.split("extern \"C\" fn ").nth(1).expect("a file with a heading has a function");
            let name = after.split('(').next().expect("a name");
            insert(&mut text, &format!(" {name}("), heading);
        }
        text
    }

    /// Inserts a heading before the comment of the first declaration that has `declaration` in its line. Comments
    /// mention functions without a blank in front of the name, or in backquotes.
    fn insert(text: &mut String, declaration: &str, heading: &str) {
        let is_declaration = |line: &&str| {
            let line = format!(" {}", line.replace('*', " "));
            !line.starts_with("    ") && line.contains(declaration) && !line.starts_with("   ")
        };
        let line = text
            .lines()
            .find(is_declaration)
            .unwrap_or_else(|| panic!("`{declaration}` is not in the header"));
        let at = text.find(&format!("\n{line}")).expect("a line of the text");
        let start = if text[..at].ends_with("*/") { text[..at].rfind("\n/**").unwrap_or(at) } else { at };
        let rule = "-".repeat(92);
        text.insert_str(start, &format!("\n/* {rule}\n * {heading}\n * {rule} */\n"));
    }
}
