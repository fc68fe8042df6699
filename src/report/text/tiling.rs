//! Lines of a summary about the tiling of a plan.

use super::lines::{MAX_LISTED, NAME_WIDTH, SummaryLines};
use super::{bytes, percent, short_bytes};
use crate::report::regions::{RegionFigures, region_figures};
use crate::report::shorten::shortened;
use crate::tiling::TilingCost;
use crate::{PlanView, TilingView, ViewedPlan};

/// Adds the arena or the cost of a run before and after, the cost of the tiling, and a line for each region.
pub(super) fn add(lines: &mut SummaryLines, view: &PlanView<'_>, tiling: &TilingView<'_>) {
    let regions = region_figures(view, tiling);
    let stripes: usize = regions.iter().map(|region| region.stripes).sum();
    let change = change(view, tiling);
    lines.line("tiling", format!("{}, {stripes} stripes{change}", counted(regions.len(), "region")));
    lines.line("extra MACs", extra(&tiling.cost));
    lines.line(
        "copied",
        format!(
            "{} of carried rows; {} of constants are read again",
            bytes(tiling.cost.copied_bytes),
            bytes(tiling.cost.constant_bytes)
        ),
    );
    for (number, region) in regions.iter().enumerate().take(MAX_LISTED) {
        lines.line(&format!("region {}", number + 1), region_text(region));
    }
    if let Some(more) = regions.len().checked_sub(MAX_LISTED).filter(|&more| more > 0) {
        lines.line("", format!("and {}", counted(more, "more region")));
    }
}

fn change(view: &PlanView<'_>, tiling: &TilingView<'_>) -> String {
    let less =
        |before: u64, after: u64| percent(if before == 0 { 0.0 } else { 1.0 - after as f64 / before as f64 });
    match (&view.plan, tiling.untiled_plan, tiling.untiled_pools) {
        (ViewedPlan::Arena(plan), Some(untiled), _) => {
            let (before, after) = (untiled.arena_bytes, plan.arena_bytes);
            format!("; arena {} -> {}, {} less", bytes(before), bytes(after), less(before, after))
        }
        (ViewedPlan::Pools(plan), _, Some(untiled)) => {
            let (before, after) = (untiled.cost, plan.cost);
            format!("; cost {before} -> {after}, {} less", less(before, after))
        }
        _ => String::new(),
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
