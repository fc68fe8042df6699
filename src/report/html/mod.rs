//! A page to look into a plan: one file that needs no network.
//!
//! It has the memory map to zoom, search and read; live bytes over time beside those of the
//! file's order; what causes the lower bound; what the order changed; and a table of all tensors.
//! Of a plan for several memories it has a map of each, copies, and what goes through each memory.
//! The page works from a phone's width up, by keyboard, light and dark.

mod data;
mod pools;

use crate::{Graph, Plan, PoolPlan, Problem, Solution};
use data::Data;

use super::Scene;
use super::pooled::PoolScene;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// In the order in which the browser runs them.
const SCRIPTS: [&str; 9] = [
    include_str!("report.js"),
    include_str!("tools.js"),
    include_str!("copies.js"),
    include_str!("map.js"),
    include_str!("live.js"),
    include_str!("peak.js"),
    include_str!("order.js"),
    include_str!("table.js"),
    include_str!("main.js"),
];

/// The report on a graph's plan, as the text of an HTML file; beside it the arena in the
/// order of the file, if that is known.
#[must_use]
pub fn of_graph(graph: &Graph, plan: &Plan, file_arena: Option<u64>) -> String {
    let scene = Scene::of_plan(graph, plan);
    page(scene.title(), &Data::of_plan(&scene, graph, plan, file_arena))
}

/// The report on buffers without a graph, as the text of an HTML file.
#[must_use]
pub fn of_problem(name: &str, problem: &Problem, solution: &Solution) -> String {
    let scene = Scene::of_solution(name, problem, solution);
    page(scene.title(), &Data::of_scene(&scene))
}

/// The report on a plan for several memories, as the text of an HTML file.
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    let scene = PoolScene::new(graph, plan);
    page(scene.title(), &Data::of_pools(&scene))
}

fn page(title: &str, data: &Data) -> String {
    let json = serde_json::to_string(data).expect("keys are text");
    // What stands in a script element ends with the first `</script`, whatever the type.
    let json = json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let parts = [
        ("{{title}}", escaped(title)),
        ("{{style}}", STYLE.to_owned()),
        ("{{data}}", json),
        ("{{script}}", SCRIPTS.join("\n")),
    ];
    let mut page = String::new();
    let mut rest = PAGE;
    // Each part once and in this order: what one of them holds is never taken for a mark.
    for (mark, part) in parts {
        let (before, after) = rest.split_once(mark).expect("the page has a mark for each part");
        page += before;
        page += &part;
        rest = after;
    }
    page + rest
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            letter if letter.is_control() => safe.push('\u{fffd}'),
            letter => safe.push(letter),
        }
    }
    safe
}
