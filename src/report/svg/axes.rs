//! The axes: steps at the bottom, offsets on the left.

use svg::node::element::{Group, Text};

use super::frame::{LEFT, MapFrame, RIGHT, line, px, text};

const MAX_STEP_TICKS: u32 = 16;
const MAX_OFFSET_TICKS: u64 = 10;
/// Minimum distance between two ticks of the offset axis.
const TICK_HEIGHT: f64 = 30.0;

pub(super) fn draw(frame: &MapFrame) -> Group {
    let (unit, unit_bytes) = unit_for(frame.bytes);
    let axes = offset_axis(frame, unit_bytes).add(step_axis(frame)).add(step_label(frame));
    axes.add(offset_label(frame, &format!("offset in {unit}")))
}

/// The step axis alone.
pub(super) fn steps(frame: &MapFrame) -> Group {
    Group::new().add(step_axis(frame)).add(step_label(frame))
}

/// The offset axis alone, with `prefix` before the unit in its label.
pub(super) fn bytes(frame: &MapFrame, prefix: &str) -> Group {
    let (unit, unit_bytes) = unit_for(frame.bytes);
    let bottom = line("frame", LEFT, frame.bottom, RIGHT, frame.bottom);
    offset_axis(frame, unit_bytes).add(bottom).add(offset_label(frame, &format!("{prefix}{unit}")))
}

fn step_label(frame: &MapFrame) -> Text {
    let place = (f64::midpoint(LEFT, RIGHT), frame.bottom + 42.0);
    text("unit", place, "step").set("text-anchor", "middle")
}

fn offset_label(frame: &MapFrame, text: &str) -> Text {
    let middle = f64::midpoint(frame.top, frame.bottom);
    Text::new(text)
        .set("class", "unit")
        .set("text-anchor", "middle")
        .set("transform", format!("translate(24 {middle}) rotate(-90)"))
}

/// Each number marks the start of its step; the last marks the end of the run.
fn step_axis(frame: &MapFrame) -> Group {
    let every = step_distance(frame.steps) as usize;
    let mut axis = Group::new().add(line("frame", LEFT, frame.bottom, RIGHT, frame.bottom));
    for step in (0..=frame.steps).step_by(every) {
        let x = px(frame.x(step));
        let number = text("axis", (x, frame.bottom + 19.0), &step.to_string());
        axis = axis.add(line("frame", x, frame.bottom, x, frame.bottom + 5.0));
        axis = axis.add(number.set("text-anchor", "middle"));
    }
    axis
}

fn offset_axis(frame: &MapFrame, unit_bytes: u64) -> Group {
    #[allow(clippy::cast_sign_loss)] // a frame has a height
    let max_ticks = ((frame.bottom - frame.top) / TICK_HEIGHT) as u64;
    let every = offset_distance(frame.bytes, max_ticks.clamp(1, MAX_OFFSET_TICKS));
    let mut axis = Group::new();
    for tick in 0..=frame.bytes / every {
        let offset = tick * every;
        let y = px(frame.y(offset));
        // Exact, because the distance and the unit are powers of two.
        let number = (offset as f64 / unit_bytes as f64).to_string();
        axis = axis.add(line("grid", LEFT, y, RIGHT, y));
        axis = axis.add(text("axis", (LEFT - 8.0, y + 4.0), &number).set("text-anchor", "end"));
    }
    axis.add(line("frame", LEFT, frame.top, LEFT, frame.bottom))
}

/// The distance between step ticks: 1, 2 or 5 times a power of ten.
fn step_distance(steps: u32) -> u32 {
    let mut tens = 1;
    loop {
        for times in [1, 2, 5] {
            if steps / (tens * times) <= MAX_STEP_TICKS {
                return tens * times;
            }
        }
        tens *= 10;
    }
}

/// The distance between offset ticks: a power of two.
fn offset_distance(bytes: u64, max_ticks: u64) -> u64 {
    let mut every = 1;
    while bytes / every > max_ticks {
        every *= 2;
    }
    every
}

fn unit_for(bytes: u64) -> (&'static str, u64) {
    match bytes {
        0..0x800 => ("bytes", 1),
        0x800..0x20_0000 => ("KiB", 1 << 10),
        0x20_0000..0x8000_0000 => ("MiB", 1 << 20),
        0x8000_0000..0x200_0000_0000 => ("GiB", 1 << 30),
        _ => ("TiB", 1 << 40),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_for_any_size() {
        for steps in [1, 16, 17, 99, 5000, u32::MAX] {
            assert!(steps / step_distance(steps) <= MAX_STEP_TICKS, "{steps}");
        }
        for bytes in [1, 11, 4096, u64::MAX] {
            assert!(bytes / offset_distance(bytes, MAX_OFFSET_TICKS) <= MAX_OFFSET_TICKS, "{bytes}");
        }
        assert_eq!([step_distance(16), step_distance(17), step_distance(200)], [1, 2, 20]);
        let distance = |bytes| offset_distance(bytes, MAX_OFFSET_TICKS);
        assert_eq!([distance(10), distance(11), distance(1 << 20)], [1, 2, 1 << 17]);
        assert_eq!(offset_distance(1 << 20, 1), 1 << 20);
    }
}
