//! Shapes that an output can have although its size depends on data.

use super::value::Value;
use crate::import::dims::{broadcast, product};

/// The reason why the output of an operator, whose target shape is unknown, cannot have a shape that the file declares or
/// the user gives; none if it can. `input` is the first input.
pub(crate) fn contradiction(op_type: &str, input: &Value, dims: &[u64]) -> Option<String> {
    if input.is_upper() {
        return None;
    }
    let has_rank = || dims.len() == input.rank();
    let is_possible = match op_type {
        "Reshape" => product(dims).ok() == product(&input.dims).ok(),
        "Expand" => broadcast(&[&input.dims, dims], false).is_ok_and(|all| all == dims),
        "Tile" => has_rank() && dims.iter().zip(&input.dims).all(|(dim, part)| dim.is_multiple_of(*part)),
        "Pad" | "Resize" | "Upsample" | "CenterCropPad" => has_rank(),
        _ => true,
    };
    let reason = || format!("{op_type} of a tensor of shape {:?} cannot have the shape {dims:?}", input.dims);
    (!is_possible).then(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_contradict_the_input_are_impossible() {
        let input = Value::new(1, [4, 6]).unwrap();
        let is_possible = |op_type: &str, dims: &[u64]| contradiction(op_type, &input, dims).is_none();
        for (op_type, dims, expected) in [
            ("Reshape", &[8, 3][..], true),
            ("Reshape", &[8, 2], false),
            ("Reshape", &[u64::MAX, 2], false),
            ("Expand", &[2, 4, 6], true),
            ("Expand", &[4, 3], false),
            ("Expand", &[6], false),
            ("Tile", &[8, 6], true),
            ("Tile", &[0, 6], true),
            ("Tile", &[2, 6], false),
            ("Tile", &[4, 6, 1], false),
            ("Pad", &[9, 9], true),
            ("Resize", &[9], false),
            ("Range", &[9], true),
        ] {
            assert_eq!(is_possible(op_type, dims), expected, "{op_type} {dims:?}");
        }
        assert_eq!(contradiction("Reshape", &input.at_most(), &[8, 2]), None);
        let empty = Value::new(1, [0, 6]).unwrap();
        assert_eq!(contradiction("Tile", &empty, &[0, 6]), None);
        assert!(contradiction("Tile", &empty, &[1, 6]).is_some());
    }
}
