use plimsoll::export::json::{DocumentError, FORMAT, POOL_FORMAT, PlanDocument, PoolPlanDocument, format_of};
use plimsoll::import::ImportOptions;
use plimsoll::{
    BodyLink, Graph, Loading, PlanView, Planner, Pool, PoolPlan, Pools, SharingLevel, Stop, TensorSpec,
};
use serde_json::{Value, json};

use crate::pool_fixture;

fn document() -> PoolPlanDocument {
    let graph = pool_fixture::graph();
    PoolPlanDocument::of_graph(&graph, &pool_fixture::plan(&graph), &ImportOptions::default())
}

#[test]
fn pool_plan() {
    insta::assert_snapshot!("pool_plan.json", document().to_json());
}

/// A branch whose memory holds the input and the output of its operator, and its plan.
fn linked() -> (Graph, PoolPlan) {
    let mut body = Graph::builder("branch");
    let bytes = TensorSpec::bytes;
    let captured = body.constant("x", bytes(8));
    let made = [("m", 100), ("n", 100), ("y", 8)].map(|(name, size)| body.tensor(name, bytes(size)));
    body.operator("widen").reads([captured]).writes([made[0]]);
    body.operator("between").reads([made[0]]).writes([made[1]]);
    body.operator("narrow").reads([made[1]]).writes([made[2]]);
    body.output(made[2]);
    let mut net = Graph::builder("net");
    let input = net.input("a", bytes(8));
    let [result, output] = ["b", "c"].map(|name| net.tensor(name, bytes(8)));
    let links =
        [(input, captured), (result, made[2])].map(|(tensor, inner)| BodyLink { tensor, body: 0, inner });
    net.operator("if").reads([input]).writes([result]).runs([body.build().unwrap()]).links(links);
    net.operator("use").reads([result]).writes([output]);
    net.output(output);
    let graph = net.build().unwrap();
    let pools = Pools::new([Pool::on_chip("chip", 200), Pool::off_chip("ddr")]).unwrap();
    let mut plan = Planner::new().alignment(1).place(&graph, &pools).unwrap();
    assert_eq!(plan.bodies[0].linked.len(), 2);
    // The document leaves out search nodes.
    (plan.nodes, plan.bodies[0].plan.nodes) = (0, 0);
    (graph, plan)
}

#[test]
fn plans_come_back_as_they_went() {
    let (graph, (with_body, linked)) = (pool_fixture::graph(), linked());
    let empty = Graph::builder("").build().unwrap();
    let plans = [
        (&graph, pool_fixture::plan(&graph)),
        (&graph, pool_fixture::early_plan(&graph)),
        (&graph, PoolPlan::unplaced(&graph, &pool_fixture::pools())),
        (&empty, PoolPlan::unplaced(&empty, &Pools::new([Pool::new("")]).unwrap())),
        (&with_body, linked),
    ];
    for (graph, plan) in plans {
        let document = PoolPlanDocument::of_graph(graph, &plan, &ImportOptions::default());
        let read = PoolPlanDocument::from_json(&document.to_json()).unwrap();
        assert_eq!(read, document);
        assert_eq!(read.to_pools().unwrap(), plan.pools);
        assert_eq!(read.to_plan(graph).unwrap(), plan);
    }
}

/// The document keeps wrong sizes unchanged, so that the verifier can report them.
#[test]
fn wrong_sizes_come_back_as_they_went() {
    let graph = pool_fixture::graph();
    let mut plan = pool_fixture::plan(&graph);
    plan.residencies[3].bytes = 7;
    let last = plan.residencies.len() - 1;
    plan.residencies[last].bytes = u64::MAX;
    let text = PoolPlanDocument::of_graph(&graph, &plan, &ImportOptions::default()).to_json();
    assert_eq!(PoolPlanDocument::from_json(&text).unwrap().to_plan(&graph).unwrap(), plan);
}

/// Plans of the planner survive a round trip, with and without sharing, at any capacity.
#[test]
fn plans_of_the_planner_come_back() {
    let graph = pool_fixture::graph();
    for capacity in [0, 600, 4200, 5000, 5120, 9000, 1 << 20] {
        for (sharing, loading, prefetch) in [
            (SharingLevel::None, Loading::Once, 0),
            (SharingLevel::All, Loading::EachRun, 0),
            (SharingLevel::All, Loading::Once, 1),
        ] {
            let chip = Pool::on_chip("l2", capacity).alignment(16);
            let pools =
                Pools::new([chip, Pool::off_chip("ddr")]).unwrap().loading(loading).prefetch(prefetch);
            let plan = Planner::new().share(sharing).place(&graph, &pools).unwrap();
            let text = PoolPlanDocument::of_graph(&graph, &plan, &ImportOptions::default()).to_json();
            let mut read = PoolPlanDocument::from_json(&text).unwrap().to_plan(&graph).unwrap();
            assert_eq!((read.nodes, read.stop), (0, Stop::Finished), "not in the file");
            (read.nodes, read.stop) = (plan.nodes, plan.stop);
            assert_eq!(read, plan);
            for route in plan.routes() {
                assert!(route.from_offset.is_some() && route.to_offset.is_some(), "{capacity}: {route:?}");
            }
        }
    }
}

