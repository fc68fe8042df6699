//! Helpers for several test crates. Each crate uses a part of them.
#![allow(dead_code)]

pub mod adversarial;
pub mod brute_force;
pub mod brute_pools;
pub mod data;
pub mod folder;
pub mod networks;
pub mod onnx_models;
pub mod packings;
pub mod pools;
pub mod random;
pub mod sharing;
pub mod tflite;
#[cfg(feature = "tflite")]
pub mod tflite_models;
#[cfg(all(feature = "onnx", feature = "tflite"))]
pub mod zoo;
