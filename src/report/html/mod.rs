//! The interactive report: one HTML file that needs no network.
//!
//! It shows the memory map with zoom and search, live bytes over time beside those in program
//! order, the causes of the lower bound, the changes of the order, and a table of all tensors. For a
//! plan for several memories it shows a map of each memory, the transfers, and the traffic of each
//! memory. The page works from the width of a phone up, by keyboard, in light and dark.

mod data;
mod pools;

use crate::{Graph, Plan, PoolPlan, Problem, Solution};
use data::PageData;

use super::Scene;
use super::pooled::PoolScene;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// Scripts in the order in which the browser runs them.
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

/// The report of a graph's plan, as the text of an HTML file. `file_arena` is the size of the arena
/// in program order, shown for comparison if it is known.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn of_graph(graph: &Graph, plan: &Plan, file_arena: Option<u64>) -> String {
    let scene = Scene::of_plan(graph, plan);
    page(scene.title(), &PageData::of_plan(&scene, graph, plan, file_arena))
}

/// The report of a list of buffers, as the text of an HTML file.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn of_problem(name: &str, problem: &Problem, solution: &Solution) -> String {
    let scene = Scene::of_solution(name, problem, solution);
    page(scene.title(), &PageData::of_scene(&scene))
}

/// The report of a plan for several memories, as the text of an HTML file.
///
/// Example: [`summary`](crate::report::text::summary).
#[must_use]
pub fn of_pools(graph: &Graph, plan: &PoolPlan) -> String {
    let scene = PoolScene::new(graph, plan);
    page(scene.title(), &PageData::of_pools(&scene))
}

fn page(title: &str, data: &PageData) -> String {
    let json = serde_json::to_string(data).expect("keys are text");
    // The contents of a script element end at the first `</script`, even inside JSON.
    let json = json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let parts = [
        ("{{title}}", escaped(title)),
        ("{{style}}", STYLE.to_owned()),
        ("{{data}}", json),
        ("{{script}}", SCRIPTS.join("\n")),
    ];
    let mut page = String::new();
    let mut rest = PAGE;
    // Each mark is replaced once and in this order, so text in a part is never taken for a mark.
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
