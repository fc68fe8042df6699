//! Plans for several memories as tables, as a C header, as text and as a picture.

use std::fs;
use std::process::Command;

use plimsoll::export::c_code::CCode;
use plimsoll::export::csv;
use plimsoll::import::ImportOptions;
use plimsoll::report::{Colour, html, svg, text, trace};
use plimsoll::{Graph, PlanView, Planner, Pool, PoolId, PoolPlan, Pools, Residency, TensorSpec};

use crate::c_code::{LANGUAGES, compile, prefix};
use crate::html::data;
use crate::pool_fixture;
use crate::svg::count;
use crate::trace::events;

#[test]
fn tables() {
    let graph = pool_fixture::graph();
    insta::assert_snapshot!(
        "pool_plan.csv",
        csv::write(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph)))
    );
}

#[test]
fn headers() {
    let graph = pool_fixture::graph();
    let code = CCode::new(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph)), None);
    insta::assert_snapshot!("pool_plan.h", code.alone());
    let code = CCode::new(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph)), Some(&prefix("npu")));
    insta::assert_snapshot!("pool_pair.h", code.header());
    insta::assert_snapshot!("pool_pair.c", code.source("npu.h"));
}

#[test]
fn texts() {
    let graph = pool_fixture::graph();
    let plan = pool_fixture::plan(&graph);
    insta::assert_snapshot!("pool_plan.txt", text::summary(&PlanView::of_pools(&graph, &plan), Some(0.5)));
    let early = pool_fixture::early_plan(&graph);
    insta::assert_snapshot!("early_pool_plan.txt", text::summary(&PlanView::of_pools(&graph, &early), None));
}

#[test]
fn pictures() {
    let graph = pool_fixture::graph();
    let plan = pool_fixture::plan(&graph);
    insta::assert_snapshot!("pool_plan.svg", svg::write(&PlanView::of_pools(&graph, &plan), Colour::Kind));
    // Rectangles have colours of the palette, by the kind of tensor or by the type of operator.
    let legend = |picture: &str, name: &str| picture.contains(&format!("\n{name}\n"));
    let by_kind = svg::write(&PlanView::of_pools(&graph, &plan), Colour::Kind);
    assert!(legend(&by_kind, "constant") && legend(&by_kind, "scratch") && !legend(&by_kind, "Conv"));
    assert!(by_kind.contains(".c4{fill:#eeb5ae}") && by_kind.contains(".c4{fill:#8a4a45}"), "{by_kind}");
    let by_type = svg::write(&PlanView::of_pools(&graph, &plan), Colour::Operator);
    assert!(legend(&by_type, "Conv") && legend(&by_type, "no operator") && !legend(&by_type, "constant"));
    assert_eq!(count(&by_kind, "title"), count(&by_type, "title"));
}

/// Runs the copies of the header's table on arrays of the header's sizes: bytes arrive.
const PROGRAM: &str = r#"
#include "plan.h"
#include <string.h>
static unsigned char pool_1[PLIMSOLL_TWO_MEMORIES_135FA770_POOL_1_BYTES];
static unsigned char pool_2[PLIMSOLL_TWO_MEMORIES_135FA770_POOL_2_BYTES];
int main(void) {
    unsigned i;
    unsigned char *pools[3] = {0, pool_1, pool_2};
    if (PLIMSOLL_TWO_MEMORIES_135FA770_TRANSFER_COUNT != 2 || PLIMSOLL_TWO_MEMORIES_135FA770_POOL_COUNT != 3) return 1;
    if (plimsoll_two_memories_135fa770_pools[1].bytes != sizeof pool_1) return 2;
    memset(pool_1 + plimsoll_two_memories_135fa770_places[2].offset, 7, (size_t)plimsoll_two_memories_135fa770_places[2].bytes);
    for (i = 0; i < PLIMSOLL_TWO_MEMORIES_135FA770_TRANSFER_COUNT; i++) {
        const struct plimsoll_two_memories_135fa770_transfer *one = &plimsoll_two_memories_135fa770_transfers[i];
        memcpy(pools[one->to] + one->to_offset, pools[one->from] + one->from_offset, (size_t)one->bytes);
        memset(pools[one->from] + one->from_offset, i == 0 ? 0 : 7, i == 0 ? (size_t)one->bytes : 1u);
    }
    for (i = 0; i < 4096; i++)
        if (pool_1[plimsoll_two_memories_135fa770_places[3].offset + i] != 7) return 3;
    return 0;
}
"#;

