//! Random problems and graphs.

use plimsoll::{Buffer, Graph, GraphBuilder, Problem, TensorSpec};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// A buffer with a random size (sometimes 0), live range and alignment.
fn buffer(max_time: u32, alignments: &'static [u64]) -> impl Strategy<Value = Buffer> {
    let size = prop_oneof![1 => Just(0u64), 12 => 1u64..40];
    (size, 0..max_time, 1..=max_time, prop::sample::select(alignments)).prop_map(
        move |(size, start, length, alignment)| {
            Buffer::new(size, start..(start + length).min(max_time).max(start + 1)).align(alignment)
        },
    )
}

/// A random problem. Up to `fixed` buffers get random fixed offsets, if these do not conflict.
pub fn problem(
    max_buffers: usize,
    alignments: &'static [u64],
    fixed: usize,
) -> impl Strategy<Value = Problem> {
    let buffers = prop::collection::vec(buffer(8, alignments), 0..=max_buffers);
    (buffers, prop::collection::vec(0u64..60, fixed)).prop_map(|(mut buffers, places)| {
        for (i, place) in places.into_iter().enumerate() {
            let Some(old) = buffers.get(i).cloned() else { break };
            let offset = place.next_multiple_of(old.alignment());
            buffers[i] = old.at(offset);
            if Problem::new(buffers.clone()).is_err() {
                let open = Buffer::new(buffers[i].size(), buffers[i].live()).align(buffers[i].alignment());
                buffers[i] = open;
            }
        }
        Problem::new(buffers).unwrap()
    })
}

/// A random problem with gaps in live ranges.
pub fn gapped(
    max_buffers: usize,
    alignments: &'static [u64],
    fixed: usize,
) -> impl Strategy<Value = Problem> {
    let gaps = prop::collection::vec((1u32..8, 1u32..4), 0..3);
    let all_gaps = prop::collection::vec(gaps, max_buffers);
    (problem(max_buffers, alignments, fixed), all_gaps).prop_map(|(problem, gaps)| {
        let buffers = problem.buffers().iter().zip(gaps).map(|(buffer, gaps)| {
            gaps.into_iter().fold(buffer.clone(), |buffer, (start, steps)| {
                let tried = buffer.clone().gap(start..start + steps);
                if Problem::new(vec![tried.clone()]).is_ok() { tried } else { buffer }
            })
        });
        Problem::new(buffers.collect()).unwrap()
    })
}

/// A problem with up to two reserved ranges, if its fixed buffers allow them.
pub fn reserved(problem: impl Strategy<Value = Problem>) -> impl Strategy<Value = Problem> {
    let ranges = prop::collection::vec((0u64..120, 1u64..30), 0..3);
    (problem, ranges).prop_map(|(problem, ranges)| {
        let ranges = ranges.into_iter().map(|(start, bytes)| start..start + bytes);
        problem.clone().with_reserved(ranges).unwrap_or(problem)
    })
}

/// The recipe of a random operator: inputs among earlier tensors, sizes of outputs, scratch, a control
/// dependency on the preceding operator, and a number that selects further properties.
type Recipe = (Vec<prop::sample::Index>, Vec<u64>, u64, bool, u8);

/// A random graph with every kind of tensor: inputs (some of them outputs), constants, variables,
/// tensors without readers, outputs with readers, duplicate inputs, scratch and control dependencies.
pub fn graph(max_operators: usize) -> impl Strategy<Value = Graph> {
    let recipe = (
        prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        prop::collection::vec(0u64..50, 0..3),
        prop_oneof![3 => Just(0u64), 1 => 1u64..50],
        prop::bool::weighted(0.1),
        0u8..12,
    );
    prop::collection::vec(recipe, 0..=max_operators).prop_map(|recipes| build(&recipes))
}

/// The random graph of a seed.
pub fn mixed(seed: u64, max_operators: usize) -> Graph {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let draw = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), draw);
    graph(max_operators).new_tree(&mut runner).unwrap().current()
}

fn build(recipes: &[Recipe]) -> Graph {
    let mut net = Graph::builder("random");
    let mut tensors = vec![
        net.input("x", TensorSpec::bytes(24)),
        net.input("y", TensorSpec::bytes(7).align(32)),
        net.constant("w", TensorSpec::bytes(1000)),
        net.variable("state", TensorSpec::bytes(5)),
    ];
    net.output(tensors[1]);
    let mut last = None;
    for (k, (picks, sizes, scratch, waits, role)) in recipes.iter().enumerate() {
        let inputs: Vec<_> = picks.iter().map(|pick| *pick.get(&tensors)).collect();
        let outputs: Vec<_> =
            sizes.iter().enumerate().map(|(j, &size)| add_output(&mut net, k, j, size, *role)).collect();
        let mut operator =
            net.operator(format!("op{k}")).reads(inputs).writes(outputs.clone()).scratch(*scratch).foldable();
        if let (true, Some(last)) = (*waits, last) {
            operator = operator.after([last]);
        }
        if *role == 1 {
            operator = operator.writes([tensors[3]]);
        }
        last = Some(operator.id());
        tensors.extend(outputs);
    }
    net.build().unwrap()
}

fn add_output(net: &mut GraphBuilder, k: usize, j: usize, size: u64, role: u8) -> plimsoll::TensorId {
    let spec = TensorSpec::bytes(size);
    let spec = if role == 2 { spec.align(8) } else { spec };
    let tensor = net.tensor(format!("t{k}.{j}"), spec);
    if role == 3 {
        net.output(tensor);
    }
    tensor
}

/// A configuration with `default` cases, or with `PROPTEST_CASES` if that variable is set.
pub fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").map_or(default, |text| text.parse().unwrap());
    let max_global_rejects = cases.max(1024);
    ProptestConfig { cases, max_global_rejects, failure_persistence: None, ..ProptestConfig::default() }
}
