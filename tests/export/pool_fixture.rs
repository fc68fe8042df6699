//! A small network for three memories, and a plan for it made by hand.

use plimsoll::{
    Alias, AliasKind, Content, Graph, Loading, Occupant, OperatorId, Permit, Pool, PoolId, PoolPlan, Pools,
    Residency, TensorId, TensorSpec, Traffic, Transfer, Use,
};

use crate::fixture::HARD_NAME;

/// A resident weight, a tensor that leaves and comes back, a variable, workspaces, a view,
/// and names that every format has to escape.
pub fn graph() -> Graph {
    let mut net = Graph::builder("two memories");
    let image = net.input("image", TensorSpec::bytes(3072));
    let weights = net.constant("weights", TensorSpec::bytes(432));
    let features = net.tensor("features", TensorSpec::bytes(4096));
    let pooled = net.tensor("", TensorSpec::bytes(1024));
    let state = net.variable("x", TensorSpec::bytes(64));
    let sum = net.tensor("x", TensorSpec::bytes(128).align(64));
    let flat = net.tensor("flat", TensorSpec::bytes(128));
    let scores = net.tensor(HARD_NAME, TensorSpec::bytes(10));
    net.operator("conv").op_type("Conv").reads([image, weights]).writes([features]).scratch(256);
    net.operator("pool").op_type("MaxPool").reads([features]).writes([pooled]);
    net.operator("rnn").reads([pooled, state]).writes([sum, state]);
    let view = Permit::View { input: sum, output: flat, at: 0 };
    net.operator("reshape").reads([sum]).writes([flat]).permits([view]);
    net.operator("gate").reads([flat, features]).writes([scores]).scratch(100);
    net.output(scores);
    net.build().unwrap()
}

/// A tiny memory that holds workspaces only, one on chip, and home.
pub fn pools() -> Pools {
    let tiny = Pool::on_chip("l1, \"tiny\"", 128).alignment(4).largest(128).only([Content::Scratch]);
    let chip = Pool::on_chip("l2", 5120).alignment(16);
    let backing_store = Pool::off_chip("ddr").read_cost(2).write_cost(2).copy_costs(1, 1);
    Pools::new([tiny, chip, backing_store]).unwrap().inputs("ddr").unwrap()
}

/// Features go to home after the pooling and come back for the gate, whose result is
/// written there.
pub fn plan(graph: &Graph) -> PoolPlan {
    let mut plan = PoolPlan::unplaced(graph, &pools());
    let [tiny, chip, backing_store] = [0, 1, 2].map(PoolId::new);
    let mut residency = |occupant, pool, offset, bytes, live: std::ops::Range<u32>| {
        plan.residencies.push(Residency { occupant, pool, offset, bytes, live: live.into() });
    };
    let tensor = |index| Occupant::Tensor(TensorId::new(index));
    residency(tensor(0), backing_store, 0, 3072, 0..1);
    residency(tensor(1), chip, 0, 432, 0..5);
    residency(tensor(2), chip, 432, 4096, 0..2);
    residency(tensor(2), chip, 576, 4096, 4..5);
    residency(tensor(2), backing_store, 4096, 4096, 1..5);
    residency(tensor(3), backing_store, 3072, 1024, 1..3);
    residency(tensor(4), backing_store, 8192, 64, 0..5);
    residency(tensor(5), chip, 448, 128, 2..4);
    residency(tensor(6), chip, 448, 128, 3..5);
    residency(tensor(7), backing_store, 0, 10, 4..5);
    residency(Occupant::Scratch(OperatorId::new(0)), chip, 4528, 256, 0..1);
    residency(Occupant::Scratch(OperatorId::new(4)), tiny, 0, 100, 4..5);
    let tensor = TensorId::new(2);
    plan.transfers.push(Transfer { tensor, step: 2, due: 2, from: chip, to: backing_store, bytes: 4096 });
    plan.transfers.push(Transfer { tensor, step: 4, due: 4, from: backing_store, to: chip, bytes: 4096 });
    plan.uses.push(Use { step: 1, occupant: Occupant::Tensor(tensor), pool: chip });
    let (sum, flat, operator) = (TensorId::new(5), TensorId::new(6), OperatorId::new(3));
    plan.aliases.push(Alias { operator, tensor: flat, of: sum, at: 0, kind: AliasKind::View });
    plan.alignment = 16;
    plan.used = vec![100, 4784, 8256];
    let traffic = |read, written| Traffic { read, written };
    plan.traffic = vec![traffic(100, 100), traffic(13_104, 8_576), traffic(8_256, 5_194)];
    plan.preloaded = 432;
    // Cost of traffic of the backing store, per byte: 2 for access in place, 1 for copies.
    plan.cost = 2 * (3072 + 1024 + 64) + 2 * (1024 + 64 + 10) + 4096 + 4096;
    (plan.lower_bound, plan.unavoidable_cost) = (LOWER_BOUND, FLOOR);
    plan
}

/// The lower bound and the unavoidable cost that the planner proves for this network and these memories.
pub const LOWER_BOUND: u64 = 7226;
pub const FLOOR: u64 = 3082;

/// The other kind of loading, and copies ahead of time.
pub fn early_plan(graph: &Graph) -> PoolPlan {
    let mut plan = plan(graph);
    plan.pools = plan.pools.loading(Loading::EachRun).prefetch(1).outputs("l2").unwrap();
    plan.variables = plimsoll::Variables::Outside;
    plan.residencies[3].live.start = 3;
    plan.transfers[1].step = 3;
    plan
}

#[test]
fn the_fixture_is_a_right_plan() {
    let graph = graph();
    let plan = plan(&graph);
    let planner = plimsoll::Planner::new().alignment(16).share(plimsoll::SharingLevel::All);
    let best = planner.place_in_order(&graph, &plan.order, &pools()).unwrap();
    plimsoll::verify::verify_pools(&graph, &plan).unwrap();
    assert_eq!((LOWER_BOUND, FLOOR), (best.lower_bound, best.unavoidable_cost));
}
