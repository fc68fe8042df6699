//! Estimate of the arena outside the head: the tail, and the memory for planning at start-up.
//!
//! The constants were chosen from measurements of 46 models in the interpreter of the package
//! `tflite-micro` with the reference kernels on a 64-bit machine. 32-bit boards need less; optimised kernels
//! may need more.

use super::runtime_network::{ALIGNMENT, Memory, RuntimeNetwork, RuntimeOperator, RuntimeSubgraph};
use crate::ElementType;

/// Bytes for records that every model has.
const BASE: u64 = 1200;

/// Bytes per operator: node, registration and parameters.
const OPERATOR: u64 = 190;

/// Bytes per operator that copies: it has few parameters.
const COPY: u64 = 130;

/// Bytes per tensor: its record.
const TENSOR: u64 = 28;

/// Bytes per channel of quantized weights: a multiplier and a shift.
const CHANNEL: u64 = 8;

/// Bytes during planning: a constant, and a record per tensor.
const PLANNING: (u64, u64) = (640, 72);

/// Estimated size of the tail in bytes.
pub(super) fn tail(network: &RuntimeNetwork) -> u64 {
    let mut bytes = BASE;
    for subgraph in &network.subgraphs {
        let operators = subgraph.operators.iter().map(|read| operator(subgraph, read));
        let records = TENSOR * subgraph.tensors.len() as u64;
        let variables =
            subgraph.tensors.iter().filter(|tensor| tensor.memory == Memory::Tail).map(|tensor| {
                let width =
                    tensor.element_type.and_then(ElementType::bits).map_or(8, |bits| bits.div_ceil(8));
                tensor.elements().unwrap_or(0).saturating_mul(width).saturating_add(ALIGNMENT)
            });
        let operators = operators.fold(0, u64::saturating_add);
        let variables = variables.fold(0, u64::saturating_add);
        bytes = bytes.saturating_add(records).saturating_add(operators).saturating_add(variables);
    }
    bytes
}

/// Bytes of an operator.
pub(super) fn operator(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> u64 {
    let record = match operator.read.op_type.as_str() {
        "CONCATENATION" | "PAD" | "SLICE" => COPY,
        _ => OPERATOR,
    };
    record.saturating_add(channels(subgraph, operator).saturating_mul(CHANNEL))
}

/// Bytes of an added operator that copies, with its output.
pub(super) const ADDED_COPY: u64 = COPY + TENSOR;

/// The estimate for a model, without its head.
pub(super) struct ArenaEstimate {
    tail: u64,
    /// Bytes during planning, where the head is later.
    planning: u64,
}

impl ArenaEstimate {
    pub(super) fn of(network: &RuntimeNetwork) -> Self {
        Self { tail: tail(network), planning: PLANNING.0 + PLANNING.1 * network.tensor_count() as u64 }
    }

    /// Estimated size in bytes of an arena with a head of `head` bytes.
    pub(super) fn with_head(&self, head: u64) -> u64 {
        let all = self.tail.saturating_add(head.max(self.planning)).saturating_add(ALIGNMENT);
        all.checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX)
    }
}

/// Number of channels of an operator's quantized weights; 0 for other operators.
fn channels(subgraph: &RuntimeSubgraph, operator: &RuntimeOperator) -> u64 {
    let (data, axis) = match operator.read.op_type.as_str() {
        "CONV_2D" | "FULLY_CONNECTED" => (0, 0),
        "DEPTHWISE_CONV_2D" => (0, 3),
        "TRANSPOSE_CONV" => (2, 0),
        _ => return 0,
    };
    let element_type = subgraph.input(operator, data).and_then(|tensor| tensor.element_type);
    if !matches!(element_type, Some(ElementType::Int8 | ElementType::Int16)) {
        return 0;
    }
    let weights = subgraph.input(operator, 1).and_then(|tensor| tensor.shape.as_ref());
    weights.and_then(|shape| shape.get(axis).copied()).unwrap_or(0)
}
