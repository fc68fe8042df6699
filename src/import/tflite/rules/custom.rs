//! Custom operators whose options determine their output shapes.

use super::call::{MAX_AXES, NoShape, OperatorCall, RuleResult, all};
use crate::import::dims::times;

/// `TFLite_Detection_PostProcess`: boxes, classes, scores, and their number.
pub(crate) fn detection_post_process(call: &OperatorCall<'_>) -> RuleResult {
    let options = call.custom();
    let number = |name: &str| option(options, name).and_then(|number| u64::try_from(number).ok());
    let detections = number("max_detections").ok_or(NoShape::NoRule)?;
    let classes = number("max_classes_per_detection").ok_or(NoShape::NoRule)?;
    let count = times(detections, classes)?;
    all([vec![1, count, 4], vec![1, count], vec![1, count], vec![1]])
}

/// An integer in options that are a `FlexBuffers` map.
///
/// The last byte of a `FlexBuffers` buffer is the width of the root value, the byte before its type, and the
/// root value ends there. A map value is the offset of a vector of values. Before this vector are the offset of
/// the vector of sorted keys, the width of the keys, and the number of values; after it are the types of the
/// values.
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
    let count = number(bytes, back(1)?, width)?.min(4 * MAX_AXES as u64) as usize;
    let key_width = number(bytes, back(2)?, width)? as usize;
    let keys = before(bytes, back(3)?, width)?;
    let types =
        values.checked_add(number(bytes, back(1)?, width)?.checked_mul(width as u64)?.try_into().ok()?)?;
    (0..count).find_map(|index| {
        let key = before(bytes, keys.checked_add(index.checked_mul(key_width)?)?, key_width)?;
        let rest = bytes.get(key..)?.strip_prefix(name.as_bytes())?;
        if rest.first() != Some(&0) {
            return None;
        }
        integer(bytes, values + index * width, width, *bytes.get(types.checked_add(index)?)?)
    })
}

/// An integer or a boolean, stored inline or by offset.
fn integer(bytes: &[u8], position: usize, width: usize, packed: u8) -> Option<i64> {
    let (position, width) = match packed >> 2 {
        1 | 2 | 26 => (position, width),
        6 | 7 => (before(bytes, position, width)?, 1 << (packed & 3)),
        _ => return None,
    };
    let number = number(bytes, position, width)?;
    // A signed number has the sign bit of its width.
    let is_signed = matches!(packed >> 2, 1 | 6);
    let unused = 64 - 8 * width as u32;
    Some(if is_signed { (number << unused).cast_signed() >> unused } else { i64::try_from(number).ok()? })
}

/// The target of an offset, which counts backwards from its own position.
fn before(bytes: &[u8], position: usize, width: usize) -> Option<usize> {
    position.checked_sub(usize::try_from(number(bytes, position, width)?).ok()?)
}

/// An unsigned number of `width` bytes.
fn number(bytes: &[u8], position: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(position..position.checked_add(width)?)?;
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
        for length in 0..bytes.len() {
            option(&bytes[..length], "num_classes");
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[length] = value;
                option(&broken, "num_classes");
            }
        }
    }
}
