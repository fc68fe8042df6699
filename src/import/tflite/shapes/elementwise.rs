//! Operators that go element by element.

use super::call::{Call, one};
use super::{Outcome, Shape, Why};

/// Every output has the first input's shape.
pub(super) fn same(call: &Call<'_>) -> Outcome {
    let dims = call.dims(0)?;
    Ok((0..call.output_count).map(|_| Shape { dims: dims.to_vec(), upper: false }).collect())
}

/// SELECT: the condition may have fewer dimensions than the values.
pub(super) fn select(call: &Call<'_>) -> Outcome {
    one(call.dims(1)?.to_vec())
}

/// The inputs, stretched along axes of 1.
pub(super) fn broadcast(call: &Call<'_>) -> Outcome {
    let mut dims = call.dims(0)?.to_vec();
    let mut upper = call.is_upper(0);
    for position in 1..call.inputs.len() {
        dims = together(&dims, call.dims(position)?, upper || call.is_upper(position))?;
        upper |= call.is_upper(position);
    }
    one(dims)
}

/// Where one of the two is an upper bound, different dimensions do not contradict each other:
/// at run time they are equal or 1, so the result is no larger than the larger one.
pub(super) fn together(first: &[u64], second: &[u64], upper: bool) -> Result<Vec<u64>, Why> {
    let (long, short) = if first.len() < second.len() { (second, first) } else { (first, second) };
    let mut dims = long.to_vec();
    for (dim, &other) in dims.iter_mut().rev().zip(short.iter().rev()) {
        *dim = match (*dim, other) {
            (1, other) => other,
            (dim, 1) => dim,
            (dim, other) if dim == other => dim,
            (dim, other) if upper => dim.max(other),
            _ => return Err(Why::Wrong(format!("shapes {first:?} and {second:?} do not broadcast"))),
        };
    }
    Ok(dims)
}

/// `BROADCAST_ARGS`: two shapes, broadcast.
pub(super) fn broadcast_args(call: &Call<'_>) -> Outcome {
    let ([first], [second]) = (call.ranked(0)?, call.ranked(1)?);
    one(vec![first.max(second)])
}
