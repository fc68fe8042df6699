//! The regions of a tiled plan below the map: their steps, and live bytes with and without tiling.

use std::fmt::Write;

use svg::node::element::{Group, Path, Title};

use super::frame::{self, BOTTOM, LEFT, MapFrame, RIGHT, TOP, area, line, px, text, xml};
use super::{Scene, axes, short_bytes};
use crate::TilingView;
use crate::report::profile::{changes, live_bytes};
use crate::report::regions::{RegionSteps, region_steps, untiled_live};
use crate::report::shorten::letter_count;

/// Height that the regions add to the picture.
pub(super) const HEIGHT: f64 = 210.0;
const BARS: f64 = frame::HEIGHT + 14.0;
const BAR: f64 = 8.0;
const PROFILE_TOP: f64 = BARS + 30.0;
const PROFILE_BOTTOM: f64 = PROFILE_TOP + 110.0;
const LETTER: f64 = 6.6;
/// Minimum distance between two marks of stripes.
const MIN_STRIPE: f64 = 3.0;

pub(super) fn draw(scene: &Scene, tiling: &TilingView<'_>, map: &MapFrame) -> Group {
    let regions = region_steps(tiling);
    let bars = regions.iter().map(|region| bar(region, map)).fold(Group::new(), Group::add);
    bars.add(profile(scene, tiling, map.steps))
}

/// The bar of a region, its limits in the map, and marks at the starts of its stripes.
fn bar(region: &RegionSteps, map: &MapFrame) -> Group {
    let (left, right) = (map.x(region.steps.start), map.x(region.steps.end));
    let (number, stripes) = (region.number + 1, region.stripes.len());
    let class = if region.number.is_multiple_of(2) { "region" } else { "region odd" };
    let title = Title::new(format!(
        "region {number}\n{stripes} stripes\nsteps {} to {}",
        region.steps.start,
        region.steps.end - 1
    ));
    let bar = area(class, (px(left), BARS), px((right - left).max(1.0)), BAR).add(title);
    let mut group = Group::new().add(bar);
    for x in [left, right] {
        group = group.add(line("region-edge", px(x), TOP, px(x), BOTTOM));
    }
    if (right - left) / stripes.max(1) as f64 >= MIN_STRIPE {
        for &step in &region.stripes {
            let x = px(map.x(step));
            group = group.add(line("region-edge", x, BARS, x, BARS + BAR));
        }
    }
    let names =
        [format!("region {number}: {stripes} stripes"), format!("region {number}"), number.to_string()];
    let fits = |name: &&String| letter_count(name) as f64 * LETTER <= right - left;
    match names.iter().find(fits) {
        None => group,
        Some(name) => {
            let middle = px(f64::midpoint(left, right));
            group.add(text("axis", (middle, BARS + BAR + 14.0), name).set("text-anchor", "middle"))
        }
    }
}

/// Live bytes of the plan as an area, and those of the untiled plan at the same operators as a line.
fn profile(scene: &Scene, tiling: &TilingView<'_>, steps: u32) -> Group {
    let tiled: Vec<(u32, u64)> =
        live_bytes(scene.view).into_iter().map(|point| (point.step, point.live)).collect();
    let untiled: Vec<(u32, u64)> =
        untiled_live(tiling).map_or_else(Vec::new, |bytes| changes(&bytes).collect());
    let most = |points: &[(u32, u64)]| points.iter().map(|&(_, bytes)| bytes).max().unwrap_or(0);
    let bytes = most(&tiled).max(most(&untiled)).max(1);
    let map = MapFrame { steps, bytes, top: PROFILE_TOP, bottom: PROFILE_BOTTOM };
    let mut group = Group::new().add(axes::bytes(&map, "live "));
    let path = outline(&tiled, &map);
    let title = format!("live bytes with tiling: at most {}", short_bytes(most(&tiled)));
    group = group.add(Path::new().set("class", "tiled").set("d", path).add(Title::new(xml(&title))));
    let label = |name: &str, bytes: u64| {
        text("axis", (RIGHT + 8.0, px(map.y(bytes) + 4.0)), &format!("{name}: {}", short_bytes(bytes)))
    };
    if !untiled.is_empty() {
        let path = outline(&untiled, &map);
        group = group.add(Path::new().set("class", "untiled").set("d", path));
        group = group.add(label("untiled", most(&untiled)));
    }
    group.add(label("tiled", most(&tiled)))
}

/// The outline of a step function, closed along the axis.
fn outline(points: &[(u32, u64)], map: &MapFrame) -> String {
    let mut path = format!("M{LEFT} {}", px(map.y(0)));
    for &(step, bytes) in points {
        write!(path, "H{}V{}", px(map.x(step)), px(map.y(bytes))).expect("a string takes every letter");
    }
    path + &format!("H{}V{}z", px(RIGHT), px(map.y(0)))
}
