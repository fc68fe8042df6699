//! Links: inputs and outputs of operators inside the memory of bodies.

use plimsoll::verify::{Rule, verify};
use plimsoll::{
    BodyLink, Buffer, Error, Graph, Liveness, Occupant, OperatorId, Plan, Planner, Problem, ScheduleMode,
    SharingLevel, Status, TensorId, Variables,
};

use super::bodies::{Draw, each_order};
use super::bytes;
use crate::support::brute_force::lowest_height;

pub(super) fn id(index: usize) -> TensorId {
    TensorId::new(index)
}

/// A body that captures `x` (8 bytes), and computes an output of 8 bytes through two tensors of `middle` bytes.
pub(super) fn branch(middle: u64) -> Graph {
    let mut net = Graph::builder("branch");
    let (x, m) = (net.constant("x", bytes(8)), net.tensor("m", bytes(middle)));
    let (n, y) = (net.tensor("n", bytes(middle)), net.tensor("y", bytes(8)));
    net.operator("widen").reads([x]).writes([m]);
    net.operator("between").reads([m]).writes([n]);
    net.operator("narrow").reads([n]).writes([y]);
    net.output(y);
    net.build().unwrap()
}

/// Links of tensor 0 (captured) and tensor 1 (result) to tensors 0 and 3 of each branch.
fn links(count: usize) -> Vec<BodyLink> {
    let link = |body| {
        [(0, 0), (1, 3)].map(|(tensor, inner)| BodyLink { tensor: id(tensor), body, inner: id(inner) })
    };
    (0..count).flat_map(link).collect()
}

/// An operator that runs two branches, reads `a`, and writes `b`; a second one reads `b`, and `a` if it is kept.
pub(super) fn conditional(keeps_a: bool) -> Graph {
    let mut net = Graph::builder("net");
    let (a, b, c) = (net.input("a", bytes(8)), net.tensor("b", bytes(8)), net.tensor("c", bytes(8)));
    let branches = [branch(100), branch(40)];
    net.operator("if").reads([a]).writes([b]).runs(branches).links(links(2));
    net.operator("use").reads([b]).reads(keeps_a.then_some(a)).writes([c]);
    net.output(c);
    net.build().unwrap()
}

fn plan(graph: &Graph) -> Plan {
    Planner::new().alignment(1).plan(graph).unwrap()
}

#[test]
fn bodies_use_the_bytes_of_dying_inputs_and_of_outputs() {
    let (free, kept) = (conditional(false), conditional(true));
    // Two tensors of 100 bytes; `a` and `b` lie inside the first and the second one.
    let found = plan(&free);
    assert_eq!((found.arena_bytes, found.status), (200, Status::Optimal));
    let linked: Vec<_> = found.bodies.iter().map(|body| body.linked.clone()).collect();
    assert!(linked[0].len() == 2 && linked[0] == linked[1], "{linked:?}");
    let base = found.body_offset(OperatorId::new(0)).unwrap();
    for body in &found.bodies {
        assert_eq!(found.offset(id(0)), body.plan.offset(id(0)).map(|at| base + at));
        assert_eq!(found.offset(id(1)), body.plan.offset(id(3)).map(|at| base + at));
    }
    // An input that an operator reads later stays intact.
    let found = plan(&kept);
    assert_eq!((found.arena_bytes, found.status), (208, Status::Optimal));
    assert!(found.bodies.iter().all(|body| body.linked.iter().all(|linked| linked.tensor == id(1))));
    // Links are optional.
    let separate = Planner::new().alignment(1).links(false).plan(&free).unwrap();
    assert_eq!((separate.arena_bytes, separate.status), (216, Status::Optimal));
    assert!(separate.bodies.iter().all(|body| body.linked.is_empty()));
    // A size that is no multiple of the alignment is not linked.
    let aligned = Planner::new().alignment(16).plan(&free).unwrap();
    assert!(aligned.bodies.iter().all(|body| body.linked.is_empty()));
    // Flattened, the plan has plain live ranges.
    let flat = plan(&free).flattened(&free).into_owned();
    assert_eq!(flat.operators()[0].scratch_bytes(), 200 - 16);
}

#[test]
fn without_temporaries_between_them_inputs_and_outputs_stay_disjoint() {
    let mut body = Graph::builder("body");
    let (x, y) = (body.constant("x", bytes(8)), body.tensor("y", bytes(8)));
    body.operator("copy").reads([x]).writes([y]);
    body.output(y);
    let mut net = Graph::builder("net");
    let (a, b) = (net.input("a", bytes(8)), net.tensor("b", bytes(8)));
    let link = |tensor, inner| BodyLink { tensor, body: 0, inner };
    net.operator("if").reads([a]).writes([b]).runs([body.build().unwrap()]).links([link(a, x), link(b, y)]);
    net.output(b);
    let graph = net.build().unwrap();
    let found = plan(&graph);
    assert_eq!((found.arena_bytes, found.status, found.scratch[0]), (16, Status::Optimal, None));
    assert_eq!(found.body_offset(OperatorId::new(0)), Some(0));
}

