//! Custom operators whose options say how large their results are.

use super::call::{Call, MOST_AXES, too_large};
use super::{Outcome, Shape, Why};

/// `TFLite_Detection_PostProcess`: boxes, classes, scores, and how many of them count.
pub(super) fn detection_post_process(call: &Call<'_>) -> Outcome {
    let options = call.custom();
    let number = |name: &str| option(options, name).and_then(|number| u64::try_from(number).ok());
    let most = number("max_detections").ok_or(Why::NoRule)?;
    let classes = number("max_classes_per_detection").ok_or(Why::NoRule)?;
    let count = most.checked_mul(classes).ok_or_else(too_large)?;
    let shapes = [vec![1, count, 4], vec![1, count], vec![1, count], vec![1]];
    Ok(shapes.into_iter().map(|dims| Shape { dims, upper: false }).collect())
}

/// A whole number in options that are a map of `FlexBuffers`.
///
/// A value is named by where it ends: the last byte of the file is the root's width, the one
/// before its type. A map lies before its values: an offset to its sorted keys, their width, and
/// its length; behind the values stand their types.
fn option(bytes: &[u8], name: &str) -> Option<i64> {
    const MAP: u8 = 9;
    let (&root_width, rest) = bytes.split_last()?;
    let (&root_type, rest) = rest.split_last()?;
    let root = rest.len().checked_sub(usize::from(root_width))?;
    if root_type >> 2 != MAP {
        return None;
    }
    let values = before(bytes, root, usize::from(root_width))?;
    let width = 1 << (root_type & 3);
    let back = |count: usize| values.checked_sub(count * width);
    let count = number(bytes, back(1)?, width)?.min(4 * MOST_AXES as u64) as usize;
    let key_width = number(bytes, back(2)?, width)? as usize;
    let keys = before(bytes, back(3)?, width)?;
    let types =
        values.checked_add(number(bytes, back(1)?, width)?.checked_mul(width as u64)?.try_into().ok()?)?;
    (0..count).find_map(|place| {
        let key = before(bytes, keys.checked_add(place.checked_mul(key_width)?)?, key_width)?;
        let found = bytes.get(key..)?.strip_prefix(name.as_bytes())?;
        if found.first() != Some(&0) {
            return None;
        }
        whole(bytes, values + place * width, width, *bytes.get(types.checked_add(place)?)?)
    })
}

/// A number or a flag, in place or elsewhere.
fn whole(bytes: &[u8], place: usize, width: usize, packed: u8) -> Option<i64> {
    let (place, width) = match packed >> 2 {
        1 | 2 | 26 => (place, width),
        6 | 7 => (before(bytes, place, width)?, 1 << (packed & 3)),
        _ => return None,
    };
    let found = number(bytes, place, width)?;
    // Signed ones are as wide as they are.
    let is_signed = matches!(packed >> 2, 1 | 6);
    let unused = 64 - 8 * width as u32;
    Some(if is_signed { (found << unused).cast_signed() >> unused } else { i64::try_from(found).ok()? })
}

/// Where an offset leads: they count backwards.
fn before(bytes: &[u8], place: usize, width: usize) -> Option<usize> {
    place.checked_sub(usize::try_from(number(bytes, place, width)?).ok()?)
}

fn number(bytes: &[u8], place: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(place..place.checked_add(width)?)?;
    match *bytes {
        [byte] => Some(byte.into()),
        [a, b] => Some(u16::from_le_bytes([a, b]).into()),
        [a, b, c, d] => Some(u32::from_le_bytes([a, b, c, d]).into()),
        _ => Some(u64::from_le_bytes(*bytes.first_chunk()?)).filter(|_| width == 8),
    }
}

#[cfg(test)]
mod tests {
    use super::option;

    /// `max_detections` 10, `max_classes_per_detection` 1, `use_regular_nms` false, `w_scale` 5.0
    /// and `num_classes` 300, as `FlexBuffers`' builder writes them.
    fn map() -> Vec<u8> {
        let keys = b"max_detections\0max_classes_per_detection\0use_regular_nms\0w_scale\0num_classes\0";
        let mut bytes = keys.to_vec();
        bytes.extend([5, 63, 79, 15, 40, 25, 0]);
        let values = [6, 1, 5, 1, 10, 300, 0, 5f32.to_bits()];
        bytes.extend(values.into_iter().flat_map(u32::to_le_bytes));
        bytes.extend([6, 6, 6, 106, 14, 25, 38, 1]);
        bytes
    }

    #[test]
    fn options_are_found_by_name() {
        let bytes = map();
        for (name, value) in [
            ("max_detections", Some(10)),
            ("max_classes_per_detection", Some(1)),
            ("num_classes", Some(300)),
            ("use_regular_nms", Some(0)),
            ("w_scale", None),
            ("max", None),
            ("num_classes_", None),
        ] {
            assert_eq!(option(&bytes, name), value, "{name}");
        }
    }

    #[test]
    fn broken_options_are_no_panic() {
        let bytes = map();
        for place in 0..bytes.len() {
            option(&bytes[..place], "num_classes");
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[place] = value;
                option(&broken, "num_classes");
            }
        }
    }
}
