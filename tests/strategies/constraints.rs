//! Constraints on placement: relative placements and must-not-alias pairs.

use plimsoll::verify::verify;
use plimsoll::{
    AliasKind, ElementType, Error, Graph, GraphBuilder, Permit, Planner, ScheduleMode, SharingLevel, Status,
    TensorId, TensorSpec,
};

/// `x` → conv → `a` → relu → `b` → last → `y`: tensors of 64 bytes each; `relu` may run in place.
fn chain() -> (GraphBuilder, [TensorId; 4]) {
    let mut net = Graph::builder("chain");
    let x = net.input("x", TensorSpec::bytes(64));
    let [a, b, y] = ["a", "b", "y"].map(|name| net.tensor(name, TensorSpec::bytes(64)));
    net.operator("conv").reads([x]).writes([a]);
    net.operator("relu").reads([a]).writes([b]).in_place(a, b);
    net.operator("last").reads([b]).writes([y]);
    net.output(y);
    (net, [x, a, b, y])
}

fn planner() -> Planner {
    Planner::new().alignment(16)
}

#[test]
fn a_permission_and_a_duty_are_a_must_alias() {
    let (mut net, [_, a, b, _]) = chain();
    net.place_at(b, a, 0);
    let graph = net.build().unwrap();
    let plan = planner().plan(&graph).unwrap();
    assert_eq!(plan.offset(a), plan.offset(b));
    assert_eq!(plan.aliases.iter().map(|alias| alias.kind).collect::<Vec<_>>(), [AliasKind::InPlace]);
    assert_eq!((plan.arena_bytes, plan.status), (128, Status::Optimal));
}

#[test]
fn tensors_of_different_times_are_colocated() {
    let (mut net, [x, a, b, y]) = chain();
    net.place_at(b, x, 0).place_at(y, a, 0);
    let plan = planner().plan(&net.build().unwrap()).unwrap();
    assert_eq!((plan.offset(x), plan.offset(a)), (plan.offset(b), plan.offset(y)));
    assert_eq!((plan.arena_bytes, plan.status, plan.aliases.len()), (128, Status::Optimal, 0));
}

/// Tensors that may share memory are not reported as causes of a plan that does not fit.
#[test]
fn what_may_be_shared_is_not_called_too_much() {
    let (mut net, [_, a, b, _]) = chain();
    let explained = |graph: &Graph, sharing: SharingLevel| {
        let planner = planner().share(sharing).capacity(100);
        let plan = planner.plan(graph).unwrap();
        assert_eq!(plan.status, Status::Infeasible);
        planner.explain_plan(graph, &plan).unwrap().is_some()
    };
    let graph = net.clone().build().unwrap();
    assert!(explained(&graph, SharingLevel::None) && !explained(&graph, SharingLevel::InPlace));
    net.place_at(b, a, 0);
    assert!(!explained(&net.build().unwrap(), SharingLevel::None));
}

#[test]
fn distances_are_kept() {
    let (mut net, [x, a, _, y]) = chain();
    net.place_at(a, x, 64).place_at(y, x, 1024);
    let plan = planner().plan(&net.build().unwrap()).unwrap();
    let offset = |id| plan.offset(id).unwrap();
    assert_eq!([offset(a), offset(y)], [offset(x) + 64, offset(x) + 1024]);
    assert_eq!(plan.arena_bytes, 1024 + 64);
}

#[test]
fn what_is_kept_apart_is_not_written_in_place() {
    let (mut net, [_, a, b, _]) = chain();
    net.keep_apart(b, a);
    let graph = net.build().unwrap();
    assert_eq!(graph.kept_apart(), [[a, b]]);
    let plan = planner().share(SharingLevel::All).plan(&graph).unwrap();
    assert_ne!(plan.offset(a), plan.offset(b));
    assert!(plan.aliases.is_empty());
}

/// If two tensors overlap and do not alias, every order runs all readers of the first one before the
/// producer of the second one.
#[test]
fn tensors_of_one_place_keep_the_order_of_the_file() {
    let mut net = Graph::builder("two");
    let image = net.input("image", TensorSpec::bytes(16));
    let [a, b] = ["a", "b"].map(|name| net.tensor(name, TensorSpec::bytes(64)));
    let [left, right] = ["left", "right"].map(|name| net.tensor(name, TensorSpec::bytes(16)));
    let first = net.operator("to a").reads([image]).writes([a]).id();
    let read = net.operator("from a").reads([a]).writes([left]).id();
    let second = net.operator("to b").reads([image]).writes([b]).id();
    net.operator("from b").reads([b]).writes([right]);
    net.output(left).output(right).place_at(b, a, 32);
    let graph = net.build().unwrap();
    let waits: Vec<_> = graph.dependencies().collect();
    assert!(waits.contains(&(read, second)) && waits.contains(&(first, second)), "{waits:?}");
    let plan = planner().order(ScheduleMode::Optimal).plan(&graph).unwrap();
    assert_eq!(plan.offset(b).unwrap(), plan.offset(a).unwrap() + 32);
}

