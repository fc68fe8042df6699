//! The name of the model, its figures, and the legend.

use svg::node::element::{Group, Rectangle as Shape, Text};

use super::frame::{LEFT, WIDTH};
use super::labels::xml;
use super::layers::Layers;
use super::{Colouring, Scene, bytes, percent, short_bytes};
use crate::report::scene::same_bytes;
use crate::report::shorten::{letter_count, shortened};

/// Width of a name in the legend, in letters.
const LEGEND_NAME_WIDTH: usize = 22;
const SAMPLE: f64 = 14.0;
const ROW: f64 = 20.0;

pub(super) fn draw(scene: &Scene, layers: &Layers) -> Group {
    let strategy = if scene.strategy.is_empty() {
        String::new()
    } else {
        format!(" (strategy: {})", shortened(scene.strategy, 30))
    };
    let mut facts = vec![
        format!("arena {}", bytes(scene.arena)),
        format!("lower bound {}", bytes(scene.bound)),
        format!("gap {} \u{b7} {}{strategy}", percent(scene.gap), scene.status),
        format!("{} buffers", scene.buffers),
    ];
    facts.extend(scene.capacity.map(|capacity| format!("capacity {}", short_bytes(capacity))));
    if layers.left_out > 0 {
        facts.push(format!("the {} smallest are not drawn", layers.left_out));
    }
    let line =
        |class: &str, y: u32, text: &str| Text::new(xml(text)).set("class", class).set("x", LEFT).set("y", y);
    let model = shortened(scene.title(), 90);
    Group::new().add(line("model", 34, &model)).add(line("caption", 57, &facts.join(" \u{b7} ")))
}

/// The legend has at most two rows, as at most ten operator types have an entry.
pub(super) fn legend(scene: &Scene, colouring: &Colouring) -> Group {
    let colours = colouring.legend.iter().enumerate();
    let mut entries: Vec<(String, String)> = colours
        .map(|(number, (name, _))| (format!("buffer c{number}"), shortened(name, LEGEND_NAME_WIDTH)))
        .collect();
    if !scene.reserved.is_empty() {
        entries.push(("reserved".to_owned(), "reserved".to_owned()));
    }
    for (class, name, same) in [("same", "shared: same bytes", true), ("over", "shared: written over", false)]
    {
        if scene.shared.iter().any(|alias| same_bytes(alias.kind) == same) {
            entries.push((format!("frame {class}"), name.to_owned()));
        }
    }
    let (mut x, mut y) = (LEFT, 71.0);
    let mut legend = Group::new();
    for (class, name) in entries {
        let width = SAMPLE + 6.0 + letter_count(&name) as f64 * 7.0 + 18.0;
        if x + width > WIDTH - 20.0 {
            (x, y) = (LEFT, y + ROW);
        }
        let sample = Shape::new().set("class", class).set("x", x).set("y", y).set("width", SAMPLE);
        let text = Text::new(xml(&name)).set("class", "axis").set("x", x + SAMPLE + 6.0).set("y", y + 11.0);
        legend = legend.add(sample.set("height", SAMPLE)).add(text);
        x += width;
    }
    legend
}
