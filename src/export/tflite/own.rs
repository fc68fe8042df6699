//! Simulation of the runtime's own planner, which gives the size of the head without a plan.
//!
//! TensorFlow Lite Micro's `GreedyMemoryPlanner` keeps the file order of operators. It places the largest
//! buffer first, each at the lowest offset at which it overlaps no placed buffer with overlapping live range.

use super::TfliteError;
use super::greedy::{self, HeadRequest, MAX_PAIRS};
use super::runtime::Walk;
use super::runtime_network::{Memory, RuntimeNetwork};

/// Size in bytes of the head of a model without a plan; `None` if the model has too many buffers.
/// `requests` are the scratch requests of the kernels by subgraph and operator. O(buffers squared).
///
/// # Errors
/// [`TfliteError::Call`] if bodies are nested too deeply or run each other too often.
pub(super) fn head_bytes(
    network: &RuntimeNetwork,
    requests: &[Vec<Vec<u64>>],
) -> Result<Option<u64>, TfliteError> {
    let none: Vec<Vec<u64>> = requests.iter().map(|operators| vec![0; operators.len()]).collect();
    let mut walk = Walk::new(network, &none);
    walk.run(0, 0)?;
    let mut all = tensors(network, &walk);
    for (subgraph, steps) in requests.iter().zip(&walk.scratches) {
        for (requests, steps) in subgraph.iter().zip(steps) {
            let (first, last) = steps.ends().map_or((-1, -1), |(first, last)| (first.into(), last.into()));
            all.extend(requests.iter().map(|&bytes| HeadRequest { bytes, first, last }));
        }
    }
    all.retain(|request| request.bytes > 0);
    Ok((all.len().saturating_mul(all.len()) <= MAX_PAIRS).then(|| placed(&all)))
}

/// Requests for the tensors of all subgraphs, including subgraphs that never run. A tensor that is neither
/// an input nor written by an operator is live before the first step.
fn tensors(network: &RuntimeNetwork, walk: &Walk<'_>) -> Vec<HeadRequest> {
    let mut all = Vec::with_capacity(network.tensor_count());
    for (index, subgraph) in network.subgraphs.iter().enumerate() {
        let mut is_created = vec![false; subgraph.tensors.len()];
        let written = subgraph.operators.iter().flat_map(|operator| &operator.read.outputs);
        for id in subgraph.inputs.iter().chain(written) {
            is_created[id.index()] = true;
        }
        for (number, tensor) in subgraph.tensors.iter().enumerate() {
            let steps = walk.tensors[index][number];
            let (first, last) = steps.ends().map_or((-1, -1), |(first, last)| (first.into(), last.into()));
            let first = if is_created[number] { first } else { -1 };
            let bytes = if tensor.memory == Memory::Head { tensor.bytes } else { 0 };
            all.push(HeadRequest { bytes, first, last });
        }
    }
    all
}

/// Places all buffers as the runtime does, and returns the size of the head.
fn placed(all: &[HeadRequest]) -> u64 {
    // Among buffers of equal size, the last comes first: the runtime reverses the list before it sorts.
    let mut order: Vec<HeadRequest> = all.iter().rev().copied().collect();
    order.sort_by_key(|request| std::cmp::Reverse(request.bytes));
    greedy::place(Vec::new(), &order)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: u64, first: i64, last: i64) -> HeadRequest {
        HeadRequest { bytes, first, last }
    }

    #[test]
    fn the_largest_first_and_of_equal_ones_the_last() {
        assert_eq!(placed(&[]), 0);
        // The second buffer of 32 bytes is placed first, at 0; the last one of 16 bytes lies at 0 as well.
        let all = [request(32, 0, 1), request(32, 1, 2), request(16, 2, 3), request(16, 0, 0)];
        assert_eq!(placed(&all), 64);
        // Buffers that are live at -1 overlap each other, but no buffer that is created later.
        assert_eq!(placed(&[request(16, -1, -1), request(16, -1, -1), request(16, -1, -1)]), 48);
        assert_eq!(placed(&[request(16, -1, -1), request(32, -1, 4), request(48, 0, 4)]), 80);
        // A gap of exactly the size of a buffer.
        let gap =
            [request(64, 0, 9), request(48, 0, 1), request(40, 1, 9), request(32, 3, 9), request(8, 3, 9)];
        assert_eq!(placed(&gap), 152);
    }
}