/// The file written by hand and the derived one say the same.
#[test]
fn the_layout_does_not_change_the_contents() {
    let by_hand: Value = serde_json::from_str(&document().to_json()).unwrap();
    assert_eq!(by_hand, serde_json::to_value(document()).unwrap());
}

/// The least that other programs have to write.
#[test]
fn a_short_plan_is_read() {
    let text = r#"{
        "format": "plimsoll-pool-plan/1", "cost": 3, "lower_bound": 2, "alignment": 1, "order": [0],
        "pools": [{"name": "a", "colour": "red"}, {"name": "b"}], "comment": {"by": ["someone", 3]},
        "tensors": [{"index": 1, "name": "weights", "bytes": 432,
                     "stays": [{"pool": "b", "offset": 8, "live": [2, 5]}, {"pool": "a", "offset": 4, "live": [0, 4]}]}],
        "transfers": [{"tensor": "weights", "index": 1, "step": 2, "from": "a", "to": "b", "bytes": 432}]
    }"#;
    let plan = PoolPlanDocument::from_json(text).unwrap().to_plan(&pool_fixture::graph()).unwrap();
    let offsets: Vec<u64> = plan.residencies.iter().map(|residency| residency.offset).collect();
    assert_eq!(offsets, [4, 8], "by pool");
    assert_eq!((plan.cost, plan.unavoidable_cost, plan.transfers[0].due), (3, 0, 2));
    assert_eq!(plan.pools.inputs_in(), plan.pools.backing_store_id());
    assert_eq!(plan.routes()[0].from_offset, Some(4));
}

