//! The name of the model, its figures, and the legend.

use svg::node::element::Group;

use super::frame::{LEFT, WIDTH, area, line, text};
use super::{Colouring, Scene};
use crate::report::shorten::{letter_count, shortened};

/// Width of a name in the legend, in letters.
const LEGEND_NAME_WIDTH: usize = 22;
const SAMPLE: f64 = 14.0;
const ROW: f64 = 20.0;

/// The name of the model, and facts about the plan in one line.
pub(super) fn draw(scene: &Scene, facts: &[String]) -> Group {
    let model = text("model", (LEFT, 34.0), &shortened(scene.title(), 90));
    Group::new().add(model).add(text("caption", (LEFT, 57.0), &facts.join(" \u{b7} ")))
}

/// The legend of colours. It has at most two rows, as at most ten operator types have an entry.
pub(super) struct Legend {
    group: Group,
    x: f64,
    y: f64,
}

impl Legend {
    pub(super) fn new(colouring: &Colouring) -> Self {
        let mut legend = Self { group: Group::new(), x: LEFT, y: 71.0 };
        for (number, (name, _)) in colouring.legend.iter().enumerate() {
            legend.add_area(&format!("buffer c{number}"), &shortened(name, LEGEND_NAME_WIDTH));
        }
        legend
    }

    pub(super) fn add_area(&mut self, class: &str, name: &str) {
        let (x, y) = self.add_name(name);
        self.add(area(class, (x, y), SAMPLE, SAMPLE), name, (x, y));
    }

    pub(super) fn add_line(&mut self, class: &str, name: &str) {
        let (x, y) = self.add_name(name);
        let sample = line(class, x, y + 7.0, x + SAMPLE, y + 7.0).set("stroke-width", 2);
        self.add(sample, name, (x, y));
    }

    pub(super) fn group(self) -> Group {
        self.group
    }

    /// Makes room for a sample and a name, and returns their position.
    fn add_name(&mut self, name: &str) -> (f64, f64) {
        let width = SAMPLE + 6.0 + letter_count(name) as f64 * 7.0 + 18.0;
        if self.x + width > WIDTH - 20.0 {
            (self.x, self.y) = (LEFT, self.y + ROW);
        }
        let position = (self.x, self.y);
        self.x += width;
        position
    }

    fn add(&mut self, sample: impl svg::Node, name: &str, (x, y): (f64, f64)) {
        let name = text("axis", (x + SAMPLE + 6.0, y + 11.0), name);
        self.group = std::mem::take(&mut self.group).add(sample).add(name);
    }
}