#[test]
fn distances_count_in_elements() {
    let mut net = Graph::builder("floats");
    let spec = || TensorSpec::shaped(ElementType::Float32, [1, 64]);
    let x = net.input("x", spec());
    let y = net.tensor("y", spec());
    net.operator("relu").reads([x]).writes([y]);
    net.output(y).place_at(y, x, 512);
    let mut graph = net.build().unwrap();
    graph.count_floats_as(ElementType::Int8).unwrap();
    assert_eq!(graph.relative_placements()[0].at, 128);
    let plan = planner().plan(&graph).unwrap();
    assert_eq!(plan.offset(y).unwrap(), plan.offset(x).unwrap() + 128);
    // An odd distance would not be a whole number of the new elements.
    let mut net = Graph::builder("odd");
    let [x, y] = ["x", "y"].map(|name| net.input(name, spec()));
    net.place_at(y, x, 257);
    let mut graph = net.build().unwrap();
    let error = graph.count_floats_as(ElementType::Int8).unwrap_err().to_string();
    assert_eq!(
        error,
        "the placement of tensor `y` at 257 bytes of tensor `x` cannot be satisfied: \
         the distance is not a whole number of elements of the new type"
    );
    assert_eq!((graph.tensor(x).bytes(), graph.relative_placements()[0].at), (256, 257));
}

#[test]
fn demands_that_contradict_each_other_are_named() {
    let refusal = |say: &dyn Fn(&mut GraphBuilder, [TensorId; 4])| {
        let (mut net, ids) = chain();
        say(&mut net, ids);
        net.build().and_then(|graph| planner().plan(&graph)).unwrap_err().to_string()
    };
    let clash = "the placement of tensor `b` at 0 bytes of tensor `a` cannot be satisfied: \
                 tensors `a` and `b` would have 64 bytes in common while both are needed: ";
    let last = |net: &mut GraphBuilder, [_, _, b, y]: [TensorId; 4]| {
        net.place_at(y, b, 0);
    };
    let of_last = clash.replace("`a`", "`B`").replace("`b`", "`y`").replace("`B`", "`b`");
    assert!(refusal(&last).starts_with(&of_last), "{}", refusal(&last));
    assert_eq!(
        refusal(&|net, [x, a, b, _]| {
            net.place_at(b, a, 64).place_at(a, x, 64).place_at(b, x, 64);
        }),
        "the placement of tensor `b` at 64 bytes of tensor `x` cannot be satisfied: \
         the other placements put it at 128 bytes"
    );
    assert_eq!(
        refusal(&|net, [x, a, _, _]| {
            net.place_at(a, x, 72);
        }),
        "the placement of tensor `a` at 72 bytes of tensor `x` cannot be satisfied: 72 is not a multiple of \
         16, but tensors `a` and `x` both start at multiples of 16; use a multiple of 16"
    );
    assert_eq!(
        refusal(&|net, [_, a, b, _]| {
            net.place_at(b, a, 0).keep_apart(a, b);
        }),
        format!("{clash}they are kept apart; remove that constraint or the placement")
    );
    assert_eq!(
        refusal(&|net, [x, a, b, _]| {
            net.place_at(a, x, u64::MAX - 15).place_at(b, a, u64::MAX - 15);
        }),
        "the placement of tensor `a` at 18446744073709551600 bytes of tensor `x` cannot be satisfied: \
         together with the other placements, the tensors extend over more than 2^64-1 bytes"
    );
    assert_eq!(
        refusal(&|net, [x, _, _, _]| {
            let weights = net.constant("weights", TensorSpec::bytes(8));
            net.place_at(x, weights, 0);
        }),
        "the placement of tensor `x` at 0 bytes of tensor `weights` cannot be satisfied: \
         tensor `weights` is a constant, which is outside of the arena"
    );
    assert_eq!(
        refusal(&|net, [x, _, _, _]| {
            net.keep_apart(x, x);
        }),
        "the separation of tensors `x` and `x` cannot be satisfied: tensor `x` is named twice"
    );
    assert_eq!(
        refusal(&|net, [x, _, _, _]| {
            net.place_at(x, TensorId::new(9), 0);
        }),
        "a relative placement names tensor 9, but the graph has 4 tensors"
    );
    // The distance fits 64 bits, but the sum of all sizes does not.
    let far = refusal(&|net, [x, a, _, _]| {
        net.place_at(a, x, u64::MAX - 79);
    });
    assert!(far.contains("2^64-1 bytes at buffer"), "{far}");
}

