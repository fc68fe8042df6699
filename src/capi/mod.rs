//! The C ABI: `include/plimsoll.h`, one file for each C object.
//!
//! The files are written for the header that is generated from them: what their
//! comments say is what a C programmer reads. `docs/abi.md` has the rules of
//! change.

#![allow(non_camel_case_types, unsafe_code)]
// Said once, in the header's introduction.
#![allow(clippy::missing_safety_doc)]
// C programmers read it.
#![allow(clippy::doc_markdown)]

mod boundary;
mod callbacks;
mod cancel;
mod choice;
mod export;
mod graph;
mod import;
mod infeasible;
mod onnx;
mod options;
mod plan;
mod pool_plan;
mod pools;
mod problem;
mod records;
mod results;
mod sharing;
mod status;
mod tflite;
