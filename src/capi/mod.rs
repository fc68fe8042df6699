//! The C ABI: `include/plimsoll.h`, one file for each C object.
//!
//! The header is generated from these files: their doc comments become the comments that C
//! programmers read. `docs/abi.md` states the rules of compatibility.

#![allow(non_camel_case_types, unsafe_code)]
// The introduction of the header states the safety rules once for all functions.
#![allow(clippy::missing_safety_doc)]
// The doc comments are for C programmers, who do not expect Markdown.
#![allow(clippy::doc_markdown)]

mod access;
mod boundary;
mod callbacks;
mod cancel;
mod choice;
mod export;
mod graph;
mod graph_arrays;
mod import;
mod infeasible;
mod library;
mod onnx;
mod options;
mod plan;
mod plan_input;
mod pool_plan;
mod pools;
mod problem;
mod record_size;
mod records;
mod replan;
mod results;
mod sharing;
mod status;
mod storage;
mod tflite;
mod tiled_onnx;
mod tiled_plan;
