//! The horizontal lines of arena, lower bound and capacity, with their labels.

use svg::node::element::{Group, Polyline};

use super::frame::{LEFT, MapFrame, RIGHT, line, px, text};
use super::short_bytes;

/// Distance between the first lines of two labels of two lines each.
const LABEL_DISTANCE: f64 = 34.0;

struct Mark {
    class: &'static str,
    name: &'static str,
    bytes: u64,
    /// y of the label.
    label_y: f64,
}

/// Draws a line for each class, name and height; a later one over earlier ones of the same height. Lines
/// above the frame are left out.
pub(super) fn draw(frame: &MapFrame, lines: &[(&'static str, &'static str, Option<u64>)]) -> Group {
    let mark = |&(class, name, bytes): &(_, _, Option<u64>)| {
        let bytes = bytes.filter(|&bytes| bytes <= frame.bytes)?;
        Some(Mark { class, name, bytes, label_y: frame.y(bytes) })
    };
    let mut marks: Vec<Mark> = lines.iter().filter_map(mark).collect();
    spread(&mut marks, frame.bottom);
    marks.iter().fold(Group::new(), |group, mark| draw_mark(group, frame, mark))
}

/// Moves labels apart, upwards from the lowest.
fn spread(marks: &mut [Mark], bottom: f64) {
    let mut lowest_first: Vec<&mut Mark> = marks.iter_mut().rev().collect();
    lowest_first.sort_by(|a, b| b.label_y.total_cmp(&a.label_y));
    let mut limit = bottom - LABEL_DISTANCE / 2.0;
    for mark in lowest_first {
        mark.label_y = mark.label_y.min(limit);
        limit = mark.label_y - LABEL_DISTANCE;
    }
}

fn draw_mark(group: Group, frame: &MapFrame, mark: &Mark) -> Group {
    let (y, label_y) = (px(frame.y(mark.bytes)), px(mark.label_y));
    let pointer = Polyline::new()
        .set("class", format!("{} pointer", mark.class))
        .set("fill", "none")
        .set("points", format!("{RIGHT},{y} {},{label_y} {},{label_y}", RIGHT + 12.0, RIGHT + 18.0));
    let label = |content: &str, down: f64| text("axis", (RIGHT + 22.0, px(label_y + down)), content);
    let group = group.add(line(mark.class, LEFT, y, RIGHT, y)).add(pointer);
    group.add(label(mark.name, -1.0)).add(label(&short_bytes(mark.bytes), 12.0))
}

#[cfg(test)]
mod tests {
    use super::super::frame::{BOTTOM, TOP};
    use super::*;

    #[test]
    fn labels_of_equal_marks_stand_apart() {
        let frame = MapFrame { steps: 1, bytes: 100, top: TOP, bottom: BOTTOM };
        for (arena, bound, capacity) in [(100, 100, 100), (0, 0, 0), (90, 89, 100)] {
            let marks = [arena, bound, capacity];
            let mut marks = marks.map(|bytes| Mark { class: "", name: "", bytes, label_y: frame.y(bytes) });
            spread(&mut marks, frame.bottom);
            let mut places = marks.map(|mark| mark.label_y);
            places.sort_by(f64::total_cmp);
            assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= LABEL_DISTANCE - 1e-9), "{places:?}");
            assert!(places[0] > 0.0 && places[2] < BOTTOM, "{places:?}");
        }
    }
}
