//! Plans for several memories as pages and as traces.

#[allow(dead_code)] // other tests use the rest
use crate::support::sharing;
use plimsoll::report::{html, trace};
use plimsoll::{
    Graph, Limits, Loading, Occupant, PlanView, Planner, Pool, PoolId, PoolPlan, Pools, Residency,
    SharingLevel, TensorSpec, Transfer,
};
use serde_json::Value;

use crate::html::{at_each_step, data, numbers};
use crate::pool_fixture;
use crate::trace::{counter, events};

#[test]
fn data_of_a_plan() {
    let graph = pool_fixture::graph();
    let page = html::write(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph)));
    insta::assert_snapshot!("pool_plan.html.json", serde_json::to_string_pretty(&data(&page)).unwrap());
    assert_eq!(page, html::write(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph))));
}

#[test]
fn traces() {
    let graph = pool_fixture::graph();
    let text = trace::write(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph)));
    events(&text);
    insta::assert_snapshot!("pool_plan.trace.json", text);
    // A copy ahead of time has a duration, in steps.
    let early = events(&trace::write(&PlanView::of_pools(&graph, &pool_fixture::early_plan(&graph))));
    let copies: Vec<&Value> = early.iter().filter(|one| one["cat"] == "copy").collect();
    assert_eq!(copies.len(), 2);
    assert_eq!([&copies[1]["ts"], &copies[1]["dur"]], [&Value::from(3), &Value::from(1)]);
    assert_eq!(copies[1]["args"]["due before step"], 4);
}

/// Of the fixture by hand: its operators read and write so much of home, and copies do.
#[test]
fn bytes_of_each_step() {
    let graph = pool_fixture::graph();
    let told = data(&html::write(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph))));
    let of = |pool: usize, which: &str| at_each_step(&told["pools"][pool]["traffic"][which], 5);
    assert_eq!(of(2, "inPlace"), [3072, 1024, 1024 + 64 + 64, 0, 10]);
    assert_eq!(of(2, "copied"), [0, 0, 4096, 0, 4096]);
    assert_eq!(of(0, "inPlace"), [0, 0, 0, 0, 200]);
    let early = data(&html::write(&PlanView::of_pools(&graph, &pool_fixture::early_plan(&graph))));
    let copied = at_each_step(&early["pools"][2]["traffic"]["copied"], 5);
    assert_eq!(copied, [0, 0, 4096, 4096, 0], "under way while step 3 runs");
}

fn sum(column: &Value, steps: u64) -> u64 {
    at_each_step(column, steps).iter().sum()
}

/// Of random plans with memory shared in every way: what each step moves is, together, what the
/// verifier counts; live bytes are at most what is used; each copy has both of its ends.
#[test]
fn steps_add_up_to_what_the_plan_says() {
    let (mut plans, mut copies, mut shared) = (0, 0, 0);
    for seed in 0..60 {
        let graph = sharing::drawn(seed, 3 + seed % 14, 1 + seed % 60);
        let bytes: u64 = graph.tensors().iter().map(plimsoll::Tensor::bytes).sum();
        let chip = Pool::on_chip("chip", 1 + bytes / 5).alignment(1 << (seed % 3));
        let pools = Pools::new([chip, Pool::off_chip("ddr")]).unwrap().prefetch((seed % 3) as u32);
        let pools = pools.loading(if seed % 2 == 0 { Loading::Once } else { Loading::EachRun });
        let planner = Planner::new().alignment(1).share(SharingLevel::All).limits(Limits::new().nodes(300));
        let Ok(plan) = planner.place(&graph, &pools) else { continue };
        (plans, copies, shared) =
            (plans + 1, copies + plan.transfers.len(), shared + usize::from(!plan.aliases.is_empty()));
        let told = data(&html::write(&PlanView::of_pools(&graph, &plan)));
        let steps = plan.order.len() as u64;
        let traced = events(&trace::write(&PlanView::of_pools(&graph, &plan)));
        for pool in pools.ids() {
            let (one, number) = (&told["pools"][pool.index()], pool.index() as u64);
            let moved = sum(&one["traffic"]["inPlace"], steps) + sum(&one["traffic"]["copied"], steps);
            assert_eq!(moved, plan.traffic[pool.index()].total(), "seed {seed}, {pool:?}: {plan:#?}");
            let live = at_each_step(&one["live"], steps);
            assert!(live.iter().all(|&live| live <= plan.used[pool.index()]));
            assert_eq!(live, counter(&traced, 3 + number, "live", steps));
            let in_place: u64 = counter(&traced, 3 + number, "read and written in place", steps).iter().sum();
            assert_eq!(in_place, sum(&one["traffic"]["inPlace"], steps));
        }
        let drawn = &told["placement"]["copies"];
        for end in ["fromRow", "toRow"] {
            assert!(
                drawn[end].as_array().unwrap().iter().all(|row| row.as_i64().unwrap() >= 0),
                "seed {seed}"
            );
        }
        assert_eq!(numbers(&drawn["bytes"]).len(), plan.transfers.len());
        assert_eq!(traced.iter().filter(|one| one["cat"] == "copy").count(), plan.transfers.len());
    }
    assert!(plans > 40 && copies > 100 && shared > 20, "{plans} plans, {copies} copies, {shared} that share");
}

