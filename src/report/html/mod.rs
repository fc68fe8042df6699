//! The interactive report: one HTML file that needs no network.
//!
//! It shows the memory map with zoom and search, live bytes over time beside those in program
//! order, the causes of the lower bound, the changes of the order, the regions of a tiling, and a table of all tensors. For a
//! plan for several memories it shows a map of each memory, the transfers, and the traffic of each
//! memory. The page works from the width of a phone up, by keyboard, in light and dark.

mod data;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::PlanView;
use crate::support::text::text_of;
use data::{PageData, live_before};

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
    text_of(|out| write_to(view, out))
}

/// Writes the same report without the whole text in memory. Many small pieces are written, so `out` should have a
/// buffer.
///
/// # Errors
/// Errors of `out`.
pub fn write_to(view: &PlanView<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_page(view, out)
}

fn write_page(view: &PlanView<'_>, out: &mut dyn Write) -> io::Result<()> {
    // First, as it needs about as much memory as the scene.
    let before = live_before(view);
    let scene = Scene::new(view);
    let data = PageData::new(&scene, before.as_deref());
    let title = escaped(scene.title());
    drop(scene);
    // Each mark is replaced once and in this order, so text in a part is never taken for a mark.
    let mut rest = PAGE;
    for mark in ["{{title}}", "{{style}}", "{{data}}", "{{script}}"] {
        let Some((before, after)) = rest.split_once(mark) else {
            unreachable!("the page has a mark for each part")
        };
        out.write_all(before.as_bytes())?;
        match mark {
            "{{title}}" => out.write_all(title.as_bytes())?,
            "{{style}}" => out.write_all(STYLE.as_bytes())?,
            "{{data}}" => data.serialize(&mut Serializer::with_formatter(&mut *out, InScript))?,
            _ => out.write_all(SCRIPTS.join("\n").as_bytes())?,
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())
}

/// JSON inside a script element, whose contents end at the first `</script`, even inside a string.
struct InScript;

impl Formatter for InScript {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['<', '\u{2028}', '\u{2029}']) {
            let (before, after) = rest.split_at(at);
            let letter = after.chars().next().unwrap_or_default();
            write!(out, "{before}\\u{:04x}", u32::from(letter))?;
            rest = &after[letter.len_utf8()..];
        }
        out.write_all(rest.as_bytes())
    }
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
