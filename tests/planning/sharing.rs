//! Tensors that share memory: comparison with brute force, and simulation of plans on bytes.

use crate::support::data;
use crate::support::sharing::{
    drawn, drawn_wide, drawn_with_alignments, drawn_with_constraints, runs_in, runs_in_program_order,
    simulate,
};
use crate::support::zoo::{BASELINE_IS_WRONG, baselines, import_int8, models, name};
use plimsoll::verify::verify;
use plimsoll::{
    Alias, AliasKind, Error, Graph, GraphBuilder, InputContents, Limits, OperatorId, Plan, Planner,
    ScheduleMode, SharingLevel, Status, TensorId, TensorSpec, Variables,
};

const LEVELS: [SharingLevel; 3] = [SharingLevel::Views, SharingLevel::InPlace, SharingLevel::All];

fn count(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// The arena is minimal over all orders, aliases and offsets together.
#[test]
fn brute_force_finds_nothing_better() {
    let (mut proven, mut shared, mut total) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 80) {
        let graph = drawn(seed, 1 + seed % 7, 4);
        let planner = Planner::new().alignment(1).share(SharingLevel::All).order(ScheduleMode::Optimal);
        let plan = planner.plan(&graph).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        assert!(
            plan.arena_bytes == 0 || !runs_in(&graph, plan.arena_bytes - 1),
            "seed {seed}: not {} but at most {} bytes",
            plan.arena_bytes,
            plan.arena_bytes - 1
        );
        total += 1;
        proven += u64::from(plan.status == Status::Optimal);
        shared += u64::from(!plan.aliases.is_empty());
    }
    println!("{total} graphs, {proven} proven, {shared} share");
    assert!(proven * 100 >= total * 95 && shared * 2 > total, "{proven} proven, {shared} share");
}

