//! Rules that need graphs of their own: constraints, views and pieces, numbers near 2^64.

use plimsoll::verify::verify_pools;
use plimsoll::{
    Alias, AliasKind, Graph, LiveRange, OperatorId, Pool, PoolId, PoolPlan, Pools, TensorId, TensorSpec,
    Traffic, Transfer,
};

use crate::support::pools::run_on_bytes;
use crate::wrong::{residency, tensor};

fn refuse(graph: &Graph, plan: &PoolPlan, reason: &str) {
    let found = verify_pools(graph, plan).expect_err(reason).to_string();
    assert!(found.contains(reason), "{reason}: {found}");
}

/// A graph with `y` at a fixed distance behind `x`, and `z` kept apart from both, all on chip.
fn tied() -> (Graph, PoolPlan) {
    let mut net = Graph::builder("tied");
    let [x, y, z] = [
        net.input("x", TensorSpec::bytes(8)),
        net.tensor("y", TensorSpec::bytes(8)),
        net.tensor("z", TensorSpec::bytes(8)),
    ];
    net.operator("one").reads([x]).writes([y]);
    net.operator("two").reads([x, y]).writes([z]);
    net.place_at(y, x, 8).keep_apart(x, z).output(z);
    let graph = net.build().unwrap();
    let mut plan = PoolPlan::unplaced(&graph, &Pools::new([Pool::new("sram")]).unwrap());
    plan.residencies = vec![
        residency(tensor(0), 0, 0, 8, 0..2),
        residency(tensor(1), 0, 8, 8, 0..2),
        residency(tensor(2), 0, 16, 8, 1..2),
    ];
    plan.used = vec![24];
    plan.traffic = vec![Traffic { read: 24, written: 16 }];
    (graph, plan)
}

#[test]
fn constraints_hold_in_each_pool() {
    let (graph, plan) = tied();
    verify_pools(&graph, &plan).unwrap();
    let mut wrong = plan.clone();
    wrong.residencies[1].offset = 32;
    refuse(
        &graph,
        &wrong,
        "in pool `sram`, tensor `y` lies at 32, not 8 bytes after tensor `x`, which lies at 0",
    );
    let mut wrong = plan.clone();
    wrong.residencies[2].offset = 4;
    refuse(&graph, &wrong, "tensors `x` and `z` share memory of pool `sram` but must be kept apart");
    // In different pools, any distance is right.
    let mut apart = plan.clone();
    apart.pools = Pools::new([Pool::new("sram"), Pool::new("bank"), Pool::new("ddr")]).unwrap();
    apart.pools = apart.pools.inputs("sram").unwrap().outputs("sram").unwrap();
    (apart.residencies[1].pool, apart.residencies[1].offset) = (PoolId::new(1), 100);
    apart.used = vec![24, 108, 0];
    let traffic = [(16, 8), (8, 8), (0, 0)];
    apart.traffic = traffic.map(|(read, written)| Traffic { read, written }).to_vec();
    verify_pools(&graph, &apart).unwrap();
    // A fixed offset names no pool.
    let mut net = Graph::builder("fixed");
    net.input("x", TensorSpec::bytes(8).at(64));
    let graph = net.build().unwrap();
    let plan = PoolPlan::unplaced(&graph, &plan.pools);
    refuse(&graph, &plan, "tensor `x` is fixed at 64, which does not say in which pool");
}

