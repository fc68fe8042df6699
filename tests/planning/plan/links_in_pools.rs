//! Links in plans for several memories.

use plimsoll::verify::{Rule, verify_pools};
use plimsoll::{
    BodyLink, Graph, Occupant, OperatorId, Planner, Pool, PoolId, PoolPlan, Pools, SharingLevel, Transfer,
};

use super::bodies::Draw;
use super::bytes;
use super::links::{branch, conditional, drawn, id};

fn place(graph: &Graph, pools: &Pools, has_links: bool) -> PoolPlan {
    Planner::new().alignment(1).links(has_links).place(graph, pools).unwrap()
}

fn chip(bytes: u64) -> Pools {
    Pools::new([Pool::on_chip("chip", bytes), Pool::off_chip("ddr")]).unwrap()
}

/// Checks that the memory of linked bodies has no byte in common with other tensors. Returns the number of such
/// operators.
fn check_bodies(graph: &Graph, plan: &PoolPlan) -> usize {
    let mut operators = 0;
    for (step, &operator) in (0..).zip(&plan.order) {
        let of_operator = || plan.bodies.iter().filter(|body| body.operator == operator);
        let Some(first) = of_operator().find_map(|body| body.linked.first()) else { continue };
        operators += 1;
        let place = |occupant| *plan.residency_at(step, occupant).unwrap();
        let at = place(Occupant::Tensor(first.tensor));
        let base = at.offset - first.at;
        let linked: Vec<_> = of_operator().next().unwrap().linked.clone();
        for linked in &linked {
            let own = place(Occupant::Tensor(linked.tensor));
            assert_eq!((own.pool, own.offset), (at.pool, base + linked.at));
        }
        let end = base + of_operator().map(|body| body.plan.arena_bytes).max().unwrap();
        assert!(end <= plan.used[at.pool.index()]);
        for other in plan.residencies.iter().filter(|one| one.pool == at.pool && one.live.contains(step)) {
            let is_own = match other.occupant {
                Occupant::Tensor(id) => linked.iter().any(|linked| linked.tensor == id),
                other => other == Occupant::Scratch(operator),
            };
            assert!(
                is_own || other.offset >= end || other.end() <= base,
                "{}",
                graph.operator(operator).name()
            );
        }
        for transfer in &plan.transfers {
            let is_linked = linked.iter().any(|linked| linked.tensor == transfer.tensor);
            let is_input = graph.operator(operator).inputs().contains(&transfer.tensor);
            assert!(!is_linked || !is_input || transfer.due <= step);
        }
    }
    operators
}

#[test]
fn links_save_traffic_where_the_bodies_fill_a_memory() {
    let graph = conditional(false);
    // `a` is read from the DDR, where `b` has to be as well; with links, both lie in the memory of the bodies.
    let (separate, linked) = (place(&graph, &chip(200), false), place(&graph, &chip(200), true));
    assert_eq!((separate.cost, separate.all_fits()), (32, false));
    assert_eq!((linked.cost, linked.all_fits(), linked.used[0]), (16, true, 200));
    assert_eq!(check_bodies(&graph, &linked), 1);
    // Links are used only where they cost less.
    assert_eq!(check_bodies(&graph, &place(&graph, &chip(208), true)), 0);
    // An input that is read later stays intact.
    let plan = place(&conditional(true), &chip(200), true);
    assert!(plan.bodies.iter().all(|body| body.linked.iter().all(|linked| linked.tensor != id(0))));
}

/// Two operators with bodies one after the other. A block with the result of the first one would be in the way of the
/// second one's bodies, so only the second one has links.
#[test]
fn a_result_that_waits_is_not_linked() {
    let mut net = Graph::builder("net");
    let x = net.input("x", bytes(8));
    let [a, b, y] = ["a", "b", "y"].map(|name| net.tensor(name, bytes(8)));
    for (name, made) in [("first", a), ("second", b)] {
        let links = [(x, 0), (made, 3)].map(|(tensor, inner)| BodyLink { tensor, body: 0, inner: id(inner) });
        net.operator(name).reads([x]).writes([made]).runs([branch(100)]).links(links);
    }
    net.operator("add").reads([a, b]).writes([y]);
    net.output(y);
    let graph = net.build().unwrap();
    let linked = place(&graph, &chip(208), true);
    assert!(linked.cost < place(&graph, &chip(208), false).cost);
    assert_eq!(check_bodies(&graph, &linked), 1);
}

#[test]
fn the_verifier_refuses_wrong_links_in_pools() {
    let graph = conditional(false);
    let (ddr, pools) = (PoolId::new(1), chip(201));
    let right = place(&graph, &pools, true);
    assert_eq!(verify_pools(&graph, &right), Ok(()));
    let wrong = |change: &dyn Fn(&mut PoolPlan)| {
        let mut plan = right.clone();
        change(&mut plan);
        let all = verify_pools(&graph, &plan).unwrap_err();
        assert!(all.list().iter().any(|one| one.rule() == Rule::LinkedTensors), "{all}");
        all.to_string()
    };
    let last = right.bodies[0].linked[1].tensor;
    let text = wrong(&|plan| plan.bodies[0].linked.reverse());
    assert!(text.contains("different tensors or offsets"), "{text}");
    // One tensor moves, the scratch buffer and the other one do not.
    let text = wrong(&|plan| {
        let own = plan.residencies.iter_mut().filter(|one| one.occupant == Occupant::Tensor(last));
        own.for_each(|one| one.offset += 1);
    });
    assert!(text.contains("bytes after the start"), "{text}");
    let scratch = Occupant::Scratch(OperatorId::new(0));
    let text = wrong(&|plan| {
        plan.residencies.iter_mut().filter(|one| one.occupant == scratch).for_each(|one| one.pool = ddr);
    });
    assert!(text.contains("scratch buffer"), "{text}");
    assert!(right.bodies[0].linked.iter().any(|linked| linked.tensor == id(0)));
    let text = wrong(&|plan| {
        let (tensor, from, to, bytes) = (id(0), PoolId::new(0), ddr, 8);
        plan.transfers.push(Transfer { tensor, step: 1, due: 1, from, to, bytes });
    });
    assert!(text.contains("is due after its operator"), "{text}");
}

#[test]
fn random_plans_with_links_cost_no_more() {
    let (mut used, mut saved) = (0, 0);
    for seed in 0..80 {
        let draw = &mut Draw(seed);
        let graph = drawn(draw);
        let aligned = Pool::on_chip("chip", 6 + draw.below(16)).alignment(1 << draw.below(2));
        let second = Pool::new("sram").read_cost(1).write_cost(1);
        let pools = match draw.below(3) {
            0 => Pools::new([aligned, second.capacity(20), Pool::new("ddr").read_cost(3).write_cost(4)]),
            1 => Pools::new([aligned.read_cost(1), Pool::new("ddr").read_cost(2).write_cost(2)]),
            _ => Pools::new([aligned, Pool::off_chip("ddr")]),
        };
        let pools = pools.unwrap();
        let level = [SharingLevel::None, SharingLevel::All][draw.below(2) as usize];
        let planner = || Planner::new().alignment(1).share(level);
        let separate = planner().links(false).place(&graph, &pools).unwrap();
        let linked = planner().place(&graph, &pools).unwrap();
        assert!(linked.cost <= separate.cost, "seed {seed}");
        used += u32::from(check_bodies(&graph, &linked) > 0);
        saved += u32::from(linked.cost < separate.cost);
    }
    assert!(used >= 10 && saved >= 10, "{used} used, {saved} saved");
}
