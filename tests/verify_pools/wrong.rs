//! A right plan by hand and single changes to it, each refused by the rule that it breaks.

use plimsoll::verify::{Rule, Violation, verify_pools};
use plimsoll::{
    Alias, AliasKind, Graph, LiveRange, Loading, Occupant, OperatorId, Pool, PoolId, PoolPlan, Pools,
    Residency, TensorId, TensorSpec, Traffic, Transfer, Use, Variables,
};

use crate::support::pools::run_on_bytes;

const CHIP: usize = 0;
const DDR: usize = 1;

fn pools() -> Pools {
    let chip = Pool::on_chip("chip", 64).alignment(8).largest(16);
    let ddr = Pool::new("ddr").alignment(16).read_cost(2).write_cost(3);
    Pools::new([chip, ddr]).unwrap().prefetch(1)
}

/// A convolution, an update of a variable, a relu in place, and a sum with an early result.
fn graph() -> Graph {
    let mut net = Graph::builder("net");
    let bytes = TensorSpec::bytes;
    let image = net.input("x", bytes(16));
    let weights = net.constant("w", bytes(32));
    let scales = net.constant("v", bytes(8));
    let state = net.variable("s", bytes(8));
    let [first, second, third, sum, none] = [("a", 16), ("b", 16), ("c", 16), ("y", 16), ("none", 0)]
        .map(|(name, size)| net.tensor(name, bytes(size)));
    net.operator("conv").reads([image, weights]).writes([first, none]).scratch(8);
    net.operator("update").reads([first, state, none]).writes([state, second]);
    net.operator("relu").reads([second, scales]).writes([third]).in_place(second, third);
    net.operator("add").reads([first, third]).writes([sum]);
    net.output(sum);
    net.build().unwrap()
}

const X: usize = 0;
const W: usize = 1;
const V: usize = 2;
const S: usize = 3;
const A: usize = 4;
const B: usize = 5;
const C: usize = 6;
const Y: usize = 7;

pub fn tensor(id: usize) -> Occupant {
    Occupant::Tensor(TensorId::new(id))
}

pub fn residency(
    occupant: Occupant,
    pool: usize,
    offset: u64,
    bytes: u64,
    live: std::ops::Range<u32>,
) -> Residency {
    Residency { occupant, pool: PoolId::new(pool), offset, bytes, live: LiveRange::from(live) }
}

fn copy(id: usize, steps: std::ops::RangeInclusive<u32>, from: usize, to: usize, bytes: u64) -> Transfer {
    let (step, due) = steps.into_inner();
    Transfer { tensor: TensorId::new(id), step, due, from: PoolId::new(from), to: PoolId::new(to), bytes }
}

/// A right plan: `v` is resident, `s` is prefetched during the convolution and copied back, and `a` leaves
/// the chip and returns.
fn right() -> PoolPlan {
    let mut plan = PoolPlan::unplaced(&graph(), &pools());
    plan.alignment = 4;
    plan.residencies = vec![
        residency(tensor(X), DDR, 0, 16, 0..1),
        residency(tensor(W), DDR, 32, 32, 0..4),
        residency(tensor(V), CHIP, 40, 8, 0..4),
        residency(tensor(S), CHIP, 16, 8, 0..2),
        residency(tensor(S), DDR, 64, 8, 0..4),
        residency(tensor(A), CHIP, 0, 16, 0..2),
        residency(tensor(A), CHIP, 16, 16, 3..4),
        residency(tensor(A), DDR, 80, 16, 1..4),
        residency(tensor(B), CHIP, 48, 16, 1..3),
        residency(tensor(C), CHIP, 48, 16, 2..4),
        residency(tensor(Y), DDR, 96, 16, 3..4),
        residency(Occupant::Scratch(OperatorId::new(0)), CHIP, 32, 8, 0..1),
    ];
    plan.transfers = vec![
        copy(S, 0..=1, DDR, CHIP, 8),
        copy(S, 2..=2, CHIP, DDR, 8),
        copy(A, 2..=2, CHIP, DDR, 16),
        copy(A, 3..=3, DDR, CHIP, 16),
    ];
    plan.uses = vec![Use { step: 3, occupant: tensor(A), pool: PoolId::new(CHIP) }];
    let [tensor, of] = [C, B].map(TensorId::new);
    plan.aliases = vec![Alias { operator: OperatorId::new(2), tensor, of, at: 0, kind: AliasKind::InPlace }];
    plan.used = vec![64, 112];
    plan.traffic = vec![Traffic { read: 112, written: 88 }, Traffic { read: 72, written: 40 }];
    (plan.preloaded, plan.cost, plan.lower_bound, plan.unavoidable_cost) = (8, 264, 200, 100);
    plan
}