/// A slice, a concatenation without copies, and an output over an input that is still needed.
#[test]
fn wrong_views_and_slices_are_refused() {
    let mut net = Graph::builder("views");
    let image = net.input("image", TensorSpec::bytes(16));
    let [cut, piece, joined, over] = [("cut", 8), ("piece", 8), ("joined", 24), ("over", 16)]
        .map(|(name, size)| net.tensor(name, TensorSpec::bytes(size)));
    net.operator("slice").reads([image]).writes([cut]).view(image, cut, 8);
    net.operator("conv").reads([cut]).writes([piece]);
    let concat = net.operator("concat").reads([piece, image]).writes([joined]);
    concat.concat_slice(piece, joined, 0).concat_slice(image, joined, 8);
    net.operator("relu").reads([image]).writes([over]).in_place(image, over);
    net.output(joined).output(over);
    let graph = net.build().unwrap();
    let mut plan = PoolPlan::unplaced(&graph, &Pools::new([Pool::new("sram")]).unwrap());
    plan.residencies = vec![
        residency(tensor(0), 0, 32, 16, 0..4),
        residency(tensor(1), 0, 40, 8, 0..2),
        residency(tensor(2), 0, 0, 8, 1..3),
        residency(tensor(3), 0, 0, 24, 2..4),
        residency(tensor(4), 0, 48, 16, 3..4),
    ];
    let alias = |operator, tensor, of, at, kind| {
        let (operator, [tensor, of]) = (OperatorId::new(operator), [tensor, of].map(TensorId::new));
        Alias { operator, tensor, of, at, kind }
    };
    plan.aliases = vec![alias(0, 1, 0, 8, AliasKind::Slice), alias(2, 2, 3, 0, AliasKind::Concat)];
    plan.used = vec![64];
    plan.traffic = vec![Traffic { read: 8 + 16 + 16, written: 8 + 16 + 16 }];
    verify_pools(&graph, &plan).unwrap();
    run_on_bytes(&graph, &plan, 5).unwrap();
    let change = |spoil: fn(&mut PoolPlan), reason: &str| {
        let mut wrong = plan.clone();
        spoil(&mut wrong);
        refuse(&graph, &wrong, reason);
    };
    change(
        |p| p.residencies[1].offset = 32,
        "at step 0, tensor `cut` lies at 32 of pool `sram`, not at 8 of tensor `image`",
    );
    change(
        |p| p.residencies[2].offset = 8,
        "at step 2, tensor `piece` lies at 8 of pool `sram`, not at 0 of tensor `joined`",
    );
    change(
        |p| p.residencies[0].offset = 8,
        "operator `concat` writes tensor `joined` over its input tensor `image`",
    );
    change(
        |p| p.residencies[4].offset = 32,
        "operator `relu` writes tensor `over` over its input tensor `image`",
    );
    change(
        |p| p.residencies[4].offset = 16,
        "when the run ends, byte 16 of pool `sram` should be of tensor `joined`",
    );
    change(|p| p.aliases[0].kind = AliasKind::View, "does not permit");
    change(
        |p| p.aliases[1].at = 8,
        "operator `concat` does not permit tensor `piece` at 8 of tensor `joined`",
    );
    // A graph input may not be overwritten, even if the operator permits it.
    change(
        |p| {
            p.aliases.push(Alias {
                operator: OperatorId::new(3),
                tensor: TensorId::new(4),
                of: TensorId::new(0),
                at: 0,
                kind: AliasKind::InPlace,
            });
            p.residencies[4].offset = 32;
        },
        "operator `relu` writes tensor `over` over its input tensor `image`",
    );
}

/// Sums of numbers near 2^64 do not wrap around.
#[test]
fn nothing_overflows() {
    let mut net = Graph::builder("huge");
    let half = TensorSpec::bytes(1 << 63);
    let [x, y] = [net.input("x", half.clone()), net.tensor("y", half)];
    net.operator("copy").reads([x]).writes([y]);
    net.output(y);
    let graph = net.build().unwrap();
    let pool = Pool::new("ddr").read_cost(u32::MAX).write_cost(u32::MAX);
    let mut plan = PoolPlan::unplaced(&graph, &Pools::new([pool]).unwrap());
    plan.residencies =
        vec![residency(tensor(0), 0, 0, 1 << 63, 0..1), residency(tensor(1), 0, 1 << 63, 1 << 63, 0..1)];
    plan.used = vec![u64::MAX];
    plan.traffic = vec![Traffic { read: 1 << 63, written: 1 << 63 }];
    refuse(
        &graph,
        &plan,
        "tensor `y` in pool `ddr` (9223372036854775808 bytes at 9223372036854775808) ends above 2^64",
    );
    plan.residencies[1].offset = 0;
    refuse(&graph, &plan, "overlaps tensor `y`");
    plan.residencies[1].live = LiveRange { start: u32::MAX, end: u32::MAX };
    refuse(&graph, &plan, "lives in 4294967295..4294967295, which is not within the run of 1 steps");
    let tensor = TensorId::new(0);
    plan.residencies.pop();
    plan.transfers = vec![Transfer {
        tensor,
        step: 0,
        due: u32::MAX,
        from: PoolId::new(0),
        to: PoolId::new(9),
        bytes: u64::MAX,
    }];
    refuse(&graph, &plan, "there is no pool 9, but 1 of them");
}
