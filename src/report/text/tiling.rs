//! Lines of a summary about the tiling of a plan.

use super::lines::{MAX_LISTED, NAME_WIDTH, SummaryLines};
use super::{bytes, percent, short_bytes};
use crate::TilingView;
use crate::report::regions::{RegionFigures, region_figures};
use crate::report::shorten::shortened;
use crate::tiling::TilingCost;

/// Adds the arena before and after, the cost, and a line for each region.
pub(super) fn add(lines: &mut SummaryLines, tiling: &TilingView<'_>) {
    let plan = tiling.plan;
    let regions = region_figures(tiling);
    let stripes: usize = regions.iter().map(|region| region.stripes).sum();
    let change = tiling.untiled_plan.map_or_else(String::new, |untiled| {
        let (before, after) = (untiled.arena_bytes, plan.plan.arena_bytes);
        let saved = if before == 0 { 0.0 } else { 1.0 - after as f64 / before as f64 };
        format!("; arena {} -> {}, {} less", bytes(before), bytes(after), percent(saved))
    });
    lines.line("tiling", format!("{}, {stripes} stripes{change}", counted(regions.len(), "region")));
    lines.line("extra MACs", extra(&plan.cost));
    lines.line(
        "copied",
        format!(
            "{} of carried rows; {} of constants are read again",
            bytes(plan.cost.copied_bytes),
            bytes(plan.cost.constant_bytes)
        ),
    );
    for (number, region) in regions.iter().enumerate().take(MAX_LISTED) {
        lines.line(&format!("region {}", number + 1), region_text(region));
    }
    if let Some(more) = regions.len().checked_sub(MAX_LISTED).filter(|&more| more > 0) {
        lines.line("", format!("and {}", counted(more, "more region")));
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn extra(cost: &TilingCost) -> String {
    let part = if cost.untiled == 0 { 0.0 } else { cost.extra as f64 / cost.untiled as f64 };
    format!("{} ({} of {})", cost.extra, percent(part), cost.untiled)
}

fn region_text(region: &RegionFigures) -> String {
    let [first, last] = [&region.first, &region.last].map(|name| shortened(name, NAME_WIDTH / 2));
    let operators = match region.operators {
        1 => format!("operator `{first}`"),
        count => format!("{count} operators, `{first}` to `{last}`"),
    };
    let before = region
        .untiled_bytes
        .map_or_else(String::new, |before| format!(" instead of {}", short_bytes(before)));
    let cost =
        if region.cost.extra > 0 { format!(", {} extra MACs", region.cost.extra) } else { String::new() };
    format!(
        "{operators}: axis {}, {} stripes; at most {} live{before}{cost}",
        region.axis,
        region.stripes,
        short_bytes(region.tiled_bytes)
    )
}