/// The first residency interval of a tensor in a pool.
fn at(plan: &mut PoolPlan, id: usize, pool: usize) -> &mut Residency {
    let own = plan.residencies.iter_mut().filter(|residency| residency.occupant == tensor(id));
    own.into_iter().find(|residency| residency.pool.index() == pool).unwrap()
}

fn scratch(plan: &mut PoolPlan) -> &mut Residency {
    plan.residencies.last_mut().unwrap()
}

fn remove(plan: &mut PoolPlan, id: usize, pool: usize) {
    let gone = *at(plan, id, pool);
    plan.residencies.retain(|residency| *residency != gone);
}

type Break = fn(&mut PoolPlan);

/// Changes to the right plan, the rule that each breaks, and a part of the message.
const WRONG: &[(Break, Rule, &str)] = &[
    // Order.
    (
        |p| p.order.swap(0, 1),
        Rule::ProducerFirst,
        "operator `update` at step 0 reads tensor `a`, which is not yet written",
    ),
    (
        |p| {
            p.order.pop();
        },
        Rule::OperatorOnce,
        "operator `add` never runs",
    ),
    (|p| p.order[3] = p.order[2], Rule::OperatorOnce, "step 3 runs operator `relu` again"),
    (
        |p| p.order[3] = OperatorId::new(9),
        Rule::OperatorOnce,
        "step 3 names operator 9, but the graph has 4 operators",
    ),
    // Lists.
    (
        |p| {
            p.used.pop();
        },
        Rule::ListLength,
        "the plan has 1 bytes used by pool, expected 2",
    ),
    (|p| p.traffic.push(Traffic::default()), Rule::ListLength, "the plan has 3 traffic by pool, expected 2"),
    (|p| p.alignment = 3, Rule::PlanAlignment, "alignment 3 is not a power of two"),
    (|p| p.residencies.swap(0, 1), Rule::ResidencySorted, "is out of order in the list of places"),
    (
        |p| p.residencies.swap(3, 4),
        Rule::ResidencySorted,
        "tensor `s` in pool `chip` from step 0 on is out of order in the list of places",
    ),
    (
        |p| p.residencies.insert(1, p.residencies[0]),
        Rule::ResidencyUnique,
        "tensor `x` has two places in pool `ddr` at once, in 0..1 and 0..1",
    ),
    (|p| p.transfers.swap(0, 3), Rule::TransferSorted, "is listed after one that is due at 3"),
    // Single residency intervals.
    (|p| at(p, X, DDR).pool = PoolId::new(2), Rule::PoolExists, "tensor `x` lies in pool 2, but there are 2"),
    (
        |p| p.residencies.push(residency(tensor(99), DDR, 0, 1, 0..1)),
        Rule::PlacementNeeded,
        "tensor 99 has a place in pool `ddr`, but it is not of this graph",
    ),
    (
        |p| scratch(p).occupant = Occupant::Scratch(OperatorId::new(7)),
        Rule::PlacementNeeded,
        "scratch of operator 7 has a place",
    ),
    (
        |p| p.variables = Variables::Outside,
        Rule::PlacementNeeded,
        "tensor `s` has a place in pool `chip`, but it is a variable",
    ),
    (
        |p| at(p, B, CHIP).bytes = 15,
        Rule::PlacementSize,
        "tensor `b` in pool `chip` has a place of 15 bytes but needs 16",
    ),
    (
        |p| scratch(p).bytes = 16,
        Rule::PlacementSize,
        "scratch of operator `conv` in pool `chip` has a place of 16 bytes but needs 8",
    ),
    (
        |p| at(p, A, CHIP).offset = 4,
        Rule::Aligned,
        "tensor `a` in pool `chip` lies at 4, which is not a multiple of its alignment 8",
    ),
    (
        |p| at(p, Y, DDR).offset = 120,
        Rule::Aligned,
        "tensor `y` in pool `ddr` lies at 120, which is not a multiple of its alignment 16",
    ),
    (
        |p| p.alignment = 32,
        Rule::Aligned,
        "tensor `s` in pool `chip` lies at 16, which is not a multiple of its alignment 32",
    ),
    (
        |p| at(p, V, CHIP).offset = 64,
        Rule::WithinMemory,
        "tensor `v` in pool `chip` ends at 72, above its 64 bytes",
    ),
    (
        |p| at(p, Y, DDR).offset = u64::MAX - 15,
        Rule::WithinMemory,
        "tensor `y` in pool `ddr` (16 bytes at 18446744073709551600) ends above 2^64",
    ),
    (
        |p| at(p, W, DDR).pool = PoolId::new(CHIP),
        Rule::PoolAccepts,
        "tensor `w` in pool `chip` (32 bytes) is of a kind or a size that this pool does not take",
    ),
    (
        |p| at(p, Y, DDR).live.end = 5,
        Rule::WithinRun,
        "tensor `y` in pool `ddr` lives in 3..5, which is not within the run of 4 steps",
    ),
    (|p| at(p, X, DDR).live.end = 0, Rule::WithinRun, "tensor `x` in pool `ddr` lives in 0..0"),
    // Residency when an operator, the caller or the next run needs a tensor.
    (
        |p| remove(p, X, DDR),
        Rule::ResidentAtStart,
        "tensor `x` has no place in pool `ddr` when the run starts",
    ),
    (|p| remove(p, S, DDR), Rule::TransferResident, "the tensor has no place in pool `ddr` at step 0"),
    (
        |p| remove(p, Y, DDR),
        Rule::OperandResident,
        "tensor `y` (16 bytes) has no place when operator `add` runs at step 3",
    ),
    (
        |p| at(p, C, CHIP).live.end = 3,
        Rule::OperandResident,
        "tensor `c` (16 bytes) has no place when operator `add` runs at step 3",
    ),
    (
        |p| {
            p.residencies.pop();
        },
        Rule::OperandResident,
        "scratch of operator `conv` (8 bytes) has no place when operator `conv` runs at step 0",
    ),
    (
        |p| at(p, W, DDR).live.end = 3,
        Rule::ResidentAtEnd,
        "tensor `w` has no place in pool `ddr` when the run ends",
    ),
    (
        |p| at(p, W, DDR).live.start = 1,
        Rule::ResidentAtStart,
        "tensor `w` has no place in pool `ddr` when the run starts",
    ),
    (
        |p| at(p, V, CHIP).live.end = 3,
        Rule::ResidentAtStart,
        "tensor `v` has no place in pool `ddr` when the run starts",
    ),
    (
        |p| p.pools = p.pools.clone().loading(Loading::EachRun),
        Rule::ResidentAtStart,
        "tensor `v` has no place in pool `ddr` when the run starts",
    ),
    (
        |p| p.pools = p.pools.clone().inputs("chip").unwrap(),
        Rule::ResidentAtStart,
        "tensor `x` has no place in pool `chip` when the run starts",
    ),
    (
        |p| p.pools = p.pools.clone().outputs("chip").unwrap(),
        Rule::ResidentAtEnd,
        "tensor `y` has no place in pool `chip` when the run ends",
    ),
    // Uses.
    (
        |p| p.uses[0].pool = PoolId::new(DDR),
        Rule::PoolTraffic,
        "the plan states 72 bytes read from pool `ddr`, but there are 88",
    ),
    (|p| p.uses[0].step = 4, Rule::UseOfOperand, "a use at step 4, but there are 4 operators"),
    (
        |p| p.uses[0].occupant = tensor(B),
        Rule::UseOfOperand,
        "operator `add` at step 3 does not use tensor `b`",
    ),
    (|p| p.uses.push(p.uses[0]), Rule::UseUnique, "two uses of tensor `a` by operator `add` at step 3"),
    (
        |p| (p.uses[0].occupant, p.uses[0].pool) = (tensor(C), PoolId::new(DDR)),
        Rule::UseResident,
        "operator `add` at step 3 uses tensor `c` in pool `ddr`, where it has no place then",
    ),
    // Transfers.
    (
        |p| p.transfers[0].tensor = TensorId::new(99),
        Rule::TransferEnds,
        "the copy of tensor 99 from pool `ddr` to pool `chip` at steps 0 to 1: the tensor is not of this graph",
    ),
    (|p| p.transfers[0].from = PoolId::new(5), Rule::TransferEnds, "there is no pool 5, but 2 of them"),
    (
        |p| p.transfers[0].to = PoolId::new(DDR),
        Rule::TransferEnds,
        "the copy of tensor `s` from pool `ddr` to pool `ddr` at steps 0 to 1: source and destination are the same pool",
    ),
    (|p| p.transfers[0].bytes = 4, Rule::TransferSize, "it moves 4 bytes, but the tensor has 8"),
    (
        |p| p.transfers[3].step = 4,
        Rule::TransferWithinRun,
        "the copy of tensor `a` from pool `ddr` to pool `chip` at steps 4 to 3: it is not within the run of 4 steps",
    ),
    (|p| p.transfers[3].due = 5, Rule::TransferWithinRun, "it is not within the run of 4 steps"),
    (
        |p| p.pools = p.pools.clone().prefetch(0),
        Rule::PrefetchLimit,
        "it takes 1 steps, and at most 0 may be prefetched",
    ),
    (
        |p| p.transfers[2].step = 0,
        Rule::PrefetchLimit,
        "the copy of tensor `a` from pool `chip` to pool `ddr` at steps 0 to 2: it takes 2 steps",
    ),
    (|p| p.transfers[3].step = 2, Rule::TransferResident, "the tensor has no place in pool `chip` at step 2"),
    (
        |p| at(p, S, CHIP).live.start = 1,
        Rule::TransferResident,
        "the tensor has no place in pool `chip` at step 0",
    ),
    (
        |p| at(p, A, DDR).live.end = 3,
        Rule::TransferResident,
        "the tensor has no place in pool `ddr` at step 3",
    ),
    (
        |p| {
            p.transfers.remove(0);
        },
        Rule::IntactAtRead,
        "when operator `update` reads at step 1, byte 16 of pool `chip` should be of tensor `s` but holds no defined contents",
    ),
    (
        |p| {
            p.transfers.remove(1);
        },
        Rule::IntactAtEnd,
        "when the run ends, byte 64 of pool `ddr` should be of tensor `s` but holds other bytes of tensor `s`",
    ),
    (
        |p| {
            p.transfers.remove(2);
        },
        Rule::IntactAtTransfer,
        "when the copy of tensor `a` from pool `ddr` to pool `chip` at step 3 starts, byte 80 of pool `ddr` should be of tensor `a` but holds no defined contents",
    ),
    (
        |p| {
            p.transfers.remove(3);
        },
        Rule::IntactAtRead,
        "when operator `add` reads at step 3, byte 16 of pool `chip` should be of tensor `a` but holds",
    ),
    (
        |p| (p.transfers[0].step, p.transfers[0].due) = (1, 2),
        Rule::IntactAtRead,
        "byte 16 of pool `chip` should be of tensor `s` but holds bytes of the copy of tensor `s` from pool `ddr` to pool `chip` at steps 1 to 2, which is under way",
    ),
    (
        |p| p.transfers.insert(0, copy(C, 0..=0, CHIP, DDR, 16)),
        Rule::TransferResident,
        "the copy of tensor `c` from pool `chip` to pool `ddr` at step 0: the tensor has no place",
    ),
    (
        |p| p.transfers.insert(1, copy(A, 1..=1, DDR, CHIP, 16)),
        Rule::TransferResident,
        "the copy of tensor `a` from pool `ddr` to pool `chip` at step 1: the tensor has no place in pool `ddr` at step 0",
    ),
    (
        |p| {
            at(p, A, DDR).live.start = 0;
            p.transfers.insert(0, copy(A, 0..=0, CHIP, DDR, 16));
        },
        Rule::TransferOfWritten,
        "the copy of tensor `a` from pool `chip` to pool `ddr` at step 0: the tensor is not yet written",
    ),
    // Memory contents.
    (
        |p| scratch(p).offset = 16,
        Rule::TransferUndisturbed,
        "byte 16 of pool `chip`, of its destination, is written while it is under way",
    ),
    (
        |p| (scratch(p).pool, scratch(p).offset) = (PoolId::new(DDR), 64),
        Rule::TransferUndisturbed,
        "byte 64 of pool `ddr`, of its source, is written while it is under way",
    ),
    (
        |p| scratch(p).offset = 0,
        Rule::NoOverwrite,
        "operator `conv` writes tensor `a` over scratch of operator `conv`",
    ),
    (
        |p| scratch(p).offset = 40,
        Rule::IntactAtRead,
        "when operator `relu` reads at step 2, byte 40 of pool `chip` should be of tensor `v` but holds no defined contents",
    ),
    (
        |p| at(p, B, CHIP).offset = 0,
        Rule::NoOverwrite,
        "operator `update` writes tensor `b` over its input tensor `a`",
    ),
    (
        |p| at(p, B, CHIP).offset = 16,
        Rule::NoOverwrite,
        "operator `update` writes tensor `b` over its input tensor `s`",
    ),
    (
        |p| at(p, X, DDR).offset = 64,
        Rule::IntactAtStart,
        "when the run starts, byte 64 of pool `ddr` should be of tensor `x` but holds bytes of tensor `s`",
    ),
    (
        |p| at(p, A, DDR).offset = 64,
        Rule::IntactAtEnd,
        "when the run ends, byte 64 of pool `ddr` should be of tensor `s` but holds bytes of tensor `a`",
    ),
    (
        |p| at(p, Y, DDR).offset = 32,
        Rule::IntactAtEnd,
        "when the run ends, byte 32 of pool `ddr` should be of tensor `w` but holds bytes of tensor `y`",
    ),
    (
        |p| p.residencies[6].offset = 48,
        Rule::IntactAtRead,
        "when operator `add` reads at step 3, byte 48 of pool `chip` should be of tensor `c` but holds bytes of tensor `a`",
    ),
    (
        |p| p.residencies[6].offset = 32,
        Rule::IntactAtEnd,
        "when the run ends, byte 40 of pool `chip` should be of tensor `v` but holds bytes of tensor `a`",
    ),
    (
        |p| p.residencies.insert(5, residency(tensor(S), DDR, 112, 8, 3..4)),
        Rule::ResidencyUnique,
        "tensor `s` has two places in pool `ddr` at once",
    ),
    (
        |p| {
            at(p, S, DDR).live.end = 1;
            p.residencies.insert(5, residency(tensor(S), DDR, 112, 8, 1..4));
        },
        Rule::ReturnsToStart,
        "tensor `s` lies at 64 of pool `ddr` when the run starts, but at 112 when it ends",
    ),
    // Sharing.
    (
        |p| p.aliases[0].kind = AliasKind::View,
        Rule::AliasPermitted,
        "operator `relu` does not permit tensor `c` at 0 of tensor `b`",
    ),
    (
        |p| p.aliases[0].at = 4,
        Rule::AliasPermitted,
        "operator `relu` does not permit tensor `c` at 4 of tensor `b`",
    ),
    (
        |p| p.aliases[0].operator = OperatorId::new(1),
        Rule::AliasPermitted,
        "operator `update` does not permit tensor `c` at 0 of tensor `b`",
    ),
    (
        |p| p.aliases[0].of = TensorId::new(99),
        Rule::AliasPermitted,
        "an operator or a tensor is not of this graph",
    ),
    (
        |p| p.aliases.clear(),
        Rule::Disjoint,
        "tensor `b` in pool `chip` (16 bytes at 48, live 1..3) overlaps tensor `c` in pool `chip` (16 bytes at 48, live 2..4)",
    ),
    (
        |p| at(p, C, CHIP).offset = 0,
        Rule::AliasDistance,
        "at step 2, tensor `c` lies at 0 of pool `chip`, not at 0 of tensor `b`, which lies at 48 of pool `chip`",
    ),
    // Cost.
    (
        |p| p.used[CHIP] = 72,
        Rule::PoolUsage,
        "the plan states 72 bytes used in pool `chip`, but there are 64",
    ),
    (|p| p.used[DDR] = 96, Rule::PoolUsage, "the plan states 96 bytes used in pool `ddr`, but there are 112"),
    (
        |p| p.traffic[CHIP].read = 111,
        Rule::PoolTraffic,
        "the plan states 111 bytes read from pool `chip`, but there are 112",
    ),
    (
        |p| p.traffic[DDR].written = 41,
        Rule::PoolTraffic,
        "the plan states 41 bytes written to pool `ddr`, but there are 40",
    ),
    (|p| p.preloaded = 40, Rule::PreloadedBytes, "the plan states 40 preloaded bytes, but there are 8"),
    (|p| p.cost = 263, Rule::TotalCost, "the plan states a cost of 263, but the cost is 264"),
    (|p| p.lower_bound = 265, Rule::BoundBelowCost, "the lower bound of 265 is above the cost of 264"),
    (
        |p| p.unavoidable_cost = 201,
        Rule::UnavoidableCostBelowBound,
        "the unavoidable cost of 201 is above the lower bound of 200",
    ),
];

#[test]
fn a_plan_by_hand_is_right() {
    let (graph, plan) = (graph(), right());
    verify_pools(&graph, &plan).unwrap();
    run_on_bytes(&graph, &plan, 7).unwrap();
}

/// The rules that the plans of the table break.
pub fn broken_rules() -> impl Iterator<Item = Rule> {
    WRONG.iter().map(|entry| entry.1)
}

#[test]
fn each_wrong_plan_is_refused_with_the_reason() {
    let graph = graph();
    let mut wrong = Vec::new();
    for (number, (spoil, rule, reason)) in WRONG.iter().enumerate() {
        let mut plan = right();
        spoil(&mut plan);
        let is_expected = |one: &Violation| one.rule() == *rule && one.message().contains(reason);
        match verify_pools(&graph, &plan) {
            Ok(()) => wrong.push(format!("{number} is accepted, not: [{rule}] {reason}")),
            Err(found) if !found.list().iter().any(is_expected) => {
                wrong.push(format!("{number} is not: [{rule}] {reason}\n   but: {found}"));
            }
            Err(_) => {}
        }
    }
    println!("{} wrong plans", WRONG.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(WRONG.len() >= 80);
}