#[test]
fn programs_do_the_copies_of_the_header() {
    let graph = pool_fixture::graph();
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("main.c"), folder.path().join("main"));
    let code = CCode::new(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph)), None);
    fs::write(folder.path().join("plan.h"), code.alone()).unwrap();
    fs::write(&source, PROGRAM).unwrap();
    for (compiler, language) in LANGUAGES {
        if compile(compiler, language, &source, &program).is_some() {
            let status = Command::new(&program).status().unwrap();
            assert!(status.success(), "{compiler}: {status}");
        }
    }
}

/// The same copies, with the pools, tables and constants of a source.
const POOLS_OF_THE_SOURCE: &str = r#"
#include "plan.h"
#include "pools.c"
#include <string.h>
int main(void) {
    unsigned i;
    unsigned char *const pools[NPU_POOL_COUNT] = {npu_pool_0, npu_pool_1, npu_pool_2};
    for (i = 0; i < NPU_POOL_COUNT; i++)
        if ((uintptr_t)pools[i] % npu_pools[i].alignment) return 1;
    if (NPU_POOL_OF_WEIGHTS != 1 || NPU_OFFSET_X_5 != 448 || npu_places[7].offset != NPU_OFFSET_X_5) return 2;
    if (NPU_SCRATCH_POOL_OF_GATE != 0 || NPU_SCRATCH_BYTES_GATE != 100) return 3;
    memset(pools[1] + npu_places[2].offset, 7, (size_t)npu_places[2].bytes);
    for (i = 0; i < NPU_TRANSFER_COUNT; i++) {
        const struct npu_transfer *one = &npu_transfers[i];
        memcpy(pools[one->to] + one->to_offset, pools[one->from] + one->from_offset, (size_t)one->bytes);
        if (i == 0) memset(pools[1], 0, (size_t)NPU_POOL_1_BYTES);
    }
    for (i = 0; i < npu_places[3].bytes; i++)
        if (npu_pool_1[npu_places[3].offset + i] != 7) return 4;
    return 0;
}
"#;

#[test]
fn programs_use_the_pools_of_the_source() {
    let graph = pool_fixture::graph();
    let folder = tempfile::tempdir().unwrap();
    let code = CCode::new(&PlanView::of_pools(&graph, &pool_fixture::plan(&graph)), Some(&prefix("npu")));
    fs::write(folder.path().join("plan.h"), code.header()).unwrap();
    fs::write(folder.path().join("pools.c"), code.source("plan.h")).unwrap();
    let (source, binary) = (folder.path().join("main.c"), folder.path().join("main"));
    fs::write(&source, POOLS_OF_THE_SOURCE).unwrap();
    for (compiler, language) in LANGUAGES {
        if compile(compiler, language, &source, &binary).is_some() {
            let status = Command::new(&binary).status().unwrap();
            assert!(status.success(), "{compiler}: {status}");
        }
    }
}