#[test]
fn the_state_of_a_loop_lies_in_the_output() {
    let mut body = Graph::builder("body");
    let (state, m, after) =
        (body.input("state", bytes(32)), body.tensor("m", bytes(100)), body.tensor("next", bytes(32)));
    body.operator("step").reads([state]).writes([m]);
    body.operator("end").reads([m]).writes([after]);
    body.output(state).output(after);
    let mut net = Graph::builder("net");
    let (a, b) = (net.input("a", bytes(32)), net.tensor("b", bytes(32)));
    let link = BodyLink { tensor: b, body: 0, inner: state };
    net.operator("loop").reads([a]).writes([b]).runs([body.build().unwrap()]).links([link]);
    net.output(b);
    let graph = net.build().unwrap();
    // `a`, the state, which is `b`, `m` and the next state.
    assert_eq!((plan(&graph).arena_bytes, plan(&graph).bound()), (196, 196));
}

#[test]
fn folded_results_are_not_linked() {
    let mut body = Graph::builder("body");
    let (w, y) = (body.constant("w", bytes(4)), body.tensor("y", bytes(8)));
    body.operator("expand").reads([w]).writes([y]).foldable();
    body.output(y);
    let mut net = Graph::builder("net");
    let (a, b) = (net.input("a", bytes(8)), net.tensor("b", bytes(8)));
    let link = BodyLink { tensor: b, body: 0, inner: y };
    net.operator("if").reads([a]).writes([b]).runs([body.build().unwrap()]).links([link]);
    net.output(b);
    let mut graph = net.build().unwrap();
    assert_eq!(plan(&graph).bodies[0].linked.len(), 1);
    graph.fold_constants();
    assert_eq!((plan(&graph).arena_bytes, plan(&graph).bodies[0].linked.len()), (16, 0));
}

