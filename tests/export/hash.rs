use std::collections::HashMap;

use plimsoll::export::{graph_hash, problem_hash};
use plimsoll::{Buffer, Graph, Problem, TensorKind, TensorSpec};

use crate::fixture;

/// Pinned: plans written by one version must be read by the next.
#[test]
fn hashes_never_change() {
    assert_eq!(graph_hash(&fixture::graph()), "2c68b5b02cb7a8016571afe8128db415");
    assert_eq!(problem_hash(&fixture::problem()), "c30075ab38217254f4b7c742cb1bad43");
    let empty = Graph::builder("").build().unwrap();
    assert_eq!(graph_hash(&empty), "631972b211edb612702421aeee8021e1");
}

/// A graph of two operators in which one thing may be changed.
fn changed(change: &str) -> Graph {
    let is = |what: &str| change == what;
    let mut net = Graph::builder(if is("model name") { "other" } else { "net" });
    let kind = if is("kind") { TensorKind::Constant } else { TensorKind::Input };
    let spec = TensorSpec::bytes(if is("bytes") { 65 } else { 64 });
    let spec = if is("alignment") { spec.align(32) } else { spec };
    let spec = if is("fixed offset") { spec.at(0) } else { spec };
    let a = net.add_tensor(if is("tensor name") { "A" } else { "a" }, kind, spec);
    let b = net.input("b", TensorSpec::bytes(8));
    let c = net.tensor("c", TensorSpec::bytes(8));
    let d = net.tensor("d", TensorSpec::bytes(8));
    let op_type = if is("operator type") { "Sub" } else { "Add" };
    let inputs = if is("inputs") { [b, a] } else { [a, b] };
    let (first, second) = if is("outputs") { (d, c) } else { (c, d) };
    let before = net.operator(if is("operator name") { "P" } else { "p" });
    let before = before.op_type(op_type).reads(inputs).writes([first]).scratch(u64::from(is("scratch")));
    let before = before.id();
    net.operator("q").writes([second]).after(is("runs after").then_some(before)).foldable();
    net.output(c);
    if is("output") {
        net.output(d);
    }
    let mut graph = net.build().unwrap();
    if is("folded") {
        assert_eq!(graph.fold_constants(), 1);
    }
    graph
}

#[test]
fn hashes_tell_graphs_apart() {
    let changes = "nothing,kind,bytes,alignment,fixed offset,tensor name,operator type,inputs,outputs,scratch,\
                   runs after,output,folded";
    let mut seen = HashMap::new();
    for change in changes.split(',') {
        let other = seen.insert(graph_hash(&changed(change)), change);
        assert_eq!(other, None, "the same hash as {change}");
    }
    for ignored in ["model name", "operator name"] {
        assert_eq!(seen.get(&graph_hash(&changed(ignored))), Some(&"nothing"), "{ignored}");
    }
}

#[test]
fn hashes_tell_problems_apart() {
    let hash = |name: &str, buffer: Buffer| {
        problem_hash(&Problem::named(vec![buffer], vec![name.to_owned()]).unwrap())
    };
    let base = || Buffer::new(64, 1..3);
    let mut hashes = vec![
        hash("a", base()),
        hash("b", base()),
        hash("a", Buffer::new(65, 1..3)),
        hash("a", Buffer::new(64, 0..3)),
        hash("a", Buffer::new(64, 1..4)),
        hash("a", base().align(2)),
        hash("a", base().at(0)),
        hash("a", base().at(1)),
        hash("a", Buffer::new(64, 0..9)),
        hash("a", Buffer::new(64, 0..9).gap(2..3)),
        hash("a", Buffer::new(64, 0..9).gap(2..4)),
        hash("a", Buffer::new(64, 0..9).gap(2..3).gap(4..5)),
        problem_hash(&Problem::new(Vec::new()).unwrap()),
        graph_hash(&Graph::builder("").build().unwrap()),
    ];
    let count = hashes.len();
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), count);
}