/// Plans of nothing, and wrong ones: everything is written, as far as it can be, and no
/// compiler takes a place that is nowhere.
#[test]
fn plans_of_nothing_and_wrong_plans_leave_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Graph::builder("").build().unwrap();
    let nothing = PoolPlan::unplaced(&empty, &Pools::new([Pool::new("")]).unwrap());
    let graph = pool_fixture::graph();
    let mut wrong = pool_fixture::plan(&graph);
    wrong.order.truncate(1);
    wrong.used.clear();
    wrong.traffic.clear();
    let first = wrong.residencies[0];
    wrong.residencies[0].bytes = u64::MAX;
    wrong.residencies[1].offset = u64::MAX;
    wrong.residencies.push(Residency { pool: PoolId::new(7), ..first });
    wrong.transfers[0].to = PoolId::new(9);
    wrong.transfers[1].tensor = plimsoll::TensorId::new(99);
    (wrong.cost, wrong.lower_bound) = (3, u64::MAX);
    for (graph, plan) in [(&empty, nothing), (&graph, wrong)] {
        let picture = svg::write(&PlanView::of_pools(graph, &plan), Colour::Kind);
        assert!(count(&picture, "title") >= 1 && !picture.contains("NaN") && !picture.contains("inf"));
        data(&html::write(&PlanView::of_pools(graph, &plan)));
        events(&trace::write(&PlanView::of_pools(graph, &plan)));
        assert!(text::summary(&PlanView::of_pools(graph, &plan), None).lines().count() > 8);
        assert!(csv::write(&PlanView::of_pools(graph, &plan)).starts_with("tensor,pool,"));
        let _ = plimsoll::export::json::PoolPlanDocument::of_graph(graph, &plan, &ImportOptions::default())
            .to_json();
        let code = CCode::new(&PlanView::of_pools(graph, &plan), None);
        let [header, source] = ["plan.h", "plan.c"].map(|name| folder.path().join(name));
        fs::write(&header, code.header()).unwrap();
        fs::write(&source, code.source("plan.h")).unwrap();
        for (compiler, language) in LANGUAGES {
            let arguments = [language, &["-c"]].concat();
            let object = folder.path().join("plan.o");
            compile(compiler, &arguments, &header, &object);
            if graph.operators().is_empty() {
                compile(compiler, &arguments, &source, &object);
            } else {
                let output =
                    Command::new(compiler).args(&arguments).arg(&source).arg("-o").arg(&object).output();
                assert!(output.is_ok_and(|output| !output.status.success()));
            }
        }
    }
}

/// The height of the backing store in the picture depends on the tensors that come and go, not on the
/// tensors that stay there from start to end.
#[test]
fn weights_at_home_do_not_flatten_the_picture() {
    let mut net = Graph::builder("large");
    let image = net.input("image", TensorSpec::bytes(100));
    let weights = net.constant("weights", TensorSpec::bytes(1 << 40));
    let kernel = net.constant("kernel", TensorSpec::bytes(9));
    let hidden = net.tensor("hidden", TensorSpec::bytes(50));
    let result = net.tensor("result", TensorSpec::bytes(30));
    net.operator("first").reads([image, weights]).writes([hidden]);
    net.operator("second").reads([hidden, kernel]).writes([result]);
    net.output(result);
    let graph = net.build().unwrap();
    let pools = Pools::new([Pool::on_chip("l1", 70), Pool::off_chip("ddr")]).unwrap();
    let plan = Planner::new().alignment(1).place(&graph, &pools).unwrap();
    assert!(plan.used[1] > 1 << 40);
    let picture = svg::write(&PlanView::of_pools(&graph, &plan), Colour::Kind);
    assert!(!picture.contains(">weights\n"), "{picture}");
    assert!(
        picture.contains(">\nimage\n") && picture.contains("shown: only tensors that come and go"),
        "{picture}"
    );
    assert!(!picture.contains("TiB\n</text>\n<g"), "{picture}");
}

#[test]
fn many_places_are_bounded() {
    let mut net = Graph::builder("many");
    let inputs: Vec<_> = (0..25_000).map(|_| net.input("", TensorSpec::bytes(1))).collect();
    net.operator("").reads(inputs);
    let graph = net.build().unwrap();
    let pools = Pools::new([Pool::on_chip("l1", 1 << 20), Pool::off_chip("ddr")]).unwrap();
    let mut plan = PoolPlan::unplaced(&graph, &pools);
    for tensor in graph.tensor_ids() {
        let (occupant, offset) = (plimsoll::Occupant::Tensor(tensor), tensor.index() as u64);
        plan.residencies.push(Residency {
            occupant,
            pool: PoolId::new(0),
            offset,
            bytes: 1,
            live: (0..1).into(),
        });
        let (from, to) = (PoolId::new(1), PoolId::new(0));
        plan.transfers.push(plimsoll::Transfer { tensor, step: 0, due: 0, from, to, bytes: 1 });
    }
    let picture = svg::write(&PlanView::of_pools(&graph, &plan), Colour::Kind);
    assert_eq!(count(&picture, "title"), 1 + 20_000);
    assert_eq!(count(&picture, "polygon"), 4_000);
}
