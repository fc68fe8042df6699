//! States: graph outputs at the addresses of graph inputs.

use plimsoll::{BodyLink, Graph, OperatorId, Planner, ScheduleMode, SharingLevel, TensorId, TensorSpec};

use crate::plan::bodies::{Draw, each_order};

/// A random graph of operators in place or not, with up to two states.
struct Drawn {
    graph: Graph,
    states: Vec<(TensorId, TensorId)>,
    /// Operators that write their result after their bodies have run.
    with_bodies: Vec<OperatorId>,
}

/// A body that computes a result of 8 bytes through a tensor of another size.
fn body(bytes: u64) -> (Graph, TensorId) {
    let mut net = Graph::builder("body");
    let (wide, result) =
        (net.tensor("wide", TensorSpec::bytes(bytes)), net.tensor("result", TensorSpec::bytes(8)));
    net.operator("widen").writes([wide]);
    net.operator("narrow").reads([wide]).writes([result]);
    net.output(result);
    (net.build().unwrap(), result)
}

fn drawn(draw: &mut Draw) -> Drawn {
    let mut net = Graph::builder("drawn");
    let bytes = || TensorSpec::bytes(8);
    let inputs: Vec<TensorId> = (0..3).map(|number| net.input(format!("x{number}"), bytes())).collect();
    let mut tensors = inputs.clone();
    let (mut made, mut with_bodies) = (Vec::new(), Vec::new());
    for number in 0..2 + draw.below(4) {
        let output = net.tensor(format!("t{number}"), bytes());
        let mut reads: Vec<TensorId> =
            (0..=draw.below(2)).map(|_| tensors[draw.below(tensors.len() as u64) as usize]).collect();
        reads.dedup();
        let kind = draw.below(5);
        let operator = net.operator(format!("o{number}")).reads(reads.iter().copied()).writes([output]);
        if kind < 3 {
            operator.in_place(reads[0], output);
        } else if kind == 3 {
            with_bodies.push(operator.id());
            let bodies: Vec<(Graph, TensorId)> = (0..=draw.below(2)).map(|one| body(8 + 16 * one)).collect();
            let links = bodies.iter().enumerate();
            let links = links.map(|(body, (_, inner))| BodyLink { tensor: output, body, inner: *inner });
            let links: Vec<BodyLink> = links.collect();
            operator.runs(bodies.into_iter().map(|(graph, _)| graph)).links(links);
        }
        tensors.push(output);
        made.push(output);
    }
    let mut states = Vec::new();
    for &input in &inputs[..=draw.below(2) as usize] {
        let output = made.remove(draw.below(made.len() as u64) as usize);
        net.output(output);
        states.push((input, output));
    }
    let mut graph = net.build().unwrap();
    // An input that nothing reads is live at the first step.
    states.retain(|(input, _)| !graph.tensor(*input).readers().is_empty());
    for &(input, output) in &states {
        graph.keep_state(input, output).unwrap();
    }
    Drawn { graph, states, with_bodies }
}

/// Returns whether nothing reads an old state after the new one is written, and the writer may work in place.
fn is_right(Drawn { graph, states, with_bodies }: &Drawn, order: &[OperatorId]) -> bool {
    let step = |id: OperatorId| order.iter().position(|other| *other == id).unwrap();
    states.iter().all(|&(old, new)| {
        let writer = graph.tensor(new).producer().unwrap();
        let permits = graph.operator(writer).permits().iter();
        let is_in_place = with_bodies.contains(&writer)
            || permits.into_iter().any(|permit| (permit.input(), permit.output()) == (old, new));
        let mut readers = graph.tensor(old).readers().iter();
        readers.all(|&reader| if reader == writer { is_in_place } else { step(reader) < step(writer) })
    })
}

/// The graph without states, whose orders are all that data flow allows.
fn without_states(graph: &Graph) -> Graph {
    let mut net = Graph::builder("plain");
    for tensor in graph.tensors() {
        net.add_tensor(tensor.name(), tensor.kind(), TensorSpec::bytes(tensor.bytes()));
    }
    for operator in graph.operators() {
        let own = net.operator(operator.name());
        own.reads(operator.inputs().iter().copied()).writes(operator.outputs().iter().copied());
    }
    net.build().unwrap()
}

#[test]
fn a_plan_exists_if_an_order_keeps_old_states_until_they_are_read() {
    let (mut planned, mut refused, mut reordered, mut through_bodies) = (0, 0, 0, 0);
    for seed in 0..400 {
        let drawn = drawn(&mut Draw(seed));
        let plain = without_states(&drawn.graph);
        let mut exists = false;
        each_order(&plain, &mut Vec::new(), &mut |order| exists |= is_right(&drawn, order));
        for (level, mode) in [
            (SharingLevel::None, ScheduleMode::Program),
            (SharingLevel::InPlace, ScheduleMode::Program),
            (SharingLevel::All, ScheduleMode::default()),
        ] {
            let found = Planner::new().alignment(1).share(level).order(mode).plan(&drawn.graph);
            assert_eq!(found.is_ok(), exists, "seed {seed}, {level:?}: {found:?}");
            let Ok(found) = found else { continue };
            assert!(is_right(&drawn, &found.order), "seed {seed}");
            for &(old, new) in &drawn.states {
                assert_eq!(found.offset(old), found.offset(new), "seed {seed}");
            }
        }
        planned += u32::from(exists);
        refused += u32::from(!exists);
        let is_through_body = |(old, new): &(TensorId, TensorId)| {
            let writer = drawn.graph.tensor(*new).producer().unwrap();
            drawn.with_bodies.contains(&writer) && drawn.graph.operator(writer).inputs().contains(old)
        };
        through_bodies += u32::from(exists && drawn.states.iter().any(is_through_body));
        reordered += u32::from(exists && !is_right(&drawn, plain.program_order()));
    }
    assert!(planned >= 50 && refused >= 50 && reordered >= 20, "{planned} {refused} {reordered}");
    assert!(through_bodies >= 20, "{through_bodies}");
}