/// At home, weights take no room in the map, but are in the table.
#[test]
fn what_is_at_home_throughout_is_not_drawn() {
    let graph = pool_fixture::graph();
    let told = data(&html::write(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph))));
    let buffers = &told["buffers"];
    let rows = |name: &str| {
        let names = buffers["name"].as_array().unwrap();
        (0..names.len()).filter(|&row| names[row] == name).collect::<Vec<_>>()
    };
    let state = rows("x").into_iter().find(|&row| buffers["bytes"][row] == 64).unwrap();
    assert!(buffers["at"][state].is_null() && buffers["pool"][state] == 2);
    let features = rows("features");
    assert_eq!(features.len(), 3, "twice on chip, once at home");
    assert!(features.iter().all(|&row| buffers["of"][row] == buffers["of"][features[0]]));
    assert!(features.iter().all(|&row| !buffers["at"][row].is_null()));
}

/// A network of so many tensors, each copied to the chip where it is made and read.
fn long(count: u32) -> (Graph, PoolPlan) {
    let mut net = Graph::builder("long");
    let mut last = net.input("image", TensorSpec::bytes(64));
    for number in 1..count {
        let made = net.tensor(format!("model/block_{}/tensor_{number}", number / 12), TensorSpec::bytes(64));
        net.operator(format!("op {number}")).op_type("Conv").reads([last]).writes([made]);
        last = made;
    }
    net.output(last);
    let graph = net.build().unwrap();
    let pools = Pools::new([Pool::on_chip("chip", 1 << 20), Pool::off_chip("ddr")]).unwrap();
    let mut plan = PoolPlan::unplaced(&graph, &pools);
    for (tensor, step) in graph.tensor_ids().zip(0u32..) {
        let occupant = Occupant::Tensor(tensor);
        for pool in [0, 1].map(PoolId::new) {
            let live = (step.saturating_sub(1)..(step + 1).min(count - 1)).into();
            plan.residencies.push(Residency {
                occupant,
                pool,
                offset: u64::from(step % 3) * 64,
                bytes: 64,
                live,
            });
        }
        let (from, to) = (PoolId::new(0), PoolId::new(1));
        plan.transfers.push(Transfer { tensor, step, due: step, from, to, bytes: 64 });
    }
    (graph, plan)
}

#[test]
fn a_thousand_tensors_fit_a_third_of_a_megabyte() {
    let (graph, plan) = long(1000);
    let page = html::write(&PlanView::of_pools(&graph, &plan));
    assert_eq!(data(&page)["buffers"]["name"].as_array().unwrap().len(), 2000);
    assert!(page.len() < 350_000, "{}", page.len());
    let text = trace::write(&PlanView::of_pools(&graph, &plan));
    assert_eq!(events(&text).iter().filter(|one| one["cat"] == "copy").count(), 1000);
    assert!(text.len() < 1_000_000, "{}", text.len());
}

/// More copies at one step than it has nanoseconds.
#[test]
fn copies_of_one_step_have_time_each() {
    let (graph, mut plan) = long(1500);
    for one in &mut plan.transfers {
        (one.step, one.due) = (7, 7);
    }
    let events = events(&trace::write(&PlanView::of_pools(&graph, &plan)));
    assert_eq!(events.iter().filter(|one| one["cat"] == "copy").count(), 1500);
}
