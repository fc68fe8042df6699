//! With the feature `header`: generates the C header into the build's output folder, where a test
//! compares it with `include/plimsoll.h`. Nothing is written to the source tree. Other builds use the
//! committed header and need no cbindgen.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "header")]
    header();
}

/// In the order in which a reader needs them.
#[cfg(feature = "header")]
const FILES: [&str; 21] = [
    "status",
    "records",
    "boundary",
    "cancel",
    "graph",
    "access",
    "problem",
    "import",
    "callbacks",
    "options",
    "plan",
    "results",
    "sharing",
    "infeasible",
    "choice",
    "pools",
    "pool_plan",
    "tiled_plan",
    "export",
    "onnx",
    "tflite",
];

#[cfg(feature = "header")]
fn header() {
    use std::path::PathBuf;

    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rerun-if-changed=cbindgen.toml");
    println!("cargo::rerun-if-changed=src/capi");
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("a valid cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in FILES {
        builder = builder.with_src(root.join(format!("src/capi/{file}.rs")));
    }
    let bindings = builder.generate().expect("src/capi is what cbindgen can read");
    bindings.write_to_file(out.join("plimsoll.h"));
}
