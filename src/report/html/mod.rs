//! The interactive report: one HTML file that needs no network.
//!
//! It shows the memory map with zoom and search, live bytes over time beside those in program
//! order, the causes of the lower bound, the changes of the order, the regions of a tiling, and a table of all tensors. For a
//! plan for several memories it shows a map of each memory, the transfers, and the traffic of each
//! memory. The page works from the width of a phone up, by keyboard, in light and dark.

mod data;

use crate::PlanView;
use data::PageData;

use super::Scene;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// Scripts in the order in which the browser runs them.
const SCRIPTS: [&str; 10] = [
    include_str!("report.js"),
    include_str!("tools.js"),
    include_str!("copies.js"),
    include_str!("regions.js"),
    include_str!("map.js"),
    include_str!("live.js"),
    include_str!("peak.js"),
    include_str!("order.js"),
    include_str!("table.js"),
    include_str!("main.js"),
];

/// The report of a plan, as the text of an HTML file. It shows the size of the arena in program order for
/// comparison, if the view has it.
#[must_use]
pub fn write(view: &PlanView<'_>) -> String {
    let scene = Scene::new(view);
    page(scene.title(), &PageData::new(&scene))
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
