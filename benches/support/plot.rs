//! SVG plot: shares of networks that fit, by level.

use svg::Document;
use svg::node::element::{Circle, Line, Polyline, Rectangle, Text};

const LEFT: f64 = 44.0;
const TOP: f64 = 16.0;
const STEP: f64 = 86.0;
const HEIGHT: f64 = 240.0;
/// Colours of the lines, readable on light and dark backgrounds.
const COLOURS: [&str; 2] = ["#2f7ed8", "#d9822b"];

/// Plots one line for each name, with a percentage at each level.
pub fn svg(levels: &[&str], lines: &[(&str, &[f64])]) -> String {
    let width = LEFT + STEP * levels.len() as f64;
    let mut picture = Document::new().set("viewBox", (0, 0, width, TOP + HEIGHT + 40.0));
    picture = picture.set("font-family", "sans-serif").set("font-size", 11);
    let white = Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "#ffffff");
    picture = picture.add(white);
    for percent in [0, 25, 50, 75, 100] {
        let y = height(f64::from(percent));
        let grid = Line::new().set("x1", LEFT).set("x2", width).set("y1", y).set("y2", y);
        picture = picture.add(grid.set("stroke", "#dddddd"));
        let label = Text::new(format!("{percent} %")).set("x", LEFT - 6.0).set("y", y + 4.0);
        picture = picture.add(label.set("text-anchor", "end").set("fill", "#555555"));
    }
    for (level, name) in levels.iter().enumerate() {
        let label = Text::new(*name).set("x", place(level)).set("y", TOP + HEIGHT + 20.0);
        picture = picture.add(label.set("text-anchor", "middle").set("fill", "#333333"));
    }
    for (number, ((name, percents), colour)) in lines.iter().zip(COLOURS).enumerate() {
        let points = percents.iter().enumerate().map(|(level, &percent)| (place(level), height(percent)));
        let path: Vec<String> = points.clone().map(|(x, y)| format!("{x},{y:.1}")).collect();
        let line = Polyline::new().set("points", path.join(" ")).set("fill", "none");
        picture = picture.add(line.set("stroke", colour).set("stroke-width", 2));
        for ((x, y), percent) in points.zip(*percents) {
            picture = picture.add(Circle::new().set("cx", x).set("cy", y).set("r", 3).set("fill", colour));
            // Labels of the first line are below it, to avoid those of the other lines.
            let beside = if number == 0 { 15.0 } else { -7.0 };
            let figure = Text::new(format!("{percent:.0}")).set("x", x).set("y", y + beside);
            picture = picture.add(figure.set("text-anchor", "middle").set("fill", colour));
        }
        let title = Text::new(format!("networks that fit {name}")).set("x", place(2));
        let title = title.set("y", height(15.0 + 12.0 * number as f64));
        picture = picture.add(title.set("fill", colour).set("font-weight", "bold"));
    }
    picture.to_string() + "\n"
}

fn place(level: usize) -> f64 {
    LEFT + STEP * (level as f64 + 0.5)
}

fn height(percent: f64) -> f64 {
    TOP + HEIGHT * (1.0 - percent / 100.0)
}