#[test]
fn formats_are_told_apart() {
    assert_eq!(format_of(&document().to_json()).unwrap(), POOL_FORMAT);
    let refusal = |text: &str| PoolPlanDocument::from_json(text).unwrap_err().to_string();
    assert_eq!(refusal("{}"), "the plan's format is not stated; this version reads `plimsoll-pool-plan/1`");
    assert_eq!(
        refusal(r#"{"format": "plimsoll-plan/1"}"#),
        "the plan's format is `plimsoll-plan/1`; this version reads `plimsoll-pool-plan/1`"
    );
    assert_eq!(refusal("x"), "not a plan: expected value at line 1 column 1");
    assert_eq!(
        PlanDocument::from_json(&document().to_json()),
        Err(DocumentError::Format { found: format!("`{POOL_FORMAT}`"), expected: FORMAT })
    );
    let missing = refusal(r#"{"format": "plimsoll-pool-plan/1"}"#);
    assert_eq!(missing, "not a plan: missing field `cost` at line 1 column 34");
}

/// The error message for the plan's document after this change.
fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut text: Value = serde_json::from_str(&document().to_json()).unwrap();
    change(&mut text);
    let read = PoolPlanDocument::from_json(&text.to_string());
    read.and_then(|read| read.to_plan(&pool_fixture::graph())).unwrap_err().to_string()
}

#[test]
fn wrong_fields() {
    for (field, value, text) in [
        ("loading", json!("never"), "unknown variant `never`, expected `once` or `each_run`"),
        ("cost", json!(-1), "invalid value: integer `-1`, expected u64"),
        ("cost", json!(1.5), "invalid type: floating point `1.5`, expected u64"),
        ("order", json!(["conv"]), "invalid type: string \"conv\", expected usize"),
        ("prefetch", json!(1_u64 << 32), "invalid value: integer `4294967296`, expected u32"),
        ("pools", json!({}), "invalid type: map, expected a sequence"),
    ] {
        let refusal = refusal(|document| document[field] = value);
        assert!(refusal.starts_with(&format!("not a plan: {text} at line 1 column ")), "{refusal}");
    }
}

#[test]
fn wrong_pools() {
    let pools = |change: fn(&mut Value)| refusal(|document| change(&mut document["pools"]));
    assert_eq!(pools(|pools| *pools = json!([])), "the plan's pools: no pool is given; give at least one");
    assert_eq!(
        pools(|pools| pools[0]["name"] = json!("ddr")),
        "the plan's pools: two pools are called `ddr`; give each its own name"
    );
    let many = pools(|pools| *pools = json!(vec![json!({ "name": "x" }); 1000]));
    assert!(many.starts_with("not a plan: there are more than 8 at line 1 column "), "{many}");
    assert!(pools(|pools| pools[1]["alignment"] = json!(3)).contains("pool `l2`"));
    assert_eq!(
        pools(|pools| pools[2]["holds"] = json!(["constants"])),
        "the plan's pools: the last pool, `ddr`, must accept every kind and size of content"
    );
    let unknown = refusal(|document| document["outputs"] = json!("l3"));
    assert!(unknown.starts_with("the plan's pools: no pool is called `l3`; the pools are "), "{unknown}");
}

#[test]
fn wrong_references() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 13] = [
        (
            |document| document["order"][2] = json!(5),
            "step 2 of the order names operator 5, but the model has 5 operators",
        ),
        (
            |document| document["tensors"][0]["index"] = json!(u64::MAX),
            "the entry of tensor `image` names tensor 18446744073709551615, but the model has 8 tensors",
        ),
        (
            |document| document["tensors"][1] = document["tensors"][0].clone(),
            "the plan places tensor 0 (`image`) twice",
        ),
        (
            |document| document["tensors"][2]["name"] = json!("feature"),
            "tensor 2 has the name `feature` in the plan and `features` in the model",
        ),
        (
            |document| document["tensors"][2]["stays"][1]["pool"] = json!("l3"),
            "a residency interval of tensor 2 (`features`) names pool `l3`, which the plan does not define",
        ),
        (
            |document| document["scratch"][1]["operator"] = json!(9),
            "entry 1 of `scratch` names operator 9, but the model has 5 operators",
        ),
        (
            |document| document["scratch"][1]["operator"] = json!(0),
            "the plan places the scratch of operator 0 (`conv`) twice",
        ),
        (
            |document| document["transfers"][0]["index"] = json!(8),
            "entry 0 of `transfers` names tensor 8, but the model has 8 tensors",
        ),
        (
            |document| document["transfers"][0]["tensor"] = json!("x"),
            "entry 0 of `transfers` names tensor 2 `x`, but its name is `features`",
        ),
        (
            |document| document["transfers"][1]["to"] = json!(""),
            "entry 1 of `transfers` names pool ``, which the plan does not define",
        ),
        (
            |document| document["uses"][0]["occupant"] = json!({ "scratch": 5 }),
            "entry 0 of `uses` names operator 5, but the model has 5 operators",
        ),
        (
            |document| document["uses"][0]["pool"] = json!("l3"),
            "entry 0 of `uses` names pool `l3`, which the plan does not define",
        ),
        (
            |document| document["tensors"][6]["shares"]["index"] = json!(1),
            "`shares` of tensor `flat` names tensor 1 `x#5`, but its name is `weights`",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(refusal(change), expected);
    }
    let other = refusal(|document| document["graph_hash"] = json!("00"));
    assert!(other.starts_with("the plan was made for another model"), "{other}");
}

/// Any byte changed, any part cut off: an error, or a plan whose references are right.
#[test]
fn broken_documents_are_refused_or_read() {
    let graph = pool_fixture::graph();
    let text = document().to_json();
    let (mut random, mut read) = (fastrand::Rng::with_seed(1), 0);
    let count = std::env::var("PLIMSOLL_MUTATIONS").map_or(2000, |count| count.parse().unwrap());
    for _ in 0..count {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..random.usize(1..4) {
            let at = random.usize(0..bytes.len());
            match random.u32(0..4) {
                0 => bytes[at] = random.u8(..),
                1 => bytes[at] = *random.choice(b"0123456789-\"[]{},:el").unwrap(),
                2 => drop(bytes.drain(at..(at + random.usize(1..40)).min(bytes.len()))),
                _ => bytes.insert(at, random.u8(b'0'..=b'9')),
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let Ok(document) = PoolPlanDocument::from_json(&text) else { continue };
        let Ok(plan) = document.to_plan(&graph) else { continue };
        read += 1;
        // Whatever it claims can be shown.
        let _ = plan.routes();
        let _ =
            plimsoll::report::svg::write(&PlanView::of_pools(&graph, &plan), plimsoll::report::Colour::Kind);
        let _ = plimsoll::report::html::write(&PlanView::of_pools(&graph, &plan));
        let _ = plimsoll::report::trace::write(&PlanView::of_pools(&graph, &plan));
        let _ = plimsoll::report::text::summary(&PlanView::of_pools(&graph, &plan), None);
        let _ =
            plimsoll::export::c_code::CCode::new(&PlanView::of_pools(&graph, &plan), None).source("plan.h");
        let again = PoolPlanDocument::of_graph(&graph, &plan, &ImportOptions::default());
        assert_eq!(again.to_plan(&graph).unwrap(), plan);
    }
    assert!(read > 10, "only {read} could still be read");
}