/// The arena is minimal under constraints on placement as well. If the planner reports that the
/// constraints cannot be satisfied, brute force finds no plan in program order.
#[test]
fn brute_force_agrees_under_constraints() {
    let (mut plans, mut proven, mut refused) = (0, 0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 60) {
        let graph = drawn_with_constraints(seed, 1 + seed % 6, 3);
        for level in [SharingLevel::None, SharingLevel::All] {
            let planner = Planner::new().alignment(1).share(level).order(ScheduleMode::Optimal);
            match planner.plan(&graph) {
                Ok(plan) => {
                    simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
                    plans += 1;
                    proven += u64::from(plan.status == Status::Optimal);
                    let arena = plan.arena_bytes;
                    // Brute force always shares at the level `All`.
                    if level == SharingLevel::All && arena > 0 {
                        assert!(!runs_in(&graph, arena - 1), "seed {seed}: {} do", arena - 1);
                    }
                }
                Err(error @ Error::Constraint { .. }) => {
                    refused += 1;
                    if level == SharingLevel::All {
                        assert!(!runs_in_program_order(&graph, 14), "seed {seed}: {error}");
                    }
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
    }
    println!("{plans} plans, {proven} proven; {refused} refused");
    assert!(proven * 10 >= plans * 8 && refused * 20 > plans, "{plans} {proven} {refused}");
}

/// If alignments differ, the search does not try all offsets of groups, so it may miss the optimum,
/// but its bounds are valid.
#[test]
fn bounds_hold_where_alignments_differ() {
    let (mut total, mut proven) = (0, 0);
    for seed in 0..count("PLIMSOLL_GRAPHS", 30) {
        let graph = drawn_with_alignments(seed, 1 + seed % 6, 4);
        let planner = Planner::new().alignment(1).share(SharingLevel::All).order(ScheduleMode::Optimal);
        let plan = planner.plan(&graph).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let bound = plan.bound();
        assert!(bound == 0 || !runs_in(&graph, bound - 1), "seed {seed}: {} do, not {bound}", bound - 1);
        total += 1;
        proven += u64::from(plan.status == Status::Optimal);
    }
    println!("{total} graphs of mixed alignment, {proven} proven");
    assert!(proven * 4 > total, "{proven} proven");
}

/// With several permissions of all kinds at each operator, no bound exceeds the optimum that brute
/// force finds. One test for each level of sharing, so that they run side by side.
fn bounds_hold_for_many_permissions_at(level: SharingLevel) {
    let (mut total, mut proven, mut least) = (0, 0, 0);
    for seed in count("PLIMSOLL_WIDE_FROM", 0)..count("PLIMSOLL_WIDE_GRAPHS", 30) {
        let graph = drawn_wide(seed, 1 + seed % 4, (4, level), seed % 4 == 3);
        let planner = Planner::new().alignment(1).share(level).order(ScheduleMode::Optimal);
        let plan = planner.plan(&graph).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        let bound = plan.bound();
        let fits = bound > 0 && runs_in(&graph, bound - 1);
        assert!(!fits, "seed {seed}, {level:?}: {} bytes are enough, the bound is {bound}", bound - 1);
        let arena = plan.arena_bytes;
        total += 1;
        proven += u64::from(plan.status == Status::Optimal);
        if arena == bound || !runs_in(&graph, arena - 1) {
            least += 1;
        } else {
            println!("seed {seed}, {level:?}: {arena} bytes are not the least");
        }
    }
    println!("{level:?}: {total} graphs with many permissions, {proven} proven, {least} least");
    assert!(proven * 2 > total, "{level:?}: {proven} proven of {total}");
    assert_eq!(plimsoll::withdrawn_bounds(), 0, "the verifier refused bounds");
}

#[test]
fn bounds_hold_for_many_permissions_without_sharing() {
    bounds_hold_for_many_permissions_at(SharingLevel::None);
}

#[test]
fn bounds_hold_for_many_permissions_with_views() {
    bounds_hold_for_many_permissions_at(SharingLevel::Views);
}

#[test]
fn bounds_hold_for_many_permissions_in_place() {
    bounds_hold_for_many_permissions_at(SharingLevel::InPlace);
}

#[test]
fn bounds_hold_for_many_permissions_with_all_sharing() {
    bounds_hold_for_many_permissions_at(SharingLevel::All);
}

/// An output may be a view of an input, or a copy of that input over another input. In the latter
/// case, another output may overwrite the first input. No bound exceeds the arena of that plan.
#[test]
fn a_copy_lies_over_one_input_while_its_source_is_overwritten() {
    let mut net = Graph::builder("copy");
    let [x, y] = [("x", 2), ("y", 4)].map(|(name, bytes)| {
        let id = net.input(name, TensorSpec::bytes(bytes));
        net.overwritable(id);
        id
    });
    let source = net.tensor("source", TensorSpec::bytes(4));
    net.operator("first").reads([x, y]).writes([source]);
    let [copy, other] = ["copy", "other"].map(|name| net.tensor(name, TensorSpec::bytes(4)));
    let second = net.operator("second").reads([x, y, source]).writes([copy, other]);
    second.view(source, copy, 0).in_place(y, copy).in_place(source, other);
    net.output(copy);
    net.output(other);
    let graph = net.build().unwrap();
    assert!(!runs_in(&graph, 9) && runs_in(&graph, 10));
    let plan = Planner::new().alignment(1).share(SharingLevel::InPlace).plan(&graph).unwrap();
    simulate(&graph, &plan).unwrap();
    assert!(plan.bound() <= 10, "{} bytes", plan.bound());
    assert_eq!(plan.arena_bytes, 10);
}

/// Plans of every level run correctly in a simulation on bytes.
#[test]
fn plans_run_on_bytes() {
    let (mut steps, mut seed, mut constrained) = (0, 0, 0);
    let min_steps = count("PLIMSOLL_STEPS", 20_000) as usize;
    while steps < min_steps {
        seed += 1;
        let (operators, size) = (5 + seed % 40, 1 + seed % 300);
        let graph = match seed % 3 {
            0 => drawn_with_constraints(seed, operators, size),
            _ => drawn(seed, operators, size),
        };
        for level in LEVELS {
            // Few nodes: the test needs many plans, not good ones.
            let limits = Limits::new().nodes(40);
            let planner = Planner::new().alignment(1 << (seed % 4)).share(level).limits(limits);
            let plan = match planner.plan(&graph) {
                Err(Error::Constraint { .. }) if seed % 3 == 0 => continue,
                plan => plan.unwrap_or_else(|error| panic!("seed {seed} {level:?}: {error}")),
            };
            constrained += usize::from(seed % 3 == 0);
            steps += simulate(&graph, &plan).unwrap_or_else(|wrong| panic!("seed {seed} {level:?}: {wrong}"));
        }
    }
    assert!(constrained > steps / 1000, "{constrained} plans with constraints in {steps} steps");
}

/// Concatenations and splits of thousands of tensors take near-linear time. (Ten thousand once took
/// minutes, because each tensor was compared with all others.)
#[test]
fn thousands_of_pieces_are_shared() {
    const COUNT: u64 = 3000;
    let mut net = Graph::builder("wide");
    let input = net.input("x", TensorSpec::bytes(COUNT));
    let [whole, joined] = ["whole", "joined"].map(|name| net.tensor(name, TensorSpec::bytes(COUNT)));
    net.operator("copy").reads([input]).writes([whole]);
    let tensors = |net: &mut GraphBuilder, name: &str| -> Vec<TensorId> {
        (0..COUNT).map(|number| net.tensor(format!("{name}{number}"), TensorSpec::bytes(1))).collect()
    };
    let (cuts, made) = (tensors(&mut net, "cut"), tensors(&mut net, "made"));
    let split = net.operator("split").reads([whole]).writes(cuts.clone());
    (0..).zip(&cuts).fold(split, |split, (at, &cut)| split.view(whole, cut, at));
    for (number, (&cut, &own)) in cuts.iter().zip(&made).enumerate() {
        net.operator(format!("relu{number}")).reads([cut]).writes([own]).in_place(cut, own);
    }
    let concat = net.operator("concat").reads(made.clone()).writes([joined]);
    (0..).zip(&made).fold(concat, |concat, (at, &own)| concat.concat_slice(own, joined, at));
    net.output(joined);
    let graph = net.build().unwrap();
    let plan = Planner::new().alignment(1).share(SharingLevel::All).plan(&graph).unwrap();
    let kinds = [AliasKind::Slice, AliasKind::Concat]
        .map(|kind| plan.aliases.iter().filter(|alias| alias.kind == kind).count() as u64);
    assert_eq!(kinds, [COUNT, COUNT]);
    assert_eq!((plan.arena_bytes, plan.status), (2 * COUNT, Status::Optimal));
}

/// A small graph with an in-place operator, a concatenation and a slice, and its plan.
fn mixed() -> (Graph, Plan) {
    let mut net = Graph::builder("mixed");
    let bytes = TensorSpec::bytes;
    let image = net.input("image", bytes(64));
    let sizes = [("large", 48), ("small", 16), ("relu", 48), ("copy", 16), ("joined", 80), ("cut", 32)];
    let [large, small, relu, copy, joined, cut] = sizes.map(|(name, size)| net.tensor(name, bytes(size)));
    net.operator("conv a").reads([image]).writes([large]);
    net.operator("conv b").reads([image]).writes([small]);
    net.operator("relu").reads([large]).writes([relu]).in_place(large, relu);
    net.operator("copy").reads([small]).writes([copy]);
    let concat = net.operator("concat").reads([relu, small, copy]).writes([joined]);
    concat.concat_slice(relu, joined, 0).concat_slice(small, joined, 48).concat_slice(copy, joined, 64);
    net.operator("slice").reads([joined]).writes([cut]).view(joined, cut, 16);
    net.output(cut);
    let graph = net.build().unwrap();
    let plan = Planner::new()
        .alignment(16)
        .share(SharingLevel::All)
        .order(ScheduleMode::Program)
        .plan(&graph)
        .unwrap();
    (graph, plan)
}

#[test]
fn one_of_each_kind_is_shared() {
    let (graph, plan) = mixed();
    let kinds = [AliasKind::InPlace, AliasKind::Concat, AliasKind::Slice]
        .map(|kind| plan.aliases.iter().filter(|alias| alias.kind == kind).count());
    assert_eq!(kinds, [1, 3, 1], "{:?}", plan.aliases);
    assert_eq!((plan.arena_bytes, plan.status), (128, Status::Optimal));
    simulate(&graph, &plan).unwrap();
}

/// Each of these plans has one error, and the verifier reports it.
#[test]
fn wrong_plans_are_refused_with_the_reason() {
    let mut refused = 0;
    let mut refuse = |graph: &Graph, wrong: &Plan, reason: &str| {
        let found = verify(graph, wrong).expect_err(reason).to_string();
        assert!(found.contains(reason), "{reason}: {found}");
        refused += 1;
    };
    let (graph, right) = mixed();
    verify(&graph, &right).unwrap();
    // An alias is missing or has another kind.
    for lost in 0..right.aliases.len() {
        let mut wrong = right.clone();
        let alias = wrong.aliases.remove(lost);
        let reason = if alias.kind == AliasKind::InPlace { "over its input" } else { "" };
        refuse(&graph, &wrong, reason);
        for kind in
            [AliasKind::View, AliasKind::Slice, AliasKind::Concat, AliasKind::InPlace, AliasKind::Overlap]
        {
            let mut wrong = right.clone();
            wrong.aliases[lost].kind = kind;
            if kind != alias.kind {
                refuse(&graph, &wrong, "does not permit");
            }
        }
        // The offset in an alias is wrong by one byte.
        let mut wrong = right.clone();
        wrong.aliases[lost].at += 1;
        refuse(&graph, &wrong, "does not permit");
    }
    // The offset of a tensor is wrong.
    for tensor in 1..graph.tensors().len() {
        for off in [1, 16, u64::MAX - 15] {
            let mut wrong = right.clone();
            let Some(place) = &mut wrong.tensors[tensor] else { continue };
            place.offset = place.offset.wrapping_add(off);
            if place.offset <= right.arena_bytes - place.bytes {
                refuse(&graph, &wrong, "");
            }
        }
    }
    // An input is overwritten although a later operator reads it.
    let mut net = Graph::builder("early");
    let x = net.input("x", TensorSpec::bytes(8));
    let [a, r, y] = ["a", "r", "y"].map(|name| net.tensor(name, TensorSpec::bytes(8)));
    net.operator("conv").reads([x]).writes([a]);
    net.operator("relu").reads([a]).writes([r]).in_place(a, r);
    net.operator("add").reads([a, r]).writes([y]);
    net.output(y);
    let graph = net.build().unwrap();
    let mut wrong = Planner::new().alignment(1).order(ScheduleMode::Program).plan(&graph).unwrap();
    let over = wrong.tensors[a.index()].unwrap().offset;
    wrong.tensors[r.index()].as_mut().unwrap().offset = over;
    let operator = graph.tensor(r).producer().unwrap();
    wrong.aliases = vec![Alias { operator, tensor: r, of: a, at: 0, kind: AliasKind::InPlace }];
    refuse(&graph, &wrong, "when operator `add` reads at step 2");
    // The operator of the alias permits nothing.
    let (graph, right) = mixed();
    for number in 0..right.aliases.len() {
        let mut wrong = right.clone();
        wrong.aliases[number].operator = OperatorId::new(0);
        refuse(&graph, &wrong, "operator `conv a` does not permit");
    }
    // An input that operators may not overwrite is overwritten.
    let mut net = Graph::builder("kept");
    let x = net.input("x", TensorSpec::bytes(8));
    let y = net.tensor("y", TensorSpec::bytes(8));
    net.operator("relu").reads([x]).writes([y]).in_place(x, y);
    net.output(y);
    let graph = net.build().unwrap();
    let mut wrong = Planner::new().share(SharingLevel::All).plan(&graph).unwrap();
    assert!(wrong.aliases.is_empty());
    wrong.tensors[y.index()] = wrong.tensors[x.index()];
    wrong.aliases =
        vec![Alias { operator: OperatorId::new(0), tensor: y, of: x, at: 0, kind: AliasKind::InPlace }];
    refuse(&graph, &wrong, "over its input");
    println!("{refused} wrong plans refused");
    assert!(refused >= 50, "{refused}");
}

/// On the model zoo, no arena is above the reference peak, where the reference is valid.
#[test]
fn the_zoo_shares_as_well_as_the_reference() {
    let Some(zoo) = data::folder("zoo") else { return };
    let baselines = baselines(&zoo);
    let (mut proven, mut above) = (0, Vec::new());
    for path in models(&zoo) {
        let name = name(&path);
        let mut graph = import_int8(&path);
        graph.set_contents_of_inputs(InputContents::Overwritable).unwrap();
        let planner = Planner::new().alignment(1).variables(Variables::Outside);
        let plan = planner.share(SharingLevel::All).plan(&graph).unwrap();
        let best = baselines[&name]["inplace_best"];
        proven += u64::from(plan.status == Status::Optimal);
        if plan.arena_bytes > best && !BASELINE_IS_WRONG.contains(&name.as_str()) {
            above.push(name);
        }
    }
    assert!(above.is_empty(), "{above:?}");
    assert!(proven >= 105, "{proven}");
}
