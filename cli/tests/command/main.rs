//! The command `plimsoll` as a user runs it.

mod cases;
mod code;
mod diff;
#[cfg(unix)]
mod files;
mod fit;
#[cfg(target_os = "linux")]
mod memory;
mod options;
mod tflite;
mod tile;

#[path = "../support/command.rs"]
mod command;
#[allow(dead_code)]
#[path = "../../../tests/support/data.rs"]
mod data;
#[path = "../../../tests/support/folder.rs"]
mod folder;
#[path = "../../../tests/support/onnx_models.rs"]
mod onnx_models;
#[path = "../../../tests/support/tflite_models.rs"]
mod tflite_models;