#[test]
fn the_verifier_refuses_wrong_links() {
    let graph = conditional(false);
    let right = plan(&graph);
    assert_eq!(verify(&graph, &right), Ok(()));
    let wrong = |change: &dyn Fn(&mut Plan)| {
        let mut plan = right.clone();
        change(&mut plan);
        let all = verify(&graph, &plan).unwrap_err();
        let of_links = all.list().iter().filter(|one| one.rule() == Rule::LinkedTensors);
        of_links.map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let each =
        |plan: &mut Plan, change: &dyn Fn(&mut plimsoll::BodyPlan)| plan.bodies.iter_mut().for_each(change);
    let text = wrong(&|plan| plan.bodies[0].linked.reverse());
    assert!(text.contains("different tensors or offsets"), "{text}");
    let text = wrong(&|plan| each(plan, &|body| body.linked[1].tensor = id(2)));
    assert!(text.contains("tensor 2 has no link"), "{text}");
    let text = wrong(&|plan| each(plan, &|body| body.linked[1] = body.linked[0]));
    assert!(text.contains("occurs twice"), "{text}");
    let text = wrong(&|plan| each(plan, &|body| body.linked[1].at += 1));
    assert!(text.contains("does not have `b`") || text.contains("does not have `a`"), "{text}");
    // The tensors and the scratch buffer move, but the distance of one differs.
    let text = wrong(&|plan| {
        plan.arena_bytes += 1;
        let last = right.bodies[0].linked[1].tensor;
        plan.tensors[last.index()].as_mut().unwrap().offset += 1;
    });
    assert!(text.contains("bytes after the start"), "{text}");
    // A plan of the graph that reads `a` later may not link it.
    let all = verify(&conditional(true), &right).unwrap_err().to_string();
    assert!(all.contains("tensor `a` is needed after the operator"), "{all}");
}

#[test]
fn wrong_links_are_refused() {
    let build = |links: Vec<BodyLink>| {
        let mut net = Graph::builder("net");
        let (a, b) = (net.input("a", bytes(8)), net.tensor("b", bytes(8)));
        net.input("other", bytes(8));
        net.operator("if").reads([a]).writes([b]).runs([branch(1)]).links(links);
        net.build().map(|_| ())
    };
    let link = |tensor, body, inner| BodyLink { tensor: id(tensor), body, inner: id(inner) };
    assert!(build(links(1)).is_ok());
    let cases = [
        (vec![link(0, 1, 0)], "body 1, which does not exist"),
        (vec![link(0, 0, 9)], "tensor 9 of body 0"),
        (vec![link(2, 0, 0)], "not an input or an output"),
        (vec![link(9, 0, 0)], "not an input or an output"),
        (vec![link(0, 0, 1)], "needs a constant"),
        (vec![link(1, 0, 1)], "needs an output of the body"),
        (vec![link(0, 0, 0), link(0, 0, 0)], "repeats"),
    ];
    for (links, expected) in cases {
        match build(links) {
            Err(Error::Body { problem, .. }) => {
                let problem = problem.to_string();
                assert!(problem.contains(expected), "{problem}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

/// With sharing, `r` may overwrite `x`, and `t` may overwrite `r` or `s`: two tensors are enough inside the memory of
/// `x` and `y`. A bound that counts operands as disjoint would be too high.
#[test]
fn bounds_hold_for_bodies_that_share_memory() {
    let mut body = Graph::builder("body");
    let x = body.constant("x", bytes(8));
    let [r, s, t] = ["r", "s", "t"].map(|name| body.tensor(name, bytes(8)));
    body.operator("exp").reads([x]).writes([r]).in_place(x, r);
    body.operator("neg").reads([r]).writes([s]).in_place(r, s);
    body.operator("add").reads([r, s]).writes([t]).in_place(r, t).in_place(s, t);
    body.output(t);
    let mut net = Graph::builder("net");
    let (a, b) = (net.input("a", bytes(8)), net.tensor("b", bytes(8)));
    let link = |tensor, inner| BodyLink { tensor, body: 0, inner };
    net.operator("if").reads([a]).writes([b]).runs([body.build().unwrap()]).links([link(a, x), link(b, t)]);
    net.output(b);
    let graph = net.build().unwrap();
    for (level, arena) in [
        (SharingLevel::None, 24),
        (SharingLevel::Views, 24),
        (SharingLevel::InPlace, 16),
        (SharingLevel::All, 16),
    ] {
        let found = Planner::new().alignment(1).share(level).plan(&graph).unwrap();
        assert_eq!((found.arena_bytes, found.status), (arena, Status::Optimal), "{level:?}");
    }
}

/// A random body that captures tensors of these sizes and writes outputs of those sizes.
fn drawn_body(draw: &mut Draw, captured: &[u64], results: &[u64]) -> Graph {
    let mut net = Graph::builder("body");
    let mut tensors: Vec<TensorId> =
        captured.iter().enumerate().map(|(n, &size)| net.constant(format!("x{n}"), bytes(size))).collect();
    let mut all_sizes = captured.to_vec();
    let middles = draw.below(3);
    let sizes = (0..middles).map(|_| [1, 4, 9][draw.below(3) as usize]).collect::<Vec<_>>();
    for (number, &size) in sizes.iter().chain(results).enumerate() {
        let made = net.tensor(format!("t{number}"), bytes(size));
        let reads = (0..=draw.below(2)).map(|_| tensors.len().checked_sub(1 + draw.below(2) as usize));
        let mut reads: Vec<usize> = reads.flatten().collect();
        reads.dedup();
        let mut operator = net.operator(format!("o{number}")).writes([made]);
        for &read in &reads {
            operator = operator.reads([tensors[read]]);
        }
        // Permissions between tensors of one size, which plans with sharing may use.
        for &read in reads.iter().filter(|&&read| all_sizes[read] == size) {
            operator = operator.in_place(tensors[read], made);
        }
        if number as u64 >= middles {
            net.output(made);
        }
        tensors.push(made);
        all_sizes.push(size);
    }
    net.build().unwrap()
}

/// A random graph of up to three operators, most of which run linked branches.
pub(super) fn drawn(draw: &mut Draw) -> Graph {
    let mut net = Graph::builder("drawn");
    let mut tensors = vec![(net.input("x", bytes(4)), 4)];
    for number in 0..=draw.below(3) {
        let size = [2, 4, 6][draw.below(3) as usize];
        let made = net.tensor(format!("t{number}"), bytes(size));
        let mut reads: Vec<(TensorId, u64)> =
            (0..2).map(|_| tensors[draw.below(tensors.len() as u64) as usize]).collect();
        reads.dedup();
        let count = if draw.below(4) > 0 { 1 + draw.below(2) as usize } else { 0 };
        let sizes: Vec<u64> = reads.iter().map(|read| read.1).collect();
        let bodies: Vec<Graph> = (0..count).map(|_| drawn_body(draw, &sizes, &[size])).collect();
        let result = |body: &Graph| id(body.tensors().iter().position(plimsoll::Tensor::is_output).unwrap());
        let of_body = |(body, graph): (usize, &Graph)| {
            let captured = reads.iter().enumerate();
            let captured = captured.map(move |(n, &(tensor, _))| BodyLink { tensor, body, inner: id(n) });
            captured.chain([BodyLink { tensor: made, body, inner: result(graph) }]).collect::<Vec<_>>()
        };
        let links: Vec<BodyLink> = bodies.iter().enumerate().flat_map(of_body).collect();
        let ids = reads.iter().map(|read| read.0);
        net.operator(format!("op{number}")).reads(ids).writes([made]).runs(bodies).links(links);
        if draw.below(3) == 0 {
            net.output(made);
        }
        tensors.push((made, size));
    }
    net.build().unwrap()
}

/// The optimal arena of a body in any order, with disjoint linked tensors.
fn smallest(body: &Graph, linked: &[TensorId]) -> u64 {
    let mut least = u64::MAX;
    each_order(body, &mut Vec::new(), &mut |order| {
        let live = Liveness::new(body, order, 1, Variables::Arena).unwrap();
        let end = order.len() as u32;
        let buffer = |(occupant, buffer): (&Occupant, &Buffer)| match occupant {
            // At one more step, all linked tensors are live.
            Occupant::Tensor(id) if linked.contains(id) => {
                let range = buffer.live();
                let again = Buffer::new(buffer.size(), range.start..end + 1);
                if range.end < end { again.gap(range.end..end) } else { again }
            }
            _ => buffer.clone(),
        };
        let buffers = live.occupants().iter().zip(live.problem().buffers()).map(buffer).collect();
        least = least.min(lowest_height(&Problem::new(buffers).unwrap()));
    });
    least
}

/// The least sum of live bytes at the largest step, over all orders and all sets of links: no plan needs less.
fn least_load(graph: &Graph) -> u64 {
    let mut least = u64::MAX;
    each_order(graph, &mut Vec::new(), &mut |order| {
        let live = Liveness::new(graph, order, 1, Variables::Arena).unwrap();
        let of_step = |(step, &operator): (u32, &OperatorId)| {
            let buffers = live.occupants().iter().zip(live.problem().buffers());
            let at_step: Vec<(TensorId, &Buffer)> = buffers
                .filter(|(_, buffer)| buffer.live().contains(step))
                .filter_map(|(occupant, buffer)| match occupant {
                    Occupant::Tensor(id) => Some((*id, buffer)),
                    _ => None,
                })
                .collect();
            let bytes: u64 = at_step.iter().map(|(_, buffer)| buffer.size()).sum();
            let own = graph.operator(operator);
            let can_be_linked = |(id, buffer): &&(TensorId, &Buffer)| {
                let dies = own.inputs().contains(id)
                    && buffer.live().end == step + 1
                    && !graph.tensor(*id).is_output();
                own.links().iter().any(|link| link.tensor == *id) && (dies || own.outputs().contains(id))
            };
            let candidates: Vec<TensorId> = at_step.iter().filter(can_be_linked).map(|(id, _)| *id).collect();
            let sets = 0..1_usize << candidates.len();
            sets.map(|set| {
                let chosen =
                    candidates.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1).map(|(_, id)| *id);
                let chosen: Vec<TensorId> = chosen.collect();
                let linked: u64 = chosen.iter().map(|id| graph.tensor(*id).bytes()).sum();
                let body = |n| {
                    let of_body =
                        own.links().iter().filter(|link| link.body == n && chosen.contains(&link.tensor));
                    let inner: Vec<TensorId> = of_body.map(|link| link.inner).collect();
                    smallest(&own.linked_body(n, &chosen).unwrap(), &inner)
                };
                let bodies = (0..own.bodies().len()).map(body).max().unwrap_or(0);
                bytes - linked + bodies.max(linked)
            })
            .min()
            .unwrap()
        };
        least = least.min((0..).zip(order).map(of_step).max().unwrap_or(0));
    });
    least
}

#[test]
fn bounds_hold_for_all_links() {
    let (mut linked, mut saved, mut proven) = (0, 0, 0);
    for seed in 0..60 {
        let graph = drawn(&mut Draw(seed));
        let planner = Planner::new().alignment(1).order(ScheduleMode::Optimal);
        let found = planner.plan(&graph).unwrap();
        let least = least_load(&graph);
        assert!(found.bound() <= least && found.arena_bytes >= least, "seed {seed}");
        proven += u32::from(found.status == Status::Optimal);
        linked += u32::from(found.bodies.iter().any(|body| !body.linked.is_empty()));
        let flat = planner.flatten(&graph).unwrap();
        saved += u32::from(found.arena_bytes < planner.plan(&flat).unwrap().arena_bytes);
        let in_order = planner.plan_in_order(&graph, graph.program_order()).unwrap();
        assert!(found.bound() <= in_order.arena_bytes, "seed {seed}");
        let level = [SharingLevel::All, SharingLevel::InPlace][seed as usize % 2];
        let shared = Planner::new().alignment(1).share(level).plan(&graph).unwrap();
        assert!(shared.arena_bytes <= found.arena_bytes, "seed {seed}");
    }
    assert!(linked >= 20 && saved >= 20 && proven >= 20, "{linked} linked, {saved} saved, {proven} proven");
    assert_eq!(plimsoll::withdrawn_bounds(), 0);
}