/// A graph in which an operator writes `present` over `past`, and another operator reads `present`.
struct Update {
    overwritable: bool,
    permit: Option<fn(TensorId, TensorId) -> Permit>,
    late_reader: bool,
    past_is_output: bool,
    at: u64,
}

const RIGHT: Update = Update {
    overwritable: true,
    permit: Some(|input, output| Permit::InPlace { input, output }),
    late_reader: false,
    past_is_output: false,
    at: 0,
};

impl Update {
    /// The reasons in the error of the planner, without the head of the message; empty if there is
    /// no error.
    fn reasons(&self, sharing: SharingLevel) -> String {
        let mut net = Graph::builder("update");
        let spec = || TensorSpec::bytes(64);
        let past = net.input("past", spec());
        if self.overwritable {
            net.overwritable(past);
        }
        let [present, y] = ["present", "y"].map(|name| net.tensor(name, spec()));
        let update = net.operator("update").reads([past]).writes([present]);
        if let Some(permit) = self.permit {
            update.permits([permit(past, present)]);
        }
        let read = if self.late_reader { vec![present, past] } else { vec![present] };
        net.operator("attend").reads(read).writes([y]);
        net.output(y).place_at(present, past, self.at);
        if self.past_is_output {
            net.output(past);
        }
        let error = planner().share(sharing).plan(&net.build().unwrap()).err();
        let text = error.map_or_else(String::new, |error| error.to_string());
        text.split_once("both are needed: ").map_or(text.clone(), |(_, reasons)| reasons.to_owned())
    }
}

#[test]
fn refused_placements_name_every_reason() {
    let late = "`attend` reads `past` after operator `update` overwrites it; \
                its result is needed for that; read `present` instead, or copy `past` first";
    let kept = "`past` is a graph input that may not be overwritten; declare it overwritable";
    let output = "`past` is an output of the graph, which is read after the run; copy it first";
    let nothing = "nothing permits operator `update` to write `present` over `past`; add a permission";
    let elsewhere = "operator `update` permits `present` at 0 bytes of `past`, \
                     but it would be at 16 bytes; place it there";
    for sharing in [SharingLevel::None, SharingLevel::All] {
        for overwritable in [false, true] {
            for late_reader in [false, true] {
                for past_is_output in [false, true] {
                    for (permit, at) in [(RIGHT.permit, 0), (RIGHT.permit, 16), (None, 0)] {
                        let update = Update { overwritable, permit, late_reader, past_is_output, at };
                        let first = match (permit, at) {
                            (None, _) => Some(nothing),
                            (_, 16) => Some(elsewhere),
                            _ => None,
                        };
                        let unchanged = match (past_is_output, overwritable) {
                            (true, _) => Some(output),
                            (_, false) => Some(kept),
                            _ => None,
                        };
                        let all = first.into_iter().chain(unchanged).chain(late_reader.then_some(late));
                        let expected = all.collect::<Vec<_>>().join("; also, ");
                        assert_eq!(update.reasons(sharing), expected);
                    }
                }
            }
        }
    }
}

#[test]
fn wrong_plans_are_refused() {
    let (mut net, [x, a, b, y]) = chain();
    net.place_at(y, x, 1024).keep_apart(a, b);
    let graph = net.build().unwrap();
    let right = planner().plan(&graph).unwrap();
    verify(&graph, &right).unwrap();
    let mut wrong = right.clone();
    wrong.tensors[y.index()].as_mut().unwrap().offset -= 16;
    let offset = right.offset(x).unwrap();
    assert!(verify(&graph, &wrong).unwrap_err().to_string().contains(&format!(
        "tensor `y` lies at {}, not 1024 bytes after tensor `x`, which lies at {offset}",
        offset + 1008
    )));
    let mut wrong = right.clone();
    wrong.tensors[b.index()].as_mut().unwrap().offset = right.offset(a).unwrap();
    let found = verify(&graph, &wrong).unwrap_err().to_string();
    assert!(found.contains("tensors `a` and `b` share memory but must be kept apart"), "{found}");
}

#[test]
fn errors_have_a_kind() {
    let (mut net, [x, ..]) = chain();
    net.keep_apart(x, x);
    assert!(matches!(net.build(), Err(Error::Constraint { .. })));
}
